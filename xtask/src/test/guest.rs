//! Booting a guest from a test, and comparing what the same scripts print on Ochre and on Linux.

use super::{Machines, Tally};
use crate::build::{Builder, Libc};
use crate::{paths, process, programs};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where the scripts are that must print the same on both kernels.
const SCRIPTS: &str = "tests/abi";
/// The package of the program whose checks must print the same.
const PACKAGE: &str = "ochre-abi-tests";
/// Goes before the name of one of its families.
const FAMILY: &str = "abi-";
/// Lists the checks that are known to differ.
const DIFFERENCES: &str = "tests/abi/differences.txt";
/// Begins a script's part of the output.
const MARK: &str = "=== ";

/// What each script or family printed.
type Parts = BTreeMap<String, String>;

/// What a guest is booted with, besides the command.
pub const BUSYBOX: [&str; 2] = ["--add", "/bin/busybox:/bin/busybox"];

/// Runs `./x exec` with these arguments.
pub fn exec(arguments: &[&str]) -> Result<Output> {
    let myself = std::env::current_exe().context("where am I?")?;
    Command::new(myself)
        .arg("exec")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot run ./x exec")
}

/// The program of the families of checks, and their names.
pub fn families(builder: &Builder) -> Result<(PathBuf, Vec<String>)> {
    let programs = programs::of_tests(PACKAGE)?;
    let built = builder.user(&programs, Libc::Relibc)?;
    let [program] = &built[..] else {
        bail!("{PACKAGE} has one program");
    };
    let program = builder.stripped(program)?;
    let families = process::output(Command::new(&program).stdin(Stdio::null()))?;
    Ok((program, families.lines().map(str::to_owned).collect()))
}

