//! Booting a guest from a test, and comparing what the same scripts print on Ochre and on Linux.

use super::Tally;
use crate::paths;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where the scripts are that must print the same on both kernels.
const SCRIPTS: &str = "tests/abi";
/// Begins a script's part of the output.
const MARK: &str = "=== ";

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

/// Every script of `tests/abi` prints on Ochre, on both streams, what it prints on Linux, and ends
/// with the same status. All run in one boot of each kernel.
pub fn compare() -> Result<Tally> {
    let scripts = scripts()?;
    ensure!(!scripts.is_empty(), "no script in {SCRIPTS}");
    let folder = paths::root().join(SCRIPTS);
    let addition = format!("{}:/tests", folder.display());
    // Each script has a shell of its own, in an empty folder of its own.
    let mut all = String::new();
    for name in &scripts {
        all += &format!(
            "echo '{MARK}{name}'; mkdir -p /tmp/{name}; cd /tmp/{name}; \
             /bin/busybox timeout 60 /bin/busybox sh /tests/{name}.sh 2>&1 </dev/null; echo \"status $?\"\n"
        );
    }
    let run = |kernel: &str| -> Result<Vec<(String, String)>> {
        let mut arguments = vec!["--kernel", kernel, "--timeout", "600", "--add", &addition];
        arguments.extend(BUSYBOX);
        arguments.extend(["--", "/bin/busybox", "sh", "-c", &all]);
        let output = exec(&arguments)?;
        let parts = split(&String::from_utf8_lossy(&output.stdout));
        if parts.len() != scripts.len() {
            println!(
                "{kernel}: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(parts)
    };
    let (linux, ochre) = (run("linux")?, run("ochre")?);
    let printed = |by: &[(String, String)], name: &str| {
        by.iter()
            .find(|(one, _)| one == name)
            .map(|(_, text)| text.clone())
    };
    let mut tally = Tally::default();
    for name in &scripts {
        let result = match (printed(&linux, name), printed(&ochre, name)) {
            (Some(linux), Some(ochre)) if linux == ochre => Ok(()),
            (None, _) => Err(anyhow::anyhow!("it didn't get to its end on Linux")),
            (_, None) => Err(anyhow::anyhow!("it was not reached on Ochre")),
            (Some(linux), Some(ochre)) => Err(anyhow::anyhow!("{}", difference(&linux, &ochre))),
        };
        tally.test(name, result);
    }
    Ok(tally)
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
fn split(text: &str) -> Vec<(String, String)> {
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
        assert_eq!(parts[0], ("a".to_owned(), "1\n2\nstatus 0\n".to_owned()));
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
