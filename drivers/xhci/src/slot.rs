//! A device as the controller knows it: a slot, its contexts, its endpoints and their transfers.
//!
//! The slot owns all memory that the controller may touch for the device, and is let go only after
//! the controller was told to, by its [`Claim`]: tasks of the device may end at any point.

use crate::context::{EndpointContext, EndpointKind, Input, SlotContext, Speed, interval};
use crate::controller::{Controller, Result, UsbError};
use crate::descriptor::{InterruptIn, control_packet};
use crate::ring::Producer;
use crate::signal::{Signal, Turn};
use crate::trb::{
    ADDRESS_DEVICE, CONFIGURE_ENDPOINT, DATA, DISABLE_SLOT, ENABLE_SLOT, EVALUATE_CONTEXT,
    IMMEDIATE, IN, INTERRUPT_ON_COMPLETION, INTERRUPT_ON_SHORT, NORMAL, RESET_ENDPOINT,
    SET_DEQUEUE, SETUP, SHORT_PACKET, STATUS, STOP_ENDPOINT, SUCCESS, Trb,
};
use ochre_driver::capability::DmaBuffer;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Room for one transfer of an endpoint.
const BUFFER: usize = 4096;
/// How long a control transfer may take (USB 2.0, 9.2.6.4 allows 5 s; nobody waits so long).
const PATIENCE: u64 = 2_000_000_000;
/// The control endpoint's number for the controller.
const CONTROL: u8 = 1;

/// Standard requests (USB 2.0, 9.4).
pub const CLEAR_FEATURE: u8 = 1;
pub const GET_DESCRIPTOR: u8 = 6;
pub const SET_CONFIGURATION: u8 = 9;
const ENDPOINT_HALT: u16 = 0;

/// Where a device is plugged in.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub root_port: u8,
    /// A hub's port in each four bits (xHCI 1.2, 8.9).
    pub route: u32,
    /// Hubs between it and the root.
    pub depth: u8,
    pub speed: Speed,
    pub translator: Option<(u8, u8)>,
}

impl Place {
    /// Where it is in Linux's notation: root port, then each hub's port.
    #[must_use]
    pub fn path(&self) -> String {
        let ports = (0..self.depth).map(|tier| self.route >> (4 * tier) & 15);
        ports.fold(self.root_port.to_string(), |path, port| {
            format!("{path}.{port}")
        })
    }
}

/// A setup packet, without the length.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// bmRequestType: bit 7 is set for data from the device.
    pub kind: u8,
    pub request: u8,
    pub value: u16,
    pub index: u16,
}

struct Endpoint {
    ring: RefCell<Producer>,
    buffer: DmaBuffer,
    /// The last block of the transfer under way.
    last: Cell<u64>,
    /// What an earlier block of it did not move.
    short: Cell<u32>,
    outcome: Cell<Option<Trb>>,
    done: Signal,
}

impl Endpoint {
    fn new(controller: &Controller) -> Result<Endpoint> {
        Ok(Endpoint {
            ring: RefCell::new(Producer::new(controller.dma())?),
            buffer: controller.dma().alloc_contiguous(BUFFER)?,
            last: Cell::new(0),
            short: Cell::new(0),
            outcome: Cell::new(None),
            done: Signal::default(),
        })
    }

    fn begin(&self, blocks: &[Trb]) {
        self.outcome.set(None);
        self.short.set(0);
        self.done.clear();
        let mut ring = self.ring.borrow_mut();
        for block in blocks {
            self.last.set(ring.push(*block));
        }
    }

    fn take(&self, event: Trb) {
        let is_last = event.parameter == self.last.get();
        match event.code() {
            SHORT_PACKET if !is_last => self.short.set(event.residue()),
            SUCCESS if !is_last => {}
            _ => {
                self.outcome.set(Some(event));
                self.done.raise();
            }
        }
    }
}

/// A slot's number, which is ours until this is dropped: then the controller is told that the device
/// is gone or given up, and touches none of its memory afterwards.
pub struct Claim {
    controller: Rc<Controller>,
    number: u8,
    /// The slot has been let go.
    released: Signal,
}

