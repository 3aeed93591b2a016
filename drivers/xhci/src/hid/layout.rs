//! What a report descriptor says, as a list of controls and where they are in reports.
//!
//! The descriptor is the device's word. The crate that parses it trusts it in two ways: it makes a
//! field for each control that a count promises, and it panics where a usage has no page. So the
//! counts are bounded before, and the panic is caught.

use crate::hid::codes::{self, Kind, REL_HWHEEL, REL_HWHEEL_HI_RES};
use hidreport::{Field, FieldAttributes, Report, ReportDescriptor, Usage};
use ochre_display::evdev::Description;
use ochre_display::evdev::abi::{
    AbsInfo, EV_ABS, EV_KEY, EV_LED, EV_REL, REL_WHEEL, REL_WHEEL_HI_RES,
};
use std::ops::Range;

/// Applications of one descriptor, each of which becomes a node; the rest is left out.
pub const APPLICATIONS_MAX: usize = 8;
/// Controls of one descriptor, bits of one report, items nested.
const CONTROLS_MAX: u64 = 4096;
const REPORT_BITS_MAX: u64 = 8 * 4096;
const NESTED_MAX: u32 = 16;
/// Usages that a range may name for controls that are bits, and for arrays.
const RANGE_MAX: u32 = 0x400;
const ARRAY_RANGE_MAX: u32 = 0xffff;
/// And all of them together.
const RANGES_MAX: u64 = 4 * 0xffff;

/// Bits of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportBits {
    /// Its number, 0 if reports have none.
    pub report: u8,
    /// Bytes of the report, its number included.
    pub length: usize,
    pub bits: Range<usize>,
    pub largest: u32,
}

impl ReportBits {
    /// Sets the bits to `value`.
    pub fn put(&self, report: &mut [u8], value: u32) {
        for (index, bit) in self.bits.clone().enumerate().take(32) {
            if let Some(byte) = report.get_mut(bit / 8) {
                *byte = *byte & !(1 << (bit % 8)) | ((value >> index & 1) as u8) << (bit % 8);
            }
        }
    }
}

/// The bits as a number; `None` if the report is too short.
pub fn take(report: &[u8], bits: &Range<usize>, signed: bool) -> Option<i32> {
    if bits.is_empty() || bits.len() > 32 || bits.end > report.len() * 8 {
        return None;
    }
    let value = bits.clone().rev().fold(0u32, |value, bit| {
        value << 1 | u32::from(report[bit / 8] >> (bit % 8) & 1)
    });
    let unused = 32 - bits.len() as u32;
    Some(if signed {
        (value << unused) as i32 >> unused
    } else {
        value as i32
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// A key, button or switch.
    Key(u16),
    Relative(u16),
    Absolute(u16),
    /// A wheel: code, fine code, steps of a notch.
    Wheel {
        code: u16,
        fine: u16,
        notch: i32,
    },
    /// Numbers of what is pressed, from `first`.
    Array {
        size: usize,
        first: i32,
        /// Codes by number; 0 for none.
        codes: Vec<u16>,
        /// The number that says that more is pressed than can be told.
        overflow: Vec<i32>,
    },
}

/// A control, and where its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub report: u8,
    pub application: usize,
    pub bits: Range<usize>,
    pub signed: bool,
    pub range: (i32, i32),
    pub control: Control,
}

/// A device of its own.
#[derive(Clone, Debug)]
pub struct Application {
    pub kind: Kind,
    pub description: Description,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    pub application: usize,
    pub code: u16,
    pub bits: ReportBits,
}

/// A resolution multiplier: a feature that makes wheels finer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiplier {
    pub feature: ReportBits,
    pub factor: i32,
    /// The wheels it is for, as indices of items.
    pub wheels: Vec<usize>,
}

/// See the module's header.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub applications: Vec<Application>,
    pub items: Vec<Item>,
    pub leds: Vec<Led>,
    pub multipliers: Vec<Multiplier>,
    /// Reports begin with their number.
    pub numbered: bool,
    /// Bytes of the longest input report.
    pub longest: usize,
    /// There are more applications than are taken.
    pub cut: bool,
}

