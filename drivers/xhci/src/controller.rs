//! The host controller: started, fed with commands, and its events passed to whoever waits.
//!
//! One interrupter, one event ring. Each endpoint has one transfer under way at most, so a transfer
//! event's slot and endpoint say whose it is. Errors of the controller itself end the process: the
//! next one resets it.

use crate::registers::{
    CONFIG, CRCR, DCBAAP, ERDP, ERSTBA, ERSTSZ, EVENT_PENDING, FAILED, HALTED, IMAN, IMOD,
    INTERRUPTS, Limits, NOT_READY, PAGESIZE, RESET, RUN, Registers, USBCMD, USBSTS,
};
use crate::ring::{Allocate, Consumer, LENGTH, Producer};
use crate::signal::{First, Signal, Turn, first};
use crate::slot::Slot;
use crate::trb::{COMMAND_EVENT, CONTROLLER_EVENT, PORT_EVENT, SUCCESS, TRANSFER_EVENT, Trb};
use ochre_driver::capability::{DmaBuffer, Interrupt};
use ochre_driver::executor::{Executor, now};
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Result as DriverResult};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;
/// How long a reset or a command may take.
const PATIENCE: u64 = 1000 * MILLISECOND;
/// ERDP: the handler is done.
const HANDLER_DONE: u64 = 1 << 3;
/// IMAN: pending (cleared by writing it), enabled.
const PENDING_AND_ENABLED: u32 = 3;
/// Units of 250 ns between two interrupts.
const MODERATION: u32 = 500;

