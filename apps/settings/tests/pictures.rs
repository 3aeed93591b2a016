//! The settings app as a user meets it, without a window system.

use accesskit::Role;
use ochre_settings::Settings;
use ochre_toolkit::app::Command;
use ochre_toolkit::harness::Harness;
use ochre_toolkit::theme::{Preferences, Store};

fn settings(theme: &str) -> Harness<Settings> {
    let store = Store::at(Vec::new(), None);
    let facts = vec![("Kernel".to_owned(), "Ochre 0.1.0".to_owned())];
    let app = Settings::with_store(&store).with_facts(facts);
    let look = store.load(theme, &Preferences::default()).unwrap();
    Harness::new(app, look, 880, 640, 1.0).unwrap()
}

/// Where pictures go, to be looked at; nowhere unless asked.
fn show(harness: &Harness<Settings>, name: &str) {
    if let Some(directory) = std::env::var_os("OCHRE_PICTURES") {
        harness
            .save(std::path::Path::new(&directory).join(format!("{name}.png")))
            .unwrap();
    }
}

#[test]
fn choosing_a_theme_asks_for_it() {
    let mut settings = settings("ochre-light");
    show(&settings, "settings-light");
    assert!(settings.click(Role::Button, "Tidal Dark"));
    let wished = Preferences {
        theme: "tidal-dark".to_owned(),
        ..Preferences::default()
    };
    assert_eq!(settings.commands, [Command::SetPreferences(wished)]);
}

#[test]
fn dark_keeps_the_family() {
    let mut settings = settings("tidal-light");
    settings.preferences.theme = "tidal-light".to_owned();
    assert!(settings.click(Role::RadioButton, "Dark"));
    let wished = Preferences {
        theme: "tidal-dark".to_owned(),
        ..Preferences::default()
    };
    assert_eq!(settings.commands, [Command::SetPreferences(wished)]);
}

#[test]
fn the_about_page_says_what_the_machine_is() {
    let mut settings = settings("ochre-dark");
    show(&settings, "settings-dark");
    assert!(settings.click(Role::Button, "About"));
    show(&settings, "settings-about");
    assert!(settings.find(Role::Label, "Ochre 0.1.0").is_some());
}

#[test]
fn larger_text_and_scale_fit() {
    let store = Store::at(Vec::new(), None);
    for (theme, text_scale, scale) in [
        ("ochre-light", 1.45, 1.0),
        ("tidal-dark", 1.0, 1.5),
        ("high-contrast-light", 1.15, 1.25),
    ] {
        let preferences = Preferences {
            theme: theme.to_owned(),
            text_scale,
            ..Preferences::default()
        };
        let look = store.load(theme, &preferences).unwrap();
        let app = Settings::with_store(&store).with_facts(Vec::new());
        let mut settings = Harness::new(app, look, 880, 1_000, scale).unwrap();
        settings.preferences = preferences;
        settings.point(5.0, 5.0);
        show(&settings, &format!("settings-{theme}-{text_scale}-{scale}"));
        for (role, label) in [
            (Role::Switch, "Reduce motion"),
            (Role::Switch, "Clock"),
            (Role::Slider, "Text size"),
        ] {
            let bounds = settings.find(role, label).unwrap().bounds().unwrap();
            assert!(
                bounds.x1 <= 880.0 * f64::from(scale),
                "{label} stands out of {theme}"
            );
        }
    }
}

#[test]
fn hovering_redraws_little() {
    let mut settings = settings("ochre-light");
    settings.point_at(Role::Button, "About");
    let area = settings.damage.area();
    assert!(area < 220 * 48, "only the entry changes, not {area} pixels");
}
