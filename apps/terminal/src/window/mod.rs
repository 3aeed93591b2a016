//! The terminal as a Wayland client: one toplevel window, drawn in shared memory.
//!
//! One event loop waits for the compositor, the shell and the theme's file. Whatever happens marks
//! the window as changed; it is drawn once all that is ready has been handled, and not before the
//! compositor has asked for the next frame: a flood of output costs one drawing a frame, a hidden
//! window none, an idle one nothing at all.

mod clipboard;
mod input;
mod present;
mod protocols;
mod scale;

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use ochre_theme::{Store, ThemeWatcher};
use smithay_client_toolkit::compositor::{CompositorState, FrameCallbackData};
use smithay_client_toolkit::output::OutputState;
use smithay_client_toolkit::reexports::calloop::channel::{self, Channel};
use smithay_client_toolkit::reexports::calloop::generic::Generic;
use smithay_client_toolkit::reexports::calloop::timer::{TimeoutAction, Timer};
use smithay_client_toolkit::reexports::calloop::{
    EventLoop, Interest, LoopHandle, LoopSignal, Mode, PostAction, RegistrationToken,
};
use smithay_client_toolkit::reexports::calloop_wayland_source::WaylandSource;
use smithay_client_toolkit::reexports::client::globals::registry_queue_init;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::registry::RegistryState;
use smithay_client_toolkit::seat::SeatState;
use smithay_client_toolkit::shell::WaylandSurface;
use smithay_client_toolkit::shell::xdg::XdgShell;
use smithay_client_toolkit::shell::xdg::window::{Window, WindowDecorations};
use smithay_client_toolkit::shm::Shm;

use self::clipboard::Clipboard;
use self::input::Input;
use self::present::Presenter;
use self::scale::Scale;
use crate::font::Fonts;
use crate::frame::Frame;
use crate::painter::Painter;
use crate::palette::Palette;
use crate::screen::{Request, Screen, Size};
use crate::session::{Output, Session};

const TITLE: &str = "Terminal";
const APP_ID: &str = "ochre-terminal";

/// An em in logical pixels, at the usual text size.
const FONT_SIZE: f32 = 15.0;
/// Between the window's edge and the text, in logical pixels.
const PADDING: f32 = 10.0;
/// Of a window that may choose: the usual terminal's.
const COLUMNS: u32 = 88;
const LINES: u32 = 26;

/// Output handled before the compositor gets its turn.
const READ_BUDGET: usize = 1 << 20;
/// How long the bell's border is seen.
const BELL: Duration = Duration::from_millis(120);

/// Everything of the one window.
pub struct Terminal {
    registry: RegistryState,
    seats: SeatState,
    outputs: OutputState,
    shm: Shm,
    queue: QueueHandle<Terminal>,
    handle: LoopHandle<'static, Terminal>,
    signal: LoopSignal,

    window: Window,
    presenter: Presenter,
    scale: Scale,
    /// The window's size in logical pixels.
    logical: (u32, u32),
    configured: bool,
    /// The compositor has not asked for another frame yet.
    awaits_frame: bool,
    /// The screen may look different from what is shown.
    changed: bool,
    focused: bool,

    store: Store,
    theme_watcher: Option<ThemeWatcher>,
    palette: Palette,
    /// Steps of the user's zoom.
    zoom: i32,
    text_scale: f32,
    fonts: Fonts,
    painter: Painter,
    frame: Frame,

    screen: Screen,
    session: Session,
    /// Wakes when the shell takes input again; disabled as long as it takes all.
    writable: RegistrationToken,
    /// A timer runs for the end of a half-done update.
    holding: bool,

    input: Input,
    clipboard: Clipboard,
}

