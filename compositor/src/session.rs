//! The session: its runtime directory, its environment, and the programs it keeps running.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, getuid, pidfd_open};
use smithay::reexports::{
    calloop::{Interest, Mode, PostAction, generic::Generic},
    wayland_server::{Resource, protocol::wl_surface::WlSurface},
};

use crate::{Error, clock::Due, state::Compositor};

/// The panel that an image brings along.
const PANEL: &str = "/ochre/bin/ochre-panel";
/// The terminal that Super+Return opens.
const TERMINAL: &str = "ochre-terminal";
/// A panel that ran this long is restarted at once when it dies.
const STEADY: Duration = Duration::from_secs(10);
/// The longest wait before a panel that keeps dying is started again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the session runs, and what its programs are told.
#[derive(Debug, Default)]
pub struct Session {
    environment: Vec<(OsString, OsString)>,
    panel: Option<OsString>,
    panel_id: Option<u32>,
    panel_since: Duration,
    panel_wait: Duration,
    announced: bool,
    /// Ends the session when this child ends.
    lead: Option<u32>,
    /// The status that the session ends with.
    pub status: Option<i32>,
}

impl Session {
    /// What the session's programs are told, besides the compositor's own environment.
    pub fn set_environment(&mut self, runtime: &Path, socket: &OsStr, control: Option<&Path>) {
        let mut told: Vec<(&str, OsString)> = vec![
            ("XDG_RUNTIME_DIR", runtime.into()),
            ("WAYLAND_DISPLAY", socket.into()),
            ("XDG_SESSION_TYPE", "wayland".into()),
            ("XDG_CURRENT_DESKTOP", "Ochre".into()),
        ];
        told.extend(control.map(|path| ("OCHRE_CONTROL", path.into())));
        self.environment = told
            .into_iter()
            .map(|(name, value)| (OsString::from(name), value))
            .collect();
    }

    /// Says once that the desktop is on screen; tests and screenshots wait for it.
    pub(crate) fn announce_first_frame(&mut self) {
        if !std::mem::replace(&mut self.announced, true) {
            eprintln!("ochre-compositor: first frame");
        }
    }
}

/// The runtime directory: XDG_RUNTIME_DIR, or /run/user/UID; made if it is missing.
pub fn runtime_directory() -> Result<PathBuf, Error> {
    let path = std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|path| !path.is_empty())
        .map_or_else(
            || PathBuf::from(format!("/run/user/{}", getuid().as_raw())),
            PathBuf::from,
        );
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Does `work` as a process that may be ended when memory is short, whether or not this one may: what is started
/// is no dearer than anything else.
fn unspared<T>(work: impl FnOnce() -> T) -> T {
    const ADJUSTMENT: &str = "/proc/self/oom_score_adj";
    let own = fs::read_to_string(ADJUSTMENT).unwrap_or_default();
    let spared = own.starts_with('-');
    // Where it can't be changed, there is nothing to give up.
    if spared {
        let _ = fs::write(ADJUSTMENT, "0");
    }
    let result = work();
    if spared {
        let _ = fs::write(ADJUSTMENT, own.trim_end());
    }
    result
}

impl Compositor {
    /// Ends the session with this status, unless it is ending with another already.
    pub(crate) fn end_session(&mut self, status: i32) {
        self.session.status.get_or_insert(status);
        self.stop.stop();
    }

    /// Starts a program of the session.
    pub fn spawn(&mut self, program: &OsStr, arguments: &[OsString]) -> io::Result<u32> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.envs(
            self.session
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        let child = unspared(|| command.spawn())?;
        let id = child.id();
        self.watch_child(child);
        Ok(id)
    }

    /// Starts the program whose end ends the session.
    pub fn spawn_lead(&mut self, program: &OsStr, arguments: &[OsString]) -> io::Result<()> {
        self.session.lead = Some(self.spawn(program, arguments)?);
        Ok(())
    }

    /// Starts the panel (the image's own if none is named) and keeps it running.
    pub fn keep_panel(&mut self, panel: Option<OsString>) {
        let image_s = Path::new(PANEL).exists().then(|| OsString::from(PANEL));
        self.session.panel = panel.or(image_s);
        self.restart_shell();
    }

    /// Starts the panel again.
    pub(crate) fn restart_shell(&mut self) {
        let Some(panel) = self.session.panel.clone() else {
            return;
        };
        self.session.panel_since = self.clock.now();
        match self.spawn(&panel, &[]) {
            Ok(id) => self.session.panel_id = Some(id),
            Err(err) => {
                eprintln!("ochre-compositor: {}: {err}", panel.display());
                self.panel_ended();
            }
        }
    }

    /// Whether a surface is the session's own panel's.
    pub(crate) fn is_panel_s(&self, surface: &WlSurface) -> bool {
        let Some(panel) = self.session.panel_id else {
            return false;
        };
        let client = surface.client();
        let of = client.and_then(|client| client.get_credentials(&self.display).ok());
        of.is_some_and(|of| u32::try_from(of.pid) == Ok(panel))
    }

    fn panel_ended(&mut self) {
        let now = self.clock.now();
        let session = &mut self.session;
        session.panel_wait = if now.saturating_sub(session.panel_since) > STEADY {
            Duration::ZERO
        } else {
            (session.panel_wait * 2).clamp(Duration::from_millis(250), LONGEST_WAIT)
        };
        self.deadlines
            .set(now + session.panel_wait, Due::RestartShell);
    }

    /// Notices a child's end.
    fn watch_child(&mut self, mut child: Child) {
        let id = child.id();
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        let opened = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let Some(Ok(pidfd)) = opened else { return }; // then its end goes unnoticed
        let source = Generic::new(pidfd, Interest::READ, Mode::Level);
        let watched = self.events.insert_source(source, move |_, _, state| {
            let status = child.wait().ok().and_then(|status| status.code());
            if state.session.lead == Some(id) {
                state.session.status = Some(status.unwrap_or(1));
                state.stop.stop();
            } else if state.session.panel_id == Some(id) {
                state.panel_ended();
            }
            Ok(PostAction::Remove)
        });
        if let Err(err) = watched {
            eprintln!("ochre-compositor: a child cannot be watched: {}", err.error);
        }
    }

    /// Opens a terminal.
    pub(crate) fn start_terminal(&mut self) {
        let own = Path::new("/ochre/bin").join(TERMINAL);
        let program = if own.exists() {
            own.into_os_string()
        } else {
            TERMINAL.into()
        };
        if let Err(err) = self.spawn(&program, &[]) {
            eprintln!("ochre-compositor: {}: {err}", program.display());
        }
    }

    /// Opens the launcher: whoever listens for that on the control socket does, or else the panel's
    /// program is asked to.
    pub(crate) fn open_launcher(&mut self) {
        if self.tell_subscribers("launcher") {
            return;
        }
        let program = self.session.panel.clone().unwrap_or_else(|| PANEL.into());
        if let Err(err) = self.spawn(&program, &["--launcher".into()]) {
            eprintln!("ochre-compositor: {}: {err}", program.display());
        }
    }
}

/// Removes a socket that a compositor before us has left.
pub fn remove_stale(path: &Path) {
    // What is not there need not be removed, and binding reports everything else.
    let _ = fs::remove_file(path);
}
