//! The command line, as POSIX and bash define it for a shell.

use std::io::IsTerminal;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    Run(Arguments),
    Help,
    Version,
}

/// How to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What the shell calls itself: `$0`.
    pub name: String,
    /// Where the commands come from.
    pub source: Source,
    /// `$1` and on.
    pub positional: Vec<String>,
    pub login: bool,
    /// `-i`: as at a prompt, wherever the commands come from.
    pub prompting: bool,
    pub posix: bool,
    /// Options of `set`, by name, and whether each is on.
    pub options: Vec<(String, bool)>,
    /// Options of `shopt`, likewise.
    pub shell_options: Vec<(String, bool)>,
    pub rc_file: Option<PathBuf>,
    pub without_rc: bool,
    pub without_profile: bool,
}

/// Where the commands come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Input,
    Commands(String),
    Script(String),
}

/// Why a command line can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    #[error("there is no option {0}")]
    Unknown(String),
    #[error("{0} wants an argument")]
    Missing(&'static str),
}

/// The letters that stand for options of `set`.
const LETTERS: [(char, &str); 12] = [
    ('a', "allexport"),
    ('b', "notify"),
    ('C', "noclobber"),
    ('e', "errexit"),
    ('f', "noglob"),
    ('h', "hashall"),
    ('m', "monitor"),
    ('n', "noexec"),
    ('u', "nounset"),
    ('v', "verbose"),
    ('x', "xtrace"),
    ('t', "onecmd"),
];

impl Arguments {
    /// Reads the words of a command line, the program's own name first.
    pub fn parse(words: &[String]) -> Result<Parsed, ArgumentError> {
        let mut words = words.iter().cloned();
        let called = words.next().unwrap_or_else(|| "sh".to_owned());
        let program = called.rsplit('/').next().unwrap_or_default();
        let mut arguments = Arguments {
            // How login and terminals say that this is a user's first shell.
            login: called.starts_with('-'),
            posix: program == "sh",
            ..Arguments::default()
        };
        let (mut commands, mut input) = (false, false);
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            let mut next = |option| words.next().ok_or(ArgumentError::Missing(option));
            match word.as_str() {
                "--help" => return Ok(Parsed::Help),
                "--version" => return Ok(Parsed::Version),
                "--login" => arguments.login = true,
                "--posix" => arguments.posix = true,
                "--norc" => arguments.without_rc = true,
                "--noprofile" => arguments.without_profile = true,
                "--rcfile" | "--init-file" => {
                    arguments.rc_file = Some(next("--rcfile")?.into());
                }
                "--" | "-" => break,
                long if long.starts_with("--") => {
                    return Err(ArgumentError::Unknown(word));
                }
                short if short.starts_with(['-', '+']) && short.len() > 1 => {
                    let on = short.starts_with('-');
                    for letter in short.chars().skip(1) {
                        match letter {
                            'c' if on => commands = true,
                            's' if on => input = true,
                            'i' if on => arguments.prompting = true,
                            'l' if on => arguments.login = true,
                            'o' => arguments.options.push((next("-o")?, on)),
                            'O' => arguments.shell_options.push((next("-O")?, on)),
                            _ => arguments.options.push((name_of(letter, &word)?, on)),
                        }
                    }
                }
                _ => {
                    rest.push(word);
                    break;
                }
            }
        }
        rest.extend(words);
        let mut rest = rest.into_iter();
        arguments.name = called;
        if commands {
            arguments.source = Source::Commands(rest.next().ok_or(ArgumentError::Missing("-c"))?);
            if let Some(name) = rest.next() {
                arguments.name = name;
            }
        } else if !input && let Some(script) = rest.next() {
            arguments.name.clone_from(&script);
            arguments.source = Source::Script(script);
        }
        arguments.positional = rest.collect();
        Ok(Parsed::Run(arguments))
    }

    /// Whether someone is to be prompted for the commands.
    pub fn is_interactive(&self) -> bool {
        self.prompting
            || (self.source == Source::Input
                && std::io::stdin().is_terminal()
                && std::io::stderr().is_terminal())
    }
}

fn name_of(letter: char, word: &str) -> Result<String, ArgumentError> {
    LETTERS
        .iter()
        .find(|(known, _)| *known == letter)
        .map(|(_, name)| (*name).to_owned())
        .ok_or_else(|| ArgumentError::Unknown(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Arguments {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        match Arguments::parse(&words) {
            Ok(Parsed::Run(arguments)) => arguments,
            other => panic!("{words:?} is {other:?}"),
        }
    }

    #[test]
    fn commands_take_a_name_and_arguments() {
        let arguments = parse(&["sh", "-ec", "echo $0 $1", "name", "-x"]);
        assert_eq!(arguments.source, Source::Commands("echo $0 $1".to_owned()));
        assert_eq!(arguments.name, "name");
        assert_eq!(arguments.positional, ["-x"]);
        assert_eq!(arguments.options, [("errexit".to_owned(), true)]);
    }

    #[test]
    fn a_script_keeps_what_looks_like_options() {
        let arguments = parse(&["/bin/sh", "+u", "script", "-c", "--"]);
        assert_eq!(arguments.source, Source::Script("script".to_owned()));
        assert_eq!(arguments.name, "script");
        assert_eq!(arguments.positional, ["-c", "--"]);
        assert_eq!(arguments.options, [("nounset".to_owned(), false)]);
        assert!(arguments.posix);
    }

    #[test]
    fn input_is_read_where_nothing_else_is_named() {
        assert_eq!(parse(&["sh"]).source, Source::Input);
        let arguments = parse(&["bash", "-s", "a", "b"]);
        assert_eq!(arguments.source, Source::Input);
        assert_eq!(arguments.positional, ["a", "b"]);
        assert!(!arguments.posix);
    }

    #[test]
    fn options_that_take_words_take_the_next_ones() {
        let arguments = parse(&["bash", "-euo", "pipefail", "+O", "extglob", "x"]);
        assert_eq!(
            arguments.options,
            [
                ("errexit".to_owned(), true),
                ("nounset".to_owned(), true),
                ("pipefail".to_owned(), true)
            ]
        );
        assert_eq!(arguments.shell_options, [("extglob".to_owned(), false)]);
    }

    #[test]
    fn a_dash_before_the_name_makes_a_login_shell() {
        assert!(parse(&["-sh"]).login);
        assert!(parse(&["sh", "-l"]).login);
        assert!(!parse(&["sh"]).login);
    }

    #[test]
    fn what_is_no_option_is_said() {
        let parse = |words: &[&str]| {
            Arguments::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            parse(&["sh", "-ez"]),
            Err(ArgumentError::Unknown("-ez".to_owned()))
        );
        assert_eq!(parse(&["sh", "-c"]), Err(ArgumentError::Missing("-c")));
        assert_eq!(
            parse(&["sh", "--what"]),
            Err(ArgumentError::Unknown("--what".to_owned()))
        );
    }
}
