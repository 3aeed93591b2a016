//! The configuration as its user meets it: written by an editor, taken at once, or refused with a reason.

mod fixture;

use std::{fs, path::PathBuf};

use fixture::{Client, FRAME, Fixture};
use ochre_compositor::input::{Action, InputEvent};
use std::time::Duration;
use wayland_client::protocol::{wl_keyboard::WlKeyboard, wl_seat::WlSeat};

const KEY_1: u32 = 2;
const KEY_Q: u32 = 16;
const KEY_LEFTMETA: u32 = 125;

/// A directory of the test's own, removed with it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ochre-config-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("compositor.toml")
    }

    /// Saves as editors do: another file, renamed.
    fn save(&self, fixture: &mut Fixture, text: &str) {
        let fresh = self.0.join("compositor.toml~");
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, self.file()).unwrap();
        fixture.turn();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn followed(name: &str) -> (Home, Fixture) {
    let home = Home::new(name);
    let mut fixture = Fixture::new();
    fixture.compositor.follow_config(&home.0).unwrap();
    (home, fixture)
}

fn with_super(fixture: &mut Fixture, act: impl FnOnce(&mut Fixture)) {
    let key = |pressed| InputEvent::Key {
        code: KEY_LEFTMETA,
        pressed,
    };
    fixture.input(&[key(true)]);
    act(fixture);
    fixture.input(&[key(false)]);
}

#[test]
fn a_saved_file_counts_at_once_and_a_removed_one_no_more() {
    let (home, mut fixture) = followed("live");
    home.save(&mut fixture, "[keys]\n\"Super+1\" = \"workspace 3\"\n");
    with_super(&mut fixture, |fixture| fixture.tap(KEY_1));
    assert_eq!(fixture.compositor.shell.workspace, 2);
    fs::remove_file(home.file()).unwrap();
    fixture.turn();
    with_super(&mut fixture, |fixture| fixture.tap(KEY_1));
    assert_eq!(fixture.compositor.shell.workspace, 0);
}

#[test]
fn with_a_mistake_everything_stays_as_it_was() {
    let (home, mut fixture) = followed("mistake");
    home.save(&mut fixture, "[keys]\n\"Super+1\" = \"workspace 3\"\n");
    let good = fixture.compositor.config.clone();
    home.save(
        &mut fixture,
        "animations = false\n[keys]\n\"Super+1\" = \"worksapce 2\"\n",
    );
    assert_eq!(fixture.compositor.config, good);
    let told = fixture.compositor.reload_config().unwrap_err().to_string();
    let place = format!("{}:3:13: ", home.file().display());
    assert!(told.starts_with(&place), "{told}");
    assert!(
        told.ends_with("no action is called worksapce\n  fix: \"workspace\""),
        "{told}"
    );
    home.save(&mut fixture, "animations = false\n");
    assert!(!fixture.compositor.config.animations);
}

#[test]
fn what_is_no_file_is_refused() {
    let (home, mut fixture) = followed("hostile");
    let refused = |fixture: &mut Fixture| {
        fixture.turn();
        fixture.compositor.reload_config().unwrap_err().message
    };
    fs::write(home.file(), vec![b'#'; 300 * 1024]).unwrap();
    assert!(refused(&mut fixture).starts_with("a file of more than 256 KiB"));
    fs::write(home.file(), b"# \xff\n").unwrap();
    assert_eq!(refused(&mut fixture), "this is not UTF-8");
    fs::remove_file(home.file()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, home.file(), rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(refused(&mut fixture), "this is no file");
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    assert_eq!(refused(&mut fixture), "this is no file");
}

#[test]
fn a_key_bound_to_none_is_its_client_s() {
    let (home, mut fixture) = followed("none");
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(&mut fixture, "one", (200, 100), false);
    home.save(&mut fixture, "[keys]\n\"Super+Q\" = \"none\"\n");
    with_super(&mut fixture, |fixture| fixture.tap(KEY_Q));
    client.roundtrip(&mut fixture);
    assert!(!client.told(&window).closed);
    assert!(client.state.keys.contains(&(KEY_Q, true)));
}

#[test]
fn clients_are_told_of_another_keyboard() {
    let (home, mut fixture) = followed("keyboard");
    let mut client = fixture.client();
    let _keyboard: WlKeyboard = client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    client.shown(&mut fixture, "one", (200, 100), false);
    let maps = client.state.keymaps;
    assert_eq!(client.state.repeat, Some((30, 350)));
    home.save(
        &mut fixture,
        "[keyboard]\nlayout = \"de\"\nrepeat-rate = 50\nrepeat-delay = 200\n",
    );
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.repeat, Some((50, 200)));
    assert!(client.state.keymaps > maps);
}

/// A window whose client notes what its pointer does.
fn pointed(fixture: &mut Fixture) -> (Client, fixture::TestWindow) {
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let window = client.shown(fixture, "one", (400, 300), false);
    (client, window)
}

fn noted(client: &Client, what: &str) -> bool {
    client
        .state
        .pointer
        .iter()
        .any(|note| note.starts_with(what))
}

fn button(fixture: &mut Fixture, button: u32, pressed: bool) {
    fixture.input(&[InputEvent::Button { button, pressed }]);
}

#[test]
fn super_and_a_button_move_a_window_by_its_content() {
    let mut fixture = Fixture::new();
    let (mut client, _window) = pointed(&mut fixture);
    let [x, y, ..] = fixture.windows()[0].content;
    fixture.point(x + 100, y + 100);
    with_super(&mut fixture, |fixture| {
        button(fixture, 0x110, true);
        fixture.point(x + 130, y + 150);
        button(fixture, 0x110, false);
    });
    client.roundtrip(&mut fixture);
    assert_eq!(fixture.windows()[0].content[..2], [x + 30, y + 50]);
    assert!(!noted(&client, "Button"), "{:?}", client.state.pointer);
    button(&mut fixture, 0x110, true);
    button(&mut fixture, 0x110, false);
    client.roundtrip(&mut fixture);
    assert!(noted(&client, "Button"), "and then clicks are its client's");
}

