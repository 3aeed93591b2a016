//! /proc/net: unix and netlink sockets, and what programs ask of a network that has no interfaces.

use crate::errno::Result;
use crate::ipc::inet::Family;
use crate::ipc::inet::address::Address;
use crate::ipc::inet::ports::{self, Space};
use crate::ipc::netlink;
use crate::ipc::unix::{self, Report};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use ochre_hal::admission::Room;

pub const ARP: &[u8] =
    b"IP address       HW type     Flags       HW address            Mask     Device\n";
pub const DEVICES: &[u8] = b"\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";
pub const PACKET: &[u8] = b"sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n";
pub const RAW: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";
/// udp6 has the same.
const RAW6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
pub fn raw6() -> Vec<u8> {
    padded(RAW6, 0)
}

/// A line of a table whose lines are all as long.
fn padded(line: &str, len: usize) -> Vec<u8> {
    format!("{line:<len$}\n").into_bytes()
}

/// Sockets of a protocol's and a family's that have ports. Of TCP's only those that listen are told.
pub fn ports(space: Space, family: Family) -> Result<Vec<u8>> {
    let (header, width) = match (space, family) {
        (Space::Tcp, Family::V4) => (
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            149,
        ),
        (Space::Udp, Family::V4) => (
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
            127,
        ),
        (Space::Tcp, Family::V6) => (
            "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            0,
        ),
        (Space::Udp, Family::V6) => (RAW6, 0),
    };
    let mut text = padded(header, width);
    let told = ports::report()?.into_iter().filter(|(of, _, claim)| {
        (*of, claim.family) == (space, family) && (space == Space::Udp || claim.listens)
    });
    for (number, (_, port, claim)) in told.enumerate() {
        let (local, remote) = match family {
            Family::V4 => (hex(claim.address, family), "0".repeat(8)),
            Family::V6 => (hex(claim.address, family), "0".repeat(32)),
        };
        // What is always the same: queues, timers; then who holds it, where, and drops or windows.
        let (state, end) = match space {
            Space::Tcp => ("0A", "100 0 0 10 0"),
            Space::Udp => ("07", "0"),
        };
        let slot = match space {
            Space::Tcp => format!("{number:4}"),
            Space::Udp => format!("{number:5}"),
        };
        let (uid, ino) = (claim.uid, claim.ino);
        let line = padded(
            &format!(
                "{slot}: {local}:{port:04X} {remote}:0000 {state} 00000000:00000000 00:00000000 00000000 \
                 {uid:5} {:8} {ino} {} {:016x} {end}",
                0,
                if space == Space::Tcp { 1 } else { 2 },
                0
            ),
            width,
        );
        text.room(line.len())?;
        text.extend_from_slice(&line);
    }
    Ok(text)
}

/// An address by words of the machine's order.
fn hex(address: Address, family: Family) -> String {
    let bytes = address.to_sockaddr(family, 0);
    let bytes = match family {
        Family::V4 => &bytes[4..8],
        Family::V6 => &bytes[8..24],
    };
    let mut text = String::new();
    for word in bytes.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        let _ = write!(text, "{word:08X}");
    }
    text
}

/// How many sockets there are.
pub fn counts() -> Result<Vec<u8>> {
    let all = ports::report()?;
    let of = |space| all.iter().filter(|(of, ..)| *of == space).count();
    let (tcp, udp) = (of(Space::Tcp), of(Space::Udp));
    let used = unix::count() + netlink::report()?.len() + tcp + udp;
    Ok(format!(
        "sockets: used {used}\nTCP: inuse {tcp} orphan 0 tw 0 alloc {tcp} mem 0\nUDP: inuse {udp} mem 0\n\
         UDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n"
    )
    .into_bytes())
}

/// Netlink sockets. Nobody is told where they are in the kernel's memory.
pub fn netlink() -> Result<Vec<u8>> {
    let mut text = String::from(
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n",
    );
    for netlink::Report {
        protocol,
        port,
        groups,
    } in netlink::report()?
    {
        let _ = writeln!(
            text,
            "{:016x} {protocol:<3} {port:<10} {groups:08x} {:<8} {:<8} {:<5} {:<8} {:<8} {:<8}",
            0, 0, 0, 0, 2, 0, 0,
        );
    }
    Ok(text.into_bytes())
}

/// Unix sockets.
pub fn unix() -> Result<Vec<u8>> {
    /// `__SO_ACCEPTCON`.
    const LISTENS: u32 = 0x1_0000;
    let mut text = b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec();
    for Report {
        kind,
        ino,
        listens,
        connected,
        accepted,
        name,
    } in unix::report()?
    {
        // SS_UNCONNECTED and SS_CONNECTED, or SS_CONNECTING while nobody has accepted it.
        let state = match (accepted, connected) {
            (false, _) => 2,
            (true, false) => 1,
            (true, true) => 3,
        };
        let references = 2 + u32::from(connected);
        let flags = if listens { LISTENS } else { 0 };
        let ino = if accepted { ino } else { 0 };
        let line = format!(
            "{:016x}: {references:08X} {:08X} {flags:08X} {kind:04X} {state:02X} {ino:5}",
            0, 0
        );
        text.room(line.len() + name.len() + 2)?;
        text.extend_from_slice(line.as_bytes());
        if !name.is_empty() {
            text.push(b' ');
            text.extend_from_slice(&name);
        }
        text.push(b'\n');
    }
    Ok(text)
}
