//! Finding apps by what is typed: best first.

use crate::entry::Entry;

/// The entries that match, all of them for an empty query.
pub fn search<'e>(entries: &'e [Entry], query: &str) -> Vec<&'e Entry> {
    let query = query.trim().to_lowercase();
    let mut found: Vec<(u32, &Entry)> = entries
        .iter()
        .filter_map(|entry| Some((rank(entry, &query)?, entry)))
        .collect();
    // Stable: entries of the same rank stay in the order of their names.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// How well an entry fits, 0 best; none if it doesn't.
fn rank(entry: &Entry, query: &str) -> Option<u32> {
    let name = entry.name.to_lowercase();
    if name.starts_with(query) {
        Some(0)
    } else if name.split_whitespace().any(|word| word.starts_with(query)) {
        Some(1)
    } else if name.contains(query) {
        Some(2)
    } else if entry.keywords.contains(query) {
        Some(3)
    } else {
        entry.comment.to_lowercase().contains(query).then_some(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, comment: &str) -> Entry {
        let text =
            format!("[Desktop Entry]\nType=Application\nName={name}\nExec=x\nComment={comment}\n");
        Entry::parse(name, &text).unwrap()
    }

    #[test]
    fn names_go_before_comments() {
        let entries = [
            entry("Files", "Browse the terminal's files"),
            entry("Image Viewer", ""),
            entry("Terminal", ""),
            entry("XTerm", ""),
        ];
        let names = |query: &str| -> Vec<&str> {
            search(&entries, query)
                .iter()
                .map(|entry| entry.name.as_str())
                .collect()
        };
        assert_eq!(names(" TERM"), ["Terminal", "XTerm", "Files"]);
        assert_eq!(names("view"), ["Image Viewer"]);
        assert_eq!(names("").len(), 4);
        assert!(names("nothing").is_empty());
    }
}
