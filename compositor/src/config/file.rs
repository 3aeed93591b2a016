//! From a file's text to a [`Config`], or to the first mistake in it.

use std::path::Path;

use smithay::input::keyboard::xkb;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config, ConfigError, Keyboard, NightLight, OutputChoice, Pointing,
    reader::{Reader, Section, number_of},
};
use crate::{
    input::{Action, Bindings, Chord, NoChord},
    output::TURNS,
    render::Extent,
};

/// The tables that a file may have.
const TABLES: [&str; 9] = [
    "keyboard",
    "mouse",
    "touchpad",
    "night-light",
    "animations",
    "cursor",
    "outputs",
    "keys",
    "buttons",
];

impl Config {
    /// Reads a file's text; what it does not say is as it is usually.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let reader = Reader { text, path };
        let table = DeTable::parse(text).map_err(|err| {
            let at = err.span().map_or(0, |span| span.start);
            let fix = syntax_fix(text, at);
            reader.error(at, first_line(err.message()), fix)
        })?;
        let top = reader.section(table.get_ref(), &TABLES)?;
        let mut config = Config {
            animations: top.flag("animations", true)?,
            pointer_by_card: by_card(&top)?,
            ..Config::default()
        };
        let inner = |name: &str| {
            let value = top.get(name);
            value.map(|value| reader.table(name, value)).transpose()
        };
        if let Some(table) = inner("keyboard")? {
            config.keyboard = keyboard(&reader, table)?;
        }
        if let Some(table) = inner("mouse")? {
            let section = reader.section(table, &["speed", "acceleration", "natural-scroll"])?;
            config.mouse = pointing(&section, config.mouse)?;
        }
        if let Some(table) = inner("touchpad")? {
            let keys = ["speed", "acceleration", "natural-scroll", "tap"];
            let section = reader.section(table, &keys)?;
            config.touchpad = pointing(&section, config.touchpad)?;
        }
        if let Some(table) = inner("night-light")? {
            config.night_light = Some(night_light(&reader, table)?);
        }
        for (name, value) in inner("outputs")?.into_iter().flatten() {
            let name: &str = name.get_ref();
            let table = reader.table(&format!("outputs.{name}"), value)?;
            config
                .outputs
                .push((name.to_owned(), output(&reader, table)?));
        }
        if let Some(table) = inner("keys")? {
            bind(&reader, table, Chord::of_keys, &mut config.bindings)?;
        }
        if let Some(table) = inner("buttons")? {
            bind(&reader, table, Chord::of_buttons, &mut config.bindings)?;
        }
        Ok(config)
    }
}

fn by_card(section: &Section<'_, '_, '_>) -> Result<bool, ConfigError> {
    match section.text("cursor", "hardware")? {
        None | Some(("hardware", _)) => Ok(true),
        Some(("software", _)) => Ok(false),
        Some((_, at)) => Err(section.reader.error(
            at,
            "cursor is hardware or software",
            "cursor = \"hardware\"",
        )),
    }
}