/// Why something about a device failed.
#[derive(Debug, thiserror::Error)]
pub enum UsbError {
    #[error("the controller does not answer")]
    Dead,
    #[error("the device does not answer")]
    Timeout,
    #[error("the transfer or command ended with code {0}")]
    Code(u8),
    #[error("{0}")]
    Device(&'static str),
    #[error("{0}")]
    System(#[from] Errno),
}

pub type Result<T, E = UsbError> = std::result::Result<T, E>;

/// An event that somebody waits for.
#[derive(Clone, Default)]
struct Answer {
    signal: Signal,
    event: Rc<Cell<Option<Trb>>>,
}

/// See the module's header.
pub struct Controller {
    pub executor: Executor,
    registers: Registers,
    dma: Box<dyn Allocate>,
    interrupt: Interrupt,
    commands: RefCell<Producer>,
    events: RefCell<Consumer>,
    /// Device context base addresses, by slot.
    contexts: DmaBuffer,
    /// Held for the controller: segment table and scratchpad.
    _tables: Vec<DmaBuffer>,
    /// Commands under way, by their blocks' addresses.
    pending: RefCell<BTreeMap<u64, Answer>>,
    slots: RefCell<BTreeMap<u8, Rc<Slot>>>,
    /// By root port, from port 1: something changed.
    pub port_changes: Vec<Signal>,
    /// Who has it may have a device at the default address, which is one for all.
    pub default_address: Turn,
    failed: Signal,
    /// Where it is, for names.
    pub place: String,
}

impl Controller {
    pub fn start(pci: &PciDevice, executor: &Executor, place: String) -> DriverResult<Controller> {
        let registers = Registers::map(pci)?;
        registers.set_operational(USBCMD, 0);
        wait_for(|| registers.operational(USBSTS) & HALTED != 0)?;
        registers.set_operational(USBCMD, RESET);
        wait_for(|| {
            registers.operational(USBCMD) & RESET == 0
                && registers.operational(USBSTS) & NOT_READY == 0
        })?;
        // The pages of the scratchpad are of the controller's size; ours are the smallest.
        if registers.operational(PAGESIZE) & 1 == 0 {
            return Err(Errno::OPNOTSUPP);
        }
        let (dma, interrupt) = (Box::new(pci.dma()?), pci.interrupt(0)?);
        Controller::run(registers, dma, interrupt, executor, place)
    }

    /// Sets a controller going that was reset.
    pub fn run(
        registers: Registers,
        dma: Box<dyn Allocate>,
        interrupt: Interrupt,
        executor: &Executor,
        place: String,
    ) -> DriverResult<Controller> {
        let limits = registers.limits;
        let contexts = dma.alloc_contiguous(8 * (usize::from(limits.slots) + 1))?;
        let mut tables = Vec::new();
        let scratchpad = scratchpad(&*dma, limits, &mut tables)?;
        contexts.memory.write(0, scratchpad);
        let (commands, events) = (Producer::new(&*dma)?, Consumer::new(&*dma)?);
        let segments = dma.alloc_contiguous(16)?;
        segments.memory.write(0, events.start());
        segments.memory.write(8, LENGTH as u64);
        let highest = [&contexts, &segments]
            .iter()
            .map(|b| b.bus_address())
            .chain([commands.dequeue(), events.start()])
            .max();
        if !limits.wide && highest > Some(u64::from(u32::MAX)) {
            return Err(Errno::OPNOTSUPP);
        }
        registers.set_operational(CONFIG, limits.slots.into());
        registers.set_operational_wide(DCBAAP, contexts.bus_address());
        registers.set_operational_wide(CRCR, commands.dequeue());
        registers.set_runtime(ERSTSZ, 1);
        registers.set_runtime_wide(ERDP, events.start());
        registers.set_runtime_wide(ERSTBA, segments.bus_address());
        registers.set_runtime(IMOD, MODERATION);
        registers.set_runtime(IMAN, PENDING_AND_ENABLED);
        registers.set_operational(USBCMD, RUN | INTERRUPTS);
        wait_for(|| registers.operational(USBSTS) & HALTED == 0)?;
        tables.push(segments);
        Ok(Controller {
            executor: executor.clone(),
            registers,
            dma,
            interrupt,
            commands: RefCell::new(commands),
            events: RefCell::new(events),
            contexts,
            _tables: tables,
            pending: RefCell::default(),
            slots: RefCell::default(),
            port_changes: (0..limits.ports).map(|_| Signal::default()).collect(),
            default_address: Turn::default(),
            failed: Signal::default(),
            place,
        })
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.registers.limits
    }

    #[must_use]
    pub fn registers(&self) -> &Registers {
        &self.registers
    }

    #[must_use]
    pub fn dma(&self) -> &dyn Allocate {
        &*self.dma
    }

    /// Passes events on until the controller fails.
    pub async fn follow(&self) -> Result<()> {
        loop {
            self.drain();
            match first(self.failed.raised(), self.interrupt.wait(&self.executor)).await {
                First::Left(()) => return Err(UsbError::Dead),
                First::Right(count) => count?,
            };
            let status = self.registers.operational(USBSTS);
            if status & FAILED != 0 {
                return Err(UsbError::Dead);
            }
            self.registers.set_operational(USBSTS, EVENT_PENDING);
            self.registers.set_runtime(IMAN, PENDING_AND_ENABLED);
        }
    }

    fn drain(&self) {
        loop {
            let event = self.events.borrow_mut().pop();
            let Some(event) = event else { break };
            match event.kind() {
                COMMAND_EVENT => {
                    let answer = self.pending.borrow_mut().remove(&event.parameter);
                    if let Some(answer) = answer {
                        answer.event.set(Some(event));
                        answer.signal.raise();
                    }
                }
                TRANSFER_EVENT => {
                    let slot = self.slots.borrow().get(&event.slot()).cloned();
                    if let Some(slot) = slot {
                        slot.transferred(event);
                    }
                }
                PORT_EVENT => {
                    let port = (event.parameter >> 24) as u8;
                    if let Some(signal) = port
                        .checked_sub(1)
                        .and_then(|index| self.port_changes.get(usize::from(index)))
                    {
                        signal.raise();
                    }
                }
                CONTROLLER_EVENT => self.failed.raise(),
                _ => {}
            }
        }
        let position = self.events.borrow().position();
        self.registers
            .set_runtime_wide(ERDP, position | HANDLER_DONE);
    }

    /// Gives the controller a command; its event. One that is not answered in time means that the
    /// controller is stuck.
    pub async fn command(&self, trb: Trb) -> Result<Trb> {
        // The ring has room: each task has one command under way, and there are fewer tasks.
        let answer = Answer::default();
        let at = self.commands.borrow_mut().push(trb);
        self.pending.borrow_mut().insert(at, answer.clone());
        self.registers.ring(0, 0);
        let event = match self.within(PATIENCE, answer.signal.raised()).await {
            Some(()) => answer.event.take(),
            None => None,
        };
        let Some(event) = event else {
            self.failed.raise();
            return Err(UsbError::Dead);
        };
        match event.code() {
            SUCCESS => Ok(event),
            code => Err(UsbError::Code(code)),
        }
    }

    /// What `future` gives, if it does so in `nanoseconds`.
    pub async fn within<T>(&self, nanoseconds: u64, future: impl Future<Output = T>) -> Option<T> {
        let deadline = self.executor.sleep_until(now() + nanoseconds);
        match first(future, deadline).await {
            First::Left(value) => Some(value),
            First::Right(()) => None,
        }
    }

    pub async fn sleep(&self, milliseconds: u64) {
        self.executor
            .sleep_until(now() + milliseconds * MILLISECOND)
            .await;
    }

    /// The slot's events go to `slot`, and its context is where the controller keeps the device's
    /// state.
    pub fn add_slot(&self, slot: &Rc<Slot>, context: u64) {
        self.contexts
            .memory
            .write(usize::from(slot.number) * 8, context);
        self.slots.borrow_mut().insert(slot.number, slot.clone());
    }

    #[cfg(test)]
    pub fn has_slots(&self) -> bool {
        !self.slots.borrow().is_empty()
    }

    /// The controller has let the slot go.
    pub fn remove_slot(&self, number: u8) {
        self.contexts.memory.write(usize::from(number) * 8, 0u64);
        self.slots.borrow_mut().remove(&number);
    }
}

/// Allocates the pages that the controller wants for itself (4.20); the address of their list.
fn scratchpad(dma: &dyn Allocate, limits: Limits, keep: &mut Vec<DmaBuffer>) -> DriverResult<u64> {
    if limits.scratchpads == 0 {
        return Ok(0);
    }
    let list = dma.alloc_contiguous(8 * limits.scratchpads)?;
    for index in 0..limits.scratchpads {
        let page = dma.alloc_contiguous(4096)?;
        list.memory.write(index * 8, page.bus_address());
        keep.push(page);
    }
    let address = list.bus_address();
    keep.push(list);
    Ok(address)
}

/// Waits, before there are other tasks, for a register to change.
fn wait_for(done: impl Fn() -> bool) -> DriverResult<()> {
    let deadline = now() + PATIENCE;
    while !done() {
        if now() > deadline {
            return Err(Errno::TIMEDOUT);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
