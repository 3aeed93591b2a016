//! The configuration while the desktop runs: read when it changes, and applied at once.

use std::{
    fs::{self, File},
    io::{self, Read},
    mem::MaybeUninit,
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{
    Mode as FileMode, OFlags,
    inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};
use smithay::{
    input::keyboard::XkbConfig,
    output::{Mode, Output},
    reexports::calloop::{Interest, Mode as When, PostAction, generic::Generic},
    utils::Transform,
};

use super::{Config, ConfigError, Keyboard, NAME};
use crate::{Error, clock::Due, output::OutputId, state::Compositor};

/// A larger file is no configuration.
const LARGEST: u64 = 256 * 1024;
/// The time of day may be set at any moment, so it is looked at again after this long.
const LOOK_AT_CLOCK: u32 = 30 * 60;

/// The file that is followed.
#[derive(Debug, Default)]
pub struct ConfigFile {
    path: Option<PathBuf>,
    /// What is wrong with it as it is now.
    pub(crate) mistake: Option<ConfigError>,
    /// What the night light's schedule wanted last.
    scheduled: Option<u32>,
}

impl Compositor {
    /// Takes the configuration from a directory, now and whenever it changes.
    pub fn follow_config(&mut self, directory: &Path) -> Result<(), Error> {
        let failed = |source| Error::File {
            path: directory.to_owned(),
            source,
        };
        fs::create_dir_all(directory).map_err(failed)?;
        self.config_file.path = Some(directory.join(NAME));
        // The directory is watched, as editors replace a file by renaming another.
        let watched = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).and_then(|fd| {
            let changes = WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::DELETE;
            inotify::add_watch(&fd, directory, changes).map(|_| fd)
        });
        let watched = watched.map_err(|err| failed(err.into()))?;
        let source = Generic::new(watched, Interest::READ, When::Level);
        self.events.insert_source(source, |_, fd, state| {
            if changed(fd.as_fd()) {
                // What is wrong was said, and is kept for who asks.
                let _ = state.reload_config();
            }
            Ok(PostAction::Continue)
        })?;
        let _ = self.reload_config();
        Ok(())
    }

    /// Reads the configuration again. With a mistake in it everything stays as it is.
    pub fn reload_config(&mut self) -> Result<(), ConfigError> {
        let Some(path) = self.config_file.path.clone() else {
            return Ok(());
        };
        let read = text_of(&path).and_then(|text| Config::parse(&text, &path));
        match read {
            Ok(config) => {
                self.config_file.mistake = None;
                self.apply_config(config);
                Ok(())
            }
            Err(mistake) => {
                eprintln!("ochre-compositor: {mistake}\n  until then everything stays as it was");
                self.config_file.mistake = Some(mistake.clone());
                self.tell_subscribers("config-mistake");
                Err(mistake)
            }
        }
    }

    /// Makes a configuration the one that counts.
    pub fn apply_config(&mut self, config: Config) {
        let before = std::mem::replace(&mut self.config, config);
        if before.keyboard != self.config.keyboard {
            self.apply_keyboard();
        }
        self.devices.set_up(&self.config);
        if before.night_light != self.config.night_light {
            self.config_file.scheduled = None;
            self.set_night_light(None);
        }
        self.follow_night();
        if before.outputs != self.config.outputs {
            self.free_looks(&before);
            let on = self.outputs.iter().map(|screen| screen.id);
            let ids: Vec<OutputId> = on.chain(self.outputs.off().map(|(id, _)| id)).collect();
            for id in ids {
                self.free_place(id, &before);
                self.configure_output(id);
            }
        }
    }

    fn apply_keyboard(&mut self) {
        let wanted = self.options.keyboard(&self.config.keyboard);
        let Some(keyboard) = self.seat.get_keyboard() else {
            return;
        };
        keyboard.change_repeat_info(wanted.repeat_rate, wanted.repeat_delay);
        if let Err(err) = keyboard.set_xkb_config(self, xkb_config(&wanted)) {
            eprintln!("ochre-compositor: {err}");
        }
    }

    /// Sets the night light as it should be now, and comes back when it should be another.
    pub(crate) fn follow_night(&mut self) {
        let Some(light) = self.config.night_light else {
            self.deadlines.cancel(Due::Night);
            return;
        };
        let second = self.clock.second_of_day();
        let wanted = light.at(second);
        if wanted != self.config_file.scheduled {
            // Between changes a script may have the last word.
            self.config_file.scheduled = wanted;
            self.set_night_light(wanted);
        }
        match light.changes_in(second) {
            Some(after) => {
                let after = Duration::from_secs(u64::from(after.min(LOOK_AT_CLOCK)));
                self.deadlines.set(self.clock.now() + after, Due::Night);
            }
            None => self.deadlines.cancel(Due::Night),
        }
    }

    /// A place that was configured and is no more binds its display no longer.
    fn free_place(&mut self, id: OutputId, before: &Config) {
        let Some(screen) = self.outputs.get_mut(id) else {
            return;
        };
        let name = screen.output.name();
        let places = |config: &Config| {
            let mut chosen = config.outputs.iter().filter(|(other, _)| *other == name);
            chosen.any(|(_, chosen)| chosen.position.is_some())
        };
        if places(before) && !places(&self.config) {
            screen.standing.chosen = false;
            self.place_output(id, None, None, None);
        }
    }

    /// Displays whose scale or turn was configured and is no more are as usual again, also those that are
    /// away.
    fn free_looks(&mut self, before: &Config) {
        for (name, was) in &before.outputs {
            let now = self.config.output(name);
            let scale = was.scale.filter(|_| now.scale.is_none());
            let scale = scale.map(|_| self.options.scale);
            let transform = was.transform.filter(|_| now.transform.is_none());
            let transform = transform.map(|_| Transform::Normal);
            if scale.is_none() && transform.is_none() {
                continue;
            }
            self.outputs.set_look_away(name, scale, transform);
            let mut screens = self.outputs.iter();
            let id = screens
                .find(|screen| screen.output.name() == *name)
                .map(|screen| screen.id);
            drop(screens);
            if let Some(id) = id {
                self.place_output(id, None, scale, transform);
            }
        }
    }

    /// Gives a display what is chosen for it; else it stays as it is.
    pub fn configure_output(&mut self, id: OutputId) {
        let Some(output) = self.outputs.handle(id).cloned() else {
            return;
        };
        let name = output.name();
        let chosen = self.config.output(&name);
        let last = self.outputs.iter().all(|screen| screen.id == id);
        if !chosen.on && last {
            eprintln!("ochre-compositor: {name} stays on: there is no other display");
        } else if self.backend.can_switch()
            && let Err(err) = self.switch_output(id, chosen.on)
        {
            eprintln!("ochre-compositor: {name}: {err}");
        }
        if self.outputs.get(id).is_none() {
            return;
        }
        if let Some((size, rate)) = chosen.mode {
            let mode = self.mode_like(id, &output, size, rate);
            let set = match mode {
                Some(mode) if output.current_mode() == Some(mode) => Ok(()),
                Some(mode) => self.set_output_mode(id, mode),
                None => Err(Error::Display(format!(
                    "it has no mode {}x{}",
                    size.0, size.1
                ))),
            };
            if let Err(err) = set {
                eprintln!("ochre-compositor: {name}: {err}");
            }
        }
        // Not as usual: scripts may have set it otherwise, also before it was away.
        let now = (
            output.current_scale().fractional_scale(),
            output.current_transform(),
        );
        let scale = chosen.scale.unwrap_or(now.0);
        let transform = chosen.transform.unwrap_or(now.1);
        let position = chosen.position.map(Into::into);
        let stands = self.outputs.get(id).map(|screen| screen.standing.chosen);
        let as_is = position
            .is_none_or(|position| stands == Some(true) && output.current_location() == position);
        if !as_is || now != (scale, transform) {
            self.place_output(id, position, Some(scale), Some(transform));
        }
    }

    /// The mode of a display that is of a size, and nearest to a rate.
    fn mode_like(
        &self,
        id: OutputId,
        output: &Output,
        size: (i32, i32),
        rate: Option<i32>,
    ) -> Option<Mode> {
        let rate_of = |mode: &Mode| mode.refresh;
        let fitting = output
            .modes()
            .into_iter()
            .filter(|mode| mode.size == size.into());
        let found = match rate {
            Some(rate) => fitting.min_by_key(|mode| (rate_of(mode) - rate).abs()),
            None => fitting.max_by_key(rate_of),
        };
        let custom = Mode {
            size: size.into(),
            refresh: rate.unwrap_or(60_000),
        };
        found.or_else(|| self.backend.can_show(id, custom).then_some(custom))
    }
}

