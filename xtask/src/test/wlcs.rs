//! The compositor passes the Wayland conformance test suite, but for what is listed with a reason.
//!
//! WLCS is Debian's, fetched and not installed: version 1.7, since older ones let every test begin
//! with a protocol error. As Debian 12 has 1.5, the libraries that it is linked to come along. It
//! loads `compositor/wlcs`, and runs in as many processes as there are processors.

use super::{Tally, ui};
use crate::paths;
use crate::process;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Lists the tests that fail, and why.
const FAILING: &str = "compositor/wlcs/failing.txt";
/// The release of Debian whose WLCS it is.
const RELEASE: &str = "trixie";
/// Signs what comes from there.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The suite, and the libraries that it needs.
const PACKAGES: [&str; 7] = [
    "wlcs",
    "libc6",
    "libffi8",
    "libgcc-s1",
    "libstdc++6",
    "libwayland-client0",
    "libwayland-server0",
];
/// Where a package's libraries are.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// What says nothing for so long never will.
const HANGS: Duration = Duration::from_secs(300);
/// Of what a failed test said, no more lines are shown.
const SHOWN: usize = 12;

/// How tests ended, by name, and what those said that failed.
type Ends = BTreeMap<String, End>;

/// How a test ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Passed,
    /// It is about what the compositor doesn't offer.
    Skipped,
    Failed(String),
}

/// Runs it. Where it can't be fetched, it is left out unless it was `named`: that says nothing of the
/// compositor.
pub fn run(named: bool) -> Result<Tally> {
    let suite = match suite() {
        Err(error) if !named => {
            println!("LEFT OUT wlcs: {error:#}");
            return Ok(Tally::default());
        }
        other => other?,
    };
    process::step("building the desktop for WLCS", || {
        process::run(ui::cargo("--lib").args(["-p", "ochre-wlcs"]))
    })?;
    let module = ui::built("libochre_wlcs.so");
    let list = paths::root().join(FAILING);
    let text =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let mut tally = Tally::default();
    let ends = play(&suite, &module)?;
    let mut listed: BTreeSet<&str> = names(&text, false).collect();
    let unsteady: BTreeSet<&str> = names(&text, true).collect();
    let mut skipped = 0;
    for (name, end) in ends {
        if unsteady.contains(name.as_str()) && end != End::Skipped {
            continue;
        }
        let known = listed.remove(name.as_str());
        let result = match end {
            End::Skipped if known => Err(anyhow!("is listed as failing, and is left out")),
            End::Skipped => {
                skipped += 1;
                continue;
            }
            End::Passed if known => Err(anyhow!("passes; take it from {FAILING}")),
            End::Failed(_) if known => continue,
            End::Passed => Ok(()),
            End::Failed(said) => Err(anyhow!("\n{said}")),
        };
        tally.test(&name, result);
    }
    for name in listed {
        tally.test(name, Err(anyhow!("is in {FAILING}, and did not run")));
    }
    let known = names(&text, false).count();
    println!("{skipped} tests of what is not offered were left out, {known} fail as listed");
    Ok(tally)
}

/// The names in the list of those that fail, or of those that may end either way.
fn names(text: &str, unsteady: bool) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.filter_map(move |line| match line.strip_prefix("either way: ") {
        Some(name) => unsteady.then_some(name),
        None => (!unsteady).then_some(line),
    })
}

/// The folder that WLCS and its libraries are unpacked in, fetched if need be.
fn suite() -> Result<PathBuf> {
    let ready = paths::cache().join("wlcs");
    if !ready.is_dir() {
        process::step("fetching WLCS", || fetch(&ready))?;
    }
    Ok(ready)
}

/// Where the host gets Debian from.
fn archive() -> Result<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(LABEL) $(SITE)"]);
    let targets = process::output(apt.arg("Created-By: Packages"))?;
    let mut lines = targets.lines();
    let site = lines.find_map(|line| line.strip_prefix("Debian "));
    Ok(site.context("apt has no archive of Debian")?.to_owned())
}

fn fetch(ready: &Path) -> Result<()> {
    let work = ready.with_extension(std::process::id().to_string());
    let files = work.join("files");
    for folder in ["state/lists/partial", "cache/archives/partial", "files"] {
        fs::create_dir_all(work.join(folder))?;
    }
    fs::write(work.join("status"), "")?;
    let sources = work.join("sources.list");
    fs::write(
        &sources,
        format!("deb [signed-by={KEYRING}] {} {RELEASE} main\n", archive()?),
    )?;
    // An apt of its own, beside the host's: it shares neither sources nor lists with it.
    let settings = [
        ("Dir::Etc::sourcelist", sources.clone()),
        ("Dir::Etc::sourceparts", "-".into()),
        ("Dir::State", work.join("state")),
        ("Dir::State::status", work.join("status")),
        ("Dir::Cache", work.join("cache")),
    ];
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.arg("-qq").current_dir(&work).stderr(Stdio::null());
        for (name, value) in &settings {
            apt.arg("-o").arg(format!("{name}={}", value.display()));
        }
        apt.args(["-o", "Acquire::Languages=none"]);
        apt.args(["-o", "APT::Sandbox::User=root"]);
        apt
    };
    process::run(apt().arg("update")).context("apt can't reach Debian")?;
    process::run(apt().arg("download").args(PACKAGES)).context("apt can't fetch it")?;
    for entry in fs::read_dir(&work)? {
        let package = entry?.path();
        if package.extension().is_some_and(|end| end == "deb") {
            process::run(Command::new("dpkg").arg("-x").args([&package, &files]))?;
        }
    }
    // In one move: that it is there says that it is complete.
    fs::rename(&files, ready)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// Runs all tests, in several processes at once.
