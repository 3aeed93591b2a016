//! A device from its plug to its unplugging: enumerated, then run as what it is.

use crate::context::Speed;
use crate::controller::{Controller, Result, UsbError};
use crate::descriptor::{
    CLASS_HID, CLASS_HUB, CONFIGURATION, Configuration, DEVICE, DeviceDescriptor, STRING,
    configuration_length, text,
};
use crate::signal::{Signal, first};
use crate::slot::{Place, Request, SET_CONFIGURATION, Slot};
use crate::{hid, hub};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// How often a device that fails to answer is reset and asked again.
const ATTEMPTS: u32 = 3;

/// A device that is plugged in, and its task. Dropping it ends the task, as unplugging does.
pub struct Attached {
    gone: Signal,
    done: Signal,
}

impl Attached {
    /// Ends the task, and waits until the controller has let the device go.
    pub async fn detach(self) {
        self.gone.raise();
        self.done.raised().await;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.gone.raise();
    }
}

/// Brings a freshly plugged device to life. `reset` resets its port and tells its speed.
pub async fn attach(
    controller: &Rc<Controller>,
    reset: impl AsyncFn() -> Result<Speed>,
    place: impl Fn(Speed) -> Place,
) -> Result<Attached> {
    let mut attempt = 1;
    let (slot, claim) = loop {
        let turn = controller.default_address.take().await;
        let result = match reset().await {
            Ok(speed) => Slot::address(controller, place(speed)).await,
            Err(error) => Err(error),
        };
        drop(turn);
        match result {
            Ok(addressed) => break addressed,
            Err(UsbError::Dead) => return Err(UsbError::Dead),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
        controller.sleep(100).await;
    };
    let attached = Attached {
        gone: Signal::default(),
        done: Signal::default(),
    };
    let (gone, done) = (attached.gone.clone(), attached.done.clone());
    let task_controller = controller.clone();
    controller.executor.spawn(async move {
        let work = async {
            if let Err(error) = run(task_controller.clone(), slot.clone()).await {
                eprintln!("xhci: device at {}: {error}", slot.place.path());
            }
            // What cannot be used stays as it is until it is unplugged.
            std::future::pending::<()>().await;
        };
        first(gone.raised(), work).await;
        claim.release().await;
        done.raise();
    });
    Ok(attached)
}

/// How many nodes a device may have: composite ones have one or two for each interface.
const NODES_MAX: usize = 16;

/// The nodes that a device may still have.
pub struct Quota(Cell<usize>);

impl Quota {
    fn new() -> Quota {
        Quota(Cell::new(NODES_MAX))
    }

    /// Takes as many as are wanted, or are left.
    pub fn take(&self, wanted: usize) -> usize {
        let granted = wanted.min(self.0.get());
        self.0.set(self.0.get() - granted);
        granted
    }
}

/// What its tasks know of a device.
pub struct Device {
    pub controller: Rc<Controller>,
    pub slot: Rc<Slot>,
    pub descriptor: DeviceDescriptor,
    pub name: String,
    pub serial: String,
    pub nodes: Quota,
}

async fn run(controller: Rc<Controller>, slot: Rc<Slot>) -> Result<()> {
    let bytes = slot.descriptor(&controller, DEVICE, 0, 0, 18).await?;
    let descriptor = DeviceDescriptor::parse(&bytes)
        .ok_or(UsbError::Device("its device descriptor is broken"))?;
    let head = slot.descriptor(&controller, CONFIGURATION, 0, 0, 9).await?;
    let length = configuration_length(&head)
        .ok_or(UsbError::Device("its configuration descriptor is broken"))?;
    let bytes = slot
        .descriptor(&controller, CONFIGURATION, 0, 0, length)
        .await?;
    let configuration = Configuration::parse(&bytes)
        .ok_or(UsbError::Device("its configuration descriptor is broken"))?;
    let (name, serial) = names(&controller, &slot, &descriptor).await;
    eprintln!(
        "xhci: {} {:04x}:{:04x} {name}",
        slot.place.path(),
        descriptor.vendor,
        descriptor.product
    );
    let class = if descriptor.class == CLASS_HUB {
        CLASS_HUB
    } else {
        CLASS_HID
    };
    let used: Vec<_> = configuration
        .interfaces
        .iter()
        .filter(|interface| interface.class == class)
        .filter_map(|interface| Some((interface.clone(), interface.interrupt_in?)))
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    let endpoints: Vec<_> = used.iter().map(|(_, endpoint)| *endpoint).collect();
    slot.configure(&controller, &endpoints, None).await?;
    let request = Request {
        kind: 0,
        request: SET_CONFIGURATION,
        value: configuration.value.into(),
        index: 0,
    };
    slot.control_out(&controller, request, &[]).await?;
    let device = Rc::new(Device {
        controller,
        slot,
        descriptor,
        name,
        serial,
        nodes: Quota::new(),
    });
    if class == CLASS_HUB {
        return hub::run(&device, &used[0].1).await;
    }
    let tasks = used.into_iter().map(|(interface, endpoint)| {
        let device = device.clone();
        let task: Task = Box::pin(async move {
            if let Err(error) = hid::run(&device, &interface, &endpoint).await {
                let path = device.slot.place.path();
                eprintln!(
                    "xhci: device at {path}, interface {}: {error}",
                    interface.number
                );
            }
        });
        task
    });
    all(tasks.collect()).await;
    Ok(())
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs all tasks to their ends, as one.
async fn all(mut tasks: Vec<Task>) {
    std::future::poll_fn(|cx| {
        tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        if tasks.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// The device's name and serial number; one that has no strings is called by its numbers.
async fn names(
    controller: &Controller,
    slot: &Slot,
    descriptor: &DeviceDescriptor,
) -> (String, String) {
    let languages = slot.descriptor(controller, STRING, 0, 0, 255).await;
    let language = match languages.as_deref() {
        Ok([_, STRING, low, high, ..]) => Some(u16::from_le_bytes([*low, *high])),
        _ => None,
    };
    let mut found = [const { String::new() }; 3];
    let numbers = [
        descriptor.manufacturer_string,
        descriptor.product_string,
        descriptor.serial_string,
    ];
    for (place, number) in found.iter_mut().zip(numbers) {
        let Some(language) = language.filter(|_| number != 0) else {
            continue;
        };
        if let Ok(bytes) = slot
            .descriptor(controller, STRING, number, language, 255)
            .await
        {
            *place = text(&bytes);
        }
    }
    let [manufacturer, product, serial] = found;
    let name = match (manufacturer.is_empty(), product.is_empty()) {
        (_, true) => format!(
            "USB device {:04x}:{:04x}",
            descriptor.vendor, descriptor.product
        ),
        (true, false) => product,
        (false, false) if product.starts_with(&manufacturer) => product,
        (false, false) => format!("{manufacturer} {product}"),
    };
    (name, serial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, place};
    use crate::trb::{ADDRESS_DEVICE, DISABLE_SLOT, ENABLE_SLOT, SUCCESS};
    use ochre_driver::executor::Executor;

    /// A hub's task that enumerates a device, and what unplugs the hub.
    fn enumerate(controller: &Rc<Controller>) -> Signal {
        let (controller, gone) = (controller.clone(), Signal::default());
        let (executor, unplugged) = (controller.executor.clone(), gone.clone());
        executor.spawn(async move {
            let reset = async || Ok(Speed::Full);
            first(unplugged.raised(), attach(&controller, reset, place)).await;
        });
        gone
    }

    #[test]
    fn interfaces_share_a_device_s_nodes() {
        let nodes = Quota::new();
        assert_eq!([8, 5, 8, 1].map(|wanted| nodes.take(wanted)), [8, 5, 3, 0]);
    }

    #[test]
    fn a_device_that_is_enumerated_while_its_hub_is_unplugged_leaves_no_slot() {
        for addressed in [false, true] {
            let executor = Executor::default();
            let (fake, controller) = Fake::start(&executor);
            let follow = controller.clone();
            executor.spawn(async move {
                let Err(error) = follow.follow().await;
                panic!("{error}")
            });
            let gone = enumerate(&controller);
            executor.run_ready();
            let mut last = fake.expect(ENABLE_SLOT);
            if addressed {
                fake.complete(&executor, last, SUCCESS, 1);
                last = fake.expect(ADDRESS_DEVICE);
            }
            gone.raise();
            executor.run_ready();
            fake.complete(&executor, last, SUCCESS, 1);
            let disable = fake.expect(DISABLE_SLOT);
            fake.complete(&executor, disable, SUCCESS, 1);
            assert!(!controller.has_slots());
        }
    }
}
