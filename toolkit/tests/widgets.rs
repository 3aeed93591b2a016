//! Every widget in one window, operated by pointer and keyboard.

use accesskit::{Role, Toggled};
use ochre_toolkit::app::{Command, Context};
use ochre_toolkit::event::{Button as PointerButton, Event, Key, Modifiers};
use ochre_toolkit::harness::Harness;
use ochre_toolkit::theme::{Preferences, Theme};
use ochre_toolkit::widget::{Button, Label, Look, Slider, TextField, Toggle, card, segmented};
use ochre_toolkit::{App, Element, Icons, WindowId, WindowKind, WindowSpec};

#[derive(Clone, Debug)]
enum Message {
    Pressed,
    Turned,
    Typed(String),
    Slid(f32),
    Chose(bool),
}

#[derive(Default)]
struct Gallery {
    presses: u32,
    on: bool,
    text: String,
    value: f32,
    second: bool,
}

impl App for Gallery {
    type Message = Message;

    fn windows(&self) -> Vec<WindowSpec> {
        vec![WindowSpec {
            id: WindowId(0),
            title: "Gallery".to_owned(),
            kind: WindowKind::Toplevel {
                app_id: "gallery".to_owned(),
                width: 400,
                height: 300,
                min_width: 100,
                min_height: 100,
            },
            transparent: false,
        }]
    }

    fn update(&mut self, message: Message, _: &mut Context) {
        match message {
            Message::Pressed => self.presses += 1,
            Message::Turned => self.on = !self.on,
            Message::Typed(text) => self.text = text,
            Message::Slid(value) => self.value = value,
            Message::Chose(second) => self.second = second,
        }
    }

    fn view(&self, _: WindowId, _: &Theme, _: &Preferences) -> Element<Message> {
        let rows = (0..40).map(|at| {
            let label = format!("Row {at}");
            Element::new(Button::new(label, Message::Pressed).look(Look::Row))
        });
        Element::column([
            Element::new(Label::title(format!("Pressed {} times", self.presses))),
            Element::row([
                Element::new(Button::new("Press", Message::Pressed)),
                Element::new(Button::new("Never", Message::Pressed).enabled(false)),
            ])
            .gap(8.0),
            Element::new(Toggle::new("Turn", self.on, Message::Turned)),
            Element::new(TextField::new("Text", self.text.as_str(), Message::Typed)),
            Element::new(Slider::new(
                "Slide",
                self.value,
                (0.0, 1.0),
                0.1,
                Message::Slid,
            )),
            segmented([
                (
                    "First".to_owned(),
                    None,
                    !self.second,
                    Message::Chose(false),
                ),
                ("Second".to_owned(), None, self.second, Message::Chose(true)),
            ]),
            card(rows).scroll().grow(1.0),
        ])
        .padding(10.0)
        .gap(6.0)
    }
}

fn gallery(scale: f32) -> Harness<Gallery> {
    let theme = Theme::parse("mode = 'light'", "test").unwrap();
    let window = Gallery::default().windows().remove(0);
    let icons = Icons::at("/nonexistent".into());
    Harness::with_window(Gallery::default(), window, theme, (400, 420), scale, icons).unwrap()
}

#[test]
fn the_pointer_operates_everything() {
    for scale in [1.0, 1.25, 2.0] {
        let mut gallery = gallery(scale);
        assert!(gallery.click(Role::Button, "Press"));
        gallery.click(Role::Button, "Never");
        gallery.click(Role::Switch, "Turn");
        gallery.click(Role::Slider, "Slide");
        gallery.click(Role::RadioButton, "Second");
        let app = &gallery.app;
        assert_eq!(
            (app.presses, app.on, app.second),
            (1, true, true),
            "at {scale}"
        );
        assert!((app.value - 0.5).abs() < 0.01);
        let toggle = gallery.find(Role::Switch, "Turn").unwrap();
        assert_eq!(toggle.toggled(), Some(Toggled::True));
    }
}

#[test]
fn a_release_elsewhere_presses_nothing() {
    let mut gallery = gallery(1.0);
    gallery.point_at(Role::Button, "Press");
    gallery.event(Event::PointerPressed {
        button: PointerButton::Left,
        time_ms: 0,
    });
    gallery.point(399.0, 419.0);
    gallery.event(Event::PointerReleased {
        button: PointerButton::Left,
    });
    assert_eq!(gallery.app.presses, 0);
}

