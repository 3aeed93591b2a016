//! Pens: whose they are, and what clients hear of them.

mod fixture;

use fixture::{Client, FRAME, Fixture, SIZE, TestWindow};
use ochre_compositor::input::{InputEvent, PenReport, TabletId, TabletInfo, Tool};
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_protocols::wp::tablet::zv2::client::{
    zwp_tablet_manager_v2::ZwpTabletManagerV2, zwp_tablet_seat_v2::ZwpTabletSeatV2,
};

/// A desk: a tablet, and a client with a framed window of 200 by 100.
struct Desk {
    fixture: Fixture,
    client: Client,
    window: TestWindow,
    tablet: TabletId,
    /// The corner of the window's content.
    corner: (i32, i32),
}

fn info(name: &str) -> TabletInfo {
    TabletInfo {
        name: name.into(),
        vendor: 0x56a,
        product: 0x357,
        pressure: true,
        distance: true,
        tilt: true,
    }
}

impl Desk {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let tablet = fixture.compositor.add_tablet(info("desk"));
        let mut client = fixture.client();
        let window = client.shown(&mut fixture, "window", (200, 100), true);
        let at = fixture.compositor.shell.iter().next().unwrap().position;
        Self {
            fixture,
            client,
            window,
            tablet,
            corner: (at.x, at.y),
        }
    }

    /// The client asks for tablets.
    fn listen(&mut self) -> ZwpTabletSeatV2 {
        let manager = self.client.bind::<ZwpTabletManagerV2>(1);
        let seat = manager.get_tablet_seat(&self.client.bind(8), &self.client.handle, ());
        self.told();
        seat
    }

    /// The client asks for the pointer, which is elsewhere.
    fn listen_to_pointer(&mut self) {
        self.fixture.point(1, 1);
        let seat = self.client.bind::<WlSeat>(8);
        seat.get_pointer(&self.client.handle, ());
        self.told();
    }

    /// A pen at a place of the window's content.
    fn pen(&self, x: i32, y: i32) -> PenReport {
        PenReport {
            tablet: self.tablet,
            tool: Tool::Pen,
            x: f64::from(self.corner.0 + x) / f64::from(SIZE.0),
            y: f64::from(self.corner.1 + y) / f64::from(SIZE.1),
            touches: false,
            pressure: 0.0,
            distance: 0.5,
            tilt: (10.0, -20.0),
        }
    }

    /// Sends what a pen does; what the client heard of it, without the ends of frames.
    fn play(&mut self, events: &[InputEvent]) -> Vec<String> {
        self.fixture.input(events);
        let mut told = self.told();
        told.retain(|note| note != "frame");
        told
    }

    fn told(&mut self) -> Vec<String> {
        self.client.roundtrip(&mut self.fixture);
        assert!(self.client.error.is_none(), "{:?}", self.client.error);
        std::mem::take(&mut self.client.state.notes)
    }

    fn away(&self) -> InputEvent {
        InputEvent::PenAway {
            tablet: self.tablet,
        }
    }
}

fn touching(pen: PenReport, pressure: f64) -> InputEvent {
    InputEvent::Pen(PenReport {
        touches: true,
        pressure,
        distance: 0.0,
        ..pen
    })
}

#[test]
fn a_stroke_is_the_client_s_that_knows_tablets() {
    let mut desk = Desk::new();
    let manager = desk.client.bind::<ZwpTabletManagerV2>(1);
    manager.get_tablet_seat(&desk.client.bind(8), &desk.client.handle, ());
    assert_eq!(desk.told(), ["tablet desk", "made by 0x56a as 0x357"]);
    let out = desk.play(&[InputEvent::Pen(desk.pen(10, 20))]);
    assert_eq!(
        out,
        [
            "a Pen",
            "knows Pressure",
            "knows Distance",
            "knows Tilt",
            "near",
            "at 10 20",
            "at 10 20",
            "pressure 0",
            "distance 32768",
            "tilt 10 -20"
        ]
    );
    let out = desk.play(&[touching(desk.pen(10, 20), 0.25)]);
    assert_eq!(out, ["at 10 20", "pressure 16384", "distance 0", "down"]);
    let button = |pressed| InputEvent::PenButton {
        tablet: TabletId(0),
        button: 0x14b,
        pressed,
    };
    // Beyond the window's edge it is still the window's.
    let out = desk.play(&[
        button(true),
        touching(desk.pen(-30, 25), 1.0),
        button(false),
        InputEvent::Pen(PenReport {
            distance: 0.0,
            ..desk.pen(15, 25)
        }),
        desk.away(),
    ]);
    assert_eq!(
        out,
        [
            "0x14b Pressed",
            "at -30 25",
            "pressure 65535",
            "0x14b Released",
            "at 15 25",
            "pressure 0",
            "up",
            "away"
        ]
    );
}

