//! What is set up once, before the first unit starts.

use rustix::fs::Mode;
use std::path::Path;

/// Directories that programs expect, with their modes.
const DIRECTORIES: [(&str, u32); 8] = [
    ("/run", 0o755),
    ("/run/user", 0o755),
    ("/run/user/0", 0o700),
    ("/tmp", 0o1777),
    ("/dev/shm", 0o1777),
    ("/root", 0o700),
    ("/var", 0o755),
    ("/var/tmp", 0o1777),
];

/// The environment that every unit starts from.
pub const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "PATH",
        "/ochre/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    ),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("XDG_RUNTIME_DIR", "/run/user/0"),
    ("TERM", "linux"),
];

/// Creates the directories. One that cannot be made is reported, not fatal: the units that need it
/// say so themselves.
pub fn prepare() {
    for (path, mode) in DIRECTORIES {
        let result = std::fs::create_dir_all(path).and_then(|()| {
            Ok(rustix::fs::chmod(
                Path::new(path),
                Mode::from_bits_retain(mode),
            )?)
        });
        if let Err(error) = result {
            eprintln!("init: cannot create {path}: {error}");
        }
    }
}
