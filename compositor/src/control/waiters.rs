//! Connections that wait: for quiet, or for events.

use std::{io::Write, os::unix::net::UnixStream, time::Duration};

use super::{Reply, refused, send};
use crate::{clock::Due, state::Compositor};

/// Connections that wait for something.
#[derive(Debug, Default)]
pub struct Waiters {
    pub(super) idle: Vec<IdleWaiter>,
    pub(super) subscribers: Vec<UnixStream>,
    pub(super) last_activity: Duration,
}

/// A connection that is answered when things are quiet.
#[derive(Debug)]
pub(super) struct IdleWaiter {
    pub(super) stream: UnixStream,
    pub(super) quiet: Duration,
    pub(super) windows: usize,
    pub(super) until: Option<Duration>,
}

impl Compositor {
    /// Something happened that waiters for quiet care about.
    pub(crate) fn note_activity(&mut self) {
        if !self.control.idle.is_empty() {
            self.control.last_activity = self.clock.now();
        }
    }

    /// Answers those who waited for quiet, and sets the deadline for those who still do.
    pub(crate) fn answer_idle_waiters(&mut self) {
        if self.control.idle.is_empty() {
            return;
        }
        let now = self.clock.now();
        if !self.outputs.is_idle() {
            self.control.last_activity = now;
        }
        let since = now.saturating_sub(self.control.last_activity);
        let windows = self.shown_by_programs();
        let waiting = std::mem::take(&mut self.control.idle);
        let mut next: Option<Duration> = None;
        for waiter in waiting {
            let given_up = waiter.until.is_some_and(|until| now >= until);
            let quiet = since >= waiter.quiet && windows >= waiter.windows;
            if quiet || given_up {
                let reply = if quiet {
                    Reply {
                        ok: true,
                        ..Reply::default()
                    }
                } else {
                    refused("things did not get quiet in time")
                };
                send(&waiter.stream, &reply);
                continue;
            }
            // Without its windows nothing but a new one, or giving up, is worth a look.
            let quiet_at = self.control.last_activity + waiter.quiet;
            let quiet_at = (windows >= waiter.windows).then_some(quiet_at);
            next = [next, quiet_at, waiter.until].into_iter().flatten().min();
            self.control.idle.push(waiter);
        }
        match next {
            Some(at) => self.deadlines.set(at, Due::Quiet),
            None => self.deadlines.cancel(Due::Quiet),
        }
    }

    /// How many windows, bars, launchers and locks are on screen, but for the session's own panel.
    fn shown_by_programs(&self) -> usize {
        let windows = self.shell.iter().filter(|window| window.mapped).count();
        let layers = self.outputs.iter().flat_map(|screen| screen.layers.shown());
        let others = layers.filter(|layer| !self.is_panel_s(layer.wl_surface()));
        windows + others.count() + self.shown_locks()
    }

    /// Sends an event to the connections that asked for them; tells whether there were any.
    pub(crate) fn tell_subscribers(&mut self, event: &str) -> bool {
        let line = format!("{{\"event\":\"{event}\"}}\n");
        self.control
            .subscribers
            .retain(|mut stream| stream.write_all(line.as_bytes()).is_ok());
        !self.control.subscribers.is_empty()
    }
}
