//! What a job printed, and how two answers differ.

use super::known::Known;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;

/// How many differing lines are shown.
const SHOWN: usize = 12;

/// The lines that a job printed.
pub struct Answer(Vec<String>);

impl Answer {
    pub fn new(text: &str) -> Answer {
        Answer(
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect(),
        )
    }

    /// Takes out the lines that begin so.
    fn take(&mut self, beginning: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|line| line.starts_with(beginning));
        self.0 = left;
        taken
    }
}

/// Both are the same but for what is known to differ, and that does.
pub fn compare(linux: &Answer, ochre: &Answer, known: &[&Known]) -> Result<()> {
    let (mut linux, mut ochre) = (Answer(linux.0.clone()), Answer(ochre.0.clone()));
    let mut mended = Vec::new();
    for known in known {
        let same = linux.take(known.line) == ochre.take(known.line);
        if same && !known.either_way {
            mended.push(format!("{:?} ({})", known.line, known.why));
        }
    }
    let differing = differences(&linux.0, &ochre.0);
    if !differing.is_empty() {
        bail!("Linux (-) and Ochre (+) differ{differing}");
    }
    ensure!(
        mended.is_empty(),
        "these no longer differ, so take them from the list: {}",
        mended.join(", ")
    );
    Ok(())
}

/// The first lines that only one of them has, or the first that come in another order.
fn differences(linux: &[String], ochre: &[String]) -> String {
    let mut counts: BTreeMap<&str, isize> = BTreeMap::new();
    for line in linux {
        *counts.entry(line).or_default() += 1;
    }
    for line in ochre {
        *counts.entry(line).or_default() -= 1;
    }
    let mut lines = Vec::new();
    for (sign, text, unit) in [("-", linux, 1), ("+", ochre, -1)] {
        for line in text {
            let left = counts.entry(line).or_default();
            if left.signum() == unit {
                *left -= unit;
                lines.push(format!("{sign} {line}"));
            }
        }
    }
    if lines.is_empty() {
        let moved = linux.iter().zip(ochre).find(|(one, other)| one != other);
        lines.extend(moved.map(|(one, other)| format!("in their order: - {one}\n    + {other}")));
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known {
        job: "job",
        line: "b ",
        why: "",
        either_way: false,
    };

    fn compared(linux: &str, ochre: &str, known: &[&Known]) -> String {
        match compare(&Answer::new(linux), &Answer::new(ochre), known) {
            Ok(()) => "the same".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_only_one_has_is_shown_by_its_sign() {
        assert_eq!(compared("a\nb\n", "a\nb\n", &[]), "the same");
        let said = compared("a\nb\nc\nc\n", "a\nd\nc\n", &[]);
        assert!(
            said.ends_with("differ\n    - b\n    - c\n    + d"),
            "{said}"
        );
        let said = compared("a\nb\n", "b\na\n", &[]);
        assert!(said.ends_with("in their order: - a\n    + b"), "{said}");
    }

    #[test]
    fn what_is_known_must_differ() {
        assert_eq!(compared("a\nb 1\n", "a\nb 2\n", &[&KNOWN]), "the same");
        assert_eq!(compared("a\n", "a\nb 2\n", &[&KNOWN]), "the same");
        let said = compared("a\nb 1\n", "a\nb 1\n", &[&KNOWN]);
        assert!(said.starts_with("these no longer differ"), "{said}");
        assert!(compared("a\nb 1\n", "c\nb 2\n", &[&KNOWN]).contains("- a"));
        let either = Known {
            either_way: true,
            ..KNOWN
        };
        assert_eq!(compared("b 1\n", "b 1\n", &[&either]), "the same");
        assert_eq!(compared("b 1\n", "b 2\n", &[&either]), "the same");
    }
}
