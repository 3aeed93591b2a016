//! /proc/sys: the kernel's bounds and settings. What can be set has an effect; of the others nobody
//! can open the file for writing.

use super::text::Text;
use super::tree::Tree;
use crate::errno::{Errno, Result};
use crate::fs::calls::aio;
use crate::fs::lease::BREAK_TIME;
use crate::fs::{inotify, namespace};
use crate::ipc::epoll;
use crate::ipc::mqueue::calls as mqueue;
use crate::ipc::sysv::report::Bounds;
use crate::ipc::unix;
use crate::mm::map::OVERCOMMITS;
use crate::mm::space;
use crate::population::{self, ObjectKind};
use crate::sched;
use crate::task::misc::{self, NameOf};
use crate::task::{self, dump, limits};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Display, Write};
use core::sync::atomic::{AtomicU32, Ordering};

/// A file that is only read.
fn reads(tree: &mut Tree, path: &str, make: impl Fn() -> Vec<u8> + Send + Sync + 'static) {
    let mut text = Text::new(super::tree::next_ino(), Box::new(move || Ok(make())));
    text.constant = true;
    tree.writable(path, text);
}

fn constant(tree: &mut Tree, path: &str, value: impl Display) {
    let text = format!("{value}\n").into_bytes();
    reads(tree, path, move || text.clone());
}

/// A file by which root changes something.
fn takes(
    tree: &mut Tree,
    path: &str,
    make: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    take: impl Fn(&[u8]) -> Result + Send + Sync + 'static,
) {
    let mut text = Text::new(super::tree::next_ino(), Box::new(move || Ok(make())));
    text.mode = 0o644;
    text.take = Some(Box::new(take));
    tree.writable(path, text);
}

fn number_of(bytes: &[u8]) -> Result<u32> {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    text.trim().parse().map_err(|_| Errno::EINVAL)
}

/// A number up to `most` that root changes.
fn setting(tree: &mut Tree, path: &str, value: &'static AtomicU32, most: u32) {
    takes(
        tree,
        path,
        || format!("{}\n", value.load(Ordering::Relaxed)).into_bytes(),
        move |bytes| {
            let new = number_of(bytes)?;
            if new > most {
                return Err(Errno::EINVAL);
            }
            value.store(new, Ordering::Relaxed);
            Ok(())
        },
    );
}

pub fn fill(tree: &mut Tree) {
    kernel(tree.directory("kernel"));
    random(tree.directory("kernel/random"));
    system_v(tree.directory("kernel"));
    files(tree.directory("fs"));
    memory(tree.directory("vm"));
    users(tree.directory("user"));
    network(tree.directory("net/core"));
    constant(tree, "crypto/fips_enabled", 0);
}

fn kernel(tree: &mut Tree) {
    for (path, value) in [
        ("ostype", "Linux"),
        ("osrelease", misc::RELEASE),
        ("version", misc::VERSION),
        ("arch", "x86_64"),
    ] {
        constant(tree, path, value);
    }
    for (path, which) in [("hostname", NameOf::Host), ("domainname", NameOf::Domain)] {
        let make = move || {
            let name = misc::name(which);
            let len = name.iter().position(|&b| b == 0).unwrap_or(name.len());
            let mut text = name[..len].to_vec();
            text.push(b'\n');
            text
        };
        takes(tree, path, make, move |bytes| {
            let line = bytes.split(|&byte| byte == b'\n').next();
            misc::rename(which, line.unwrap_or_default());
            Ok(())
        });
    }
    for (path, value) in [
        ("pid_max", u64::from(task::tree::PID_MAX)),
        ("threads-max", task::tree::MAX_THREADS as u64),
        ("cap_last_cap", task::credentials::LAST_CAPABILITY.into()),
        ("ngroups_max", 65536),
        ("overflowuid", 65534),
        ("overflowgid", 65534),
        ("randomize_va_space", 2),
        ("tainted", 0),
        ("core_pipe_limit", 0),
        // What others may know of the kernel: little.
        ("dmesg_restrict", 1),
        ("perf_event_paranoid", 3),
        ("unprivileged_bpf_disabled", 2),
        // A process may trace those of its user.
        ("yama/ptrace_scope", 0),
        ("modules_disabled", 1),
        ("sched_child_runs_first", 0),
        ("sched_rr_timeslice_ms", sched::QUANTUM / 1_000_000),
    ] {
        constant(tree, path, value);
    }
    let pattern = || {
        let mut text = dump::name::pattern();
        text.push(b'\n');
        text
    };
    takes(tree, "core_pattern", pattern, dump::name::set_pattern);
    setting(tree, "core_uses_pid", &dump::name::USES_PID, u32::MAX);
    reads(tree, "ns_last_pid", || {
        format!("{}\n", task::tree::last_pid()).into_bytes()
    });
}

fn random(tree: &mut Tree) {
    reads(tree, "boot_id", || {
        static ID: ochre_hal::sync::Once<[u8; 16]> = ochre_hal::sync::Once::new();
        uuid(*ID.get_or_init(random_bytes))
    });
    reads(tree, "uuid", || uuid(random_bytes()));
    constant(tree, "entropy_avail", 256);
    constant(tree, "poolsize", 256);
}