impl Layout {
    pub fn parse(descriptor: &[u8]) -> Result<Layout, &'static str> {
        check(descriptor)?;
        let parsed = std::panic::catch_unwind(|| ReportDescriptor::try_from(descriptor))
            .map_err(|_| "its report descriptor is broken")?
            .map_err(|_| "its report descriptor is broken")?;
        let mut layout = Layout::default();
        let mut collections = Vec::new();
        for report in parsed.input_reports() {
            layout.numbered |= report.report_id().is_some();
            layout.longest = layout.longest.max(report.size_in_bytes());
            for field in report.fields() {
                layout.add_input(number(report), field, &mut collections);
            }
        }
        for report in parsed.output_reports() {
            for field in report.fields() {
                layout.add_led(report, field, &collections);
            }
        }
        for report in parsed.feature_reports() {
            for field in report.fields() {
                layout.add_multiplier(report, field, &parsed);
            }
        }
        Ok(layout)
    }

    /// The application that a field belongs to; a new one if it is the first.
    fn application(
        &mut self,
        field: &Field,
        known: &mut Vec<hidreport::Collection>,
    ) -> Option<usize> {
        let top = field.collections().first()?;
        if let Some(index) = known.iter().position(|c| c == top) {
            return Some(index);
        }
        let usage = top.usages().first()?;
        let kind = Kind::of(usage.usage_page.into(), usage.usage_id.into())?;
        if self.applications.len() == APPLICATIONS_MAX {
            self.cut = true;
            return None;
        }
        let mut description = Description::default();
        if kind == Kind::Touchscreen {
            const INPUT_PROP_DIRECT: u16 = 1;
            description.properties.insert(INPUT_PROP_DIRECT);
        }
        known.push(top.clone());
        self.applications.push(Application { kind, description });
        Some(self.applications.len() - 1)
    }

    fn add_input(&mut self, report: u8, field: &Field, known: &mut Vec<hidreport::Collection>) {
        let Some((application, kind)) = self
            .application(field, known)
            .map(|index| (index, self.applications[index].kind))
        else {
            return;
        };
        let (control, bits, range) = match field {
            Field::Variable(field) => {
                let relative = field.is_relative();
                let (page, usage) = parts(&field.usage);
                let Some((event, code)) = codes::event(kind, page, usage, relative) else {
                    return;
                };
                let range = (field.logical_minimum.into(), field.logical_maximum.into());
                let control = match (event, code) {
                    (EV_REL, REL_WHEEL) => Control::Wheel {
                        code,
                        fine: REL_WHEEL_HI_RES,
                        notch: 1,
                    },
                    (EV_REL, REL_HWHEEL) => Control::Wheel {
                        code,
                        fine: REL_HWHEEL_HI_RES,
                        notch: 1,
                    },
                    (EV_REL, _) => Control::Relative(code),
                    (EV_ABS, _) => Control::Absolute(code),
                    _ => Control::Key(code),
                };
                (control, field.bits.clone(), range)
            }
            Field::Array(field) => {
                let usages = field.usages();
                let code = |usage: &Usage| {
                    let (page, usage) = parts(usage);
                    let found = codes::event(kind, page, usage, false);
                    found.filter(|(event, _)| *event == EV_KEY)
                };
                let codes: Vec<u16> = usages
                    .iter()
                    .map(|usage| code(usage).map_or(0, |(_, code)| code))
                    .collect();
                if codes.iter().all(|code| *code == 0) {
                    return;
                }
                let first: i32 = field.logical_minimum.into();
                let is_error = |usage: &Usage| matches!(parts(usage), (codes::KEYBOARD, 1..=3));
                let overflow = usages.iter().zip(first..);
                let overflow = overflow.filter(|(usage, _)| is_error(usage));
                let control = Control::Array {
                    size: field.bits.len() / usize::from(field.report_count).max(1),
                    first,
                    codes,
                    overflow: overflow.map(|(_, number)| number).collect(),
                };
                let range = (first, field.logical_maximum.into());
                (control, field.bits.clone(), range)
            }
            Field::Constant(_) => return,
        };
        // A second control of the same kind (another finger's) has no event of its own.
        let again = |item: &Item| item.application == application && item.control == control;
        if !matches!(control, Control::Array { .. }) && self.items.iter().any(again) {
            return;
        }
        self.declare(application, &control, range);
        self.items.push(Item {
            report,
            application,
            bits,
            signed: range.0 < 0,
            range,
            control,
        });
    }

    fn declare(&mut self, application: usize, control: &Control, range: (i32, i32)) {
        let description = &mut self.applications[application].description;
        let old = std::mem::take(description);
        *description = match control {
            Control::Key(code) => old.with(EV_KEY, [*code]),
            Control::Relative(code) => old.with(EV_REL, [*code]),
            Control::Absolute(code) => old.with_axis(
                *code,
                AbsInfo {
                    minimum: range.0,
                    maximum: range.1,
                    ..AbsInfo::default()
                },
            ),
            Control::Wheel { code, fine, .. } => old.with(EV_REL, [*code, *fine]),
            Control::Array { codes, .. } => {
                old.with(EV_KEY, codes.iter().copied().filter(|code| *code != 0))
            }
        };
    }

    fn add_led(&mut self, report: &impl Report, field: &Field, known: &[hidreport::Collection]) {
        let Field::Variable(variable) = field else {
            return;
        };
        let (page, usage) = parts(&variable.usage);
        let top = field.collections().first();
        let application = known.iter().position(|c| Some(c) == top);
        if let (Some(code), Some(application)) = (codes::led(page, usage), application) {
            let description = &mut self.applications[application].description;
            *description = std::mem::take(description).with(EV_LED, [code]);
            self.leds.push(Led {
                application,
                code,
                bits: report_bits(report, &variable.bits, 1),
            });
        }
    }

    fn add_multiplier(&mut self, report: &impl Report, field: &Field, parsed: &ReportDescriptor) {
        const RESOLUTION_MULTIPLIER: (u16, u16) = (codes::GENERIC_DESKTOP, 0x48);
        let Field::Variable(variable) = field else {
            return;
        };
        let factor: i32 = variable.physical_maximum.map_or(0, i32::from);
        let around = variable.collections.last();
        if parts(&variable.usage) != RESOLUTION_MULTIPLIER || !(2..=120).contains(&factor) {
            return;
        }
        let in_same = |item: &Item| {
            let inputs = parsed.input_reports().iter();
            let mut fields = inputs
                .filter(|r| number(*r) == item.report)
                .flat_map(Report::fields);
            fields.any(|f| {
                *f.bits() == item.bits && around.is_some_and(|c| f.collections().contains(c))
            })
        };
        let wheels: Vec<usize> = (0..self.items.len())
            .filter(|index| matches!(self.items[*index].control, Control::Wheel { .. }))
            .filter(|index| in_same(&self.items[*index]))
            .collect();
        let largest: i32 = variable.logical_maximum.into();
        self.multipliers.push(Multiplier {
            feature: report_bits(report, &variable.bits, largest as u32),
            factor,
            wheels,
        });
    }

    /// The multipliers of a feature report are in force.
    pub fn multiplied(&mut self, report: u8) {
        let set = self.multipliers.iter();
        for multiplier in set.filter(|m| m.feature.report == report) {
            for index in &multiplier.wheels {
                if let Control::Wheel { notch, .. } = &mut self.items[*index].control {
                    *notch = multiplier.factor;
                }
            }
        }
    }
}

