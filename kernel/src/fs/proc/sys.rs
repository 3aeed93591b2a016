//! /sys: the processors as programs count them, and directories that they look for.

use super::system;
use super::tree::Tree;
use alloc::format;
use alloc::string::String;
use ochre_hal::cpu;

/// `0`, or `0-3`.
fn range(count: usize) -> String {
    if count <= 1 {
        "0\n".into()
    } else {
        format!("0-{}\n", count - 1)
    }
}

pub fn fill(tree: &mut Tree) {
    let count = cpu::count();
    let cpus = tree.directory("devices/system/cpu");
    for name in ["online", "possible", "present"] {
        cpus.fixed(name, range(count));
    }
    cpus.fixed("offline", "\n");
    cpus.fixed("kernel_max", format!("{}\n", cpu::MAX_CPUS - 1));
    for id in 0..count {
        let one = cpus.directory(&format!("cpu{id}"));
        if id > 0 {
            one.fixed("online", "1\n");
        }
        let topology = one.directory("topology");
        topology.fixed("core_id", format!("{id}\n"));
        topology.fixed("physical_package_id", "0\n");
        for name in ["core_cpus", "thread_siblings"] {
            topology.fixed(name, format!("{:x}\n", 1u64 << id));
        }
        for name in ["core_cpus_list", "thread_siblings_list"] {
            topology.fixed(name, format!("{id}\n"));
        }
        for name in ["core_siblings_list", "package_cpus_list"] {
            topology.fixed(name, range(count));
        }
        for (index, level, kind, size) in [
            (0, 1, "Data", "32K"),
            (1, 1, "Instruction", "32K"),
            (2, 2, "Unified", "512K"),
            (3, 3, "Unified", "16384K"),
        ] {
            let cache = one.directory(&format!("cache/index{index}"));
            cache.fixed("level", format!("{level}\n"));
            cache.fixed("type", format!("{kind}\n"));
            cache.fixed("size", format!("{size}\n"));
            cache.fixed("coherency_line_size", "64\n");
            let shared = if level == 3 {
                range(count)
            } else {
                format!("{id}\n")
            };
            cache.fixed("shared_cpu_list", shared);
        }
    }
    let nodes = tree.directory("devices/system/node");
    nodes.fixed("online", "0\n");
    nodes.fixed("possible", "0\n");
    nodes.fixed("node0/cpulist", range(count));
    nodes.file("node0/meminfo", || {
        system::meminfo()
            .lines()
            .map(|line| format!("Node 0 {line}\n"))
            .collect::<String>()
            .into()
    });
    for empty in [
        "bus",
        "class",
        "block",
        "dev/char",
        "dev/block",
        "fs/cgroup",
        "kernel",
        "module",
    ] {
        tree.directory(empty);
    }
}
