//! The guest boots, runs commands, and reports how they end.

use super::Tally;
use super::guest::{BUSYBOX, exec};
use crate::build::{Builder, Libc};
use crate::programs;
use anyhow::{Result, ensure};
use std::process::Output;

/// Boots with what is asked for, runs one shell line, and checks output, errors and status.
struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    line: &'static str,
    out: &'static str,
    err: &'static str,
    status: i32,
}

const CASES: [Case; 7] = [
    Case {
        name: "a pipeline of processes, booted by UEFI firmware",
        arguments: &["--uefi"],
        line: "for i in 1 2 3; do echo $i; done | wc -l",
        out: "3\n",
        err: "",
        status: 0,
    },
    Case {
        name: "a pipeline of processes, on one processor",
        arguments: &["--smp", "1"],
        line: "for i in 1 2 3; do echo $i; done | wc -l",
        out: "3\n",
        err: "",
        status: 0,
    },
    Case {
        name: "a pipeline of processes, on two processors",
        arguments: &["--smp", "2"],
        line: "for i in 1 2 3; do echo $i; done | wc -l; nproc",
        out: "3\n2\n",
        err: "",
        status: 0,
    },
    Case {
        name: "a pipeline of processes, on four processors",
        arguments: &["--smp", "4"],
        line: "for i in 1 2 3; do echo $i; done | wc -l; nproc",
        out: "3\n4\n",
        err: "",
        status: 0,
    },
    Case {
        name: "two streams and a status",
        arguments: &[],
        line: "echo out; echo err >&2; exit 7",
        out: "out\n",
        err: "err\n",
        status: 7,
    },
    Case {
        name: "a command that a signal ends",
        arguments: &[],
        line: "echo before; kill -TERM $$",
        out: "before\n",
        err: "",
        status: 128 + 15,
    },
    Case {
        name: "a command that takes too long",
        arguments: &["--timeout", "30"],
        line: "while :; do :; done",
        out: "",
        err: "x: the time was up",
        status: 124,
    },
];

/// Runs the cases. All that they boot is built before: a command that builds first says so among
/// its errors.
pub fn run(builder: &Builder) -> Result<Tally> {
    builder.kernel()?;
    builder.boot()?;
    let programs = programs::of_packages(&["ochre-boot-command".to_owned()])?;
    builder.user(&programs, Libc::Relibc)?;
    let mut tally = Tally::default();
    for case in &CASES {
        tally.test(case.name, case.run());
    }
    Ok(tally)
}

impl Case {
    fn run(&self) -> Result<()> {
        let mut arguments = BUSYBOX.to_vec();
        if !self.arguments.contains(&"--timeout") {
            arguments.extend(["--timeout", "120"]);
        }
        arguments.extend(self.arguments);
        arguments.extend(["--", "/bin/busybox", "sh", "-c", self.line]);
        let Output {
            status,
            stdout,
            stderr,
        } = exec(&arguments)?;
        let (out, err) = (
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr),
        );
        ensure!(
            status.code() == Some(self.status),
            "it ended with {status}; errors: {err}"
        );
        ensure!(out == self.out, "it printed {out:?}");
        let expected = if self.err.is_empty() {
            err.is_empty()
        } else {
            err.contains(self.err)
        };
        ensure!(expected, "its errors are {err:?}");
        Ok(())
    }
}
