//! Approved pictures: `goldens/SCENE/CHECK.png`.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::picture::Picture;

/// The folder of approved pictures.
#[derive(Clone, Debug)]
pub struct Goldens {
    folder: PathBuf,
}

impl Goldens {
    pub fn new(folder: impl Into<PathBuf>) -> Goldens {
        Goldens {
            folder: folder.into(),
        }
    }

    pub fn path(&self, scene: &str, check: &str) -> PathBuf {
        self.folder
            .join(file_name(scene))
            .join(file_name(check) + ".png")
    }

    /// The approved picture; None if there is none yet.
    pub fn load(&self, scene: &str, check: &str) -> Result<Option<Picture>, Error> {
        let path = self.path(scene, check);
        if !path.exists() {
            return Ok(None);
        }
        Picture::read(&path).map(Some)
    }

    pub fn approve(&self, scene: &str, check: &str, picture: &Picture) -> Result<(), Error> {
        picture.write(&self.path(scene, check))
    }

    /// Pictures that no check of these scenes asked for.
    pub fn unused(&self, used: &[PathBuf], scenes: &[&str]) -> Vec<PathBuf> {
        let mut unused = Vec::new();
        for scene in scenes {
            let folder = self.folder.join(file_name(scene));
            let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
            unused.extend(
                files
                    .map(|file| file.path())
                    .filter(|path| !used.contains(path)),
            );
        }
        unused.sort();
        unused
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A name as a file's: letters and digits, everything else a dash.
fn file_name(name: &str) -> String {
    let dashed: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    dashed.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_files_inside_the_folder() {
        let goldens = Goldens::new("/goldens");
        assert_eq!(
            goldens.path("Terminal: typed output", "../../etc"),
            Path::new("/goldens/terminal--typed-output/etc.png")
        );
    }
}
