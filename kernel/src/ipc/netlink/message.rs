//! Netlink's messages (netlink(7)): how questions are walked, and answers, which are made of
//! attributes, put together.

use super::socket::NetlinkSocket;
use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

/// `struct nlmsghdr`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Header {
    pub len: u32,
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    pub port: u32,
}

pub const HEADER: usize = size_of::<Header>();
/// An attribute's length, which counts itself, and kind.
const ATTRIBUTE: usize = 4;

const NLMSG_ERROR: u16 = 2;
pub const NLMSG_DONE: u16 = 3;
/// Kinds below are netlink's own.
const LEAST_KIND: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
pub const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CAPPED: u16 = 0x100;

/// What came of one question that didn't fail.
pub enum Outcome {
    /// What there was to be said has been said.
    Done,
    /// A list's entries have been told: its end follows.
    List,
}

/// One question.
pub struct Question<'a> {
    pub header: Header,
    /// What follows the header.
    pub body: &'a [u8],
    /// Who is to be answered.
    pub socket: &'a NetlinkSocket,
    pub port: u32,
}

impl Question<'_> {
    /// Whether all entries of a list are asked for.
    #[must_use]
    pub fn wants_list(&self) -> bool {
        self.header.flags & NLM_F_DUMP == NLM_F_DUMP
    }

    /// An answer to it, which is yet to be filled.
    pub fn answer(&self, kind: u16, flags: u16) -> Result<Answer> {
        let header = Header {
            len: 0,
            kind,
            flags,
            sequence: self.header.sequence,
            port: self.port,
        };
        let mut answer = Answer { text: Vec::new() };
        answer.put(bytemuck::bytes_of(&header))?;
        Ok(answer)
    }

    /// Tells a number and what was asked.
    fn tell(&self, kind: u16, flags: u16, number: i32, asked: &[u8]) -> Result {
        let mut answer = self.answer(kind, flags)?;
        answer.put(&number.to_ne_bytes())?;
        answer.put(asked)?;
        self.socket.tell(answer.finish());
        Ok(())
    }
}

/// Has `answer` answer all questions in a message of `socket`, whose port is `port`.
pub fn answer_all(
    socket: &NetlinkSocket,
    port: u32,
    mut text: &[u8],
    answer: &dyn Fn(&Question<'_>) -> Result<Outcome>,
) -> Result {
    while let Some(header) = text.get(..HEADER) {
        let header: Header = bytemuck::pod_read_unaligned(header);
        let len = header.len as usize;
        let Some(asked) = text.get(..len).filter(|_| len >= HEADER) else {
            break;
        };
        let question = Question {
            header,
            body: &asked[HEADER..],
            socket,
            port,
        };
        let outcome = if header.flags & NLM_F_REQUEST == 0 || header.kind < LEAST_KIND {
            Ok(Outcome::Done)
        } else {
            answer(&question)
        };
        match outcome {
            Ok(Outcome::List) => question.tell(NLMSG_DONE, NLM_F_MULTI, 0, &[])?,
            Ok(Outcome::Done) if header.flags & NLM_F_ACK != 0 => {
                question.tell(NLMSG_ERROR, NLM_F_CAPPED, 0, &asked[..HEADER])?;
            }
            Ok(Outcome::Done) => {}
            Err(error) => {
                question.tell(NLMSG_ERROR, 0, -i32::from(error.number()), asked)?;
            }
        }
        // The next begins at a multiple of four.
        text = text.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(())
}

/// A message that is being put together.
pub struct Answer {
    text: Vec<u8>,
}

impl Answer {
    pub fn put(&mut self, bytes: &[u8]) -> Result {
        self.text.room(bytes.len())?;
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result {
        let nest = self.open(kind)?;
        self.put(value)?;
        self.close(nest);
        let padding = self.text.len().next_multiple_of(4) - self.text.len();
        self.put(&[0; 3][..padding])
    }

    /// Begins an attribute whose value are others; `close` takes what this returns.
    pub fn open(&mut self, kind: u16) -> Result<usize> {
        let at = self.text.len();
        self.put(&0_u16.to_ne_bytes())?;
        self.put(&kind.to_ne_bytes())?;
        Ok(at)
    }

    pub fn close(&mut self, at: usize) {
        let len = (self.text.len() - at) as u16;
        self.text[at..at + 2].copy_from_slice(&len.to_ne_bytes());
    }

    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let len = self.text.len() as u32;
        self.text[..4].copy_from_slice(&len.to_ne_bytes());
        self.text
    }
}

/// The value of the last attribute of `kind` among `attributes`.
pub fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut found = None;
    while let Some([a, b, c, d]) = attributes.get(..ATTRIBUTE) {
        let len = usize::from(u16::from_ne_bytes([*a, *b]));
        let Some(value) = attributes.get(ATTRIBUTE..len) else {
            break;
        };
        if u16::from_ne_bytes([*c, *d]) == kind {
            found = Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

/// Such an attribute as a number of four bytes.
pub fn number(attributes: &[u8], kind: u16) -> Result<Option<u32>> {
    let number = |value: &[u8]| {
        let bytes = value.first_chunk().ok_or(Errno::ERANGE)?;
        Ok(u32::from_ne_bytes(*bytes))
    };
    attribute(attributes, kind).map(number).transpose()
}

#[cfg(test)]
mod tests {
    use super::{Answer, attribute, number};
    use crate::errno::Errno;
    use alloc::vec::Vec;

    fn attributes(list: &[(u16, &[u8])]) -> Vec<u8> {
        let mut answer = Answer { text: Vec::new() };
        for (kind, value) in list {
            answer.attribute(*kind, value).expect("memory");
        }
        answer.text
    }

    #[test]
    fn attributes_are_found() {
        let text = attributes(&[(1, b"odd"), (2, &7_u32.to_ne_bytes()), (1, b"last")]);
        assert_eq!(text.len(), 24);
        assert_eq!(attribute(&text, 1), Some(&b"last"[..]));
        assert_eq!(number(&text, 2), Ok(Some(7)));
        assert_eq!(number(&text, 3), Ok(None));
    }

    #[test]
    fn what_is_cut_is_not_read() {
        let text = attributes(&[(1, b"one"), (2, b"two")]);
        assert_eq!(attribute(&text[..text.len() - 2], 2), None);
        assert_eq!(number(&text, 2), Err(Errno::ERANGE));
        // A length that doesn't count itself ends the walk.
        assert_eq!(attribute(&[0; 12], 0), None);
    }
}
