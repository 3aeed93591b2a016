//! Recorded touches and what they mean. A line is a report: milliseconds, `down` if the pad is
//! pressed, and for each contact its id and its place in millimetres on a pad of 100 by 60.

use std::time::Duration;

use ochre_pointer::{Contact, Meaning, Pad, Report, Touchpad};

const PAD: Pad = Pad {
    width: 100.0,
    height: 60.0,
};

fn time_of(word: &str) -> Duration {
    Duration::from_millis(word.parse().unwrap())
}

/// Plays a recording; `key` lines are key presses, `wait` lines let time pass.
fn play(recording: &str) -> Vec<String> {
    let mut touchpad = Touchpad::new(PAD, 0.0);
    let mut out = Vec::new();
    for line in recording
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let time = time_of(words.next().unwrap());
        let mut report = Report::default();
        let mut meanings = Vec::new();
        let mut reported = true;
        for word in words {
            match word {
                "key" => {
                    touchpad.typed(time);
                    reported = false;
                }
                "wait" => {
                    meanings = touchpad.expire(time);
                    reported = false;
                }
                "down" => report.pressed = true,
                contact => {
                    let (id, place) = contact.split_once('@').unwrap();
                    let (x, y) = place.split_once(',').unwrap();
                    report.contacts.push(Contact {
                        id: id.parse().unwrap(),
                        x: x.parse().unwrap(),
                        y: y.parse().unwrap(),
                        breadth: 0.0,
                        palm: false,
                    });
                }
            }
        }
        if reported {
            meanings = touchpad.report(&report, time);
        }
        out.extend(meanings.iter().map(told));
    }
    out
}