#[test]
fn a_tip_gives_a_window_the_keyboard_as_a_click_does() {
    let mut desk = Desk::new();
    desk.listen();
    let seat = desk.client.bind::<WlSeat>(8);
    seat.get_keyboard(&desk.client.handle, ());
    desk.client
        .shown(&mut desk.fixture, "other", (40, 40), false);
    assert!(!desk.client.has_keyboard(&desk.window));
    desk.play(&[InputEvent::Pen(desk.pen(2, 2))]);
    assert!(!desk.client.has_keyboard(&desk.window));
    desk.play(&[touching(desk.pen(2, 2), 0.5)]);
    assert!(desk.client.has_keyboard(&desk.window));
}

#[test]
fn every_event_s_group_ends_with_a_frame() {
    let mut desk = Desk::new();
    desk.listen();
    desk.fixture.input(&[
        InputEvent::Pen(desk.pen(10, 20)),
        touching(desk.pen(12, 20), 0.5),
        desk.away(),
    ]);
    let told = desk.told();
    let frames = told.iter().filter(|note| *note == "frame").count();
    assert_eq!(told.last().unwrap(), "frame");
    assert!(frames >= 3, "{told:?}");
}

#[test]
fn a_client_that_knows_only_pointers_gets_one() {
    let mut desk = Desk::new();
    desk.listen_to_pointer();
    let button = |button, pressed| InputEvent::PenButton {
        tablet: TabletId(0),
        button,
        pressed,
    };
    let out = desk.play(&[
        InputEvent::Pen(desk.pen(10, 20)),
        touching(desk.pen(10, 20), 0.1),
        InputEvent::Pen(desk.pen(10, 20)),
        button(0x14b, true),
        button(0x14b, false),
        button(0x14c, true),
        desk.away(),
    ]);
    assert_eq!(
        out,
        [
            "pointer enters",
            "pointer 0x110 Pressed",
            "pointer 0x110 Released",
            "pointer 0x111 Pressed",
            "pointer 0x111 Released",
            "pointer 0x112 Pressed",
            "pointer 0x112 Released",
        ]
    );
}

#[test]
fn the_pointer_is_away_while_a_pen_is_near() {
    let mut desk = Desk::new();
    let tablets = desk.listen();
    desk.listen_to_pointer();
    let (x, y) = desk.corner;
    desk.fixture.point(x + 50, y + 50);
    assert_eq!(desk.told(), ["pointer enters"]);
    let out = desk.play(&[InputEvent::Pen(desk.pen(10, 20))]);
    assert!(out.contains(&"pointer leaves".into()), "{out:?}");
    // Whatever else happens.
    desk.client
        .show(&mut desk.fixture, &desk.window, (200, 100), 0xff11_2233);
    desk.fixture.advance(FRAME);
    assert!(desk.told().iter().all(|note| !note.starts_with("pointer")));
    assert_eq!(desk.play(&[desk.away()]), ["away", "pointer enters"]);
    // Who has asked for tablets and then no more gets the pointer again.
    tablets.destroy();
    desk.told();
    let out = desk.play(&[touching(desk.pen(10, 20), 0.5), desk.away()]);
    assert_eq!(out, ["pointer 0x110 Pressed", "pointer 0x110 Released"]);
}

#[test]
fn a_window_is_dragged_by_a_pen_on_its_title() {
    let mut desk = Desk::new();
    desk.listen();
    let (x, y) = desk.corner;
    let out = desk.play(&[
        InputEvent::Pen(desk.pen(40, -10)),
        touching(desk.pen(40, -10), 0.5),
        touching(desk.pen(60, 20), 0.5),
        InputEvent::Pen(desk.pen(60, 20)),
        desk.away(),
    ]);
    let at = desk
        .fixture
        .compositor
        .shell
        .iter()
        .next()
        .unwrap()
        .position;
    assert_eq!((at.x, at.y), (x + 20, y + 30));
    assert!(!out.iter().any(|note| note == "down"), "{out:?}");
}

