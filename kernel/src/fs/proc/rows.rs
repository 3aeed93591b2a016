//! Files of rows that are made a part at a time, as they are read on: however many there are, no more than
//! a part is kept.
//!
//! Rows come and go between two reads. Each part remembers where the next one goes on, so that who reads
//! from start to end sees each row that stays, as on Linux; a look back begins anew.

use crate::errno::Result;
use crate::file::{File, Io};
use crate::fs::node::Node;
use crate::lock_order;
use crate::sched::mutex::Mutex;
use crate::uio::Dest;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// Makes the rows from a place on, as many as are enough for a part.
pub type Rows = dyn Fn(usize) -> Result<Part> + Send + Sync;
/// Makes what makes the rows for one opening of the file.
pub type BindRows = dyn Fn() -> Result<Box<Rows>> + Send + Sync;

/// Some rows.
#[derive(Default)]
pub struct Part {
    pub text: Vec<u8>,
    /// Where the next ones begin; None if these are the last.
    pub next: Option<usize>,
}

struct Seen {
    part: Part,
    /// The offset of the part in the file.
    start: u64,
}

impl Seen {
    fn nothing() -> Seen {
        let part = Part {
            text: Vec::new(),
            next: Some(0),
        };
        Seen { part, start: 0 }
    }

    fn end(&self) -> u64 {
        self.start + self.part.text.len() as u64
    }
}

pub struct RowsFile {
    node: Arc<Node>,
    rows: Box<Rows>,
    seen: Mutex<Seen>,
}

impl RowsFile {
    pub fn new(node: Arc<Node>, rows: Box<Rows>) -> RowsFile {
        RowsFile {
            node,
            rows,
            seen: Mutex::new(lock_order::sleeping::TEXT, Seen::nothing()),
        }
    }

    /// Brings what is at `offset` in sight; false when the file ends before.
    fn go_to(&self, seen: &mut Seen, offset: u64) -> Result<bool> {
        while offset >= seen.end() {
            let Some(next) = seen.part.next else {
                return Ok(false);
            };
            let part = (self.rows)(next)?;
            *seen = Seen {
                part,
                start: seen.end(),
            };
        }
        Ok(true)
    }
}

impl File for RowsFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let mut seen = self.seen.lock();
        if io.offset == 0 || io.offset < seen.start {
            *seen = Seen::nothing();
        }
        let mut done = 0;
        while dst.remaining() > 0 {
            let offset = io.offset.saturating_add(done as u64);
            match self.go_to(&mut seen, offset) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
            let rest = &seen.part.text[(offset - seen.start) as usize..];
            let n = rest.len().min(dst.remaining());
            match dst.put(&rest[..n]) {
                Ok(_) => done += n,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
