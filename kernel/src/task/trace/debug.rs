//! The debug registers of a stopped thread, as its tracer has them in `struct user`.

use crate::errno::{Errno, Result};
use ochre_hal::USER_END;
use ochre_hal::user::DebugRegisters;

/// What DR6 is when nothing was met.
const STATUS_CLEAR: u64 = 0xffff_0ff0;

/// EINVAL unless `kind` is one of programs' accesses, and `address` one that it can be about.
fn check(address: usize, kind: u64) -> Result {
    const EXECUTES: u64 = 0;
    const IO: u64 = 2;
    let len = match kind >> 2 {
        0 => 1,
        1 => 2,
        2 => 8,
        _ => 4,
    };
    let known = kind & 3 != IO && (kind & 3 != EXECUTES || len == 1);
    let end = address.checked_add(len).ok_or(Errno::EINVAL)?;
    if known && address.is_multiple_of(len) && end <= USER_END {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// Register `n`; 4 and 5 there are none of.
pub fn get(registers: &DebugRegisters, n: usize) -> usize {
    match n {
        0..4 => registers.addresses[n],
        6 => (registers.status ^ STATUS_CLEAR) as usize,
        7 => registers.control as usize,
        _ => 0,
    }
}

/// Sets register `n`: an address as its kind allows, or the kinds as all addresses do.
pub fn set(registers: &mut DebugRegisters, n: usize, value: usize) -> Result {
    match n {
        0..4 => {
            check(value, registers.kind(n))?;
            registers.addresses[n] = value;
        }
        6 => registers.status = value as u64 ^ STATUS_CLEAR,
        7 => {
            let new = DebugRegisters {
                control: value as u64,
                ..*registers
            };
            for (n, &address) in new.addresses.iter().enumerate() {
                if new.is_enabled(n) || address != 0 {
                    check(address, new.kind(n))?;
                }
            }
            *registers = new;
        }
        _ => return Err(Errno::EIO),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{get, set};
    use crate::errno::Errno;
    use ochre_hal::USER_END;
    use ochre_hal::user::DebugRegisters;

    #[test]
    fn kinds_and_addresses_fit() {
        let mut registers = DebugRegisters::default();
        assert_eq!(set(&mut registers, 0, USER_END), Err(Errno::EINVAL));
        assert_eq!(set(&mut registers, 0, usize::MAX), Err(Errno::EINVAL));
        assert_eq!(set(&mut registers, 0, 0x1004), Ok(()));
        // Eight bytes written, of an address that is a multiple of four.
        assert_eq!(set(&mut registers, 7, 0x9_0001), Err(Errno::EINVAL));
        assert_eq!(set(&mut registers, 7, 0xd_0001), Ok(()));
        assert_eq!(set(&mut registers, 0, 0x1006), Err(Errno::EINVAL));
        assert_eq!(get(&registers, 0), 0x1004);
        assert_eq!(set(&mut registers, 7, 0x2_0001), Err(Errno::EINVAL));
        assert_eq!(set(&mut registers, 7, 0x4_0001), Err(Errno::EINVAL));
        assert_eq!(get(&registers, 7), 0xd_0001);
        assert_eq!(set(&mut registers, 4, 0), Err(Errno::EIO));
        assert_eq!(get(&registers, 6), 0xffff_0ff0);
    }
}
