//! `Compositor`: everything the compositor knows, and how one turn of its event loop goes.
//!
//! One thread owns it all; there are no locks but those inside Smithay's surface states. A turn is:
//! sources fire (clients' requests, input, timers), then [`Compositor::settle`] tidies what died,
//! draws the outputs that asked for it, and flushes what clients are to be told.

use std::{
    collections::HashSet,
    ffi::OsString,
    os::fd::AsFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32},
    },
    time::Duration,
};

use ochre_theme::{Store, ThemeWatcher};
use smithay::{
    desktop::PopupManager,
    input::{Seat, SeatState, pointer::CursorImageStatus},
    reexports::{
        calloop::{
            EventLoop, Interest, LoopHandle, LoopSignal, Mode, PostAction, RegistrationToken,
            generic::Generic,
            timer::{TimeoutAction, Timer},
        },
        wayland_server::{
            Client, Display, DisplayHandle, ListeningSocket,
            backend::{ClientData, ClientId, DisconnectReason},
            protocol::wl_surface::WlSurface,
        },
    },
    utils::{Logical, Point},
    wayland::compositor::CompositorClientState,
};

use crate::{
    Error,
    backend::{Backend, Devices},
    clients::{self, Clients, Gone},
    clock::{Clock, Deadlines, Due},
    config::{Config, ConfigFile, Keyboard, xkb_config},
    handlers::Protocols,
    input::{Given, Modifiers, Tablets, Touches},
    listening::Paused,
    output::Outputs,
    render::{Look, Painter},
    session::Session,
    shell::Shell,
};

/// What is chosen at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// xkb layout names, comma-separated (`us`, `de,us`), whatever the configuration says.
    pub keyboard_layout: Option<String>,
    /// Variants of the layouts likewise.
    pub keyboard_variant: Option<String>,
    /// xkb options likewise.
    pub keyboard_options: Option<String>,
    /// Whether the control socket may inject input.
    pub allow_input_injection: bool,
    /// Scale of outputs.
    pub scale: f64,
    /// Take a window's content before its first configure was answered. It is a protocol error, but
    /// what most tests of WLCS do.
    pub early_buffers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keyboard_layout: None,
            keyboard_variant: None,
            keyboard_options: None,
            allow_input_injection: false,
            scale: 1.0,
            early_buffers: false,
        }
    }
}

impl Options {
    /// The keyboard as it is configured, but for what was said at the start.
    pub(crate) fn keyboard(&self, configured: &Keyboard) -> Keyboard {
        let over = |said: &Option<String>, usual: &String| said.as_ref().unwrap_or(usual).clone();
        Keyboard {
            layout: over(&self.keyboard_layout, &configured.layout),
            variant: over(&self.keyboard_variant, &configured.variant),
            options: over(&self.keyboard_options, &configured.options),
            ..configured.clone()
        }
    }
}

/// What Smithay keeps for each client.
#[derive(Debug, Default)]
pub struct ClientState {
    /// Smithay's per-client surface state.
    pub compositor: CompositorClientState,
    /// It runs in a sandbox: what watches or steers the desktop is kept from it.
    pub sandboxed: bool,
    /// It listens to touches.
    pub touches: AtomicBool,
    /// So many times it asked for tablets.
    pub tablets: AtomicU32,
    /// Where it is noted when it is gone.
    pub(crate) gone: Gone,
}

impl ClientData for ClientState {
    fn initialized(&self, _client_id: ClientId) {}

    fn disconnected(&self, client_id: ClientId, _reason: DisconnectReason) {
        self.gone.add(client_id);
    }
}

