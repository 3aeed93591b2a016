//! A controller without hardware, for tests: its registers and rings are memory, and the test
//! answers each command.

use crate::context::Speed;
use crate::controller::Controller;
use crate::registers::{CRCR, ERSTBA, Registers};
use crate::ring::{Allocate, LENGTH};
use crate::slot::Place;
use crate::trb::{COMMAND_EVENT, CYCLE, LINK, SIZE, Trb};
use ochre_abi::native::DmaSegment;
use ochre_driver::Result;
use ochre_driver::capability::{DeviceMemory, DmaBuffer, Interrupt};
use ochre_driver::executor::Executor;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// A page for each group of registers.
const OPERATIONAL: u64 = 0;
const RUNTIME: u64 = 4096;
const DOORBELLS: u64 = 8192;
const REGISTERS: usize = 3 * 4096;

/// What the controller reaches, by its addresses.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<(u64, DeviceMemory)>>>);

impl Memory {
    fn with<T>(&self, address: u64, act: impl FnOnce(&DeviceMemory, usize) -> T) -> T {
        let all = self.0.borrow();
        let found = all
            .iter()
            .find(|(start, memory)| (*start..*start + memory.len() as u64).contains(&address));
        let (start, memory) = found.expect("an address that was told");
        act(memory, (address - start) as usize)
    }
}

impl Allocate for Memory {
    fn alloc_contiguous(&self, len: usize) -> Result<DmaBuffer> {
        let len = len.next_multiple_of(4096);
        let fd = memfd_create("buffer", MemfdFlags::CLOEXEC)?;
        ftruncate(&fd, len as u64)?;
        let mut all = self.0.borrow_mut();
        let last = all.last();
        let bus_address = last.map_or(0x10_0000, |(at, memory)| at + memory.len() as u64);
        all.push((bus_address, DeviceMemory::map(fd.as_fd(), 0, len)?));
        Ok(DmaBuffer {
            memory: DeviceMemory::map(fd.as_fd(), 0, len)?,
            segments: vec![DmaSegment {
                bus_address,
                length: len as u64,
            }],
            fd,
        })
    }
}

/// Where the controller is in a ring: the address, and the cycle bit of what is new.
type Position = Cell<(u64, bool)>;

/// See the module's header.
pub struct Fake {
    registers: DeviceMemory,
    memory: Memory,
    interrupt: OwnedFd,
    commands: Position,
    events: Position,
}

impl Fake {
    /// A controller that runs on `executor`.
    pub fn start(executor: &Executor) -> (Fake, Rc<Controller>) {
        let fd = memfd_create("registers", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&fd, REGISTERS as u64).expect("memory");
        let map = |at, len| DeviceMemory::map(fd.as_fd(), at, len).expect("a mapping");
        let registers = Registers::of(
            map(OPERATIONAL, 4096),
            map(RUNTIME, 4096),
            map(DOORBELLS, 4096),
        );
        let interrupt = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
        let copy = interrupt.try_clone().expect("a copy");
        let memory = Memory::default();
        let controller = Controller::run(
            registers,
            Box::new(memory.clone()),
            Interrupt::new(copy),
            executor,
            "fake".into(),
        );
        let controller = Rc::new(controller.expect("a controller"));
        let registers = map(0, REGISTERS);
        let wide = |at: u64| -> u64 {
            let [low, high] = [0, 4].map(|more| registers.read::<u32>(at as usize + more));
            u64::from(high) << 32 | u64::from(low)
        };
        let commands = wide(OPERATIONAL + CRCR as u64) & !0x3f;
        let segments = wide(RUNTIME + ERSTBA as u64);
        let events = memory.with(segments, |memory, at| memory.read::<u64>(at));
        let fake = Fake {
            registers,
            memory,
            interrupt,
            commands: Cell::new((commands, true)),
            events: Cell::new((events, true)),
        };
        (fake, controller)
    }

    /// The next command that the driver gave, and its address.
    pub fn command(&self) -> Option<(u64, Trb)> {
        let (at, cycle) = self.commands.get();
        let trb = self.memory.with(at, |memory, at| Trb {
            parameter: memory.read(at),
            status: memory.read(at + 8),
            control: memory.read(at + 12),
        });
        if (trb.control & CYCLE != 0) != cycle {
            return None;
        }
        if trb.kind() == LINK {
            self.commands.set((trb.parameter, !cycle));
            return self.command();
        }
        self.commands.set((at + SIZE as u64, cycle));
        Some((at, trb))
    }

    /// The next command, which is of that kind; its address.
    pub fn expect(&self, kind: u32) -> u64 {
        let (at, trb) = self.command().expect("a command");
        assert_eq!(trb.kind(), kind);
        at
    }

    /// Tells that the command at `at` ended with `code`, and lets the driver act on it.
    pub fn complete(&self, executor: &Executor, at: u64, code: u8, slot: u8) {
        let (place, cycle) = self.events.get();
        let control = COMMAND_EVENT << 10 | u32::from(slot) << 24 | u32::from(cycle);
        self.memory.with(place, |memory, place| {
            memory.write(place, at);
            memory.write(place + 8, u32::from(code) << 24);
            memory.write(place + 12, control);
        });
        let next = place + SIZE as u64;
        assert!(
            !next.is_multiple_of(4096),
            "tests have fewer than {LENGTH} events"
        );
        self.events.set((next, cycle));
        rustix::io::write(&self.interrupt, &1u64.to_ne_bytes()).expect("an eventfd");
        executor.wait(self.interrupt.as_fd());
        executor.run_ready();
    }

    /// A register of the operational group.
    pub fn operational(&self, at: usize) -> u32 {
        self.registers.read(OPERATIONAL as usize + at)
    }

    pub fn set_operational(&self, at: usize, value: u32) {
        self.registers.write(OPERATIONAL as usize + at, value);
    }
}

/// A place at the first root port.
pub fn place(speed: Speed) -> Place {
    Place {
        root_port: 1,
        route: 0,
        depth: 0,
        speed,
        translator: None,
    }
}
