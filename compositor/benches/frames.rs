//! What a frame costs the compositor: processor time of its turn, scene by scene, headless.
//!
//! `cargo bench -p ochre-compositor --bench frames [SCENE]`. Clients and compositor are one process; only
//! the compositor's turns are counted, and of many frames the least counts, as other work on the machine
//! can only add. Under `valgrind --tool=callgrind --toggle-collect='*Fixture::turn*'` it tells where.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::time::Duration;

use fixture::{Client, FRAME, Fixture, TestWindow};
use ochre_compositor::input::InputEvent;
use rustix::time::{ClockId, clock_gettime};
use wayland_client::protocol::wl_buffer::WlBuffer;

/// The screen.
const SCREEN: (u32, u32) = (1920, 1080);
/// Frames of each scene.
const FRAMES: usize = 300;

/// A desktop with windows, and what one of them draws.
struct Scene {
    fixture: Fixture,
    client: Client,
    windows: Vec<TestWindow>,
    buffers: [WlBuffer; 2],
    size: (i32, i32),
}

impl Scene {
    fn new(count: usize, size: (i32, i32)) -> Self {
        let mut fixture = Fixture::new();
        fixture.resize(SCREEN.0, SCREEN.1);
        let mut client = fixture.client();
        let windows = (0..count)
            .map(|n| client.shown(&mut fixture, &format!("window {n}"), size, true))
            .collect();
        let buffers = [0xff20_8040, 0xff80_2040].map(|colour| client.buffer(size, colour).0);
        for _ in 0..5 {
            fixture.advance(FRAME);
            client.roundtrip(&mut fixture);
        }
        Self {
            fixture,
            client,
            windows,
            buffers,
            size,
        }
    }

    /// The last window shows its other buffer, of which this much changed.
    fn commit(&mut self, frame: usize, (w, h): (i32, i32)) {
        let Some(window) = self.windows.last() else {
            return;
        };
        window.surface.attach(Some(&self.buffers[frame % 2]), 0, 0);
        window.surface.damage_buffer(40, 40, w, h);
        window.surface.commit();
    }

    fn move_by(&mut self, dx: f64, dy: f64) {
        let event = InputEvent::Motion { dx, dy };
        let time = self.fixture.compositor.clock.millis();
        self.fixture.compositor.input(event, time);
    }

    /// Holds the last window by its title.
    fn hold(&mut self) {
        let [x, y, ..] = self.fixture.windows()[self.windows.len() - 1].frame;
        self.fixture.point_at(x + 60, y + 10);
        self.fixture.press(true);
    }

    /// The least processor time of a turn that draws, in microseconds, and the usual.
    fn measure(&mut self, mut act: impl FnMut(&mut Self, usize)) -> (f64, f64) {
        let mut times = Vec::new();
        for frame in 0..FRAMES {
            act(self, frame);
            let _ = self.client.connection.flush();
            self.fixture.compositor.clock.advance(FRAME);
            let before = spent();
            self.fixture.turn();
            times.push((spent() - before).as_secs_f64() * 1e6);
            self.client.roundtrip(&mut self.fixture);
        }
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    }
}

/// Processor time of this thread.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

type Act = fn(&mut Scene, usize);
/// A scene's name, its windows and their size, whether one is held, and what each frame does.
type Listed = (&'static str, usize, (i32, i32), bool, Act);

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let full: Act = |scene, frame| scene.commit(frame, scene.size);
    let small: Act = |scene, frame| scene.commit(frame, (10, 10));
    let pointer: Act = |scene, frame| scene.move_by(if frame % 40 < 20 { 3.0 } else { -3.0 }, 1.0);
    let nothing: Act = |_, _| {};
    let scenes: [Listed; 8] = [
        ("window-full", 1, (800, 600), false, full),
        ("window-small", 1, (800, 600), false, small),
        ("window-moves", 1, (800, 600), true, pointer),
        ("pointer-moves", 1, (800, 600), false, pointer),
        ("20-windows-small", 20, (500, 400), false, small),
        ("20-windows-move", 20, (500, 400), true, pointer),
        ("20-windows-pointer", 20, (500, 400), false, pointer),
        ("20-windows-idle", 20, (500, 400), false, nothing),
    ];
    println!("{:<20} {:>10} {:>10}", "scene", "least µs", "median µs");
    for (name, count, size, held, act) in scenes {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !name.contains(wanted.as_str()))
        {
            continue;
        }
        let mut scene = Scene::new(count, size);
        if held {
            scene.hold();
        }
        let (least, median) = scene.measure(act);
        println!("{name:<20} {least:>10.1} {median:>10.1}");
    }
}
