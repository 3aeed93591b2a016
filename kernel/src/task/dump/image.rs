//! The ELF file that a core dump is: its header, a note segment, and one segment for each mapping.

use super::memory::{self, Segment, Segments};
use super::notes;
use crate::errno::{Errno, Result};
use crate::fs::namespace::Path;
use crate::fs::open::OpenFile;
use crate::mm::space::AddressSpace;
use crate::task::limits::Resource;
use crate::task::signal::SigInfo;
use crate::task::thread::Thread;
use crate::uio::Source;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable, bytes_of};
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::{self, Room};
use ochre_hal::paging::Perms;
use ochre_hal::user::UserContext;

const ET_CORE: u16 = 4;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    programs_at: u64,
    sections_at: u64,
    flags: u32,
    size: u16,
    program_size: u16,
    programs: u16,
    section_size: u16,
    sections: u16,
    names: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Program {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    in_file: u64,
    in_memory: u64,
    align: u64,
}

/// All names of files together, as Linux: with more there is no note of them.
const NAMES_MAX: usize = 4 << 20;

/// The file, as it grows.
pub struct Out {
    file: Arc<OpenFile>,
    at: u64,
    /// Bytes written and to be written at most (RLIMIT_CORE): holes are free.
    written: u64,
    most: u64,
    /// No byte is written behind it (RLIMIT_FSIZE).
    end: u64,
    hole: bool,
}

impl Out {
    pub fn put(&mut self, bytes: &[u8]) -> Result {
        super::go_on()?;
        let len = bytes.len() as u64;
        if self.written + len > self.most || self.at.saturating_add(len) > self.end {
            return Err(Errno::EFBIG);
        }
        let mut source = Source::kernel(bytes);
        if self.file.write_at(self.at, &mut source)? != bytes.len() {
            return Err(Errno::ENOSPC);
        }
        self.at += len;
        self.written += len;
        self.hole = false;
        Ok(())
    }

    pub fn skip(&mut self, len: usize) {
        self.at += len as u64;
        self.hole |= len > 0;
    }

    /// Has the file reach as far as its last hole.
    fn end(&mut self) -> Result {
        if self.hole {
            self.at -= 1;
            self.put(&[0])?;
        }
        Ok(())
    }
}

/// Writes it, up to where `limit`, the disk or SIGKILL ends it: what is there by then is a dump.
/// Fails where there is no memory to begin.
pub fn write(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    info: &SigInfo,
    file: Arc<OpenFile>,
    limit: u64,
) -> Result {
    let process = thread.process();
    let space = process.space().ok_or(Errno::ESRCH)?;
    let root = thread.fs().view().root;
    let segments = Segments::of(&space, &root)?;
    let mut others = Vec::new();
    process.with_threads(|threads| {
        others.room_exact(threads.len())?;
        let others_of = threads.iter().filter(|other| !Arc::ptr_eq(other, thread));
        others.extend(others_of.cloned());
        Ok::<(), Errno>(())
    })?;
    let mut text = Vec::new();
    text.room(2 * PAGE_SIZE + 2 * ochre_hal::user::fpu_size())?;
    let mut out = Out {
        file,
        at: 0,
        written: 0,
        most: limit,
        end: process.limit(Resource::FileSize).min(i64::MAX as u64),
        hole: false,
    };
    let dump = Dump {
        thread,
        space: &space,
        root: &root,
        segments: &segments,
        others: &others,
    };
    user.gs_base = user.current_gs_base();
    let written = dump.write(user, info, &mut text, &mut out);
    if let Err(error) = written {
        ochre_hal::log!("{}: the core dump ends early: {error:?}", process.pid);
    }
    Ok(())
}

struct Dump<'a> {
    thread: &'a Thread,
    space: &'a Arc<AddressSpace>,
    root: &'a Path,
    segments: &'a Segments,
    others: &'a [Arc<Thread>],
}

