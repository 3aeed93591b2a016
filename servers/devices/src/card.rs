//! Display cards and their connectors, as the card tells any client.

use crate::device::{Device, DeviceNode, Home, instance};
use drm::control::{Device as ControlDevice, connector};
use ochre_display::uevent::{Subsystem, parent_path};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

/// Opened for reading only, so that looking at the card does not make us its master.
struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl ControlDevice for Card {}

/// The card at `/dev/dri/NAME`, which `owner` serves, and after it its connectors.
pub fn describe(name: &str, owner: &str) -> io::Result<Vec<Device>> {
    let card = Card(File::open(format!("/dev/dri/{name}"))?);
    let metadata = card.0.metadata()?;
    let number = metadata.rdev();
    let mut device = Device::new(
        Subsystem::Drm.device_path(owner, name),
        Subsystem::Drm.name(),
        Home::Class,
    );
    device.node = Some(DeviceNode {
        name: format!("dri/{name}"),
        major: rustix::fs::major(number),
        minor: rustix::fs::minor(number),
    });
    device.fact("DEVTYPE", "drm_minor");
    device.parent = Some(parent_path(owner));
    let mut all = vec![device];
    for handle in card.resource_handles()?.connectors() {
        let connector = connector(&card, *handle, &all[0])?;
        all.push(connector);
    }
    for device in &mut all {
        device.instance = instance(&metadata);
    }
    Ok(all)
}

fn connector(card: &Card, handle: connector::Handle, parent: &Device) -> io::Result<Device> {
    let info = card.get_connector(handle, false)?;
    let kind = info.interface().as_str();
    let name = format!("{}-{kind}-{}", parent.name(), info.interface_id());
    let path = format!("{}/{name}", parent.path);
    let mut device = Device::new(path, parent.subsystem, Home::Class);
    device.fact("DEVTYPE", "drm_connector");
    device.parent = Some(parent.path.clone());
    let state = match info.state() {
        connector::State::Connected => "connected",
        connector::State::Disconnected => "disconnected",
        connector::State::Unknown => "unknown",
    };
    device.line("status", state);
    device.line("connector_id", &u32::from(handle).to_string());
    let modes = info.modes().iter();
    let modes = modes.fold(String::new(), |text, mode| {
        text + &mode.name().to_string_lossy() + "\n"
    });
    device
        .attributes
        .push(("modes".into(), modes.into_bytes().into()));
    let edid = edid(card, handle)?.unwrap_or_default();
    device.attributes.push(("edid".into(), edid.into()));
    Ok(device)
}

fn edid(card: &Card, handle: connector::Handle) -> io::Result<Option<Vec<u8>>> {
    let properties = card.get_properties(handle)?;
    for (property, value) in properties.iter() {
        let info = card.get_property(*property)?;
        if info.name().to_bytes() == b"EDID" && *value != 0 {
            return card.get_property_blob(*value).map(Some);
        }
    }
    Ok(None)
}
