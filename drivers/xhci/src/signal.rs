//! What tasks tell each other, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A flag that one task waits for.
#[derive(Clone, Default)]
pub struct Signal(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl Signal {
    pub fn raise(&self) {
        self.0.0.set(true);
        if let Some(waker) = self.0.1.take() {
            waker.wake();
        }
    }

    /// Lowers the flag.
    pub fn clear(&self) {
        self.0.0.set(false);
    }

    /// Resolves while the flag is up.
    pub async fn raised(&self) {
        poll_fn(|cx| {
            if self.0.0.get() {
                return Poll::Ready(());
            }
            self.0.1.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// What came first.
pub enum First<A, B> {
    Left(A),
    Right(B),
}

/// Runs both until one ends; the other is dropped. `left` is asked first.
pub async fn first<A, B>(
    left: impl Future<Output = A>,
    right: impl Future<Output = B>,
) -> First<A, B> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(value) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(value));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}

/// A lock that is handed on in order.
#[derive(Default)]
pub struct Turn {
    taken: Cell<bool>,
    waiting: RefCell<VecDeque<Waker>>,
}

/// Has the turn until dropped.
pub struct TurnGuard<'a>(&'a Turn);

impl Turn {
    pub async fn take(&self) -> TurnGuard<'_> {
        poll_fn(|cx| {
            if !self.taken.replace(true) {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push_back(cx.waker().clone());
            Poll::Pending
        })
        .await;
        TurnGuard(self)
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.taken.set(false);
        // All are woken: one that was dropped while it waited must not hold up the others.
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ochre_driver::executor::Executor;

    #[test]
    fn a_raised_signal_ends_what_runs_beside_it() {
        let executor = Executor::default();
        let (gone, done) = (Signal::default(), Signal::default());
        let (wait, tell) = (gone.clone(), done.clone());
        executor.spawn(async move {
            first(wait.raised(), std::future::pending::<()>()).await;
            tell.raise();
        });
        gone.raise();
        executor.block_on(async move { done.raised().await });
    }

    #[test]
    fn a_turn_is_handed_on_even_past_one_that_gave_up() {
        let executor = Executor::default();
        let (turn, gone) = (Rc::new(Turn::default()), Signal::default());
        let release = Signal::default();
        let (mine, wait) = (turn.clone(), release.clone());
        executor.spawn(async move {
            let _turn = mine.take().await;
            wait.raised().await;
        });
        let (other, give_up) = (turn.clone(), gone.clone());
        executor.spawn(async move {
            first(give_up.raised(), async { drop(other.take().await) }).await;
        });
        gone.raise();
        release.raise();
        executor.block_on(async move { drop(turn.take().await) });
    }
}
