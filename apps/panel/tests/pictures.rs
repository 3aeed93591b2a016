//! The panel as a user meets it, without a window system.

use accesskit::Role;
use ochre_panel::{BAR, Clock, Entry, LAUNCHER, Panel};
use ochre_toolkit::App;
use ochre_toolkit::Icons;
use ochre_toolkit::app::{Command, Toplevel, Workspace};
use ochre_toolkit::event::{Key, Modifiers};
use ochre_toolkit::harness::Harness;
use ochre_toolkit::theme::{Preferences, Store};

fn entries() -> Vec<Entry> {
    let apps = [
        ("Calculator", "calculator", 250),
        ("Files", "folder", 240),
        ("Image Viewer", "image", 160),
        ("Settings", "settings", 300),
        ("Software", "package", 25),
        ("System Monitor", "activity", 200),
        ("Terminal", "square-terminal", 60),
        ("Text Editor", "file-pen-line", 340),
    ];
    apps.iter()
        .map(|(name, symbol, hue)| {
            let text = format!(
                "[Desktop Entry]\nType=Application\nName={name}\nExec=/bin/false\n\
                 X-Ochre-Symbol={symbol}\nX-Ochre-Hue={hue}\n"
            );
            Entry::parse(&name.to_lowercase(), &text).unwrap()
        })
        .collect()
}

fn harness(window: ochre_toolkit::WindowId, theme: &str, size: (u32, u32)) -> Harness<Panel> {
    let look = Store::at(Vec::new(), None)
        .load(theme, &Preferences::default())
        .unwrap();
    let mut panel = Panel::with(entries(), Clock::fixed("10:24", "Sat 21 Nov"));
    let toplevel = |id, title: &str, app: &str, active, minimized| Toplevel {
        id,
        title: title.to_owned(),
        app_id: app.to_owned(),
        active,
        minimized,
    };
    panel.toplevels_changed(&[
        toplevel(1, "Settings", "settings", false, false),
        toplevel(2, "ada@ochre: ~/projects/engine", "terminal", true, false),
        toplevel(3, "notes.md", "text editor", false, true),
    ]);
    let workspace = |id, active| Workspace {
        id,
        name: id.to_string(),
        active,
    };
    panel.workspaces_changed(&[1, 2, 3, 4].map(|id| workspace(id, id == 2)));
    if window == LAUNCHER {
        panel.open();
    }
    let spec = panel
        .windows()
        .into_iter()
        .find(|spec| spec.id == window)
        .unwrap();
    Harness::with_window(panel, spec, look, size, 1.0, Icons::new()).unwrap()
}

fn show(harness: &Harness<Panel>, name: &str) {
    if let Some(directory) = std::env::var_os("OCHRE_PICTURES") {
        harness
            .save(std::path::Path::new(&directory).join(format!("{name}.png")))
            .unwrap();
    }
}

#[test]
fn windows_are_shown_and_put_away() {
    let mut bar = harness(BAR, "ochre-light", (1280, 48));
    show(&bar, "panel-light");
    assert!(bar.click(Role::Button, "Settings"));
    assert!(bar.click(Role::Button, "ada@ochre: ~/projects/engine"));
    assert_eq!(
        bar.commands,
        [Command::ActivateToplevel(1), Command::MinimizeToplevel(2)]
    );
    show(&harness(BAR, "ochre-dark", (1280, 48)), "panel-dark");
}

#[test]
fn without_a_clock_there_is_no_time_to_wake_up_at() {
    let mut bar = harness(BAR, "ochre-light", (1280, 48));
    assert!(bar.find(Role::Label, "10:24").is_some());
    assert!(bar.app.tick(&bar.preferences).is_some());
    bar.preferences.clock = false;
    bar.event(ochre_toolkit::event::Event::PointerLeft);
    assert!(bar.find(Role::Label, "10:24").is_none());
    assert!(bar.app.tick(&bar.preferences).is_none());
}

#[test]
fn workspaces_are_gone_to() {
    let mut bar = harness(BAR, "ochre-light", (1280, 48));
    assert!(bar.click(Role::Button, "Workspace 3"));
    assert_eq!(bar.commands, [Command::ActivateWorkspace(3)]);
}

#[test]
fn the_launcher_is_searched_by_typing() {
    let mut launcher = harness(LAUNCHER, "ochre-light", (720, 620));
    show(&launcher, "launcher-light");
    assert_eq!(launcher.focused().as_deref(), Some("Search applications"));
    launcher.type_text("te");
    show(&launcher, "launcher-search");
    let names = launcher.labels(Role::Label);
    assert!(names.contains(&"Terminal".to_owned()) && names.contains(&"Text Editor".to_owned()));
    assert!(!names.contains(&"Files".to_owned()));
    launcher.type_text("zzz");
    assert!(launcher.find(Role::Label, "Nothing found").is_some());
    launcher.press(Key::Escape, Modifiers::default());
    assert!(
        launcher.find(Role::Button, "Files").is_some(),
        "Escape clears the search first"
    );
    show(
        &harness(LAUNCHER, "ochre-dark", (720, 620)),
        "launcher-dark",
    );
}

#[test]
fn pressing_beside_the_launcher_closes_it_and_on_it_does_not() {
    let mut launcher = harness(LAUNCHER, "ochre-light", (900, 620));
    let press = |launcher: &mut Harness<Panel>, x: f32, y: f32| {
        use ochre_toolkit::event::{Button, Event};
        launcher.point(x, y);
        launcher.event(Event::PointerPressed {
            button: Button::Left,
            time_ms: 1,
        });
        launcher.event(Event::PointerReleased {
            button: Button::Left,
        });
    };
    press(&mut launcher, 300.0, 560.0);
    assert_eq!(launcher.app.windows().len(), 2);
    press(&mut launcher, 880.0, 20.0);
    assert_eq!(launcher.app.windows().len(), 1);
}

#[test]
fn the_keyboard_reaches_every_app() {
    let mut launcher = harness(LAUNCHER, "ochre-light", (720, 620));
    launcher.press(Key::Down, Modifiers::default());
    assert_eq!(launcher.focused().as_deref(), Some("Calculator"));
    launcher.press(Key::Tab, Modifiers::default());
    assert_eq!(launcher.focused().as_deref(), Some("Files"));
    launcher.press(
        Key::Tab,
        Modifiers {
            shift: true,
            ..Modifiers::default()
        },
    );
    assert_eq!(launcher.focused().as_deref(), Some("Calculator"));
}
