//! Where a core dump goes: /proc/sys/kernel/core_pattern.

use super::ROOT;
use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::context::FsView;
use crate::fs::names::{self, Name};
use crate::fs::node::{AttributeChange, NodeKind, OpenFlags, Timestamp};
use crate::fs::open::OpenFile;
use crate::fs::opening::{How, open_at};
use crate::fs::path::{PATH_MAX, Resolve};
use crate::lock_order;
use crate::task::exit::INIT;
use crate::task::misc::{self, NameOf};
use crate::task::signal::Signal;
use crate::task::thread::Thread;
use crate::task::tree;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::admission::append;
use ochre_hal::sync::SpinLock;

/// Bytes of a pattern, with a NUL (Linux's CORENAME_MAX_SIZE).
const PATTERN_MAX: usize = 128;

#[derive(Clone, Copy)]
struct Pattern {
    bytes: [u8; PATTERN_MAX - 1],
    len: usize,
}

static PATTERN: SpinLock<Pattern> = SpinLock::new(lock_order::CELL, {
    let mut bytes = [0; PATTERN_MAX - 1];
    let (first, _) = bytes.split_at_mut(4);
    first.copy_from_slice(b"core");
    Pattern { bytes, len: 4 }
});

/// /proc/sys/kernel/core_uses_pid: a name that has no `%p` ends in `.PID`.
pub static USES_PID: AtomicU32 = AtomicU32::new(0);

/// The pattern, as it was set.
#[must_use]
pub fn pattern() -> Vec<u8> {
    let Pattern { bytes, len } = *PATTERN.lock();
    bytes[..len].to_vec()
}

/// Sets it to the first line of `text`, if there is one, cut to what there is room for. Dumps are files: `EINVAL`
/// for a program that is to have them.
pub fn set_pattern(text: &[u8]) -> Result {
    if text.is_empty() {
        return Ok(());
    }
    let line = text.split(|&byte| matches!(byte, b'\n' | 0)).next();
    let line = line.unwrap_or_default();
    if line.first() == Some(&b'|') {
        return Err(Errno::EINVAL);
    }
    let len = line.len().min(PATTERN_MAX - 1);
    let mut bytes = [0; PATTERN_MAX - 1];
    bytes[..len].copy_from_slice(&line[..len]);
    *PATTERN.lock() = Pattern { bytes, len };
    Ok(())
}

/// Makes the file that `thread` dumps to.
pub(super) fn open(
    thread: &Thread,
    signal: Signal,
    whose: u32,
    limit: u64,
) -> Result<Arc<OpenFile>> {
    let fs = thread.fs();
    let view = fs.view();
    let name = expand(&pattern(), thread, &view, signal, whose, limit)?;
    let mut identity = Identity::of_thread(thread);
    let (view, start) = if whose == ROOT {
        // Nobody is to have it put where he finds it: only where the name says all of the way.
        if name.first() != Some(&b'/') {
            return Err(Errno::EPERM);
        }
        identity.uid = 0;
        let first = tree::process(INIT).and_then(|first| first.fs());
        let first = first.ok_or(Errno::ESRCH)?.view();
        let root = first.root.clone();
        (first, root)
    } else {
        let path = &name;
        let start = view.cwd.clone();
        // What is there from before goes. What can't be removed is in the way below.
        let _ = names::unlink(&view, &identity, &Name { start, path });
        let start = view.cwd.clone();
        (view, start)
    };
    let how = How {
        flags: OpenFlags::WRITE_ONLY
            | OpenFlags::CREATE
            | OpenFlags::EXCLUSIVE
            | OpenFlags::NO_FOLLOW
            | OpenFlags::LARGE_FILE,
        mode: 0o600 & !fs.umask(),
        resolve: Resolve::empty(),
    };
    let open = open_at(&view, &identity, start, &name, &how)?;
    let path = open.path().ok_or(Errno::EIO)?;
    let attributes = path.node().attributes()?;
    if path.node().kind() != NodeKind::Regular
        || attributes.nlink > 1
        || path.dentry.is_removed()
        || attributes.uid != identity.uid
        || attributes.mode & 0o677 != 0o600
    {
        return Err(Errno::EPERM);
    }
    path.node().inode().set_attributes(&AttributeChange {
        size: Some(0),
        ..AttributeChange::default()
    })?;
    Ok(open)
}

/// Puts a word at the end of the name that is no path, whatever it has in it.
fn put_word(name: &mut Vec<u8>, word: &[u8]) -> Result {
    let first = name.len();
    append(name, word)?;
    for byte in &mut name[first..] {
        if *byte == b'/' {
            *byte = b'!';
        }
    }
    match &mut name[first..] {
        [] => append(name, b"!")?,
        [dot @ b'.'] | [dot @ b'.', b'.'] => *dot = b'!',
        _ => {}
    }
    Ok(())
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The name that a pattern means (core(5), "Naming of core dump files").
fn expand(
    pattern: &[u8],
    thread: &Thread,
    view: &FsView,
    signal: Signal,
    whose: u32,
    limit: u64,
) -> Result<Vec<u8>> {
    let process = thread.process();
    let credentials = process.credentials();
    let mut name = Vec::new();
    let mut has_pid = false;
    let mut rest = pattern.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            append(&mut name, &[byte])?;
            continue;
        }
        let Some(&what) = rest.next() else { break };
        let number = match what {
            b'p' | b'P' => {
                has_pid |= what == b'p';
                u64::from(process.pid)
            }
            b'i' | b'I' => u64::from(thread.tid()),
            b'u' => credentials.uid.real.into(),
            b'g' => credentials.gid.real.into(),
            b'd' => whose.into(),
            b's' => signal.into(),
            b't' => Timestamp::now().seconds().unsigned_abs(),
            b'c' => limit,
            b'%' => {
                append(&mut name, b"%")?;
                continue;
            }
            b'h' => {
                put_word(&mut name, until_nul(&misc::name(NameOf::Host)))?;
                continue;
            }
            b'e' => {
                put_word(&mut name, until_nul(&thread.name()))?;
                continue;
            }
            b'f' | b'E' => {
                let path = process.program().path.ok_or(Errno::ENOENT)?;
                let (path, _) = path.name_from(&view.root, PATH_MAX)?;
                let last = path.rsplit(|&byte| byte == b'/').next();
                let whole = what == b'E';
                put_word(
                    &mut name,
                    if whole {
                        &path
                    } else {
                        last.unwrap_or_default()
                    },
                )?;
                continue;
            }
            _ => continue,
        };
        append(&mut name, format!("{number}").as_bytes())?;
    }
    if !has_pid && USES_PID.load(Ordering::Relaxed) != 0 {
        append(&mut name, format!(".{}", process.pid).as_bytes())?;
    }
    if name.len() >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::put_word;

    #[test]
    fn words_are_no_paths() {
        for (word, shown) in [
            ("a/b", "x!a!b"),
            ("..", "x!!."),
            (".", "x!!"),
            ("", "x!!"),
            ("...", "x!..."),
        ] {
            let mut name = b"x!".to_vec();
            put_word(&mut name, word.as_bytes()).unwrap();
            assert_eq!(name, shown.as_bytes(), "{word}");
        }
    }
}
