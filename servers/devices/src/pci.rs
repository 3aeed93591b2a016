//! The functions of the PCI bus, from their configuration space.

use crate::device::{Device, Home};
use ochre_display::uevent::pci_path;
use ochre_driver::Result;
use ochre_driver::pci::PciDevice;
use rustix::fs::{Mode, OFlags, open};

/// The part of configuration space that is open to all.
const HEADER: usize = 64;

/// The function at `/dev/pci/PLACE`.
pub fn describe(place: &str) -> Result<Device> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let fd = open(format!("/dev/pci/{place}"), flags, Mode::empty())?;
    Ok(device(place, PciDevice::new(fd)?.config()))
}

fn device(place: &str, config: &[u8]) -> Device {
    let half = |at: usize| u16::from_le_bytes([config[at], config[at + 1]]);
    let (vendor, id) = (half(0), half(2));
    // A bridge has other things where a function has the numbers of its board.
    let bridge = config[0x0e] & 0x7f != 0;
    let (board_vendor, board) = if bridge {
        (0, 0)
    } else {
        (half(0x2c), half(0x2e))
    };
    let [revision, interface, subclass, class] = [8, 9, 10, 11].map(|at| config[at]);
    let mut device = Device::new(pci_path(place), "pci", Home::Bus);
    let number = u32::from_be_bytes([0, class, subclass, interface]);
    device.fact("PCI_CLASS", format!("{number:X}"));
    device.fact("PCI_ID", format!("{vendor:04X}:{id:04X}"));
    device.fact("PCI_SUBSYS_ID", format!("{board_vendor:04X}:{board:04X}"));
    device.fact("PCI_SLOT_NAME", format!("0000:{place}"));
    let alias = format!(
        "pci:v{vendor:08X}d{id:08X}sv{board_vendor:08X}sd{board:08X}bc{class:02X}sc{subclass:02X}i{interface:02x}"
    );
    device.fact("MODALIAS", alias.as_str());
    device.line("modalias", &alias);
    device.line("class", &format!("{number:#08x}"));
    device.line("revision", &format!("{revision:#04x}"));
    for (name, value) in [
        ("vendor", vendor),
        ("device", id),
        ("subsystem_vendor", board_vendor),
        ("subsystem_device", board),
    ] {
        device.line(name, &format!("{value:#06x}"));
    }
    let header = config[..HEADER.min(config.len())].to_vec();
    device.attributes.push(("config".into(), header.into()));
    device
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_as_linux_tells_of_it() {
        let mut config = [0; 256];
        config[..4].copy_from_slice(&[0xf4, 0x1a, 0x50, 0x10]);
        config[8..12].copy_from_slice(&[1, 0, 0x80, 3]);
        config[0x2c..0x30].copy_from_slice(&[0xf4, 0x1a, 0, 0x11]);
        let device = device("00:02.0", &config);
        assert_eq!(device.path, "/devices/pci0000:00/0000:00:02.0");
        let facts: Vec<String> = device
            .facts
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(
            facts,
            [
                "PCI_CLASS=38000",
                "PCI_ID=1AF4:1050",
                "PCI_SUBSYS_ID=1AF4:1100",
                "PCI_SLOT_NAME=0000:00:02.0",
                "MODALIAS=pci:v00001AF4d00001050sv00001AF4sd00001100bc03sc80i00",
            ]
        );
        let class = device.attributes.iter().find(|(name, _)| name == "class");
        assert_eq!(class.map(|(_, text)| &**text), Some(&b"0x038000\n"[..]));
    }
}
