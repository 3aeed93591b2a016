//! When content may be shown: fifo (each content update for a frame at least) and commit-timing (not
//! before its time).
//!
//! Content that has to wait is held by Smithay, in the order in which it was committed; here is
//! decided when it goes on. Fifo's goes on when a frame was drawn with the content before it. Content
//! for a time goes on when the next frame is shown at that time or later, on any display. Where nothing is lit,
//! nothing is drawn, and nobody waits for that.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use smithay::{
    reexports::{
        wayland_protocols::wp::{
            commit_timing::v1::server::{
                wp_commit_timer_v1::{self as timer, WpCommitTimerV1},
                wp_commit_timing_manager_v1::WpCommitTimingManagerV1,
            },
            fifo::v1::server::{
                wp_fifo_manager_v1::{self as fifo_manager, WpFifoManagerV1},
                wp_fifo_v1::WpFifoV1,
            },
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, Weak, delegate_dispatch,
            delegate_global_dispatch, protocol::wl_surface::WlSurface,
        },
    },
    utils::{Monotonic, Time},
    wayland::{
        commit_timing::{CommitTimerBarrierStateUserData, CommitTimingManagerState},
        compositor::{Barrier, with_states},
        fifo::{FifoBarrierCachedState, FifoManagerState},
    },
};

use crate::{
    clock::Due,
    output::Screen,
    state::{ClientState, Compositor},
};

/// A client that lets more content of a surface wait than this is shown it at once.
const MOST_WAITING: u32 = 64;
/// Content that is farther away is looked at again until then.
const FAR: Duration = Duration::from_secs(3600);
/// Later than any time that can be said.
const FOREVER: Duration = Duration::new(i64::MAX.unsigned_abs(), SECOND - 1);
/// A second has fewer nanoseconds.
const SECOND: u32 = 1_000_000_000;

/// The surfaces whose content may have to wait.
#[derive(Debug, Default)]
pub struct Paced {
    fifos: Vec<(Weak<WlSurface>, Client)>,
    timed: Vec<(Weak<WlSurface>, Client)>,
    /// A frame was drawn since fifos went on.
    drawn: bool,
    /// Some surface has too much that waits.
    flooded: bool,
}

/// How many commits of a surface in one of the lists wait.
#[derive(Debug, Default)]
struct Waiting(AtomicU32);

/// Adds a surface to a list, once.
fn add(to: &mut Vec<(Weak<WlSurface>, Client)>, surface: &WlSurface, client: &Client) {
    if !to.iter().any(|(known, _)| known == surface) {
        to.push((surface.downgrade(), client.clone()));
        with_states(surface, |states| {
            states
                .data_map
                .insert_if_missing_threadsafe(Waiting::default);
        });
    }
}

impl Paced {
    /// A frame was drawn, with whatever its surfaces show now.
    pub(crate) fn frame_drawn(&mut self) {
        self.drawn = true;
    }

    /// Whether content of any surface may wait for a frame.
    pub(crate) fn has_fifos(&self) -> bool {
        !self.fifos.is_empty()
    }
}

impl Compositor {
    /// A client commits something; it may have to wait.
    pub(super) fn commit_comes(&mut self, surface: &WlSurface) {
        let waiting = with_states(surface, |states| {
            let waiting = states.data_map.get::<Waiting>();
            waiting.map(|waiting| waiting.0.fetch_add(1, Ordering::Relaxed))
        });
        self.protocols.paced.flooded |= waiting.is_some_and(|waiting| waiting >= MOST_WAITING);
    }

    /// What was committed is what the surface shows now.
    pub(super) fn commit_applied(&mut self, surface: &WlSurface) {
        with_states(surface, |states| {
            if let Some(waiting) = states.data_map.get::<Waiting>() {
                let less = |waiting: u32| Some(waiting.saturating_sub(1));
                let order = Ordering::Relaxed;
                let _ = waiting.0.fetch_update(order, order, less);
            }
        });
    }

