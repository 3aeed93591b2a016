//! The guest boots, runs commands, and reports how they end; no function of its kernel takes too much of a stack.

use super::guest::{BUSYBOX, exec};
use super::{Machines, Tally, console};
use crate::build::{Builder, Libc};
use crate::frames;
use crate::paths;
use crate::programs;
use crate::qemu::Machine;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

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
pub fn run(builder: &Builder, machines: Machines) -> Result<Tally> {
    let kernel = builder.kernel()?;
    builder.boot()?;
    let programs = programs::of_packages(&["ochre-boot-command".to_owned()])?;
    builder.user(&programs, Libc::Relibc)?;
    let selftest = builder.hal_selftest()?;
    let mut tally = Tally::default();
    tally.test("the kernel's frames", frames::check(&kernel));
    for processors in [1, 2, 4] {
        let name = format!("the hal's self-test on {processors} processors");
        tally.test(&name, hal(&selftest, processors));
    }
    for case in &UNBOOTABLE {
        tally.test(case.name, case.run(&kernel));
    }
    for case in &CASES {
        tally.test(case.name, case.run(machines));
    }
    tally.test("a shell at the serial console", console::session(machines));
    Ok(tally)
}

/// The status of QEMU when the self-test has passed.
const PASSED: i32 = 33;
/// How long the self-test may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// The hal's self-test, booted in place of the kernel, passes.
fn hal(selftest: &Path, processors: u8) -> Result<()> {
    let mut machine = Machine::new(processors, 512)?;
    machine.without_display().arguments(["-kernel"]);
    machine.arguments([selftest]);
    machine.arguments(["-append", "debug_exit panic=exit"]);
    let (status, said) = end_of(machine)?;
    ensure!(status == Some(PASSED), "{status:?}: {said}");
    Ok(())
}

/// Runs a machine that ends by itself: QEMU's status, and what was said on its serial port.
fn end_of(mut machine: Machine) -> Result<(Option<i32>, String)> {
    let mut line = machine.serial()?;
    line.set_read_timeout(Some(PATIENCE))?;
    let running = machine.start()?;
    let mut said = Vec::new();
    let heard = line.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    heard.with_context(|| format!("it hangs after {said}"))?;
    Ok((running.wait()?.code(), said))
}

/// What can't be booted says why, and hangs nowhere.
struct Unbootable {
    name: &'static str,
    /// The boot archive; none at all if empty.
    archive: &'static [u8],
    memory: u64,
    says: &'static str,
}

const UNBOOTABLE: [Unbootable; 5] = [
    Unbootable {
        name: "no boot archive",
        archive: b"",
        memory: 512,
        says: "no boot archive",
    },
    Unbootable {
        name: "a boot archive of something else",
        archive: &[0x50; 512],
        memory: 512,
        says: "the boot archive can't be unpacked: no cpio header at byte 0",
    },
    Unbootable {
        name: "a boot archive that was cut",
        archive: b"070701",
        memory: 512,
        says: "the boot archive can't be unpacked: the archive ends within entry",
    },
    Unbootable {
        name: "a boot archive without init",
        archive: EMPTY,
        memory: 512,
        says: "no init in the boot archive",
    },
    Unbootable {
        name: "too little memory",
        archive: EMPTY,
        memory: 16,
        says: "Ochre cannot start: ",
    },
];

/// An archive of nothing (cpio(5), "newc"): thirteen fields of eight digits, and the last name.
const EMPTY: &[u8] = b"070701\
    00000000000000000000000000000000000000010000000000000000\
    000000000000000000000000000000000000000B00000000TRAILER!!!\0\0\0\0";
/// The status of QEMU when the kernel has panicked.
const PANICKED: i32 = 125;

impl Unbootable {
    fn run(&self, kernel: &Path) -> Result<()> {
        let mut machine = Machine::new(2, self.memory)?;
        machine.without_display().arguments(["-kernel"]);
        machine.arguments([kernel]);
        machine.arguments(["-append", "panic=exit debug_exit"]);
        let file = paths::target().join(format!("unbootable-{}", std::process::id()));
        if !self.archive.is_empty() {
            fs::write(&file, self.archive)?;
            machine.arguments([OsStr::new("-initrd"), file.as_os_str()]);
        }
        let ended = end_of(machine);
        let _ = fs::remove_file(&file);
        let (status, said) = ended?;
        ensure!(
            status == Some(PANICKED) && said.contains(self.says),
            "{status:?}: {said}"
        );
        Ok(())
    }
}

impl Case {
    fn run(&self, machines: Machines) -> Result<()> {
        let mut arguments = BUSYBOX.to_vec();
        let processors = machines.smp.map(|number| number.to_string());
        if let (Some(number), false) = (&processors, self.arguments.contains(&"--smp")) {
            arguments.extend(["--smp", number]);
        }
        if machines.uefi && !self.arguments.contains(&"--uefi") {
            arguments.push("--uefi");
        }
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
