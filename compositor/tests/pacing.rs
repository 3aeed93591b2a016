//! Content that waits: for the content before it, or for its time.

mod fixture;

use std::time::Duration;

use fixture::{Client, ClientSide, FRAME, Fixture, TestWindow};
use ochre_compositor::input::Action;
use wayland_client::delegate_noop;
use wayland_protocols::wp::{
    commit_timing::v1::client::{
        wp_commit_timer_v1::WpCommitTimerV1, wp_commit_timing_manager_v1::WpCommitTimingManagerV1,
    },
    fifo::v1::client::{wp_fifo_manager_v1::WpFifoManagerV1, wp_fifo_v1::WpFifoV1},
};

delegate_noop!(ClientSide: WpFifoManagerV1);
delegate_noop!(ClientSide: WpFifoV1);
delegate_noop!(ClientSide: WpCommitTimingManagerV1);
delegate_noop!(ClientSide: WpCommitTimerV1);

const SIZE: (i32, i32) = (200, 100);

/// A window that shows nothing but one colour after another.
struct Player {
    fixture: Fixture,
    client: Client,
    window: TestWindow,
    fifo: WpFifoV1,
    timer: WpCommitTimerV1,
}

impl Player {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        let window = client.shown(&mut fixture, "player", SIZE, false);
        let (surface, queue) = (&window.surface, &client.handle);
        let fifo = client.bind::<WpFifoManagerV1>(1);
        let fifo = fifo.get_fifo(surface, queue, ());
        let timing = client.bind::<WpCommitTimingManagerV1>(1);
        let timer = timing.get_timer(surface, queue, ());
        client.roundtrip(&mut fixture);
        fixture.advance(FRAME);
        fixture.advance(FRAME);
        Self {
            fixture,
            client,
            window,
            fifo,
            timer,
        }
    }

    fn commit(&self, colour: u32) {
        let (buffer, _file) = self.client.buffer(SIZE, 0xff00_0000 | colour);
        let surface = &self.window.surface;
        surface.attach(Some(&buffer), 0, 0);
        surface.damage_buffer(0, 0, SIZE.0, SIZE.1);
        surface.commit();
    }

    /// As a program does that shows each picture for a frame.
    fn queue(&self, colour: u32) {
        self.fifo.wait_barrier();
        self.fifo.set_barrier();
        self.commit(colour);
    }

    /// A picture for a time of the compositor's clock.
    fn at(&self, time: Duration, colour: u32) {
        let seconds = time.as_secs();
        let (high, low) = ((seconds >> 32) as u32, seconds as u32);
        self.timer.set_timestamp(high, low, time.subsec_nanos());
        self.commit(colour);
    }

    fn now(&self) -> Duration {
        self.fixture.compositor.clock.now()
    }

    /// What is on screen after all that was said so far.
    fn seen(&mut self) -> u32 {
        assert!(self.client.roundtrip(&mut self.fixture));
        let [x, y, ..] = self.fixture.windows()[0].content;
        self.fixture.pixel(x + 5, y + 5)
    }

    fn frame(&mut self) -> u32 {
        self.fixture.advance(FRAME);
        self.seen()
    }
}

#[test]
fn each_picture_is_shown_for_a_frame() {
    let mut player = Player::new();
    for colour in 1..=4 {
        player.queue(colour);
    }
    assert_eq!(player.seen(), 1);
    assert_eq!(player.frame(), 2);
    assert_eq!(player.frame(), 3);
    assert_eq!(player.frame(), 4);
    assert_eq!(player.frame(), 4);
    let frames = player.fixture.frames();
    player.frame();
    assert_eq!(player.fixture.frames(), frames, "then nothing is drawn");
    assert!(player.fixture.compositor.outputs.is_idle());
    // Who does not ask to wait does not.
    player.commit(5);
    player.commit(6);
    assert_eq!(player.seen(), 6);
}

