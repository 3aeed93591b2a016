//! What a file gives to who executes it: the attribute `security.capability` (capabilities(7), "File
//! capabilities"), in its revisions 2 and 3.

use crate::errno::{Errno, Result};
use crate::fs::node::Node;
use crate::task::credentials::Capabilities;
use alloc::vec::Vec;

/// The attribute.
pub const NAME: &[u8] = b"security.capability";

const REVISION: u32 = 0xff00_0000;
const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
/// What is permitted is effective from the start.
const EFFECTIVE: u32 = 1;

/// Bytes of each revision.
const LEN_1: usize = 12;
const LEN_2: usize = 20;
const LEN_3: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    pub permitted: Capabilities,
    pub inheritable: Capabilities,
    pub effective: bool,
}

fn word(value: &[u8], at: usize) -> u32 {
    let bytes = value
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

/// For which user number it counts as root's; `EINVAL` for what was never set so.
fn root_of(value: &[u8]) -> Result<u32> {
    match (word(value, 0) & !EFFECTIVE, value.len()) {
        (REVISION_2, LEN_2) => Ok(0),
        (REVISION_3, LEN_3) => Ok(word(value, LEN_2)),
        _ => Err(Errno::EINVAL),
    }
}

/// Whether it can be set.
pub fn check(value: &[u8]) -> Result {
    if root_of(value)? == u32::MAX {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// What getxattr tells of it: of root's the second revision.
pub fn shown(mut value: Vec<u8>) -> Result<Vec<u8>> {
    if root_of(&value)? == 0 {
        value.truncate(LEN_2);
        let magic = REVISION_2 | word(&value, 0) & EFFECTIVE;
        value[..4].copy_from_slice(&magic.to_le_bytes());
    }
    Ok(value)
}

/// As an attribute has it. None for another root's.
fn parse(value: &[u8]) -> Result<Option<FileCapabilities>> {
    let magic = word(value, 0);
    let words = match (magic & REVISION, value.len()) {
        (REVISION_1, LEN_1) => 1,
        (REVISION_2, LEN_2) => 2,
        (REVISION_3, LEN_3) if word(value, LEN_2) == 0 => 2,
        (REVISION_3, LEN_3) => return Ok(None),
        _ => return Err(Errno::EINVAL),
    };
    let set = |at: usize| {
        let high = if words == 2 { word(value, at + 8) } else { 0 };
        Capabilities::from_bits_truncate(u64::from(high) << 32 | u64::from(word(value, at)))
    };
    Ok(Some(FileCapabilities {
        permitted: set(4),
        inheritable: set(8),
        effective: magic & EFFECTIVE != 0,
    }))
}

/// What the file gives; `EINVAL` if its attribute makes no sense.
pub fn of(node: &Node) -> Result<Option<FileCapabilities>> {
    match node.inode().get_xattr(NAME) {
        Ok(value) => parse(&value),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes it away: the file is another's, or another one, from now on.
pub fn forget(node: &Node) {
    // Mostly there is none.
    let _ = node.inode().remove_xattr(NAME);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn revisions_have_their_sizes() {
        let second = value(&[REVISION_2 | EFFECTIVE, 1 << 10, 2, 1 << 6, 0]);
        assert_eq!(check(&second), Ok(()));
        let found = parse(&second).unwrap().unwrap();
        let net = Capabilities::NET_BIND_SERVICE | Capabilities::PERFMON;
        assert_eq!(found.permitted, net);
        assert_eq!(found.inheritable, Capabilities::DAC_OVERRIDE);
        assert!(found.effective);
        assert_eq!(check(&second[..19]), Err(Errno::EINVAL));
        assert_eq!(check(&value(&[REVISION_1, 1, 0])), Err(Errno::EINVAL));
        assert!(parse(&value(&[REVISION_1, 1, 0])).unwrap().is_some());
        assert_eq!(parse(&[]), Err(Errno::EINVAL));
    }

    #[test]
    fn the_third_is_of_a_root() {
        let of = |root| value(&[REVISION_3, 1, 0, 0, 0, root]);
        assert_eq!(shown(of(0)), Ok(value(&[REVISION_2, 1, 0, 0, 0])));
        assert_eq!(shown(of(5)), Ok(of(5)));
        assert_eq!(parse(&of(5)), Ok(None));
        assert_eq!(check(&of(u32::MAX)), Err(Errno::EINVAL));
    }
}
