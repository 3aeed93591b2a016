//! Displays that come and go, are switched on and off, and change their size.
//!
//! A display that comes back, as its name says, is where it was before, and so are the windows that
//! had to leave it, unless their user has moved them since.

use std::time::Duration;

use smithay::{
    output::{Mode as OutputMode, Output, PhysicalProperties, Scale, Subpixel},
    reexports::wayland_server::backend::GlobalId,
    utils::{Logical, Point, Rectangle, Transform},
};

use super::{OutputId, Outputs, Pacing, Screen, layout::Standing, pointer::Pointed};
use crate::{
    Error, backend::Backend, clock::Due, render::Tracker, shell::Layers, state::Compositor,
};

/// Where a display was that is not there now.
#[derive(Debug, Clone)]
pub(super) struct Place {
    name: String,
    at: Point<i32, Logical>,
    standing: Standing,
    scale: f64,
    transform: Transform,
    /// Which of them it was: the first is the primary.
    order: usize,
}

/// More displays than this nobody plugs in and out.
const MOST_PLACES: usize = 32;
/// How long a client may take to hear that a display is gone: who binds its global later is mistaken.
const FAREWELL: Duration = Duration::from_secs(10);

/// What a backend knows of a display.
#[derive(Debug, Clone)]
pub struct DisplayInfo {
    /// Its connector's name (`Virtual-1`).
    pub name: String,
    /// Who made it.
    pub make: String,
    /// What it is.
    pub model: String,
    /// Its size in millimetres, 0 if unknown.
    pub millimetres: (i32, i32),
    /// Its size in pixels.
    pub size: (i32, i32),
    /// Its refresh rate in mHz.
    pub refresh: i32,
}

impl Outputs {
    /// A display that is away comes back with this scale and turn.
    pub(crate) fn set_look_away(
        &mut self,
        name: &str,
        scale: Option<f64>,
        transform: Option<Transform>,
    ) {
        let place = self.places.iter_mut().find(|place| place.name == name);
        if let Some(place) = place {
            place.scale = scale.unwrap_or(place.scale);
            place.transform = transform.unwrap_or(place.transform);
        }
    }
}

impl Compositor {
    /// A display appeared.
    pub fn add_output(&mut self, info: &DisplayInfo) -> OutputId {
        let id = OutputId(self.outputs.next_id);
        self.outputs.next_id += 1;
        let output = Output::new(
            info.name.clone(),
            PhysicalProperties {
                size: info.millimetres.into(),
                subpixel: Subpixel::Unknown,
                make: info.make.clone(),
                model: info.model.clone(),
            },
        );
        let mode = OutputMode {
            size: info.size.into(),
            refresh: info.refresh,
        };
        output.change_current_state(Some(mode), Some(Transform::Normal), None, None);
        output.set_preferred(mode);
        self.show_on(id, output);
        id
    }

    /// Puts a display among the others: where it was before, or at their right.
    fn show_on(&mut self, id: OutputId, output: Output) {
        self.note_displays();
        let outputs = &mut self.outputs;
        let name = output.name();
        let known = outputs.places.iter().position(|place| place.name == name);
        let known = known.map(|at| outputs.places.remove(at));
        let scale = known
            .as_ref()
            .map_or(self.options.scale, |place| place.scale);
        let turned = known.as_ref().map(|place| place.transform);
        let transform = turned.unwrap_or_else(|| output.current_transform());
        let standing = known.as_ref().map(|place| place.standing);
        let standing = standing.unwrap_or_else(|| {
            outputs.next_rank += 1;
            let rank = outputs.next_rank;
            Standing {
                chosen: false,
                rank,
            }
        });
        let rects = outputs.screens.iter().map(Screen::rect);
        let right = rects.map(|rect| rect.loc.x + rect.size.w).max();
        let before = known.as_ref().map(|place| place.at);
        let at = before.unwrap_or_else(|| (right.unwrap_or(0), 0).into());
        let order = known.map_or(usize::MAX, |place| place.order);
        let scale = Some(Scale::Fractional(scale));
        output.change_current_state(None, Some(transform), scale, Some(at));
        let mut screen = Screen {
            id,
            layers: Layers::default(),
            damage: Tracker::default(),
            global: output.create_global::<Compositor>(&self.display),
            output,
            pacing: Pacing::Queued,
            feedback: None,
            last_vblank: self.clock.now(),
            frames: 0,
            lit: true,
            turned: None,
            tone: outputs.night.clone(),
            pointer: Pointed::default(),
            standing,
            hold: None,
            laid_out: Rectangle::default(),
        };
        screen.arrange_layers();
        let first = outputs.screens.is_empty();
        let order = order.min(outputs.screens.len());
        outputs.screens.insert(order, screen);
        self.close_up();
        if first && let Some(pointer) = self.seat.get_pointer() {
            let rect = self.outputs.work_area(None).to_f64();
            pointer.set_location(rect.loc + Point::from((rect.size.w / 2.0, rect.size.h / 2.0)));
        }
        self.bring_home(id);
        self.work_area_changed();
        self.tell_scales();
    }

