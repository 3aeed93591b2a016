//! The jobs.

/// A script that is run on both kernels.
pub struct Job {
    pub name: &'static str,
    /// The script's name in `tests/tools`, without `.sh`.
    pub script: &'static str,
    /// What it is told.
    pub words: &'static [&'static str],
    /// After so many seconds it is ended: many times what it takes on a machine of its own.
    pub limit: u64,
    /// What a folder's name in the Debian system's `/src` begins with, where the job builds something.
    pub source: Option<&'static str>,
    pub on: On,
}

/// Where a job is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// On both kernels, to compare what it prints.
    Both,
    /// On Ochre alone: its script says itself whether it is content.
    Ochre,
}

impl Job {
    /// The scripts whose text decides what it prints.
    pub fn scripts(&self) -> impl Iterator<Item = &'static str> {
        let called = match self.script {
            "sqlite-build" => Some("sqlite"),
            "python" | "stress-ng" => Some("hosts"),
            _ => None,
        };
        [self.script].into_iter().chain(called)
    }
}

const fn job(
    name: &'static str,
    script: &'static str,
    words: &'static [&'static str],
    limit: u64,
) -> Job {
    Job {
        name,
        script,
        words,
        limit,
        source: None,
        on: On::Both,
    }
}

/// A module of Python's own tests.
const fn python(name: &'static str, words: &'static [&'static str]) -> Job {
    job(name, "python", words, 1800)
}

pub const JOBS: [Job; 36] = [
    job("bash", "bash", &[], 900),
    job("perl", "perl", &[], 900),
    job("git", "git", &[], 3600),
    job("sort", "sort", &[], 2400),
    job("archives", "archives", &[], 2400),
    job("sqlite", "sqlite", &[], 1800),
    Job {
        source: Some("sqlite3-"),
        ..job("sqlite built", "sqlite-build", &[], 5400)
    },
    Job {
        source: Some("lua5.4-"),
        ..job("lua built", "lua", &[], 2400)
    },
    job("crash", "crash", &[], 1800),
    job("core", "core", &[], 1800),
    job("node", "node", &[], 1800),
    job("java", "java", &[], 2400),
    python("python test_os", &["test_os"]),
    python("python test_posix", &["test_posix"]),
    python("python test_subprocess", &["test_subprocess"]),
    python("python test_threading", &["test_threading"]),
    python("python test_signal", &["test_signal"]),
    python("python test_select", &["test_select"]),
    python("python test_selectors", &["test_selectors"]),
    python("python test_mmap", &["test_mmap"]),
    python("python test_tempfile", &["test_tempfile"]),
    python("python test_shutil", &["test_shutil"]),
    python("python test_fcntl", &["test_fcntl"]),
    python("python test_pty", &["test_pty"]),
    python("python test_resource", &["test_resource"]),
    python("python test_time", &["test_time"]),
    python("python test_io", &["test_io"]),
    python(
        "python test_multiprocessing_fork",
        // The two wait for a caller by 127.0.0.1, whom nothing tells that there is no way.
        &[
            "test_multiprocessing_fork",
            "'WithProcesses*'",
            "test_listener_client",
            "test_pickling",
        ],
    ),
    job("stress-ng a-c", "stress-ng", &["a", "c"], 1800),
    job("stress-ng d-k", "stress-ng", &["d", "k"], 1800),
    job("stress-ng l-o", "stress-ng", &["l", "o"], 1800),
    job("stress-ng p-r", "stress-ng", &["p", "r"], 1800),
    job("stress-ng s", "stress-ng", &["s", "s"], 1800),
    job("stress-ng t-z", "stress-ng", &["t", "z"], 1800),
    job("stress-ng apart", "stress-ng", &["apart"], 1800),
    Job {
        on: On::Ochre,
        ..job("trinity", "trinity", &["600"], 1800)
    },
];
