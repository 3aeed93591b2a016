//! What can go wrong with a scene, other than that it looks different.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is no picture: {reason}", path.display())]
    Picture { path: PathBuf, reason: String },
    #[error("starting {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("the desktop ended ({0}); what it said:\n{1}")]
    Ended(String, String),
    #[error("{}/fonts is not there: `./x test ui` lays out what a desktop shows", .0.display())]
    NoShare(PathBuf),
    #[error("talking to the desktop: {0}")]
    Talk(#[from] io::Error),
    #[error("the desktop answered {0}")]
    Answer(String),
    #[error("the desktop refused {request}: {reason}")]
    Refused { request: String, reason: String },
    #[error("waited {seconds} s for {what}")]
    Waited { what: String, seconds: u64 },
    #[error("no key types {0:?}")]
    NoKey(char),
    #[error("{0} can't be done in a virtual machine from outside")]
    NotFromOutside(&'static str),
}

impl Error {
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { path, source }
    }
}
