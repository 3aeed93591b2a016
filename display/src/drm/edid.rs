//! What of a monitor's EDID clients are shown: whole, valid blocks and nothing behind them.
//!
//! A device may report more bytes than the EDID has (virtio-gpu pads to 1,024), and a cable may
//! garble it. Clients parse what they get; so it is checked here once.

/// Bytes of a block (E-EDID 1.4, section 2.1).
const BLOCK: usize = 128;
/// How every base block begins (section 3.3).
const MAGIC: [u8; 8] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
/// Where the base block says how many extension blocks follow (section 3.11).
const EXTENSIONS: usize = 126;

/// The base block and those of its extensions that are there; nothing if the base block is broken.
/// A broken extension ends the list, as what follows can't be trusted to be where it seems.
pub fn valid(bytes: &[u8]) -> Vec<u8> {
    let sound = |block: &[u8]| block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0;
    let mut blocks = bytes.chunks_exact(BLOCK);
    let Some(base) = blocks.next() else {
        return Vec::new();
    };
    if !base.starts_with(&MAGIC) || !sound(base) {
        return Vec::new();
    }
    let declared = usize::from(base[EXTENSIONS]);
    let extensions: Vec<&[u8]> = blocks
        .take(declared)
        .take_while(|block| sound(block))
        .collect();
    let mut edid = [&[base], &extensions[..]].concat().concat();
    if extensions.len() < declared {
        // The count is part of the block's checksum.
        edid[EXTENSIONS] = extensions.len() as u8;
        let missing = (declared - extensions.len()) as u8;
        edid[BLOCK - 1] = edid[BLOCK - 1].wrapping_add(missing);
    }
    edid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(begin: &[u8], extensions: u8) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..begin.len()].copy_from_slice(begin);
        block[EXTENSIONS] = extensions;
        let sum = block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        block[BLOCK - 1] = sum.wrapping_neg();
        block
    }

    #[test]
    fn padding_is_left_off() {
        let edid = [block(&MAGIC, 1), block(&[2, 3], 0)].concat();
        let padded = [edid.clone(), vec![0; 768]].concat();
        assert_eq!(valid(&padded), edid);
    }

    #[test]
    fn a_missing_extension_is_no_longer_counted() {
        assert_eq!(valid(&block(&MAGIC, 2)), block(&MAGIC, 0));
        let broken = [block(&MAGIC, 1), vec![1; BLOCK]].concat();
        assert_eq!(valid(&broken), block(&MAGIC, 0));
    }

    #[test]
    fn garbage_is_no_edid() {
        assert_eq!(valid(&[]), []);
        assert_eq!(valid(&MAGIC), []);
        assert_eq!(valid(&[0xff; 256]), []);
        let mut wrong = block(&MAGIC, 0);
        wrong[20] ^= 1;
        assert_eq!(valid(&wrong), []);
    }
}
