//! What a frame costs a compositor: CPU time of its process for each frame that a client draws.
//! Ours beside weston with its software renderer, both in memory, on the host.

use super::Values;
use crate::{paths, process};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Rows, by the plans of `ochre-frames`.
pub const ROWS: [(&str, &str); 3] = [
    ("frame-full", "full"),
    ("frame-small", "small"),
    ("frame-twenty", "twenty"),
];

/// How many frames are drawn: five seconds of them.
const FRAMES: u32 = 300;
/// How many are drawn before, so that what is done once isn't counted.
const WARM: u32 = 30;
/// How long a compositor may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// The socket's name.
const SOCKET: &str = "wayland-bench";

/// A compositor to measure.
#[derive(Clone, Copy)]
pub enum Compositor {
    Ochre,
    Weston,
}

/// Builds our side.
pub fn build() -> Result<()> {
    let mut cargo = process::host_cargo();
    cargo.current_dir(paths::root()).args([
        "build",
        "-q",
        "--release",
        "--bins",
        "-p",
        "ochre-compositor",
        "-p",
        "ochre-frames",
    ]);
    process::step("building the compositor for the host", || {
        process::run(&mut cargo)
    })
}

/// Measures these rows once.
pub fn measure(
    compositor: Compositor,
    rows: &[(&'static str, &'static str)],
    values: &mut Values,
) -> Result<()> {
    for (name, plan) in rows {
        let nanos = cost(compositor, plan).with_context(|| format!("cannot measure {name}"))?;
        values.entry(super::time_of(name)).or_default().push(nanos);
    }
    Ok(())
}

/// CPU time of the compositor for one frame, in nanoseconds.
fn cost(compositor: Compositor, plan: &str) -> Result<f64> {
    let server = Server::start(compositor)?;
    let mut client = Client::start(&server.runtime, plan)?;
    client.draw(WARM)?;
    let before = server.cpu_time()?;
    client.draw(FRAMES)?;
    Ok((server.cpu_time()? - before) as f64 / f64::from(FRAMES))
}

/// A running compositor, with a runtime folder of its own.
struct Server {
    process: Child,
    runtime: PathBuf,
}

impl Server {
    fn start(compositor: Compositor) -> Result<Server> {
        let runtime = std::env::temp_dir().join(format!("ochre-bench-{}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&runtime)
            .with_context(|| format!("cannot make {}", runtime.display()))?;
        let mut command = match compositor {
            Compositor::Ochre => {
                let mut command = Command::new(built("ochre-compositor"));
                command.args(["--backend", "headless", "--size", "1280x800", "--no-panel"]);
                command.args(["--socket", SOCKET]);
                command
            }
            Compositor::Weston => {
                let mut command = Command::new("weston");
                command.args([
                    "--backend=headless-backend.so",
                    "--use-pixman",
                    "--no-config",
                ]);
                command.args(["--width=1280", "--height=800", "--idle-time=0"]);
                command.arg(format!("--socket={SOCKET}"));
                command
            }
        };
        command
            .env("XDG_RUNTIME_DIR", &runtime)
            .stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {}", process::shown(&command)))?;
        let mut server = Server { process, runtime };
        let start = Instant::now();
        while !server.runtime.join(SOCKET).exists() {
            if let Some(status) = server.process.try_wait()? {
                anyhow::bail!("{} ended with {status}", process::shown(&command));
            }
            ensure!(start.elapsed() < PATIENCE, "no socket appeared");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// What all its threads have run, in nanoseconds (`schedstat`: see the kernel's
    /// Documentation/scheduler/sched-stats.rst).
    fn cpu_time(&self) -> Result<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id()))?;
        let mut sum = 0;
        for task in tasks {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = text.split(' ').next().unwrap_or_default();
            sum += first.parse::<u64>().context("schedstat has no number")?;
        }
        Ok(sum)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

/// The client, at its prompt.
struct Client {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start(runtime: &Path, plan: &str) -> Result<Client> {
        let mut process = Command::new(built("frames"))
            .arg(plan)
            .env("XDG_RUNTIME_DIR", runtime)
            .env("WAYLAND_DISPLAY", SOCKET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the client")?;
        let answers = process.stdout.take().context("standard output is piped")?;
        let mut client = Client {
            process,
            answers: BufReader::new(answers),
        };
        client.expect("ready")?;
        Ok(client)
    }

    fn draw(&mut self, frames: u32) -> Result<()> {
        let input = self.process.stdin.as_mut().context("input is piped")?;
        writeln!(input, "{frames}")?;
        self.expect("done")
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(line.trim() == word, "the client says {line:?}, not {word}");
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn built(program: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(paths::target, Into::into);
    target.join("release").join(program)
}
