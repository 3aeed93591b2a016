//! Apps that can be started, from `.desktop` files (freedesktop Desktop Entry Specification 1.5).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An app's picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// A symbol on a tile of this hue.
    Symbol {
        name: String,
        hue: f32,
    },
    File(PathBuf),
    /// Its first letter, on a tile.
    Letter,
}

/// An app that can be started.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The file's name without `.desktop`; what a window calls its app.
    pub id: String,
    pub name: String,
    pub comment: String,
    pub keywords: String,
    pub command: Vec<String>,
    /// Must run in a terminal.
    pub terminal: bool,
    pub image: Image,
}

/// Desktop files are small, and a directory has not more of them than this.
const LARGEST: u64 = 256 * 1024;
const MOST: usize = 2_000;

/// All apps installed, by name. The first file of an id wins, as the specification says.
pub fn installed() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for directory in data_directories() {
        let files = fs::read_dir(directory.join("applications"))
            .into_iter()
            .flatten()
            .flatten();
        let mut seen: Vec<(String, Option<Entry>)> = Vec::new();
        for path in files.map(|file| file.path()).take(MOST) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_entry = path
                .extension()
                .is_some_and(|extension| extension == "desktop");
            if let (true, Some(id)) = (is_entry, stem) {
                let small = fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LARGEST);
                let text = if small {
                    fs::read_to_string(&path).ok()
                } else {
                    None
                };
                seen.push((id.to_owned(), text.and_then(|text| Entry::parse(id, &text))));
            }
        }
        for (id, entry) in seen {
            if entries.iter().all(|have| have.id != id) {
                entries.extend(entry);
            }
        }
    }
    entries.sort_by_key(|entry| entry.name.to_lowercase());
    entries
}

/// The user's data, Ochre's, and the packages'.
fn data_directories() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let user = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let mut directories: Vec<PathBuf> = user.into_iter().collect();
    directories.push(PathBuf::from("/ochre/share"));
    match variable("XDG_DATA_DIRS") {
        Some(list) => directories.extend(std::env::split_paths(&list)),
        None => directories.extend(["/usr/local/share", "/usr/share"].map(PathBuf::from)),
    }
    directories
}

impl Entry {
    /// Reads a desktop file; none for what is no app or doesn't want to be shown.
    pub fn parse(id: &str, text: &str) -> Option<Entry> {
        let keys = main_group(text);
        let get = |key: &str| keys.get(key).copied().unwrap_or("");
        let is_true = |key: &str| get(key) == "true";
        if get("Type") != "Application" || is_true("NoDisplay") || is_true("Hidden") {
            return None;
        }
        let command = split_command(get("Exec"))?;
        let name = unescape(get("Name"));
        if name.is_empty() || command.is_empty() {
            return None;
        }
        let symbol = get("X-Ochre-Symbol");
        let image = if symbol.is_empty() {
            find_icon(get("Icon")).map_or(Image::Letter, Image::File)
        } else {
            let hue = get("X-Ochre-Hue")
                .parse()
                .ok()
                .filter(|hue: &f32| hue.is_finite());
            Image::Symbol {
                name: symbol.to_owned(),
                hue: hue.unwrap_or(60.0),
            }
        };
        Some(Entry {
            id: id.to_owned(),
            name,
            comment: unescape(get("Comment")),
            keywords: format!("{} {}", get("Keywords"), get("GenericName")).to_lowercase(),
            command,
            terminal: is_true("Terminal"),
            image,
        })
    }

    /// Starts the app, with nothing to do with us but our environment.
    pub fn start(&self) -> io::Result<Child> {
        let terminal = ["ochre-terminal".to_owned()];
        let prefix = if self.terminal { &terminal[..] } else { &[] };
        let mut words = prefix.iter().chain(&self.command);
        let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
        Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .spawn()
    }
}

/// Keys of the `[Desktop Entry]` group, without translations.
fn main_group(text: &str) -> HashMap<&str, &str> {
    let mut keys = HashMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[Desktop Entry]";
        } else if inside
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            keys.entry(key.trim_end()).or_insert(value.trim_start());
        }
    }
    keys
}

/// Resolves the escapes of a string value.
fn unescape(value: &str) -> String {
    let mut plain = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('s' | 'n' | 't' | 'r') => plain.push(' '),
                Some(other) => plain.push(other),
                None => {}
            },
            letter => plain.push(letter),
        }
    }
    plain
}

/// The words of an `Exec` value, its field codes left out; none when a quote doesn't end.
fn split_command(exec: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = exec.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().push(letters.next()?),
            // A doubled one is itself; field codes vanish, as no files are passed.
            '%' => {
                if letters.next() == Some('%') {
                    word.get_or_insert_default().push('%');
                }
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

/// The file of an icon by its name, in the theme every app falls back to.
fn find_icon(name: &str) -> Option<PathBuf> {
    if name.is_empty() {
        return None;
    }
    if name.starts_with('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    // A name, not a way to somewhere else.
    if name.contains('/') {
        return None;
    }
    let hicolor = Path::new("/usr/share/icons/hicolor");
    let sized = ["scalable", "256x256", "128x128", "64x64", "48x48"]
        .map(|size| hicolor.join(size).join("apps"));
    let pixmaps = [PathBuf::from("/usr/share/pixmaps")];
    let places = sized.iter().chain(&pixmaps);
    places
        .flat_map(|place| ["svg", "png"].map(|kind| place.join(format!("{name}.{kind}"))))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read() {
        let text = "# comment\n[Desktop Entry]\nType=Application\nName=Foot\nName[de]=Fuß\n\
                    Exec=foot -e \"a b\" %U\nComment=A terminal\\sthat is fast\nKeywords=Shell;\n\
                    [Desktop Action new]\nName=Other\n";
        let entry = Entry::parse("foot", text).unwrap();
        assert_eq!(entry.name, "Foot");
        assert_eq!(entry.command, ["foot", "-e", "a b"]);
        assert_eq!(entry.comment, "A terminal that is fast");
        assert_eq!(entry.image, Image::Letter);
    }

    #[test]
    fn what_hides_or_is_no_app_is_left_out() {
        for text in [
            "",
            "[Desktop Entry]\nType=Link\nName=x\nExec=x",
            "[Desktop Entry]\nType=Application\nName=x\nExec=x\nNoDisplay=true",
            "[Desktop Entry]\nType=Application\nName=x\nExec=\"x",
            "[Desktop Entry]\nType=Application\nName=\nExec=x",
            "[Desktop Entry]\nType=Application\nName=x\nExec=%f",
        ] {
            assert_eq!(Entry::parse("x", text), None, "{text}");
        }
    }

    #[test]
    fn commands_are_split_as_the_specification_says() {
        assert_eq!(
            split_command(r#"a "b \"c\"" d%%"#).unwrap(),
            ["a", r#"b "c""#, "d%"]
        );
        assert_eq!(split_command("a \"\" %i").unwrap(), ["a", ""]);
        assert_eq!(split_command("\"a\\"), None);
    }
}
