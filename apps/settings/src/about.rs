//! The about page: what machine this is, as the kernel says.

use std::fs;

use ochre_toolkit::widget::{Label, Picture, Tone, card, divider};
use ochre_toolkit::{Element, Weight};

use crate::Message;
use crate::row::{fact, heading};

/// Names and values, in groups.
pub struct Facts {
    system: Vec<(String, String)>,
    /// Not asked of the machine again.
    fixed: bool,
}

impl Facts {
    pub fn gather() -> Facts {
        Facts {
            system: gather(),
            fixed: false,
        }
    }

    pub fn fixed(system: Vec<(String, String)>) -> Facts {
        Facts {
            system,
            fixed: true,
        }
    }

    /// Asks again for what changes.
    pub fn refresh(&mut self) {
        if !self.fixed {
            self.system = gather();
        }
    }
}

fn gather() -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((name.to_owned(), value));
        }
    };
    let uname = rustix::system::uname();
    let text = |value: &std::ffi::CStr| value.to_string_lossy().into_owned();
    add("Device name", Some(text(uname.nodename())));
    add(
        "Kernel",
        Some(format!(
            "{} {}",
            text(uname.sysname()),
            text(uname.release())
        )),
    );
    add("Architecture", Some(text(uname.machine())));
    add("Processor", processor());
    add("Memory", memory());
    add("Disk", disk());
    add("Up for", uptime());
    facts
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let values = |key: &str| {
        let key = key.to_owned();
        text.lines().filter_map(move |line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let count = values("processor").count();
    let model = values("model name").next()?;
    Some(if count > 1 {
        format!("{model} × {count}")
    } else {
        model
    })
}

fn memory() -> Option<String> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let total = kib("MemTotal:")? * 1024;
    Some(match kib("MemAvailable:") {
        Some(available) => {
            format!(
                "{}, of which {} is free",
                size(total),
                size(available * 1024)
            )
        }
        None => size(total),
    })
}

fn disk() -> Option<String> {
    let stat = rustix::fs::statvfs("/").ok()?;
    let total = stat.f_blocks.checked_mul(stat.f_frsize)?;
    let free = stat.f_bavail.checked_mul(stat.f_frsize)?;
    (total > 0).then(|| format!("{}, of which {} is free", size(total), size(free)))
}

fn uptime() -> Option<String> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let seconds = text.split('.').next()?.parse::<u64>().ok()?;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    Some(match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    })
}

/// A size as people say it.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x10_0000 => (1_024.0, "KiB"),
        0x10_0000..0x4000_0000 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}

pub fn page(facts: &Facts) -> Element<Message> {
    let mark = Picture::new(72.0, 72.0, |rect, painter| {
        let accent = painter.theme.tokens.accent;
        let ink = painter.theme.tokens.text_on_accent;
        painter.fill(rect, 20.0, accent);
        painter.symbol("mountain", 38.0, rect, ink);
    });
    let banner = Element::row([
        Element::new(mark),
        Element::column([
            Element::new(Label::display("Ochre")),
            Element::new(
                Label::new(concat!("Version ", env!("CARGO_PKG_VERSION"))).tone(Tone::Muted),
            ),
        ])
        .gap(2.0),
    ])
    .gap(20.0);
    let mut rows = Vec::new();
    for (name, value) in &facts.system {
        if !rows.is_empty() {
            rows.push(divider());
        }
        rows.push(fact(name, value));
    }
    let rights = Label::small(
        "Ochre is free software under the MIT and Apache 2.0 licences. Its fonts are Inter and \
         JetBrains Mono (SIL Open Font License), its symbols are Lucide (ISC).",
    )
    .weight(Weight::Regular);
    Element::column([
        banner,
        heading("This device"),
        card(rows),
        Element::column([Element::new(rights)]).padding((16.0, 2.0)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_say_them() {
        assert_eq!(size(512), "0.5 KiB");
        assert_eq!(size(3 << 20), "3.0 MiB");
        assert_eq!(size(24 << 30), "24.0 GiB");
    }
}
