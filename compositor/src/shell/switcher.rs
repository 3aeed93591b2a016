//! Alt-Tab: while Alt is held, Tab goes through the windows; letting go takes the one chosen.

use super::WindowId;
use crate::state::Compositor;

/// Alt-Tab under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switcher {
    /// The windows, most recently used first.
    pub order: Vec<WindowId>,
    /// The one chosen.
    pub chosen: usize,
}

impl Switcher {
    /// The window chosen.
    pub fn window(&self) -> Option<WindowId> {
        self.order.get(self.chosen).copied()
    }
}

impl Compositor {
    /// Goes to the next (or previous) window, opening the switcher if it is closed.
    pub fn switch_windows(&mut self, forward: bool) {
        if self.shell.switcher.is_none() {
            let mut order = self.shell.by_use();
            let minimized = self.shell.iter().rev();
            // They come last, whenever they were used.
            order.extend(minimized.filter(|window| window.mapped && window.minimized));
            let order: Vec<_> = order.into_iter().map(|window| window.id).collect();
            if order.is_empty() {
                return;
            }
            self.close_window_menu();
            self.shell.switcher = Some(Switcher { order, chosen: 0 });
        }
        if let Some(switcher) = &mut self.shell.switcher {
            let count = switcher.order.len();
            let step = if forward { 1 } else { count - 1 };
            switcher.chosen = (switcher.chosen + step) % count;
        }
        self.outputs.queue_all();
    }

    /// Closes the switcher; takes the chosen window unless it was cancelled.
    pub fn end_switch(&mut self, take: bool) {
        let Some(switcher) = self.shell.switcher.take() else {
            return;
        };
        self.switch_held = None;
        if take && let Some(id) = switcher.window() {
            self.activate(id);
        }
        self.pointer_moved_under();
        self.outputs.queue_all();
    }

    /// Drops windows from the switcher that are no more.
    pub(super) fn update_switcher(&mut self) {
        let Some(mut switcher) = self.shell.switcher.take() else {
            return;
        };
        let chosen = switcher.window();
        switcher
            .order
            .retain(|id| self.shell.get(*id).is_some_and(|window| window.mapped));
        if switcher.order.is_empty() {
            return;
        }
        switcher.chosen = chosen
            .and_then(|id| switcher.order.iter().position(|other| *other == id))
            .unwrap_or(0);
        self.shell.switcher = Some(switcher);
    }
}