impl Dump<'_> {
    fn write(
        &self,
        user: &mut UserContext,
        info: &SigInfo,
        text: &mut Vec<u8>,
        out: &mut Out,
    ) -> Result {
        let count = self.segments.iter().count();
        let names: usize = self.segments.iter().map(|segment| segment.name).sum();
        let files = self.segments.iter().filter(|segment| segment.name > 0);
        let files = (names <= NAMES_MAX).then(|| files.count());
        let files_len = |files: usize| 16 + 24 * files + names;
        let notes_len = notes::of_process(self.space)
            + notes::of_thread() * (1 + self.others.len())
            + files.map_or(0, |files| notes::size(notes::FILE, files_len(files)));

        let notes_at = size_of::<Header>() + size_of::<Program>() * (1 + count);
        let memory_at = (notes_at + notes_len).next_multiple_of(PAGE_SIZE);
        self.headers(count, (notes_at, notes_len), memory_at, text, out)?;

        text.clear();
        notes::status(self.thread, user, info, text);
        let process = self.thread.process();
        notes::process(process, self.thread, self.space, info, text);
        if let Some(files) = files {
            notes::head(notes::FILE, files_len(files), text);
            out.put(text)?;
            self.files(files, text, out)?;
            text.clear();
            text.resize(names.next_multiple_of(4) - names, 0);
        }
        notes::fpu(user, text);
        out.put(text)?;
        for other in self.others {
            text.clear();
            // One that has ended meanwhile by itself has left none.
            let Some(mut user) = other.take_start() else {
                text.resize(notes::of_thread(), 0);
                out.put(text)?;
                continue;
            };
            notes::status(other, &user, info, text);
            notes::fpu(&mut user, text);
            other.leave_registers(user);
            out.put(text)?;
        }
        out.skip(memory_at - out.at as usize);
        memory::write(self.space, self.segments, out)?;
        out.end()
    }

    fn headers(
        &self,
        count: usize,
        (notes_at, notes_len): (usize, usize),
        memory_at: usize,
        text: &mut Vec<u8>,
        out: &mut Out,
    ) -> Result {
        let mut magic = [0; 16];
        // 64 bits, little-endian, version 1.
        magic[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        let header = Header {
            magic,
            kind: ET_CORE,
            machine: EM_X86_64,
            version: 1,
            programs_at: size_of::<Header>() as u64,
            size: size_of::<Header>() as u16,
            program_size: size_of::<Program>() as u16,
            // No address space has more.
            programs: u16::try_from(1 + count).map_err(|_| Errno::EOVERFLOW)?,
            ..Header::zeroed()
        };
        let notes = Program {
            kind: PT_NOTE,
            offset: notes_at as u64,
            in_file: notes_len as u64,
            align: 4,
            ..Program::zeroed()
        };
        text.clear();
        text.extend_from_slice(bytes_of(&header));
        text.extend_from_slice(bytes_of(&notes));
        out.put(text)?;
        let mut offset = memory_at as u64;
        for piece in self.segments.pieces() {
            text.clear();
            for segment in piece {
                text.extend_from_slice(bytes_of(&program(segment, offset)));
                offset += segment.dumped as u64;
            }
            out.put(text)?;
        }
        Ok(())
    }

    /// The table of files, and their names.
    fn files(&self, count: usize, text: &mut Vec<u8>, out: &mut Out) -> Result {
        text.clear();
        for word in [count, PAGE_SIZE] {
            text.extend_from_slice(&word.to_ne_bytes());
        }
        for piece in self.segments.pieces() {
            for Segment { row, .. } in piece.iter().filter(|segment| segment.name > 0) {
                let page = row.offset as usize / PAGE_SIZE;
                for word in [row.start, row.end, page] {
                    text.extend_from_slice(&word.to_ne_bytes());
                }
            }
            out.put(text)?;
            text.clear();
        }
        for segment in self.segments.iter().filter(|segment| segment.name > 0) {
            text.clear();
            segment.row.name.write(self.root, text)?;
            // It may have been renamed: its place is as long as the name was.
            text.truncate(segment.name - 1);
            let missing = segment.name - text.len();
            admission::append(text, &[0])?;
            text.room(missing)?;
            text.resize(segment.name, 0);
            out.put(text)?;
        }
        Ok(())
    }
}

fn program(segment: &Segment, offset: u64) -> Program {
    let row = &segment.row;
    let bits = [(Perms::READ, 4), (Perms::WRITE, 2), (Perms::EXEC, 1)];
    let flags = bits.iter().filter(|(perm, _)| row.perms.contains(*perm));
    Program {
        kind: PT_LOAD,
        flags: flags.map(|(_, bit)| bit).sum(),
        offset,
        address: row.start as u64,
        in_file: segment.dumped as u64,
        in_memory: (row.end - row.start) as u64,
        align: PAGE_SIZE as u64,
        ..Program::zeroed()
    }
}
