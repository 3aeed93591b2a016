//! One layout: look-ups under all real modifiers, key events, and the text format both ways.

use crate::Report;
use c::xkb as cx;
use ours::xkb as ox;

/// long s, micro, dotless i, kai
const NEWER_CAPITALS: [u32; 4] = [0x100_017f, 0xb5, 0x2b9, 0x100_03d7];

pub fn compare(report: &mut Report, layout: &str, variant: &str) {
    let c_context = cx::Context::new(0);
    let o_context = ox::Context::new(0);
    let a = cx::Keymap::new_from_names(&c_context, "", "", layout, variant, None, 0);
    let b = ox::Keymap::new_from_names(&o_context, "", "", layout, variant, None, 0);
    report.check("compiles", a.is_some(), b.is_some(), String::new);
    let (Some(a), Some(b)) = (a, b) else { return };
    compare_maps(report, "", &a, &b);
    walk(report, &a, &b);

    let text = b.get_as_string(ox::KEYMAP_FORMAT_TEXT_V1);
    match cx::Keymap::new_from_string(&c_context, text, cx::KEYMAP_FORMAT_TEXT_V1, 0) {
        Some(read) => compare_maps(report, "our text in libxkbcommon: ", &read, &b),
        None => report.check("our text in libxkbcommon", true, false, String::new),
    }
    let text = a.get_as_string(cx::KEYMAP_FORMAT_TEXT_V1);
    match ox::Keymap::new_from_string(&o_context, text, ox::KEYMAP_FORMAT_TEXT_V1, 0) {
        Some(read) => compare_maps(report, "libxkbcommon's text in ours: ", &a, &read),
        None => report.check("libxkbcommon's text in ours", true, false, String::new),
    }
}

fn compare_maps(report: &mut Report, how: &str, a: &cx::Keymap, b: &ox::Keymap) {
    let kind = |what: &str| format!("{how}{what}");
    report.check(
        &kind("layouts"),
        a.num_layouts(),
        b.num_layouts(),
        String::new,
    );
    for i in 0..a.num_layouts() {
        report.check(
            &kind("layout name"),
            a.layout_get_name(i),
            b.layout_get_name(i),
            String::new,
        );
    }
    for led in ["Caps Lock", "Num Lock", "Scroll Lock"] {
        report.check(
            &kind("led"),
            a.led_get_index(led),
            b.led_get_index(led),
            || led.to_owned(),
        );
    }
    let mut x = cx::State::new(a);
    let mut y = ox::State::new(b);
    for layout in 0..a.num_layouts().max(2) {
        for mods in 0..256 {
            x.update_mask(mods, 0, 0, 0, 0, layout);
            y.update_mask(mods, 0, 0, 0, 0, layout);
            for code in 8..256 {
                look_up(report, how, &x, &y, code, || {
                    format!("key {code} layout {layout} mods {mods:#x}")
                });
            }
        }
    }
    for code in 8..256u32 {
        let key = code.into();
        report.check(
            &kind("repeats"),
            a.key_repeats(key),
            b.key_repeats(key),
            || format!("key {code}"),
        );
    }
}

fn look_up(
    report: &mut Report,
    how: &str,
    x: &cx::State,
    y: &ox::State,
    code: u32,
    at: impl Fn() -> String,
) {
    let key = code.into();
    let raw = |syms: &[cx::Keysym]| syms.iter().map(|s| s.raw()).collect::<Vec<_>>();
    let kind = |what: &str| format!("{how}{what}");
    report.check(
        &kind("syms"),
        raw(x.key_get_syms(key)),
        raw(y.key_get_syms(key)),
        &at,
    );
    // Newer Unicode tables know capitals that libxkbcommon 1.5 doesn't, and it gives MICRO SIGN a
    // capital of the wrong encoding.
    if let [sym] = y.key_get_syms(key)
        && NEWER_CAPITALS.contains(&sym.raw())
    {
        return;
    }
    report.check(
        &kind("one sym"),
        x.key_get_one_sym(key).raw(),
        y.key_get_one_sym(key).raw(),
        &at,
    );
    report.check(&kind("utf8"), x.key_get_utf8(key), y.key_get_utf8(key), &at);
    report.check(
        &kind("utf32"),
        x.key_get_utf32(key),
        y.key_get_utf32(key),
        &at,
    );
    report.check(
        &kind("layout"),
        x.key_get_layout(key),
        y.key_get_layout(key),
        &at,
    );
    if !x.key_get_syms(key).is_empty() {
        report.check(
            &kind("level"),
            x.key_get_level(key, 0),
            y.key_get_level(key, 0),
            &at,
        );
        report.check(
            &kind("consumed"),
            x.key_get_consumed_mods(key) & 0xff,
            y.key_get_consumed_mods(key),
            &at,
        );
    }
}

/// Presses and releases keys, modifiers more often than others, by a fixed pseudo-random order.
fn walk(report: &mut Report, a: &cx::Keymap, b: &ox::Keymap) {
    const MODIFIERS: [u32; 12] = [37, 50, 62, 64, 66, 77, 78, 92, 94, 105, 108, 133];
    let mut x = cx::State::new(a);
    let mut y = ox::State::new(b);
    let mut held: Vec<u32> = Vec::new();
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for step in 0..4000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let random = (seed >> 20) as usize;
        let release = held.len() > 3 || (random & 1 == 0 && !held.is_empty());
        let code = if release {
            held.swap_remove(random / 2 % held.len())
        } else if random & 2 == 0 {
            MODIFIERS[random / 4 % MODIFIERS.len()]
        } else {
            8 + (random / 4 % 247) as u32
        };
        if !release {
            if held.contains(&code) {
                continue;
            }
            held.push(code);
        }
        look_up(report, "walk: ", &x, &y, code, || {
            format!("step {step} key {code}")
        });
        let (p, q) = if release {
            (
                x.update_key(code.into(), cx::KeyDirection::Up),
                y.update_key(code.into(), ox::KeyDirection::Up),
            )
        } else {
            (
                x.update_key(code.into(), cx::KeyDirection::Down),
                y.update_key(code.into(), ox::KeyDirection::Down),
            )
        };
        let at = || {
            format!(
                "step {step} key {code} {}",
                if release { "up" } else { "down" }
            )
        };
        report.check("walk: changes", p, q, at);
        for component in [1, 2, 4, 8] {
            report.check(
                &format!("walk: mods {component}"),
                x.serialize_mods(component) & 0xff,
                y.serialize_mods(component) & 0xff,
                at,
            );
        }
        for component in [16, 32, 64, 128] {
            report.check(
                &format!("walk: layout {component}"),
                x.serialize_layout(component),
                y.serialize_layout(component),
                at,
            );
        }
        for led in ["Caps Lock", "Num Lock", "Scroll Lock"] {
            report.check(
                "walk: led",
                x.led_name_is_active(led),
                y.led_name_is_active(led),
                at,
            );
        }
    }
}
