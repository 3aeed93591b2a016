//! Windows whose display is gone remember it: when it comes back, so do they.

use smithay::utils::{Logical, Point, Rectangle};

use super::Mode;
use crate::{output::OutputId, state::Compositor};

/// Where a window was before its display went.
#[derive(Debug, Clone)]
pub(super) struct Home {
    /// The display's name.
    output: String,
    /// Where that was among the others.
    corner: Point<i32, Logical>,
    /// The window's content.
    content: Rectangle<i32, Logical>,
}

impl Compositor {
    /// A display is about to go: its windows remember it.
    pub(crate) fn remember_homes(&mut self, output: OutputId) {
        let Some(screen) = self.outputs.get(output) else {
            return;
        };
        let (name, corner) = (screen.output.name(), screen.output.current_location());
        let outputs = &self.outputs;
        for window in self.shell.windows.iter_mut().filter(|window| window.mapped) {
            let content = window.wanted.unwrap_or(window.rect());
            let here = outputs.most_on(content).map(|screen| screen.id) == Some(output);
            // Who is a guest here already has a home elsewhere.
            if here && window.home.is_none() {
                window.home = Some(Home {
                    output: name.clone(),
                    corner,
                    content,
                });
            }
        }
    }

    /// A display is back: its windows return, and are laid out anew afterwards.
    pub(crate) fn bring_home(&mut self, output: &str, corner: Point<i32, Logical>) {
        for window in &mut self.shell.windows {
            let Some(home) = window.home.take_if(|home| home.output == output) else {
                continue;
            };
            let moved = corner - home.corner;
            let mut content = home.content;
            content.loc += moved;
            if let Some(restore) = &mut window.restore {
                restore.loc += moved;
            }
            if window.mode == Mode::Floating {
                window.wanted = Some(content);
            } else {
                window.arrival = None;
                window.move_to(content.loc);
            }
        }
        self.pointer_moved_under();
    }
}
