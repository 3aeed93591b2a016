//! Fair sharing of a CPU by EEVDF, earliest eligible virtual deadline first (Stoica and Abdel-Wahab, 1995).
//!
//! Each thread has a virtual time, which goes the slower while it runs the heavier it is. The average of all
//! of them by weight is the time at which everybody would have had what is due: who is not past it is
//! eligible. A thread asks for a slice at a time, to be had before a deadline, which is a slice of its own
//! virtual time ahead; among the eligible the earliest deadline runs. What a thread is still due when it goes
//! to sleep, or owes, it finds again when it comes back (its lag).
//!
//! Virtual times wrap: only their differences are looked at.

use crate::sched::entity::WEIGHT_NICE_0;
use alloc::collections::BinaryHeap;
use core::cmp::Ordering;

/// What a thread asks for at a time, in nanoseconds.
pub const SLICE: u64 = 3_000_000;

/// Nobody is owed more than this, or owes it.
const LAG_MAX: i64 = 2 * SLICE as i64;

/// Nobody runs for longer without being charged: 19 hours, which keeps products in their range.
const CHARGE_MAX: u64 = 1 << 46;

/// A thread in virtual time.
#[derive(Clone, Copy, Debug)]
struct Place {
    vruntime: u64,
    deadline: u64,
    weight: u64,
}

/// `nanos` on the CPU in the virtual time of a thread of this weight.
fn to_virtual(nanos: u64, weight: u64) -> u64 {
    nanos.saturating_mul(WEIGHT_NICE_0) / weight
}

/// How far `a` is after `b`.
fn after(a: u64, b: u64) -> i64 {
    a.wrapping_sub(b) as i64
}

impl Place {
    fn new(vruntime: u64, weight: u64) -> Place {
        let mut place = Place {
            vruntime,
            deadline: vruntime,
            weight,
        };
        place.ask(1);
        place
    }

    /// Asks for so many slices.
    fn ask(&mut self, slices: u64) {
        let ahead = to_virtual(slices * SLICE, self.weight);
        self.deadline = self.vruntime.wrapping_add(ahead);
    }

    /// So much virtual time in nanoseconds on the CPU, rounded up.
    fn to_real(self, ahead: i64) -> i64 {
        let product = i128::from(ahead) * i128::from(self.weight);
        let up = i128::from(WEIGHT_NICE_0 - 1);
        (product + up).div_euclid(i128::from(WEIGHT_NICE_0)) as i64
    }
}

/// Who waits: the one with the smallest key, then the first that came, is the heap's top.
struct Waiting<T> {
    key: u64,
    sequence: u64,
    place: Place,
    item: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Waiting<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Waiting<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Waiting<T>) -> Ordering {
        let key = after(other.key, self.key).cmp(&0);
        key.then(other.sequence.cmp(&self.sequence))
    }
}

/// The fair threads of a CPU: those that wait, and the one that runs, if that is one.
pub struct Fair<T> {
    /// Follows the average.
    base: u64,
    /// Over all threads: weight times virtual time after `base`.
    sum: i64,
    weight: u64,
    running: Option<Place>,
    /// By deadline. The average may go back a little when somebody comes or goes: who has once been eligible
    /// stays so.
    eligible: BinaryHeap<Waiting<T>>,
    /// By virtual time: not eligible when last looked at.
    later: BinaryHeap<Waiting<T>>,
    sequence: u64,
}

impl<T> Fair<T> {
    pub const fn new() -> Fair<T> {
        Fair {
            base: 0,
            sum: 0,
            weight: 0,
            running: None,
            eligible: BinaryHeap::new(),
            later: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.eligible.len() + self.later.len()
    }

    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        let all = self.eligible.iter().chain(&self.later);
        all.map(|waiting| &waiting.item)
    }

