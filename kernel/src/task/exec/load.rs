//! Building the address space of a program: its segments, its loader's, stack, heap start, vDSO.

use super::elf::{Elf, PF_R, PF_W, PF_X, Segment};
use super::{Executable, Opener};
use crate::errno::{Errno, Result};
use crate::mm::mapping::{Backing, Flags, Mapping, Name, ObjectRef};
use crate::mm::object::MemoryObject;
use crate::mm::space::{AddressSpace, MIN_ADDR};
use crate::task::limits::{Limits, Resource};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use ochre_hal::paging::Perms;
use ochre_hal::sync::Once;
use ochre_hal::{PAGE_SIZE, USER_END, cpu, uaccess, vdso};

/// Where position-independent programs go, as Linux: two thirds up.
const PROGRAM_BASE: usize = 0x5555_5555_4000;
/// Random bits, in pages: of the mapping base and program base; of the stack's top; of the heap.
const BASE_BITS: u32 = 28;
const STACK_BITS: u32 = 22;
const HEAP_BITS: u32 = 13;
/// What is kept for the stack to grow, whatever its limit says.
const STACK_ROOM: Range<usize> = 128 << 20..USER_END / 6 * 5;
/// The stack's first mapping; it grows from there.
const STACK_START: usize = 132 << 10;

/// A program ready to run in its own space.
pub struct Loaded {
    pub space: Arc<AddressSpace>,
    /// Where the thread starts: the loader, or the program itself.
    pub entry: usize,
    /// AT_ENTRY.
    pub program_entry: usize,
    /// AT_PHDR and AT_PHNUM.
    pub phdr: usize,
    pub phnum: usize,
    /// AT_BASE.
    pub loader_base: usize,
    pub stack_top: usize,
    pub vdso: usize,
    /// Bytes behind file contents in their last page: zero before the program runs.
    tails: Vec<Range<usize>>,
}

fn random_pages(bits: u32, randomize: bool) -> usize {
    if !randomize {
        return 0;
    }
    (cpu::random_u64() as usize & ((1 << bits) - 1)) * PAGE_SIZE
}

pub fn load(
    file: &Executable,
    open: &mut Opener<'_>,
    limits: &Limits,
    randomize: bool,
) -> Result<Loaded> {
    let elf = Elf::read(&file.object)?;
    let loader = match &elf.interpreter {
        None => None,
        Some(name) => {
            let file = open(name)?;
            let elf = Elf::read(&file.object).map_err(|_| Errno::ELIBBAD)?;
            Some((file, elf))
        }
    };
    let stack_top = USER_END - random_pages(STACK_BITS, randomize);
    let room = usize::try_from(limits.soft(Resource::Stack)).unwrap_or(usize::MAX);
    let room = room.clamp(STACK_ROOM.start, STACK_ROOM.end) & !(PAGE_SIZE - 1);
    let base = stack_top - room - PAGE_SIZE - random_pages(BASE_BITS, randomize).min(stack_top / 8);
    let space = AddressSpace::new(base)?;
    add_stack(&space, stack_top, elf.stack_executable)?;

    let bias = if elf.relocatable {
        let (start, end) = elf.span();
        let at = (PROGRAM_BASE + random_pages(BASE_BITS, randomize)) & !(elf.align - 1);
        if end - start > base.saturating_sub(at) {
            return Err(Errno::ENOMEM);
        }
        at.wrapping_sub(start)
    } else {
        0
    };
    let mut tails = Vec::new();
    map_segments(&space, file, &elf, bias, &mut tails)?;
    let mut entry = elf.entry.wrapping_add(bias);
    let program_entry = entry;
    let mut loader_base = 0;
    if let Some((loader_file, loader)) = &loader {
        let (start, end) = loader.span();
        let at = space
            .lock()
            .find_free(end - start + loader.align - PAGE_SIZE, None)
            .ok_or(Errno::ENOMEM)?
            .next_multiple_of(loader.align);
        loader_base = at.wrapping_sub(start);
        map_segments(&space, loader_file, loader, loader_base, &mut tails)?;
        entry = loader.entry.wrapping_add(loader_base);
    }
    let vdso = map_vdso(&space)?;
    set_layout(&space, &elf, bias, randomize, stack_top, vdso);
    Ok(Loaded {
        space,
        entry,
        program_entry,
        phdr: if elf.phdr == 0 {
            0
        } else {
            elf.phdr.wrapping_add(bias)
        },
        phnum: elf.phnum,
        loader_base,
        stack_top,
        vdso,
        tails,
    })
}