#[test]
fn what_nobody_sees_does_not_wait_for_ever() {
    let mut player = Player::new();
    player.fixture.compositor.act(Action::Minimize);
    for colour in 1..=3 {
        player.queue(colour);
    }
    for _ in 0..6 {
        player.frame();
    }
    let id = player.fixture.windows()[0].id;
    player.fixture.compositor.activate(id);
    assert_eq!(player.frame(), 3);

    let display = player.fixture.compositor.outputs.primary().unwrap().id;
    let light = |player: &mut Player, lit| {
        let done = player.fixture.compositor.power_output(display, lit);
        done.unwrap();
    };
    light(&mut player, false);
    for colour in 4..=6 {
        player.queue(colour);
    }
    player.seen();
    light(&mut player, true);
    assert_eq!(player.frame(), 6);
}

#[test]
fn a_picture_is_not_shown_before_its_time() {
    let mut player = Player::new();
    player.commit(1);
    player.seen();
    player.frame();
    player.frame();
    let (start, frames) = (player.now(), player.fixture.frames());
    let time = start + Duration::from_millis(105);
    player.at(time, 2);
    player.commit(3); // in order, whatever its own time
    let refresh = Duration::from_nanos(16_666_667);
    assert_eq!(player.seen(), 1);
    while player.now() + refresh < time {
        assert_eq!(player.seen(), 1, "{:?}", time - player.now());
        assert_eq!(
            player.fixture.frames(),
            frames,
            "nothing is drawn until then"
        );
        player.fixture.advance(Duration::from_millis(1));
    }
    for _ in 0..20 {
        player.fixture.advance(Duration::from_millis(1));
    }
    assert_eq!(player.seen(), 3);
    assert_eq!(player.fixture.frames(), frames + 1);
    // A time that is past is now.
    player.at(start, 4);
    player.frame();
    assert_eq!(player.seen(), 4);
}

#[test]
fn pictures_for_each_frame_are_shown_one_by_one() {
    let mut player = Player::new();
    let start = player.now();
    let refresh = Duration::from_nanos(16_666_667);
    for n in 1..=4 {
        player.at(start + refresh * 2 * n, n);
    }
    let mut seen = vec![player.seen()];
    for _ in 0..80 {
        player.fixture.advance(Duration::from_millis(2));
        let now = player.seen();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    assert_eq!(seen[1..], [1, 2, 3, 4]);
}

#[test]
fn who_floods_a_surface_waits_no_more() {
    let mut player = Player::new();
    let far = player.now() + Duration::from_secs(1 << 40);
    for colour in 1..=200 {
        player.at(far, colour);
        player.commit(colour);
    }
    player.seen();
    player.frame();
    assert_eq!(player.frame(), 200);
    for colour in 1..=200 {
        player.queue(colour);
    }
    player.seen();
    assert_eq!(player.frame(), 200);
}

#[test]
fn times_that_cannot_be_are_errors() {
    let mut player = Player::new();
    player.timer.set_timestamp(0, 1, 1_000_000_000);
    assert!(!player.client.roundtrip(&mut player.fixture));
    assert_eq!(player.client.error.unwrap().code, 0);

    let mut player = Player::new();
    player.timer.set_timestamp(u32::MAX, u32::MAX, 1);
    player.timer.set_timestamp(0, 1, 1);
    assert!(!player.client.roundtrip(&mut player.fixture));
    assert_eq!(player.client.error.unwrap().code, 1);

    // The last time that can be said is far, and is no harm.
    let mut player = Player::new();
    player.timer.set_timestamp(u32::MAX, u32::MAX, 999_999_999);
    player.commit(7);
    player.seen();
    assert_ne!(player.frame(), 7);
}

#[test]
fn a_surface_has_one_of_each() {
    let mut player = Player::new();
    let manager = player.client.bind::<WpFifoManagerV1>(1);
    manager.get_fifo(&player.window.surface, &player.client.handle, ());
    assert!(!player.client.roundtrip(&mut player.fixture));
    assert_eq!(player.client.error.unwrap().code, 0);

    let mut player = Player::new();
    player.fifo.destroy();
    let manager = player.client.bind::<WpFifoManagerV1>(1);
    manager.get_fifo(&player.window.surface, &player.client.handle, ());
    assert!(player.client.roundtrip(&mut player.fixture));
}
