//! `kill` (POSIX.1-2017, kill; bash's manual): sends signals to processes, groups and jobs. It is the
//! shell's, as only it knows its jobs.

use brush_core::builtins::{ContentOptions, ContentType, SimpleCommand};
use brush_core::{
    Error, ExecutionContext, ExecutionExitCode, ExecutionResult, Shell, ShellExtensions,
};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, kill_current_process_group, kill_process, kill_process_group,
    test_kill_current_process_group, test_kill_process, test_kill_process_group,
};
use std::io::Write;

const HELP: &str = "\
Usage: kill [-SIGNAL | -s NAME | -n NUMBER] ID…
       kill -l [SIGNAL]…

Sends a signal, TERM if none is named, to each ID: a process, a process group
(negative; 0 is the shell's own, -1 all there are), or a job (%1, %%, %-).

  -l, -L   list the signals; or, of each number or exit status its signal's
           name, of each name its number

A signal is a number or a name, with SIG before it or without: 9, KILL, SIGKILL.
0 sends nothing: it asks whether one could be sent.
";

/// Signals by their numbers, from 1 (signal(7), x86).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// An exit status above says which signal ended a command.
const ENDED_BY_SIGNAL: usize = 128;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Wish {
    Help,
    List(Vec<String>),
    /// The signal, none for 0, and whom to send it to.
    Send(Option<Signal>, Vec<String>),
}

/// Whom a signal goes to.
#[derive(Debug, PartialEq)]
enum Target {
    Process(Pid),
    Group(Pid),
    OwnGroup,
}

/// Why the command line can't be followed.
#[derive(Debug, PartialEq, thiserror::Error)]
enum Misuse {
    #[error("{0}: there is no such signal; `kill -l` lists them")]
    Signal(String),
    #[error("{0}: a signal must follow")]
    NoSignal(String),
    #[error("whom? `kill --help` shows the usage")]
    NoTarget,
}

/// The command.
pub struct Kill;

impl SimpleCommand for Kill {
    fn get_content(name: &str, content: ContentType, _: &ContentOptions) -> Result<String, Error> {
        Ok(match content {
            ContentType::ShortDescription => format!("{name} - sends signals\n"),
            ContentType::ShortUsage => format!("{name}: {name} [-SIGNAL] ID… or {name} -l\n"),
            ContentType::DetailedHelp | ContentType::ManPage => HELP.to_owned(),
        })
    }

    fn execute<SE: ShellExtensions, I: Iterator<Item = S>, S: AsRef<str>>(
        context: ExecutionContext<'_, SE>,
        words: I,
    ) -> Result<ExecutionResult, Error> {
        let words: Vec<String> = words.skip(1).map(|word| word.as_ref().to_owned()).collect();
        let (mut out, mut err) = (context.stdout(), context.stderr());
        match parse(&words) {
            Ok(Wish::Help) => write!(out, "{HELP}")?,
            Ok(Wish::List(signals)) if signals.is_empty() => write!(out, "{}", table())?,
            Ok(Wish::List(signals)) => {
                let mut all = true;
                for signal in signals {
                    match other_name(&signal) {
                        Some(name) => writeln!(out, "{name}")?,
                        None => {
                            all = false;
                            writeln!(err, "kill: {}", Misuse::Signal(signal))?;
                        }
                    }
                }
                return Ok(status(all));
            }
            Ok(Wish::Send(signal, ids)) => {
                let mut any = false;
                for id in ids {
                    match send(context.shell, signal, &id) {
                        Ok(()) => any = true,
                        Err(why) => writeln!(err, "kill: {id}: {why}")?,
                    }
                }
                return Ok(status(any));
            }
            Err(misuse) => {
                writeln!(err, "kill: {misuse}")?;
                return Ok(ExecutionExitCode::InvalidUsage.into());
            }
        }
        Ok(ExecutionResult::success())
    }
}

fn status(good: bool) -> ExecutionResult {
    match good {
        true => ExecutionResult::success(),
        false => ExecutionResult::general_error(),
    }
}

fn parse(words: &[String]) -> Result<Wish, Misuse> {
    let (first, rest) = words.split_first().ok_or(Misuse::NoTarget)?;
    let (name, ids) = match (first.as_str(), rest) {
        ("--help", _) => return Ok(Wish::Help),
        ("-l" | "-L", rest) => return Ok(Wish::List(rest.to_vec())),
        ("-s" | "-n", [name, ids @ ..]) => (name.as_str(), ids),
        ("-s" | "-n", []) => return Err(Misuse::NoSignal(first.clone())),
        ("--", _) => ("TERM", words),
        (option, ids) => match option.strip_prefix('-') {
            Some(name) => (name, ids),
            None => ("TERM", words),
        },
    };
    let ids = match ids {
        [end, ids @ ..] if end == "--" => ids,
        ids => ids,
    };
    if ids.is_empty() {
        return Err(Misuse::NoTarget);
    }
    let number = number(name).ok_or_else(|| Misuse::Signal(name.to_owned()))?;
    let signal = i32::try_from(number).ok().and_then(Signal::from_named_raw);
    Ok(Wish::Send(signal, ids.to_vec()))
}

/// A signal's number, by its name or number; 0 is none.
fn number(signal: &str) -> Option<usize> {
    if let Ok(number) = signal.parse() {
        return (number <= NAMES.len()).then_some(number);
    }
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let at = NAMES.iter().position(|known| *known == name)?;
    Some(at + 1)
}

/// The number of a name, the name of a number or of an exit status.
fn other_name(signal: &str) -> Option<String> {
    let Ok(status) = signal.parse::<usize>() else {
        return Some(number(signal)?.to_string());
    };
    let number = status.checked_sub(ENDED_BY_SIGNAL).unwrap_or(status);
    Some(NAMES.get(number.checked_sub(1)?)?.to_string())
}

/// All signals, in five columns.
fn table() -> String {
    let mut text = String::new();
    for (at, name) in NAMES.iter().enumerate() {
        let end = if at % 5 == 4 || at + 1 == NAMES.len() {
            "\n"
        } else {
            "\t"
        };
        text += &format!("{:2}) SIG{name:<7}{end}", at + 1);
    }
    text
}

fn send(
    shell: &mut Shell<impl ShellExtensions>,
    signal: Option<Signal>,
    id: &str,
) -> Result<(), String> {
    let target = match id.starts_with('%') {
        true => job(shell, id).ok_or("no such job")?,
        false => target(id).ok_or("neither a process nor a job: those begin with %")?,
    };
    let sent = match (target, signal) {
        (Target::Process(pid), Some(signal)) => kill_process(pid, signal),
        (Target::Process(pid), None) => test_kill_process(pid),
        (Target::Group(pid), Some(signal)) => kill_process_group(pid, signal),
        (Target::Group(pid), None) => test_kill_process_group(pid),
        (Target::OwnGroup, Some(signal)) => kill_current_process_group(signal),
        (Target::OwnGroup, None) => test_kill_current_process_group(),
    };
    sent.map_err(|errno| match errno {
        Errno::SRCH => "no such process".to_owned(),
        Errno::PERM => "not yours to signal".to_owned(),
        other => other.to_string(),
    })
}

/// A job's processes: its group where the shell gives each job its own, which it does at a prompt.
fn job(shell: &mut Shell<impl ShellExtensions>, id: &str) -> Option<Target> {
    let groups = shell.options().interactive;
    let leader = shell.jobs_mut().resolve_job_spec(id)?.process_group_id()?;
    let leader = Pid::from_raw(leader)?;
    Some(if groups {
        Target::Group(leader)
    } else {
        Target::Process(leader)
    })
}

fn target(id: &str) -> Option<Target> {
    match id.parse::<i32>().ok()? {
        0 => Some(Target::OwnGroup),
        // Group 1 is all there are, as the call itself sees it.
        pid if pid < 0 => Pid::from_raw(pid.checked_neg()?).map(Target::Group),
        pid => Pid::from_raw(pid).map(Target::Process),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Wish, Misuse> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    fn sent(signal: Signal, ids: &[&str]) -> Result<Wish, Misuse> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Ok(Wish::Send(Some(signal), ids))
    }

    #[test]
    fn a_signal_is_said_in_many_ways() {
        assert_eq!(parsed("7 %1"), sent(Signal::TERM, &["7", "%1"]));
        for line in [
            "-9 7",
            "-KILL 7",
            "-sigkill 7",
            "-s KILL 7",
            "-n 9 7",
            "-s SIGKILL -- 7",
        ] {
            assert_eq!(parsed(line), sent(Signal::KILL, &["7"]), "{line}");
        }
        assert_eq!(parsed("-0 7"), Ok(Wish::Send(None, vec!["7".into()])));
        assert_eq!(parsed("-- -7"), sent(Signal::TERM, &["-7"]));
        assert_eq!(parsed("-STOP -7"), sent(Signal::STOP, &["-7"]));
        assert_eq!(parsed("-stop -- -7"), sent(Signal::STOP, &["-7"]));
    }

    #[test]
    fn misuse_is_told() {
        assert_eq!(parsed("-FOO 7"), Err(Misuse::Signal("FOO".into())));
        assert_eq!(parsed("-32 7"), Err(Misuse::Signal("32".into())));
        assert_eq!(parsed("-s"), Err(Misuse::NoSignal("-s".into())));
        for line in ["", "-9", "--", "-s TERM"] {
            assert_eq!(parsed(line), Err(Misuse::NoTarget), "{line}");
        }
    }

    #[test]
    fn numbers_have_names_and_names_numbers() {
        assert_eq!(other_name("9").as_deref(), Some("KILL"));
        assert_eq!(other_name("143").as_deref(), Some("TERM"));
        assert_eq!(other_name("sigchld").as_deref(), Some("17"));
        for none in ["0", "32", "128", "999", "FOO"] {
            assert_eq!(other_name(none), None, "{none}");
        }
        assert_eq!(table().lines().count(), 7);
    }

    #[test]
    fn ids_are_processes_and_groups() {
        assert_eq!(target("0"), Some(Target::OwnGroup));
        assert_eq!(target("7"), Pid::from_raw(7).map(Target::Process));
        assert_eq!(target("-7"), Pid::from_raw(7).map(Target::Group));
        for none in ["", "x", "-2147483648", "99999999999"] {
            assert_eq!(target(none), None, "{none}");
        }
    }
}
