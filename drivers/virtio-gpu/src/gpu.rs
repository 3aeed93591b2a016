//! The device: its two queues, and commands as futures.

use crate::protocol::{
    AttachBacking, Create2d, DISPLAY_INFO_SIZE, DisplayOne, EDID_SIZE, ERROR_BASE, FORMAT_B8G8R8X8,
    GET_DISPLAY_INFO, GET_EDID, GetEdid, Header, MAX_SCANOUTS, MemEntry, OK_NODATA,
    RESOURCE_ATTACH_BACKING, RESOURCE_CREATE_2D, RESOURCE_UNREF, Resource, header,
};
use bytemuck::Pod;
use ochre_display::drm::{Output, mode};
use ochre_driver::capability::{Dma, DmaBuffer};
use ochre_driver::executor::Executor;
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Result};
use ochre_virtio::{Feature, Queue, Segment, Transport};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

const CONTROL: u16 = 0;
const CURSOR: u16 = 1;
const ENTRIES: u16 = 64;
/// The device has EDID.
const EDID: Feature = Feature(1);
/// Offsets in the device's configuration, and the event bit (5.7.4).
const EVENTS_READ: usize = 0;
const EVENTS_CLEAR: usize = 4;
const NUM_SCANOUTS: usize = 8;
const EVENT_DISPLAY: u32 = 1;
/// A command slot: the request in the first half, the answer in the second.
const SLOT: usize = 4096;
const SLOTS: usize = 32;
/// A framebuffer of a device that names no size.
const DEFAULT_SIZE: (u32, u32) = (1280, 800);
const MAX_SIZE: (u32, u32) = (3840, 2160);

