//! What there is in the system: memory and processes; and the return to nothing of what lives left.

use crate::sys;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a killed process may take to go. Far more than any needs, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of /proc/meminfo, in KiB.
pub fn free_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.unwrap_or(0)
}

/// Names and numbers: the first two words of each line that begins so.
fn counts(path: &str) -> BTreeMap<String, i64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// The kernel's objects by kind (none on Linux), but for those that it keeps to be quick, of which there may be
/// more at any time.
pub fn kinds() -> BTreeMap<String, i64> {
    let mut kinds = counts("/proc/ochre/objects");
    for kept in ["memory_object", "node", "directory_entry"] {
        kinds.remove(kept);
    }
    kinds
}

/// The kernel's small objects in use, by size (/proc/slabinfo) and by kind.
pub fn objects() -> BTreeMap<String, i64> {
    let mut objects = counts("/proc/slabinfo");
    objects.append(&mut counts("/proc/ochre/objects"));
    objects
}

/// All names of files, but for what the kernel tells of itself.
pub fn names() -> BTreeSet<PathBuf> {
    let mut names = BTreeSet::new();
    let mut folders = vec![PathBuf::from("/")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path == Path::new("/proc") || path == Path::new("/sys") {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path.clone());
            }
            names.insert(path);
        }
    }
    names
}

/// Removes the names that were not there: lives that come out of their folder leave some.
pub fn sweep_names(before: &BTreeSet<PathBuf>) {
    // What is in a folder comes after it, and goes before it.
    for path in names().iter().rev().filter(|path| !before.contains(*path)) {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
}

/// How willingly the kernel ends this process where memory is short.
pub fn set_badness(value: &str) {
    // Where there is no such file, it decides by itself.
    let _ = fs::write("/proc/self/oom_score_adj", value);
}

/// Processes that are never ended where memory is short, with their names, but for this one.
pub fn spared() -> BTreeSet<(i32, String)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let read = |name| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse::<i32>().ok());
        if let Some(pid) = pid
            && pid.cast_unsigned() != std::process::id()
            && read("oom_score_adj").trim() == "-1000"
        {
            found.insert((pid, read("comm").trim().to_owned()));
        }
    }
    found
}

/// Processes whose parent this one is, by what /proc says.
fn children() -> Vec<(i32, String)> {
    let me = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // PID (NAME) STATE PARENT …
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&me) {
            found.push((pid, stat));
        }
    }
    found
}

/// What there is to know of a process that should have ended: where it may run, whether it ever did, and
/// what the processors did within a second.
fn account(pid: i32) -> String {
    let read = |name: &str| fs::read_to_string(name).unwrap_or_default();
    let processors = || -> String {
        let text = read("/proc/stat");
        let lines = text.lines().filter(|line| line.starts_with("cpu"));
        lines.map(|line| format!("\n  {line}")).collect()
    };
    let before = processors();
    std::thread::sleep(Duration::from_secs(1));
    format!(
        "\n{pid}: {}{}\n{before}{}",
        read(&format!("/proc/{pid}/status")),
        read(&format!("/proc/{pid}/schedstat")),
        processors()
    )
}

/// Ends all children, also those that came by their parents' death, until there is none.
pub fn sweep_processes() -> Result<(), String> {
    // All but the first process and this one.
    sweep_those(&[-1])
}

/// As [`sweep_processes`], where others run that are to stay. The children are these, as kill(2) has processes
/// and groups: those that make children are no slower than killing them one by one.
pub fn sweep_those(targets: &[isize]) -> Result<(), String> {
    let start = Instant::now();
    loop {
        for target in targets {
            sys!(SYS_kill, *target, libc::SIGKILL);
        }
        while sys!(SYS_wait4, -1_isize, 0, libc::WNOHANG | libc::__WALL, 0) > 0 {}
        let left = children();
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let accounts: String = left.iter().map(|(pid, _)| account(*pid)).collect();
            return Err(format!("killed, yet not gone: {left:?}{accounts}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets the kernel forget names that it remembers though nothing uses them.
pub fn forget_names() {
    let _ = fs::write("/proc/sys/vm/drop_caches", "2\n");
}

/// Removes all objects of System V IPC.
pub fn remove_ipc() {
    for (table, call) in [
        ("shm", libc::SYS_shmctl),
        ("sem", libc::SYS_semctl),
        ("msg", libc::SYS_msgctl),
    ] {
        let text = fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let id: Option<usize> = line
                .split_whitespace()
                .nth(1)
                .and_then(|id| id.parse().ok());
            if let Some(id) = id {
                // The command IPC_RMID is 0, of a set too, after a number that counts for nothing.
                sys::call(call as usize, [id, 0, 0, 0, 0, 0]);
            }
        }
    }
}

/// Removes what a life can leave that outlasts it: mounts, names, System V IPC.
pub fn sweep_objects(folder: &str) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let mut points: Vec<&str> = points.filter(|point| point.starts_with(folder)).collect();
    points.reverse();
    for point in points {
        if let Ok(point) = CString::new(point) {
            sys!(SYS_umount2, point.as_ptr(), libc::MNT_DETACH);
        }
    }
    let _ = fs::remove_dir_all(folder);
    remove_ipc();
    forget_names();
}
