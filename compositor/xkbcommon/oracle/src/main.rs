//! Holds the Rust `xkbcommon` against libxkbcommon: `cargo run -- [LAYOUT[:VARIANT]]…`, without
//! arguments over every layout and variant that the machine's XKB data lists.
//!
//! For each keymap it compares what every key gives under every set of modifiers, a long random
//! walk of key events, the keymap's text read by the other library, all keysyms, and compose
//! sequences. Prints each kind of difference once with its count; ends with `N passed, N failed`.

use std::collections::BTreeMap;
use std::process::ExitCode;

mod compose;
mod keymap;
mod keysym;

/// Differences by kind: how many, and the first as an example.
#[derive(Default)]
pub struct Report {
    kinds: BTreeMap<String, (u64, String)>,
    checks: u64,
    differences: u64,
}

impl Report {
    pub fn check<T: PartialEq + std::fmt::Debug>(
        &mut self,
        kind: &str,
        c: T,
        ours: T,
        at: impl FnOnce() -> String,
    ) {
        self.checks += 1;
        if c != ours {
            self.differences += 1;
            let example = self
                .kinds
                .entry(kind.to_owned())
                .or_insert_with(|| (0, format!("{}: libxkbcommon {c:?}, ours {ours:?}", at())));
            example.0 += 1;
        }
    }
}

fn main() -> ExitCode {
    let mut layouts: Vec<(String, String)> = std::env::args()
        .skip(1)
        .map(|arg| {
            let (layout, variant) = arg.split_once(':').unwrap_or((&arg, ""));
            (layout.to_owned(), variant.to_owned())
        })
        .collect();
    if layouts.is_empty() {
        layouts = listed();
    }
    let (mut passed, mut failed) = (0, 0);
    let mut finish = |name: &str, report: Report| {
        if report.differences == 0 {
            passed += 1;
            return;
        }
        failed += 1;
        println!(
            "{name}: {} of {} look-ups differ",
            report.differences, report.checks
        );
        for (kind, (count, example)) in report.kinds {
            println!("  {kind} ×{count}, first at {example}");
        }
    };

    let mut report = Report::default();
    keysym::compare(&mut report);
    finish("keysyms", report);
    let mut report = Report::default();
    compose::compare(&mut report);
    finish("compose", report);
    for (layout, variant) in &layouts {
        let mut report = Report::default();
        keymap::compare(&mut report, layout, variant);
        finish(&format!("{layout}({variant})"), report);
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The layouts and variants of evdev.lst, and some in pairs.
fn listed() -> Vec<(String, String)> {
    let list = std::fs::read_to_string("/usr/share/X11/xkb/rules/evdev.lst").expect("xkb-data");
    let mut section = "";
    let mut layouts = Vec::new();
    for line in list.lines() {
        if let Some(name) = line.strip_prefix("! ") {
            section = name;
        } else if section == "layout" {
            if let Some(layout) = line.split_whitespace().next() {
                layouts.push((layout.to_owned(), String::new()));
            }
        } else if section == "variant" {
            let mut words = line.split_whitespace();
            if let (Some(variant), Some(layout)) = (words.next(), words.next()) {
                layouts.push((layout.trim_end_matches(':').to_owned(), variant.to_owned()));
            }
        }
    }
    for pair in ["us,de", "us,gr", "fr,ru", "us,il,ara,jp"] {
        layouts.push((pair.to_owned(), String::new()));
    }
    layouts.retain(|(layout, _)| layout != "custom");
    layouts
}
