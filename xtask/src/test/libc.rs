//! No program of an image contains an object of another C library than relibc.
//!
//! relibc marks its object with the symbol `__ochre_relibc`. A program must have the mark, need no
//! shared library and no loader, and hold none of the words by which musl and glibc say their
//! version or keep their inner state.

use super::Tally;
use crate::build::{Builder, Libc};
use crate::programs;
use anyhow::{Context, Result, ensure};
use object::elf::{DT_NEEDED, PT_DYNAMIC, PT_INTERP};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};
use std::fs;
use std::path::Path;

/// The mark.
const MARK: &str = "__ochre_relibc";
/// Symbols that only other C libraries define.
const FOREIGN_SYMBOLS: [&str; 6] = [
    "__libc_start_main_stage2",
    "__musl_libc",
    "__malloc_donate",
    "_IO_2_1_stdout_",
    "__libc_early_init",
    "_nl_C_locobj",
];
/// Words that only other C libraries contain.
const FOREIGN_WORDS: [&str; 3] = ["GNU C Library", "musl libc", "glibc 2."];

/// Checks all programs of user space.
pub fn run(builder: &Builder) -> Result<Tally> {
    let programs = programs::all()?;
    let files = builder.user(&programs, Libc::Relibc)?;
    let mut tally = Tally::default();
    for (program, file) in programs.iter().zip(&files) {
        tally.test(&program.name, check(file));
    }
    Ok(tally)
}

fn check(file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let elf = ElfFile64::<Endianness>::parse(&*bytes)?;
    let names: Vec<&str> = elf
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    ensure!(
        names.contains(&MARK),
        "it isn't linked to relibc: there is no {MARK}"
    );
    for foreign in FOREIGN_SYMBOLS {
        ensure!(
            !names.contains(&foreign),
            "another C library's {foreign} is in it"
        );
    }
    for word in FOREIGN_WORDS {
        let found = bytes
            .windows(word.len())
            .any(|window| window == word.as_bytes());
        ensure!(!found, "another C library says in it: {word:?}");
    }
    let endian = elf.endian();
    let headers = elf.elf_header().program_headers(endian, &*bytes)?;
    ensure!(
        !headers
            .iter()
            .any(|header| header.p_type(endian) == PT_INTERP),
        "it asks for a loader: it isn't linked statically"
    );
    let dynamic = headers
        .iter()
        .find(|header| header.p_type(endian) == PT_DYNAMIC);
    let entries = dynamic.and_then(|header| header.dynamic(endian, &*bytes).ok().flatten());
    let needs = entries
        .unwrap_or_default()
        .iter()
        .any(|entry| entry.d_tag.get(endian) == DT_NEEDED);
    ensure!(!needs, "it needs shared libraries");
    Ok(())
}