fn system_v(tree: &mut Tree) {
    let Bounds {
        shared: [bytes, segments],
        semaphores: [set, total, operations, sets],
        messages: [message, queue, queues],
    } = Bounds::get();
    constant(tree, "shmmax", bytes);
    constant(tree, "shmall", bytes);
    constant(tree, "shmmni", segments);
    constant(tree, "shm_rmid_forced", 0);
    constant(tree, "sem", format!("{set}\t{total}\t{operations}\t{sets}"));
    constant(tree, "msgmax", message);
    constant(tree, "msgmnb", queue);
    constant(tree, "msgmni", queues);
}

fn files(tree: &mut Tree) {
    const MAX: u64 = i64::MAX as u64;
    for (path, value) in [
        ("nr_open", limits::MAX_FILES),
        ("file-max", MAX),
        ("pipe-max-size", 1 << 20),
        ("aio-max-nr", aio::MAX_EVENTS as u64),
        ("dir-notify-enable", 1),
        ("leases-enable", 1),
        ("mount-max", namespace::MOUNTS_MAX as u64),
        ("overflowuid", 65534),
        ("overflowgid", 65534),
        ("inotify/max_user_watches", inotify::WATCHES_MAX),
        ("inotify/max_user_instances", inotify::INSTANCES_MAX),
        ("inotify/max_queued_events", inotify::EVENTS_MAX as u64),
        // Of one set: users are not counted.
        ("epoll/max_user_watches", epoll::ITEMS_MAX as u64),
        ("mqueue/msg_default", mqueue::MESSAGES as u64),
        ("mqueue/msg_max", mqueue::MESSAGES as u64),
        ("mqueue/msgsize_default", mqueue::MESSAGE_BYTES as u64),
        ("mqueue/msgsize_max", mqueue::MESSAGE_BYTES as u64),
        ("mqueue/queues_max", mqueue::QUEUES_MAX as u64),
    ] {
        constant(tree, path, value);
    }
    reads(tree, "aio-nr", || {
        format!("{}\n", aio::reserved()).into_bytes()
    });
    reads(tree, "file-nr", || {
        format!("{}\t0\t{MAX}\n", population::count(ObjectKind::OpenFile)).into_bytes()
    });
    reads(tree, "inode-nr", || {
        format!("{}\t0\n", population::count(ObjectKind::Node)).into_bytes()
    });
    setting(tree, "lease-break-time", &BREAK_TIME, u32::MAX);
    setting(tree, "suid_dumpable", &dump::OF_SET_ID, dump::ROOT);
}

fn memory(tree: &mut Tree) {
    for (path, value) in [
        ("max_map_count", space::MAX_MAPPINGS),
        ("mmap_min_addr", space::MIN_ADDR),
        // Without swap it makes no difference.
        ("swappiness", 60),
        ("overcommit_ratio", 50),
        ("overcommit_kbytes", 0),
        ("nr_hugepages", 0),
        ("nr_overcommit_hugepages", 0),
        ("panic_on_oom", 0),
        ("oom_kill_allocating_task", 0),
        ("unprivileged_userfaultfd", 0),
    ] {
        constant(tree, path, value);
    }
    takes(
        tree,
        "overcommit_memory",
        || format!("{}\n", u32::from(OVERCOMMITS.load(Ordering::Relaxed))).into_bytes(),
        |bytes| {
            // 2 would be to count what is promised.
            let always = match number_of(bytes)? {
                0 => false,
                1 => true,
                _ => return Err(Errno::EINVAL),
            };
            OVERCOMMITS.store(always, Ordering::Relaxed);
            Ok(())
        },
    );
    // Programs write here what the kernel does by itself; it is taken, and changes little.
    let mut drop_caches = Text::new(super::tree::next_ino(), Box::new(|| Ok(b"0\n".to_vec())));
    drop_caches.mode = 0o200;
    drop_caches.take = Some(Box::new(|_| {
        crate::fs::dentry::shrink_name_cache();
        Ok(())
    }));
    tree.writable("drop_caches", drop_caches);
}

/// How many of each a user may have; 0 of namespaces that there is only one of.
fn users(tree: &mut Tree) {
    for kind in ["cgroup", "ipc", "net", "pid", "time", "user", "uts"] {
        constant(tree, &format!("max_{kind}_namespaces"), 0);
    }
    constant(tree, "max_mnt_namespaces", task::tree::MAX_THREADS / 2);
    constant(tree, "max_inotify_instances", inotify::INSTANCES_MAX);
    constant(tree, "max_inotify_watches", inotify::WATCHES_MAX);
    constant(tree, "max_fanotify_groups", 0);
    constant(tree, "max_fanotify_marks", 0);
}

fn network(tree: &mut Tree) {
    constant(tree, "somaxconn", 4096);
    for path in ["rmem_default", "rmem_max", "wmem_default", "wmem_max"] {
        constant(tree, path, unix::DEFAULT_CAPACITY);
    }
}

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    crate::random::fill(&mut bytes);
    bytes
}

fn uuid(mut bytes: [u8; 16]) -> Vec<u8> {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text.into_bytes()
}