impl Claim {
    /// Asks for a slot, on a task of its own: who is ended while it waits gets one all the same, and
    /// it must be given back.
    async fn take(controller: &Rc<Controller>) -> Result<Claim> {
        let outcome = Rc::new(Cell::new(None));
        let done = Signal::default();
        let (theirs, tell, controller) = (outcome.clone(), done.clone(), controller.clone());
        let executor = controller.executor.clone();
        executor.spawn(async move {
            let enable = Trb::command(ENABLE_SLOT, 0, 0, 0);
            let answer = controller.command(enable).await;
            let claim = answer.and_then(|event| Claim::of(&controller, event.slot()));
            theirs.set(Some(claim));
            tell.raise();
        });
        done.raised().await;
        outcome.take().unwrap_or(Err(UsbError::Dead))
    }

    fn of(controller: &Rc<Controller>, number: u8) -> Result<Claim> {
        if !(1..=controller.limits().slots).contains(&number) {
            return Err(UsbError::Dead);
        }
        Ok(Claim {
            controller: controller.clone(),
            number,
            released: Signal::default(),
        })
    }

    /// Drops the claim, and waits until the controller has let the slot go.
    pub async fn release(self) {
        let released = self.released.clone();
        drop(self);
        released.raised().await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (number, released) = (self.number, self.released.clone());
        let controller = self.controller.clone();
        self.controller.executor.spawn(async move {
            let disable = Trb::command(DISABLE_SLOT, 0, number, 0);
            match controller.command(disable).await {
                // A code says that the slot was disabled already.
                Ok(_) | Err(UsbError::Code(_)) => controller.remove_slot(number),
                // The controller may touch the memory still, and so it stays.
                Err(error) => eprintln!("xhci: slot {number}: {error}"),
            }
            released.raise();
        });
    }
}

/// See the module's header.
pub struct Slot {
    pub number: u8,
    pub place: Place,
    context: Cell<SlotContext>,
    /// The controller's: it is only kept here.
    _device: DmaBuffer,
    input: DmaBuffer,
    endpoints: RefCell<BTreeMap<u8, Rc<Endpoint>>>,
    control_turn: Turn,
}

impl Slot {
    /// Gives the device, which is at the default address, an address of its own, and finds out how
    /// long packets of its control endpoint are.
    pub async fn address(controller: &Rc<Controller>, place: Place) -> Result<(Rc<Slot>, Claim)> {
        let claim = Claim::take(controller).await?;
        let slot = Rc::new(Slot::new(controller, claim.number, place)?);
        controller.add_slot(&slot, slot._device.bus_address());
        if let Err(error) = slot.set_up(controller).await {
            claim.release().await;
            return Err(error);
        }
        Ok((slot, claim))
    }

    fn new(controller: &Controller, number: u8, place: Place) -> Result<Slot> {
        let context = SlotContext {
            route: place.route,
            speed: place.speed,
            root_port: place.root_port,
            entries: 1,
            translator: place.translator,
            hub: None,
        };
        let control = Rc::new(Endpoint::new(controller)?);
        let dma = controller.dma();
        Ok(Slot {
            number,
            place,
            context: Cell::new(context),
            _device: dma.alloc_contiguous(BUFFER)?,
            input: dma.alloc_contiguous(BUFFER)?,
            endpoints: RefCell::new(BTreeMap::from([(CONTROL, control)])),
            control_turn: Turn::default(),
        })
    }

    async fn set_up(&self, controller: &Controller) -> Result<()> {
        let packet = self.place.speed.first_packet();
        self.fill(
            controller,
            true,
            &[(CONTROL, self.control_context(packet)?)],
        );
        self.submit_input(controller, ADDRESS_DEVICE).await?;
        // The device may take 2 ms to take the address (USB 2.0, 9.2.6.3).
        controller.sleep(2).await;
        let head = self.descriptor(controller, 1, 0, 0, 8).await?;
        let real = control_packet(&head, self.place.speed.is_super())
            .ok_or(UsbError::Device("it has no device descriptor"))?;
        if real != packet {
            self.fill(controller, false, &[(CONTROL, self.control_context(real)?)]);
            self.submit_input(controller, EVALUATE_CONTEXT).await?;
        }
        Ok(())
    }

