//! Windows whose display is gone remember it: when it comes back, so do they.

use smithay::utils::{Logical, Point, Rectangle};

use super::{Mode, WindowId};
use crate::{
    output::{OutputId, Screen},
    state::Compositor,
};

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
    /// Notes which display each window lies on. What comes after that, until windows are laid out,
    /// may change displays as it likes.
    pub(crate) fn note_displays(&mut self) {
        let outputs = &self.outputs;
        let windows = self.shell.windows.iter();
        self.shell.lying.get_or_insert_with(|| {
            let lies = windows.filter(|window| window.mapped).filter_map(|window| {
                // Where it is about to go counts.
                let going = window.arrival.and_then(|(_, to)| outputs.at(to.to_f64()));
                let on = going.or_else(|| outputs.most_on(window.rect()));
                Some((window.id, on?.id))
            });
            lies.collect()
        });
    }

    /// What panels leave of the display that a window lies on: where it is noted, else by its place.
    pub(super) fn work_area_of(
        &self,
        id: WindowId,
        place: Option<Rectangle<i32, Logical>>,
    ) -> Rectangle<i32, Logical> {
        self.noted_display(id)
            .map_or_else(|| self.outputs.work_area(place), Screen::work_area)
    }

    pub(super) fn noted_display(&self, id: WindowId) -> Option<&Screen> {
        let on = self.shell.lying.as_ref()?.get(&id)?;
        self.outputs.get(*on)
    }

    /// A display has moved among the others, with its windows.
    pub(crate) fn windows_go_along(&mut self, output: OutputId, by: Point<i32, Logical>) {
        let lying = self.shell.lying.as_ref();
        let here = |id: &WindowId| lying.and_then(|lying| lying.get(id)) == Some(&output);
        for window in &mut self.shell.windows {
            if !here(&window.id) {
                continue;
            }
            window.move_to(window.position + by);
            let places = [&mut window.wanted, &mut window.restore];
            for place in places.into_iter().flatten() {
                place.loc += by;
            }
            if let Some((_, to)) = &mut window.arrival {
                *to += by;
            }
            if let Some(resizing) = &mut window.resizing {
                resizing.start.loc += by;
            }
        }
    }

    /// A display is about to go: its windows remember it.
    pub(crate) fn remember_homes(&mut self, output: OutputId) {
        let Some(screen) = self.outputs.get(output) else {
            return;
        };
        let (name, corner) = (screen.output.name(), screen.output.current_location());
        let lying = self.shell.lying.as_ref();
        for window in self.shell.windows.iter_mut().filter(|window| window.mapped) {
            let here = lying.and_then(|lying| lying.get(&window.id)) == Some(&output);
            // Who is a guest here already has a home elsewhere.
            if here && window.home.is_none() {
                window.home = Some(Home {
                    output: name.clone(),
                    corner,
                    content: window.wanted.unwrap_or(window.rect()),
                });
            }
        }
    }

    /// A display is back: its windows return, and are laid out anew afterwards.
    pub(crate) fn bring_home(&mut self, output: OutputId) {
        let Some(screen) = self.outputs.get(output) else {
            return;
        };
        let (name, corner) = (screen.output.name(), screen.output.current_location());
        let mut lying = self.shell.lying.take();
        for window in &mut self.shell.windows {
            let Some(home) = window.home.take_if(|home| home.output == name) else {
                continue;
            };
            if let Some(lying) = &mut lying {
                lying.insert(window.id, output);
            }
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
        self.shell.lying = lying;
        self.pointer_moved_under();
    }
}
