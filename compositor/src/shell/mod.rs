//! Windows as people see them.
//!
//! [`Shell`] holds the stack of windows, bottom first; the last mapped, unminimized one that was
//! activated has the keyboard, also below its dialogs. Positions are of a window's *content* (its xdg geometry); the frame
//! that the compositor draws lies around it.

mod awake;
mod bell;
mod configure;
mod frame;
mod grab;
mod hit;
mod home;
mod layers;
mod lock;
mod menus;
mod modes;
mod motion;
mod placement;
mod snap;
mod switcher;
mod window;
mod window_menu;
mod workspaces;

use std::{cmp::Reverse, collections::HashMap};

use smithay::{
    desktop::Window,
    reexports::wayland_server::{Resource, backend::ObjectId, protocol::wl_surface::WlSurface},
    utils::{IsAlive, SERIAL_COUNTER, Serial},
    wayland::{
        compositor::with_states,
        shell::xdg::{ToplevelSurface, XdgToplevelSurfaceData},
    },
};

pub(crate) use configure::{configure, configure_changed, place_popup};
pub use frame::{FrameButton, FrameLayout};
pub use grab::Edges;
pub use hit::Hit;
pub(crate) use hit::LAYERS_WITH_POPUPS_ABOVE;
pub use layers::Layers;
pub use lock::SessionLock;
pub use menus::Menus;
pub use motion::Motions;
pub(crate) use motion::{Going, Pose};
pub use snap::Snap;
pub use switcher::Switcher;
pub use window::{ManagedWindow, Mode, WindowId, WindowInfo};
pub use window_menu::{Entry, WindowMenu};
pub use workspaces::WORKSPACES;

use crate::{handlers::has_buffer, output::OutputId, state::Compositor};

/// All windows and what is going on with them.
#[derive(Debug, Default)]
pub struct Shell {
    windows: Vec<ManagedWindow>,
    /// Which display each lies on, while displays are changing.
    lying: Option<HashMap<WindowId, OutputId>>,
    next_id: u32,
    /// How often a window was chosen.
    uses: u64,
    /// The workspace that is shown.
    pub workspace: usize,
    /// What is on its way.
    pub motions: Motions,
    /// Alt-Tab, while it is held.
    pub switcher: Option<Switcher>,
    /// The window whose bell just rang.
    pub ringing: Option<WindowId>,
    /// The menu of a window, while it is open.
    pub window_menu: Option<WindowMenu>,
    /// The menus that are open.
    pub menus: Option<Menus>,
    /// While the session is locked.
    pub lock: Option<SessionLock>,
    /// A window follows the pointer though no button is held.
    pub(crate) carrying: bool,
    /// What the window that is being dragged would fill if it were let go.
    pub snap: Option<Snap>,
    /// Surfaces that keep the screen awake while they are seen, once for each wish.
    pub(crate) idle_inhibitors: Vec<WlSurface>,
    /// The frame button under the pointer, and whether it is held down.
    pub hovered: Option<(WindowId, FrameButton, bool)>,
}