fn parts(usage: &Usage) -> (u16, u16) {
    (usage.usage_page.into(), usage.usage_id.into())
}

fn number(report: &impl Report) -> u8 {
    report.report_id().map_or(0, u8::from)
}

fn report_bits(report: &impl Report, bits: &Range<usize>, largest: u32) -> ReportBits {
    ReportBits {
        report: number(report),
        length: report.size_in_bytes(),
        bits: bits.clone(),
        largest,
    }
}

/// Walks a report descriptor's items (HID 1.11, 6.2.2) and refuses those that promise too much.
fn check(descriptor: &[u8]) -> Result<(), &'static str> {
    const TOO_LARGE: &str = "its report descriptor promises too much";
    let mut rest = descriptor;
    let (mut size, mut count, mut usages) = (0u64, 0u64, (0u32, 0u32));
    let (mut controls, mut bits, mut ranges) = (0u64, 0u64, 0u64);
    let (mut nested, mut pushed) = (0u32, 0u32);
    while let Some((&head, after)) = rest.split_first() {
        if head == 0xfe {
            return Err("its report descriptor has long items");
        }
        let length = [0, 1, 2, 4][usize::from(head & 3)];
        let value = after
            .get(..length)
            .ok_or("its report descriptor is cut off")?;
        let value = value
            .iter()
            .rev()
            .fold(0u32, |all, byte| all << 8 | u32::from(*byte));
        rest = &after[length..];
        let range = usages.1.saturating_sub(usages.0);
        match head & 0xfc {
            // Input, output, feature.
            0x80 | 0x90 | 0xb0 => {
                let is_constant = value & 1 != 0;
                let is_variable = value & 2 != 0;
                controls += if is_variable && !is_constant {
                    count
                } else {
                    1
                };
                bits += size.saturating_mul(count);
                ranges += u64::from(range);
                let most = if is_variable {
                    RANGE_MAX
                } else {
                    ARRAY_RANGE_MAX
                };
                if controls > CONTROLS_MAX
                    || bits > REPORT_BITS_MAX
                    || count > REPORT_BITS_MAX
                    || range > most
                    || ranges > RANGES_MAX
                {
                    return Err(TOO_LARGE);
                }
                usages = (0, 0);
            }
            // Collection, end of collection.
            0xa0 => {
                nested += 1;
                if nested > NESTED_MAX || range > RANGE_MAX {
                    return Err(TOO_LARGE);
                }
                usages = (0, 0);
            }
            0xc0 => {
                nested = nested.saturating_sub(1);
                usages = (0, 0);
            }
            0x74 => size = value.into(),
            0x94 => count = value.into(),
            // Push: the state is copied.
            0xa4 => {
                pushed += 1;
                if pushed > NESTED_MAX {
                    return Err(TOO_LARGE);
                }
            }
            0x18 => usages.0 = value,
            0x28 => usages.1 = value,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The boot keyboard (HID 1.11, appendix B.1), as QEMU's usb-kbd has it.
    pub const KEYBOARD: [u8; 63] = [
        0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x75, 0x01, 0x95, 0x08, 0x05, 0x07, 0x19, 0xe0, 0x29,
        0xe7, 0x15, 0x00, 0x25, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05,
        0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91,
        0x01, 0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0xff, 0x05, 0x07, 0x19, 0x00, 0x29, 0xff,
        0x81, 0x00, 0xc0,
    ];

    /// A mouse with numbered reports: five buttons, 12-bit motion, a wheel with a multiplier, and
    /// consumer keys.
    pub const MOUSE: [u8; 114] = [
        0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x85, 0x01, 0x09, 0x01, 0xa1, 0x00, // report 1
        0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81,
        0x02, // five buttons
        0x95, 0x01, 0x75, 0x03, 0x81, 0x01, // padding
        0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x16, 0x01, 0xf8, 0x26, 0xff, 0x07, 0x75, 0x0c, 0x95,
        0x02, 0x81, 0x06, // X, Y
        0xa1, 0x02, 0x09, 0x48, 0x15, 0x00, 0x25, 0x01, 0x35, 0x01, 0x45, 0x08, 0x75, 0x02, 0x95,
        0x01, 0xb1, 0x02, // multiplier
        0x75, 0x06, 0xb1, 0x01, // padding of the feature
        0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00, 0x75, 0x08, 0x81,
        0x06, // wheel
        0xc0, 0xc0, 0xc0, //
        0x05, 0x0c, 0x09, 0x01, 0xa1, 0x01, 0x85, 0x02, 0x15, 0x01, 0x19, 0xe9, 0x29, 0xea, 0x25,
        0x02, 0x75, 0x08, 0x95, 0x01, 0x81, 0x00, 0xc0, // two keys
    ];

    #[test]
    fn a_keyboard_has_keys_and_lights() {
        let layout = Layout::parse(&KEYBOARD).expect("a layout");
        let [application] = &layout.applications[..] else {
            panic!("{layout:?}");
        };
        assert_eq!(application.kind, Kind::Keyboard);
        let keys = &application.description.codes[&EV_KEY];
        assert!(keys.contains(&30) && keys.contains(&125) && !keys.contains(&0));
        assert_eq!(application.description.codes[&EV_LED].len(), 5);
        assert_eq!((layout.longest, layout.numbered), (8, false));
        let mut report = vec![0; layout.leds[1].bits.length];
        layout.leds[1].bits.put(&mut report, 1);
        assert_eq!(report, [2]);
    }

    #[test]
    fn a_mouse_s_collections_are_devices_of_their_own() {
        let mut layout = Layout::parse(&MOUSE).expect("a layout");
        let kinds: Vec<Kind> = layout.applications.iter().map(|a| a.kind).collect();
        assert_eq!(kinds, [Kind::Mouse, Kind::Consumer]);
        assert!(layout.numbered);
        assert_eq!(layout.multipliers.len(), 1);
        assert_eq!(layout.multipliers[0].factor, 8);
        layout.multiplied(1);
        let fine = |i: &Item| matches!(i.control, Control::Wheel { notch: 8, .. });
        assert!(layout.items.iter().any(fine), "{:?}", layout.items);
    }

    #[test]
    fn no_changed_byte_and_no_prefix_does_harm() {
        std::panic::set_hook(Box::new(|_| {}));
        for good in [&KEYBOARD[..], &MOUSE[..]] {
            for length in 0..good.len() {
                let _ = Layout::parse(&good[..length]);
            }
            for at in 0..good.len() {
                for value in 0..=255 {
                    let mut bytes = good.to_vec();
                    bytes[at] = value;
                    if let Ok(layout) = Layout::parse(&bytes) {
                        assert!(layout.items.len() <= 4096);
                    }
                }
            }
        }
        let _ = std::panic::take_hook();
    }

    #[test]
    fn promises_are_bounded() {
        let huge = |tail: &[u8]| {
            let mut bytes = vec![0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x75, 0x01];
            bytes.extend(tail);
            Layout::parse(&bytes)
        };
        assert!(huge(&[0x97, 0xff, 0xff, 0xff, 0xff, 0x09, 0x30, 0x81, 0x02]).is_err());
        assert!(huge(&[0x95, 1, 0x19, 0, 0x2b, 0xff, 0xff, 0xff, 0x7f, 0x81, 0]).is_err());
        assert!(huge(&[0xa1; 40]).is_err());
        let array = [0x75, 1, 0x95, 1, 0x19, 0, 0x2a, 0xff, 0xff, 0x81, 0];
        assert!(check(&array.repeat(4)).is_ok());
        assert!(check(&array.repeat(5)).is_err());
    }

    #[test]
    fn so_many_applications_and_no_more() {
        // One has a button; each has a report of its own.
        let with = |count: u8| {
            let one = |number: u8| {
                let mut bytes = vec![0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x85, number];
                bytes.extend([0x05, 0x09, 0x09, 0x01, 0x15, 0, 0x25, 1, 0x75, 8, 0x95, 1]);
                bytes.extend([0x81, 0x02, 0xc0]);
                bytes
            };
            let bytes: Vec<u8> = (1..=count).flat_map(one).collect();
            let layout = Layout::parse(&bytes).expect("a layout");
            (layout.applications.len(), layout.items.len(), layout.cut)
        };
        assert_eq!(with(8), (8, 8, false));
        assert_eq!(with(150), (8, 8, true));
    }

    #[test]
    fn numbers_are_taken_at_any_bit_and_never_beyond() {
        let report = [0b1010_0101, 0xff, 0x80];
        assert_eq!(take(&report, &(4..12), false), Some(0xfa));
        assert_eq!(take(&report, &(4..12), true), Some(-6));
        assert_eq!(take(&report, &(23..24), false), Some(1));
        assert_eq!(take(&report, &(20..25), false), None);
        assert_eq!(take(&report, &(0..0), false), None);
    }
}