/// Opens a window with a command in it, or a shell, and stays until either is closed.
pub fn run(command: &[OsString]) -> anyhow::Result<()> {
    let store = Store::new();
    let theme = store.active_or_usual();
    let text_scale = store.preferences().text_scale;
    let fonts = Fonts::installed(FONT_SIZE * text_scale)?;
    let cell = fonts.metrics();
    let size = Size {
        columns: COLUMNS as u16,
        lines: LINES as u16,
        cell_width: cell.cell_width as u16,
        cell_height: cell.cell_height as u16,
    };
    let leader = std::env::current_exe().context("finding this program's own file")?;
    let session = Session::start(&leader, command, size).context("starting the shell")?;

    let connection = Connection::connect_to_env().context("connecting to the compositor")?;
    let (globals, events) = registry_queue_init::<Terminal>(&connection)?;
    let queue = events.handle();
    let mut event_loop: EventLoop<'static, Terminal> = EventLoop::try_new()?;
    let handle = event_loop.handle();
    WaylandSource::new(connection, events)
        .insert(handle.clone())
        .map_err(|error| error.error)
        .context("waiting for the compositor")?;

    let compositor = CompositorState::bind(&globals, &queue)?;
    let shell = XdgShell::bind(&globals, &queue)?;
    let shm = Shm::bind(&globals, &queue)?;
    let surface = compositor.create_surface(&queue);
    let scale = Scale::new(&globals, &queue, &surface);
    let window = shell.create_window(surface, WindowDecorations::RequestServer, &queue);
    window.set_title(TITLE);
    window.set_app_id(APP_ID);
    window.commit();

    let writable = watch_session(&handle, &session)?;
    handle.disable(&writable)?;
    let theme_watcher = watch_theme(&handle, &store);
    let (pastes, pasted) = channel::channel();
    watch_pastes(&handle, pasted)?;

    let mut terminal = Terminal {
        registry: RegistryState::new(&globals),
        seats: SeatState::new(&globals, &queue),
        outputs: OutputState::new(&globals, &queue),
        presenter: Presenter::new(&shm)?,
        shm,
        clipboard: Clipboard::new(&globals, &queue, pastes),
        input: Input::new(&globals, &queue),
        queue,
        handle,
        signal: event_loop.get_signal(),
        window,
        scale,
        logical: (0, 0),
        configured: false,
        awaits_frame: false,
        changed: true,
        focused: false,
        palette: Palette::from(&theme),
        store,
        theme_watcher,
        zoom: 0,
        text_scale,
        fonts,
        painter: Painter::new(),
        frame: Frame::default(),
        screen: Screen::new(size),
        session,
        writable,
        holding: false,
    };
    event_loop.run(None, &mut terminal, Terminal::settle)?;
    Ok(())
}

/// Waits for the shell's output, and for its taking more input (the token returned).
fn watch_session(
    handle: &LoopHandle<'static, Terminal>,
    session: &Session,
) -> anyhow::Result<RegistrationToken> {
    let descriptor = session.as_fd().try_clone_to_owned()?;
    let readable = Generic::new(descriptor, Interest::READ, Mode::Level);
    handle
        .insert_source(readable, |_, _, terminal| {
            terminal.read();
            Ok(PostAction::Continue)
        })
        .map_err(|error| error.error)?;
    let descriptor = session.as_fd().try_clone_to_owned()?;
    let writable = Generic::new(descriptor, Interest::WRITE, Mode::Level);
    let token = handle
        .insert_source(writable, |_, _, terminal| {
            terminal.session.flush();
            Ok(if terminal.session.has_unsent() {
                PostAction::Continue
            } else {
                PostAction::Disable
            })
        })
        .map_err(|error| error.error)?;
    Ok(token)
}

/// Follows the user's choice of theme, where there is a place for it.
fn watch_theme(handle: &LoopHandle<'static, Terminal>, store: &Store) -> Option<ThemeWatcher> {
    let watcher = ThemeWatcher::new(store).ok()?;
    let descriptor = watcher.as_fd().try_clone_to_owned().ok()?;
    let source = Generic::new(descriptor, Interest::READ, Mode::Level);
    let watching = handle.insert_source(source, |_, _, terminal| {
        if terminal
            .theme_watcher
            .as_mut()
            .is_some_and(ThemeWatcher::changed)
        {
            terminal.reload_theme();
        }
        Ok(PostAction::Continue)
    });
    watching.is_ok().then_some(watcher)
}

fn watch_pastes(
    handle: &LoopHandle<'static, Terminal>,
    pasted: Channel<String>,
) -> anyhow::Result<()> {
    handle
        .insert_source(pasted, |event, (), terminal| {
            if let channel::Event::Msg(text) = event {
                terminal.send(&terminal.screen.paste(&text));
            }
        })
        .map_err(|error| error.error)?;
    Ok(())
}