impl Shell {
    /// Windows, bottom first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ManagedWindow> {
        self.windows.iter()
    }

    /// The window with this id.
    pub fn get(&self, id: WindowId) -> Option<&ManagedWindow> {
        self.windows.iter().find(|window| window.id == id)
    }

    /// The window with this id.
    pub fn get_mut(&mut self, id: WindowId) -> Option<&mut ManagedWindow> {
        self.windows.iter_mut().find(|window| window.id == id)
    }

    /// The window of this root surface.
    pub fn by_surface(&self, surface: &WlSurface) -> Option<&ManagedWindow> {
        self.windows
            .iter()
            .find(|window| window.surface().as_ref() == Some(surface))
    }

    fn by_surface_mut(&mut self, surface: &WlSurface) -> Option<&mut ManagedWindow> {
        self.windows
            .iter_mut()
            .find(|window| window.surface().as_ref() == Some(surface))
    }

    /// The id of this root surface's window.
    pub fn id_of(&self, surface: &WlSurface) -> Option<WindowId> {
        self.by_surface(surface).map(|window| window.id)
    }

    /// Windows that are on screen, bottom first: none while the session is locked.
    pub fn visible(&self) -> impl DoubleEndedIterator<Item = &ManagedWindow> {
        self.on_workspace(self.workspace)
    }

    /// Windows that are on screen while a workspace is.
    pub(crate) fn on_workspace(
        &self,
        shown: usize,
    ) -> impl DoubleEndedIterator<Item = &ManagedWindow> {
        let locked = self.lock.is_some();
        self.windows
            .iter()
            .filter(move |window| !locked && window.is_visible() && window.workspace == shown)
    }

    /// The window that has the keyboard's attention.
    pub fn active(&self) -> Option<&ManagedWindow> {
        self.windows.iter().rev().find(|window| window.active)
    }

    /// Takes note that a window is chosen.
    fn use_window(&mut self, id: WindowId) {
        self.uses += 1;
        let now = self.uses;
        if let Some(window) = self.get_mut(id) {
            window.used = now;
        }
    }

    /// The windows on screen, the one that was chosen last first.
    fn by_use(&self) -> Vec<&ManagedWindow> {
        let mut windows: Vec<_> = self.visible().rev().collect();
        windows.sort_by_key(|window| Reverse(window.used));
        windows
    }

    /// Who gets the keyboard in a window's stead: the modal dialog over it, or over that one.
    fn modal_over(&self, id: WindowId) -> WindowId {
        let Some(window) = self.get(id) else {
            return id;
        };
        let mut dialogs = HashMap::new();
        for dialog in self.on_workspace(window.workspace) {
            if let Some(parent) = dialog.parent().filter(|_| dialog.modal) {
                dialogs.insert(parent.id(), dialog); // the topmost counts
            }
        }
        let mut last = window;
        while let Some(surface) = last.surface()
            && let Some(dialog) = dialogs.remove(&surface.id())
        {
            last = dialog;
        }
        last.id
    }

    /// What panels and scripts are told, in the order windows were opened.
    pub fn infos(&self) -> Vec<WindowInfo> {
        let mut infos: Vec<_> = self
            .windows
            .iter()
            .filter(|window| window.mapped)
            .map(ManagedWindow::info)
            .collect();
        infos.sort_by_key(|info| info.id);
        infos
    }

    /// Displays wait no more for what has not been drawn by now.
    pub(crate) fn give_up(&mut self) {
        self.windows.iter_mut().for_each(ManagedWindow::give_up);
        if let Some(lock) = &mut self.lock {
            lock.give_up();
        }
    }

    /// Brings a window to the top. Dialogs stay above the window that they belong to.
    fn raise(&mut self, id: WindowId) {
        let own = |window: &ManagedWindow| window.surface().map(|surface| surface.id());
        let mut dialogs: HashMap<ObjectId, Vec<_>> = HashMap::new();
        for window in self.windows.iter().rev().filter(|window| window.id != id) {
            if let Some(parent) = window.parent() {
                let there = dialogs.entry(parent.id()).or_default();
                there.push((window.id, own(window)));
            }
        }
        // A chain of dialogs may be as long as their client likes: there is no recursion.
        let mut order: HashMap<WindowId, usize> = HashMap::new();
        let mut next = vec![(id, self.get(id).and_then(own))];
        while let Some((id, surface)) = next.pop() {
            order.insert(id, order.len() + 1);
            let above = surface.and_then(|surface| dialogs.remove(&surface));
            next.extend(above.into_iter().flatten());
        }
        // Those that stay where they are keep their order.
        self.windows
            .sort_by_key(|window| order.get(&window.id).copied().unwrap_or_default());
    }
}

impl Compositor {
    /// Takes note of a new window; it shows with its first buffer.
    pub(crate) fn add_window(&mut self, window: Window) {
        let id = WindowId(self.shell.next_id);
        self.shell.next_id += 1;
        self.shell.windows.push(ManagedWindow::new(id, window));
    }

