//! Which font files there are, and when they are read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parley::FontContext;
use parley::fontique::{Blob, Collection, CollectionOptions, FallbackKey, Script};

/// Font files found but not read yet.
pub(crate) struct Fonts {
    pub context: FontContext,
    unread: Vec<PathBuf>,
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
                source_cache: Default::default(),
            },
            unread: Vec::new(),
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
        // A font that can't be read is one less to choose from.
        let Ok(bytes) = fs::read(path) else { return };
        let added = self
            .context
            .collection
            .register_fonts(Blob::new(Arc::new(bytes)), None);
        for (family, _) in added {
            for script in SCRIPTS.iter().copied() {
                let key = FallbackKey::new(Script::from_bytes(*script), None);
                self.context
                    .collection
                    .append_fallbacks(key, [family].into_iter());
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
