//! Child processes: a check that ends its process, or needs another one, runs in one.

use crate::sys;
use libc::SIGCHLD;
use std::io::Write;

/// Runs `work` in a child, which exits with what it returns. The child's number, for `wait`.
pub fn fork(work: impl FnOnce() -> i32) -> i32 {
    // What is buffered would be printed twice.
    let _ = std::io::stdout().flush();
    let pid = sys!(SYS_clone, SIGCHLD, 0, 0, 0, 0).value();
    if pid == 0 {
        let status = work();
        let _ = std::io::stdout().flush();
        sys!(SYS_exit_group, status);
        unreachable!("exit_group does not return");
    }
    pid
}

/// How a child ended.
pub fn wait(pid: i32) -> String {
    let mut status = 0_i32;
    let waited = sys!(SYS_wait4, pid, &raw mut status, 0, 0);
    if waited.0 as i32 == pid {
        ending(status)
    } else {
        waited.to_string()
    }
}

/// A wait status in words.
pub fn ending(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("exited {}", libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else if libc::WIFSTOPPED(status) {
        format!("stopped {:#x}", status >> 8)
    } else {
        format!("status {status:#x}")
    }
}

/// Runs `work` in a child; how it ended.
pub fn run(work: impl FnOnce() -> i32) -> String {
    wait(fork(work))
}
