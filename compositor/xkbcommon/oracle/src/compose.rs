//! Two-key sequences of the dead keys and Multi_key over everything a Latin keyboard can type.

use std::ffi::OsStr;

use crate::Report;

pub fn compare(report: &mut Report) {
    for locale in [
        "en_US.UTF-8",
        "pt_BR.UTF-8",
        "el_GR.UTF-8",
        "C",
        "de_DE.UTF-8",
    ] {
        let a = c::xkb::compose::Table::new_from_locale(
            &c::xkb::Context::new(0),
            OsStr::new(locale),
            0,
        );
        let b = ours::xkb::compose::Table::new_from_locale(
            &ours::xkb::Context::new(0),
            OsStr::new(locale),
            0,
        );
        report.check("table", a.is_ok(), b.is_ok(), || locale.to_owned());
        let (Ok(a), Ok(b)) = (a, b) else { continue };
        let mut a = c::xkb::compose::State::new(&a, 0);
        let mut b = ours::xkb::compose::State::new(&b, 0);
        let first = (0xfe50..0xfe94).chain([0xff20, 0x61]);
        for first in first {
            for second in (0x20..0x7f)
                .chain(0xa0..0x100)
                .chain(0xfe50..0xfe60)
                .chain([0xffe1, 0xff20])
            {
                a.reset();
                b.reset();
                for sym in [first, second, 0x65, 0xff1b] {
                    let at = || format!("{locale} {first:#x} {second:#x} … {sym:#x}");
                    let fed = (a.feed(sym.into()), b.feed(sym.into()));
                    report.check("feed", fed.0 as u32, fed.1 as u32, at);
                    report.check("status", a.status() as u32, b.status() as u32, at);
                    report.check("utf8", a.utf8(), b.utf8(), at);
                    report.check(
                        "keysym",
                        a.keysym().map(|s| s.raw()),
                        b.keysym().map(|s| s.raw()),
                        at,
                    );
                }
            }
        }
    }
}