fn keyboard(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<Keyboard, ConfigError> {
    let keys = [
        "layout",
        "variant",
        "options",
        "repeat-rate",
        "repeat-delay",
    ];
    let section = reader.section(table, &keys)?;
    let usual = Keyboard::default();
    let layout = section.text("layout", "us,de")?;
    let variant = section.text("variant", ",nodeadkeys")?;
    let options = section.text("options", "caps:escape")?;
    let name = |given: Option<(&str, usize)>, usual: String| {
        given.map_or(usual, |(text, _)| text.to_owned())
    };
    let keyboard = Keyboard {
        layout: name(layout, usual.layout),
        variant: name(variant, usual.variant),
        options: name(options, usual.options),
        repeat_rate: section.whole("repeat-rate", 0..=200, usual.repeat_rate)?,
        repeat_delay: section.whole("repeat-delay", 1..=10_000, usual.repeat_delay)?,
    };
    // A map that cannot be made would be noticed only when it is too late to say where.
    let (names, variants) = (keyboard.layout.as_str(), keyboard.variant.as_str());
    let attempts = [
        (layout, "layout", names, "", ""),
        (variant.or(layout), "variant", names, variants, ""),
        (
            options.or(variant).or(layout),
            "options",
            names,
            variants,
            keyboard.options.as_str(),
        ),
    ];
    for (given, key, layout, variant, options) in attempts {
        let Some((text, at)) = given else { continue };
        if !compiles(layout, variant, options) {
            let shown: String = text.chars().take(40).collect();
            return Err(reader.error(
                at,
                format!("no keyboard {key} is called {shown}"),
                "names as in /usr/share/X11/xkb/rules/evdev.lst, for example layout = \"us,de\", \
                 variant = \",nodeadkeys\", options = \"caps:escape\"",
            ));
        }
    }
    Ok(keyboard)
}

fn compiles(layout: &str, variant: &str, options: &str) -> bool {
    let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
    let options = (!options.is_empty()).then(|| options.to_owned());
    xkb::Keymap::new_from_names(
        &context,
        "",
        "",
        layout,
        variant,
        options,
        xkb::KEYMAP_COMPILE_NO_FLAGS,
    )
    .is_some()
}

fn pointing(section: &Section<'_, '_, '_>, usual: Pointing) -> Result<Pointing, ConfigError> {
    let accelerated = match section.text("acceleration", "adaptive")? {
        None => usual.accelerated,
        Some(("adaptive", _)) => true,
        Some(("flat", _)) => false,
        Some((_, at)) => {
            return Err(section.reader.error(
                at,
                "acceleration is adaptive or flat",
                "acceleration = \"adaptive\"",
            ));
        }
    };
    Ok(Pointing {
        speed: section
            .number("speed", -1.0..=1.0, 0.0)?
            .unwrap_or(usual.speed),
        accelerated,
        natural_scroll: section.flag("natural-scroll", usual.natural_scroll)?,
        tap: section.flag("tap", usual.tap)?,
    })
}

fn night_light(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<NightLight, ConfigError> {
    let section = reader.section(table, &["temperature", "from", "until"])?;
    let kelvin = section.whole("temperature", 1000..=6500, 3700)?;
    let time = |key: &str, example: &str| {
        let Some((text, at)) = section.text(key, example)? else {
            return Ok(None);
        };
        let fix = format!("{key} = \"{example}\"");
        match second_of(text) {
            Some(second) => Ok(Some((second, at))),
            None => Err(reader.error(at, format!("{key} is a time of day"), fix)),
        }
    };
    let (from, until) = (time("from", "20:00")?, time("until", "06:30")?);
    let hours = match (from, until) {
        (None, None) => None,
        (Some((from, _)), Some((until, _))) => Some((from, until)),
        (Some((_, at)), None) => {
            return Err(reader.error(at, "from needs until", "until = \"06:30\""));
        }
        (None, Some((_, at))) => {
            return Err(reader.error(at, "until needs from", "from = \"20:00\""));
        }
    };
    Ok(NightLight {
        kelvin: kelvin.unsigned_abs(),
        hours,
    })
}

/// `HH:MM` in seconds of the day.
fn second_of(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let number = digits.then(|| text.parse::<u32>().ok()).flatten();
        number.filter(|number| *number < below)
    };
    Some((number(hour, 24)? * 60 + number(minute, 60)?) * 60)
}

fn output(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<OutputChoice, ConfigError> {
    let keys = ["on", "mode", "scale", "transform", "position"];
    let section = reader.section(table, &keys)?;
    let mode = match section.text("mode", "1920x1080@60")? {
        None => None,
        Some((text, at)) => Some(mode_of(text).ok_or_else(|| {
            let message = "mode is a size in pixels, and a refresh rate if that matters";
            reader.error(at, message, "mode = \"1920x1080@60\"")
        })?),
    };
    let position = match section.get("position") {
        None => None,
        Some(value) => Some(position_of(value.get_ref()).ok_or_else(|| {
            let message = "position is two whole numbers, to the right and down";
            reader.error(value.span().start, message, "position = [1920, 0]")
        })?),
    };
    let transform = match section.text("transform", "90")? {
        None => None,
        Some((text, at)) => {
            let known = TURNS.iter().find(|(name, _)| *name == text);
            let (_, transform) = known.ok_or_else(|| {
                let names = TURNS.map(|(name, _)| name).join(", ");
                let message = format!("transform is one of {names}");
                reader.error(at, message, "transform = \"90\"")
            })?;
            Some(*transform)
        }
    };
    Ok(OutputChoice {
        on: section.flag("on", true)?,
        mode,
        scale: section.number("scale", 0.5..=8.0, 1.0)?,
        transform,
        position,
    })
}

/// `1920x1080` or `1920x1080@59.94`: the size, and the rate in mHz.
fn mode_of(text: &str) -> Option<((i32, i32), Option<i32>)> {
    let (size, rate) = match text.split_once('@') {
        Some((size, rate)) => (size, Some(rate)),
        None => (text, None),
    };
    let (width, height) = size.split_once('x')?;
    let extent = Extent::new(width.trim().parse().ok()?, height.trim().parse().ok()?)?;
    let rate = match rate {
        Some(rate) => {
            let hertz: f64 = rate.trim().trim_end_matches("Hz").trim_end().parse().ok()?;
            Some(
                (1.0..=1000.0)
                    .contains(&hertz)
                    .then(|| (hertz * 1000.0).round() as i32)?,
            )
        }
        None => None,
    };
    Some((extent.signed(), rate))
}

/// Farther than this no display stands.
const FARTHEST: f64 = 100_000.0;

fn position_of(value: &DeValue<'_>) -> Option<(i32, i32)> {
    let numbers = value.as_array()?;
    let whole = |place: usize| {
        let number = number_of(numbers.get(place)?.get_ref())?;
        (number.fract() == 0.0 && number.abs() <= FARTHEST).then_some(number as i32)
    };
    (numbers.len() == 2).then_some(())?;
    Some((whole(0)?, whole(1)?))
}

/// Adds a table's bindings to those that are built in.
fn bind(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    read: fn(&str) -> Result<Chord, NoChord>,
    bindings: &mut Bindings,
) -> Result<(), ConfigError> {
    let mut bound: Vec<Chord> = Vec::new();
    for (key, value) in table {
        let chord = read(key.get_ref())
            .map_err(|wrong| reader.error(key.span().start, wrong.message, wrong.fix))?;
        if bound.contains(&chord) {
            let message = format!("{chord} is bound twice");
            return Err(reader.error(key.span().start, message, "leave one of the two lines out"));
        }
        bound.push(chord);
        bindings.bind(chord, action(reader, value)?);
    }
    Ok(())
}

fn action(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>) -> Result<Action, ConfigError> {
    let at = value.span().start;
    let words = match value.get_ref() {
        DeValue::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        DeValue::Array(words) => {
            let words = words
                .iter()
                .map(|word| word.get_ref().as_str().map(str::to_owned));
            words.collect::<Option<Vec<String>>>().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if words.is_empty() {
        return Err(reader.error(
            at,
            "an action is text in quotes, or a list of words",
            "\"workspace 2\" or [\"spawn\", \"foot\", \"-e\", \"top\"]; \"none\" for none",
        ));
    }
    Action::from_words(&words).map_err(|wrong| reader.error(at, wrong.message, wrong.fix))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What is probably wrong with a line that is no TOML.
fn syntax_fix(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = first_line(&text[start..]);
    let short: String = line.chars().take(80).collect();
    if let Some((key, value)) = short.split_once('=') {
        let (key, value) = (key.trim(), value.trim());
        if key.contains('+') && !key.starts_with(['"', '\'']) {
            return format!("\"{key}\" = {value}");
        }
        let bare = value.starts_with(|first: char| first.is_alphabetic());
        if bare && !["true", "false"].contains(&value) {
            return format!("{key} = \"{value}\"");
        }
    }
    "a line is  name = \"text\"  or  name = number, and above it stands its [table]".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Modifiers, Trigger};
    use smithay::utils::Transform;

    fn read(text: &str) -> Config {
        Config::parse(text, Path::new("c.toml")).unwrap()
    }

    fn error(text: &str) -> String {
        Config::parse(text, Path::new("c.toml"))
            .unwrap_err()
            .to_string()
    }

    /// The example of docs/compositor.md, which therefore is right.
    fn example() -> &'static str {
        let manual = include_str!("../../../docs/compositor.md");
        let (_, rest) = manual.split_once("```toml\n").unwrap();
        rest.split_once("```").unwrap().0
    }

    #[test]
    fn the_manual_s_example_is_read() {
        let config = read(example());
        assert_eq!(config.keyboard.layout, "us,de");
        assert_eq!(config.mouse.speed, -0.2);
        assert!(!config.mouse.accelerated);
        assert!(!config.touchpad.tap);
        assert_eq!(config.night_light.unwrap().hours, Some((72_000, 23_400)));
        let (name, output) = &config.outputs[0];
        assert_eq!((name.as_str(), output.scale), ("HDMI-A-1", Some(1.5)));
        assert_eq!(output.mode, Some(((2560, 1440), Some(59_950))));
        assert_eq!(output.position, Some((1920, 0)));
        assert_eq!(output.transform, Some(Transform::_90));
    }

    #[test]
    fn nothing_said_is_the_usual() {
        assert_eq!(read(""), Config::default());
    }

    #[test]
    fn bindings_replace_and_remove_the_built_in_ones() {
        let config = read(
            "[keys]\n'Super+Q' = 'none'\n'Super+T' = ['spawn', 'foot', '-e', 'a b']\n\
             'super+1' = 'workspace 3'\n[buttons]\n'Super+Left' = 'close'",
        );
        let of = |text: &str| config.bindings.of(Chord::of_keys(text).unwrap()).cloned();
        assert_eq!(of("Super+Q"), None);
        assert_eq!(of("Super+1"), Some(Action::Workspace(2)));
        let command = ["foot", "-e", "a b"].map(String::from);
        assert_eq!(of("Super+T"), Some(Action::Spawn(command.into())));
        assert_eq!(of("Alt+F4"), Some(Action::Close));
        let left = Chord {
            modifiers: Modifiers {
                logo: true,
                ..Modifiers::default()
            },
            trigger: Trigger::Button(0x110),
        };
        assert_eq!(config.bindings.of(left), Some(&Action::Close));
    }

    #[test]
    fn mistakes_say_where_they_are_and_how_to_mend_them() {
        let cases = [
            (
                "[keys]\n\"Super+T\" = \"spwan foot\"",
                "c.toml:2:13: no action is called spwan\n  fix: \"spawn\"",
            ),
            (
                "[keys]\nSuper+T = \"terminal\"",
                "\n  fix: \"Super+T\" = \"terminal\"",
            ),
            ("[keyboard]\nlayout = us", "\n  fix: layout = \"us\""),
            (
                "[keyboard]\nlayout = \"us,xx\"",
                "c.toml:2:10: no keyboard layout is called us,xx\n",
            ),
            (
                "[keyboard]\nrepeat-rate = 9000",
                "c.toml:2:15: repeat-rate is a number from 0 to 200\n  fix: repeat-rate = 30",
            ),
            (
                "[keyboard]\nrepeat-rate = \"fast\"",
                "repeat-rate must be a number from 0 to 200, and this is of the type string\n",
            ),
            (
                "[kyes]",
                "c.toml:1:2: nothing here is called kyes\n  fix: keys",
            ),
            (
                "[mouse]\ntap = true",
                "c.toml:2:1: nothing here is called tap\n",
            ),
            (
                "keys = 3",
                "c.toml:1:8: keys must be a table, and this is of the type integer\n",
            ),
            (
                "[night-light]\nfrom = \"20:00\"",
                "c.toml:2:8: from needs until\n  fix: until = \"06:30\"",
            ),
            (
                "[night-light]\nfrom = \"25:00\"\nuntil = \"6:00\"",
                "c.toml:2:8: from is a time of day\n  fix: from = \"20:00\"",
            ),
            (
                "[outputs.X]\nmode = \"big\"",
                "c.toml:2:8: mode is a size in pixels",
            ),
            (
                "[outputs.X]\ntransform = \"left\"",
                "c.toml:2:13: transform is one of normal, 90, 180, 270, flipped, flipped-90, flipped-180, flipped-270\n  fix: transform = \"90\"",
            ),
            (
                "[outputs.X]\nposition = [1, 2, 3]",
                "c.toml:2:12: position is two whole numbers",
            ),
            (
                "[keys]\n'Super+A' = 'close'\n'super+a' = 'quit'",
                "Super+A is bound twice\n",
            ),
            (
                "cursor = \"soft\"",
                "c.toml:1:10: cursor is hardware or software\n  fix: cursor = \"hardware\"",
            ),
            (
                "animations = 3",
                "animations must be true or false, and this is of the type integer\n  fix: animations = true",
            ),
        ];
        for (text, said) in cases {
            let error = error(text);
            assert!(error.contains(said), "{text:?} says {error:?}");
        }
    }

    #[test]
    fn hostile_files_are_only_wrong() {
        let deep = format!("a = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
        let long = format!("{} = 1", "k".repeat(100_000));
        let binary = "\0\u{1}\u{feff}é";
        for text in [
            deep.as_str(),
            &long,
            binary,
            "[[keys]]",
            "[keys]\n'' = ''",
            "=",
            "[",
            "é=é",
        ] {
            let said = error(text);
            assert!(said.len() < 2_000, "{} bytes", said.len());
        }
        for time in ["", ":", "1:", "+1:00", "24:00", "1:60", "001:00", "é:00"] {
            assert_eq!(second_of(time), None, "{time}");
        }
        for mode in [
            "", "x", "0x0", "-1x5", "99999x5", "5x5@", "5x5@nan", "5x5@0",
        ] {
            assert_eq!(mode_of(mode), None, "{mode}");
        }
    }
}
