//! /proc's files about the whole system.

use super::interrupts;
use super::locks;
use super::meminfo;
use super::processors;
use super::sysctl;
use super::text::Text;
use super::tree::Tree;
use crate::sched::{self, loadavg};
use crate::task;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
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
    tree.fixed("cmdline", format!("{}\n", ochre_hal::boot::cmdline()));
    tree.fixed(
        "filesystems",
        "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n",
    );
    tree.fixed("devices", "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
    tree.fixed(
        "swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    );
    let mut slabs = Text::new(2, Box::new(|| Ok(slabinfo().into_bytes())));
    slabs.mode = 0o400;
    tree.writable("slabinfo", slabs);
    sysv(tree);
    let locks = Text::new(2, Box::new(locks::locks));
    tree.writable("locks", locks);
    // What there is none of: modules, and disks that the kernel itself would have.
    for empty in ["diskstats", "modules", "partitions"] {
        tree.fixed(empty, "");
    }
    tree.file("softirqs", || softirqs().into_bytes());
    sysctl::fill(tree.directory("sys"));
}

/// What there is of System V IPC.
fn sysv(tree: &mut Tree) {
    use crate::ipc::sysv::report;
    tree.file("sysvipc/shm", report::segments);
    tree.file("sysvipc/sem", report::sets);
    tree.file("sysvipc/msg", report::queues);
}

/// Linux's table of work that interrupts put off: nothing is put off here.
fn softirqs() -> String {
    let count = cpu::count();
    let mut text = String::from("                    ");
    for id in 0..count {
        let _ = write!(text, "CPU{id:<8}");
    }
    text.push('\n');
    for name in [
        "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER",
        "RCU",
    ] {
        let _ = write!(text, "{name:>12}:");
        for _ in 0..count {
            let _ = write!(text, " {:>10}", 0);
        }
        text.push('\n');
    }
    text
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
