//! Whether programs have anything left to do, as `/proc` tells (proc(5)).

use std::fs;

/// A process as `/proc/PID/stat` has it.
struct Process {
    id: u32,
    parent: u32,
}

/// Whether every thread of these processes, and of those that they started, is asleep.
pub(crate) fn asleep(roots: Vec<u32>) -> bool {
    let all = all();
    let mut family = roots;
    let mut next = 0;
    while let Some(id) = family.get(next).copied() {
        let children = all.iter().filter(|process| process.parent == id);
        family.extend(children.map(|process| process.id));
        next += 1;
    }
    family.iter().all(|id| sleeps(*id))
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let process = |id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (_, parent) = state_and_parent(&stat)?;
        Some(Process { id, parent })
    };
    ids.filter_map(process).collect()
}

fn sleeps(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    // What has ended has nothing to do.
    threads.into_iter().flatten().flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state_and_parent(&stat).is_none_or(|(state, _)| matches!(state, 'S' | 'Z' | 'X' | 'T'))
    })
}

/// `PID (NAME) STATE PARENT …`; a name may hold anything, parentheses too.
fn state_and_parent(stat: &str) -> Option<(char, u32)> {
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_name_can_not_lie_about_the_state() {
        assert_eq!(state_and_parent("7 (a) R 1 (b)) S 42 7 7"), Some(('S', 42)));
        assert_eq!(state_and_parent("7 (a"), None);
    }

    #[test]
    fn who_computes_is_not_asleep_nor_is_its_parent_s_family() {
        assert!(!asleep(vec![std::process::id()]));
        let mut waiting = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        // It goes to sleep once it has nothing to read: that is awaited, however long it takes.
        while !asleep(vec![waiting.id()]) {
            std::thread::yield_now();
        }
        drop(waiting.stdin.take());
        waiting.wait().unwrap();
    }
}