    fn endpoint(&self, number: u8) -> Result<Rc<Endpoint>> {
        let found = self.endpoints.borrow().get(&number).cloned();
        found.ok_or(UsbError::Device("it has no such endpoint"))
    }

    fn control_context(&self, packet: u16) -> Result<EndpointContext> {
        Ok(EndpointContext {
            kind: EndpointKind::Control,
            packet,
            burst: 0,
            interval: 0,
            dequeue: self.endpoint(CONTROL)?.ring.borrow().dequeue(),
        })
    }

    fn fill(&self, controller: &Controller, slot: bool, endpoints: &[(u8, EndpointContext)]) {
        let input = Input::new(&self.input.memory, controller.limits().context);
        if slot {
            input.slot(&self.context.get());
        }
        for (number, context) in endpoints {
            input.endpoint(*number, context);
        }
    }

    async fn submit_input(&self, controller: &Controller, kind: u32) -> Result<()> {
        let command = Trb::command(kind, self.input.bus_address(), self.number, 0);
        controller.command(command).await.map(drop)
    }

    /// Makes the controller know these endpoints, and what the slot is.
    pub async fn configure(
        &self,
        controller: &Controller,
        endpoints: &[InterruptIn],
        hub: Option<crate::context::HubFields>,
    ) -> Result<()> {
        let mut contexts = Vec::new();
        for found in endpoints {
            let endpoint = Endpoint::new(controller)?;
            let context = EndpointContext {
                kind: EndpointKind::InterruptIn,
                packet: found.packet,
                burst: if self.place.speed.is_slow() {
                    0
                } else {
                    found.burst
                },
                interval: interval(self.place.speed, found.interval),
                dequeue: endpoint.ring.borrow().dequeue(),
            };
            let number = found.context();
            let known = self
                .endpoints
                .borrow_mut()
                .insert(number, Rc::new(endpoint));
            if known.is_some() {
                return Err(UsbError::Device("two endpoints have the same address"));
            }
            contexts.push((number, context));
        }
        let last = self.endpoints.borrow().keys().max().copied();
        let context = SlotContext {
            entries: last.unwrap_or(CONTROL),
            hub: hub.or(self.context.get().hub),
            ..self.context.get()
        };
        self.context.set(context);
        self.fill(controller, true, &contexts);
        self.submit_input(controller, CONFIGURE_ENDPOINT).await
    }

    /// An event of one of the device's endpoints.
    pub fn transferred(&self, event: Trb) {
        let endpoint = self.endpoints.borrow().get(&event.endpoint()).cloned();
        if let Some(endpoint) = endpoint {
            endpoint.take(event);
        }
    }

    /// A control transfer with data from the device: what came, `length` bytes at most.
    pub async fn control_in(
        &self,
        controller: &Controller,
        request: Request,
        length: u16,
    ) -> Result<Vec<u8>> {
        let length = length.min(BUFFER as u16);
        let _turn = self.control_turn.take().await;
        let endpoint = self.endpoint(CONTROL)?;
        let moved = self.control(controller, &endpoint, request, length).await?;
        let mut data = vec![0; moved.min(usize::from(length))];
        endpoint.buffer.memory.copy_out(0, &mut data);
        Ok(data)
    }

    /// A control transfer with data to the device, or none.
    pub async fn control_out(
        &self,
        controller: &Controller,
        request: Request,
        data: &[u8],
    ) -> Result<()> {
        if data.len() > BUFFER {
            return Err(UsbError::Device("its report is too long"));
        }
        let _turn = self.control_turn.take().await;
        let endpoint = self.endpoint(CONTROL)?;
        endpoint.buffer.memory.copy_in(0, data);
        let length = data.len() as u16;
        self.control(controller, &endpoint, request, length)
            .await
            .map(drop)
    }

