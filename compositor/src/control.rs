//! The control socket: one JSON object a line, each answered by one.
//!
//! It is how scripts, tests and the panel talk to the compositor; `docs/control.md` is its manual. It
//! lies in the user's runtime directory: whoever can connect is the user. Input can be injected only
//! if the compositor was started for it.

mod messages;
mod screenshot;
mod waiters;

use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use smithay::reexports::calloop::{Interest, Mode, PostAction, generic::Generic};

use crate::{
    Error,
    input::{Action, Chord, Trigger},
    render::Extent,
    shell::{Mode as WindowMode, WindowId},
    state::Compositor,
};

pub use messages::{BindingReply, OutputReply, Reply, Request, WindowReply, WindowRequest};
pub use waiters::Waiters;

use waiters::IdleWaiter;

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "ochre-compositor.sock";
/// No request is longer.
const LONGEST_LINE: usize = 1 << 20;
/// How long nothing may happen before things count as quiet, unless the request says.
const QUIET: u64 = 60;

/// One connection and what it has sent of its next line.
struct Connection {
    stream: UnixStream,
    line: Vec<u8>,
}

impl Compositor {
    /// Opens the control socket in a directory; gives its path.
    pub fn open_control(&mut self, directory: &Path) -> Result<PathBuf, Error> {
        let path = directory.join(SOCKET);
        crate::session::remove_stale(&path);
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let listener = UnixListener::bind(&path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        self.listen_on(listener, |listener, state| match listener.accept() {
            Ok((stream, _)) => {
                // A connection that cannot be watched is closed, which its peer sees.
                let _ = state.watch_control(stream);
                Ok(true)
            }
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(err) => Err(err),
        })?;
        Ok(path)
    }

    fn watch_control(&mut self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut connection = Connection {
            stream: stream.try_clone()?,
            line: Vec::new(),
        };
        let source = Generic::new(stream, Interest::READ, Mode::Level);
        let watched = self.events.insert_source(source, move |_, _, state| {
            let open = state.read_control(&mut connection);
            Ok(if open {
                PostAction::Continue
            } else {
                PostAction::Remove
            })
        });
        watched.map(drop).map_err(|err| io::Error::other(err.error))
    }

    /// Reads what a connection has sent; tells whether it stays.
    fn read_control(&mut self, connection: &mut Connection) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match connection.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => connection.line.extend_from_slice(&bytes[..count]),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => break,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if connection.line.len() > LONGEST_LINE {
                return false;
            }
        }
        while let Some(end) = connection.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = connection.line.drain(..=end).collect();
            let reply = match serde_json::from_slice::<Request>(&line) {
                Ok(request) => self.control(request, &connection.stream),
                Err(err) => Some(refused(&err.to_string())),
            };
            if let Some(reply) = reply
                && !send(&connection.stream, &reply)
            {
                return false;
            }
        }
        true
    }

    /// Does what a request asks; answers unless that comes later.
    fn control(&mut self, request: Request, stream: &UnixStream) -> Option<Reply> {
        let done = Reply {
            ok: true,
            ..Reply::default()
        };
        Some(match request {
            Request::Windows => Reply {
                windows: Some(self.describe_windows()),
                ..done
            },
            Request::Outputs => Reply {
                outputs: Some(self.describe_outputs()),
                ..done
            },
            Request::Screenshot { path, cursor } => match self.screenshot(&path, cursor) {
                Ok(()) => done,
                Err(err) => refused(&err.to_string()),
            },
            Request::IdleWait {
                quiet,
                windows,
                timeout,
            } => {
                let Ok(stream) = stream.try_clone() else {
                    return None;
                };
                let now = self.clock.now();
                if self.control.idle.is_empty() {
                    // Nobody watched until now, so what was before counts as just happened.
                    self.control.last_activity = now;
                }
                self.control.idle.push(IdleWaiter {
                    stream,
                    quiet: Duration::from_millis(quiet.unwrap_or(QUIET)),
                    windows,
                    until: timeout.map(|timeout| now + Duration::from_millis(timeout)),
                });
                return None;
            }
            Request::Action { name } => {
                self.act(name);
                done
            }
            Request::Window { id, what } => self.control_window(id, &what),
            Request::Input { events } => {
                if !self.options.allow_input_injection {
                    return Some(refused("started without --allow-input-injection"));
                }
                for event in events {
                    let time = self.clock.millis();
                    self.input(event, time);
                }
                self.note_activity();
                done
            }
            Request::Resize { width, height } => {
                let extent = Extent::new(width, height);
                match extent.map(|extent| self.resize_headless(extent)) {
                    Some(Ok(())) => done,
                    Some(Err(err)) => refused(&err.to_string()),
                    None => refused("no such size"),
                }
            }
            Request::NightLight { kelvin } => {
                self.set_night_light(kelvin);
                done
            }
            Request::ReloadTheme => {
                self.reload_look();
                done
            }
            Request::Bindings => Reply {
                bindings: Some(self.describe_bindings()),
                ..done
            },
            Request::ReloadConfig => match self.reload_config() {
                Ok(()) => done,
                Err(mistake) => refused(&mistake.to_string()),
            },
            Request::Subscribe => {
                self.control.subscribers.extend(stream.try_clone());
                done
            }
            Request::Quit => {
                self.stop.stop();
                done
            }
        })
    }

    fn control_window(&mut self, id: WindowId, what: &WindowRequest) -> Reply {
        if self.shell.get(id).is_none() {
            return refused("no such window");
        }
        match what {
            WindowRequest::Activate => self.activate(id),
            WindowRequest::Close => self.close(id),
            WindowRequest::Maximize => self.maximize(id),
            WindowRequest::Restore => self.set_mode(id, WindowMode::Floating),
            WindowRequest::Minimize => self.minimize(id),
            WindowRequest::Fullscreen => self.fullscreen(id),
        }
        Reply {
            ok: true,
            ..Reply::default()
        }
    }

    /// Windows as the control socket shows them.
    pub fn describe_windows(&self) -> Vec<WindowReply> {
        let mut windows: Vec<_> = self.shell.iter().filter(|window| window.mapped).collect();
        windows.sort_by_key(|window| window.id);
        let four = |rect: smithay::utils::Rectangle<i32, smithay::utils::Logical>| {
            [rect.loc.x, rect.loc.y, rect.size.w, rect.size.h]
        };
        windows
            .into_iter()
            .map(|window| WindowReply {
                id: window.id,
                title: window.title.clone(),
                app_id: window.app_id.clone(),
                content: four(window.rect()),
                frame: four(window.frame_rect(&self.look)),
                mode: window.mode.name().into(),
                active: window.active,
                minimized: window.minimized,
                workspace: window.workspace + 1,
                decorated: window.decorated,
            })
            .collect()
    }

    fn describe_bindings(&self) -> Vec<BindingReply> {
        let described = |(chord, action): (Chord, &Action)| BindingReply {
            chord: chord.to_string(),
            pointer: matches!(chord.trigger, Trigger::Button(_) | Trigger::Wheel(_)),
            action: action.words(),
        };
        let bindings = self.config.bindings.list();
        bindings.into_iter().map(described).collect()
    }

    fn describe_outputs(&self) -> Vec<OutputReply> {
        let four = |rect: smithay::utils::Rectangle<i32, smithay::utils::Logical>| {
            [rect.loc.x, rect.loc.y, rect.size.w, rect.size.h]
        };
        self.outputs
            .iter()
            .map(|screen| OutputReply {
                name: screen.output.name(),
                rect: four(screen.rect()),
                pixels: [screen.size().w, screen.size().h],
                scale: screen.output.current_scale().fractional_scale(),
                refresh: screen.output.current_mode().map_or(0, |mode| mode.refresh),
                work_area: four(screen.work_area()),
                frames: screen.frames(),
                lit: screen.is_lit(),
            })
            .collect()
    }
}

