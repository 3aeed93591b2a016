//! A desktop on this machine: the headless compositor in an environment of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::control::Control;
use crate::desk::PATIENCE;
use crate::error::Error;
use crate::keys::Key;
use crate::picture::Picture;
use crate::processes;
use crate::scene::Scene;

/// The time that every clock shows: a Monday morning.
const CLOCK: &str = "2026-01-05T09:41:00Z";

/// Where a desktop's parts are.
pub(crate) struct Places {
    /// Its programs.
    pub binaries: PathBuf,
    /// What it shows besides: `fonts`, `icons`, `themes`, `applications`, `X11/xkb`, as an image has
    /// them in `/ochre/share`. Nothing of the host's own is seen.
    pub share: PathBuf,
    /// Where each scene's folder is made.
    pub scratch: PathBuf,
}

/// A running compositor, and everything that was started in it.
pub(crate) struct Host {
    pub control: Control,
    compositor: Child,
    programs: Vec<Child>,
    folder: PathBuf,
    binaries: PathBuf,
    share: PathBuf,
    /// Of the screen, in its own pixels.
    size: (u32, u32),
    scale: f64,
    wallpaper: bool,
}

impl Host {
    /// Starts the desktop that a scene asks for, in a new folder.
    pub fn start(scene: &Scene, places: &Places) -> Result<Host, Error> {
        let Places {
            binaries, share, ..
        } = places;
        if !share.join("fonts").is_dir() {
            return Err(Error::NoShare(share.clone()));
        }
        // Sockets' paths are short, so the folder's name is.
        let folder = places.scratch.join(format!("ui-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder); // a scene's before this one
        for name in ["run", "home", "config/ochre", "data"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(Error::file(path))?;
        }
        let run = folder.join("run");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).map_err(Error::file(&run))?;
        write_theme(&folder, scene.theme, scene.wallpaper)?;

        let size = format!("{}x{}", scene.size.0, scene.size.1);
        let scale = scene.scale.to_string();
        let mut command = Command::new(binaries.join("ochre-compositor"));
        command.args([
            "--backend",
            "headless",
            "--size",
            &size,
            "--scale",
            &scale,
            "--allow-input-injection",
        ]);
        if scene.panel {
            command.arg("--panel").arg(binaries.join("ochre-panel"));
        } else {
            command.arg("--no-panel");
        }
        environment(&mut command, &folder, binaries, share);
        let log = fs::File::create(folder.join("log")).map_err(Error::file(folder.join("log")))?;
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::piped())
            .process_group(0);
        let start = |source| Error::Start {
            program: "ochre-compositor".to_owned(),
            source,
        };
        let mut compositor = command.spawn().map_err(start)?;
        let control = match wait_for_first_frame(&mut compositor) {
            Ok(()) => Control::connect(&run.join("ochre-compositor.sock"))?,
            Err(said) => {
                let _ = compositor.kill(); // it may have ended by itself
                let status = compositor
                    .wait()
                    .map_or_else(|e| e.to_string(), |s| s.to_string());
                return Err(Error::Ended(status, said));
            }
        };
        let mut host = Host {
            control,
            compositor,
            programs: Vec::new(),
            folder,
            binaries: binaries.clone(),
            share: share.clone(),
            size: scene.size,
            scale: scene.scale,
            wallpaper: scene.wallpaper,
        };
        if scene.panel {
            host.wait_for_panel()?;
        }
        // Out of the way: where windows open it would hover over something.
        host.move_to(1, (f64::from(scene.size.1) / scene.scale) as i32 / 2)?;
        Ok(host)
    }

