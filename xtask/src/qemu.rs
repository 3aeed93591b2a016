//! The virtual machine: one way to put QEMU's command line together, for every command that boots.

use crate::process;
use crate::seat::Seat;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How many machines are tried whose QEMU crashes. Its translator can do so when a device's
/// addresses change on one processor while another one uses any (QEMU 7.2 does), as when the buses
/// are searched at the start: that says nothing of Ochre.
const MACHINES: u32 = 3;
/// Where a serial port is on a PC: its I/O address and its interrupt. The latter two have lines of
/// their own here, as sharing edge-triggered ones loses interrupts.
const SERIAL_PORTS: [(u16, u8); 4] = [(0x3f8, 4), (0x2f8, 3), (0x3e8, 5), (0x2e8, 7)];

/// A machine, before it is started.
pub struct Machine {
    command: Command,
    serial_ports: usize,
    /// Ends of sockets that QEMU inherits: open until it has started.
    inherited: Vec<OwnedFd>,
}

/// A machine that runs. Dropping it ends it.
pub struct Running(Child);

/// What every machine has.
#[derive(Clone, Copy, clap::Args)]
pub struct Size {
    /// Processors.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub smp: u8,
    /// Memory in MiB [default: 512, and what the added files take].
    #[arg(long, value_name = "M")]
    pub memory: Option<u64>,
}

impl Machine {
    /// A machine with processors and memory, and no devices but what a PC's board has.
    pub fn new(smp: u8, memory_mib: u64) -> Result<Machine> {
        let qemu = process::find("qemu-system-x86_64")
            .context("qemu-system-x86_64 is missing. On Debian: apt install qemu-system-x86")?;
        // Should this process be killed, the machine must not stay behind.
        let mut command = match process::find("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(qemu);
                command
            }
            None => Command::new(qemu),
        };
        let accelerator = if has_kvm() { "kvm" } else { "tcg,thread=multi" };
        // QEMU 7.2 translates AVX2's gathers wrongly where ymm4 is the index (its issue 2474): it
        // takes the offsets from elsewhere. Programs that draw by Mesa's llvmpipe crashed by it, or
        // had wrong lines in their pictures. VAES works on AVX2's registers, and no processor has it
        // alone: Qt 6 takes one for the other.
        let cpu = if has_kvm() {
            "host"
        } else {
            "max,avx2=off,vaes=off,vpclmulqdq=off"
        };
        command.args(["-machine", "q35", "-accel", accelerator, "-cpu", cpu]);
        command.args(["-smp", &smp.to_string(), "-m", &format!("{memory_mib}M")]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
        command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        command.stdin(Stdio::null());
        Ok(Machine {
            command,
            serial_ports: 0,
            inherited: Vec::new(),
        })
    }

    /// Boots this kernel and archive directly.
    pub fn boot(&mut self, kernel: &Path, archive: &Path, command_line: &str) -> &mut Machine {
        self.command
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(archive);
        self.command.args(["-append", command_line]);
        self
    }

    /// Shows nothing on the host. What is on the screen can still be asked for.
    pub fn without_display(&mut self) -> &mut Machine {
        self.command.args(["-display", "none"]);
        self
    }

    /// Has a screen, a keyboard and a pointer.
    pub fn desktop(&mut self, seat: Seat) -> &mut Machine {
        for device in seat.devices() {
            self.command.args(["-device", &device]);
        }
        self
    }

    /// Adds the next serial port, and returns the host's end of its line.
    pub fn serial(&mut self) -> Result<UnixStream> {
        let (host, guest) = UnixStream::pair().context("cannot make a socket pair")?;
        let guest = OwnedFd::from(guest);
        rustix::io::fcntl_setfd(&guest, rustix::io::FdFlags::empty())?;
        let name = format!("serial{}", self.serial_ports);
        let chardev = format!("socket,id={name},fd={}", guest.as_raw_fd());
        self.serial_on(&chardev, &name);
        self.inherited.push(guest);
        Ok(host)
    }

