//! The pointer over each output: by the card where it has a plane for it, which costs no frame, and
//! else drawn with all the rest.
//!
//! At the end of each turn what an output is to show of the pointer is compared with what it shows.
//! So whoever moves the pointer or gives it another look need tell nobody.

use smithay::utils::Transform;

use super::OutputId;
use crate::{
    backend::Pointer,
    render::{Extent, Sight},
    state::Compositor,
};

/// How an output shows the pointer.
#[derive(Debug, Default)]
pub(super) struct Pointed {
    /// What of it, and whether by the card; unknown where all is shown anew.
    shown: Option<(Sight, bool)>,
    /// How often the card was told of it.
    moves: u64,
    /// How often it had been when captures that show it were last served.
    captured: u64,
}

impl Pointed {
    /// What is shown doesn't count any more.
    pub(super) fn forget(&mut self) {
        self.shown = None;
    }

    /// Whether it is to be drawn.
    pub(super) fn is_drawn(&self) -> bool {
        !matches!(self.shown, Some((_, true)))
    }

    /// How often it moved without a frame.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// Whether it has moved without a frame since this was last asked.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::replace(&mut self.captured, self.moves) != self.moves
    }
}

impl Compositor {
    /// Shows the pointer where it is now.
    pub(super) fn follow_pointer(&mut self) {
        let ids: Vec<OutputId> = self.outputs.iter().map(|screen| screen.id).collect();
        for id in ids {
            self.follow_pointer_on(id);
        }
        self.enter_carried();
        self.tell_pointer_sessions();
    }

    fn follow_pointer_on(&mut self, id: OutputId) {
        let plane = self.plane_for(id);
        let Some(sight) = self.pointer_on(id) else {
            return;
        };
        let plane = plane.filter(|plane| sight.fits(*plane));
        let Some(screen) = self.outputs.get_mut(id) else {
            return;
        };
        let now = Some((sight, plane.is_some()));
        if screen.pointer.shown == now {
            return;
        }
        let before = std::mem::replace(&mut screen.pointer.shown, now.clone());
        let (Some((sight, _)), was) = (now, before.as_ref().map(|(_, by_card)| *by_card)) else {
            return;
        };
        let before = before
            .filter(|(_, by_card)| *by_card)
            .map(|(sight, _)| sight);
        if let Some(plane) = plane
            && self.show_by_card(id, &sight, before.as_ref(), plane)
        {
            let watched = self.is_pointer_captured(id);
            if let Some(screen) = self.outputs.get_mut(id) {
                screen.pointer.moves += 1;
                if was != Some(true) || watched {
                    screen.queue(); // without the one that was drawn, or for who takes pictures
                }
            }
            return;
        }
        if was != Some(false) {
            // A card that has no plane, or refused this pointer, has nothing to hide either.
            let _ = self.backend.show_pointer(id, &Pointer::Hidden);
        }
        if let Some(screen) = self.outputs.get_mut(id) {
            screen.pointer.shown = Some((sight, false));
            screen.queue();
        }
    }

    /// The size of pictures of the pointer that an output's card may show now.
    fn plane_for(&self, id: OutputId) -> Option<Extent> {
        let upright = self.outputs.get(id)?.transform() == Transform::Normal;
        // What is dragged follows the pointer without a gap only if both are drawn.
        let drawn = !self.config.pointer_by_card || !upright || self.drag_icon.is_some();
        let plane = self.backend.pointer_plane(id);
        plane.filter(|_| !drawn)
    }

    /// Has the card show the pointer, given what it shows by now; whether it does.
    fn show_by_card(
        &mut self,
        id: OutputId,
        sight: &Sight,
        before: Option<&Sight>,
        plane: Extent,
    ) -> bool {
        if sight.is_empty() {
            return self.backend.show_pointer(id, &Pointer::Hidden).is_ok();
        }
        let at = sight.corner;
        if before.is_some_and(|before| before.looks_like(sight)) {
            return self.backend.show_pointer(id, &Pointer::At(at)).is_ok();
        }
        let tone = self.outputs.get(id).and_then(|screen| screen.tone.clone());
        let picture = self.pointer_picture(id, sight, plane, tone.as_ref());
        let Some(picture) = picture else { return false };
        let hotspot = sight.hotspot;
        let pointer = Pointer::Picture {
            picture: &picture,
            hotspot,
            at,
        };
        self.backend.show_pointer(id, &pointer).is_ok()
    }
}
