//! The system's end: units are asked to end, get a while, and then the machine is switched off or
//! starts anew.

use ochre_driver::executor::now;
use rustix::process::{Pid, Signal, kill_process};
use rustix::system::{RebootCommand, reboot};

/// How long units may take to end.
const PATIENCE: u64 = 5_000_000_000;

/// An end that has been asked for.
pub struct Shutdown {
    command: RebootCommand,
    deadline: u64,
}

impl Shutdown {
    pub fn new(again: bool) -> Shutdown {
        let command = if again {
            RebootCommand::Restart
        } else {
            RebootCommand::PowerOff
        };
        Shutdown {
            command,
            deadline: now() + PATIENCE,
        }
    }

    /// When waiting ends.
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Asks a process to end. Shells at a prompt don't heed SIGTERM, but do SIGHUP.
    pub fn ask(&self, pid: u32) {
        let Some(pid) = Pid::from_raw(pid as i32) else {
            return;
        };
        for signal in [Signal::TERM, Signal::HUP] {
            // It may have ended by itself just now.
            let _ = kill_process(pid, signal);
        }
    }

    /// Writes everything back, and ends the machine. Returns only where that is denied.
    pub fn finish(&self) {
        rustix::fs::sync();
        if let Err(error) = reboot(self.command) {
            eprintln!("init: cannot end the system: {error}");
        }
    }
}