    /// Adds the next serial port, on the terminal, where Ctrl-A C leads to QEMU's monitor and
    /// Ctrl-A X ends the machine.
    pub fn serial_on_terminal(&mut self) -> &mut Machine {
        let name = format!("serial{}", self.serial_ports);
        self.command.stdin(Stdio::inherit());
        self.serial_on(&format!("stdio,mux=on,signal=off,id={name}"), &name);
        self.command
            .args(["-mon", &format!("chardev={name},mode=readline")]);
        self
    }

    fn serial_on(&mut self, chardev: &str, name: &str) {
        let (address, interrupt) = SERIAL_PORTS[self.serial_ports];
        self.serial_ports += 1;
        let device = format!("isa-serial,chardev={name},iobase={address:#x},irq={interrupt}");
        self.command.args(["-chardev", chardev, "-device", &device]);
    }

    /// Further arguments of QEMU's.
    pub fn arguments<I: IntoIterator<Item: Into<OsString>>>(&mut self, more: I) -> &mut Machine {
        for argument in more {
            self.command.arg(argument.into());
        }
        self
    }

    /// Adds a control socket (QMP) and returns the host's end.
    pub fn control(&mut self) -> Result<UnixStream> {
        let (host, guest) = UnixStream::pair().context("cannot make a socket pair")?;
        let guest = OwnedFd::from(guest);
        rustix::io::fcntl_setfd(&guest, rustix::io::FdFlags::empty())?;
        let chardev = format!("socket,id=qmp,fd={}", guest.as_raw_fd());
        self.command
            .args(["-chardev", &chardev, "-mon", "chardev=qmp,mode=control"]);
        self.inherited.push(guest);
        Ok(host)
    }

    /// Starts it, with its complaints piped to us.
    pub fn start(mut self) -> Result<Running> {
        self.command.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = self
            .command
            .spawn()
            .with_context(|| format!("cannot start {}", process::shown(&self.command)))?;
        Ok(Running(child))
    }

    /// Runs it in the foreground to its end.
    pub fn run(mut self) -> Result<std::process::ExitStatus> {
        let line = process::shown(&self.command);
        self.command
            .status()
            .with_context(|| format!("cannot start {line}"))
    }
}

impl Running {
    /// Waits until it ends by itself.
    pub fn wait(mut self) -> Result<std::process::ExitStatus> {
        Ok(self.0.wait()?)
    }

    /// Waits for a machine whose lines have broken to end of itself, as long as `patience`.
    pub fn expect_end(&mut self, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether QEMU itself was ended by a signal: a fault of its own, whatever the guest did.
    pub fn has_crashed(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(status)) if status.signal().is_some())
    }

    /// Ends the machine if it hasn't ended; what QEMU complained of, and how it ended if it did so
    /// without being asked.
    pub fn stop(mut self) -> String {
        let ended = self.0.try_wait().ok().flatten();
        let _ = self.0.kill();
        let _ = self.0.wait();
        let mut complaints =
            ended.map_or_else(String::new, |status| format!("QEMU ended with {status}\n"));
        if let Some(mut stderr) = self.0.stderr.take() {
            let _ = stderr.read_to_string(&mut complaints);
        }
        complaints
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What comes of a machine, and of another one where QEMU itself has crashed: none came of that.
pub fn despite_crashes<T>(mut machine: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..MACHINES {
        if let Some(outcome) = machine()? {
            return Ok(outcome);
        }
        process::say("   QEMU crashed; once more");
    }
    bail!("QEMU crashed {MACHINES} times")
}

/// Whether KVM really works here: a device node alone doesn't say so, the processor's flag does.
pub fn has_kvm() -> bool {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let virtualizes = flags
        .lines()
        .find(|line| line.starts_with("flags"))
        .is_some_and(|line| {
            line.split_whitespace()
                .any(|flag| flag == "vmx" || flag == "svm")
        });
    let device = PathBuf::from("/dev/kvm");
    virtualizes
        && std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(device)
            .is_ok()
}