    /// Of all threads, the running one included.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    fn average(&self) -> u64 {
        let moved = match self.weight {
            0 => 0,
            weight => self.sum.div_euclid(weight as i64),
        };
        self.base.wrapping_add_signed(moved)
    }

    fn count(&mut self, place: &Place) {
        self.sum += after(place.vruntime, self.base) * place.weight as i64;
        self.weight += place.weight;
    }

    fn discount(&mut self, place: &Place) {
        self.sum -= after(place.vruntime, self.base) * place.weight as i64;
        self.weight -= place.weight;
    }

    /// Where a thread comes in that is owed `lag` nanoseconds, so that it is still owed them when it is here:
    /// it moves the average itself.
    fn place(&self, weight: u64, lag: i64) -> Place {
        let average = self.average();
        if self.weight == 0 || lag == 0 {
            return Place::new(average, weight);
        }
        let lag = i128::from(lag.clamp(-LAG_MAX, LAG_MAX)) * i128::from(WEIGHT_NICE_0);
        let inflated = lag * i128::from(self.weight + weight);
        let ahead = inflated / (i128::from(weight) * i128::from(self.weight));
        Place::new(average.wrapping_add_signed(-(ahead as i64)), weight)
    }

    /// What the CPU owes it; negative if it has had too much.
    fn lag(&self, place: Place) -> i64 {
        let lag = place.to_real(after(self.average(), place.vruntime));
        lag.clamp(-LAG_MAX, LAG_MAX)
    }

    fn queue(&mut self, place: Place, item: T) {
        self.sequence += 1;
        let is_eligible = after(place.vruntime, self.average()) <= 0;
        let (heap, key) = if is_eligible {
            (&mut self.eligible, place.deadline)
        } else {
            (&mut self.later, place.vruntime)
        };
        heap.push(Waiting {
            key,
            sequence: self.sequence,
            place,
            item,
        });
    }

    /// A thread comes, and waits.
    pub fn join(&mut self, item: T, weight: u64, lag: i64) {
        let place = self.place(weight, lag);
        self.count(&place);
        self.queue(place, item);
    }

    /// A thread comes, and runs.
    pub fn run(&mut self, weight: u64, lag: i64) {
        let place = self.place(weight, lag);
        self.count(&place);
        self.running = Some(place);
    }

    /// What runs has used so many nanoseconds.
    pub fn charge(&mut self, nanos: u64) {
        let Some(place) = &mut self.running else {
            return;
        };
        let used = to_virtual(nanos.min(CHARGE_MAX), place.weight);
        place.vruntime = place.vruntime.wrapping_add(used);
        self.sum += used as i64 * place.weight as i64;
        let average = self.average();
        self.sum -= after(average, self.base) * self.weight as i64;
        self.base = average;
    }

    /// What runs waits again; `yields`: behind the others.
    pub fn put_back(&mut self, item: T, weight: u64, yields: bool) {
        let Some(mut place) = self.running.take() else {
            return self.join(item, weight, 0);
        };
        if place.weight != weight {
            self.discount(&place);
            place = Place::new(place.vruntime, weight);
            self.count(&place);
        }
        if yields {
            place.ask(2);
        } else if after(place.vruntime, place.deadline) >= 0 {
            place.ask(1);
        }
        self.queue(place, item);
    }

    /// What runs goes; the nanoseconds that it is owed.
    pub fn leave(&mut self) -> i64 {
        let Some(place) = self.running.take() else {
            return 0;
        };
        let lag = self.lag(place);
        self.discount(&place);
        lag
    }

    /// The next one of those that `may` run, which it does from now on.
    pub fn pick(&mut self, may: impl Fn(&T) -> bool) -> Option<T> {
        let waiting = self.choose(may)?;
        self.running = Some(waiting.place);
        Some(waiting.item)
    }

    /// The next one of those that `may`, taken away with the nanoseconds that it is owed.
    pub fn take(&mut self, may: impl Fn(&T) -> bool) -> Option<(T, i64)> {
        let waiting = self.choose(may)?;
        let lag = self.lag(waiting.place);
        self.discount(&waiting.place);
        Some((waiting.item, lag))
    }

    fn sort_out(&mut self) {
        let average = self.average();
        while let Some(first) = self.later.peek()
            && after(first.key, average) <= 0
            && let Some(mut waiting) = self.later.pop()
        {
            waiting.key = waiting.place.deadline;
            self.eligible.push(waiting);
        }
    }

    fn choose(&mut self, may: impl Fn(&T) -> bool) -> Option<Waiting<T>> {
        self.sort_out();
        if self.eligible.peek().is_some_and(|first| may(&first.item)) {
            return self.eligible.pop();
        }
        let rarely = |heap: &mut BinaryHeap<Waiting<T>>| {
            // The heap's greatest is the first.
            let best = heap.iter().filter(|waiting| may(&waiting.item)).max()?;
            extract(heap, best.sequence)
        };
        rarely(&mut self.eligible).or_else(|| rarely(&mut self.later))
    }

    /// Takes one out, with the nanoseconds that it is owed.
    pub fn remove(&mut self, is_it: impl Fn(&T) -> bool) -> Option<(T, i64)> {
        let find = |heap: &mut BinaryHeap<Waiting<T>>| {
            let it = heap.iter().find(|waiting| is_it(&waiting.item))?;
            extract(heap, it.sequence)
        };
        let waiting = find(&mut self.eligible).or_else(|| find(&mut self.later))?;
        let lag = self.lag(waiting.place);
        self.discount(&waiting.place);
        Some((waiting.item, lag))
    }

    /// Nanoseconds until what runs has had the slice that it asked for.
    pub fn left(&self) -> u64 {
        self.running.map_or(0, |place| {
            place
                .to_real(after(place.deadline, place.vruntime))
                .max(0)
                .unsigned_abs()
        })
    }

    /// Whether an eligible one waits whose deadline comes before that of what runs.
    pub fn presses(&mut self) -> bool {
        self.sort_out();
        match (self.eligible.peek(), &self.running) {
            (Some(first), Some(place)) => after(first.key, place.deadline) < 0,
            _ => false,
        }
    }
}