impl Terminal {
    /// Takes the shell's output, a bounded part of it.
    fn read(&mut self) {
        let mut buffer = [0; 64 << 10];
        let mut budget = READ_BUDGET;
        while budget > 0 {
            match self.session.read(&mut buffer) {
                Output::Bytes(count) => {
                    self.screen.feed(&buffer[..count]);
                    budget = budget.saturating_sub(count);
                }
                Output::Pending => break,
                Output::Closed => {
                    self.signal.stop();
                    break;
                }
            }
        }
        self.changed = true;
        let (answers, requests) = self.screen.take_events(&self.palette);
        self.send(&answers);
        for request in requests {
            self.carry_out(request);
        }
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Title(title) => self.window.set_title(title.as_deref().unwrap_or(TITLE)),
            Request::Bell => self.ring(),
            // The compositor gives the clipboard to who has the keyboard: of others' it would never tell.
            Request::Copy(_) | Request::CopyPrimary(_) if !self.focused => {}
            Request::Copy(text) => self.copy(text),
            Request::CopyPrimary(text) => self.copy_primary(text),
            Request::Close => self.signal.stop(),
        }
    }

    /// Sends input to the shell.
    fn send(&mut self, bytes: &[u8]) {
        self.session.write(bytes);
        if self.session.has_unsent() {
            // The source exists as long as the session does.
            let _ = self.handle.enable(&self.writable);
        }
    }

    fn ring(&mut self) {
        self.painter.ring(Some(self.palette.cursor()));
        self.changed = true;
        let end = self
            .handle
            .insert_source(Timer::from_duration(BELL), |_, (), terminal| {
                terminal.painter.ring(None);
                terminal.changed = true;
                TimeoutAction::Drop
            });
        if end.is_err() {
            self.painter.ring(None);
        }
    }

    fn reload_theme(&mut self) {
        // A broken theme is none: the one before stays.
        let Ok(theme) = self.store.active() else {
            return;
        };
        self.palette = Palette::from(&theme);
        let text_scale = self.store.preferences().text_scale;
        if text_scale != self.text_scale {
            self.text_scale = text_scale;
            self.relayout();
        }
        self.changed = true;
    }

    /// Fits fonts, pixels and the shell's screen to the window's size and scale.
    fn relayout(&mut self) {
        let scale = self.scale.factor();
        let size = (FONT_SIZE + self.zoom as f32) * self.text_scale * scale as f32;
        self.fonts.set_size(size.clamp(6.0, 200.0));
        let (width, height) = self.scale.physical(self.logical);
        let padding = (f64::from(PADDING) * scale).round() as i32;
        if !self.painter.resize(width, height, padding) {
            return;
        }
        let cell = self.fonts.metrics();
        let fit = |pixels: u32, cell: i32| {
            let room = i64::from(pixels) - 2 * i64::from(padding);
            (room / i64::from(cell)).clamp(1, 4096) as u16
        };
        let size = Size {
            columns: fit(width, cell.cell_width),
            lines: fit(height, cell.cell_height),
            cell_width: cell.cell_width as u16,
            cell_height: cell.cell_height as u16,
        };
        if size != self.screen.size() {
            self.screen.resize(size);
            if let Err(error) = self.session.resize(size) {
                eprintln!("ochre-terminal: telling the shell its window's size: {error}");
            }
        }
        self.changed = true;
    }

    /// The size of a window that may choose its own.
    fn preferred_size(&self) -> (u32, u32) {
        let cell = self.fonts.metrics();
        let scale = self.scale.factor();
        let logical = |cells: u32, cell: i32| {
            let text = f64::from(cells) * f64::from(cell) / scale;
            (text + 2.0 * f64::from(PADDING)).ceil() as u32
        };
        (
            logical(COLUMNS, cell.cell_width),
            logical(LINES, cell.cell_height),
        )
    }

    /// Runs when all that was ready has been handled: shows what has changed, when it may.
    fn settle(&mut self) {
        if !self.changed || !self.configured || self.awaits_frame {
            return;
        }
        if let Some(until) = self.screen.held_until() {
            self.hold(until);
            return;
        }
        self.changed = false;
        self.frame
            .capture(&self.screen, &self.palette, self.focused);
        let ground = self.palette.background();
        let damage = self.painter.paint(&mut self.frame, ground, &mut self.fonts);
        if damage.is_empty() {
            return;
        }
        let surface = self.window.wl_surface();
        match self
            .presenter
            .present(surface, self.painter.pixels(), &damage)
        {
            Ok(()) => {
                surface.frame(&self.queue, FrameCallbackData(surface.clone()));
                self.awaits_frame = true;
                self.scale.place(self.logical);
                self.window.commit();
            }
            Err(error) => {
                eprintln!("ochre-terminal: no memory to draw in: {error}");
                self.painter.invalidate();
                self.changed = true;
            }
        }
    }

    /// Waits for the end of an update that the program has begun, but not for ever.
    fn hold(&mut self, until: Instant) {
        if self.holding {
            return;
        }
        let timer = Timer::from_deadline(until);
        let waiting = self.handle.insert_source(timer, |_, (), terminal| {
            terminal.holding = false;
            if terminal
                .screen
                .held_until()
                .is_some_and(|until| until <= Instant::now())
            {
                terminal.screen.stop_holding();
            }
            TimeoutAction::Drop
        });
        match waiting {
            Ok(_) => self.holding = true,
            Err(_) => self.screen.stop_holding(),
        }
    }
}