/// A meaning without the exact pixels, but with their direction.
fn told(meaning: &Meaning) -> String {
    let way = |dx: f64, dy: f64| {
        let name = |value: f64, less, more| match value {
            value if value < 0.0 => less,
            value if value > 0.0 => more,
            _ => "",
        };
        format!("{}{}", name(dy, "up", "down"), name(dx, "left", "right"))
    };
    match meaning {
        Meaning::Motion { dx, dy } => format!("motion {}", way(*dx, *dy)),
        Meaning::Scroll { dx, dy } if (*dx, *dy) == (0.0, 0.0) => "scroll end".into(),
        Meaning::Scroll { dx, dy } => format!("scroll {}", way(*dx, *dy)),
        Meaning::Swipe { dx, dy } => format!("swipe {}", way(*dx, *dy)),
        Meaning::Pinch { scale, .. } if *scale > 1.0 => "pinch out".into(),
        Meaning::Pinch { .. } => "pinch in".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn one_finger_moves_the_pointer() {
    let out = play("0 1@50,30\n 10 1@52,30\n 20 1@54,31\n 30");
    assert_eq!(out, ["motion right", "motion downright"]);
}

#[test]
fn a_finger_at_rest_trembles_without_moving_anything() {
    let out = play("0 1@50,30\n 300 1@50.1,30\n 310 1@50,30.1\n 320 1@50.1,30.1\n 330");
    assert_eq!(
        out,
        ["HoldBegin { fingers: 1 }", "HoldEnd { cancelled: false }"]
    );
}

#[test]
fn taps_of_one_two_and_three_fingers() {
    let out = play("0 1@50,30\n 80\n 300 wait");
    assert_eq!(out, ["Button(Left, true)", "Button(Left, false)"]);
    let out = play("0 1@40,30\n 10 1@40,30 2@60,30\n 80 2@60,30\n 90\n 300 wait");
    assert_eq!(out, ["Button(Right, true)", "Button(Right, false)"]);
    let out = play("0 1@40,30 2@60,30 3@50,20\n 80\n 300 wait");
    assert_eq!(out, ["Button(Middle, true)", "Button(Middle, false)"]);
}

#[test]
fn a_long_touch_is_no_tap() {
    let out = play("0 1@50,30\n 400 1@50,30\n 410\n 900 wait");
    assert!(
        !out.iter().any(|what| what.starts_with("Button")),
        "{out:?}"
    );
}

#[test]
fn two_taps_are_a_double_click() {
    let out = play("0 1@50,30\n 60\n 140 1@50,30\n 200\n 500 wait");
    assert_eq!(
        out,
        [
            "Button(Left, true)",
            "Button(Left, false)",
            "Button(Left, true)",
            "Button(Left, false)"
        ]
    );
}

#[test]
fn a_tap_and_a_move_drag() {
    let out = play("0 1@50,30\n 60\n 140 2@50,30\n 160 2@54,30\n 170 2@58,30\n 400 2@58,30\n 410");
    assert_eq!(
        out,
        [
            "Button(Left, true)",
            "motion right",
            "motion right",
            "Button(Left, false)"
        ]
    );
}

#[test]
fn two_fingers_scroll_and_content_follows_them() {
    let out = play(
        "0 1@40,30 2@60,30\n 10 1@40,32 2@60,32\n 20 1@40,34 2@60,34\n 30 1@40,35 2@60,35\n 40",
    );
    assert_eq!(out, ["scroll up", "scroll up", "scroll end"]);
}

#[test]
fn two_fingers_apart_pinch() {
    let out = play(
        "0 1@45,30 2@55,30\n 10 1@43,30 2@57,30\n 20 1@40,30 2@60,30\n 30 1@44,30 2@56,30\n 40",
    );
    assert_eq!(
        out,
        [
            "PinchBegin { fingers: 2 }",
            "pinch out",
            "pinch out",
            "PinchEnd"
        ]
    );
}

#[test]
fn three_fingers_swipe() {
    let out = play(
        "0 1@40,30 2@50,30 3@60,30\n 10 1@36,30 2@46,30 3@56,30\n 20 1@32,30 2@42,30 3@52,30\n 30",
    );
    assert_eq!(out, ["SwipeBegin { fingers: 3 }", "swipe left", "SwipeEnd"]);
}

#[test]
fn fingers_that_rest_longer_than_a_tap_hold() {
    let out = play("0 1@40,30 2@60,30\n 179 wait\n 180 wait\n 900 1@40,30 2@60,30\n 910");
    assert_eq!(
        out,
        ["HoldBegin { fingers: 2 }", "HoldEnd { cancelled: false }"]
    );
    // Another finger begins anew.
    let out = play("0 1@40,30\n 100 1@40,30 2@60,30\n 200 wait\n 280 wait\n 290");
    assert_eq!(
        out,
        ["HoldBegin { fingers: 2 }", "HoldEnd { cancelled: false }"]
    );
}

#[test]
fn what_comes_of_a_hold_ends_it_first() {
    let out = play(
        "0 1@40,30 2@50,30 3@60,30\n 200 wait\n 210 1@36,30 2@46,30 3@56,30\n 220 1@32,30 2@42,30 3@52,30\n 900 wait\n 910",
    );
    assert_eq!(
        out,
        [
            "HoldBegin { fingers: 3 }",
            "HoldEnd { cancelled: true }",
            "SwipeBegin { fingers: 3 }",
            "swipe left",
            "SwipeEnd"
        ]
    );
    let out = play("0 1@50,30\n 200 wait\n 210 1@54,30\n 900 wait\n 910");
    assert_eq!(
        out[..2],
        ["HoldBegin { fingers: 1 }", "HoldEnd { cancelled: true }"]
    );
    assert_eq!(out[2..], ["motion right"]);
    let out = play("0 1@50,30\n 200 wait\n 210 down 1@50,30\n 220 1@50,30\n 900 wait");
    assert_eq!(
        out[1..3],
        ["HoldEnd { cancelled: true }", "Button(Left, true)"]
    );
    assert_eq!(out.len(), 4, "a click is no hold: {out:?}");
}

#[test]
fn what_a_tap_drags_is_no_hold() {
    let out = play("0 1@50,30\n 60\n 140 2@50,30\n 900 wait\n 910");
    assert!(!out.iter().any(|what| what.starts_with("Hold")), "{out:?}");
}

#[test]
fn pressing_the_pad_clicks_by_the_count_of_fingers() {
    let out = play("0 1@50,30\n 50 down 1@50,30\n 150 1@50,30\n 160\n 500 wait");
    assert_eq!(
        out,
        ["Button(Left, true)", "Button(Left, false)"],
        "and no tap"
    );
    let out = play("0 1@40,30 2@60,30\n 50 down 1@40,30 2@60,30\n 150\n 500 wait");
    assert_eq!(out, ["Button(Right, true)", "Button(Right, false)"]);
}

#[test]
fn a_palm_at_the_edge_is_nothing_until_it_comes_in() {
    assert!(play("0 1@2,30\n 50 1@3,33\n 100\n 500 wait").is_empty());
    let out = play("0 1@2,30\n 20 1@5,30\n 40 1@9,30\n 60 1@14,30\n 80 1@20,30\n 90");
    assert!(
        !out.is_empty() && out.iter().all(|what| what == "motion right"),
        "{out:?}"
    );
}

#[test]
fn what_touches_while_typing_is_a_palm_until_lifted() {
    let out = play("0 key\n 100 1@50,30\n 150\n 200 2@50,30\n 700 2@60,30\n 800 2@70,30\n 810");
    assert!(out.is_empty(), "{out:?}");
    let out = play("0 key\n 400 1@50,30\n 450\n 900 wait");
    assert_eq!(out.len(), 2, "later it is a tap");
}

#[test]
fn a_finger_that_is_lifted_from_two_does_not_throw_the_pointer() {
    let out = play("0 1@20,30 2@80,30\n 200 1@20,30 2@80,30\n 210 2@80,30\n 220 2@80,30\n 230");
    assert_eq!(
        out,
        ["HoldBegin { fingers: 2 }", "HoldEnd { cancelled: true }"]
    );
}

#[test]
fn numbers_that_are_none_are_not_believed() {
    assert!(play("0 1@NaN,30\n 10 1@50,inf\n 20 1@NaN,NaN\n 300").is_empty());
}
