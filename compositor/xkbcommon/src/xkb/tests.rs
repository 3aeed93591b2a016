//! What a keyboard's user would notice. Layout by layout against libxkbcommon: see `oracle/`.

use super::*;

fn keymap(layout: &str, variant: &str) -> Keymap {
    let context = Context::new(CONTEXT_NO_ENVIRONMENT_NAMES);
    Keymap::new_from_names(
        &context,
        "",
        "",
        layout,
        variant,
        None,
        KEYMAP_COMPILE_NO_FLAGS,
    )
    .expect("xkb-data is installed")
}

/// evdev's keys, as X11 numbers them.
fn code(name: &str) -> Keycode {
    Keycode::new(match name {
        "q" => 24,
        "a" => 38,
        "c" => 54,
        "left shift" => 50,
        "control" => 37,
        "caps lock" => 66,
        "num lock" => 77,
        "keypad 7" => 79,
        "altgr" => 108,
        _ => panic!("no key {name}"),
    })
}

fn press(state: &mut State, name: &str) -> StateComponent {
    state.update_key(code(name), KeyDirection::Down)
}

fn release(state: &mut State, name: &str) -> StateComponent {
    state.update_key(code(name), KeyDirection::Up)
}

#[test]
fn shift_lasts_while_one_of_its_keys_is_held() {
    let mut state = State::new(&keymap("us", ""));
    assert_eq!(state.key_get_utf8(code("a")), "a");
    assert_eq!(
        press(&mut state, "left shift"),
        STATE_MODS_DEPRESSED | STATE_MODS_EFFECTIVE
    );
    state.update_key(Keycode::new(62), KeyDirection::Down); // the right one too
    release(&mut state, "left shift");
    assert_eq!(state.key_get_utf8(code("a")), "A");
    assert!(state.mod_name_is_active(MOD_NAME_SHIFT, STATE_MODS_EFFECTIVE));
    state.update_key(Keycode::new(62), KeyDirection::Up);
    assert_eq!(state.key_get_utf8(code("a")), "a");
}

#[test]
fn locks_toggle_and_light_their_led() {
    let mut state = State::new(&keymap("us", ""));
    for on in [true, false] {
        press(&mut state, "caps lock");
        release(&mut state, "caps lock");
        assert_eq!(state.led_name_is_active(LED_NAME_CAPS), on);
        assert_eq!(state.key_get_utf8(code("a")), if on { "A" } else { "a" });
    }
    press(&mut state, "num lock");
    assert!(state.led_name_is_active(LED_NAME_NUM));
    assert_eq!(state.key_get_one_sym(code("keypad 7")), Keysym::KP_7);
}

#[test]
fn control_gives_control_characters_whatever_the_layout() {
    for layout in ["us", "gr", "ru"] {
        let layouts = format!("{layout},us");
        let mut state = State::new(&keymap(&layouts, ""));
        press(&mut state, "control");
        assert_eq!(state.key_get_utf8(code("c")), "\u{3}", "{layout}");
    }
}

#[test]
fn altgr_reaches_the_third_level_and_is_used_up_by_it() {
    let mut state = State::new(&keymap("de", ""));
    press(&mut state, "altgr");
    assert_eq!(state.key_get_utf8(code("q")), "@");
    let index = state.get_keymap().mod_get_index(MOD_NAME_ISO_LEVEL3_SHIFT);
    assert!(state.mod_index_is_consumed(code("q"), index));
}

#[test]
fn a_client_that_reads_the_text_sees_the_same_keyboard() {
    let original = keymap("us,de", ",neo");
    let context = Context::new(CONTEXT_NO_DEFAULT_INCLUDES);
    let text = original.get_as_string(KEYMAP_FORMAT_TEXT_V1);
    let copy = Keymap::new_from_string(&context, text, KEYMAP_FORMAT_TEXT_V1, 0).expect("parses");
    assert_eq!(
        copy.layouts().collect::<Vec<_>>(),
        ["English (US)", "German (Neo 2)"]
    );
    let (mut a, mut b) = (State::new(&original), State::new(&copy));
    for layout in 0..2 {
        for mods in 0..256 {
            a.update_mask(mods, 0, 0, 0, 0, layout);
            b.update_mask(mods, 0, 0, 0, 0, layout);
            for key in (8..256).map(Keycode::new) {
                assert_eq!(a.key_get_syms(key), b.key_get_syms(key));
                assert_eq!(a.key_get_consumed_mods(key), b.key_get_consumed_mods(key));
            }
        }
    }
}

