//! The shell's state and its loop: dispatch, bring the windows in line, draw, sleep.

use std::rc::Rc;
use std::time::{Duration, Instant};

use ochre_theme::{Preferences, Store, ThemeWatcher};
use smithay_client_toolkit::compositor::CompositorState;
use smithay_client_toolkit::data_device_manager::DataDeviceManagerState;
use smithay_client_toolkit::output::OutputState;
use smithay_client_toolkit::reexports::calloop::generic::Generic;
use smithay_client_toolkit::reexports::calloop::{
    EventLoop, Interest, LoopHandle, Mode, PostAction,
};
use smithay_client_toolkit::reexports::calloop_wayland_source::WaylandSource;
use smithay_client_toolkit::reexports::client::globals::{GlobalList, registry_queue_init};
use smithay_client_toolkit::reexports::client::protocol::wl_pointer::WlPointer;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::reexports::protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::{
    Shape, WpCursorShapeDeviceV1,
};
use smithay_client_toolkit::registry::RegistryState;
use smithay_client_toolkit::seat::SeatState;
use smithay_client_toolkit::seat::pointer::cursor_shape::CursorShapeManager;
use smithay_client_toolkit::shell::wlr_layer::LayerShell;
use smithay_client_toolkit::shell::xdg::XdgShell;
use smithay_client_toolkit::shm::Shm;

use crate::app::{Command, WindowId, WindowKind, WindowSpec};
use crate::event::{Cursor, Event};
use crate::shell::clipboard::Clipboard;
use crate::shell::keyboard::Keyboard;
use crate::shell::scale::Scaling;
use crate::shell::toplevels::Toplevels;
use crate::shell::window::Window;
use crate::shell::workspaces::Workspaces;
use crate::shell::{Program, Requests, ShellError};

/// Everything the handlers of Wayland's events need.
pub(super) struct Shell {
    pub program: Box<dyn Program>,
    pub registry: RegistryState,
    pub seats: SeatState,
    pub outputs: OutputState,
    pub compositor: CompositorState,
    pub shm: Shm,
    pub xdg: Option<XdgShell>,
    pub layers: Option<LayerShell>,
    pub scaling: Scaling,
    pub cursor_shapes: Option<CursorShapeManager>,
    pub queue: QueueHandle<Shell>,
    pub handle: LoopHandle<'static, Shell>,
    pub windows: Vec<Window>,
    pub pointer: Option<Pointer>,
    pub keyboard: Keyboard,
    pub clipboard: Clipboard,
    pub toplevels: Option<Toplevels>,
    pub workspaces: Option<Workspaces>,
    /// Newest serial of an input event, for what needs one.
    pub serial: u32,
    store: Store,
    preferences: Preferences,
    watcher: Option<ThemeWatcher>,
    started: Instant,
    next_tick: Option<Instant>,
    quit: bool,
}

/// The pointer and where it is.
pub(super) struct Pointer {
    pub pointer: WlPointer,
    pub shape: Option<WpCursorShapeDeviceV1>,
    /// The window it is in, and the serial of its entering.
    pub inside: Option<(WindowId, u32)>,
    shown: Option<Cursor>,
}

impl Pointer {
    pub fn new(pointer: WlPointer, shape: Option<WpCursorShapeDeviceV1>) -> Pointer {
        Pointer {
            pointer,
            shape,
            inside: None,
            shown: None,
        }
    }

    /// Forgets the shape: a compositor resets it at each entering.
    pub fn entered(&mut self, window: WindowId, serial: u32) {
        self.inside = Some((window, serial));
        self.shown = None;
    }
}

pub(super) fn run(program: Box<dyn Program>, store: Store) -> Result<(), ShellError> {
    let connection = Connection::connect_to_env()?;
    let (globals, queue) = registry_queue_init::<Shell>(&connection)
        .map_err(|error| ShellError::Global(error.to_string()))?;
    let handle = queue.handle();
    let mut events: EventLoop<Shell> = EventLoop::try_new()?;
    let mut shell = Shell::new(program, store, &globals, &handle, events.handle())?;
    WaylandSource::new(connection.clone(), queue)
        .insert(events.handle())
        .map_err(|error| error.error)?;
    shell.add_sources()?;
    shell.tick();
    while !shell.quit {
        shell.align_windows();
        shell.draw();
        // Without a connection there is nothing more to do: the compositor is gone.
        if connection.flush().is_err() {
            break;
        }
        let timeout = shell.timeout();
        if let Err(error) = events.dispatch(timeout, &mut shell) {
            return if connection.protocol_error().is_some() {
                Err(error.into())
            } else {
                Ok(())
            };
        }
        shell.expire();
    }
    Ok(())
}

