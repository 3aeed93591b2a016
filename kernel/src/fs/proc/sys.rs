//! /sys: the processors as programs count them, and directories that they look for.

use super::meminfo;
use super::processors;
use super::tree::Tree;
use super::vulnerabilities;
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
    cpus.fixed("isolated", "\n");
    let threads = (0..count).any(|id| processors::core(id).members().count() > 1);
    cpus.fixed("smt/active", format!("{}\n", u32::from(threads)));
    // Processors can't be switched off.
    cpus.fixed("smt/control", "notsupported\n");
    for (name, text) in vulnerabilities::all() {
        cpus.fixed(&format!("vulnerabilities/{name}"), format!("{text}\n"));
    }
    for id in 0..count {
        let one = cpus.directory(&format!("cpu{id}"));
        if id > 0 {
            one.fixed("online", "1\n");
        }
        let topology = one.directory("topology");
        topology.fixed("core_id", format!("{}\n", processors::core_id(id)));
        topology.fixed(
            "physical_package_id",
            format!("{}\n", processors::package_id(id)),
        );
        let (core, package) = (processors::core(id), processors::package(id));
        topology.fixed("core_cpus", core.mask());
        topology.fixed("core_cpus_list", core.list());
        topology.fixed("thread_siblings", core.mask());
        topology.fixed("thread_siblings_list", core.list());
        topology.fixed("core_siblings", package.mask());
        topology.fixed("core_siblings_list", package.list());
        topology.fixed("package_cpus", package.mask());
        topology.fixed("package_cpus_list", package.list());
        for (index, of) in processors::caches().iter().enumerate() {
            let cache = one.directory(&format!("cache/index{index}"));
            cache.fixed("level", format!("{}\n", of.level));
            cache.fixed("type", format!("{}\n", of.kind));
            cache.fixed("size", format!("{}K\n", of.size / 1024));
            cache.fixed("coherency_line_size", format!("{}\n", of.line));
            cache.fixed("ways_of_associativity", format!("{}\n", of.ways));
            cache.fixed("number_of_sets", format!("{}\n", of.sets));
            cache.fixed("shared_cpu_list", of.shared(id).list());
            cache.fixed("shared_cpu_map", of.shared(id).mask());
        }
    }
    let nodes = tree.directory("devices/system/node");
    nodes.fixed("online", "0\n");
    nodes.fixed("possible", "0\n");
    for kind in ["has_cpu", "has_memory", "has_normal_memory"] {
        nodes.fixed(kind, "0\n");
    }
    nodes.fixed("has_generic_initiator", "\n");
    nodes.fixed("node0/cpulist", range(count));
    let all = (0..count).fold(0, |all, id| all | 1 << id);
    nodes.fixed("node0/cpumap", format!("{}\n", processors::mask(all)));
    nodes.fixed("node0/distance", "10\n");
    // What was taken from which node isn't counted: there is one.
    nodes.fixed(
        "node0/numastat",
        "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0\n",
    );
    nodes.file("node0/vmstat", || meminfo::vmstat().into_bytes());
    for id in 0..count {
        let place = format!("node0/cpu{id}");
        nodes.link(&place, move || format!("../../cpu/cpu{id}").into_bytes());
    }
    nodes.file("node0/meminfo", || meminfo::of_node().into_bytes());
    let huge_pages = tree.directory("kernel/mm/transparent_hugepage");
    huge_pages.fixed("enabled", "[always] madvise never\n");
    huge_pages.fixed("hpage_pmd_size", format!("{}\n", ochre_hal::HUGE_SIZE));
    for empty in [
        "bus",
        "class",
        "block",
        "dev/char",
        "dev/block",
        "fs/cgroup",
        "module",
    ] {
        tree.directory(empty);
    }
}
