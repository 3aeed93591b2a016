//! /proc's files about the whole system.

use super::interrupts;
use super::meminfo;
use super::processors;
use super::text::Text;
use super::tree::Tree;
use crate::errno::Errno;
use crate::fs::calls::aio;
use crate::fs::lease::BREAK_TIME;
use crate::sched::{self, loadavg};
use crate::task;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use ochre_hal::cpu;

pub fn fill(tree: &mut Tree) {
    tree.file("cpuinfo", || cpuinfo().into_bytes());
    tree.file("interrupts", interrupts::table);
    tree.file("meminfo", || meminfo::meminfo().into_bytes());
    tree.file("vmstat", || meminfo::vmstat().into_bytes());
    tree.file("stat", || stat().into_bytes());
    tree.file("uptime", || {
        let idle: u64 = (0..cpu::count()).map(sched::cpu::idle_time).sum();
        format!(
            "{} {}\n",
            hundredths(crate::time::monotonic()),
            hundredths(idle)
        )
        .into_bytes()
    });
    tree.file("loadavg", || {
        let threads = task::tree::thread_count();
        let last = task::tree::last_pid();
        let [one, five, fifteen] = loadavg::averages().map(|average| {
            let hundredths = (average * 100 + loadavg::ONE / 2) / loadavg::ONE;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        });
        let now = sched::cpu::load();
        format!("{one} {five} {fifteen} {now}/{threads} {last}\n").into_bytes()
    });
    tree.fixed("version", "Linux version 6.1.0-ochre (ochre) #1 SMP\n");
    tree.fixed("cmdline", "\n");
    tree.fixed(
        "filesystems",
        "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n",
    );
    tree.fixed("devices", "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
    tree.fixed(
        "swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    );
    tree.fixed("sys/kernel/ostype", "Linux\n");
    tree.fixed("sys/kernel/osrelease", "6.1.0-ochre\n");
    tree.fixed("sys/kernel/version", "#1 SMP\n");
    tree.file("sys/kernel/hostname", || {
        let name = task::misc::host_name();
        let len = name.iter().position(|&b| b == 0).unwrap_or(name.len());
        let mut text = name[..len].to_vec();
        text.push(b'\n');
        text
    });
    tree.fixed("sys/kernel/pid_max", format!("{}\n", task::tree::PID_MAX));
    tree.fixed(
        "sys/kernel/cap_last_cap",
        format!("{}\n", task::credentials::LAST_CAPABILITY),
    );
    tree.fixed("sys/kernel/ngroups_max", "65536\n");
    tree.fixed(
        "sys/kernel/threads-max",
        format!("{}\n", task::tree::MAX_THREADS),
    );
    tree.fixed("sys/kernel/overflowuid", "65534\n");
    tree.fixed("sys/kernel/overflowgid", "65534\n");
    tree.fixed("sys/kernel/randomize_va_space", "2\n");
    tree.file("sys/kernel/random/boot_id", || {
        static ID: ochre_hal::sync::Once<[u8; 16]> = ochre_hal::sync::Once::new();
        uuid(*ID.get_or_init(random_bytes))
    });
    tree.file("sys/kernel/random/uuid", || uuid(random_bytes()));
    tree.fixed("sys/kernel/random/entropy_avail", "256\n");
    tree.fixed("sys/vm/overcommit_memory", "0\n");
    tree.fixed("sys/vm/max_map_count", "65530\n");
    tree.fixed("sys/vm/mmap_min_addr", "65536\n");
    sysv(tree);
    tree.fixed("sys/fs/nr_open", "1048576\n");
    tree.fixed("sys/fs/file-max", "9223372036854775807\n");
    tree.fixed("sys/fs/pipe-max-size", "1048576\n");
    let number = |value: usize| format!("{value}\n").into_bytes();
    tree.fixed("sys/fs/aio-max-nr", number(aio::MAX_EVENTS));
    tree.file("sys/fs/aio-nr", move || number(aio::reserved()));
    tree.fixed("sys/fs/dir-notify-enable", "1\n");
    tree.fixed("sys/fs/leases-enable", "1\n");
    let mut break_time = Text::new(
        2,
        Box::new(|| Ok(format!("{}\n", BREAK_TIME.load(Ordering::Relaxed)).into_bytes())),
    );
    break_time.mode = 0o644;
    break_time.take = Some(Box::new(|bytes| {
        let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
        let seconds = text.trim().parse().map_err(|_| Errno::EINVAL)?;
        BREAK_TIME.store(seconds, Ordering::Relaxed);
        Ok(())
    }));
    tree.writable("sys/fs/lease-break-time", break_time);
    tree.fixed("sys/fs/inotify/max_user_watches", "65536\n");
    tree.fixed("sys/fs/inotify/max_user_instances", "128\n");
    tree.fixed("sys/fs/inotify/max_queued_events", "16384\n");
    tree.fixed("sys/net/core/somaxconn", "4096\n");
    tree.fixed("sys/crypto/fips_enabled", "0\n");
    let mut slabs = Text::new(2, Box::new(|| Ok(slabinfo().into_bytes())));
    slabs.mode = 0o400;
    tree.writable("slabinfo", slabs);
    // Programs write here what the kernel does by itself; it is taken, and changes nothing.
    let mut drop_caches = Text::new(2, Box::new(|| Ok(b"0\n".to_vec())));
    drop_caches.mode = 0o200;
    drop_caches.take = Some(Box::new(|_| {
        crate::fs::dentry::shrink_name_cache();
        Ok(())
    }));
    tree.writable("sys/vm/drop_caches", drop_caches);
}

/// What there is of System V IPC, and its bounds.
fn sysv(tree: &mut Tree) {
    use crate::ipc::sysv::report::{self, Bounds};
    tree.file("sysvipc/shm", report::segments);
    tree.file("sysvipc/sem", report::sets);
    tree.file("sysvipc/msg", report::queues);
    let Bounds {
        shared: [bytes, segments],
        semaphores: [set, total, operations, sets],
        messages: [message, queue, queues],
    } = Bounds::get();
    tree.fixed("sys/kernel/shmmax", format!("{bytes}\n"));
    tree.fixed("sys/kernel/shmall", format!("{bytes}\n"));
    tree.fixed("sys/kernel/shmmni", format!("{segments}\n"));
    tree.fixed(
        "sys/kernel/sem",
        format!("{set}\t{total}\t{operations}\t{sets}\n"),
    );
    tree.fixed("sys/kernel/msgmax", format!("{message}\n"));
    tree.fixed("sys/kernel/msgmnb", format!("{queue}\n"));
    tree.fixed("sys/kernel/msgmni", format!("{queues}\n"));
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

/// Nanoseconds as seconds with two digits.
fn hundredths(nanos: u64) -> String {
    format!("{}.{:02}", nanos / 1_000_000_000, nanos / 10_000_000 % 100)
}

/// How many of the kernel's small objects there are, by size, in slabinfo(5)'s form.
fn slabinfo() -> String {
    let mut text = String::from(
        "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> \
         <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> \
         <num_slabs> <sharedavail>\n",
    );
    for class in ochre_hal::heap::stats() {
        let name = format!("kmalloc-{}", class.size);
        let each = ochre_hal::PAGE_SIZE / class.size;
        let slabs = class.total / each;
        let _ = writeln!(
            text,
            "{name:<17} {:>6} {:>6} {:>6} {each:>4} {:>4} : tunables    0    0    0 : slabdata {slabs:>6} \
             {slabs:>6}      0",
            class.active, class.total, class.size, 1,
        );
    }
    text
}

fn stat() -> String {
    let ticks = |nanos: u64| nanos / 10_000_000;
    let up = crate::time::monotonic();
    let mut lines = String::new();
    let (mut user_sum, mut system_sum, mut idle_sum) = (0, 0, 0);
    for id in 0..cpu::count() {
        let idle = sched::cpu::idle_time(id);
        let (user, system) = sched::cpu::split_time(id, up.saturating_sub(idle));
        user_sum += user;
        system_sum += system;
        idle_sum += idle;
        let (user, system, idle) = (ticks(user), ticks(system), ticks(idle));
        let _ = writeln!(lines, "cpu{id} {user} 0 {system} {idle} 0 0 0 0 0 0");
    }
    let boot = crate::time::realtime().saturating_sub(up) / 1_000_000_000;
    format!(
        "cpu  {} 0 {} {} 0 0 0 0 0 0\n{lines}{}\nctxt {}\nbtime {boot}\nprocesses {}\n\
         procs_running {}\nprocs_blocked 0\n",
        ticks(user_sum),
        ticks(system_sum),
        ticks(idle_sum),
        interrupts::total(),
        sched::cpu::switches(),
        task::tree::last_pid(),
        sched::cpu::load().max(1),
    )
}

/// Names of CPUID's feature bits, as Linux prints them: (leaf, register, bit, name).
const FLAGS: &[(u32, usize, u32, &str)] = &[
    (1, 3, 0, "fpu"),
    (1, 3, 1, "vme"),
    (1, 3, 2, "de"),
    (1, 3, 3, "pse"),
    (1, 3, 4, "tsc"),
    (1, 3, 5, "msr"),
    (1, 3, 6, "pae"),
    (1, 3, 7, "mce"),
    (1, 3, 8, "cx8"),
    (1, 3, 9, "apic"),
    (1, 3, 11, "sep"),
    (1, 3, 12, "mtrr"),
    (1, 3, 13, "pge"),
    (1, 3, 14, "mca"),
    (1, 3, 15, "cmov"),
    (1, 3, 16, "pat"),
    (1, 3, 17, "pse36"),
    (1, 3, 19, "clflush"),
    (1, 3, 23, "mmx"),
    (1, 3, 24, "fxsr"),
    (1, 3, 25, "sse"),
    (1, 3, 26, "sse2"),
    (1, 3, 28, "ht"),
    (0x8000_0001, 3, 11, "syscall"),
    (0x8000_0001, 3, 20, "nx"),
    (0x8000_0001, 3, 26, "pdpe1gb"),
    (0x8000_0001, 3, 27, "rdtscp"),
    (0x8000_0001, 3, 29, "lm"),
    (1, 2, 0, "pni"),
    (1, 2, 1, "pclmulqdq"),
    (1, 2, 9, "ssse3"),
    (1, 2, 12, "fma"),
    (1, 2, 13, "cx16"),
    (1, 2, 19, "sse4_1"),
    (1, 2, 20, "sse4_2"),
    (1, 2, 22, "movbe"),
    (1, 2, 23, "popcnt"),
    (1, 2, 25, "aes"),
    (1, 2, 26, "xsave"),
    (1, 2, 28, "avx"),
    (1, 2, 29, "f16c"),
    (1, 2, 30, "rdrand"),
    (1, 2, 31, "hypervisor"),
    (0x8000_0001, 2, 0, "lahf_lm"),
    (0x8000_0001, 2, 5, "abm"),
    (0x8000_0001, 2, 6, "sse4a"),
    (7, 1, 0, "fsgsbase"),
    (7, 1, 3, "bmi1"),
    (7, 1, 5, "avx2"),
    (7, 1, 7, "smep"),
    (7, 1, 8, "bmi2"),
    (7, 1, 9, "erms"),
    (7, 1, 18, "rdseed"),
    (7, 1, 19, "adx"),
    (7, 1, 20, "smap"),
    (7, 1, 23, "clflushopt"),
    (7, 1, 24, "clwb"),
    (7, 1, 29, "sha_ni"),
    (7, 2, 2, "umip"),
    (7, 2, 3, "pku"),
    (7, 2, 22, "rdpid"),
];

fn cpuinfo() -> String {
    let count = cpu::count();
    let [_, b, c, d] = cpu::cpuid(0, 0);
    let mut vendor = Vec::new();
    for word in [b, d, c] {
        vendor.extend_from_slice(&word.to_le_bytes());
    }
    let vendor = String::from_utf8_lossy(&vendor).into_owned();
    let signature = cpu::cpuid(1, 0)[0];
    let base = signature >> 8 & 0xf;
    let family = if base == 15 {
        base + (signature >> 20 & 0xff)
    } else {
        base
    };
    let low = signature >> 4 & 0xf;
    let model = if base == 6 || base == 15 {
        low | (signature >> 16 & 0xf) << 4
    } else {
        low
    };
    let mut flags = String::new();
    for &(leaf, register, bit, name) in FLAGS {
        if cpu::cpuid(leaf, 0)[register] >> bit & 1 != 0 {
            flags.push(' ');
            flags.push_str(name);
        }
    }
    let khz = ochre_hal::time::tsc_khz();
    let mhz = format!("{}.{:03}", khz / 1000, khz % 1000);
    let last = processors::caches();
    let last = last.iter().max_by_key(|cache| cache.level);
    let cache = last.map_or(String::new(), |cache| {
        format!("cache size\t: {} KB\n", cache.size / 1024)
    });
    let line = (cpu::cpuid(1, 0)[1] >> 8 & 0xff) * 8;
    // Without the leaf, what every processor of 64 bits has at least.
    let [widths, ..] = match cpu::cpuid(0x8000_0000, 0)[0] {
        0x8000_0008.. => cpu::cpuid(0x8000_0008, 0),
        _ => [36 | 48 << 8, 0, 0, 0],
    };
    let (physical, linear) = (widths & 0xff, widths >> 8 & 0xff);
    let mut text = String::new();
    for id in 0..count {
        let apic = cpu::apic_id(id);
        let _ = write!(
            text,
            "processor\t: {id}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {mhz}\n{cache}\
             physical id\t: {}\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\n\
             apicid\t\t: {apic}\ninitial apicid\t: {apic}\nfpu\t\t: yes\nfpu_exception\t: yes\n\
             cpuid level\t: {}\nwp\t\t: yes\nflags\t\t:{flags}\nbugs\t\t:\n\
             bogomips\t: {}.{:02}\nclflush size\t: {line}\ncache_alignment\t: {line}\n\
             address sizes\t: {physical} bits physical, {linear} bits virtual\npower management:\n\n",
            cpu::brand(),
            signature & 0xf,
            processors::package_id(id),
            processors::package(id).members().count(),
            processors::core_id(id),
            processors::cores(id),
            cpu::cpuid(0, 0)[0],
            khz / 500,
            khz / 5 % 100,
        );
    }
    text
}
