//! The host controller: started, fed with commands, and its events passed to whoever waits.
//!
//! One interrupter, one event ring. Each endpoint has one transfer under way at most, so a transfer
//! event's slot and endpoint say whose it is. The controller has one command at a time: the one that
//! takes too long, as its device doesn't answer, is aborted, and the others have their turn. Errors
//! of the controller itself end the process: the next one resets it.

use crate::registers::{
    CONFIG, CRCR, DCBAAP, ERDP, ERSTBA, ERSTSZ, EVENT_PENDING, FAILED, HALTED, IMAN, IMOD,
    INTERRUPTS, Limits, NOT_READY, PAGESIZE, RESET, RUN, Registers, USBCMD, USBSTS,
};
use crate::ring::{Allocate, Consumer, LENGTH, Producer};
use crate::signal::{First, Signal, Turn, first};
use crate::slot::Slot;
use crate::trb::{
    ABORTED, COMMAND_EVENT, CONTROLLER_EVENT, PORT_EVENT, RING_STOPPED, SUCCESS, TRANSFER_EVENT,
    Trb,
};
use ochre_driver::capability::{DmaBuffer, Interrupt};
use ochre_driver::executor::{Executor, now};
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Result as DriverResult};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;
/// How long a reset or a command may take; a device has 50 ms for its address (USB 2.0, 9.2.6.3).
const PATIENCE: u64 = 1000 * MILLISECOND;
/// How long the command ring may take to stop (xHCI 1.2, 4.6.1.2).
const ABORT_PATIENCE: u64 = 5000 * MILLISECOND;
/// CRCR: abort the command under way; the ring is running.
const ABORT: u32 = 1 << 2;
const RING_RUNNING: u32 = 1 << 3;
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

/// How long things may take, in nanoseconds.
struct Patience {
    command: Cell<u64>,
    abort: Cell<u64>,
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
    /// Commands that wait for their turn, and whether there are any.
    orders: RefCell<VecDeque<(Trb, Answer)>>,
    ordered: Signal,
    /// The command under way, by its block's address.
    pending: RefCell<Option<(u64, Answer)>>,
    ended: Signal,
    /// The command ring stopped, as it was asked to.
    stopped: Signal,
    patience: Patience,
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
            orders: RefCell::default(),
            ordered: Signal::default(),
            pending: RefCell::default(),
            ended: Signal::default(),
            stopped: Signal::default(),
            patience: Patience {
                command: Cell::new(PATIENCE),
                abort: Cell::new(ABORT_PATIENCE),
            },
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

    /// Has commands carried out and passes events on, until the controller fails.
    pub async fn follow(&self) -> Result<Infallible> {
        match first(self.pass_events(), self.carry_out()).await {
            First::Left(end) | First::Right(end) => end,
        }
    }

