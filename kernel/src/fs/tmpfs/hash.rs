//! A seeded hash of names: directory order, and the positions readers go on from.

use ochre_hal::sync::Once;

/// Positions below this are ".", ".." and the start.
pub const FIRST: u64 = 3;

/// The position of `name`: in `FIRST..2^63`, as off_t is signed.
pub fn position(name: &[u8]) -> u64 {
    static SEED: Once<u64> = Once::new();
    let mut hash = *SEED.get_or_init(ochre_hal::cpu::random_u64);
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash = (hash ^ name.len() as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^= hash >> 32;
    // One below the largest, so that the position after an entry is still positive.
    (hash >> 1).clamp(FIRST, i64::MAX as u64 - 1)
}
