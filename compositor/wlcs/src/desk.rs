//! A compositor on a thread of its own, and what a test does to it from outside.
//!
//! Whatever is asked has been done when the call returns, so that a test's next step sees it. A
//! compositor that panicked does nothing more; the test that goes on without it fails.

use std::{
    collections::HashMap,
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::mpsc,
    thread::{Builder, JoinHandle},
};

use anyhow::{Context, Result};
use ochre_compositor::{
    Compositor,
    backend::headless::Headless,
    clock::Clock,
    input::InputEvent,
    render::{Extent, Look},
    state::Options,
};
use smithay::{
    reexports::{
        calloop::{
            EventLoop,
            channel::{Channel, Event, Sender, channel},
        },
        wayland_server::{Client, protocol::wl_surface::WlSurface},
    },
    wayland::{
        compositor::with_states,
        shell::wlr_layer::{Anchor, LayerSurfaceCachedState, Margins},
    },
};

/// The screen's width and height, which some tests take for granted.
pub const SCREEN: (u32, u32) = (1280, 1024);
/// Frames a second, times a thousand.
const REFRESH: i32 = 60_000;

/// What a test does.
enum Deed {
    /// Connects a client, whose end is known by this descriptor.
    Connect(UnixStream, RawFd),
    /// Puts the window of that client's surface somewhere.
    Place {
        client: RawFd,
        surface: u32,
        at: (i32, i32),
    },
    /// Uses an input device.
    Input(InputEvent),
    /// Ends the session.
    Stop,
}

/// Who a deed is done by.
#[derive(Clone)]
pub struct Hands {
    deeds: Sender<(Deed, mpsc::Sender<()>)>,
}

impl Hands {
    fn act(&self, deed: Deed) {
        let (done, wait) = mpsc::channel();
        if self.deeds.send((deed, done)).is_ok() {
            let _ = wait.recv(); // an error: the compositor is gone, as the test will see
        }
    }

    /// Acts as a device.
    pub fn input(&self, event: InputEvent) {
        self.act(Deed::Input(event));
    }
}

/// A running compositor.
pub struct Desk {
    hands: Hands,
    thread: JoinHandle<()>,
}

impl Desk {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let (deeds, todo) = channel();
        let thread = Builder::new().name("compositor".into()).spawn(|| {
            if let Err(err) = run(todo) {
                eprintln!("ochre-wlcs: {err:#}");
            }
        })?;
        let hands = Hands { deeds };
        Ok(Self { hands, thread })
    }

    /// Ends it, and waits for its end.
    pub fn stop(self) {
        self.hands.act(Deed::Stop);
        if self.thread.join().is_err() {
            eprintln!("ochre-wlcs: the compositor panicked");
        }
    }

    /// To use its input devices.
    pub fn hands(&self) -> Hands {
        self.hands.clone()
    }

    /// Connects a client; gives its end.
    pub fn connect(&self) -> Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        self.hands.act(Deed::Connect(ours, theirs.as_raw_fd()));
        Ok(theirs)
    }

    /// Puts a client's window so that its left upper corner is there.
    pub fn place(&self, client: RawFd, surface: u32, at: (i32, i32)) {
        self.hands.act(Deed::Place {
            client,
            surface,
            at,
        });
    }
}

/// The thread: a session from its start to its end.
fn run(todo: Channel<(Deed, mpsc::Sender<()>)>) -> Result<()> {
    let mut events: EventLoop<'static, Compositor> = EventLoop::try_new()?;
    let options = Options {
        early_buffers: true,
        ..Options::default()
    };
    let mut compositor = Compositor::new(&events, Clock::Real, options)?;
    compositor.look = Look::usual();
    compositor.look.theme.wallpaper = "plain".into();
    compositor.look.theme.motion = ochre_theme::Motion::REDUCED;
    let extent = Extent::new(SCREEN.0, SCREEN.1).context("it is a sane size")?;
    compositor.add_touch();
    Headless::start(&mut compositor, extent, REFRESH);
    // Out of the way of windows that open in the middle.
    compositor.input(InputEvent::MotionAbsolute { x: 1.0, y: 1.0 }, 0);
    let mut clients = HashMap::new();
    let inserted = events
        .handle()
        .insert_source(todo, move |event, (), state| match event {
            Event::Msg((deed, done)) => {
                do_it(state, &mut clients, deed);
                let _ = done.send(()); // nobody waits if the test is over
            }
            Event::Closed => state.stop.stop(),
        });
    inserted.map_err(|err| err.error)?;
    compositor.run(&mut events)?;
    Ok(())
}

/// Puts a layer where a test wants it, by the distance from two edges of the screen.
fn place_layer(state: &mut Compositor, surface: &WlSurface, (x, y): (i32, i32)) {
    let mut screens = state.outputs.iter_mut();
    let Some(screen) = screens.find(|screen| screen.layers.of(surface).is_some()) else {
        return;
    };
    with_states(surface, |states| {
        let mut cached = states.cached_state.get::<LayerSurfaceCachedState>();
        let put = |state: &mut LayerSurfaceCachedState| {
            state.anchor = Anchor::TOP | Anchor::LEFT;
            state.margin = Margins {
                top: y,
                left: x,
                ..Margins::default()
            };
        };
        put(cached.pending());
        put(cached.current());
    });
    screen.arrange_layers();
}

fn do_it(state: &mut Compositor, clients: &mut HashMap<RawFd, Client>, deed: Deed) {
    match deed {
        Deed::Connect(stream, end) => match state.adopt(stream) {
            Ok(client) => _ = clients.insert(end, client),
            Err(err) => eprintln!("ochre-wlcs: {err}"),
        },
        Deed::Place {
            client,
            surface,
            at,
        } => {
            let surface = clients.get(&client).and_then(|client| {
                client
                    .object_from_protocol_id::<WlSurface>(&state.display, surface)
                    .ok()
            });
            let Some(surface) = surface else {
                return;
            };
            let id = state.shell.id_of(&surface);
            match id.and_then(|id| state.shell.get_mut(id)) {
                Some(window) => {
                    window.position = at.into();
                    state.place_popups(&surface);
                }
                None => place_layer(state, &surface, at),
            }
            state.pointer_stale = true;
            state.outputs.queue_all();
        }
        Deed::Input(event) => {
            let time = state.clock.millis();
            state.input(event, time);
        }
        Deed::Stop => state.stop.stop(),
    }
}
