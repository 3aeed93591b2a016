//! A Wayland client that redraws by plan, for whoever measures its compositor meanwhile.
//!
//! `frames PLAN` shows the plan's windows and says `ready`. For each line `COUNT` that it is given
//! it draws so many frames, each once the compositor asks for it, and says `done`.
//!
//! `frames kill COUNT DRIVER...` kills drivers under such a window, again and again ([`kill`]).
//! `frames card COLOUR` shows the display adapter's memory as a window ([`card`]).
//! `frames sizes` shows a window by which one sees whether the screen shows whole frames ([`sizes`]).
//! `frames desktop TERMINAL PROCESS...` measures by itself what a desktop costs ([`desktop`]).

mod card;
mod desktop;
mod kill;
mod measure;
mod pace;
mod processes;
mod sizes;
mod window;

use anyhow::{Context, Result, bail};
use pace::Pace;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Duration;
use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::{
    wl_buffer, wl_callback, wl_compositor, wl_pointer, wl_registry, wl_seat, wl_shm, wl_shm_pool,
    wl_surface,
};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, WEnum};
use wayland_protocols::wp::presentation_time::client::{wp_presentation, wp_presentation_feedback};
use wayland_protocols::xdg::shell::client::{xdg_surface, xdg_toplevel, xdg_wm_base};
use window::{Draw, Window};

const HELP: &str = "\
Usage: frames PLAN
       frames kill COUNT DRIVER...
       frames desktop TERMINAL PROCESS...
       frames card COLOUR
       frames sizes

Plans: full    one window of 800x600, redrawn whole
       small   the same, of which 32x32 pixels change
       twenty  twenty windows of 300x200, of which 32x32 pixels change each

Says `ready`; for each line COUNT draws so many frames and says `done`.

With `kill`, kills each driver's processes so many times and tells the pauses of frames, or of the
pointer if it is the driver of that, which somebody must keep moving over the window.

With `desktop`, measures what drawing, moving, scrolling in that terminal, answering the pointer and
doing nothing cost the machine, and what the compositor's PROCESSes hold; tells when it wants the
pointer moved.

With `card`, shows a window of that colour (RRGGBB) whose pixels are the display adapter's memory.

With `sizes`, shows a window that draws all the time, by whose colours one sees which frame of which size it is.";

/// Most frames that are drawn for one line.
const MOST: u32 = 100_000;

/// Windows of one size, and what changes in each of them with a frame.
struct Plan {
    windows: usize,
    size: (i32, i32),
    draw: Draw,
}

const FULL: Plan = Plan {
    windows: 1,
    size: (800, 600),
    draw: Draw::Whole,
};

const SMALL: Plan = Plan {
    draw: Draw::Part,
    ..FULL
};

const TWENTY: Plan = Plan {
    windows: 20,
    size: (300, 200),
    draw: Draw::Part,
};