    /// Lets content go on that waited for its time, in time for the frame that shows it.
    pub(crate) fn follow_timers(&mut self) {
        let paced = &mut self.protocols.paced;
        if paced.timed.is_empty() {
            return;
        }
        let (timed, flooded) = (paced.timed.clone(), paced.flooded);
        let now = self.clock.now();
        let lit = self.outputs.iter().filter(|screen| screen.is_lit());
        let shown = lit.map(|screen| (screen.next_vblank(now), screen.refresh()));
        let (shown, refresh) = shown.min().unwrap_or((now, Duration::ZERO));
        let mut next: Option<Duration> = None;
        for (weak, client) in timed {
            let Ok(surface) = weak.upgrade() else {
                self.content_goes_on(&client); // what waited with the surface is dropped
                continue;
            };
            let until = if flooded { FOREVER } else { shown };
            let (released, later) = with_states(&surface, |states| {
                let barriers = states.data_map.get::<CommitTimerBarrierStateUserData>();
                let Some(mut barriers) = barriers.and_then(|it| it.lock().ok()) else {
                    return (false, None);
                };
                let released = barriers.signal_until(Time::<Monotonic>::from(until));
                let later = barriers.next_deadline().map(Time::<Monotonic>::from);
                (released, later.map(Duration::from))
            });
            if released {
                self.content_goes_on(&client);
            }
            next = next.into_iter().chain(later).min();
        }
        let paced = &mut self.protocols.paced;
        paced.timed.retain(|(surface, _)| surface.is_alive());
        match next {
            Some(at) => {
                // At the vblank from which on the next frame is shown then or later.
                let ahead = at.saturating_sub(shown).min(FAR);
                let frames = ahead.as_nanos().div_ceil(refresh.as_nanos().max(1));
                let frames = u32::try_from(frames.saturating_sub(1)).unwrap_or(u32::MAX);
                let wake = match refresh {
                    Duration::ZERO => now + ahead,
                    refresh => shown + refresh * frames,
                };
                self.deadlines.set(wake, Due::Content);
            }
            None => self.deadlines.cancel(Due::Content),
        }
    }

    /// Lets content go on that waited for the content before it to be shown.
    pub(crate) fn follow_fifos(&mut self) {
        let dark = !self.outputs.iter().any(Screen::is_lit);
        let paced = &mut self.protocols.paced;
        let drawn = std::mem::take(&mut paced.drawn);
        let flooded = std::mem::take(&mut paced.flooded);
        if paced.fifos.is_empty() || !(drawn || dark || flooded) {
            return;
        }
        for (weak, client) in paced.fifos.clone() {
            let Ok(surface) = weak.upgrade() else {
                self.content_goes_on(&client); // what waited with the surface is dropped
                continue;
            };
            // One content at a time, but all of it where nobody sees it.
            while let Some(barrier) = take_barrier(&surface) {
                barrier.signal();
                self.content_goes_on(&client);
                if !(dark || flooded) {
                    break;
                }
            }
        }
        let paced = &mut self.protocols.paced;
        paced.fifos.retain(|(surface, _)| surface.is_alive());
    }

    /// Applies what need not wait any more.
    fn content_goes_on(&mut self, client: &Client) {
        if let Some(state) = client.get_data::<ClientState>() {
            let display = self.display.clone();
            state.compositor.blocker_cleared(self, &display);
        }
    }
}

/// What the content that a surface shows now keeps waiting.
fn take_barrier(surface: &WlSurface) -> Option<Barrier> {
    with_states(surface, |states| {
        let mut state = states.cached_state.get::<FifoBarrierCachedState>();
        state.current().barrier.take()
    })
}

impl Dispatch<WpFifoManagerV1, bool> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        manager: &WpFifoManagerV1,
        request: fifo_manager::Request,
        data: &bool,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let fifo_manager::Request::GetFifo { surface, .. } = &request {
            add(&mut state.protocols.paced.fifos, surface, client);
        }
        <FifoManagerState as Dispatch<_, _, Self>>::request(
            state, client, manager, request, data, display, init,
        );
    }
}

impl Dispatch<WpCommitTimerV1, Weak<WlSurface>> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &WpCommitTimerV1,
        request: timer::Request,
        surface: &Weak<WlSurface>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let request = match request {
            timer::Request::SetTimestamp { tv_nsec, .. } if tv_nsec >= SECOND => {
                let error = timer::Error::InvalidTimestamp;
                object.post_error(error, "a second has no so many nanoseconds");
                return;
            }
            timer::Request::SetTimestamp {
                tv_sec_hi,
                tv_sec_lo,
                tv_nsec,
            } => {
                if let Ok(surface) = surface.upgrade() {
                    add(&mut state.protocols.paced.timed, &surface, client);
                }
                timer::Request::SetTimestamp {
                    tv_sec_hi: tv_sec_hi.min(u32::MAX >> 1), // seconds are signed for Smithay
                    tv_sec_lo,
                    tv_nsec,
                }
            }
            other => other,
        };
        <CommitTimingManagerState as Dispatch<_, _, Self>>::request(
            state, client, object, request, surface, display, init,
        );
    }
}

delegate_global_dispatch!(Compositor: [WpFifoManagerV1: bool] => FifoManagerState);
delegate_dispatch!(Compositor: [WpFifoV1: Weak<WlSurface>] => FifoManagerState);
delegate_global_dispatch!(Compositor: [WpCommitTimingManagerV1: bool] => CommitTimingManagerState);
delegate_dispatch!(Compositor: [WpCommitTimingManagerV1: bool] => CommitTimingManagerState);
