//! Numbers that a seed determines (SplitMix64).

/// A stream of numbers.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed and a number within it: lives and threads have streams of their own.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut random = Random(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// A number below `bound`, which isn't 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Some of these bits: often one or none.
    pub fn some_of(&mut self, bits: &[u64]) -> u64 {
        let mut value = 0;
        for _ in 0..self.below(4) {
            value |= self.pick(bits);
        }
        value
    }

    /// A number that code often mishandles.
    pub fn edge(&mut self) -> u64 {
        const EDGES: [u64; 32] = [
            0,
            1,
            2,
            3,
            4,
            7,
            8,
            9,
            15,
            16,
            63,
            64,
            255,
            256,
            511,
            512,
            1023,
            1024,
            4095,
            4096,
            4097,
            65535,
            65536,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 32,
            1 << 47,
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
            u64::MAX - 4095,
        ];
        let edge = self.pick(&EDGES);
        match self.below(8) {
            0 => edge.wrapping_neg(),
            1 => edge.wrapping_add(1),
            2 => edge.wrapping_sub(1),
            3 => self.next() >> self.below(64),
            _ => edge,
        }
    }
}