#[test]
fn a_client_drags_its_window_with_the_pen_that_it_was_given() {
    let mut desk = Desk::new();
    desk.listen();
    let (x, y) = desk.corner;
    desk.play(&[
        InputEvent::Pen(desk.pen(10, 20)),
        touching(desk.pen(10, 20), 0.5),
    ]);
    let seat = desk.client.bind::<WlSeat>(8);
    let place = |desk: &Desk| {
        let at = desk
            .fixture
            .compositor
            .shell
            .iter()
            .next()
            .unwrap()
            .position;
        (at.x, at.y)
    };
    // Not with any serial.
    desk.window
        .toplevel
        ._move(&seat, desk.client.state.serial + 1);
    desk.told();
    desk.play(&[touching(desk.pen(40, 20), 0.5)]);
    assert_eq!(place(&desk), (x, y));
    desk.window.toplevel._move(&seat, desk.client.state.serial);
    let out = desk.told();
    assert!(out.contains(&"away".into()), "{out:?}");
    desk.play(&[touching(desk.pen(70, 50), 0.5)]);
    assert_eq!(place(&desk), (x + 30, y + 30));
    desk.play(&[InputEvent::Pen(desk.pen(70, 50)), desk.away()]);
    desk.fixture.point(5, 5);
    assert_eq!(place(&desk), (x + 30, y + 30), "it was let go");
}

#[test]
fn pens_leave_with_the_surface_that_they_are_on() {
    let mut desk = Desk::new();
    desk.listen();
    let other = desk
        .client
        .shown(&mut desk.fixture, "other", (100, 100), false);
    let at = desk
        .fixture
        .compositor
        .shell
        .iter()
        .last()
        .unwrap()
        .position;
    desk.corner = (at.x, at.y);
    desk.play(&[touching(desk.pen(5, 5), 0.5)]);
    other.toplevel.destroy();
    other.xdg.destroy();
    other.surface.destroy();
    desk.told();
    let out = desk.play(&[touching(desk.pen(6, 6), 0.5), desk.away()]);
    assert!(
        !out.iter().any(|note| note == "down" || note == "up"),
        "{out:?}"
    );
}

#[test]
fn a_tablet_that_is_unplugged_is_gone_and_another_stays() {
    let mut desk = Desk::new();
    desk.fixture.compositor.add_tablet(info("other"));
    let first = desk.tablet;
    desk.listen();
    desk.play(&[touching(desk.pen(10, 20), 0.5)]);
    desk.fixture.compositor.remove_tablet(first);
    let told = desk.told();
    let count = |what: &str| told.iter().filter(|note| *note == what).count();
    assert_eq!((count("up"), count("away")), (1, 1), "{told:?}");
    assert_eq!((count("tool removed"), count("tablet removed")), (1, 2));
    assert_eq!((count("tablet other"), count("tablet desk")), (1, 0));
    // What the one that is gone still says is nobody's; the other one works.
    assert!(desk.play(&[touching(desk.pen(11, 20), 0.5)]).is_empty());
    desk.tablet = TabletId(1);
    let out = desk.play(&[touching(desk.pen(10, 20), 0.5)]);
    assert_eq!(out.last().unwrap(), "down");
}

#[test]
fn reports_that_cannot_be_change_nothing() {
    let mut desk = Desk::new();
    desk.listen();
    let good = desk.pen(10, 20);
    let wrong = [
        PenReport {
            x: f64::NAN,
            ..good
        },
        PenReport {
            pressure: f64::INFINITY,
            ..good
        },
        PenReport {
            tilt: (0.0, f64::NAN),
            ..good
        },
        PenReport {
            tablet: TabletId(99),
            ..good
        },
    ];
    assert!(desk.play(&wrong.map(InputEvent::Pen)).is_empty());
    let beyond = InputEvent::Pen(PenReport {
        pressure: 7.0,
        distance: -1.0,
        ..good
    });
    let out = desk.play(&[beyond]);
    assert!(out.contains(&"pressure 65535".into()), "{out:?}");
    assert!(out.contains(&"distance 0".into()), "{out:?}");
}