/// A command in flight.
#[derive(Default)]
struct Flight {
    done: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Flight {
    fn end(&self) {
        self.done.set(true);
        if let Some(waker) = self.waiter.take() {
            waker.wake();
        }
    }

    async fn ended(&self) {
        poll_fn(|cx| {
            if self.done.get() {
                return Poll::Ready(());
            }
            *self.waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

struct Channel {
    queue: RefCell<Queue>,
    /// By the first descriptor, which the next command may have as soon as the queue has given it
    /// back: then its flight is none of these any more.
    flights: RefCell<BTreeMap<u16, Rc<Flight>>>,
}

/// See the module's header.
pub struct Gpu {
    transport: Transport,
    control: Channel,
    cursor: Channel,
    slots: DmaBuffer,
    free_slots: RefCell<Vec<usize>>,
    slot_waiters: RefCell<Vec<Waker>>,
    next_resource: Cell<u32>,
    display_changed: Cell<bool>,
    display_waiter: RefCell<Option<Waker>>,
    pub executor: Executor,
}

impl Gpu {
    /// Brings the device up; its interrupt is served on `executor`.
    pub fn start(device: &PciDevice, executor: &Executor) -> Result<Rc<Gpu>> {
        let transport = Transport::new(device, &[EDID])?;
        let channel = |index| -> Result<Channel> {
            let queue = RefCell::new(transport.queue(index, ENTRIES)?);
            Ok(Channel {
                queue,
                flights: RefCell::default(),
            })
        };
        let (control, cursor) = (channel(CONTROL)?, channel(CURSOR)?);
        let slots = transport.dma().alloc_contiguous(SLOT * SLOTS)?;
        transport.start();
        let gpu = Rc::new(Gpu {
            transport,
            control,
            cursor,
            slots,
            free_slots: RefCell::new((0..SLOTS).collect()),
            slot_waiters: RefCell::default(),
            next_resource: Cell::new(1),
            display_changed: Cell::new(false),
            display_waiter: RefCell::default(),
            executor: executor.clone(),
        });
        let served = gpu.clone();
        executor.spawn(async move { served.serve_interrupts().await });
        Ok(gpu)
    }

    pub fn dma(&self) -> &Dma {
        self.transport.dma()
    }

    async fn serve_interrupts(&self) {
        loop {
            if let Err(error) = self.transport.interrupt().wait(&self.executor).await {
                eprintln!("virtio-gpu: interrupt: {error}");
                return;
            }
            self.collect(&self.control);
            self.collect(&self.cursor);
            if self.transport.config_u32(EVENTS_READ) & EVENT_DISPLAY != 0 {
                self.transport.set_config_u32(EVENTS_CLEAR, EVENT_DISPLAY);
                self.display_changed.set(true);
                if let Some(waker) = self.display_waiter.borrow_mut().take() {
                    waker.wake();
                }
            }
        }
    }

    fn collect(&self, channel: &Channel) {
        while let Some(used) = channel.queue.borrow_mut().pop() {
            if let Some(flight) = channel.flights.borrow_mut().remove(&used.head) {
                flight.end();
            }
        }
    }

    /// Resolves when the host has changed the outputs.
    pub async fn display_change(&self) {
        poll_fn(|cx| {
            if self.display_changed.take() {
                return Poll::Ready(());
            }
            *self.display_waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn take_slot(&self) -> usize {
        poll_fn(|cx| match self.free_slots.borrow_mut().pop() {
            Some(slot) => Poll::Ready(slot),
            None => {
                self.slot_waiters.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    fn give_slot(&self, slot: usize) {
        self.free_slots.borrow_mut().push(slot);
        for waker in self.slot_waiters.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    /// Sends a request (and `extra` memory behind it) and waits for the answer of `answer` bytes.
    async fn send(
        &self,
        channel: &Channel,
        request: &[u8],
        extra: Option<(u64, u32)>,
        answer: usize,
    ) -> Result<Vec<u8>> {
        const HALF: usize = SLOT / 2;
        if request.len() > HALF || answer > HALF {
            return Err(Errno::INVAL);
        }
        let slot = self.take_slot().await;
        let offset = slot * SLOT;
        self.slots.memory.copy_in(offset, request);
        let base = self.slots.bus_address() + offset as u64;
        let mut chain = vec![Segment {
            bus_address: base,
            len: request.len() as u32,
            device_writes: false,
        }];
        chain.extend(extra.map(|(bus_address, len)| Segment {
            bus_address,
            len,
            device_writes: false,
        }));
        chain.push(Segment {
            bus_address: base + HALF as u64,
            len: answer as u32,
            device_writes: true,
        });
        let head = poll_fn(|cx| match channel.queue.borrow_mut().push(&chain) {
            Err(Errno::AGAIN) => {
                self.slot_waiters.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other),
        })
        .await;
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                self.give_slot(slot);
                return Err(error);
            }
        };
        let flight = Rc::new(Flight::default());
        channel.flights.borrow_mut().insert(head, flight.clone());
        channel.queue.borrow().notify();
        flight.ended().await;
        let mut bytes = vec![0; answer];
        self.slots.memory.copy_out(offset + HALF, &mut bytes);
        self.give_slot(slot);
        let head: Header = bytemuck::pod_read_unaligned(&bytes[..size_of::<Header>()]);
        if head.kind >= ERROR_BASE || head.kind < OK_NODATA {
            return Err(Errno::IO);
        }
        Ok(bytes)
    }

    /// A control command without data in its answer.
    pub async fn command<T: Pod>(&self, request: &T) -> Result<()> {
        let bytes = bytemuck::bytes_of(request);
        self.send(&self.control, bytes, None, size_of::<Header>())
            .await
            .map(drop)
    }

    /// A cursor command. Those have no answer: the device only gives the buffer back.
    pub async fn cursor_command<T: Pod>(&self, request: &T) -> Result<()> {
        let bytes = bytemuck::bytes_of(request);
        match self
            .send(&self.cursor, bytes, None, size_of::<Header>())
            .await
        {
            Ok(_) | Err(Errno::IO) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A resource of `width` × `height` pixels over `memory`; its number.
    pub async fn create_resource(
        &self,
        width: u32,
        height: u32,
        memory: &DmaBuffer,
    ) -> Result<u32> {
        let resource_id = self.next_resource.get();
        self.next_resource.set(resource_id + 1);
        let format = FORMAT_B8G8R8X8;
        let create = Create2d {
            header: header(RESOURCE_CREATE_2D),
            resource_id,
            format,
            width,
            height,
        };
        self.command(&create).await?;
        let backed = self.attach_backing(resource_id, memory).await;
        if let Err(error) = backed {
            self.destroy_resource(resource_id).await;
            return Err(error);
        }
        Ok(resource_id)
    }

    async fn attach_backing(&self, resource_id: u32, memory: &DmaBuffer) -> Result<()> {
        let entries: Vec<MemEntry> = memory
            .segments
            .iter()
            .map(|s| MemEntry {
                addr: s.bus_address,
                length: s.length as u32,
                padding: 0,
            })
            .collect();
        let bytes: &[u8] = bytemuck::cast_slice(&entries);
        let list = self.dma().alloc_contiguous(bytes.len())?;
        list.memory.copy_in(0, bytes);
        let attach = AttachBacking {
            header: header(RESOURCE_ATTACH_BACKING),
            resource_id,
            nr_entries: entries.len() as u32,
        };
        let extra = Some((list.bus_address(), bytes.len() as u32));
        let request = bytemuck::bytes_of(&attach);
        self.send(&self.control, request, extra, size_of::<Header>())
            .await
            .map(drop)
    }

    pub async fn destroy_resource(&self, resource_id: u32) {
        let unref = Resource {
            header: header(RESOURCE_UNREF),
            resource_id,
            padding: 0,
        };
        if let Err(error) = self.command(&unref).await {
            eprintln!("virtio-gpu: releasing resource {resource_id}: {error}");
        }
    }

    /// The outputs as the host describes them now.
    pub async fn describe(&self) -> Result<Vec<Output>> {
        let request = header(GET_DISPLAY_INFO);
        let bytes = self
            .send(
                &self.control,
                bytemuck::bytes_of(&request),
                None,
                DISPLAY_INFO_SIZE,
            )
            .await?;
        let count = (self.transport.config_u32(NUM_SCANOUTS) as usize).clamp(1, MAX_SCANOUTS);
        let mut outputs = Vec::new();
        let displays = bytes[size_of::<Header>()..].chunks_exact(size_of::<DisplayOne>());
        for (index, raw) in displays.take(count).enumerate() {
            let display: DisplayOne = bytemuck::pod_read_unaligned(raw);
            let edid = self.edid(index as u32).await.unwrap_or_default();
            outputs.push(output(&display, edid));
        }
        Ok(outputs)
    }

    async fn edid(&self, scanout: u32) -> Result<Vec<u8>> {
        if !self.transport.has(EDID) {
            return Ok(Vec::new());
        }
        let request = GetEdid {
            header: header(GET_EDID),
            scanout,
            padding: 0,
        };
        let bytes = self
            .send(&self.control, bytemuck::bytes_of(&request), None, EDID_SIZE)
            .await?;
        let at = size_of::<Header>();
        let size: u32 = bytemuck::pod_read_unaligned(&bytes[at..at + 4]);
        Ok(bytes[at + 8..][..(size as usize).min(1024)].to_vec())
    }

    /// [`Gpu::describe`] before the loop that serves has started.
    pub fn describe_blocking(self: Rc<Self>) -> Result<Vec<Output>> {
        let answer = Rc::new(RefCell::new(None));
        let (gpu, place) = (self.clone(), answer.clone());
        self.executor.spawn(async move {
            let outputs = gpu.describe().await;
            *place.borrow_mut() = Some(outputs);
        });
        loop {
            self.executor.run_ready();
            if let Some(outputs) = answer.borrow_mut().take() {
                return outputs;
            }
            self.executor.wait(self.transport.interrupt().fd());
            self.executor.run_ready();
        }
    }
}

/// A host display as an output.
fn output(display: &DisplayOne, edid: Vec<u8>) -> Output {
    let rect = display.rect;
    let known = rect.width > 0 && rect.height > 0;
    let size = if known {
        (rect.width.min(MAX_SIZE.0), rect.height.min(MAX_SIZE.1))
    } else {
        DEFAULT_SIZE
    };
    // Bytes 21 and 22 of an EDID are its size in centimetres (E-EDID 1.4, 3.6.2).
    let mm = |at: usize| edid.get(at).map_or(0, |cm| u32::from(*cm) * 10);
    Output {
        connected: display.enabled != 0,
        modes: mode::list(size, MAX_SIZE),
        mm_width: mm(21),
        mm_height: mm(22),
        edid,
    }
}
