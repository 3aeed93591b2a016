//! Random bytes for user space: the ChaCha20 stream cipher keyed from the machine's entropy, rekeyed
//! with its own output after every request (so that a later look at memory does not tell what was
//! handed out).

use crate::lock_order;
use ochre_hal::sync::SpinLock;

struct Generator {
    key: [u32; 8],
    /// Requests since entropy was last mixed in.
    age: u32,
    seeded: bool,
}

static GENERATOR: SpinLock<Generator> = SpinLock::new(
    lock_order::CELL,
    Generator {
        key: [0; 8],
        age: 0,
        seeded: false,
    },
);

/// Requests after which fresh entropy is mixed in.
const RESEED: u32 = 256;

/// Fills `out`.
pub fn fill(out: &mut [u8]) {
    let mut generator = GENERATOR.lock();
    if !generator.seeded || generator.age >= RESEED {
        for pair in generator.key.chunks_exact_mut(2) {
            let fresh = ochre_hal::cpu::random_u64();
            pair[0] ^= fresh as u32;
            pair[1] ^= (fresh >> 32) as u32;
        }
        generator.seeded = true;
        generator.age = 0;
    }
    generator.age += 1;
    let key = generator.key;
    let first = block(&key, 0);
    generator.key.copy_from_slice(&first[..8]);
    drop(generator);
    for (counter, chunk) in out.chunks_mut(64).enumerate() {
        let words = block(&key, counter as u64 + 1);
        for (bytes, word) in chunk.chunks_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
        }
    }
}

/// One block of ChaCha20 with a 64-bit counter and a zero nonce.
fn block(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let mut start = [0u32; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    start[4..12].copy_from_slice(key);
    start[12] = counter as u32;
    start[13] = (counter >> 32) as u32;
    let mut state = start;
    for _ in 0..10 {
        for [a, b, c, d] in [
            [0, 4, 8, 12],
            [1, 5, 9, 13],
            [2, 6, 10, 14],
            [3, 7, 11, 15],
            [0, 5, 10, 15],
            [1, 6, 11, 12],
            [2, 7, 8, 13],
            [3, 4, 9, 14],
        ] {
            quarter_round(&mut state, a, b, c, d);
        }
    }
    for (word, first) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    state
}

fn quarter_round(s: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(16);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(12);
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(8);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::{block, quarter_round};

    #[test]
    fn quarter_round_is_rfc_8439s() {
        let mut s = [0; 16];
        (s[0], s[1], s[2], s[3]) = (0x1111_1111, 0x0102_0304, 0x9b8d_6f43, 0x0123_4567);
        quarter_round(&mut s, 0, 1, 2, 3);
        assert_eq!(s[..4], [0xea2a_92f4, 0xcb1c_f8ce, 0x4581_472e, 0x5881_c4bb]);
    }

    #[test]
    fn zero_key_gives_the_known_first_word() {
        // RFC 8439, A.1, test vector 1: 76 b8 e0 ad.
        assert_eq!(block(&[0; 8], 0)[0], 0xade0_b876);
    }
}