    /// Forgets a window.
    pub(crate) fn remove_window(&mut self, surface: &WlSurface) {
        let Some(id) = self.shell.id_of(surface) else {
            return;
        };
        self.window_goes(id, Going::Closed);
        self.shell.windows.retain(|window| window.id != id);
        self.windows_gone();
    }

    fn windows_gone(&mut self) {
        self.shell.windows.retain(|window| window.window.alive());
        let shell = &mut self.shell;
        if shell
            .hovered
            .is_some_and(|(id, ..)| !shell.windows.iter().any(|window| window.id == id))
        {
            shell.hovered = None;
        }
        self.update_switcher();
        self.update_window_menu();
        self.refocus();
        self.tell_windows();
        self.outputs.queue_all();
        // While the surface is still there to be left.
        self.pointer_moved_under();
        self.refresh_pointer();
    }

    /// A window's tree was committed: first configure, mapping, unmapping, resizing.
    pub(crate) fn window_committed(&mut self, root: &WlSurface) {
        let Some(window) = self.shell.by_surface_mut(root) else {
            return;
        };
        window.commit();
        let id = window.id;
        self.painter.window_drew(id);
        let Some(toplevel) = window.window.toplevel().cloned() else {
            return;
        };

        let shown = has_buffer(root);
        // Content before the first configure was answered is a protocol error, which this posts.
        if shown && self.options.early_buffers {
            self.configure_early(id, &toplevel);
        } else if shown && !toplevel.ensure_configured() {
            return;
        }
        if !toplevel.is_initial_configure_sent() {
            self.first_configure(id, &toplevel);
            return;
        }
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        match (window.mapped, shown) {
            (false, true) => self.map_window(id),
            (true, false) => {
                window.mapped = false;
                window.active = false;
                self.windows_gone();
            }
            (true, true) => {
                let acked = acked_serial(&toplevel);
                let awaited = window.arrival.is_some();
                window.follow_commit(acked);
                let moved = window.take_moved();
                let arrived = awaited && window.arrival.is_none();
                let before = window.before.take_if(|_| arrived);
                if moved {
                    self.place_popups(root);
                }
                if let Some(before) = before {
                    self.leave(id, Going::Replaced, before);
                }
            }
            (false, false) => {}
        }
    }

