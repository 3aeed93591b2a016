//! Running other programs: with their failure reported as the command line that failed, and with a
//! word on the terminal when a step takes longer than a person waits without wondering.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Says something about progress.
pub fn say(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Runs `work`; announces it by name if it takes longer than two seconds, and then its duration.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let (finished, wait) = mpsc::channel::<()>();
    let label = name.to_owned();
    let watcher = std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_secs(2)) == Err(mpsc::RecvTimeoutError::Timeout) {
            say(format_args!("   {label} …"));
            return true;
        }
        false
    });
    let result = work();
    drop(finished);
    if watcher.join().unwrap_or(false) && result.is_ok() {
        say(format_args!(
            "   {name}: {:.1} s",
            start.elapsed().as_secs_f32()
        ));
    }
    result.with_context(|| format!("{name} failed"))
}

/// The command line as a person would type it, for messages.
pub fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        if argument.is_empty()
            || argument.contains(|c: char| c.is_whitespace() || "'\"$&|;()<>".contains(c))
        {
            line.push_str(&format!("'{}'", argument.replace('\'', r"'\''")));
        } else {
            line.push_str(&argument);
        }
    }
    line
}

/// Runs a command to its end; a non-zero status is an error that names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", shown(command)))
}

/// Finds a program on PATH (and in sbin, which PATH may leave out for ordinary users).
pub fn find(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let program = Path::new(program.as_ref());
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The cargo that the user runs, for what is built to run on the host.
pub fn host_cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_cargo_environment(&mut command);
    // Cargo compiles a dependency in the dependency's folder; where that has a rust-toolchain.toml,
    // rustup's `rustc` would take another compiler than the user's, were it not named here.
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command
}

/// Takes out what cargo and rustup put into the environment of the program they run (xtask), so
/// that a compiler started from here sees what it would see from the shell.
pub fn without_cargo_environment(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let from_cargo = text.starts_with("CARGO") && text != "CARGO_HOME";
        if from_cargo
            || matches!(
                &*text,
                "RUSTUP_TOOLCHAIN" | "RUST_RECURSION_COUNT" | "RUSTC" | "RUSTFLAGS"
            )
        {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'it works' $HOME", ""]);
        assert_eq!(shown(&command), r"sh -c 'echo '\''it works'\'' $HOME' ''");
    }

    #[test]
    fn a_failing_command_is_named_in_its_error() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("exit 3") && error.contains("status: 3"),
            "{error}"
        );
    }
}
