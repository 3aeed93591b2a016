//! The mark by which a program is known to be linked to this library: an ELF note, which linkers keep, under a symbol
//! that the checks look for.

#[repr(C, align(4))]
pub struct Note {
    name_size: u32,
    text_size: u32,
    kind: u32,
    name: [u8; 8],
    text: [u8; 8],
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".note.ochre.relibc")]
#[used]
static __ochre_relibc: Note = Note {
    name_size: 6,
    text_size: 7,
    kind: 1,
    name: *b"Ochre\0\0\0",
    text: *b"relibc\0\0",
};