fn is_layer(spec: &WindowSpec) -> bool {
    matches!(spec.kind, WindowKind::Layer(_))
}

impl Shell {
    fn new(
        program: Box<dyn Program>,
        store: Store,
        globals: &GlobalList,
        queue: &QueueHandle<Shell>,
        handle: LoopHandle<'static, Shell>,
    ) -> Result<Shell, ShellError> {
        let missing = |error: &dyn std::fmt::Display| ShellError::Global(error.to_string());
        let (toplevels, workspaces) = if program.watches_toplevels() {
            (
                Toplevels::bind(globals, queue),
                Workspaces::bind(globals, queue),
            )
        } else {
            (None, None)
        };
        Ok(Shell {
            registry: RegistryState::new(globals),
            seats: SeatState::new(globals, queue),
            outputs: OutputState::new(globals, queue),
            compositor: CompositorState::bind(globals, queue).map_err(|error| missing(&error))?,
            shm: Shm::bind(globals, queue).map_err(|error| missing(&error))?,
            xdg: XdgShell::bind(globals, queue).ok(),
            layers: LayerShell::bind(globals, queue).ok(),
            scaling: Scaling::bind(globals, queue),
            cursor_shapes: CursorShapeManager::bind(globals, queue).ok(),
            queue: queue.clone(),
            handle,
            windows: Vec::new(),
            pointer: None,
            keyboard: Keyboard::new(),
            clipboard: Clipboard::new(DataDeviceManagerState::bind(globals, queue).ok()),
            toplevels,
            workspaces,
            serial: 0,
            preferences: store.preferences(),
            watcher: ThemeWatcher::new(&store).ok(),
            store,
            program,
            started: Instant::now(),
            next_tick: None,
            quit: false,
        })
    }

    /// Wakes for theme changes and for what the program waits for.
    fn add_sources(&mut self) -> Result<(), ShellError> {
        use std::os::fd::AsFd;
        let watched = self
            .watcher
            .as_ref()
            .map(|watcher| watcher.as_fd().try_clone_to_owned());
        if let Some(Ok(fd)) = watched {
            let source = Generic::new(fd, Interest::READ, Mode::Level);
            self.handle
                .insert_source(source, |_, _, shell: &mut Shell| {
                    shell.reload_theme();
                    Ok(PostAction::Continue)
                })
                .map_err(|error| error.error)?;
        }
        for (index, fd) in self.program.sources().into_iter().enumerate() {
            let source = Generic::new(fd, Interest::READ, Mode::Level);
            self.handle
                .insert_source(source, move |_, _, shell: &mut Shell| {
                    let mut goes_on = false;
                    shell.ask(|program, requests| goes_on = program.ready(index, requests));
                    Ok(if goes_on {
                        PostAction::Continue
                    } else {
                        PostAction::Remove
                    })
                })
                .map_err(|error| error.error)?;
        }
        Ok(())
    }

    /// Since the start, for animations.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn timeout(&self) -> Option<Duration> {
        let due = [self.next_tick, self.keyboard.next_repeat()]
            .into_iter()
            .flatten()
            .min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Does what has become due.
    fn expire(&mut self) {
        let now = Instant::now();
        if self.next_tick.is_some_and(|due| due <= now) {
            self.tick();
        }
        if let Some((window, key)) = self.keyboard.repeats(now) {
            self.event(window, &Event::KeyPressed(key));
        }
    }

    fn tick(&mut self) {
        let mut next = None;
        self.ask(|program, requests| next = program.tick(requests));
        self.next_tick = next.map(|after| Instant::now() + after);
    }

    pub fn event(&mut self, window: WindowId, event: &Event) {
        self.ask(|program, requests| program.event(window, event, requests));
    }