fn refused(why: &str) -> Reply {
    Reply {
        error: Some(why.into()),
        ..Reply::default()
    }
}

/// Sends a reply; a peer that does not read is dropped.
fn send(mut stream: &UnixStream, reply: &Reply) -> bool {
    let Ok(mut line) = serde_json::to_vec(reply) else {
        return false;
    };
    line.push(b'\n');
    stream.write_all(&line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InputEvent;

    #[test]
    fn requests_read_as_the_manual_says() {
        let read = |line| serde_json::from_str::<Request>(line).unwrap();
        assert!(matches!(read(r#"{"cmd":"windows"}"#), Request::Windows));
        assert!(matches!(
            read(r#"{"cmd":"idle-wait"}"#),
            Request::IdleWait {
                quiet: None,
                windows: 0,
                timeout: None
            }
        ));
        assert!(matches!(
            read(r#"{"cmd":"action","name":"switch-next"}"#),
            Request::Action {
                name: Action::SwitchNext
            }
        ));
        assert!(matches!(
            read(r#"{"cmd":"window","id":3,"do":"close"}"#),
            Request::Window {
                id: WindowId(3),
                what: WindowRequest::Close
            }
        ));
        let input = r#"{"cmd":"input","events":[{"type":"key","code":30,"pressed":true},
            {"type":"motion-absolute","x":0.5,"y":0.5},{"type":"wheel","horizontal":0,"vertical":120}]}"#;
        let Request::Input { events } = read(input) else {
            panic!("not input")
        };
        assert_eq!(
            events[0],
            InputEvent::Key {
                code: 30,
                pressed: true
            }
        );
        assert_eq!(events.len(), 3);
    }
}
