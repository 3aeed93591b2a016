//! Debian's unmodified command line programs, and their own tests: what they print on Ochre is what they
//! print on Linux.
//!
//! Each job is a script of `tests/tools`, run by the Debian system's own shell in a guest of its own. Its
//! standard output is compared, and so must be the same from run to run; standard error is for people, and
//! kept beside it. What Linux answers is kept too, until script, packages or kernel are others.

mod answer;
mod jobs;
mod known;

use super::{Machines, Tally};
use crate::debian;
use crate::exec::{self, Outcome, Streams};
use crate::guest::{Built, Guest, Kernel, Request};
use crate::image::{Addition, Recipe};
use crate::paths;
use crate::process;
use crate::qemu::{self, Size};
use crate::reports::Ending;
use answer::Answer;
use anyhow::{Context, Result, bail, ensure};
use jobs::{JOBS, Job, On};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Each machine's memory in MiB: Linux unpacks the Debian system into a second copy.
const MEMORY: u64 = 5120;
/// Where the scripts are.
const SCRIPTS: &str = "tests/tools";
/// What the Debian system must have.
const NEEDED: [&str; 19] = [
    "bash",
    "ecj",
    "gcc",
    "gdb",
    "git",
    "java",
    "make",
    "node",
    "perl",
    "pgrep",
    "python3",
    "script",
    "sqlite3",
    "strace",
    "stress-ng",
    "tclsh",
    "trinity",
    "xz",
    "zstd",
];
/// As much of what was said as tells what happened.
const LAST_LINES: usize = 10;

/// When Linux is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Oracle {
    /// Where it hasn't answered yet.
    Once,
    /// Always.
    Anew,
    /// Never: what it hasn't answered is not compared.
    Kept,
}

/// Does the jobs whose names contain one of these words, or all.
pub fn run(
    debian: Option<&Path>,
    words: &[String],
    oracle: Oracle,
    machines: Machines,
) -> Result<Tally> {
    let page = "docs/programs.md";
    let root = debian.with_context(|| {
        format!("this suite needs a Debian system: --debian FOLDER; {page} says how to make one")
    })?;
    let wanted: Vec<&Job> = JOBS
        .iter()
        .filter(|job| words.is_empty() || words.iter().any(|word| job.name.contains(word.as_str())))
        .collect();
    ensure!(!wanted.is_empty(), "no job has such a name");
    let mut guest = Guest::new(Size {
        smp: machines.smp.unwrap_or(2),
        memory: Some(MEMORY),
    });
    guest.add = debian::system(root, &NEEDED, page)?;
    let scripts = paths::root().join(SCRIPTS);
    guest.add.push(Addition::new(&scripts, "/tests"));
    // As they are now, which is what the archive gets.
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(&scripts)?.flatten() {
        texts.insert(entry.file_name(), fs::read(entry.path())?);
    }
    // A shell that is told what to do by its input: one archive serves all jobs, and both kernels.
    let request = Request {
        input: true,
        ..Request::command(["/bin/sh"])
    };
    let built = guest.build(&Recipe::load("minimal")?, Some(&request))?;
    let folder = paths::target().join("test-tools");
    fs::create_dir_all(&folder)?;
    let packages = fs::read(root.join("var/lib/dpkg/status")).unwrap_or_default();
    let mut suite = Suite {
        root,
        texts,
        packages,
        folder,
        guest,
        built,
        oracle,
        machines,
    };
    let mut tally = Tally::default();
    for job in wanted {
        let result = suite.work(job);
        process::say(format_args!(
            "   {}: {}",
            job.name,
            if result.is_ok() { "passed" } else { "failed" }
        ));
        tally.test(job.name, result);
    }
    Ok(tally)
}

/// What all jobs share.
struct Suite<'a> {
    root: &'a Path,
    /// The scripts.
    texts: BTreeMap<OsString, Vec<u8>>,
    /// Which packages the Debian system has.
    packages: Vec<u8>,
    /// Where answers are left.
    folder: PathBuf,
    guest: Guest,
    built: Built,
    oracle: Oracle,
    machines: Machines,
}

