//! Programs for execve: a small right one, and what comes of it when fields are changed.

use crate::random::Random;

const HEADER: usize = 64;
const SEGMENT: usize = 56;
const SEGMENTS: usize = 3;

fn put(file: &mut [u8], at: usize, value: u64, bytes: usize) {
    file[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
}

/// A program of one page that exits: code and data in one segment, a stack, and an interpreter's
/// name that is no segment until a change makes it one.
fn right(random: &mut Random) -> Vec<u8> {
    // mov eax, 60; syscall
    const CODE: [u8; 7] = [0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    let base = if random.one_in(2) { 0x40_0000 } else { 0 };
    let code = HEADER + SEGMENTS * SEGMENT;
    let mut file = vec![0; 4096 + random.below(8192)];
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    put(&mut file, 16, if base == 0 { 3 } else { 2 }, 2);
    put(&mut file, 18, 62, 2);
    put(&mut file, 20, 1, 4);
    put(&mut file, 24, base + code as u64, 8);
    put(&mut file, 32, HEADER as u64, 8);
    put(&mut file, 52, HEADER as u64, 2);
    put(&mut file, 54, SEGMENT as u64, 2);
    put(&mut file, 56, SEGMENTS as u64, 2);
    let kinds = [
        (1, 7, 0, 4096, 0x3000),
        (0x6474_e551, 6, 0, 0, 0),
        (if random.one_in(3) { 3 } else { 4 }, 4, 1024, 16, 16),
    ];
    for (index, (kind, flags, offset, bytes, memory)) in kinds.into_iter().enumerate() {
        let at = HEADER + index * SEGMENT;
        put(&mut file, at, kind, 4);
        put(&mut file, at + 4, flags, 4);
        for (field, value) in [offset, base + offset, base + offset, bytes, memory, 4096]
            .into_iter()
            .enumerate()
        {
            put(&mut file, at + 8 + 8 * field, value, 8);
        }
    }
    file[code..code + CODE.len()].copy_from_slice(&CODE);
    let names: [&[u8; 16]; 4] = [
        b"program\0\0\0\0\0\0\0\0\0",
        b"/proc/self/exe\0\0",
        b"xxxxxxxxxxxxxxxx",
        b"/dev/zero\0\0\0\0\0\0\0",
    ];
    let name = random.pick(&names);
    file[1024..1040].copy_from_slice(name);
    file
}

/// A program in which a few fields of its headers are at an edge.
pub fn malformed(random: &mut Random) -> Vec<u8> {
    let mut file = right(random);
    for _ in 0..random.below(5) {
        let value = random.edge();
        match random.below(8) {
            // A field of a segment, which has six of eight bytes and two of four.
            0..4 => {
                let at = HEADER + random.below(SEGMENTS) * SEGMENT;
                match random.below(8) {
                    0 => put(
                        &mut file,
                        at,
                        random.pick(&[0, 1, 1, 2, 3, 6, 7, 0x6474_e553]),
                        4,
                    ),
                    1 => put(&mut file, at + 4, value, 4),
                    field => put(&mut file, at + 8 * (field - 1), value, 8),
                }
            }
            4 => put(&mut file, random.pick(&[24, 32, 40]), value, 8),
            5 => put(
                &mut file,
                random.pick(&[16, 18, 52, 54, 56, 58, 60]),
                value,
                2,
            ),
            6 => file[random.below(20)] = value as u8,
            _ => file.truncate(random.pick(&[0, 1, 4, 20, 63, 64, 65, 120, 200, 4095])),
        }
        if file.len() < 4096 {
            break;
        }
    }
    file
}

/// A script, with an interpreter that may not be one.
pub fn script(random: &mut Random) -> Vec<u8> {
    let lines: [&[u8]; 8] = [
        b"#!",
        b"#!\n",
        b"#! \t \n",
        b"#!script\n",
        b"#!program a b c\n",
        b"#!/nothing\n",
        b"#!/proc/self/exe --nothing\n",
        b"#!d\n",
    ];
    let mut file = random.pick(&lines).to_vec();
    if random.one_in(4) {
        file.resize(random.pick(&[127, 128, 255, 256, 257, 5000]), b'x');
    }
    file
}
