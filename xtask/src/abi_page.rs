//! `docs/abi.md`: which of Linux's system calls and ioctls Ochre answers, and which tests make them.
//!
//! It is made from the sources: a call is answered if a dispatcher of the kernel has an arm for it,
//! and tested by the families of `tests/abi` that name it. What is missing of a call is said by hand,
//! in `tests/abi/partly.txt`.

use crate::paths;
use crate::sources::rust_files;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use syn::visit::{self, Visit};
use syscalls::Sysno;

/// Where the page is, in the workspace.
pub const PAGE: &str = "docs/abi.md";
const PARTLY: &str = "tests/abi/partly.txt";
const TESTS: &str = "tests/abi/src";

/// What objects answer: whose, in which sources, and by functions of which name.
const IOCTLS: [(&str, &str, &str); 6] = [
    ("Any descriptor", "kernel/src/fs/calls/ioctl.rs", "ioctl"),
    ("Terminals", "kernel/src/ipc/tty", "ioctl"),
    ("A terminal's master", "kernel/src/ipc/pty.rs", "ioctl"),
    (
        "A seccomp filter's supervisor",
        "kernel/src/task/seccomp/notify.rs",
        "ioctl",
    ),
    ("Display cards (DRM)", "display/src/drm/card.rs", "dispatch"),
    (
        "Input devices (evdev)",
        "display/src/evdev/scheme.rs",
        "ioctl",
    ),
];

const INTRODUCTION: &str = "\
# What Ochre answers of Linux's ABI

*Made from the sources by `./x test docs --update`; the suite `docs` fails when this page is stale.*

The numbers and structures are those of Linux on x86-64. A call is **answered** if the kernel has code for it, and
stands with the families of [`tests/abi`](../tests/abi) that make it: each prints the same on Linux and on Ochre. The scripts
there, which BusyBox runs, and the [programs](programs.md) that were tried make more of them.
";

/// What the dispatchers do with a call.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    /// The errors of arms that do nothing else.
    refused: BTreeSet<String>,
    /// There is an arm that does something.
    served: bool,
}

/// The page as it should be.
pub fn make() -> Result<String> {
    let answers = answers()?;
    let families = families()?;
    let partly = parse_partly(&read(Path::new(PARTLY))?)?;
    for call in partly.keys() {
        let known = answers.get(call).is_some_and(|answer| answer.served);
        ensure!(
            known,
            "{PARTLY}: `{call}` is no call that is answered: take the line out"
        );
    }
    let mut page = INTRODUCTION.to_owned();
    let _ = writeln!(
        page,
        "\n## System calls\n\n| | Call | Tests | Not there |\n|---|---|---|---|"
    );
    let (mut absent, mut refused) = (Vec::new(), Vec::new());
    for call in Sysno::iter() {
        let name = call.name();
        match answers.get(name) {
            Some(answer) if answer.served => {
                let tests = families
                    .get(name)
                    .map_or("–".to_owned(), |names| join(names, ", "));
                let missing = partly.get(name).map_or("", String::as_str);
                let _ = writeln!(page, "| {} | {name} | {tests} | {missing} |", call.id());
            }
            Some(answer) => refused.push(format!("{name} ({})", join(&answer.refused, ", "))),
            None => absent.push(name.to_owned()),
        }
    }
    let _ = writeln!(
        page,
        "\nAnswered by an error alone, as a Linux built without them would: {}.",
        join(&refused, ", ")
    );
    let _ = writeln!(page, "\nNot answered (`ENOSYS`): {}.", join(&absent, ", "));
    let _ = writeln!(page, "\n## ioctls\n\n| Of | Answered |\n|---|---|");
    for (what, path, function) in IOCTLS {
        let mut names = Arms::of(function);
        for file in rust_files(path)? {
            names.visit_file(&parse(&file)?);
        }
        let names: Vec<&str> = names.found.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(
            !names.is_empty(),
            "{path} has no function `{function}` any more: see {}",
            file!()
        );
        let _ = writeln!(page, "| {what} | {} |", names.join(", "));
    }
    Ok(page)
}

/// What the kernel's dispatchers, functions that take a `number`, do with each call.
fn answers() -> Result<BTreeMap<String, Answer>> {
    let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
    for file in rust_files("kernel/src")? {
        let mut arms = Arms::that_take("number");
        arms.visit_file(&parse(&file)?);
        for (name, refusal) in arms.found {
            let Some(name) = name.strip_prefix("__NR_") else {
                continue;
            };
            let answer = answers.entry(name.to_owned()).or_default();
            match refusal {
                Some(error) => _ = answer.refused.insert(error),
                None => answer.served = true,
            }
        }
    }
    ensure!(
        !answers.is_empty(),
        "no dispatchers in kernel/src: see {}",
        file!()
    );
    Ok(answers)
}

/// The families of checks that make each call.
fn families() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(TESTS)? {
        let family = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = read(&file)?;
        // Others help the families.
        if !text.contains("pub fn run()") {
            continue;
        }
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if let Some(call) = word.strip_prefix("SYS_") {
                families
                    .entry(call.to_owned())
                    .or_default()
                    .insert(family.clone());
            }
        }
    }
    Ok(families)
}

/// Lines `CALL: what is missing`, comments and empty lines between them.
fn parse_partly(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().enumerate();
    let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    told.map(|(at, line)| {
        let (call, missing) = line
            .split_once(": ")
            .with_context(|| format!("{PARTLY}:{}: write `CALL: what is missing`", at + 1))?;
        Ok((call.to_owned(), missing.to_owned()))
    })
    .collect()
}

