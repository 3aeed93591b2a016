//! Which contacts are palms.
//!
//! A contact is judged where it begins: at the pad's left and right edges rests a palm, and so it does
//! while its hand types. A palm at an edge that moves well into the pad was a finger after all; one
//! that came while typing stays one until it is lifted, as does one that the pad itself calls so or
//! that is broad.

use std::time::Duration;

use crate::touchpad::{Contact, Pad};

/// How far the edges reach, at most, in millimetres and as a share of the pad.
const EDGE: f64 = 8.0;
const EDGE_SHARE: f64 = 0.08;
/// How far a contact moves in from an edge before it is a finger.
const ENTRY: f64 = 5.0;
/// How long after a key the hand still types.
const TYPING: Duration = Duration::from_millis(300);
/// Broader than any finger, in millimetres.
const BROAD: f64 = 30.0;

/// What a contact was judged to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// A finger.
    Finger,
    /// A palm, unless it moves in.
    AtEdge,
    /// A palm.
    Palm,
}

/// Judges a contact that begins.
pub(crate) fn judge(
    contact: &Contact,
    pad: &Pad,
    typed: Option<Duration>,
    time: Duration,
) -> Judgement {
    let edge = EDGE.min(pad.width * EDGE_SHARE);
    if is_broad(contact) || typed.is_some_and(|typed| time < typed + TYPING) {
        Judgement::Palm
    } else if contact.x < edge || contact.x > pad.width - edge {
        Judgement::AtEdge
    } else {
        Judgement::Finger
    }
}

/// Judges a contact again that has moved from where it began.
pub(crate) fn judge_again(before: Judgement, contact: &Contact, began: (f64, f64)) -> Judgement {
    match before {
        _ if is_broad(contact) => Judgement::Palm,
        Judgement::AtEdge if (contact.x - began.0).abs() > ENTRY => Judgement::Finger,
        before => before,
    }
}

fn is_broad(contact: &Contact) -> bool {
    contact.palm || contact.breadth > BROAD
}
