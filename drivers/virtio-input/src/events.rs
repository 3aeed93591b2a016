//! The event queue: buffers of one event each, always offered.

use ochre_display::evdev::Device;
use ochre_display::evdev::abi::{EV_SYN, SYN_REPORT};
use ochre_driver::Result;
use ochre_driver::capability::DmaBuffer;
use ochre_driver::executor::Executor;
use ochre_virtio::{Queue, Segment, Transport};
use std::rc::Rc;

/// `struct virtio_input_event`: type, code, value.
const EVENT: usize = 8;
const ENTRIES: u16 = 64;

/// See the module's header.
pub struct Events {
    transport: Transport,
    queue: Queue,
    buffers: DmaBuffer,
    /// Which buffer a chain in flight has.
    owners: Vec<usize>,
}

impl Events {
    pub fn start(transport: Transport) -> Result<Events> {
        let queue = transport.queue(0, ENTRIES)?;
        let room = queue.room();
        let buffers = transport.dma().alloc_contiguous(room * EVENT)?;
        let mut events = Events {
            transport,
            queue,
            buffers,
            owners: vec![0; room],
        };
        for buffer in 0..room {
            events.offer(buffer)?;
        }
        events.transport.start();
        events.queue.notify();
        Ok(events)
    }

    fn offer(&mut self, buffer: usize) -> Result<()> {
        let segment = Segment {
            bus_address: self.buffers.bus_address() + (buffer * EVENT) as u64,
            len: EVENT as u32,
            device_writes: true,
        };
        let head = self.queue.push(&[segment])?;
        self.owners[usize::from(head)] = buffer;
        Ok(())
    }

    /// Passes events on, for ever.
    pub async fn follow(mut self, device: Rc<Device>, executor: Executor) {
        loop {
            if let Err(error) = self.transport.interrupt().wait(&executor).await {
                eprintln!("virtio-input: interrupt: {error}");
                return;
            }
            if let Err(error) = self.drain(&device) {
                eprintln!("virtio-input: {error}");
                return;
            }
        }
    }

    fn drain(&mut self, device: &Device) -> Result<()> {
        let mut any = false;
        while let Some(used) = self.queue.pop() {
            let buffer = self.owners[usize::from(used.head)];
            let mut raw = [0; EVENT];
            self.buffers.memory.copy_out(buffer * EVENT, &mut raw);
            self.offer(buffer)?;
            any = true;
            if used.written as usize >= EVENT {
                deliver(device, raw);
            }
        }
        if any {
            self.queue.notify();
        }
        Ok(())
    }
}

fn deliver(device: &Device, raw: [u8; EVENT]) {
    let kind = u16::from_le_bytes([raw[0], raw[1]]);
    let code = u16::from_le_bytes([raw[2], raw[3]]);
    let value = i32::from_le_bytes([raw[4], raw[5], raw[6], raw[7]]);
    if kind == EV_SYN && code == SYN_REPORT {
        device.sync();
    } else {
        device.event(kind, code, value);
    }
}