    async fn control(
        &self,
        controller: &Controller,
        endpoint: &Endpoint,
        request: Request,
        length: u16,
    ) -> Result<usize> {
        let is_in = request.kind & 0x80 != 0;
        let setup = u64::from(request.kind)
            | u64::from(request.request) << 8
            | u64::from(request.value) << 16
            | u64::from(request.index) << 32
            | u64::from(length) << 48;
        let transfer_type = match (length, is_in) {
            (0, _) => 0,
            (_, false) => 2,
            (_, true) => 3,
        };
        let mut blocks = vec![Trb::new(SETUP, setup, 8, IMMEDIATE | transfer_type << 16)];
        if length > 0 {
            let direction = if is_in { IN } else { 0 };
            let flags = direction | INTERRUPT_ON_SHORT;
            let address = endpoint.buffer.bus_address();
            blocks.push(Trb::new(DATA, address, length.into(), flags));
        }
        let direction = if is_in && length > 0 { 0 } else { IN };
        let flags = direction | INTERRUPT_ON_COMPLETION;
        blocks.push(Trb::new(STATUS, 0, 0, flags));
        endpoint.begin(&blocks);
        controller.registers().ring(self.number, CONTROL);
        let answered = controller.within(PATIENCE, endpoint.done.raised()).await;
        let Some(event) = answered.and_then(|()| endpoint.outcome.take()) else {
            self.recover(controller, CONTROL, STOP_ENDPOINT).await?;
            return Err(UsbError::Timeout);
        };
        match event.code() {
            SUCCESS | SHORT_PACKET => {
                let missing = endpoint.short.get().min(length.into());
                Ok(usize::from(length) - missing as usize)
            }
            code => {
                self.recover(controller, CONTROL, RESET_ENDPOINT).await?;
                Err(UsbError::Code(code))
            }
        }
    }

    /// Brings an endpoint that stopped or halted back to where nothing is under way.
    async fn recover(&self, controller: &Controller, number: u8, how: u32) -> Result<()> {
        let endpoint = self.endpoint(number)?;
        // It may be in another state than expected by now; what counts is whether the next command
        // succeeds.
        match controller
            .command(Trb::command(how, 0, self.number, number))
            .await
        {
            Ok(_) | Err(UsbError::Code(_)) => {}
            Err(error) => return Err(error),
        }
        let dequeue = endpoint.ring.borrow().dequeue();
        let command = Trb::command(SET_DEQUEUE, dequeue, self.number, number);
        controller.command(command).await.map(drop)
    }

    /// The next packets of an interrupt endpoint, `length` bytes at most. An error leaves the
    /// endpoint fit for the next try.
    pub async fn interrupt_in(
        &self,
        controller: &Controller,
        from: &InterruptIn,
        length: usize,
    ) -> Result<Vec<u8>> {
        let number = from.context();
        let endpoint = self.endpoint(number)?;
        let length = length.clamp(1, BUFFER);
        let flags = INTERRUPT_ON_COMPLETION | INTERRUPT_ON_SHORT;
        let address = endpoint.buffer.bus_address();
        endpoint.begin(&[Trb::new(NORMAL, address, length as u32, flags)]);
        controller.registers().ring(self.number, number);
        endpoint.done.raised().await;
        let event = endpoint.outcome.take().ok_or(UsbError::Timeout)?;
        match event.code() {
            SUCCESS | SHORT_PACKET => {
                let moved = length - (event.residue() as usize).min(length);
                let mut data = vec![0; moved];
                endpoint.buffer.memory.copy_out(0, &mut data);
                Ok(data)
            }
            code => {
                self.recover(controller, number, RESET_ENDPOINT).await?;
                let clear = Request {
                    kind: 0x02,
                    request: CLEAR_FEATURE,
                    value: ENDPOINT_HALT,
                    index: from.address.into(),
                };
                self.control_out(controller, clear, &[]).await?;
                Err(UsbError::Code(code))
            }
        }
    }

    /// A standard descriptor.
    pub async fn descriptor(
        &self,
        controller: &Controller,
        kind: u8,
        number: u8,
        language: u16,
        length: u16,
    ) -> Result<Vec<u8>> {
        let request = Request {
            kind: 0x80,
            request: GET_DESCRIPTOR,
            value: u16::from(kind) << 8 | u16::from(number),
            index: language,
        };
        self.control_in(controller, request, length).await
    }
}