    /// Lets the program act and does what it asks for.
    pub fn ask(&mut self, act: impl FnOnce(&mut dyn Program, &mut Requests)) {
        let mut requests = Requests::default();
        act(self.program.as_mut(), &mut requests);
        if let Some(window) = requests.paste {
            self.start_paste(window);
        }
        for command in requests.commands {
            match command {
                Command::Copy(text) => self.copy(text),
                Command::SetPreferences(preferences) => self.set_preferences(&preferences),
                Command::ActivateToplevel(id) => self.with_toplevel(id, Toplevels::activate),
                Command::MinimizeToplevel(id) => self.with_toplevel(id, Toplevels::minimize),
                Command::CloseToplevel(id) => self.with_toplevel(id, Toplevels::close),
                Command::ActivateWorkspace(id) => {
                    if let Some(workspaces) = &self.workspaces {
                        workspaces.activate(id);
                    }
                }
                Command::Quit => self.quit = true,
            }
        }
        self.update_cursor();
    }

    fn with_toplevel(&mut self, id: u64, act: impl FnOnce(&Toplevels, u64, &SeatState)) {
        if let Some(toplevels) = &self.toplevels {
            act(toplevels, id, &self.seats);
        }
    }

    fn set_preferences(&mut self, preferences: &Preferences) {
        match self.store.set(preferences) {
            Ok(()) => self.apply_theme(),
            Err(error) => eprintln!("appearance not changed: {error}"),
        }
    }

    fn reload_theme(&mut self) {
        if self.watcher.as_mut().is_some_and(ThemeWatcher::changed) {
            self.apply_theme();
        }
    }

    /// A broken theme changes nothing: the last good one stays.
    fn apply_theme(&mut self) {
        if let Ok(theme) = self.store.active() {
            self.preferences = self.store.preferences();
            self.program
                .theme_changed(Rc::new(theme), &self.preferences);
            for window in &mut self.windows {
                window.restyle();
            }
            self.tick();
        }
    }

    /// Makes the surfaces that should be there, and removes the others.
    fn align_windows(&mut self) {
        let specs = self.program.windows();
        let pointer_in = self.pointer.as_ref().and_then(|pointer| pointer.inside);
        self.windows
            .retain(|window| specs.iter().any(|spec| spec.id == window.spec.id));
        let gone = |id: WindowId| !specs.iter().any(|spec| spec.id == id);
        if let (Some(pointer), Some((id, _))) = (&mut self.pointer, pointer_in)
            && gone(id)
        {
            pointer.inside = None;
        }
        if self.keyboard.focus.is_some_and(gone) {
            self.keyboard.leave();
        }
        for spec in specs {
            match self
                .windows
                .iter_mut()
                .find(|window| window.spec.id == spec.id)
            {
                Some(window) => window.follow(spec),
                // The compositor would close it again at once; an output's coming wakes us.
                None if is_layer(&spec) && self.outputs.outputs().next().is_none() => {}
                None => match Window::open(spec, self) {
                    Some(window) => self.windows.push(window),
                    None => {
                        eprintln!("the compositor can't show this kind of window");
                        self.quit = true;
                    }
                },
            }
        }
    }

    fn draw(&mut self) {
        let now = self.now();
        for window in &mut self.windows {
            window.draw(self.program.as_mut(), &self.compositor, &self.queue, now);
        }
    }

    pub fn window_of(&self, surface: &WlSurface) -> Option<WindowId> {
        self.windows
            .iter()
            .find(|window| window.is(surface))
            .map(|window| window.spec.id)
    }

    pub fn window_mut(&mut self, surface: &WlSurface) -> Option<&mut Window> {
        self.windows.iter_mut().find(|window| window.is(surface))
    }

    /// Shows the pointer's shape that the program wants, where it changed.
    pub fn update_cursor(&mut self) {
        let Some(pointer) = &mut self.pointer else {
            return;
        };
        let (Some((window, serial)), Some(device)) = (pointer.inside, &pointer.shape) else {
            return;
        };
        let wanted = self.program.cursor(window);
        if pointer.shown != Some(wanted) {
            pointer.shown = Some(wanted);
            let shape = match wanted {
                Cursor::Arrow => Shape::Default,
                Cursor::Hand => Shape::Pointer,
                Cursor::Text => Shape::Text,
            };
            device.set_shape(serial, shape);
        }
    }

    /// Takes a window's new size to the program.
    pub fn resized(&mut self, surface: &WlSurface) {
        let Some(window) = self.windows.iter().find(|window| window.is(surface)) else {
            return;
        };
        let (id, (width, height), scale) = (window.spec.id, window.physical_size(), window.scale());
        self.program.resized(id, width, height, scale);
    }
}