#[test]
fn layouts_out_of_range_wrap_around() {
    let mut state = State::new(&keymap("us,fr", ""));
    for (locked, text) in [(0, "q"), (1, "a"), (2, "q"), (u32::MAX, "a")] {
        state.update_mask(0, 0, 0, 0, 0, locked);
        assert_eq!(state.key_get_utf8(code("q")), text, "layout {locked}");
    }
}

#[test]
fn what_is_not_there_is_none() {
    let context = Context::new(CONTEXT_NO_ENVIRONMENT_NAMES);
    let compile = |rules, layout| Keymap::new_from_names(&context, rules, "", layout, "", None, 0);
    assert!(compile("no-such-rules", "us").is_none());
    assert!(compile("", "no-such-layout").is_none());
    let parse = |text: &str| Keymap::new_from_string(&context, text.to_owned(), 1, 0);
    assert!(parse("").is_none());
    assert!(parse("xkb_keymap {").is_none());
    assert!(parse("\0xkb_keymap { };").is_none());

    let keymap = keymap("us", "");
    assert_eq!(keymap.mod_get_index("NoSuchModifier"), MOD_INVALID);
    assert_eq!(keymap.led_get_index("No Such LED"), LED_INVALID);
    let mut state = State::new(&keymap);
    assert_eq!(
        state.update_key(Keycode::new(u32::MAX), KeyDirection::Down),
        0
    );
    assert_eq!(state.key_get_layout(Keycode::new(7)), LAYOUT_INVALID);
    assert!(state.key_get_syms(Keycode::new(7)).is_empty());
}

#[test]
fn a_release_without_a_press_holds_nothing() {
    let mut state = State::new(&keymap("us", ""));
    release(&mut state, "left shift");
    press(&mut state, "left shift");
    release(&mut state, "left shift");
    assert_eq!(state.serialize_mods(STATE_MODS_EFFECTIVE), 0);
}

#[test]
fn a_dead_key_composes_or_cancels() {
    let context = Context::new(CONTEXT_NO_ENVIRONMENT_NAMES);
    let rules = "<dead_acute> <e> : \"é\" eacute\n";
    let table = compose::Table::new_from_buffer(&context, rules, "C", FORMAT_TEXT_V1, 0)
        .expect("the rules are right");
    let mut state = compose::State::new(&table, STATE_NO_FLAGS);

    assert_eq!(state.feed(Keysym::x), FeedResult::Accepted);
    assert_eq!(state.status(), Status::Nothing);
    state.feed(Keysym::dead_acute);
    assert_eq!(state.status(), Status::Composing);
    assert_eq!(state.feed(Keysym::Shift_L), FeedResult::Ignored);
    assert_eq!(state.status(), Status::Composing);
    state.feed(Keysym::e);
    assert_eq!(state.status(), Status::Composed);
    assert_eq!(state.utf8().as_deref(), Some("é"));
    assert_eq!(state.keysym(), Some(Keysym::eacute));

    state.feed(Keysym::dead_acute);
    state.feed(Keysym::x);
    assert_eq!((state.status(), state.utf8()), (Status::Cancelled, None));
}

#[test]
fn a_descriptor_shorter_than_it_claims_is_an_error() {
    let file = std::fs::File::open("/dev/null").expect("/dev/null");
    let context = Context::new(CONTEXT_NO_DEFAULT_INCLUDES);
    assert!(Keymap::new_from_fd(&context, file.into(), 100, KEYMAP_FORMAT_TEXT_V1, 0).is_err());
}
