//! What all these programs have in common as clients: a connection, windows, and what the compositor has said.

use crate::Plan;
use crate::pace::Pace;
use crate::window::{Draw, Window};
use anyhow::{Context, Result, bail};
use std::time::Duration;
use wayland_client::globals::{GlobalList, GlobalListContents, registry_queue_init};
use wayland_client::protocol::{
    wl_buffer, wl_callback, wl_compositor, wl_pointer, wl_registry, wl_seat, wl_shm, wl_shm_pool,
    wl_surface,
};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, WEnum};
use wayland_protocols::wp::presentation_time::client::{wp_presentation, wp_presentation_feedback};
use wayland_protocols::xdg::shell::client::{xdg_surface, xdg_toplevel, xdg_wm_base};

/// What the compositor has said; windows by their numbers.
#[derive(Default)]
pub struct State {
    /// Which windows have been told their state.
    pub configured: Vec<bool>,
    /// How many windows still wait for the compositor to ask for their next frame.
    pub waiting: usize,
    /// The size that the window was told last, if it may not choose.
    pub told: Option<(i32, i32)>,
    pub closed: bool,
    pub pointer: Option<wl_pointer::WlPointer>,
    /// The frames that the compositor asked for.
    pub frames: Pace,
    /// The pointer's moves over a window.
    pub moves: Pace,
    /// When the pointer moved last, by the compositor's stamp in milliseconds.
    pub moved: Option<u32>,
    /// The serial of a button's press.
    pub pressed: Option<u32>,
    /// Whether the pointer has come over a window.
    pub entered: bool,
    /// When a frame was seen, if it ever was, once the compositor has said so.
    pub seen: Option<Option<Duration>>,
}

/// The compositor, as every client meets it.
pub struct Desk {
    pub connection: Connection,
    pub globals: GlobalList,
    pub queue: EventQueue<State>,
    pub state: State,
    compositor: wl_compositor::WlCompositor,
    shell: xdg_wm_base::XdgWmBase,
    /// Surfaces of all windows.
    surfaces: Vec<wl_surface::WlSurface>,
}

impl Desk {
    pub fn connect() -> Result<Desk> {
        let connection = Connection::connect_to_env().context("no Wayland compositor")?;
        let (globals, queue) = registry_queue_init::<State>(&connection)?;
        let to = queue.handle();
        let compositor = globals.bind(&to, 4..=4, ())?;
        let shell = globals.bind(&to, 1..=1, ())?;
        Ok(Desk {
            connection,
            globals,
            queue,
            state: State::default(),
            compositor,
            shell,
            surfaces: Vec::new(),
        })
    }

    /// Makes a window, which the compositor hears of with [`configure`](Self::configure).
    pub fn window(&mut self, title: String) -> (wl_surface::WlSurface, xdg_toplevel::XdgToplevel) {
        let to = self.queue.handle();
        let surface = self.compositor.create_surface(&to, ());
        let number = self.surfaces.len();
        let role = self.shell.get_xdg_surface(&surface, &to, number);
        let toplevel = role.get_toplevel(&to, ());
        toplevel.set_title(title);
        self.surfaces.push(surface.clone());
        self.state.configured.push(false);
        (surface, toplevel)
    }

    /// Waits until all windows have been told their first state, so that they may be drawn.
    pub fn configure(&mut self) -> Result<()> {
        for surface in &self.surfaces {
            surface.commit();
        }
        while !self.state.configured.iter().all(|&configured| configured) {
            self.queue.blocking_dispatch(&mut self.state)?;
        }
        Ok(())
    }

    /// Waits until the compositor says something.
    pub fn wait(&mut self) -> Result<()> {
        self.queue.blocking_dispatch(&mut self.state)?;
        if self.state.closed {
            bail!("a window was closed");
        }
        Ok(())
    }
}

/// A plan's windows, on the compositor.
pub struct Client {
    pub desk: Desk,
    pub seat: wl_seat::WlSeat,
    presentation: wp_presentation::WpPresentation,
    windows: Vec<Window>,
    pub toplevels: Vec<xdg_toplevel::XdgToplevel>,
    draw: Draw,
}

impl Client {
    /// Shows the windows.
    pub fn start(plan: &Plan) -> Result<Client> {
        let mut desk = Desk::connect()?;
        let to = desk.queue.handle();
        let shm: wl_shm::WlShm = desk.globals.bind(&to, 1..=1, ())?;
        let seat: wl_seat::WlSeat = desk.globals.bind(&to, 3..=3, ())?;
        let presentation = desk.globals.bind(&to, 1..=1, ())?;
        let (mut windows, mut toplevels) = (Vec::new(), Vec::new());
        for number in 0..plan.windows {
            let (surface, toplevel) = desk.window(format!("frames {number}"));
            windows.push(Window::new(surface, &shm, &to, plan.size)?);
            toplevels.push(toplevel);
        }
        desk.configure()?;
        let mut client = Client {
            desk,
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
    pub fn commit(&mut self) -> Result<()> {
        let to = self.desk.queue.handle();
        for window in &mut self.windows {
            window.draw(self.draw, &to)?;
        }
        self.desk.state.waiting = self.windows.len();
        Ok(())
    }

    /// Draws a frame, and waits until the next one is asked for.
    pub fn frame(&mut self) -> Result<()> {
        self.commit()?;
        while self.desk.state.waiting > 0 {
            self.desk.wait()?;
        }
        Ok(())
    }

    /// Asks to be told when the first window's next frame is seen.
    pub fn ask_when_seen(&mut self) -> Result<()> {
        let window = self.windows.first().context("no window")?;
        let to = self.desk.queue.handle();
        self.presentation.feedback(window.surface(), &to, ());
        Ok(())
    }
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