    /// A display is no longer driven; what was on it moves to the others.
    fn hide(&mut self, id: OutputId) -> Option<Output> {
        let order = self.outputs.screens.iter().position(|it| it.id == id)?;
        let loses_keyboard = self.has_keyboard_on(id);
        self.note_displays();
        self.remember_homes(id);
        let screen = self.outputs.screens.remove(order);
        self.deadlines.cancel(Due::Vblank(id));
        self.painter.forget_output(id);
        for layer in screen.layers.iter() {
            layer.layer_surface().send_close();
        }
        self.drop_gamma(id);
        self.drop_powers(id);
        self.retire(screen.global);
        self.outputs.gone.push(screen.laid_out);
        let places = &mut self.outputs.places;
        places.retain(|place| place.name != screen.output.name());
        if places.len() == MOST_PLACES {
            places.remove(0);
        }
        places.push(Place {
            name: screen.output.name(),
            at: screen.output.current_location(),
            standing: screen.standing,
            scale: screen.output.current_scale().fractional_scale(),
            transform: screen.output.current_transform(),
            order,
        });
        self.close_up();
        if let Some(pointer) = self.seat.get_pointer() {
            pointer.set_location(self.outputs.clamp(pointer.current_location()));
        }
        self.confirm_lock();
        if loses_keyboard {
            self.refocus();
        }
        self.tell_scales();
        self.pointer_moved_under();
        Some(screen.output)
    }

    /// Whether a layer or a lock surface of a display has the keyboard: it goes with the display.
    fn has_keyboard_on(&self, id: OutputId) -> bool {
        let keyboard = self.seat.get_keyboard();
        let Some(focus) = keyboard.and_then(|keyboard| keyboard.current_focus()) else {
            return false;
        };
        let lock = self.shell.lock.as_ref();
        lock.and_then(|lock| lock.surface_on(id)) == Some(&focus)
            || self
                .outputs
                .get(id)
                .is_some_and(|screen| screen.layers.of(&focus).is_some())
    }

    /// Takes a display's global from clients; one that binds it before it hears so does no wrong.
    fn retire(&mut self, global: GlobalId) {
        self.display.disable_global::<Compositor>(global.clone());
        let until = self.clock.now() + FAREWELL;
        self.outputs.retired.push((until, global));
        self.forget_retired();
    }

    /// Forgets the globals whose time is over.
    pub(crate) fn forget_retired(&mut self) {
        let now = self.clock.now();
        let retired = &mut self.outputs.retired;
        let over = retired.iter().take_while(|(until, _)| *until <= now);
        let over = over.count();
        for (_, global) in retired.drain(..over) {
            self.display.remove_global::<Compositor>(global);
        }
        if let Some((until, _)) = retired.first() {
            self.deadlines.set(*until, Due::Retired);
        }
    }

    /// A display is unplugged.
    pub fn remove_output(&mut self, id: OutputId) {
        self.outputs.off.retain(|(other, _)| *other != id);
        self.hide(id);
        self.work_area_changed();
    }

    /// Switches a display on or off that is plugged in.
    pub fn switch_output(&mut self, id: OutputId, on: bool) -> Result<(), Error> {
        if on == self.outputs.get(id).is_some() {
            return Ok(());
        }
        if !self.backend.can_switch() {
            return Err(Error::Display("this display is always on".into()));
        }
        if !on {
            if let Some(output) = self.hide(id) {
                self.outputs.off.push((id, output));
                let driven = self.drive_output(id, false);
                self.work_area_changed();
                return driven;
            }
            return Ok(());
        }
        let off = &mut self.outputs.off;
        if let Some(at) = off.iter().position(|(other, _)| *other == id) {
            let (_, output) = off.remove(at);
            self.show_on(id, output);
            self.drive_output(id, true)?;
        }
        Ok(())
    }

    /// Lets the backend know.
    pub(super) fn drive_output(&mut self, id: OutputId, on: bool) -> Result<(), Error> {
        match &self.backend {
            Backend::Drm(_) => self.switch_card_output(id, on),
            _ => Ok(()),
        }
    }

    /// A display changed its size.
    pub fn resize_output(&mut self, id: OutputId, size: (i32, i32), refresh: i32) {
        let mode = OutputMode {
            size: size.into(),
            refresh,
        };
        let is_other = |screen: &Screen| screen.output.current_mode() != Some(mode);
        if !self.outputs.get(id).is_some_and(is_other) {
            return;
        }
        self.note_displays();
        let Some(screen) = self.outputs.get_mut(id) else {
            return;
        };
        let before = screen.output.current_mode();
        screen
            .output
            .change_current_state(Some(mode), None, None, None);
        screen.output.set_preferred(mode);
        if let Some(before) = before {
            screen.output.delete_mode(before);
        }
        screen.arrange_layers();
        self.close_up();
        self.work_area_changed();
        self.size_lock_surfaces();
        self.hold(id);
        if let Some(pointer) = self.seat.get_pointer() {
            pointer.set_location(self.outputs.clamp(pointer.current_location()));
        }
        self.pointer_moved_under();
    }
}
