//! Who waits at the semaphores of a set, and who is to be tried again.
//!
//! Each who waits is listed at the semaphores that it has to do with, so that a change concerns only those
//! that it may let on, however many others wait. Among them they are tried in order of arrival.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

/// What may let on those who wait at a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// It rises.
    More,
    /// It is zero.
    Zero,
    /// Any change: they have more than one operation to do.
    Any,
}

/// A semaphore's number, and what is wished of it.
pub type List = (u16, Wish);

/// They are numbered by arrival; `W` is what they wait with.
pub struct Waiting<W> {
    next: u64,
    waiters: BTreeMap<u64, (W, Vec<List>)>,
    listed: BTreeSet<(List, u64)>,
    /// Of the lists that are to be gone through: who is next in each. The same in both orders.
    due: BTreeSet<(u64, List)>,
    due_in: BTreeMap<List, u64>,
}

impl<W> Default for Waiting<W> {
    fn default() -> Waiting<W> {
        Waiting {
            next: 0,
            waiters: BTreeMap::new(),
            listed: BTreeSet::new(),
            due: BTreeSet::new(),
            due_in: BTreeMap::new(),
        }
    }
}

impl<W: Clone> Waiting<W> {
    /// Adds one, who is in all of these lists. Returns its number.
    pub fn add(&mut self, waiter: W, lists: Vec<List>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.listed.extend(lists.iter().map(|list| (*list, number)));
        self.waiters.insert(number, (waiter, lists));
        number
    }

    /// Removes one, if it is still there.
    pub fn remove(&mut self, number: u64) {
        let removed = self.waiters.remove(&number);
        for list in removed.into_iter().flat_map(|(_, lists)| lists) {
            self.listed.remove(&(list, number));
        }
    }

    /// All who wait, in order.
    pub fn into_all(self) -> impl Iterator<Item = W> {
        self.waiters.into_values().map(|(waiter, _)| waiter)
    }

    /// Those in a list, in order.
    pub fn of(&self, list: List) -> impl Iterator<Item = &W> {
        let numbers = self.listed.range((list, 0)..=(list, u64::MAX));
        let waiters = numbers.filter_map(|(_, number)| self.waiters.get(number));
        waiters.map(|(waiter, _)| waiter)
    }

    /// Whoever is in the list is to be tried.
    pub fn try_list(&mut self, list: List) {
        if let Some(number) = self.due_in.remove(&list) {
            self.due.remove(&(number, list));
        }
        self.go_on(list, 0);
    }

    /// Whoever waits is to be tried.
    pub fn try_all(&mut self) {
        let mut from = self.listed.first().copied();
        while let Some((list, _)) = from {
            self.try_list(list);
            let behind = (Bound::Excluded((list, u64::MAX)), Bound::Unbounded);
            from = self.listed.range(behind).next().copied();
        }
    }

    /// The next to be tried, with its number. Lists that are `hopeless` are not gone through any further.
    pub fn next_due(&mut self, hopeless: impl Fn(List) -> bool) -> Option<(u64, W)> {
        loop {
            let number = self.due.first()?.0;
            let mut hope = false;
            while let Some(&(first, list)) = self.due.first()
                && first == number
            {
                self.due.pop_first();
                self.due_in.remove(&list);
                if !hopeless(list) {
                    hope = true;
                    self.go_on(list, number + 1);
                }
            }
            if hope && let Some((waiter, _)) = self.waiters.get(&number) {
                return Some((number, waiter.clone()));
            }
        }
    }

    /// The list is to be gone through from this number on.
    fn go_on(&mut self, list: List, from: u64) {
        let mut rest = self.listed.range((list, from)..=(list, u64::MAX));
        if let Some((_, number)) = rest.next() {
            self.due.insert((*number, list));
            self.due_in.insert(list, *number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// All that are due, in order.
    fn due(waiting: &mut Waiting<char>) -> Vec<char> {
        let next = || Some(waiting.next_due(|_| false)?.1);
        core::iter::from_fn(next).collect()
    }

    fn some() -> (Waiting<char>, Vec<u64>) {
        let mut waiting = Waiting::default();
        let numbers = vec![
            waiting.add('a', vec![(0, Wish::More)]),
            waiting.add('b', vec![(0, Wish::Any), (1, Wish::Any)]),
            waiting.add('c', vec![(1, Wish::More)]),
            waiting.add('d', vec![(0, Wish::Zero)]),
            waiting.add('e', vec![(0, Wish::More)]),
        ];
        (waiting, numbers)
    }

    #[test]
    fn only_those_whom_a_change_may_let_on_are_tried() {
        let (mut waiting, _) = some();
        assert_eq!(due(&mut waiting), []);
        waiting.try_list((0, Wish::More));
        assert_eq!(due(&mut waiting), ['a', 'e']);
        waiting.try_list((2, Wish::More));
        assert_eq!(due(&mut waiting), []);
        waiting.try_list((0, Wish::Zero));
        assert_eq!(due(&mut waiting), ['d']);
    }

    #[test]
    fn they_are_tried_in_order_and_once() {
        let (mut waiting, _) = some();
        for list in [
            (1, Wish::More),
            (1, Wish::Any),
            (0, Wish::Any),
            (0, Wish::More),
        ] {
            waiting.try_list(list);
        }
        assert_eq!(due(&mut waiting), ['a', 'b', 'c', 'e']);
        waiting.try_all();
        assert_eq!(due(&mut waiting), ['a', 'b', 'c', 'd', 'e']);
        // From the beginning, when it changes again.
        waiting.try_list((0, Wish::More));
        assert_eq!(waiting.next_due(|_| false).unwrap().1, 'a');
        waiting.try_list((0, Wish::More));
        assert_eq!(due(&mut waiting), ['a', 'e']);
    }

    #[test]
    fn who_left_is_not_tried_and_a_hopeless_list_is_left() {
        let (mut waiting, numbers) = some();
        waiting.try_list((0, Wish::More));
        waiting.remove(numbers[0]);
        waiting.remove(numbers[0]);
        assert_eq!(due(&mut waiting), ['e']);
        waiting.try_list((0, Wish::More));
        assert!(waiting.next_due(|(semaphore, _)| semaphore == 0).is_none());
        assert_eq!(waiting.of((0, Wish::More)).collect::<Vec<_>>(), [&'e']);
        assert_eq!(waiting.into_all().collect::<Vec<_>>(), ['b', 'c', 'd', 'e']);
    }
}