/// A keyboard's names as Smithay takes them.
pub(crate) fn xkb_config(keyboard: &Keyboard) -> XkbConfig<'_> {
    XkbConfig {
        layout: &keyboard.layout,
        variant: &keyboard.variant,
        options: (!keyboard.options.is_empty()).then(|| keyboard.options.clone()),
        ..XkbConfig::default()
    }
}

/// Takes what happened in the directory; whether any of it is about the file.
fn changed(fd: std::os::fd::BorrowedFd<'_>) -> bool {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(fd, &mut buffer);
    let mut changed = false;
    while let Ok(event) = reader.next() {
        let name = event.file_name().map(|name| name.to_bytes());
        changed |= event.events().contains(ReadFlags::QUEUE_OVERFLOW)
            || name.is_some_and(|name| name == NAME.as_bytes());
    }
    changed
}

/// A file's text: empty if there is no file, a mistake if it cannot be one.
fn text_of(path: &Path) -> Result<String, ConfigError> {
    let wrong = |message: String, fix: &str| ConfigError {
        path: path.to_owned(),
        line: 1,
        column: 1,
        message,
        fix: fix.to_owned(),
    };
    // A pipe in its place must not stop the desktop.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, FileMode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(String::new()),
        Err(err) => return Err(wrong(err.to_string(), "a file that you can read")),
    };
    let read = |file: File| -> io::Result<Option<Vec<u8>>> {
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    let bytes = match read(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(wrong("this is no file".into(), "a text file in its place")),
        Err(err) => return Err(wrong(err.to_string(), "a file that you can read")),
    };
    if bytes.len() as u64 > LARGEST {
        let message = format!(
            "a file of more than {} KiB is no configuration",
            LARGEST / 1024
        );
        return Err(wrong(message, "the example in docs/compositor.md"));
    }
    String::from_utf8(bytes).map_err(|err| {
        let good = err.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&err.as_bytes()[..good]).into_owned();
        ConfigError {
            line: before.matches('\n').count() + 1,
            ..wrong("this is not UTF-8".into(), "save the file as UTF-8")
        }
    })
}
