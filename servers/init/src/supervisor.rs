//! The poll loop of process 1: units start, print, end, and start again.

use crate::boot;
use crate::capability::{self, HeldScheme, Named};
use crate::coldplug::{self, Device};
use crate::control::{Command, Control};
use crate::log::Log;
use crate::shutdown::Shutdown;
use crate::spawn::{self, Started};
use crate::unit::{self, Restart, Unit};
use anyhow::Context;
use ochre_driver::executor::now;
use ochre_driver::native;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::convert::Infallible;
use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

const UNITS: &str = "/ochre/units";
const SECOND: u64 = 1_000_000_000;
/// The first restart is at once; the delay then doubles, up to this.
const LONGEST_DELAY: u64 = 10 * SECOND;
/// A process that lived this long has not died young.
const SETTLED: u64 = SECOND;
/// How long the search for devices has the machine to itself. One that takes longer is stuck.
const SEARCH: u64 = 5 * SECOND;
/// How much of a unit's output is read at once, how often in a turn, and how often at its end: then
/// all that a pipe holds.
const READ: usize = 4096;
const READS: usize = 4;
const READS_AT_END: usize = 64 * 1024 / READ;

enum State {
    /// Its turn has not come.
    Waiting,
    Running {
        pid: u32,
        since: u64,
    },
    /// It ended and starts again at that time.
    Delayed {
        until: u64,
    },
    /// It ended, or was stopped, for good.
    Stopped,
}

/// A unit, or one instance of a driver's unit.
struct Service {
    unit: Unit,
    /// The instance's name: the unit's, and the device's.
    name: String,
    device: Option<Device>,
    schemes: Vec<HeldScheme>,
    state: State,
    /// Deaths in a row of a young process.
    failures: u32,
    restarts: u32,
    output: Option<OwnedFd>,
    log: Log,
}

impl Service {
    fn new(unit: Unit, device: Option<Device>) -> Service {
        let name = match &device {
            Some(device) => {
                let place = device.path.rsplit('/').next().unwrap_or_default();
                format!("{}@{place}", unit.name)
            }
            None => unit.name.clone(),
        };
        Service {
            unit,
            name,
            device,
            schemes: Vec::new(),
            state: State::Waiting,
            failures: 0,
            restarts: 0,
            output: None,
            log: Log::default(),
        }
    }

    /// Takes what the unit has printed, in so many reads at most: one that prints without end must
    /// leave the supervisor time for the others.
    fn read_output(&mut self, reads: usize) {
        let mut buffer = [0; READ];
        for _ in 0..reads {
            let Some(output) = &self.output else { return };
            match rustix::io::read(output, &mut buffer) {
                Ok(0) => {
                    self.log.finish(&self.name);
                    self.output = None;
                }
                Ok(len) => self.log.push(&self.name, &buffer[..len]),
                Err(_) => return,
            }
        }
    }
}

struct Supervisor {
    machine: OwnedFd,
    services: Vec<Service>,
    /// Driver units whose devices are not known yet.
    drivers: Vec<Unit>,
    /// Devices are searched for: until then, or their finding, nothing else starts.
    searching: Option<u64>,
    control: Option<Control>,
    /// Children of ours may exist again: lets the reaper go on.
    spawned: Sender<()>,
    /// The system is coming to its end: nothing starts any more.
    shutdown: Option<Shutdown>,
}

