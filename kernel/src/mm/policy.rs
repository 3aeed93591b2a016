//! Where memory is to come from (set_mempolicy(2), mbind(2)). There is one node, so every policy that
//! can be had leads to it: they are checked as Linux checks them, kept, and told.

use super::map::space_of;
use super::mapping::Flags;
use super::uptr::UserPtr;
use crate::errno::{Errno, Result};
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use ochre_hal::{PAGE_SIZE, USER_END};

/// Modes, by Linux's numbers.
const DEFAULT: u32 = 0;
const PREFERRED: u32 = 1;
const BIND: u32 = 2;
const INTERLEAVE: u32 = 3;
const LOCAL: u32 = 4;
const PREFERRED_MANY: u32 = 5;

/// What can stand beside a mode.
const STATIC_NODES: u32 = 1 << 15;
const RELATIVE_NODES: u32 = 1 << 14;
const BALANCING: u32 = 1 << 13;
const MODE_FLAGS: u32 = STATIC_NODES | RELATIVE_NODES | BALANCING;

/// What get_mempolicy is asked for.
const OF_NODE: u32 = 1;
const OF_ADDRESS: u32 = 2;
const OF_ALLOWED: u32 = 4;

/// mbind's: STRICT, MOVE and MOVE_ALL.
const MOVE_ALL: u32 = 4;
const BIND_FLAGS: u32 = 7;

/// Nodes that Linux's for PCs has room for.
const NODES: usize = 1024;
const WORD: usize = u64::BITS as usize;

/// What is kept of a policy: its mode with its flags. All but the local ones mean node 0.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Policy(u32);

