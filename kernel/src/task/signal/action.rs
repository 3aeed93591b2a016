//! What a process does about each signal.

use super::{Default as DefaultAction, SIGCHLD, SIGRTMAX, Signal, SignalSet, default_of};
use crate::linux::general as raw;
use alloc::boxed::Box;

pub const SIG_DFL: usize = 0;
pub const SIG_IGN: usize = 1;

#[derive(Clone, Copy, Debug, Default)]
pub struct Action {
    pub handler: usize,
    pub flags: u64,
    pub restorer: usize,
    pub mask: SignalSet,
}

impl Action {
    #[must_use]
    pub fn has(&self, flag: u32) -> bool {
        self.flags & u64::from(flag) != 0
    }
}

/// One action for each signal: too much for a stack.
#[derive(Clone, Debug)]
pub struct Actions(Box<[Action; SIGRTMAX as usize]>);

impl Actions {
    #[must_use]
    pub fn new() -> Actions {
        Actions(Box::new([Action::default(); SIGRTMAX as usize]))
    }

    #[must_use]
    pub fn get(&self, signal: Signal) -> Action {
        self.0[signal as usize - 1]
    }

    pub fn set(&mut self, signal: Signal, action: Action) {
        self.0[signal as usize - 1] = action;
    }

    /// Whether sending the signal does nothing at all.
    #[must_use]
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.get(signal).handler {
            SIG_IGN => true,
            SIG_DFL => default_of(signal) == DefaultAction::Ignore,
            _ => false,
        }
    }

    /// Whether children vanish without being waited for.
    #[must_use]
    pub fn reaps_children(&self) -> bool {
        let action = self.get(SIGCHLD);
        action.handler == SIG_IGN || action.has(raw::SA_NOCLDWAIT)
    }

    /// execve: handlers are gone with the old program, ignored signals stay ignored.
    pub fn reset_for_exec(&mut self) {
        for action in &mut *self.0 {
            if action.handler != SIG_IGN {
                action.handler = SIG_DFL;
            }
            action.flags = 0;
            action.restorer = 0;
            action.mask = SignalSet::EMPTY;
        }
    }

    /// clone3's CLONE_CLEAR_SIGHAND: handlers become the default, ignored signals stay.
    pub fn clear_handlers(&mut self) {
        for action in &mut *self.0 {
            if action.handler != SIG_IGN {
                *action = Action::default();
            }
        }
    }
}

impl Default for Actions {
    fn default() -> Actions {
        Actions::new()
    }
}
