//! Which font files there are, and when they are read. They are mapped, so that all programs share
//! their pages, and what nobody looks at is never brought into memory.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use parley::FontContext;
use parley::fontique::{Collection, CollectionOptions, FallbackKey, FamilyId, Script, SourceCache};

/// Font files found but not read yet.
pub(crate) struct Fonts {
    pub context: FontContext,
    unread: Vec<PathBuf>,
    /// Families that are asked for letters which others don't have.
    asked: HashSet<FamilyId>,
}

/// Faces that every app needs; the rest waits.
const FIRST: [&str; 7] = [
    "Inter-Regular",
    "Inter-Medium",
    "Inter-SemiBold",
    "Inter-Bold",
    "JetBrainsMono-Regular",
    "JetBrainsMono-Bold",
    "DejaVuSans.",
];

/// How deep a fonts directory is searched, and how many files are taken.
const DEPTH: usize = 4;
const MOST: usize = 4_000;

impl Fonts {
    /// Fonts of `OCHRE_FONTS`, or the system's.
    pub fn new() -> Fonts {
        let roots = match std::env::var_os("OCHRE_FONTS") {
            Some(root) => vec![PathBuf::from(root)],
            None => vec!["/ochre/share/fonts".into(), "/usr/share/fonts".into()],
        };
        let mut found = Vec::new();
        for root in roots {
            search(&root, DEPTH, &mut found);
        }
        found.sort();
        let collection = Collection::new(CollectionOptions {
            shared: false,
            system_fonts: false,
        });
        let mut fonts = Fonts {
            context: FontContext {
                collection,
                // A face that a glyph cache holds keeps its identity in a shared one.
                source_cache: SourceCache::new_shared(),
            },
            unread: Vec::new(),
            asked: HashSet::new(),
        };
        for path in found {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            if FIRST.iter().any(|first| name.starts_with(first)) {
                fonts.read(&path);
            } else {
                fonts.unread.push(path);
            }
        }
        fonts
    }

    /// Reads the fonts that were left for later.
    pub fn read_all(&mut self) {
        for path in std::mem::take(&mut self.unread) {
            self.read(&path);
        }
    }

    pub fn all_read(&self) -> bool {
        self.unread.is_empty()
    }

    fn read(&mut self, path: &Path) {
        let collection = &mut self.context.collection;
        // A font that can't be read is one less to choose from.
        collection.load_fonts_from_paths([path]);
        let names: Vec<String> = collection.family_names().map(str::to_owned).collect();
        for name in names {
            let Some(family) = collection.family_id(&name) else {
                continue;
            };
            if !self.asked.insert(family) {
                continue;
            }
            for script in SCRIPTS.iter().copied() {
                let key = FallbackKey::new(Script::from_bytes(*script), None);
                collection.append_fallbacks(key, [family].into_iter());
            }
        }
    }
}

/// Scripts for which every font is asked.
const SCRIPTS: &[&[u8; 4]] = &[
    b"Latn", b"Grek", b"Cyrl", b"Arab", b"Hebr", b"Hani", b"Hira", b"Kana", b"Hang", b"Thai",
    b"Deva", b"Beng", b"Taml", b"Telu", b"Geor", b"Armn", b"Ethi", b"Khmr", b"Laoo", b"Zyyy",
    b"Zinh", b"Zsye",
];

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if found.len() >= MOST {
            return;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("ttf" | "otf" | "ttc" | "otc")) {
            found.push(path);
        } else if depth > 0 && path.is_dir() {
            search(&path, depth - 1, found);
        }
    }
}