    async fn pass_events(&self) -> Result<Infallible> {
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
                COMMAND_EVENT if event.code() == RING_STOPPED => self.stopped.raise(),
                COMMAND_EVENT => {
                    let is_its = |pending: &mut (u64, Answer)| pending.0 == event.parameter;
                    let ended = self.pending.borrow_mut().take_if(is_its);
                    if let Some((_, answer)) = ended {
                        answer.event.set(Some(event));
                        self.ended.raise();
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

    /// Has a command carried out; its event. It is carried out even if nobody waits for that any
    /// more.
    pub async fn command(&self, trb: Trb) -> Result<Trb> {
        let answer = Answer::default();
        self.orders.borrow_mut().push_back((trb, answer.clone()));
        self.ordered.raise();
        answer.signal.raised().await;
        let event = answer.event.take().ok_or(UsbError::Timeout)?;
        match event.code() {
            SUCCESS => Ok(event),
            ABORTED => Err(UsbError::Timeout),
            code => Err(UsbError::Code(code)),
        }
    }

    /// Carries out one command after the other, until one can't even be aborted.
    async fn carry_out(&self) -> Result<Infallible> {
        loop {
            self.ordered.clear();
            let next = self.orders.borrow_mut().pop_front();
            let Some((trb, answer)) = next else {
                self.ordered.raised().await;
                continue;
            };
            self.ended.clear();
            let at = self.commands.borrow_mut().push(trb);
            self.pending.replace(Some((at, answer.clone())));
            self.registers.ring(0, 0);
            let patience = self.patience.command.get();
            if self.within(patience, self.ended.raised()).await.is_none() {
                self.abort().await?;
                self.pending.take();
            }
            answer.signal.raise();
        }
    }

    /// Stops the command ring, with what is under way (4.6.1.2). Its event, if there is one, comes
    /// before that of the ring; the ring goes on behind it with the next command.
    async fn abort(&self) -> Result<()> {
        self.stopped.clear();
        let next = self.commands.borrow().dequeue();
        let kept = self.registers.operational(CRCR) & RING_RUNNING;
        self.registers
            .set_operational(CRCR, kept | next as u32 | ABORT);
        let patience = self.patience.abort.get();
        let told = self.within(patience, self.stopped.raised()).await;
        // Some controllers stop and don't tell.
        if told.is_none() && self.registers.operational(CRCR) & RING_RUNNING != 0 {
            return Err(UsbError::Dead);
        }
        self.registers.set_operational_wide(CRCR, next);
        Ok(())
    }

    /// Commands, and aborting them, have no time at all, or what time it takes.
    #[cfg(test)]
    pub fn hurry(&self, command: bool, abort: bool) {
        let patience = |none: bool| if none { 0 } else { u64::MAX / 4 };
        self.patience.command.set(patience(command));
        self.patience.abort.set(patience(abort));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::trb::{ADDRESS_DEVICE, ENABLE_SLOT};

    type Outcomes = Rc<RefCell<Vec<Result<Trb>>>>;

    /// Gives the controller a command, and notes how it ends.
    fn order(controller: &Rc<Controller>, kind: u32, outcomes: &Outcomes) {
        let (controller, outcomes) = (controller.clone(), outcomes.clone());
        let executor = controller.executor.clone();
        executor.spawn(async move {
            let outcome = controller.command(Trb::command(kind, 0, 0, 0)).await;
            outcomes.borrow_mut().push(outcome);
        });
    }

    /// A controller that has run out of patience with its first command, while a second one waits.
    fn muted(executor: &Executor) -> (Fake, Rc<Controller>, Outcomes, Rc<Cell<bool>>) {
        let (fake, controller) = Fake::start(executor);
        let (follow, outcomes) = (controller.clone(), Outcomes::default());
        let dead = Rc::new(Cell::new(false));
        let end = dead.clone();
        controller.hurry(true, false);
        executor.spawn(async move {
            let Err(error) = follow.follow().await;
            end.set(matches!(error, UsbError::Dead));
        });
        fake.set_operational(CRCR, RING_RUNNING);
        order(&controller, ADDRESS_DEVICE, &outcomes);
        order(&controller, ENABLE_SLOT, &outcomes);
        executor.run_ready();
        (fake, controller, outcomes, dead)
    }

    #[test]
    fn a_mute_device_costs_its_own_command_only() {
        let executor = Executor::default();
        let (fake, controller, outcomes, dead) = muted(&executor);
        let mute = fake.expect(ADDRESS_DEVICE);
        assert!(fake.operational(CRCR) & ABORT != 0);
        assert!(fake.command().is_none(), "one at a time");
        controller.hurry(false, false);
        fake.complete(&executor, mute, ABORTED, 0);
        fake.complete(&executor, mute + 16, RING_STOPPED, 0);
        assert_eq!(u64::from(fake.operational(CRCR)), (mute + 16) | 1);
        let enable = fake.expect(ENABLE_SLOT);
        fake.complete(&executor, enable, SUCCESS, 3);
        let outcomes = outcomes.borrow();
        assert!(
            matches!(&outcomes[..], [Err(UsbError::Timeout), Ok(event)] if event.slot() == 3),
            "{outcomes:?}"
        );
        assert!(!dead.get());
    }

    #[test]
    fn a_command_that_ends_while_it_is_aborted_counts() {
        let executor = Executor::default();
        let (fake, controller, outcomes, _) = muted(&executor);
        let late = fake.expect(ADDRESS_DEVICE);
        controller.hurry(false, false);
        fake.complete(&executor, late, SUCCESS, 1);
        fake.complete(&executor, late + 16, RING_STOPPED, 0);
        fake.expect(ENABLE_SLOT);
        assert!(matches!(outcomes.borrow()[..], [Ok(_)]));
    }

    #[test]
    fn a_controller_that_does_not_even_abort_is_dead() {
        let executor = Executor::default();
        let (fake, controller) = Fake::start(&executor);
        let outcomes = Outcomes::default();
        controller.hurry(true, true);
        order(&controller, ADDRESS_DEVICE, &outcomes);
        fake.set_operational(CRCR, RING_RUNNING);
        let follow = controller.clone();
        let dead = Rc::new(Cell::new(false));
        let end = dead.clone();
        executor.spawn(async move {
            let Err(error) = follow.follow().await;
            end.set(matches!(error, UsbError::Dead));
        });
        assert!(dead.get());
        assert!(outcomes.borrow().is_empty());
    }

    #[test]
    fn a_ring_that_stops_without_a_word_goes_on() {
        let executor = Executor::default();
        let (fake, controller) = Fake::start(&executor);
        let outcomes = Outcomes::default();
        controller.hurry(true, true);
        order(&controller, ADDRESS_DEVICE, &outcomes);
        let follow = controller.clone();
        executor.spawn(async move {
            let Err(error) = follow.follow().await;
            panic!("{error}");
        });
        executor.run_ready();
        assert!(matches!(outcomes.borrow()[..], [Err(UsbError::Timeout)]));
        fake.expect(ADDRESS_DEVICE);
    }
}