fn extract<T>(heap: &mut BinaryHeap<Waiting<T>>, sequence: u64) -> Option<Waiting<T>> {
    let mut all = core::mem::take(heap).into_vec();
    let at = all.iter().position(|waiting| waiting.sequence == sequence);
    let taken = at.map(|at| all.swap_remove(at));
    *heap = BinaryHeap::from(all);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const NICE_0: u64 = WEIGHT_NICE_0;
    /// Nice 5.
    const LIGHT: u64 = 335;
    const ANY: fn(&usize) -> bool = |_| true;

    /// Runs hogs of these weights in turns for so many slices; what each has had.
    fn share(weights: &[u64], slices: u64) -> alloc::vec::Vec<u64> {
        let mut fair = Fair::new();
        let mut had = alloc::vec![0; weights.len()];
        for (item, weight) in weights.iter().enumerate() {
            fair.join(item, *weight, 0);
        }
        for _ in 0..slices {
            let item = fair.pick(ANY).expect("somebody waits");
            let nanos = fair.left();
            fair.charge(nanos);
            had[item] += nanos;
            fair.put_back(item, weights[item], false);
        }
        had
    }

    #[test]
    fn hogs_share_by_weight() {
        for weights in [&[NICE_0, NICE_0][..], &[NICE_0, LIGHT, 15], &[88_761, 3]] {
            let had = share(weights, 20_000);
            let (all, total): (u64, u64) = (had.iter().sum(), weights.iter().sum());
            for (had, weight) in had.iter().zip(weights) {
                let due = u128::from(all) * u128::from(*weight) / u128::from(total);
                // Nobody is ever more than a slice off.
                assert!(
                    had.abs_diff(due as u64) <= SLICE,
                    "{weights:?}: {had} of {due}"
                );
            }
        }
    }

    #[test]
    fn a_sleeper_gains_no_more_than_its_lag() {
        let mut fair = Fair::new();
        fair.join(0, NICE_0, 0);
        fair.join(1, NICE_0, 0);
        let first = fair.pick(ANY).unwrap();
        fair.charge(SLICE);
        // It has had all, the other one nothing.
        assert_eq!(fair.leave(), -(SLICE as i64) / 2);
        assert_eq!(fair.pick(ANY), Some(1 - first));
        fair.charge(1000 * SLICE);
        // Who comes back owes what it owed; who never left has had a lot meanwhile, but alone.
        fair.join(first, NICE_0, -(SLICE as i64) / 2);
        fair.put_back(1 - first, NICE_0, false);
        assert_eq!(fair.pick(ANY), Some(1 - first));
        let (item, lag) = fair.remove(|_| true).unwrap();
        assert_eq!(item, first);
        assert!((lag + SLICE as i64 / 2).abs() <= 1, "{lag}");
    }

    #[test]
    fn lag_survives_a_move() {
        let mut fair = Fair::new();
        for item in 0..3 {
            fair.join(item, NICE_0, 0);
        }
        let first = fair.pick(ANY).unwrap();
        fair.charge(SLICE);
        fair.put_back(first, NICE_0, false);
        let (item, lag) = fair.take(ANY).unwrap();
        assert_ne!(item, first);
        assert!((lag - SLICE as i64 / 3).abs() <= 1, "{lag}");
        let mut other = Fair::new();
        other.join(7, LIGHT, 0);
        other.join(item, NICE_0, lag);
        let (_, again) = other.remove(|other| *other == item).unwrap();
        assert!((again - lag).abs() <= 8, "{again} of {lag}");
    }

    #[test]
    fn yielding_puts_behind() {
        let mut fair = Fair::new();
        for item in 0..3 {
            fair.join(item, NICE_0, 0);
        }
        let mut order = alloc::vec::Vec::new();
        for _ in 0..6 {
            let item = fair.pick(ANY).unwrap();
            order.push(item);
            fair.charge(1_000);
            fair.put_back(item, NICE_0, true);
        }
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn who_may_not_run_stays() {
        let mut fair = Fair::new();
        for item in 0..3 {
            fair.join(item, NICE_0, 0);
        }
        assert_eq!(fair.pick(|item| *item == 2), Some(2));
        assert_eq!(fair.take(|item| *item == 1).map(|(item, _)| item), Some(1));
        assert_eq!(fair.take(|_| false), None);
        assert_eq!(fair.len(), 1);
    }

    #[test]
    fn a_light_one_is_pressed_by_a_heavy_one() {
        let mut fair = Fair::new();
        fair.join(0, LIGHT, 0);
        assert_eq!(fair.pick(ANY), Some(0));
        assert!(!fair.presses());
        assert!(SLICE - fair.left() <= 1);
        fair.join(1, NICE_0, 0);
        assert!(fair.presses());
    }

    #[test]
    fn time_wraps() {
        let mut fair = Fair::new();
        fair.base = u64::MAX - SLICE / 2;
        fair.join(0, NICE_0, 0);
        fair.join(1, NICE_0, 0);
        let mut order = alloc::vec::Vec::new();
        for _ in 0..4 {
            let item = fair.pick(ANY).unwrap();
            order.push(item);
            fair.charge(SLICE);
            fair.put_back(item, NICE_0, false);
        }
        assert_eq!(order, [0, 1, 0, 1]);
    }
}