/// Every script of `tests/abi` prints on Ochre, on both streams, what it prints on Linux, and ends
/// with the same status; and its program's families of checks print the same, line by line. All
/// run in one boot of Linux and in one of Ochre, on each number of processors.
pub fn compare(builder: &Builder, machines: Machines) -> Result<Tally> {
    let (program, families) = families(builder)?;
    let scripts = scripts()?;
    ensure!(!scripts.is_empty(), "no script in {SCRIPTS}");
    let folder = paths::root().join(SCRIPTS);
    let scripts_added = format!("{}:/tests", folder.display());
    let program_added = format!("{}:/bin/abi", program.display());
    // Each has a shell of its own, in an empty folder of its own.
    let mut all = String::new();
    let mut part = |name: &str, command: &str| {
        all += &format!(
            "echo '{MARK}{name}'; mkdir -p /tmp/{name}; cd /tmp/{name}; \
             /bin/busybox timeout 300 {command} 2>&1 </dev/null; echo \"status $?\"\n"
        );
    };
    for name in &scripts {
        part(name, &format!("/bin/busybox sh /tests/{name}.sh"));
    }
    for family in &families {
        part(&format!("{FAMILY}{family}"), &format!("/bin/abi {family}"));
    }
    let run = |kernel: &str, processors: &str| -> Result<Parts> {
        let mut arguments = vec!["--kernel", kernel, "--smp", processors, "--timeout", "1500"];
        // With less, Linux has no huge pages.
        arguments.extend(["--memory", "1024"]);
        if machines.uefi && kernel == "ochre" {
            arguments.push("--uefi");
        }
        arguments.extend(["--add", &scripts_added, "--add", &program_added]);
        arguments.extend(BUSYBOX);
        arguments.extend(["--", "/bin/busybox", "sh", "-c", &all]);
        let output = exec(&arguments)?;
        let parts = split(&String::from_utf8_lossy(&output.stdout));
        if parts.len() != scripts.len() + families.len() {
            println!(
                "{kernel}: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(parts)
    };
    let known = known_differences()?;
    let mut tally = Tally::default();
    let asked = machines.smp.map(|number| vec![number]);
    for processors in asked.unwrap_or_else(|| vec![1, 2]) {
        let number = processors.to_string();
        let on = format!("on {processors} processors");
        let (linux, ochre) = (run("linux", &number)?, run("ochre", &number)?);
        let reached = linux.len();
        tally.test(
            &format!("Linux {on}"),
            if reached == scripts.len() + families.len() {
                Ok(())
            } else {
                Err(anyhow!("{reached} parts ran"))
            },
        );
        let mut checks = checks_of(&linux, &ochre, &known);
        if checks.values().any(Result::is_err) {
            process::say("   asking Linux once more, as Ochre differs");
            allow(
                &mut checks,
                &checks_of(&run("linux", &number)?, &ochre, &known),
            );
        }
        for (name, result) in checks {
            tally.test(&format!("{name} {on}"), result);
        }
    }
    Ok(tally)
}

/// What is compared, by its name, and whether it agrees.
type Checks = BTreeMap<String, Result<()>>;

/// Compares what all parts printed.
fn checks_of(linux: &Parts, ochre: &Parts, known: &BTreeSet<String>) -> Checks {
    let mut checks = Checks::new();
    for (name, expected) in linux {
        match ochre.get(name) {
            None => {
                let missing = Err(anyhow!("it was not reached on Ochre"));
                checks.insert(name.clone(), missing);
            }
            Some(found) if name.starts_with(FAMILY) => {
                compare_lines(name, expected, found, known, &mut checks);
            }
            Some(found) if expected == found => {
                checks.insert(name.clone(), Ok(()));
            }
            Some(found) => {
                let difference = difference(expected, found);
                checks.insert(name.clone(), Err(anyhow!("{difference}")));
            }
        }
    }
    checks
}

/// Where Linux gives now this answer and now that, each is a right one.
fn allow(checks: &mut Checks, again: &Checks) {
    for (name, result) in checks {
        if let (Err(error), Some(Ok(()))) = (&*result, again.get(name)) {
            process::say(format_args!(
                "   Linux is of two minds about {name}: {error}"
            ));
            *result = Ok(());
        }
    }
}

/// What is known to differ, as `FAMILY: LABEL`; each with its reason in a comment before it.
fn known_differences() -> Result<BTreeSet<String>> {
    let file = paths::root().join(DIFFERENCES);
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// Each line `what was done: what came of it` is a check, unless it is known to differ.
fn compare_lines(
    part: &str,
    linux: &str,
    ochre: &str,
    known: &BTreeSet<String>,
    checks: &mut Checks,
) {
    let (linux, ochre) = (labelled(linux), labelled(ochre));
    let family = part.trim_start_matches(FAMILY);
    let labels: BTreeSet<_> = linux.keys().chain(ochre.keys()).collect();
    for &(label, nth) in labels {
        if known.contains(&format!("{family}: {label}")) {
            continue;
        }
        let result = match (linux.get(&(label, nth)), ochre.get(&(label, nth))) {
            (expected, found) if expected == found => Ok(()),
            (Some(expected), Some(found)) => Err(anyhow!("Linux {expected:?}, Ochre {found:?}")),
            (Some(expected), None) => Err(anyhow!("Linux {expected:?}, Ochre doesn't say")),
            (None, found) => Err(anyhow!(
                "Linux doesn't say, Ochre {:?}",
                found.unwrap_or(&"")
            )),
        };
        let times = match nth {
            0 => String::new(),
            nth => format!(" ({})", nth + 1),
        };
        checks.insert(format!("{part}: {label}{times}"), result);
    }
}

/// Lines by what is before their first colon, and how often that came before.
fn labelled(text: &str) -> BTreeMap<(&str, usize), &str> {
    let mut lines = BTreeMap::new();
    for line in text.lines() {
        let (label, value) = line.split_once(": ").unwrap_or((line, ""));
        let nth = (0..)
            .find(|&nth| !lines.contains_key(&(label, nth)))
            .unwrap_or_default();
        lines.insert((label, nth), value);
    }
    lines
}

fn scripts() -> Result<Vec<String>> {
    let folder: PathBuf = paths::root().join(SCRIPTS);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".sh")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Names and outputs of the scripts, of all they printed together.
fn split(text: &str) -> Parts {
    let parts = text.split(MARK).skip(1);
    parts
        .filter_map(|part| {
            let (name, printed) = part.split_once('\n')?;
            Some((name.to_owned(), printed.to_owned()))
        })
        .collect()
}

/// The first line in which two outputs differ.
fn difference(linux: &str, ochre: &str) -> String {
    let (mut linux_lines, mut ochre_lines) = (linux.lines(), ochre.lines());
    for number in 1.. {
        match (linux_lines.next(), ochre_lines.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let shown =
                    |line: Option<&str>| line.map_or("nothing more".into(), |l| format!("{l:?}"));
                return format!(
                    "line {number}: Linux {}, Ochre {}",
                    shown(one),
                    shown(other)
                );
            }
        }
    }
    "they differ in line ends".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let parts = split("noise\n=== a\n1\n2\nstatus 0\n=== b\nstatus 1\n");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts["a"], "1\n2\nstatus 0\n");
    }

    /// Names of the checks that agree, and of those that don't.
    fn compared(linux: &str, ochre: &str, known: &[&str]) -> (Vec<String>, Vec<String>) {
        let parts = |text: &str| Parts::from([("abi-a".to_owned(), text.to_owned())]);
        let known = known.iter().map(|&label| label.to_owned()).collect();
        outcome(checks_of(&parts(linux), &parts(ochre), &known))
    }

    fn outcome(checks: Checks) -> (Vec<String>, Vec<String>) {
        let (good, bad): (Vec<_>, Vec<_>) = checks.into_iter().partition(|(_, r)| r.is_ok());
        let names = |checks: Vec<(String, _)>| checks.into_iter().map(|(name, _)| name).collect();
        (names(good), names(bad))
    }

    #[test]
    fn lines_are_compared_by_their_labels() {
        let (good, bad) = compared("a: 1\na: 2\nb: 3\n", "a: 1\nb: 3\na: 4\nc: 5\n", &[]);
        assert_eq!(good, ["abi-a: a", "abi-a: b"]);
        assert_eq!(bad, ["abi-a: a (2)", "abi-a: c"]);
        let (good, bad) = compared("a: 1\nb: 3\n", "a: 2\nb: 3\nc: 5\n", &["a: a", "a: c"]);
        assert_eq!(good, ["abi-a: b"]);
        assert!(bad.is_empty());
    }

    #[test]
    fn any_answer_of_linux_is_right_and_no_other() {
        let parts = |text: &str| Parts::from([("abi-a".to_owned(), text.to_owned())]);
        let ochre = parts("a: 1\nb: 1\n");
        let known = BTreeSet::new();
        let mut checks = checks_of(&parts("a: 2\nb: 2\n"), &ochre, &known);
        allow(
            &mut checks,
            &checks_of(&parts("a: 1\nb: 3\n"), &ochre, &known),
        );
        assert_eq!(
            outcome(checks),
            (vec!["abi-a: a".to_owned()], vec!["abi-a: b".to_owned()])
        );
    }

    #[test]
    fn a_part_that_was_not_reached_fails() {
        let linux = Parts::from([("script".to_owned(), "1\n".to_owned())]);
        let checks = checks_of(&linux, &Parts::new(), &BTreeSet::new());
        assert_eq!(outcome(checks), (vec![], vec!["script".to_owned()]));
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(
            difference("1\n2\n", "1\n3\n"),
            r#"line 2: Linux "2", Ochre "3""#
        );
        assert_eq!(
            difference("1\n2\n", "1\n"),
            r#"line 2: Linux "2", Ochre nothing more"#
        );
    }
}
