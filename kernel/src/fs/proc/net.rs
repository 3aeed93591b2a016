//! /proc/net: unix and netlink sockets, and what programs ask of a network that has no interfaces.

use crate::errno::Result;
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
pub const RAW6: &[u8] = b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";
pub const TCP6: &[u8] = b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// A line of a table whose lines are all as long.
fn padded(line: &str, len: usize) -> Vec<u8> {
    format!("{line:<len$}\n").into_bytes()
}

pub fn tcp() -> Vec<u8> {
    padded(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        149,
    )
}

pub fn udp() -> Vec<u8> {
    padded(
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
        127,
    )
}

/// How many sockets there are; those of the internet's protocols are none.
pub fn counts() -> Result<Vec<u8>> {
    let used = unix::count() + netlink::report()?.len();
    Ok(format!(
        "sockets: used {used}\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\n\
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
