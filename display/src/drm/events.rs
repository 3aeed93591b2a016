//! Vertical blanks, counted by a clock where the hardware has none, and the flip events they carry.

use crate::drm::abi::{EVENT_FLIP_COMPLETE, EventVblank};
use crate::drm::backend::Backend;
use crate::drm::card::Shared;
use crate::drm::objects::Object;
use ochre_driver::executor::now;
use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Nanoseconds between two blanks at 60 Hz.
const PERIOD: u64 = 16_666_667;
const POLLIN: u32 = 0x1;
const POLLOUT: u32 = 0x4;

/// Wakes everyone who waits for a change.
#[derive(Default)]
pub struct Notify(RefCell<Vec<Waker>>);

impl Notify {
    pub fn notify(&self) {
        for waker in self.0.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    /// Resolves once `condition` holds; it is checked at each notification.
    pub async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|cx| {
            if condition() {
                return Poll::Ready(());
            }
            self.0.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Who asked for an event.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub file: u64,
    pub user_data: u64,
}

/// The first blank after `time`.
fn next_blank(time: u64) -> u64 {
    (time / PERIOD + 1) * PERIOD
}

impl<B: Backend> Shared<B> {
    /// Waits for the blank that a commit becomes visible at.
    pub async fn next_blank(&self) -> u64 {
        let at = next_blank(now());
        self.executor.sleep_until(at).await;
        at
    }

    /// Counts the blank at `at`, and tells the listener.
    pub fn blanked(&self, output: usize, at: u64, listener: Option<Listener>) {
        let mut objects = self.objects.borrow_mut();
        objects.sequence[output] = objects.sequence[output].wrapping_add(1);
        let Some(listener) = listener else { return };
        let event = EventVblank {
            kind: EVENT_FLIP_COMPLETE,
            length: size_of::<EventVblank>() as u32,
            user_data: listener.user_data,
            tv_sec: (at / 1_000_000_000) as u32,
            tv_usec: (at % 1_000_000_000 / 1000) as u32,
            sequence: objects.sequence[output],
            crtc_id: Object::Crtc(output).id(),
        };
        // A client that has gone meanwhile needs no event.
        let Ok(client) = objects.client_mut(listener.file) else {
            return;
        };
        client.events.push_back(event);
        self.levels.set(listener.file, POLLIN | POLLOUT);
    }

    /// Moves a client's events into its buffer, whole ones only.
    pub fn read_events(&self, file: u64, buffer: &mut [u8]) -> ochre_driver::Result<usize> {
        let mut objects = self.objects.borrow_mut();
        let client = objects.client_mut(file)?;
        if client.events.is_empty() {
            return Err(ochre_driver::Errno::AGAIN);
        }
        let mut used = 0;
        for place in buffer.chunks_exact_mut(size_of::<EventVblank>()) {
            let Some(event) = client.events.pop_front() else {
                break;
            };
            place.copy_from_slice(bytemuck::bytes_of(&event));
            used += place.len();
        }
        if client.events.is_empty() {
            self.levels.set(file, POLLOUT);
        }
        Ok(used)
    }
}
