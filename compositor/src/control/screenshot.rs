//! Pictures of the screen, as files: for scripts at once, for a key in the background.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use ochre_raster::Bitmap;

use crate::{
    Error,
    render::{png, window_picture},
    shell::WindowId,
    state::Compositor,
};

/// How many pictures of one second get a name.
const MOST_OF_A_SECOND: u32 = 100;

impl Compositor {
    /// Writes what the primary output shows into a PNG file.
    pub fn screenshot(&mut self, path: &Path, cursor: bool) -> Result<(), Error> {
        let picture = self.primary_picture(cursor)?;
        let png = png(&picture).map_err(|err| Error::Display(err.to_string()))?;
        fs::write(path, png).map_err(|source| Error::File {
            path: path.into(),
            source,
        })
    }

    fn primary_picture(&mut self, cursor: bool) -> Result<Bitmap, Error> {
        let output = self.outputs.primary().map(|screen| screen.id);
        let output = output.ok_or_else(|| Error::Display("there is no output".into()))?;
        self.draw_apart(output, cursor)
    }

    /// Saves a picture of the primary output or of a window with its user's others.
    pub(crate) fn save_screenshot(&mut self, window: Option<WindowId>) {
        let picture = match window {
            None => self.primary_picture(false),
            Some(id) => self.picture_of_window(id),
        };
        let written = picture.and_then(|picture| {
            let folder = pictures().ok_or_else(|| Error::Display("HOME is not set".into()))?;
            let stamp = self.clock.stamp();
            // To compress it takes longer than a frame lasts.
            let write = move || {
                if let Err(err) = write(&picture, &folder, &stamp) {
                    eprintln!("ochre-compositor: {}: {err}", folder.display());
                }
            };
            let started = thread::Builder::new()
                .name("screenshot".into())
                .spawn(write);
            started
                .map(drop)
                .map_err(|err| Error::Display(err.to_string()))
        });
        if let Err(err) = written {
            eprintln!("ochre-compositor: no screenshot: {err}");
        }
    }

    fn picture_of_window(&mut self, id: WindowId) -> Result<Bitmap, Error> {
        let scale = self.outputs.preferred_scale();
        let ground = self.look.overlay;
        let window = self.shell.get(id);
        window
            .and_then(|window| window_picture(window, &mut self.painter, scale, ground))
            .ok_or_else(|| Error::Display("the window shows nothing".into()))
    }
}

/// Where its user keeps pictures.
fn pictures() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    variable("XDG_PICTURES_DIR")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join("Pictures")))
}

/// Writes a picture under a name that no other has.
fn write(picture: &Bitmap, folder: &Path, stamp: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = png(picture).map_err(io::Error::other)?;
    for count in 1..=MOST_OF_A_SECOND {
        let name = match count {
            1 => format!("Screenshot {stamp}.png"),
            count => format!("Screenshot {stamp} {count}.png"),
        };
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut new) => return new.write_all(&file).map(|()| path),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_replaces_another() {
        let folder = std::env::temp_dir().join(format!("ochre-pictures-{}", std::process::id()));
        let picture = Bitmap::new(4, 3).unwrap();
        let first = write(&picture, &folder, "now").unwrap();
        let second = write(&picture, &folder, "now").unwrap();
        assert!(first.ends_with("Screenshot now.png"));
        assert!(second.ends_with("Screenshot now 2.png"));
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