impl Suite<'_> {
    fn work(&mut self, job: &Job) -> Result<()> {
        if let Some(source) = job.source {
            let found = fs::read_dir(self.root.join("src")).into_iter().flatten();
            let mut names = found.flatten().map(|entry| entry.file_name());
            ensure!(
                names.any(|name| name.to_string_lossy().starts_with(source)),
                "the Debian system has no /src/{source}*: docs/programs.md says how to make one"
            );
        }
        let ochre = self.ask(job, Kernel::Ochre)?;
        match job.on {
            On::Ochre => Ok(()),
            On::Both => {
                let Some(linux) = self.linux(job)? else {
                    process::say(format_args!("   {}: not compared", job.name));
                    return Ok(());
                };
                answer::compare(&linux, &ochre, &known::of(job.name))
            }
        }
    }

    /// What Linux answers, or has answered before; nothing where it hasn't and mustn't be asked.
    fn linux(&mut self, job: &Job) -> Result<Option<Answer>> {
        self.guest.change_kernel(&mut self.built, Kernel::Linux)?;
        let mut hash = DefaultHasher::new();
        for script in job.scripts() {
            self.texts
                .get(OsStr::new(&format!("{script}.sh")))
                .hash(&mut hash);
        }
        (
            job.words,
            &self.packages,
            &self.built.kernel,
            self.guest.size.smp,
        )
            .hash(&mut hash);
        let kept = self
            .folder
            .join(format!("{}.linux-{:016x}", job.name, hash.finish()));
        if self.oracle != Oracle::Anew && kept.exists() {
            return Ok(Some(Answer::new(&fs::read_to_string(kept)?)));
        }
        if self.oracle == Oracle::Kept {
            return Ok(None);
        }
        let answer = self.ask(job, Kernel::Linux)?;
        fs::copy(self.file(job, Kernel::Linux, "out"), kept)?;
        Ok(Some(answer))
    }

    /// Boots a kernel, and does a job on it.
    fn ask(&mut self, job: &Job, kernel: Kernel) -> Result<Answer> {
        let name = match kernel {
            Kernel::Ochre => "Ochre",
            Kernel::Linux => "Linux",
        };
        self.guest.uefi = self.machines.uefi && kernel == Kernel::Ochre;
        self.guest.change_kernel(&mut self.built, kernel)?;
        let (out, err) = (self.file(job, kernel, "out"), self.file(job, kernel, "err"));
        let order = format!(
            "mkdir -p /tmp/job /var/tmp; chmod 1777 /tmp /var/tmp; cd /tmp/job; exec sh /tests/{}.sh {} </dev/null\n",
            job.script,
            job.words.join(" ")
        );
        let limit = Duration::from_secs(job.limit);
        let end = qemu::despite_crashes(|| {
            let (mut machine, _disk) = self.guest.machine(&self.built)?;
            machine.without_display();
            let streams = Streams {
                input: Some(Box::new(Cursor::new(order.clone()))),
                out: Box::new(File::create(&out)?),
                err: Box::new(File::create(&err)?),
            };
            exec::watch(machine, Some(limit), streams, false, false)
        })?;
        process::say(format_args!(
            "   {} on {name}: {:.1} s",
            job.name,
            end.taken.as_secs_f32()
        ));
        let said =
            |file: &Path| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
        let last = || format!("{}{}", last_lines(&said(&out)), last_lines(&said(&err)));
        if let Some(account) = end.account()? {
            let console = String::from_utf8_lossy(&end.console).into_owned();
            bail!("on {name}, {account}{}{}", last(), last_lines(&console));
        }
        match end.outcome {
            Outcome::Ended(Ending::Exit(0)) => Ok(Answer::new(&said(&out))),
            Outcome::Ended(Ending::Exit(status)) => {
                bail!("on {name}, it ended with status {status}{}", last())
            }
            _ => bail!("on {name}, a signal ended it{}", last()),
        }
    }

    /// Where what a job says is left.
    fn file(&self, job: &Job, kernel: Kernel, stream: &str) -> PathBuf {
        let kernel = match kernel {
            Kernel::Ochre => "ochre",
            Kernel::Linux => "linux",
        };
        self.folder.join(format!("{}.{kernel}.{stream}", job.name))
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines[from..]
        .iter()
        .map(|line| format!("\n    {line}"))
        .collect()
}