#[test]
fn the_keyboard_operates_everything() {
    let mut gallery = gallery(1.0);
    let plain = Modifiers::default();
    gallery.press(Key::Tab, plain);
    assert_eq!(gallery.focused().as_deref(), Some("Press"));
    gallery.press(Key::Enter, plain);
    gallery.press(Key::Tab, plain);
    assert_eq!(
        gallery.focused().as_deref(),
        Some("Turn"),
        "what is disabled is passed over"
    );
    gallery.press(Key::Character(' '), plain);
    gallery.press(Key::Tab, plain);
    gallery.type_text("grüß dich");
    gallery.press(Key::Tab, plain);
    gallery.press(Key::Right, plain);
    gallery.press(Key::Right, plain);
    let app = &gallery.app;
    assert_eq!(
        (app.presses, app.on, app.text.as_str()),
        (1, true, "grüß dich")
    );
    assert!((app.value - 0.2).abs() < 0.01);
}

/// Where pictures go, to be looked at; nowhere unless asked.
fn show(gallery: &Harness<Gallery>, name: &str) {
    if let Some(directory) = std::env::var_os("OCHRE_PICTURES") {
        gallery
            .save(std::path::Path::new(&directory).join(format!("{name}.png")))
            .unwrap();
    }
}

#[test]
fn every_theme_shows_the_focus() {
    for mode in ["light", "dark"] {
        let mut gallery = gallery(2.0);
        gallery.set_theme(Theme::parse(&format!("mode = '{mode}'"), "test").unwrap());
        for name in ["press", "turn", "text", "slide"] {
            let before = gallery.picture().clone();
            gallery.press(Key::Tab, Modifiers::default());
            if name == "text" {
                gallery.type_text("Select this");
                gallery.press(
                    Key::Left,
                    Modifiers {
                        shift: true,
                        control: true,
                        ..Modifiers::default()
                    },
                );
            }
            show(&gallery, &format!("gallery-{mode}-{name}"));
            assert!(before != *gallery.picture(), "{name} shows no focus");
        }
    }
}

#[test]
fn focus_scrolls_into_sight_and_wheels_scroll() {
    let mut gallery = gallery(1.0);
    for _ in 0..20 {
        gallery.press(Key::Tab, Modifiers::default());
    }
    let focused = gallery.focused().unwrap();
    let bounds = gallery
        .find(Role::Button, &focused)
        .unwrap()
        .bounds()
        .unwrap();
    assert!(
        focused.starts_with("Row") && bounds.y1 <= 420.0,
        "{focused} at {bounds:?}"
    );
    gallery.point(200.0, 400.0);
    let before = gallery
        .find(Role::Button, "Row 0")
        .unwrap()
        .bounds()
        .unwrap();
    gallery.event(Event::Scrolled {
        dx: 0.0,
        dy: -10_000.0,
    });
    let after = gallery
        .find(Role::Button, "Row 0")
        .unwrap()
        .bounds()
        .unwrap();
    assert!(after.y0 > before.y0);
}

#[test]
fn text_is_copied_and_pasted() {
    let mut gallery = gallery(1.0);
    let control = Modifiers {
        control: true,
        ..Modifiers::default()
    };
    gallery.click(Role::TextInput, "Text");
    gallery.type_text("twice");
    gallery.press(Key::Character('a'), control);
    gallery.press(Key::Character('c'), control);
    assert!(
        gallery
            .commands
            .contains(&Command::Copy("twice".to_owned()))
    );
    gallery.press(Key::End, Modifiers::default());
    gallery.press(Key::Character('v'), control);
    assert_eq!(gallery.app.text, "twicetwice");
}

#[test]
fn redrawing_the_damage_is_redrawing_all() {
    let mut gallery = gallery(1.5);
    gallery.click(Role::Switch, "Turn");
    gallery.click(Role::TextInput, "Text");
    gallery.type_text("pixels");
    gallery.point_at(Role::Button, "Row 2");
    gallery.event(Event::Scrolled { dx: 0.0, dy: 60.0 });
    gallery.press(Key::Tab, Modifiers::default());
    let kept = gallery.picture().clone();
    let theme = Theme::parse("mode = 'light'", "test").unwrap();
    gallery.set_theme(theme);
    assert!(kept == *gallery.picture(), "the damage left something out");
}
