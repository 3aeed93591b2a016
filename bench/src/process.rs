//! Starting and ending processes and threads.

use crate::measure::{Row, each};
use anyhow::{Result, ensure};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::thread;

pub const ROWS: &[Row] = &[
    Row {
        name: "process-fork-exit",
        measure: fork_exit,
    },
    Row {
        name: "process-spawn",
        measure: || each(spawn),
    },
    Row {
        name: "process-exec",
        measure: || each(execute),
    },
    Row {
        name: "process-thread",
        measure: thread_join,
    },
];

/// Forks a child that ends at once, and waits for it.
fn fork_exit() -> Result<f64> {
    each(|count| {
        for _ in 0..count {
            // SAFETY: this process has one thread here, so the child finds no lock held by another;
            // and it calls nothing but `_exit`.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: `_exit` may be called at any time.
                unsafe { libc::_exit(0) };
            }
            ensure!(child > 0, "fork: {}", std::io::Error::last_os_error());
            let pid = rustix::process::Pid::from_raw(child);
            rustix::process::waitpid(pid, rustix::process::WaitOptions::empty())?;
        }
        Ok(())
    })
}

/// Starts another program (this one, to end at once), and waits for it, so many times.
pub fn spawn(count: u64) -> Result<()> {
    let myself = std::env::current_exe()?;
    for _ in 0..count {
        let status = Command::new(&myself).arg("--end").status()?;
        ensure!(status.success(), "it ended with {status}");
    }
    Ok(())
}

/// What this program is called with to execute itself so many times more.
pub const AGAIN: &str = "--again";

/// Starts this program, which executes itself in its own place so many times.
fn execute(count: u64) -> Result<()> {
    let myself = std::env::current_exe()?;
    let status = Command::new(myself)
        .args([AGAIN, &count.to_string()])
        .status()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// The program that [`execute`] starts.
pub fn execute_again() -> ExitCode {
    let left: u64 = std::env::args()
        .nth(2)
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    let Ok(myself) = std::env::current_exe() else {
        return ExitCode::FAILURE;
    };
    match left {
        0 => ExitCode::SUCCESS,
        left => {
            let error = Command::new(myself)
                .args([AGAIN, &(left - 1).to_string()])
                .exec();
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn thread_join() -> Result<f64> {
    each(|count| {
        for _ in 0..count {
            ensure!(
                thread::Builder::new().spawn(|| {})?.join().is_ok(),
                "a thread panicked"
            );
        }
        Ok(())
    })
}
