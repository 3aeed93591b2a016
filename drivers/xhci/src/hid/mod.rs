//! Human interface devices (HID 1.11): keyboards, mice, tablets.

mod codes;
mod decoder;
mod layout;

use crate::controller::{Result, UsbError};
use crate::descriptor::{HID_REPORT, Interface, InterruptIn, REPORT_MAX};
use crate::device::Device;
use crate::node::Node;
use crate::signal::{First, Signal, first};
use crate::slot::{GET_DESCRIPTOR, Request};
use decoder::Decoder;
use layout::{Layout, ReportBits};
use ochre_display::evdev;
use ochre_display::evdev::abi::InputId;
use std::collections::BTreeMap;
use std::rc::Rc;

const BUS_USB: u16 = 3;
const GET_REPORT: u8 = 0x01;
const SET_REPORT: u8 = 0x09;
const SET_IDLE: u8 = 0x0a;
const SET_PROTOCOL: u8 = 0x0b;
const OUTPUT: u16 = 2;
const FEATURE: u16 = 3;
/// The interface has a boot protocol.
const BOOT: u8 = 1;
/// Errors in a row before a device is given up, and milliseconds between them.
const FAILURES: u32 = 10;
const PAUSE: u64 = 50;

/// Serves an interface's input devices until it fails or the task is ended.
pub async fn run(device: &Device, interface: &Interface, endpoint: &InterruptIn) -> Result<()> {
    let hid = Hid { device, interface };
    if interface.subclass == BOOT {
        hid.set(SET_PROTOCOL, 1).await?;
    }
    hid.set(SET_IDLE, 0).await?;
    let descriptor = hid.report_descriptor().await?;
    let mut layout = Layout::parse(&descriptor).map_err(UsbError::Device)?;
    hid.sharpen_wheels(&mut layout).await?;
    let mut devices = hid.devices(&mut layout);
    let granted = device.nodes.take(devices.len());
    if layout.cut || granted < devices.len() {
        eprintln!("xhci: {}: it has too many parts", device.name);
    }
    devices.truncate(granted);
    if devices.is_empty() {
        return Ok(());
    }
    let lit = Signal::default();
    for device in &devices {
        let lit = lit.clone();
        device.on_leds(Box::new(move || lit.raise()));
    }
    let controller = &device.controller;
    let mut nodes = Vec::new();
    for evdev in &devices {
        nodes.push(Node::appear(controller, evdev.clone())?);
    }
    let leds = async {
        loop {
            lit.raised().await;
            lit.clear();
            if let Err(error) = hid.light(&layout, &devices).await {
                eprintln!("xhci: {}: lights: {error}", device.name);
            }
        }
    };
    match first(hid.read(&layout, endpoint, &devices), leds).await {
        First::Left(result) => result,
        First::Right(never) => never,
    }
}

struct Hid<'a> {
    device: &'a Device,
    interface: &'a Interface,
}