/// The compositor.
pub struct Compositor {
    /// Who is connected.
    pub(crate) clients: Clients,
    /// To create globals and clients, and to flush.
    pub display: DisplayHandle,
    /// To add event sources.
    pub events: LoopHandle<'static, Compositor>,
    /// To end the loop.
    pub stop: LoopSignal,
    /// What time it is.
    pub clock: Clock,
    /// What is due when.
    pub deadlines: Deadlines,
    /// Smithay's protocol states.
    pub protocols: Protocols,
    /// Focus and grabs of the one seat.
    pub seat: Seat<Compositor>,
    /// The seats' protocol state.
    pub seats: SeatState<Compositor>,
    /// Popups and who they hang on.
    pub popups: PopupManager,
    /// Windows.
    pub shell: Shell,
    /// Displays and their pacing.
    pub outputs: Outputs,
    /// The renderer and what it caches.
    pub painter: Painter,
    /// The colours and measures of the active theme.
    pub look: Look,
    /// Where frames go.
    pub backend: Backend,
    /// Input devices that are open.
    pub(crate) devices: Devices,
    /// What the client under the pointer wants it to look like.
    pub cursor: CursorImageStatus,
    /// The surface that is dragged with the pointer, and its offset.
    pub drag_icon: Option<(WlSurface, Point<i32, Logical>)>,
    /// The fingers on a touch screen.
    pub touches: Touches,
    /// Drawing tablets and their tools.
    pub tablets: Tablets,
    /// Keys whose press was the desktop's: their release is too.
    pub(crate) swallowed_keys: HashSet<u32>,
    /// The surface that its user took the desktop's keys back from.
    pub(crate) keys_kept_from: Option<WlSurface>,
    /// Keys that wait for the launcher to open, with the time of each.
    pub(crate) typed_ahead: Option<Vec<(u32, bool, u32)>>,
    /// The Super key is down and nothing happened since.
    pub(crate) meta_alone: bool,
    /// Buttons whose press was the desktop's: their release is too.
    pub(crate) swallowed_buttons: HashSet<u32>,
    /// How far the wheel has turned towards the next notch that the desktop takes.
    pub(crate) wheel_turned: (i32, i32),
    /// The modifiers that hold the switcher open.
    pub(crate) switch_held: Option<Modifiers>,
    /// They were let go.
    pub(crate) switch_let_go: bool,
    /// The last press on a title bar.
    pub(crate) title_press: Option<crate::input::pointer::TitlePress>,
    /// Whom the last input went to.
    pub(crate) given: Given,
    /// What the pointer was last told to be over, and where that begins.
    pub(crate) under: Option<(WlSurface, Point<f64, Logical>)>,
    /// Where a device that tells places last said that the pointer is.
    pub(crate) absolute: Option<Point<f64, Logical>>,
    /// Events are being taken that happened at once.
    pub(crate) in_batch: bool,
    /// One of them was the pointer's.
    pub(crate) batch_spoke: bool,
    /// What is under the pointer may have changed without the pointer moving.
    pub pointer_stale: bool,
    /// Programs that the session runs.
    pub session: Session,
    /// The user's choices.
    pub config: Config,
    pub(crate) config_file: ConfigFile,
    /// Choices made at start.
    pub options: Options,
    /// Clients that wait on the control socket.
    pub control: crate::control::Waiters,
    /// Sockets that are not listened on for now.
    pub(crate) paused: Paused,
    alarm: Option<(RegistrationToken, Duration)>,
}

impl Compositor {
    /// Builds the compositor and hangs its Wayland display into `event_loop`.
    pub fn new(
        event_loop: &EventLoop<'static, Compositor>,
        clock: Clock,
        options: Options,
    ) -> Result<Self, Error> {
        let display: Display<Compositor> =
            Display::new().map_err(|err| Error::Socket(err.to_string()))?;
        let handle = display.handle();
        let events = event_loop.handle();

        let mut seats = SeatState::new();
        let mut seat = seats.new_wl_seat(&handle, "seat0");
        let config = Config::default();
        let keyboard = options.keyboard(&config.keyboard);
        let (delay, rate) = (keyboard.repeat_delay, keyboard.repeat_rate);
        seat.add_keyboard(xkb_config(&keyboard), delay, rate)
            .map_err(|err| Error::Keyboard(err.to_string()))?;
        seat.add_pointer();
        let protocols = Protocols::new(&handle, &events);

        watch_clients(&events, display)?;
        watch_theme(&events)?;

        Ok(Self {
            clients: Clients::default(),
            display: handle,
            stop: event_loop.get_signal(),
            clock,
            deadlines: Deadlines::default(),
            protocols,
            seat,
            seats,
            popups: PopupManager::default(),
            shell: Shell::default(),
            outputs: Outputs::default(),
            painter: Painter::new(),
            look: Look::active(),
            backend: Backend::None,
            devices: Devices::default(),
            cursor: CursorImageStatus::default_named(),
            drag_icon: None,
            touches: Touches::default(),
            tablets: Tablets::default(),
            swallowed_keys: HashSet::new(),
            switch_held: None,
            switch_let_go: false,
            swallowed_buttons: HashSet::new(),
            wheel_turned: (0, 0),
            config,
            config_file: ConfigFile::default(),
            keys_kept_from: None,
            typed_ahead: None,
            meta_alone: false,
            title_press: None,
            given: Given::default(),
            under: None,
            absolute: None,
            in_batch: false,
            batch_spoke: false,
            pointer_stale: false,
            session: Session::default(),
            control: crate::control::Waiters::default(),
            paused: Paused::default(),
            options,
            alarm: None,
            events,
        })
    }

