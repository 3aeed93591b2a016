//! The vDSO's ELF library, put together at boot: one segment, a dynamic section with symbols, their
//! hash table and their version `LINUX_2.6` (System V gABI; LSB symbol versioning).

use super::code;
use crate::addr::PAGE_SIZE;
use crate::frame::Frame;
use alloc::vec::Vec;

const PHDRS: usize = 64;
const DYNAMIC: usize = PHDRS + 2 * 56;
const VERSION: &str = "LINUX_2.6";
const SONAME: &str = "linux-vdso.so.1";

/// Grows a page's image front to back.
struct Page(Vec<u8>);

impl Page {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0.extend_from_slice(&bytes);
    }

    fn u16(&mut self, value: u16) {
        self.put(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    fn u64(&mut self, value: usize) {
        self.put((value as u64).to_le_bytes());
    }

    fn align(&mut self, to: usize) -> usize {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
        self.0.len()
    }
}

/// The hash of the gABI, figure 5-13.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |h, c| {
        let h = (h << 4).wrapping_add(u32::from(c));
        let high = h & 0xf000_0000;
        (h ^ high >> 24) & !high
    })
}

/// Writes the library to its page.
pub fn write_library(frame: &Frame) {
    let functions = code::functions();
    let mut strings = Vec::from(*b"\0");
    let mut name = |text: &str| {
        let at = strings.len() as u32;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        at
    };
    let soname = name(SONAME);
    let version = name(VERSION);
    let names = functions.map(|(function, _)| name(function));

    let mut page = Page(Vec::new());
    const DYNAMIC_ENTRIES: usize = 10;
    let tables = DYNAMIC + DYNAMIC_ENTRIES * 16;
    page.0.resize(tables, 0);

    let symbols = page.align(8);
    page.0.resize(symbols + 24, 0);
    for (name, (_, offset)) in names.into_iter().zip(functions) {
        page.u32(name);
        page.put([0x12, 0]); // global function, default visibility
        page.u16(1); // any section: defined
        page.u64(code::OFFSET + offset);
        page.u64(0);
    }
    // One bucket: a chain through all symbols.
    let hash_table = page.align(8);
    let count = functions.len() as u32 + 1;
    page.u32(1);
    page.u32(count);
    page.u32(1);
    page.u32(0);
    for symbol in 1..count {
        page.u32((symbol + 1) % count);
    }
    let versym = page.align(2);
    page.u16(0);
    for _ in functions {
        page.u16(2);
    }
    let verdef = page.align(8);
    for (flags, index, text, at, next) in [
        (1u16, 1u16, SONAME, soname, 28u32),
        (0, 2, VERSION, version, 0),
    ] {
        page.u16(1);
        page.u16(flags);
        page.u16(index);
        page.u16(1);
        page.u32(hash(text));
        page.u32(20);
        page.u32(next);
        page.u32(at);
        page.u32(0);
    }
    let string_table = page.0.len();
    page.0.extend_from_slice(&strings);
    assert!(
        page.0.len() <= code::OFFSET,
        "the tables leave room for the code"
    );
    page.0.resize(code::OFFSET, 0);
    page.0.extend_from_slice(code::bytes());
    let size = page.0.len();
    assert!(size <= PAGE_SIZE);

    let mut head = Page(Vec::new());
    head.put(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    head.u16(3); // shared object
    head.u16(62); // x86-64
    head.u32(1);
    head.u64(0);
    head.u64(PHDRS);
    head.u64(0);
    head.u32(0);
    for half in [64, 56, 2, 0, 0, 0] {
        head.u16(half);
    }
    // PT_LOAD of the whole page, then PT_DYNAMIC.
    let dynamic_size = DYNAMIC_ENTRIES * 16;
    for (kind, flags, at, size, align) in
        [(1, 5, 0, size, PAGE_SIZE), (2, 4, DYNAMIC, dynamic_size, 8)]
    {
        head.u32(kind);
        head.u32(flags);
        for value in [at, at, at, size, size, align] {
            head.u64(value);
        }
    }
    let entries: [(usize, usize); DYNAMIC_ENTRIES] = [
        (14, soname as usize), // DT_SONAME
        (4, hash_table),       // DT_HASH
        (5, string_table),     // DT_STRTAB
        (6, symbols),          // DT_SYMTAB
        (10, strings.len()),   // DT_STRSZ
        (11, 24),              // DT_SYMENT
        (0x6fff_fff0, versym), // DT_VERSYM
        (0x6fff_fffc, verdef), // DT_VERDEF
        (0x6fff_fffd, 2),      // DT_VERDEFNUM
        (0, 0),                // DT_NULL
    ];
    for (tag, value) in entries {
        head.u64(tag);
        head.u64(value);
    }
    page.0[..head.0.len()].copy_from_slice(&head.0);
    frame.write(0, &page.0);
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn version_hashes_as_the_abi_says() {
        assert_eq!(hash("LINUX_2.6"), 0x3ae75f6);
        assert_eq!(hash("linux-vdso.so.1"), 0xdeebfa1);
    }
}