/// Supervises for ever.
pub fn run() -> anyhow::Result<Infallible> {
    boot::prepare();
    let machine = native::machine_root().context("taking the machine's capability")?;
    let (units, errors) = unit::load(Path::new(UNITS));
    for error in errors {
        eprintln!("init: unit ignored: {error}");
    }
    let (drivers, plain): (Vec<Unit>, Vec<Unit>) =
        units.into_iter().partition(|u| u.matches.is_some());
    let control = Control::listen()
        .map_err(|e| eprintln!("init: no control socket: {e}"))
        .ok();
    let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let (spawned, ended) = start_reaper(wake.try_clone()?);
    let (found, devices) = channel();
    let mut supervisor = Supervisor {
        machine,
        services: plain.into_iter().map(|u| Service::new(u, None)).collect(),
        searching: (!drivers.is_empty()).then(|| now() + SEARCH),
        drivers,
        control,
        spawned,
        shutdown: None,
    };
    supervisor.start_due();
    if !supervisor.drivers.is_empty() {
        coldplug::start(found, wake.try_clone()?);
    }
    loop {
        supervisor.wait(&wake);
        while let Ok(found) = devices.try_recv() {
            supervisor.searching = None;
            supervisor.add_devices(&found);
        }
        supervisor.read_output();
        while let Ok((pid, status)) = ended.try_recv() {
            supervisor.ended(pid, status);
        }
        supervisor.serve_control();
        supervisor.start_due();
        supervisor.shut_down_due();
    }
}

/// Waits for children on a thread of its own. Orphans of other processes come here too, and are
/// buried in silence.
fn start_reaper(wake: OwnedFd) -> (Sender<()>, Receiver<(u32, WaitStatus)>) {
    let (spawned, again) = channel::<()>();
    let (send, ended) = channel();
    std::thread::spawn(move || {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => {
                    let _ = send.send((pid.as_raw_nonzero().get() as u32, status));
                    let _ = rustix::io::write(&wake, &1u64.to_ne_bytes());
                }
                // No children: until there are some, there is nothing to wait for.
                _ => {
                    if again.recv().is_err() {
                        return;
                    }
                }
            }
        }
    });
    (spawned, ended)
}

impl Supervisor {
    fn wait(&mut self, wake: &OwnedFd) {
        let next = self.services.iter().filter_map(|s| match s.state {
            State::Delayed { until } if self.shutdown.is_none() => Some(until),
            _ => None,
        });
        let next = next.chain(self.shutdown.as_ref().map(Shutdown::deadline));
        let next = next.chain(self.searching);
        let timeout = next.min().map(|until| {
            let left = until.saturating_sub(now());
            Timespec {
                tv_sec: (left / SECOND) as i64,
                tv_nsec: (left % SECOND) as i64,
            }
        });
        let mut set = vec![PollFd::new(wake, PollFlags::IN)];
        set.extend(
            self.services
                .iter()
                .filter_map(|s| s.output.as_ref())
                .map(|o| PollFd::new(o, PollFlags::IN)),
        );
        if let Some(control) = &self.control {
            set.extend(
                control
                    .fds()
                    .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
            );
        }
        // An error (a signal) is as good as a wake-up.
        let _ = rustix::event::poll(&mut set, timeout.as_ref());
        let mut count = [0; 8];
        let _ = rustix::io::read(wake, &mut count);
    }

    fn add_devices(&mut self, devices: &[Device]) {
        let mut drivers = std::mem::take(&mut self.drivers);
        drivers.sort_by_key(|u| u.matches.as_ref().is_some_and(|m| m.fallback));
        let mut served = vec![false; devices.len()];
        for unit in drivers {
            let Some(matches) = &unit.matches else {
                continue;
            };
            for (device, served) in devices.iter().zip(&mut served) {
                let names = [&device.id, &device.class, &device.interface];
                let fits = matches.pci.iter().any(|p| names.contains(&p));
                if fits && !(matches.fallback && *served) {
                    *served = true;
                    self.services
                        .push(Service::new(unit.clone(), Some(device.clone())));
                }
            }
        }
    }

    /// Whether all that the unit comes after has been started.
    fn is_due(&self, index: usize) -> bool {
        let service = &self.services[index];
        match service.state {
            State::Delayed { until } => until <= now(),
            State::Waiting if self.searching.is_some() && !service.unit.searches => false,
            State::Waiting => service.unit.after.iter().all(|name| {
                let pending = self.drivers.iter().any(|u| u.name == *name);
                let waiting = self
                    .services
                    .iter()
                    .any(|s| s.unit.name == *name && matches!(s.state, State::Waiting));
                !pending && !waiting
            }),
            _ => false,
        }
    }