    /// A panel is there once it has taken its part of the screen.
    fn wait_for_panel(&mut self) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.control.ask(&json!({"cmd": "outputs"}))?;
            let output = &answer["outputs"][0];
            // Of the height alone: at a fractional scale the widths differ by their rounding.
            let height = |of: &str| output[of][3].as_i64();
            if height("work_area") < height("rect") {
                return Ok(());
            }
            if Instant::now() > end {
                let (what, seconds) = ("the panel".to_owned(), PATIENCE.as_secs());
                return Err(Error::Waited { what, seconds });
            }
            self.control.idle_wait(50, 100)?;
        }
    }

    pub fn spawn(&mut self, program: &str, arguments: &[&str]) -> Result<(), Error> {
        let own = self.binaries.join(program);
        let mut command = Command::new(if own.exists() {
            own
        } else {
            PathBuf::from(program)
        });
        environment(&mut command, &self.folder, &self.binaries, &self.share);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        let child = command.spawn().map_err(|source| Error::Start {
            program: program.to_owned(),
            source,
        })?;
        self.programs.push(child);
        Ok(())
    }

    pub fn set_theme(&mut self, id: &str) -> Result<(), Error> {
        write_theme(&self.folder, id, self.wallpaper)
    }

    pub fn key(&mut self, key: Key, pressed: bool) -> Result<(), Error> {
        self.input(json!({"type": "key", "code": key.0, "pressed": pressed}))
    }

    pub fn move_to(&mut self, x: i32, y: i32) -> Result<(), Error> {
        let share = |at: i32, length: u32| (f64::from(at) + 0.5) * self.scale / f64::from(length);
        let (x, y) = (share(x, self.size.0), share(y, self.size.1));
        self.input(json!({"type": "motion-absolute", "x": x, "y": y}))
    }

    pub fn left_button(&mut self, pressed: bool) -> Result<(), Error> {
        self.button(0x110, pressed)
    }

    pub fn right_click(&mut self) -> Result<(), Error> {
        self.button(0x111, true)?;
        self.button(0x111, false)
    }

    /// Presses a button or lets it go, by Linux's code.
    fn button(&mut self, button: u32, pressed: bool) -> Result<(), Error> {
        self.input(json!({"type": "button", "button": button, "pressed": pressed}))
    }

    /// Turns the wheel by so many notches, down.
    pub fn wheel(&mut self, notches: i32) -> Result<(), Error> {
        let vertical = 120 * notches;
        self.input(json!({"type": "wheel", "horizontal": 0, "vertical": vertical}))
    }

    /// Changes the size of the screen.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<(), Error> {
        let request = json!({"cmd": "resize", "width": width, "height": height});
        self.control.ask(&request)?;
        self.size = (width, height);
        Ok(())
    }

    fn input(&mut self, event: Value) -> Result<(), Error> {
        self.control
            .ask(&json!({"cmd": "input", "events": [event]}))
            .map(drop)
    }

    /// Waits until nothing is drawn and no program of the desktop has anything left to do.
    ///
    /// That a screen is still says little on a busy machine, where a program may wait for its turn
    /// for long; so all of them must be asleep, before and after the screen was still.
    pub fn rest(&mut self, quiet: u64) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        let mut before = self.asleep();
        loop {
            let still = self.control.idle_wait(quiet, 5_000)?;
            let after = self.asleep();
            if (still && before && after) || Instant::now() > end {
                return Ok(());
            }
            before = after;
        }
    }

    fn asleep(&self) -> bool {
        let roots = self.programs.iter().chain([&self.compositor]);
        processes::asleep(roots.map(Child::id).collect())
    }

    pub fn screenshot(&mut self) -> Result<Picture, Error> {
        let path = self.folder.join("screen.png");
        self.control
            .ask(&json!({"cmd": "screenshot", "path": path}))?;
        Picture::read(&path)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // What is left of a scene has nothing to lose. Each may have ended by itself.
        for child in self.programs.iter_mut().chain([&mut self.compositor]) {
            if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The same environment for everyone, whoever runs the tests.
fn environment(command: &mut Command, folder: &Path, binaries: &Path, share: &Path) {
    let path = format!("{}:/usr/bin:/bin", binaries.display());
    command
        .env_clear()
        .current_dir(folder.join("home"))
        .env("PATH", path)
        .env("HOME", folder.join("home"))
        .env("USER", "user")
        .env("SHELL", "/bin/sh")
        .env("PS1", "$ ")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("WAYLAND_DISPLAY", "wayland-0")
        .env("OCHRE_CONTROL", folder.join("run/ochre-compositor.sock"))
        .env("OCHRE_FONTS", share.join("fonts"))
        .env("OCHRE_ICONS", share.join("icons"))
        .env("OCHRE_THEMES", share.join("themes"))
        .env("XDG_DATA_DIRS", share)
        .env("XKB_CONFIG_ROOT", share.join("X11/xkb"))
        .env("OCHRE_FIXED_TIME", CLOCK);
}

/// The user's choice, as `theme set` writes it: replaced as a whole. Motion is reduced.
fn write_theme(folder: &Path, id: &str, wallpaper: bool) -> Result<(), Error> {
    let config = folder.join("config/ochre");
    let fresh = config.join(".theme.toml.new");
    let mut text = format!("theme = \"{id}\"\nreduced-motion = true\n");
    if !wallpaper {
        text += "wallpaper = \"plain\"\n";
    }
    fs::write(&fresh, text).map_err(Error::file(&fresh))?;
    fs::rename(&fresh, config.join("theme.toml")).map_err(Error::file(&fresh))
}

/// Reads what the compositor says until it shows something; Err is all that it said.
fn wait_for_first_frame(compositor: &mut Child) -> Result<(), String> {
    let Some(stderr) = compositor.stderr.take() else {
        return Err(String::new());
    };
    let mut reader = BufReader::new(stderr);
    let mut said = String::new();
    loop {
        let before = said.len();
        match reader.read_line(&mut said) {
            Ok(0) | Err(_) => return Err(said),
            Ok(_) if said[before..].trim() == "ochre-compositor: first frame" => break,
            Ok(_) => {}
        }
    }
    // Somebody has to read on, or the compositor would wait for its own messages one day.
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = reader.take(1 << 20).read_to_end(&mut rest); // ends with the compositor
    });
    Ok(())
}