impl Policy {
    /// `mode` for nodes of which the first is in the set or not, and of which there are others.
    fn new(mode: u32, (first, others): (bool, bool)) -> Result<Policy> {
        let (flags, mode) = (mode & MODE_FLAGS, mode & !MODE_FLAGS);
        let fixed = flags & (STATIC_NODES | RELATIVE_NODES);
        if mode > PREFERRED_MANY
            || fixed == STATIC_NODES | RELATIVE_NODES
            || flags & BALANCING != 0 && mode != BIND
        {
            return Err(Errno::EINVAL);
        }
        let none = !first && !others;
        match mode {
            DEFAULT if none => return Ok(Policy(DEFAULT)),
            PREFERRED | LOCAL if none && fixed == 0 => return Ok(Policy(LOCAL)),
            DEFAULT | LOCAL => return Err(Errno::EINVAL),
            _ if none => return Err(Errno::EINVAL),
            _ => {}
        }
        // Relative ones are counted among those that there are.
        if first || flags & RELATIVE_NODES != 0 {
            Ok(Policy(mode | flags))
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn mode(self) -> u32 {
        self.0 & !MODE_FLAGS
    }

    fn has_nodes(self) -> bool {
        !matches!(self.mode(), DEFAULT | LOCAL)
    }
}

/// A mapping's policy in its flags.
impl Flags {
    fn of_policy(policy: Policy) -> Flags {
        let fixed = (policy.0 & MODE_FLAGS) >> BALANCING.trailing_zeros();
        let bits = policy.mode() | fixed << 3;
        Flags::from_bits_truncate(bits << Flags::POLICY.bits().trailing_zeros())
    }

    fn policy(self) -> Policy {
        let bits = (self & Flags::POLICY).bits() >> Flags::POLICY.bits().trailing_zeros();
        Policy(bits & 7 | bits >> 3 << BALANCING.trailing_zeros())
    }
}

/// Whether node 0 is in the set at `addr`, and whether others are; `count` is one more than it has bits.
fn nodes_at(addr: usize, count: usize) -> Result<(bool, bool)> {
    let count = count.wrapping_sub(1);
    if count == 0 || addr == 0 {
        return Ok((false, false));
    }
    if count > PAGE_SIZE * 8 {
        return Err(Errno::EINVAL);
    }
    let len = count.div_ceil(WORD);
    let mut words: Vec<u64> = UserPtr::<u64>::new(addr).read_vec(len, len)?;
    if let (Some(last), rest @ 1..) = (words.last_mut(), count % WORD) {
        *last &= (1 << rest) - 1;
    }
    if words.iter().skip(NODES / WORD).any(|&word| word != 0) {
        return Err(Errno::EINVAL);
    }
    let first = words.first().is_some_and(|word| word & 1 != 0);
    let others = words.iter().enumerate();
    let others = others.map(|(at, word)| if at == 0 { word & !1 } else { *word });
    Ok((first, others.fold(0, |all, word| all | word) != 0))
}

pub fn set_policy(ctx: &SyscallCtx<'_>, mode: u32, nodes: usize, count: usize) -> Result<usize> {
    let policy = Policy::new(mode, nodes_at(nodes, count)?)?;
    ctx.thread.memory_policy.store(policy.0, Ordering::Relaxed);
    Ok(0)
}

pub fn get_policy(
    ctx: &SyscallCtx<'_>,
    out: usize,
    nodes: usize,
    count: usize,
    (addr, flags): (usize, u32),
) -> Result<usize> {
    if nodes != 0 && count < 1 || flags & !(OF_NODE | OF_ADDRESS | OF_ALLOWED) != 0 {
        return Err(Errno::EINVAL);
    }
    let (told, has_nodes) = if flags & OF_ALLOWED != 0 {
        if flags != OF_ALLOWED {
            return Err(Errno::EINVAL);
        }
        (DEFAULT, true)
    } else {
        let own = Policy(ctx.thread.memory_policy.load(Ordering::Relaxed));
        let policy = if flags & OF_ADDRESS == 0 {
            if addr != 0 {
                return Err(Errno::EINVAL);
            }
            own
        } else {
            let space = space_of(ctx)?;
            let inner = space.lock();
            inner.find(addr).ok_or(Errno::EFAULT)?.flags.policy()
        };
        let told = match flags {
            // The node of the page there, or the next to be taken from.
            _ if flags & OF_NODE == 0 => policy.0,
            _ if flags & OF_ADDRESS != 0 || policy.mode() == INTERLEAVE => 0,
            _ => return Err(Errno::EINVAL),
        };
        (told, policy.has_nodes())
    };
    UserPtr::<u32>::new(out).write_if(&told)?;
    if nodes != 0 {
        let len = (count - 1).div_ceil(WORD);
        if len * WORD / 8 > PAGE_SIZE {
            return Err(Errno::EINVAL);
        }
        for at in 0..len {
            let word = u64::from(has_nodes && at == 0);
            UserPtr::<u64>::new(nodes + at * 8).write(&word)?;
        }
    }
    Ok(0)
}

pub fn bind(ctx: &SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [start, len, mode, nodes, count, flags] = args;
    let flags = flags as u32;
    let nodes = nodes_at(nodes, count)?;
    if mode as u32 & !MODE_FLAGS > PREFERRED_MANY || flags & !BIND_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & MOVE_ALL != 0 && !ctx.thread.credentials().can(Capabilities::SYS_NICE) {
        return Err(Errno::EPERM);
    }
    let len = len.checked_next_multiple_of(PAGE_SIZE).unwrap_or(0);
    let end = start.checked_add(len).ok_or(Errno::EINVAL)?;
    if !start.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    if end == start {
        return Ok(0);
    }
    let policy = Flags::of_policy(Policy::new(mode as u32, nodes)?);
    if end > USER_END {
        return Err(Errno::EFAULT);
    }
    let space = space_of(ctx)?;
    let changed = space.lock_maps().change(start..end, |mapping, _| {
        mapping.flags = (mapping.flags - Flags::POLICY) | policy;
        Ok(())
    });
    changed.map_err(|error| match error {
        Errno::ENOMEM => Errno::EFAULT,
        other => other,
    })?;
    Ok(0)
}