    /// Starts what can start, until nothing more can.
    fn start_due(&mut self) {
        if self.shutdown.is_some() {
            return;
        }
        if self.searching.is_some_and(|until| until <= now()) {
            eprintln!("init: the search for devices takes too long: starting what needs none");
            self.searching = None;
        }
        while let Some(index) = (0..self.services.len()).find(|i| self.is_due(*i)) {
            self.start(index);
        }
    }

    fn start(&mut self, index: usize) {
        let service = &mut self.services[index];
        match start(service, &self.machine) {
            Ok(started) => {
                service
                    .log
                    .note(&service.name, &format!("started, pid {}", started.pid));
                service.output = started.output;
                service.state = State::Running {
                    pid: started.pid,
                    since: now(),
                };
                let _ = self.spawned.send(());
            }
            Err(error) => {
                service.log.note(&service.name, &format!("{error:#}"));
                service.failures += 1;
                service.state = State::Delayed {
                    until: now() + delay(service.failures),
                };
            }
        }
    }

    fn read_output(&mut self) {
        for service in &mut self.services {
            service.read_output(READS);
        }
    }

    fn ended(&mut self, pid: u32, status: WaitStatus) {
        let found = self
            .services
            .iter_mut()
            .find(|s| matches!(s.state, State::Running { pid: p, .. } if p == pid));
        let Some(service) = found else { return };
        let State::Running { since, .. } = service.state else {
            return;
        };
        service.read_output(READS_AT_END);
        let success = status.exit_status() == Some(0);
        let ending = self.shutdown.is_some();
        let what = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => return,
        };
        let again = match service.unit.restart {
            // Whatever ends now was asked to.
            _ if ending => false,
            Restart::Always => true,
            Restart::OnFailure => !success,
            Restart::Never => false,
        };
        if again {
            let young = now() - since < SETTLED;
            service.failures = if young { service.failures + 1 } else { 1 };
            service.restarts += 1;
            service
                .log
                .note(&service.name, &format!("{what}; starting it again"));
            service.state = State::Delayed {
                until: now() + delay(service.failures),
            };
        } else {
            if !success && !ending {
                service.log.note(&service.name, &what);
            }
            service.state = State::Stopped;
        }
    }

    /// Asks everything but the servers, which the rest still needs, to end.
    fn begin_shutdown(&mut self, shutdown: Shutdown) {
        for service in self.services.iter().filter(|s| s.schemes.is_empty()) {
            if let State::Running { pid, .. } = service.state {
                shutdown.ask(pid);
            }
        }
        self.shutdown = Some(shutdown);
    }

    /// Ends the system once all that was asked to end has ended, or has had its time.
    fn shut_down_due(&mut self) {
        let Some(shutdown) = &self.shutdown else {
            return;
        };
        let running = self
            .services
            .iter()
            .any(|s| s.schemes.is_empty() && matches!(s.state, State::Running { .. }));
        if !running || shutdown.deadline() <= now() {
            shutdown.finish();
            self.shutdown = None;
        }
    }

    fn serve_control(&mut self) {
        let Some(mut control) = self.control.take() else {
            return;
        };
        control.serve(|command| self.answer(&command));
        self.control = Some(control);
    }

    fn answer(&mut self, command: &Command) -> String {
        let found = |s: &Service, name: &str| s.name == name || s.unit.name == name;
        match command {
            Command::Status => self.status(),
            Command::PowerOff | Command::Reboot => {
                self.begin_shutdown(Shutdown::new(*command == Command::Reboot));
                String::new()
            }
            Command::Log(name) => match self.services.iter().find(|s| found(s, name)) {
                Some(service) => service
                    .log
                    .lines()
                    .fold(String::new(), |text, line| text + line + "\n"),
                None => unknown(name),
            },
            Command::Stop(name) | Command::Restart(name) => {
                let restart = matches!(command, Command::Restart(_));
                let mut any = false;
                for service in self.services.iter_mut().filter(|s| found(s, name)) {
                    any = true;
                    stop(service, restart);
                }
                if any { String::new() } else { unknown(name) }
            }
        }
    }

    fn status(&self) -> String {
        let mut text = String::new();
        for service in &self.services {
            let state = match service.state {
                State::Waiting => "waiting".to_string(),
                State::Running { pid, since } => {
                    format!("running, pid {pid}, {} s", (now() - since) / SECOND)
                }
                State::Delayed { .. } => "starting again soon".to_string(),
                State::Stopped => "stopped".to_string(),
            };
            let mounts: Vec<&str> = service.schemes.iter().map(|s| s.mount.as_str()).collect();
            let _ = writeln!(
                text,
                "{:<28} {:<28} restarts {:<3} {}",
                service.name,
                state,
                service.restarts,
                mounts.join(" ")
            );
        }
        text
    }
}

