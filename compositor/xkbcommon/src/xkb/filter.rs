//! What keys do to the state: the XKB actions, each kept alive from its press to its release.
//!
//! A pressed key that has an action leaves a [`Filter`], which sees every later key event until it
//! is done: that is how Shift knows when it is let go, and a latch when another key has used it.
//! The rules are those of the XKB protocol (section "Key Actions") as libxkbcommon reads them.

use super::ModMask;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    ModSet {
        mods: ModMask,
        clear_locks: bool,
    },
    ModLatch {
        mods: ModMask,
        clear_locks: bool,
        latch_to_lock: bool,
    },
    ModLock {
        mods: ModMask,
        lock: bool,
        unlock: bool,
    },
    GroupSet {
        change: GroupChange,
        clear_locks: bool,
    },
    GroupLatch {
        change: GroupChange,
        clear_locks: bool,
        latch_to_lock: bool,
    },
    GroupLock {
        change: GroupChange,
    },
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupChange {
    To(i32),
    By(i32),
}

impl GroupChange {
    fn apply(self, group: i32) -> i32 {
        match self {
            GroupChange::To(to) => to,
            GroupChange::By(delta) => group.wrapping_add(delta),
        }
    }
}

/// Modifiers and layouts by how long they last, and their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Components {
    pub base_mods: ModMask,
    pub latched_mods: ModMask,
    pub locked_mods: ModMask,
    pub mods: ModMask,
    pub base_group: i32,
    pub latched_group: i32,
    pub locked_group: i32,
    pub group: i32,
}

/// What one key event changes; base modifiers are counted, as several keys may hold the same one.
pub(super) struct Change<'a> {
    pub components: &'a mut Components,
    pub set_mods: ModMask,
    pub clear_mods: ModMask,
}

/// One key event as the filters see it: `actions` are those that the key would start.
pub(super) struct Event<'a> {
    pub keycode: u32,
    pub down: bool,
    pub actions: &'a [Action],
}