impl Hid<'_> {
    fn request(&self, kind: u8, request: u8, value: u16) -> Request {
        Request {
            kind,
            request,
            value,
            index: self.interface.number.into(),
        }
    }

    /// A class request that a device may refuse.
    async fn set(&self, request: u8, value: u16) -> Result<()> {
        let request = self.request(0x21, request, value);
        let device = self.device;
        match device
            .slot
            .control_out(&device.controller, request, &[])
            .await
        {
            Err(UsbError::Code(_)) => Ok(()),
            other => other,
        }
    }

    async fn report_descriptor(&self) -> Result<Vec<u8>> {
        let length = self.interface.report_length;
        if length == 0 || length > REPORT_MAX {
            return Err(UsbError::Device(
                "its report descriptor is missing or too long",
            ));
        }
        let value = u16::from(HID_REPORT) << 8;
        let request = self.request(0x81, GET_DESCRIPTOR, value);
        let device = self.device;
        device
            .slot
            .control_in(&device.controller, request, length)
            .await
    }

    /// Asks for fine steps where wheels have them; those that refuse keep their notches.
    async fn sharpen_wheels(&self, layout: &mut Layout) -> Result<()> {
        let mut reports: BTreeMap<u8, Vec<ReportBits>> = BTreeMap::new();
        for multiplier in &layout.multipliers {
            let of = reports.entry(multiplier.feature.report).or_default();
            of.push(multiplier.feature.clone());
        }
        let device = self.device;
        for (report, features) in reports {
            let value = FEATURE << 8 | u16::from(report);
            let length = features.iter().map(|f| f.length).max().unwrap_or(0) as u16;
            let request = self.request(0xa1, GET_REPORT, value);
            let slot = &device.slot;
            let got = slot.control_in(&device.controller, request, length).await;
            let mut bytes = match got {
                Ok(bytes) => bytes,
                Err(UsbError::Code(_)) => continue,
                Err(error) => return Err(error),
            };
            bytes.resize(usize::from(length), 0);
            for feature in &features {
                feature.put(&mut bytes, feature.largest);
            }
            let request = self.request(0x21, SET_REPORT, value);
            match slot.control_out(&device.controller, request, &bytes).await {
                Ok(()) => layout.multiplied(report),
                Err(UsbError::Code(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn devices(&self, layout: &mut Layout) -> Vec<Rc<evdev::Device>> {
        let device = self.device;
        let several = layout.applications.len() > 1;
        let path = device.slot.place.path();
        let place = &device.controller.place;
        let mut devices = Vec::new();
        for (index, application) in layout.applications.iter().enumerate() {
            let mut description = application.description.clone();
            description.name = if several {
                format!("{} {}", device.name, application.kind.suffix())
            } else {
                device.name.clone()
            };
            let interface = self.interface.number;
            description.phys = format!("usb-{place}-{path}/input{interface}");
            if several {
                description.phys += &format!(":{index}");
            }
            description.uniq = device.serial.clone();
            description.id = InputId {
                bus: BUS_USB,
                vendor: device.descriptor.vendor,
                product: device.descriptor.product,
                version: device.descriptor.version,
            };
            devices.push(Rc::new(evdev::Device::new(
                description,
                ochre_driver::Levels::default(),
            )));
        }
        devices
    }

    async fn read(
        &self,
        layout: &Layout,
        endpoint: &InterruptIn,
        devices: &[Rc<evdev::Device>],
    ) -> Result<()> {
        let mut decoder = Decoder::new(layout);
        let length = layout.longest.max(usize::from(endpoint.packet));
        let device = self.device;
        let mut failures = 0;
        loop {
            let slot = &device.slot;
            match slot
                .interrupt_in(&device.controller, endpoint, length)
                .await
            {
                Ok(report) => {
                    failures = 0;
                    decoder.report(&report, |application, kind, code, value| {
                        if let Some(device) = devices.get(application) {
                            device.event(kind, code, value);
                        }
                    });
                    devices.iter().for_each(|device| device.sync());
                }
                Err(error) => {
                    failures += 1;
                    if failures == FAILURES || matches!(error, UsbError::Dead) {
                        devices.iter().for_each(|d| d.release_all());
                        return Err(error);
                    }
                    device.controller.sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sets the device's lights as its nodes' states say.
    async fn light(&self, layout: &Layout, devices: &[Rc<evdev::Device>]) -> Result<()> {
        let mut reports: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for led in &layout.leds {
            let report = reports.entry(led.bits.report).or_default();
            report.resize(led.bits.length.max(report.len()), 0);
            let on = devices
                .get(led.application)
                .is_some_and(|device| device.leds().contains(&led.code));
            led.bits.put(report, u32::from(on));
        }
        let device = self.device;
        for (id, mut bytes) in reports {
            if id != 0 {
                bytes[0] = id;
            }
            let request = self.request(0x21, SET_REPORT, OUTPUT << 8 | u16::from(id));
            let slot = &device.slot;
            slot.control_out(&device.controller, request, &bytes)
                .await?;
        }
        Ok(())
    }
}
