//! What a device is, by what it can report.

use std::{collections::BTreeMap, io};

use evdev::{AbsoluteAxisCode, KeyCode, PropType, raw_stream::RawDevice};

use super::{
    gather::Range,
    hands::Axis,
    pen::{Axes, Track},
};

/// A device, with the axes that matter.
pub(super) enum Kind {
    /// Fingers on what they point at.
    TouchScreen(Axis, Axis),
    /// Fingers beside it.
    Touchpad(Axis, Axis),
    /// Tools that are known by their kind, and whether they point at what they are on.
    Tablet(Axes, bool),
    /// Keys, a mouse, or a pointer that says where it is.
    Plain(Option<(Range, Range)>),
}

impl Kind {
    pub(super) fn of(device: &RawDevice) -> io::Result<Self> {
        let tracks = tracks(device)?;
        let track = |axis: AbsoluteAxisCode| tracks.get(&axis.0).copied();
        let axis = |axis| track(axis).map(|track| track.axis);
        let knows = |key| {
            device
                .supported_keys()
                .is_some_and(|keys| keys.contains(key))
        };
        let direct = device.properties().contains(PropType::DIRECT);
        let slots = track(AbsoluteAxisCode::ABS_MT_SLOT).is_some();
        let fingers = axis(AbsoluteAxisCode::ABS_MT_POSITION_X)
            .zip(axis(AbsoluteAxisCode::ABS_MT_POSITION_Y))
            .filter(|_| slots && (direct || knows(KeyCode::BTN_TOOL_FINGER)));
        if let Some((x, y)) = fingers {
            return Ok(match direct {
                true => Kind::TouchScreen(x, y),
                false => Kind::Touchpad(x, y),
            });
        }
        if knows(KeyCode::BTN_TOOL_PEN)
            && let Some(axes) = Axes::of(track)
        {
            return Ok(Kind::Tablet(axes, direct));
        }
        let range = |code| axis(code).map(Range::of);
        let (x, y) = (AbsoluteAxisCode::ABS_X, AbsoluteAxisCode::ABS_Y);
        Ok(Kind::Plain(range(x).zip(range(y))))
    }
}

/// The absolute axes of a device, by their codes.
fn tracks(device: &RawDevice) -> io::Result<BTreeMap<u16, Track>> {
    if device.supported_absolute_axes().is_none() {
        return Ok(BTreeMap::new());
    }
    let infos = device.get_absinfo()?;
    let tracks = infos.map(|(code, info)| {
        let axis = Axis {
            low: info.minimum(),
            high: info.maximum(),
            resolution: info.resolution(),
        };
        let value = info.value();
        (code.0, Track { axis, value })
    });
    Ok(tracks.collect())
}