/// The constants that the arms of some functions match, with the error of those that do nothing but
/// answer one.
struct Arms {
    /// The functions: those of a name, or those with a parameter of a name.
    name: Option<&'static str>,
    parameter: Option<&'static str>,
    within: bool,
    found: Vec<(String, Option<String>)>,
}

impl Arms {
    fn of(name: &'static str) -> Arms {
        Arms {
            name: Some(name),
            parameter: None,
            within: false,
            found: Vec::new(),
        }
    }

    fn that_take(parameter: &'static str) -> Arms {
        Arms {
            name: None,
            parameter: Some(parameter),
            within: false,
            found: Vec::new(),
        }
    }

    fn wants(&self, signature: &syn::Signature) -> bool {
        let named = |input: &syn::FnArg| match input {
            syn::FnArg::Typed(typed) => match &*typed.pat {
                syn::Pat::Ident(pattern) => {
                    self.parameter.is_some_and(|wanted| pattern.ident == wanted)
                }
                _ => false,
            },
            syn::FnArg::Receiver(_) => false,
        };
        self.name.is_some_and(|wanted| signature.ident == wanted)
            || signature.inputs.iter().any(named)
    }

    fn function(&mut self, signature: &syn::Signature, walk: impl FnOnce(&mut Self)) {
        let outer = self.within;
        self.within = self.wants(signature);
        walk(self);
        self.within = outer;
    }
}

impl<'a> Visit<'a> for Arms {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, |arms| visit::visit_item_fn(arms, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, |arms| visit::visit_impl_item_fn(arms, item));
    }

    /// The arms of a command's own arguments lie within its arm: they are not gone into.
    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        if self.within {
            let refusal = if arm.guard.is_none() {
                refusal(&arm.body)
            } else {
                None
            };
            let mut names = Vec::new();
            constants(&arm.pat, &mut names);
            let new = names.into_iter().map(|name| (name, refusal.clone()));
            self.found.extend(new);
        }
    }
}

/// The constants of a pattern, by the last words of their paths.
fn constants(pattern: &syn::Pat, names: &mut Vec<String>) {
    let mut take = |name: &syn::Ident| {
        let name = name.to_string();
        if name.starts_with("__NR_") || name.chars().all(|c| !c.is_ascii_lowercase()) {
            names.push(name);
        }
    };
    match pattern {
        syn::Pat::Or(or) => or.cases.iter().for_each(|case| constants(case, names)),
        syn::Pat::Path(path) => path
            .path
            .segments
            .last()
            .into_iter()
            .for_each(|s| take(&s.ident)),
        syn::Pat::Ident(ident) => take(&ident.ident),
        _ => {}
    }
}

/// The error, where an expression is `Err(Errno::ERROR)`.
fn refusal(body: &syn::Expr) -> Option<String> {
    let body = match body {
        syn::Expr::Return(back) => back.expr.as_deref()?,
        other => other,
    };
    let syn::Expr::Call(call) = body else {
        return None;
    };
    let (syn::Expr::Path(called), Some(syn::Expr::Path(error))) = (&*call.func, call.args.first())
    else {
        return None;
    };
    let segments = &error.path.segments;
    (called.path.is_ident("Err") && segments.len() == 2).then(|| segments[1].ident.to_string())
}

fn parse(path: &Path) -> Result<syn::File> {
    syn::parse_file(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(paths::root().join(path)).with_context(|| path.display().to_string())
}

fn join<'a>(words: impl IntoIterator<Item = &'a String>, between: &str) -> String {
    words
        .into_iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arms(mut arms: Arms, source: &str) -> Vec<(String, Option<String>)> {
        arms.visit_file(&syn::parse_file(source).unwrap());
        arms.found
    }

    #[test]
    fn a_dispatcher_s_arms_are_its_calls() {
        let source = "
            fn dispatch(number: u32) {
                match number {
                    raw::__NR_read | raw::__NR_write => io(),
                    raw::__NR_bpf => Err(Errno::EPERM),
                    raw::__NR_pipe if odd => Err(Errno::EINVAL),
                    raw::__NR_ioctl => match command { raw::__NR_inner => 1, _ => 2 },
                    _ => return None,
                }
            }
            fn filter(call: u32) { match call { raw::__NR_exit => 1, _ => 2 } }";
        let found = arms(Arms::that_take("number"), source);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "__NR_read",
                "__NR_write",
                "__NR_bpf",
                "__NR_pipe",
                "__NR_ioctl"
            ]
        );
        let refused: Vec<bool> = found.iter().map(|(_, refusal)| refusal.is_some()).collect();
        assert_eq!(refused, [false, false, true, false, false]);
    }

    #[test]
    fn an_ioctl_s_arms_are_its_commands() {
        let source = "
            impl File for Pty {
                async fn ioctl(&self) { match x { cmd::TCGETS => 0, FIGETBSZ if y => 1, other => 2 } }
                fn read(&self) { match x { NOT_THIS => 0, _ => 1 } }
            }";
        let names: Vec<String> = arms(Arms::of("ioctl"), source)
            .into_iter()
            .map(|(n, _)| n)
            .collect();
        assert_eq!(names, ["TCGETS", "FIGETBSZ"]);
    }

    #[test]
    fn what_is_missing_is_a_line_a_call() {
        let told = parse_partly("# a comment\n\nread: nothing\n").unwrap();
        assert_eq!(told["read"], "nothing");
        let error = parse_partly("\nread\n").unwrap_err().to_string();
        assert!(error.contains("partly.txt:2"), "{error}");
    }
}
