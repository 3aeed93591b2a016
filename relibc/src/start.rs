//! From the kernel's first instruction to `main`.
//!
//! `_start` (crt/crt1.rs) hands over the stack as the kernel laid it: argc, argv, environ, auxiliary vector. A
//! position-independent program first applies its own relocations; until that is done no static pointer may be read,
//! which is why [`relocate`] works on its arguments alone.

use crate::sys::sys;
use crate::{auxv, environ, exit, pthread};
use core::ffi::{c_char, c_int};
use core::ptr;

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Constructor = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char);

unsafe extern "C" {
    static __preinit_array_start: [Constructor; 0];
    static __preinit_array_end: [Constructor; 0];
    static __init_array_start: [Constructor; 0];
    static __init_array_end: [Constructor; 0];
}

const DT_NULL: usize = 0;
const DT_RELA: usize = 7;
const DT_RELASZ: usize = 8;
const DT_RELRSZ: usize = 35;
const DT_RELR: usize = 36;
const R_X86_64_RELATIVE: usize = 8;

/// # Safety
/// Called once, by `_start`, with the process's initial stack, `_DYNAMIC` (null if the program has none) and `main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __ochre_start(stack: *mut usize, dynamic: *const [usize; 2], main: Main) -> ! {
    let argc = *stack as c_int;
    let argv = stack.add(1).cast::<*mut c_char>();
    let envp = argv.add(argc as usize + 1);
    let mut vector = envp.cast::<usize>();
    while *vector != 0 {
        vector = vector.add(1);
    }
    vector = vector.add(1);

    let bias = relocate(dynamic, vector);
    auxv::init(vector, bias);
    pthread::tls::init_main();
    seal(bias);
    environ::init(argv, envp);
    for constructor in range(
        &raw const __preinit_array_start,
        &raw const __preinit_array_end,
    ) {
        constructor(argc, argv, envp);
    }
    for constructor in range(&raw const __init_array_start, &raw const __init_array_end) {
        constructor(argc, argv, envp);
    }
    exit::exit(main(argc, argv, envp))
}

/// What only relocation writes is read-only from here on (PT_GNU_RELRO).
unsafe fn seal(bias: usize) {
    for header in auxv::program_headers() {
        if header.p_type == libc::PT_GNU_RELRO {
            let start = bias.wrapping_add(header.p_vaddr as usize) & !(auxv::PAGE - 1);
            let end =
                bias.wrapping_add((header.p_vaddr + header.p_memsz) as usize) & !(auxv::PAGE - 1);
            if start < end {
                sys!(SYS_mprotect, start, end - start, libc::PROT_READ);
            }
        }
    }
}

/// The functions between two symbols of the linker.
pub unsafe fn range<F>(start: *const [F; 0], end: *const [F; 0]) -> &'static [F] {
    let count = (end as usize - start as usize) / size_of::<F>();
    core::slice::from_raw_parts(start.cast::<F>(), count)
}

/// Applies the program's relative relocations and returns its load bias.
///
/// # Safety
/// `dynamic` is null or the program's own dynamic section, `vector` its auxiliary vector.
#[inline(always)]
unsafe fn relocate(dynamic: *const [usize; 2], vector: *const usize) -> usize {
    if dynamic.is_null() {
        return 0;
    }
    let Some(bias) = bias(dynamic, vector) else {
        return 0;
    };
    let (mut rela, mut rela_size, mut relr, mut relr_size) = (0, 0, 0, 0);
    let mut entry = dynamic;
    while (*entry)[0] != DT_NULL {
        let [tag, value] = *entry;
        if tag == DT_RELA {
            rela = value;
        } else if tag == DT_RELASZ {
            rela_size = value;
        } else if tag == DT_RELR {
            relr = value;
        } else if tag == DT_RELRSZ {
            relr_size = value;
        }
        entry = entry.add(1);
    }

    let mut at = (bias.wrapping_add(rela)) as *const [usize; 3];
    let end = at.byte_add(rela_size);
    while at < end {
        let [offset, info, addend] = *at;
        if info & 0xffff_ffff == R_X86_64_RELATIVE {
            *(bias.wrapping_add(offset) as *mut usize) = bias.wrapping_add(addend);
        }
        at = at.add(1);
    }

    // RELR (gABI): an even word is an address to relocate, an odd one a bitmap of the 63 words after the last.
    let mut at = bias.wrapping_add(relr) as *const usize;
    let end = at.byte_add(relr_size);
    let mut next: *mut usize = ptr::null_mut();
    while at < end {
        let word = *at;
        if word & 1 == 0 {
            next = bias.wrapping_add(word) as *mut usize;
            *next = (*next).wrapping_add(bias);
            next = next.add(1);
        } else {
            let mut bits = word >> 1;
            let mut slot = next;
            while bits != 0 {
                if bits & 1 != 0 {
                    *slot = (*slot).wrapping_add(bias);
                }
                bits >>= 1;
                slot = slot.add(1);
            }
            next = next.add(63);
        }
        at = at.add(1);
    }
    bias
}

/// Where the dynamic section is, less where the program headers say it would be.
#[inline(always)]
unsafe fn bias(dynamic: *const [usize; 2], vector: *const usize) -> Option<usize> {
    let (mut table, mut count) = (0, 0);
    let mut entry = vector;
    while *entry != 0 {
        if *entry == libc::AT_PHDR as usize {
            table = *entry.add(1);
        } else if *entry == libc::AT_PHNUM as usize {
            count = *entry.add(1);
        }
        entry = entry.add(2);
    }
    let mut header = table as *const libc::Elf64_Phdr;
    while count > 0 {
        if (*header).p_type == libc::PT_DYNAMIC {
            return Some((dynamic as usize).wrapping_sub((*header).p_vaddr as usize));
        }
        header = header.add(1);
        count -= 1;
    }
    None
}
