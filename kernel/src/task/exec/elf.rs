//! Reading ELF headers of x86-64 programs. Everything in them is a claim: checked before use.

use crate::errno::{Errno, Result};
use crate::mm::object::MemoryObject;
use crate::uio::Dest;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::{self, Room};
use ochre_hal::{PAGE_SIZE, USER_END};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FileHeader {
    ident: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    phoff: u64,
    shoff: u64,
    flags: u32,
    ehsize: u16,
    phentsize: u16,
    phnum: u16,
    shentsize: u16,
    shnum: u16,
    shstrndx: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    paddr: u64,
    filesz: u64,
    memsz: u64,
    align: u64,
}

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_PHDR: u32 = 6;
const PT_GNU_STACK: u32 = 0x6474_e551;

pub const PF_X: u32 = 1;
pub const PF_W: u32 = 2;
pub const PF_R: u32 = 4;

/// Bytes of a program header, for AT_PHENT.
pub const PHENT: usize = size_of::<ProgramHeader>();
const MAX_HEADERS: usize = 128;

/// A PT_LOAD segment with checked, page-consistent numbers.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub vaddr: usize,
    pub offset: u64,
    pub file_size: usize,
    pub mem_size: usize,
    pub flags: u32,
}

pub struct Elf {
    /// Placed anywhere: ET_DYN.
    pub relocatable: bool,
    pub entry: usize,
    pub segments: Vec<Segment>,
    pub interpreter: Option<Vec<u8>>,
    pub stack_executable: bool,
    /// Address of the program headers, before relocation; 0 when they are not loaded.
    pub phdr: usize,
    pub phnum: usize,
    /// The largest alignment a segment asks for.
    pub align: usize,
}

fn read_exact(object: &MemoryObject, offset: u64, bytes: &mut [u8]) -> Result {
    let len = bytes.len();
    if object.read(offset, &mut Dest::kernel(bytes))? == len {
        Ok(())
    } else {
        Err(Errno::ENOEXEC)
    }
}

impl Elf {
    pub fn read(object: &MemoryObject) -> Result<Elf> {
        let mut header = FileHeader::zeroed();
        read_exact(object, 0, bytemuck::bytes_of_mut(&mut header))?;
        let ident = &header.ident;
        // Magic, 64 bits, little-endian.
        let ours = ident[..4] == *b"\x7fELF" && ident[4] == 2 && ident[5] == 1;
        if !ours
            || header.machine != EM_X86_64
            || !matches!(header.kind, ET_EXEC | ET_DYN)
            || header.phentsize as usize != PHENT
            || header.phnum == 0
            || header.phnum as usize > MAX_HEADERS
        {
            return Err(Errno::ENOEXEC);
        }
        let mut headers = Vec::new();
        headers.room_exact(header.phnum as usize)?;
        headers.resize(header.phnum as usize, ProgramHeader::zeroed());
        read_exact(object, header.phoff, bytemuck::cast_slice_mut(&mut headers))?;

        let mut elf = Elf {
            relocatable: header.kind == ET_DYN,
            entry: usize::try_from(header.entry).map_err(|_| Errno::ENOEXEC)?,
            segments: Vec::new(),
            interpreter: None,
            stack_executable: false,
            phdr: 0,
            phnum: headers.len(),
            align: PAGE_SIZE,
        };
        for ph in &headers {
            match ph.kind {
                PT_LOAD => elf.add_segment(ph)?,
                PT_INTERP if elf.interpreter.is_none() => {
                    elf.interpreter = Some(read_interpreter(object, ph)?);
                }
                PT_PHDR => elf.phdr = ph.vaddr as usize,
                PT_GNU_STACK => elf.stack_executable = ph.flags & PF_X != 0,
                _ => {}
            }
        }
        if elf.segments.is_empty() || elf.entry >= USER_END {
            return Err(Errno::ENOEXEC);
        }
        if elf.phdr == 0 {
            let at = header.phoff;
            let holds = |s: &&Segment| at >= s.offset && at < s.offset + s.file_size as u64;
            if let Some(segment) = elf.segments.iter().find(holds) {
                elf.phdr = segment.vaddr + (at - segment.offset) as usize;
            }
        }
        Ok(elf)
    }

    fn add_segment(&mut self, ph: &ProgramHeader) -> Result {
        if ph.memsz == 0 {
            return Ok(());
        }
        let end = ph.vaddr.checked_add(ph.memsz).ok_or(Errno::ENOEXEC)?;
        let page = PAGE_SIZE as u64;
        if ph.filesz > ph.memsz
            || end > USER_END as u64
            || ph
                .offset
                .checked_add(ph.filesz)
                .is_none_or(|e| e > i64::MAX as u64)
            || ph.vaddr % page != ph.offset % page
        {
            return Err(Errno::ENOEXEC);
        }
        let vaddr = ph.vaddr as usize;
        if self
            .segments
            .last()
            .is_some_and(|last| vaddr < last.vaddr + last.mem_size)
        {
            return Err(Errno::ENOEXEC);
        }
        if ph.align.is_power_of_two() && ph.align <= 1 << 30 {
            self.align = self.align.max(ph.align as usize);
        }
        self.segments.push(Segment {
            vaddr,
            offset: ph.offset,
            file_size: ph.filesz as usize,
            mem_size: ph.memsz as usize,
            flags: ph.flags,
        });
        Ok(())
    }

    /// The page-aligned range all segments span, before relocation.
    #[must_use]
    pub fn span(&self) -> (usize, usize) {
        let start = self.segments.first().map_or(0, |s| s.vaddr);
        let end = self.segments.last().map_or(0, |s| s.vaddr + s.mem_size);
        (start & !(PAGE_SIZE - 1), end.next_multiple_of(PAGE_SIZE))
    }
}

fn read_interpreter(object: &MemoryObject, ph: &ProgramHeader) -> Result<Vec<u8>> {
    if !(2..=4096).contains(&ph.filesz) {
        return Err(Errno::ENOEXEC);
    }
    let mut name = admission::zeroes(ph.filesz as usize)?;
    read_exact(object, ph.offset, &mut name)?;
    if name.pop() != Some(0) {
        return Err(Errno::ENOEXEC);
    }
    Ok(name)
}
