//! Every keysym below 2²⁹ that can have a name or a character.

use crate::Report;

pub fn compare(report: &mut Report) {
    let ranges = [
        0..0x1_0000,
        0x100_0000..0x111_0000,
        0x1000_0000..0x1000_ffff,
        0x1008_0000..0x1009_0000,
    ];
    for raw in ranges.into_iter().flatten() {
        // libxkbcommon makes a code point of a surrogate, and has not heard of the newest keysyms.
        if (0x100_d800..0x100_e000).contains(&raw) {
            continue;
        }
        let (a, b) = (c::xkb::Keysym::new(raw), ours::xkb::Keysym::new(raw));
        let at = || format!("{raw:#x}");
        report.check(
            "name",
            c::xkb::keysym_get_name(a),
            ours::xkb::keysym_get_name(b),
            at,
        );
        report.check(
            "utf32",
            c::xkb::keysym_to_utf32(a),
            ours::xkb::keysym_to_utf32(b),
            at,
        );
        let name = c::xkb::keysym_get_name(a);
        let (a, b) = (
            c::xkb::keysym_from_name(&name, 0),
            ours::xkb::keysym_from_name(&name, 0),
        );
        report.check("from name", a.raw(), b.raw(), || name.clone());
    }
    for point in (1..0x11_0000).filter(|point| char::from_u32(*point).is_some()) {
        let (a, b) = (
            c::xkb::utf32_to_keysym(point),
            ours::xkb::utf32_to_keysym(point),
        );
        report.check("from utf32", a.raw(), b.raw(), || format!("{point:#x}"));
    }
}
