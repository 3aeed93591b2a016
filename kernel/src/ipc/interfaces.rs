//! What sockets of all families are asked of interfaces (netdevice(7)): there are none.

use crate::errno::{Errno, Result};
use crate::mm::uptr::UserPtr;

/// SIOCGIFCONF: interfaces with addresses.
const LIST: u32 = 0x8912;
/// Questions about one that is named or numbered: SIOCGIFNAME to SIOCGIFTXQLEN.
const FIRST: u32 = 0x8910;
const LAST: u32 = 0x8942;
/// sizeof(struct ifreq).
const REQUEST: usize = 40;

/// Answers an ioctl that a socket's family doesn't know.
pub fn ioctl(command: u32, arg: usize) -> Result<usize> {
    match command {
        // Its length comes first.
        LIST => UserPtr::new(arg).write(&0_u32).map(|()| 0),
        FIRST..=LAST => {
            UserPtr::<u8>::new(arg).read_vec(REQUEST, REQUEST)?;
            Err(Errno::ENODEV)
        }
        _ => Err(Errno::ENOTTY),
    }
}