fn plan(name: &str) -> Option<&'static Plan> {
    match name {
        "full" => Some(&FULL),
        "small" => Some(&SMALL),
        "twenty" => Some(&TWENTY),
        _ => None,
    }
}

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "--help" {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let words = std::env::args().skip(2);
    let result = if argument == "kill" {
        kill::command(words)
    } else if argument == "card" {
        card::command(words)
    } else if argument == "sizes" {
        sizes::command()
    } else if argument == "desktop" {
        desktop::command(words)
    } else if argument == "scroll" {
        desktop::lines()
    } else if let Some(plan) = plan(&argument) {
        run(plan)
    } else {
        eprintln!("frames: no plan {argument:?}\n\n{HELP}");
        return ExitCode::FAILURE;
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frames: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the compositor has said; windows by their numbers.
#[derive(Default)]
struct State {
    /// Which windows have been told their state.
    configured: Vec<bool>,
    /// How many windows still wait for the compositor to ask for their next frame.
    waiting: usize,
    /// The size that the window was told last, if it may not choose.
    told: Option<(i32, i32)>,
    closed: bool,
    pointer: Option<wl_pointer::WlPointer>,
    /// The frames that the compositor asked for.
    frames: Pace,
    /// The pointer's moves over a window.
    moves: Pace,
    /// When the pointer moved last, by the compositor's stamp in milliseconds.
    moved: Option<u32>,
    /// The serial of a button's press.
    pressed: Option<u32>,
    /// Whether the pointer has come over a window.
    entered: bool,
    /// When a frame was seen, if it ever was, once the compositor has said so.
    seen: Option<Option<Duration>>,
}

/// A plan's windows, on the compositor.
struct Client {
    connection: Connection,
    queue: EventQueue<State>,
    state: State,
    seat: wl_seat::WlSeat,
    presentation: wp_presentation::WpPresentation,
    windows: Vec<Window>,
    toplevels: Vec<xdg_toplevel::XdgToplevel>,
    draw: Draw,
}

impl Client {
    /// Shows the windows.
    fn start(plan: &Plan) -> Result<Client> {
        let connection = Connection::connect_to_env().context("no Wayland compositor")?;
        let (globals, mut queue) = registry_queue_init::<State>(&connection)?;
        let to = queue.handle();
        let compositor: wl_compositor::WlCompositor = globals.bind(&to, 4..=4, ())?;
        let shm: wl_shm::WlShm = globals.bind(&to, 1..=1, ())?;
        let shell: xdg_wm_base::XdgWmBase = globals.bind(&to, 1..=1, ())?;
        let seat: wl_seat::WlSeat = globals.bind(&to, 3..=3, ())?;
        let presentation = globals.bind(&to, 1..=1, ())?;

        let mut state = State {
            configured: vec![false; plan.windows],
            ..State::default()
        };
        let (mut windows, mut toplevels) = (Vec::new(), Vec::new());
        for number in 0..plan.windows {
            let surface = compositor.create_surface(&to, ());
            let role = shell.get_xdg_surface(&surface, &to, number);
            let toplevel = role.get_toplevel(&to, ());
            toplevel.set_title(format!("frames {number}"));
            surface.commit();
            windows.push(Window::new(surface, &shm, &to, plan.size)?);
            toplevels.push(toplevel);
        }
        while !state.configured.iter().all(|&configured| configured) {
            queue.blocking_dispatch(&mut state)?;
        }
        let mut client = Client {
            connection,
            queue,
            state,
            seat,
            presentation,
            windows,
            toplevels,
            draw: Draw::Whole,
        };
        // Both buffers of each window have all their pixels then.
        client.frame()?;
        client.frame()?;
        client.draw = plan.draw;
        Ok(client)
    }

    /// Hands in all windows' next frames.
    fn commit(&mut self) -> Result<()> {
        let to = self.queue.handle();
        for window in &mut self.windows {
            window.draw(self.draw, &to)?;
        }
        self.state.waiting = self.windows.len();
        Ok(())
    }

    /// Draws a frame, and waits until the next one is asked for.
    fn frame(&mut self) -> Result<()> {
        self.commit()?;
        while self.state.waiting > 0 {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits until the compositor says something.
    fn wait(&mut self) -> Result<()> {
        self.queue.blocking_dispatch(&mut self.state)?;
        if self.state.closed {
            bail!("a window was closed");
        }
        Ok(())
    }

    /// Asks to be told when the first window's next frame is seen.
    fn ask_when_seen(&mut self) -> Result<()> {
        let window = self.windows.first().context("no window")?;
        let to = self.queue.handle();
        self.presentation.feedback(window.surface(), &to, ());
        Ok(())
    }
}

fn run(plan: &Plan) -> Result<()> {
    let mut client = Client::start(plan)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count: u32 = line
            .trim()
            .parse()
            .with_context(|| format!("no number: {line:?}"))?;
        for _ in 0..count.min(MOST) {
            client.frame()?;
        }
        println!("done");
    }
    Ok(())
}

impl Dispatch<wl_registry::WlRegistry, GlobalListContents> for State {
    fn event(
        _: &mut State,
        _: &wl_registry::WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
    }
}

impl Dispatch<xdg_wm_base::XdgWmBase, ()> for State {
    fn event(
        _: &mut State,
        shell: &xdg_wm_base::XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            shell.pong(serial);
        }
    }
}

impl Dispatch<xdg_surface::XdgSurface, usize> for State {
    fn event(
        state: &mut State,
        role: &xdg_surface::XdgSurface,
        event: xdg_surface::Event,
        &number: &usize,
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            role.ack_configure(serial);
            state.configured[number] = true;
        }
    }
}

impl Dispatch<xdg_toplevel::XdgToplevel, ()> for State {
    fn event(
        state: &mut State,
        _: &xdg_toplevel::XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        match event {
            // Most windows keep their size, whatever another is proposed.
            xdg_toplevel::Event::Configure { width, height, .. } => {
                state.told = (width > 0 && height > 0).then_some((width, height));
            }
            xdg_toplevel::Event::Close => state.closed = true,
            _ => {}
        }
    }
}

impl Dispatch<wl_callback::WlCallback, ()> for State {
    fn event(
        state: &mut State,
        _: &wl_callback::WlCallback,
        _: wl_callback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        state.waiting = state.waiting.saturating_sub(1);
        state.frames.step();
    }
}

impl Dispatch<wl_seat::WlSeat, ()> for State {
    fn event(
        state: &mut State,
        seat: &wl_seat::WlSeat,
        event: wl_seat::Event,
        (): &(),
        _: &Connection,
        to: &QueueHandle<State>,
    ) {
        if let wl_seat::Event::Capabilities {
            capabilities: WEnum::Value(capabilities),
        } = event
        {
            // A seat that has lost its last pointer offers none until there is one again.
            let has = capabilities.contains(wl_seat::Capability::Pointer);
            match state.pointer.take() {
                Some(pointer) if !has => pointer.release(),
                None if has => state.pointer = Some(seat.get_pointer(to, ())),
                other => state.pointer = other,
            }
        }
    }
}

impl Dispatch<wl_pointer::WlPointer, ()> for State {
    fn event(
        state: &mut State,
        _: &wl_pointer::WlPointer,
        event: wl_pointer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        match event {
            wl_pointer::Event::Motion { time, .. } => {
                state.moves.step();
                state.moved = Some(time);
            }
            wl_pointer::Event::Enter { .. } => state.entered = true,
            wl_pointer::Event::Button {
                serial,
                state: WEnum::Value(wl_pointer::ButtonState::Pressed),
                ..
            } => state.pressed = Some(serial),
            _ => {}
        }
    }
}

impl Dispatch<wp_presentation_feedback::WpPresentationFeedback, ()> for State {
    fn event(
        state: &mut State,
        _: &wp_presentation_feedback::WpPresentationFeedback,
        event: wp_presentation_feedback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<State>,
    ) {
        use wp_presentation_feedback::Event;
        match event {
            Event::Presented {
                tv_sec_hi,
                tv_sec_lo,
                tv_nsec,
                ..
            } => {
                let seconds = u64::from(tv_sec_hi) << 32 | u64::from(tv_sec_lo);
                state.seen = Some(Some(Duration::new(seconds, tv_nsec)));
            }
            Event::Discarded => state.seen = Some(None),
            _ => {}
        }
    }
}

wayland_client::delegate_noop!(State: wl_compositor::WlCompositor);
wayland_client::delegate_noop!(State: ignore wp_presentation::WpPresentation);
wayland_client::delegate_noop!(State: wl_shm_pool::WlShmPool);
wayland_client::delegate_noop!(State: ignore wl_shm::WlShm);
wayland_client::delegate_noop!(State: ignore wl_surface::WlSurface);
wayland_client::delegate_noop!(State: ignore wl_buffer::WlBuffer);