fn unknown(name: &str) -> String {
    format!("error: there is no unit `{name}`; `svc status` lists them\n")
}

fn stop(service: &mut Service, restart: bool) {
    match service.state {
        State::Running { pid, .. } => {
            if !restart {
                service.state = State::Stopped;
            }
            if let Some(pid) = Pid::from_raw(pid as i32) {
                // It may have ended by itself just now; the reaper tells.
                let _ = rustix::process::kill_process(pid, Signal::TERM);
            }
        }
        _ if restart => service.state = State::Delayed { until: now() },
        _ => service.state = State::Stopped,
    }
}

/// The delay before the n-th restart in a row.
fn delay(failures: u32) -> u64 {
    match failures {
        0 | 1 => 0,
        n => ((SECOND / 10) << (n - 2).min(10)).min(LONGEST_DELAY),
    }
}

fn start(service: &mut Service, machine: &OwnedFd) -> anyhow::Result<Started> {
    if service.schemes.is_empty() {
        for scheme in &service.unit.scheme {
            service
                .schemes
                .push(HeldScheme::mount(scheme, &service.name)?);
        }
    }
    let mut handed = service
        .schemes
        .iter()
        .map(HeldScheme::attach)
        .collect::<Result<Vec<_>, _>>()?;
    handed.extend(capability::derive(machine, &service.unit.capabilities)?);
    if let Some(device) = &service.device {
        handed.push(open_device(device)?);
    }
    let device = service.device.as_ref().map(|d| d.path.as_str());
    spawn::spawn(
        &service.unit,
        &service.name,
        device,
        &handed,
        &service.schemes,
    )
}

fn open_device(device: &Device) -> anyhow::Result<Named> {
    use rustix::fs::{Mode, OFlags, open};
    let fd = open(&*device.path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .with_context(|| format!("opening {}", device.path))?;
    Ok(Named {
        name: "device".into(),
        fd: fd.as_fd().try_clone_to_owned()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    fn service(output: OwnedFd) -> Service {
        let text = "description = \"yes\"\nexec = [\"/yes\"]";
        let unit = Unit::parse("yes", Path::new("yes.toml"), text).expect("a unit");
        let mut service = Service::new(unit, None);
        service.output = Some(output);
        service
    }

    #[test]
    fn a_unit_that_prints_without_end_is_read_in_parts_and_to_its_end() {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK).expect("a pipe");
        let full = b"yes\n".repeat(READ * READS_AT_END / 4);
        assert_eq!(rustix::io::write(&write, &full), Ok(full.len()));
        let copy = read.try_clone().expect("a copy");
        let left = || rustix::io::ioctl_fionread(&copy).expect("a pipe");
        let mut service = service(read);
        service.read_output(READS);
        assert_eq!(left() as usize, READ * (READS_AT_END - READS));
        service.read_output(READS_AT_END);
        assert_eq!(left(), 0);
        drop(write);
        service.read_output(1);
        assert!(service.output.is_none());
    }

    #[test]
    fn restarts_are_immediate_at_first_and_bounded_later() {
        assert_eq!(delay(1), 0);
        assert_eq!(delay(2), SECOND / 10);
        assert!(delay(3) > delay(2));
        assert_eq!(delay(100), LONGEST_DELAY);
    }
}