impl Event<'_> {
    /// Whether this key is one that a latch was waiting for, not another modifier.
    fn breaks_latch(&self) -> bool {
        self.actions.is_empty()
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    keycode: u32,
    presses: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    ModSet {
        mods: ModMask,
        clear_locks: bool,
    },
    ModLatch {
        mods: ModMask,
        clear_locks: bool,
        latch_to_lock: bool,
        phase: Latch,
    },
    /// `unlock` is what was locked before, and so is unlocked at the release.
    ModLock {
        mods: ModMask,
        unlock: ModMask,
    },
    GroupSet {
        before: i32,
        clear_locks: bool,
    },
    GroupLatch {
        change: GroupChange,
        delta: i32,
        clear_locks: bool,
        latch_to_lock: bool,
        phase: Latch,
    },
    GroupLock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latch {
    /// The latching key is held and nothing else happened.
    KeyDown,
    /// Another key was pressed meanwhile: it was used as a plain modifier.
    Used,
    /// The latching key was let go; the next key is latched.
    Pending,
}

/// What a filter says about an event.
pub(super) struct Verdict {
    /// The event starts no further action.
    pub consumed: bool,
    /// The filter has nothing more to wait for.
    pub done: bool,
}

impl Verdict {
    const PASS: Verdict = Verdict {
        consumed: false,
        done: false,
    };
    const CONSUME: Verdict = Verdict {
        consumed: true,
        done: false,
    };
    const DONE: Verdict = Verdict {
        consumed: false,
        done: true,
    };
}

impl Filter {
    /// Starts `action` for a pressed key.
    pub fn start(keycode: u32, action: Action, change: &mut Change<'_>) -> Option<Filter> {
        let components = &mut *change.components;
        let kind = match action {
            Action::ModSet { mods, clear_locks } => {
                change.set_mods |= mods;
                Kind::ModSet { mods, clear_locks }
            }
            Action::ModLatch {
                mods,
                clear_locks,
                latch_to_lock,
            } => {
                change.set_mods |= mods;
                Kind::ModLatch {
                    mods,
                    clear_locks,
                    latch_to_lock,
                    phase: Latch::KeyDown,
                }
            }
            Action::ModLock { mods, lock, unlock } => {
                let locked = components.locked_mods & mods;
                change.set_mods |= mods;
                if lock {
                    components.locked_mods |= mods;
                }
                Kind::ModLock {
                    mods,
                    unlock: if unlock { locked } else { 0 },
                }
            }
            Action::GroupSet {
                change,
                clear_locks,
            } => {
                let before = components.base_group;
                components.base_group = change.apply(before);
                Kind::GroupSet {
                    before,
                    clear_locks,
                }
            }
            Action::GroupLatch {
                change,
                clear_locks,
                latch_to_lock,
            } => {
                let before = components.base_group;
                components.base_group = change.apply(before);
                let delta = components.base_group.wrapping_sub(before);
                Kind::GroupLatch {
                    change,
                    delta,
                    clear_locks,
                    latch_to_lock,
                    phase: Latch::KeyDown,
                }
            }
            Action::GroupLock { change } => {
                components.locked_group = change.apply(components.locked_group);
                Kind::GroupLock
            }
            Action::Other => return None,
        };
        Some(Filter {
            keycode,
            presses: 1,
            kind,
        })
    }

    /// Lets the filter see a key event.
    pub fn see(&mut self, event: &Event<'_>, change: &mut Change<'_>) -> Verdict {
        match self.kind {
            Kind::ModLatch { .. } => self.see_mod_latch(event, change),
            Kind::GroupLatch { .. } => self.see_group_latch(event, change),
            _ => self.see_held(event, change),
        }
    }

    /// Actions that last as long as their key is held.
    fn see_held(&mut self, event: &Event<'_>, change: &mut Change<'_>) -> Verdict {
        if event.keycode != self.keycode {
            // A modifier that was used with another key leaves the locks alone.
            match &mut self.kind {
                Kind::ModSet { clear_locks, .. } | Kind::GroupSet { clear_locks, .. } => {
                    *clear_locks = false;
                }
                _ => {}
            }
            return Verdict::PASS;
        }
        if event.down {
            self.presses = self.presses.saturating_add(1);
            return Verdict::CONSUME;
        }
        self.presses -= 1;
        if self.presses > 0 {
            return Verdict::CONSUME;
        }
        match self.kind {
            Kind::ModSet { mods, clear_locks } => {
                change.clear_mods |= mods;
                if clear_locks {
                    change.components.locked_mods &= !mods;
                }
            }
            Kind::ModLock { mods, unlock } => {
                change.clear_mods |= mods;
                change.components.locked_mods &= !unlock;
            }
            Kind::GroupSet {
                before,
                clear_locks,
            } => {
                change.components.base_group = before;
                if clear_locks {
                    change.components.locked_group = 0;
                }
            }
            Kind::GroupLock | Kind::ModLatch { .. } | Kind::GroupLatch { .. } => {}
        }
        Verdict::DONE
    }

    fn see_mod_latch(&mut self, event: &Event<'_>, change: &mut Change<'_>) -> Verdict {
        let Kind::ModLatch {
            mods,
            clear_locks,
            latch_to_lock,
            ref mut phase,
        } = self.kind
        else {
            return Verdict::PASS;
        };
        let components = &mut *change.components;
        if event.down && *phase == Latch::Pending {
            let same = Action::ModLatch {
                mods,
                clear_locks,
                latch_to_lock,
            };
            if event.actions.contains(&same) {
                // Latched twice: from now on it is a lock, or a plain modifier.
                components.latched_mods &= !mods;
                self.keycode = event.keycode;
                self.presses = 1;
                self.kind = if latch_to_lock {
                    components.locked_mods |= mods;
                    Kind::ModLock { mods: 0, unlock: 0 }
                } else {
                    change.set_mods |= mods;
                    Kind::ModSet { mods, clear_locks }
                };
                return Verdict::CONSUME;
            }
            if event.breaks_latch() {
                components.latched_mods &= !mods;
                return Verdict::DONE;
            }
        } else if !event.down && event.keycode == self.keycode {
            let locked = clear_locks && components.locked_mods & mods == mods;
            if *phase == Latch::Used || locked {
                if *phase == Latch::Pending {
                    components.latched_mods &= !mods;
                } else {
                    change.clear_mods |= mods;
                }
                if clear_locks {
                    components.locked_mods &= !mods;
                }
                return Verdict::DONE;
            }
            if *phase == Latch::KeyDown {
                *phase = Latch::Pending;
                change.clear_mods |= mods;
                components.latched_mods |= mods;
            }
        } else if event.down && *phase == Latch::KeyDown {
            *phase = Latch::Used;
        }
        Verdict::PASS
    }

    fn see_group_latch(&mut self, event: &Event<'_>, seen: &mut Change<'_>) -> Verdict {
        let Kind::GroupLatch {
            change,
            delta,
            clear_locks,
            latch_to_lock,
            ref mut phase,
        } = self.kind
        else {
            return Verdict::PASS;
        };
        let components = &mut *seen.components;
        if event.down && *phase == Latch::Pending {
            let same = Action::GroupLatch {
                change,
                clear_locks,
                latch_to_lock,
            };
            if event.actions.contains(&same) {
                components.latched_group = components.latched_group.wrapping_sub(delta);
                self.keycode = event.keycode;
                self.presses = 1;
                self.kind = if latch_to_lock {
                    components.locked_group = components.locked_group.wrapping_add(delta);
                    Kind::GroupLock
                } else {
                    let before = components.base_group;
                    components.base_group = before.wrapping_add(delta);
                    Kind::GroupSet {
                        before,
                        clear_locks,
                    }
                };
                return Verdict::CONSUME;
            }
            if event.breaks_latch() {
                components.latched_group = components.latched_group.wrapping_sub(delta);
                return Verdict::DONE;
            }
        } else if !event.down && event.keycode == self.keycode {
            let locked = clear_locks && components.locked_group != 0;
            if *phase == Latch::Used || locked {
                if *phase == Latch::Pending {
                    components.latched_group = components.latched_group.wrapping_sub(delta);
                } else {
                    components.base_group = components.base_group.wrapping_sub(delta);
                }
                if clear_locks {
                    components.locked_group = 0;
                }
                return Verdict::DONE;
            }
            if *phase == Latch::KeyDown {
                *phase = Latch::Pending;
                components.base_group = components.base_group.wrapping_sub(delta);
                components.latched_group = components.latched_group.wrapping_add(delta);
            }
        } else if event.down && *phase == Latch::KeyDown {
            *phase = Latch::Used;
        }
        Verdict::PASS
    }
}