#[test]
fn super_and_the_right_button_resize_from_the_nearest_corner() {
    let mut fixture = Fixture::new();
    let (mut client, window) = pointed(&mut fixture);
    let [x, y, w, h] = fixture.windows()[0].content;
    fixture.point(x + 20, y + h - 20);
    with_super(&mut fixture, |fixture| {
        button(fixture, 0x111, true);
        fixture.point(x, y + h + 20);
        client.roundtrip(fixture);
        button(fixture, 0x111, false);
    });
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (w + 20, h + 40));
    assert!(!noted(&client, "Button"));
}

#[test]
fn super_and_the_wheel_go_through_workspaces() {
    let mut fixture = Fixture::new();
    let (mut client, _window) = pointed(&mut fixture);
    let [x, y, ..] = fixture.windows()[0].content;
    fixture.point(x + 100, y + 100);
    let wheel = |vertical| InputEvent::Wheel {
        horizontal: 0,
        vertical,
    };
    with_super(&mut fixture, |fixture| {
        fixture.input(&[wheel(60)]);
        assert_eq!(fixture.compositor.shell.workspace, 0, "half a notch");
        fixture.input(&[wheel(60)]);
        assert_eq!(fixture.compositor.shell.workspace, 1);
        fixture.input(&[wheel(-120)]);
        assert_eq!(fixture.compositor.shell.workspace, 0);
    });
    client.roundtrip(&mut fixture);
    assert!(!noted(&client, "Axis"));
    fixture.input(&[wheel(120)]);
    client.roundtrip(&mut fixture);
    assert!(noted(&client, "Axis"));
}

#[test]
fn a_modifier_of_any_kind_holds_the_switcher() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let one = client.shown(&mut fixture, "one", (200, 100), false);
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    client.shown(&mut fixture, "two", (200, 100), false);
    with_super(&mut fixture, |fixture| {
        fixture.tap(15);
        assert!(fixture.compositor.shell.switcher.is_some());
    });
    assert!(fixture.compositor.shell.switcher.is_none());
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&one));
}

#[test]
fn the_night_light_comes_when_its_time_has_come() {
    let (home, mut fixture) = followed("night");
    let white = |fixture: &mut Fixture| {
        let mut client = fixture.client();
        let shown = client.shown(fixture, "white", (400, 300), false);
        client.show(fixture, &shown, (400, 300), 0xffff_ffff);
        let [x, y, ..] = fixture.windows()[0].content;
        (client, x + 50, y + 50)
    };
    let (_client, x, y) = white(&mut fixture);
    home.save(
        &mut fixture,
        "[night-light]\ntemperature = 3400\nfrom = \"01:00\"\nuntil = \"05:00\"\n",
    );
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(x, y), 0xff_ffff);
    let at = |fixture: &mut Fixture, minutes: u64| {
        let then = fixture.compositor.clock.now() + Duration::from_secs(minutes * 60);
        while fixture.compositor.clock.now() < then {
            let next = fixture.compositor.deadlines.soonest().unwrap();
            fixture.advance(next.min(then) - fixture.compositor.clock.now());
        }
        fixture.advance(FRAME);
        fixture.pixel(x, y) & 0xff
    };
    assert_eq!(at(&mut fixture, 59), 0xff);
    let evening = at(&mut fixture, 16);
    let night = at(&mut fixture, 60);
    assert!(night < evening && evening < 0xff, "{night} {evening}");
    assert_eq!(at(&mut fixture, 180), 0xff);
    home.save(&mut fixture, "");
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    assert_eq!(fixture.compositor.deadlines.soonest(), None);
}

#[test]
fn a_display_is_as_it_was_chosen() {
    let home = Home::new("output");
    fs::write(
        home.file(),
        "[outputs.HEADLESS-1]\nmode = \"1024x768\"\nscale = 2\nposition = [10, 20]\n",
    )
    .unwrap();
    let mut fixture = Fixture::without_output();
    fixture.compositor.follow_config(&home.0).unwrap();
    fixture.start();
    let rect = |fixture: &Fixture| fixture.compositor.outputs.primary().unwrap().rect();
    let shown = rect(&fixture);
    assert_eq!((shown.loc.x, shown.loc.y), (10, 20));
    assert_eq!((shown.size.w, shown.size.h), (512, 384));
    home.save(&mut fixture, "[outputs.HEADLESS-1]\nscale = 1.5\n");
    assert_eq!(rect(&fixture).size.w, 683);
}

#[test]
fn scripts_start_what_keys_start() {
    let home = Home::new("spawn");
    let mut fixture = Fixture::new();
    let made = home.0.join("made");
    let command = ["mkdir".to_owned(), made.display().to_string()];
    fixture.compositor.act(Action::Spawn(command.into()));
    // The loop wakes for the child's end.
    for _ in 0..1000 {
        if made.exists() {
            return;
        }
        fixture.wait();
    }
    panic!("the program did not run");
}

#[test]
fn a_display_is_turned_while_the_desktop_runs() {
    let (home, mut fixture) = followed("turned");
    let size = |fixture: &Fixture| fixture.compositor.outputs.primary().unwrap().rect().size;
    home.save(&mut fixture, "[outputs.HEADLESS-1]\ntransform = \"90\"\n");
    assert_eq!(size(&fixture), (600, 800).into());
    home.save(&mut fixture, "");
    assert_eq!(size(&fixture), (800, 600).into());
}
