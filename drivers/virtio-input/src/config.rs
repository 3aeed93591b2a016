//! What the device says of itself (virtio 1.2, 5.8.4): a selector and an answer of up to 128 bytes.

use ochre_display::evdev::Description;
use ochre_display::evdev::abi::{AbsInfo, EV_ABS, EV_COUNT, InputId};
use ochre_virtio::Transport;

const SELECT: usize = 0;
const SUBSELECT: usize = 1;
const SIZE: usize = 2;
const DATA: usize = 8;
const DATA_MAX: usize = 128;

const ID_NAME: u8 = 0x01;
const ID_SERIAL: u8 = 0x02;
const ID_DEVIDS: u8 = 0x03;
const PROP_BITS: u8 = 0x10;
const EV_BITS: u8 = 0x11;
const ABS_INFO: u8 = 0x12;

fn query(transport: &Transport, select: u8, subselect: u8) -> Vec<u8> {
    transport.set_config_u8(SELECT, select);
    transport.set_config_u8(SUBSELECT, subselect);
    let len = usize::from(transport.config_u8(SIZE)).min(DATA_MAX);
    (0..len).map(|at| transport.config_u8(DATA + at)).collect()
}

fn codes(bits: &[u8]) -> impl Iterator<Item = u16> {
    (0..bits.len() as u16 * 8).filter(|code| bits[usize::from(code / 8)] >> (code % 8) & 1 != 0)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Asks for everything.
pub fn describe(transport: &Transport) -> Description {
    let ids = query(transport, ID_DEVIDS, 0);
    let mut description = Description {
        name: text(&query(transport, ID_NAME, 0)),
        phys: "virtio/input0".into(),
        uniq: text(&query(transport, ID_SERIAL, 0)),
        id: ids
            .get(..8)
            .map_or_else(InputId::default, bytemuck::pod_read_unaligned),
        properties: codes(&query(transport, PROP_BITS, 0)).collect(),
        ..Description::default()
    };
    for kind in 1..EV_COUNT as u8 {
        let bits = query(transport, EV_BITS, kind);
        if bits.is_empty() {
            continue;
        }
        let codes: Vec<u16> = codes(&bits).collect();
        if u16::from(kind) == EV_ABS {
            for code in &codes {
                description.axes.insert(*code, axis(transport, *code));
            }
        }
        description = description.with(kind.into(), codes);
    }
    description
}

fn axis(transport: &Transport, code: u16) -> AbsInfo {
    let raw = query(transport, ABS_INFO, code as u8);
    let word = |at: usize| {
        let bytes = raw.get(at * 4..at * 4 + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(0, i32::from_le_bytes)
    };
    AbsInfo {
        value: 0,
        minimum: word(0),
        maximum: word(1),
        fuzz: word(2),
        flat: word(3),
        resolution: word(4),
    }
}