    /// Listens on the first free `wayland-N` in `directory`, or on the name given.
    pub fn listen(&mut self, directory: &Path, name: Option<&str>) -> Result<OsString, Error> {
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => (0..=32).map(|n| format!("wayland-{n}")).collect(),
        };
        let mut free = names.into_iter().filter_map(|name| {
            let socket = ListeningSocket::bind_absolute(directory.join(&name)).ok()?;
            Some((name, socket))
        });
        let Some((name, socket)) = free.next() else {
            return Err(Error::Socket(format!(
                "no free name in {}",
                directory.display()
            )));
        };
        self.listen_on(socket, |socket, state| {
            let stream = socket.accept()?;
            // A connection that dies before it begins is its client's loss alone.
            Ok(stream.map(|stream| state.adopt(stream)).is_some())
        })?;
        Ok(name.into())
    }

    /// Takes a connected stream as a client (tests and the session's own programs).
    pub fn adopt(&mut self, stream: std::os::unix::net::UnixStream) -> Result<Client, Error> {
        self.adopt_as(stream, ClientState::default())
    }

    /// Takes a connected stream as a client of this kind.
    pub(crate) fn adopt_as(
        &mut self,
        stream: std::os::unix::net::UnixStream,
        mut kind: ClientState,
    ) -> Result<Client, Error> {
        kind.gone = self.clients.gone();
        let also = stream.try_clone();
        let also = also.map_err(|err| Error::Socket(err.to_string()))?;
        let client = self
            .display
            .insert_client(stream, Arc::new(kind))
            .map_err(|err| Error::Socket(err.to_string()))?;
        client.set_max_buffer_size(&self.display, self.clients.share());
        self.clients.add(&client, also);
        Ok(client)
    }

    /// The end of a turn of the loop: everything that follows from what the sources brought.
    pub fn settle(&mut self) {
        self.run_deadlines();
        self.follow_menus();
        self.follow_inhibitors();
        self.tidy_layers();
        self.refresh_pointer();
        self.follow_timers();
        self.draw_due_outputs();
        self.follow_fifos();
        self.answer_idle_waiters();
        self.follow_windows();
        // A client that cannot be written to is dropped by the backend itself.
        self.flush_clients();
        self.clients.forget_gone(&self.events);
        self.arm_alarm();
    }

    /// Runs the loop until something stops it.
    pub fn run(&mut self, event_loop: &mut EventLoop<'static, Compositor>) -> Result<(), Error> {
        self.settle();
        event_loop.run(None, self, Compositor::settle)?;
        Ok(())
    }

    /// Acts on the deadlines that have passed.
    pub fn run_deadlines(&mut self) {
        let now = self.clock.now();
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Vblank(output) => self.vblank(output, now),
                Due::Animate => self.animate(),
                Due::Rescan => self.rescan_devices(),
                Due::RestartShell => self.restart_shell(),
                Due::Listen => self.listen_again(),
                Due::Hands => self.expire_hands(),
                Due::Night => self.follow_night(),
                Due::Bell => self.bell_rang(),
                Due::Retired => self.forget_retired(),
                Due::TypedAhead => self.release_typed_ahead(),
                // `settle` answers who waited for quiet, and lets content go on.
                Due::Quiet | Due::Content => {}
            }
        }
    }

    /// One calloop timer stands for the soonest deadline; a manual clock needs none.
    fn arm_alarm(&mut self) {
        if self.clock.is_manual() {
            return;
        }
        let soonest = self.deadlines.soonest();
        if self.alarm.as_ref().map(|(_, at)| *at) == soonest {
            return;
        }
        if let Some((token, _)) = self.alarm.take() {
            self.events.remove(token);
        }
        let Some(at) = soonest else { return };
        let wait = at.saturating_sub(self.clock.now());
        let timer = self
            .events
            .insert_source(Timer::from_duration(wait), |_, _, state| {
                state.alarm = None; // `settle` runs what is due and arms the next
                TimeoutAction::Drop
            });
        if let Ok(token) = timer {
            self.alarm = Some((token, at));
        }
    }

    /// Reads the theme again and draws everything in it.
    pub fn reload_look(&mut self) {
        match Store::new().active() {
            Ok(theme) => self.look = Look::of(theme),
            Err(err) => {
                eprintln!("ochre-compositor: the theme stays as it was: {err}");
                return;
            }
        }
        self.painter.forget_look();
        self.work_area_changed();
        self.outputs.damage_all();
    }

    /// Animations that are under way move to now.
    fn animate(&mut self) {
        self.outputs.queue_all();
    }
}

/// Changes the look when its user chooses another theme.
fn watch_theme(events: &LoopHandle<'static, Compositor>) -> Result<(), Error> {
    // Without it (no home, no inotify) a theme is only read at the start.
    let Ok(mut watcher) = ThemeWatcher::new(&Store::new()) else {
        return Ok(());
    };
    let Ok(readable) = watcher.as_fd().try_clone_to_owned() else {
        return Ok(());
    };
    let source = Generic::new(readable, Interest::READ, Mode::Level);
    events.insert_source(source, move |_, _, state| {
        if watcher.changed() {
            state.reload_look();
        }
        Ok(PostAction::Continue)
    })?;
    Ok(())
}

/// Reads clients' requests whenever there are some.
fn watch_clients(
    events: &LoopHandle<'static, Compositor>,
    mut display: Display<Compositor>,
) -> Result<(), Error> {
    let poll_fd = display
        .backend()
        .poll_fd()
        .try_clone_to_owned()
        .map_err(|err| Error::Socket(err.to_string()))?;
    let source = Generic::new(poll_fd, Interest::READ, Mode::Level);
    events.insert_source(source, move |_, _, state| {
        // A vblank that is past was before what clients say now.
        state.run_deadlines();
        clients::dispatch(&mut display, state);
        Ok(PostAction::Continue)
    })?;
    Ok(())
}