fn play(suite: &Path, module: &Path) -> Result<Ends> {
    let folder = paths::target().join("test-wlcs");
    // It has a home of its own, in which nothing is configured.
    let home = folder.join("home");
    fs::create_dir_all(&home)?;
    fs::set_permissions(&home, Permissions::from_mode(0o700))?;
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let mut players = Vec::new();
    for index in 0..count {
        let libraries = suite.join(LIBRARIES);
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command
            .arg("--library-path")
            .args([&libraries, &libraries.join("wlcs/wlcs")])
            .arg(module)
            .arg("--gtest_color=no")
            .env_clear()
            .envs(["HOME", "XDG_RUNTIME_DIR"].map(|name| (name, &home)))
            .env("GTEST_TOTAL_SHARDS", count.to_string())
            .env("GTEST_SHARD_INDEX", index.to_string());
        let log = fs::File::create(folder.join(format!("{index}.err")))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start WLCS")?;
        let output = child.stdout.take().context("standard output is piped")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let text = BufReader::new(output).split(b'\n').map_while(Result::ok);
            for line in text {
                // Nobody listens any more where one hangs.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        players.push((child, lines));
    }
    let mut ends = Ends::new();
    for (child, lines) in players {
        follow(child, &lines, &mut ends)?;
    }
    ensure!(!ends.is_empty(), "no test ran");
    Ok(ends)
}

/// Takes down how the tests of one process end.
fn follow(mut child: Child, lines: &Receiver<String>, ends: &mut Ends) -> Result<()> {
    let mut running: Option<(String, String)> = None;
    loop {
        match lines.recv_timeout(HANGS) {
            Ok(line) => take(&line, &mut running, ends),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                break;
            }
        }
    }
    let status = child.wait()?;
    match running {
        Some((name, said)) => bail!("it ended with {status} in {name}, which said:\n{said}"),
        None if status.code().is_none() => bail!("it ended with {status}"),
        None => Ok(()), // it is 1 if tests fail, as they may
    }
}

/// Takes a line of a process's output.
fn take(line: &str, running: &mut Option<(String, String)>, ends: &mut Ends) {
    if let Some(name) = line.strip_prefix("[ RUN      ] ") {
        *running = Some((name.to_owned(), String::new()));
        return;
    }
    let Some((name, said)) = running else {
        return;
    };
    let end = match line {
        _ if line.starts_with("[       OK ] ") => End::Passed,
        _ if line.starts_with("[     SKIP ] ") => End::Skipped,
        _ if line.starts_with("[  FAILED  ] ") => End::Failed(std::mem::take(said)),
        _ => {
            if said.lines().count() < SHOWN {
                said.push_str(&format!("    {line}\n"));
            }
            return;
        }
    };
    ends.insert(std::mem::take(name), end);
    *running = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_from_the_output() {
        let mut ends = Ends::new();
        let mut running = None;
        for line in [
            "[ RUN      ] A.good",
            "[       OK ] A.good (3 ms)",
            "[ RUN      ] B.other/0",
            "[          ] Missing extension: wl_shell>= 1",
            "[     SKIP ] B.other/0 (2ms)",
            "[ RUN      ] B.bad/1",
            "x.cpp:1: Failure",
            "[  FAILED  ] B.bad/1, where GetParam() = (4) (5 ms)",
            "[  FAILED  ] B.bad/1, where GetParam() = (4)",
            "[ RUN      ] C.crashes",
        ] {
            take(line, &mut running, &mut ends);
        }
        assert_eq!(ends["A.good"], End::Passed);
        assert_eq!(ends["B.other/0"], End::Skipped);
        assert_eq!(
            ends["B.bad/1"],
            End::Failed("    x.cpp:1: Failure\n".into())
        );
        assert_eq!(ends.len(), 3);
        assert_eq!(running.unwrap().0, "C.crashes");
    }

    #[test]
    fn the_list_holds_names_and_reasons() {
        let text = "# Because.\nA.one\n\n  B.two/3  \neither way: C.three\n";
        assert_eq!(names(text, false).collect::<Vec<_>>(), ["A.one", "B.two/3"]);
        assert_eq!(names(text, true).collect::<Vec<_>>(), ["C.three"]);
    }
}