    fn first_configure(&mut self, id: WindowId, toplevel: &ToplevelSurface) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        let area = self.outputs.work_area(None);
        let title = if window.decorated {
            self.look.title_height
        } else {
            0
        };
        toplevel.with_pending_state(|state| {
            state.bounds = Some((area.size.w, (area.size.h - title).max(1)).into());
        });
        if window.mode == Mode::Floating {
            configure(toplevel);
        } else {
            // It asked for a mode before its first commit.
            self.apply_mode(id, true);
        }
    }

    /// Takes a buffer that came too early as if it answered a configure.
    fn configure_early(&mut self, id: WindowId, toplevel: &ToplevelSurface) {
        if !toplevel.is_initial_configure_sent() {
            self.first_configure(id, toplevel);
        }
        with_states(toplevel.wl_surface(), |states| {
            let data = states.data_map.get::<XdgToplevelSurfaceData>();
            if let Some(mut data) = data.and_then(|data| data.lock().ok()) {
                data.configured = true;
            }
        });
    }

    fn map_window(&mut self, id: WindowId) {
        let shown = self.shell.workspace;
        let parent = self.shell.get(id).and_then(ManagedWindow::parent);
        let parent = parent.and_then(|parent| self.shell.by_surface(&parent));
        let there = parent.filter(|parent| parent.mapped);
        let workspace = there.map_or(shown, |parent| parent.workspace);
        self.place(id);
        if let Some(window) = self.shell.get_mut(id) {
            window.mapped = true;
            window.placed = true;
            window.workspace = workspace;
        }
        if workspace == shown {
            self.window_comes(id);
            self.close_menus(); // a layer's too, which otherwise stay when the keyboard changes hands
            self.activate(id);
        } else {
            // It has the keyboard when its user goes there.
            self.shell.raise(id);
            self.shell.use_window(id);
        }
        self.tell_windows();
        self.pointer_moved_under();
    }

    /// Title or app id changed.
    pub(crate) fn window_renamed(&mut self, surface: &WlSurface) {
        if let Some(window) = self.shell.by_surface_mut(surface) {
            window.read_names();
            if window.mapped {
                self.tell_windows();
                self.outputs.queue_all();
            }
        }
    }

    /// Turns the compositor-drawn frame of a window on or off.
    pub(crate) fn decorate(&mut self, surface: &WlSurface, on: bool) {
        let Some(window) = self.shell.by_surface_mut(surface) else {
            return;
        };
        if window.decorated == on {
            return;
        }
        window.decorated = on;
        let (id, mapped, mode) = (window.id, window.mapped, window.mode);
        if mapped && mode != Mode::Floating {
            self.apply_mode(id, false);
        } else if mapped {
            self.keep_reachable(id);
        }
        self.outputs.queue_all();
    }

    /// Raises a window, shows it if it was minimized, and gives it the keyboard. One that has nothing to show yet gets
    /// that when it has.
    pub fn activate(&mut self, id: WindowId) {
        let Some(window) = self.shell.get_mut(id).filter(|window| window.mapped) else {
            return;
        };
        let came = std::mem::take(&mut window.minimized);
        let workspace = window.workspace;
        self.show_workspace(workspace);
        if came {
            self.window_comes(id);
        }
        self.shell.raise(id);
        let target = self.shell.modal_over(id);
        self.shell.use_window(target);
        let surface = self.shell.get(target).and_then(ManagedWindow::surface);
        self.focus_surface(surface, SERIAL_COUNTER.next_serial());
    }

    /// Whether the window that a dialog belongs to waits for it.
    pub(crate) fn set_modal(&mut self, id: WindowId, modal: bool) {
        if let Some(window) = self.shell.get_mut(id) {
            window.modal = modal;
            self.follow_modals();
        }
    }

    /// Dialogs changed: the window that has the keyboard may have to wait for one.
    pub(crate) fn follow_modals(&mut self) {
        let active = self.shell.active().map(|window| window.id);
        if let Some(id) = active.filter(|id| self.shell.modal_over(*id) != *id) {
            self.activate(id);
        }
    }

    /// Gives the keyboard to a surface and redraws what changes look by it.
    pub(crate) fn focus_surface(&mut self, surface: Option<WlSurface>, serial: Serial) {
        let surface = if self.is_locked() {
            self.lock_focus()
        } else {
            self.exclusive_layer().or(surface)
        };
        self.close_menus_but_of(surface.as_ref());
        for window in &mut self.shell.windows {
            let active = surface.is_some() && window.surface() == surface;
            if window.active != active {
                window.active = active;
                window.window.set_activated(active);
                if let Some(toplevel) = window.window.toplevel()
                    && toplevel.is_initial_configure_sent()
                {
                    configure_changed(toplevel);
                }
            }
        }
        if let Some(keyboard) = self.seat.get_keyboard()
            && keyboard.current_focus() != surface
        {
            self.close_window_menu();
            keyboard.set_focus(self, surface, serial);
        }
        self.tell_windows();
        self.outputs.queue_all();
    }

    /// Gives the keyboard to whoever should have it after something went away.
    pub(crate) fn refocus(&mut self) {
        let focus = self.exclusive_layer().or_else(|| {
            let last = self.shell.by_use().first()?.id;
            let target = self.shell.modal_over(last);
            self.shell.get(target).and_then(ManagedWindow::surface)
        });
        self.focus_surface(focus, SERIAL_COUNTER.next_serial());
    }
}

/// The configure that the client's last commit answered.
fn acked_serial(toplevel: &ToplevelSurface) -> Option<Serial> {
    with_states(toplevel.wl_surface(), |states| {
        let data = states.data_map.get::<XdgToplevelSurfaceData>()?;
        data.lock().ok()?.current_serial
    })
}