fn set_layout(
    space: &AddressSpace,
    elf: &Elf,
    bias: usize,
    randomize: bool,
    stack: usize,
    vdso: usize,
) {
    let end = elf.span().1.wrapping_add(bias);
    let mut inner = space.lock();
    let layout = &mut inner.layout;
    for segment in &elf.segments {
        let start = segment.vaddr.wrapping_add(bias);
        let range = (start, start + segment.file_size);
        if segment.flags & PF_X != 0 {
            layout.code = range;
        } else if segment.flags & PF_W != 0 {
            layout.data = range;
        }
    }
    layout.brk_start = end + random_pages(HEAP_BITS, randomize);
    layout.brk = layout.brk_start;
    layout.stack = stack;
    layout.vdso = vdso;
}

fn add_stack(space: &Arc<AddressSpace>, top: usize, executable: bool) -> Result {
    let mut perms = Perms::READ | Perms::WRITE;
    if executable {
        perms |= Perms::EXEC;
    }
    space.add(Mapping {
        start: top - STACK_START,
        end: top,
        perms,
        max: Perms::all(),
        shared: false,
        backing: Backing::Anonymous,
        flags: Flags::GROWS_DOWN,
        name: Name::Label("[stack]"),
    })
}

fn perms_of(segment: &Segment) -> Perms {
    let mut perms = Perms::empty();
    if segment.flags & (PF_R | PF_W | PF_X) != 0 {
        perms |= Perms::READ;
    }
    if segment.flags & PF_W != 0 {
        perms |= Perms::WRITE;
    }
    if segment.flags & PF_X != 0 {
        perms |= Perms::EXEC;
    }
    perms
}

/// Maps all segments, `bias` further up than they say.
fn map_segments(
    space: &Arc<AddressSpace>,
    file: &Executable,
    elf: &Elf,
    bias: usize,
    tails: &mut Vec<Range<usize>>,
) -> Result {
    let name = file
        .path
        .as_ref()
        .map_or(Name::None, |path| Name::File(path.clone()));
    for segment in &elf.segments {
        let vaddr = segment.vaddr.wrapping_add(bias);
        let start = vaddr & !(PAGE_SIZE - 1);
        let file_end = vaddr + segment.file_size;
        let memory_end = (vaddr + segment.mem_size).next_multiple_of(PAGE_SIZE);
        let mapped_end = if segment.file_size == 0 {
            start
        } else {
            file_end.next_multiple_of(PAGE_SIZE)
        };
        if start < MIN_ADDR || memory_end > USER_END {
            return Err(Errno::ENOEXEC);
        }
        let mut mapping = Mapping {
            start,
            end: mapped_end,
            perms: perms_of(segment),
            max: Perms::all(),
            shared: false,
            backing: Backing::Anonymous,
            flags: Flags::empty(),
            name: name.clone(),
        };
        if mapped_end > start {
            let offset = segment.offset - (vaddr - start) as u64;
            let object = ObjectRef::new(file.object.clone(), false)?;
            space.add(Mapping {
                backing: Backing::Object(object, offset),
                ..mapping.clone()
            })?;
            if segment.mem_size > segment.file_size && segment.flags & PF_W != 0 {
                // To the page's end, as Linux: loaders take the rest as fresh memory.
                tails.push(file_end..mapped_end);
            }
        }
        if memory_end > mapped_end {
            mapping.start = mapped_end;
            mapping.end = memory_end;
            mapping.name = Name::None;
            space.add(mapping)?;
        }
    }
    Ok(())
}

/// The vDSO: its data page, then its code. Returns where the code is (AT_SYSINFO_EHDR).
fn map_vdso(space: &Arc<AddressSpace>) -> Result<usize> {
    static OBJECT: Once<Arc<MemoryObject>> = Once::new();
    let object = OBJECT.get_or_init(|| {
        let image = vdso::image();
        MemoryObject::from_frames(Vec::from([image.data, image.code]))
    });
    let mut start = space
        .lock()
        .find_free(2 * PAGE_SIZE, None)
        .ok_or(Errno::ENOMEM)?;
    let pages = [
        (Perms::READ, "[vvar]"),
        (Perms::READ | Perms::EXEC, "[vdso]"),
    ];
    for (index, (perms, label)) in pages.into_iter().enumerate() {
        space.add(Mapping {
            start,
            end: start + PAGE_SIZE,
            perms,
            max: perms,
            shared: false,
            backing: Backing::Object(
                ObjectRef::new(object.clone(), false)?,
                (index * PAGE_SIZE) as u64,
            ),
            flags: Flags::empty(),
            name: Name::Label(label),
        })?;
        start += PAGE_SIZE;
    }
    Ok(start - PAGE_SIZE)
}

impl Loaded {
    /// Zeroes what lies behind the files' contents. The space must be the current one.
    pub fn zero_tails(&self) -> Result {
        for tail in &self.tails {
            uaccess::zero_out(tail.start, tail.len())?;
        }
        Ok(())
    }
}
