//! The kernel's shared object in every process: an ELF image whose functions read the clocks without a system call.

use crate::auxv;
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicPtr, Ordering};

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;

/// Not looked for yet, looked for in vain, or the function.
static FOUND: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
const ABSENT: *mut u8 = usize::MAX as *mut u8;

#[inline]
pub fn clock_gettime() -> Option<ClockGettime> {
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        found = look();
        FOUND.store(found, Ordering::Relaxed);
    }
    if found == ABSENT {
        return None;
    }
    // SAFETY: `look` found it under the name of a function of this type.
    Some(unsafe { core::mem::transmute::<*mut u8, ClockGettime>(found) })
}

#[cold]
fn look() -> *mut u8 {
    let Some(image) = auxv::get(libc::AT_SYSINFO_EHDR) else {
        return ABSENT;
    };
    // SAFETY: the kernel maps a whole ELF image there.
    unsafe { symbol(image, c"__vdso_clock_gettime") }.map_or(ABSENT, |address| address as *mut u8)
}

const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;

unsafe fn symbol(image: usize, name: &CStr) -> Option<usize> {
    let header = image as *const libc::Elf64_Ehdr;
    let headers = core::slice::from_raw_parts(
        (image + (*header).e_phoff as usize) as *const libc::Elf64_Phdr,
        (*header).e_phnum as usize,
    );
    let load = headers
        .iter()
        .find(|header| header.p_type == libc::PT_LOAD)?;
    let dynamic = headers
        .iter()
        .find(|header| header.p_type == libc::PT_DYNAMIC)?;
    let bias = image
        .wrapping_add(load.p_offset as usize)
        .wrapping_sub(load.p_vaddr as usize);
    let (mut strings, mut symbols, mut hash, mut gnu_hash) = (None, None, None, None);
    let mut entry = (image + dynamic.p_offset as usize) as *const [u64; 2];
    while (*entry)[0] != 0 {
        let [tag, value] = *entry;
        let address = Some(bias.wrapping_add(value as usize));
        match tag {
            DT_STRTAB => strings = address,
            DT_SYMTAB => symbols = address,
            DT_HASH => hash = address,
            DT_GNU_HASH => gnu_hash = address,
            _ => {}
        }
        entry = entry.add(1);
    }
    let (strings, symbols) = (
        strings? as *const c_char,
        symbols? as *const libc::Elf64_Sym,
    );
    let count = match (hash, gnu_hash) {
        // The chain count of the old table is the number of symbols.
        (Some(hash), _) => *(hash as *const u32).add(1) as usize,
        (None, Some(table)) => gnu_count(table as *const u32),
        (None, None) => return None,
    };
    for index in 0..count {
        let symbol = symbols.add(index);
        let same =
            crate::string::str::strcmp(strings.add((*symbol).st_name as usize), name.as_ptr()) == 0;
        if same && (*symbol).st_shndx != 0 {
            return Some(bias.wrapping_add((*symbol).st_value as usize));
        }
    }
    None
}

/// The GNU table has no count: the highest bucket's chain ends with it.
unsafe fn gnu_count(table: *const u32) -> usize {
    let (buckets, offset, bloom) = (
        *table as usize,
        *table.add(1) as usize,
        *table.add(2) as usize,
    );
    let bucket = table.add(4 + bloom * 2);
    let chain = bucket.add(buckets);
    let mut last = (0..buckets)
        .map(|index| *bucket.add(index) as usize)
        .max()
        .unwrap_or(0);
    if last < offset {
        return offset;
    }
    while *chain.add(last - offset) & 1 == 0 {
        last += 1;
    }
    last + 1
}
