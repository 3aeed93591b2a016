//! The auxiliary vector: what the kernel tells a program at its start. Written once before `main`, read ever after.

use core::ffi::{c_int, c_ulong, c_void};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Pairs of type and value, ended by a zero type. The kernel leaves it on the stack for the life of the process.
static VECTOR: AtomicPtr<usize> = AtomicPtr::new(core::ptr::null_mut());

/// How far a position-independent program was moved from its link address.
static LOAD_BIAS: AtomicUsize = AtomicUsize::new(0);

pub const PAGE: usize = 4096;

/// # Safety
/// `vector` is the auxiliary vector of the process.
pub unsafe fn init(vector: *const usize, load_bias: usize) {
    VECTOR.store(vector.cast_mut(), Relaxed);
    LOAD_BIAS.store(load_bias, Relaxed);
}

pub fn get(kind: c_ulong) -> Option<usize> {
    let mut entry = VECTOR.load(Relaxed);
    if entry.is_null() {
        return None;
    }
    // SAFETY: the vector is readable up to its zero entry, as the kernel laid it.
    unsafe {
        while *entry != 0 {
            if *entry == kind as usize {
                return Some(*entry.add(1));
            }
            entry = entry.add(2);
        }
    }
    None
}

/// The highest address of the main thread's stack that a program uses: where the kernel laid the arguments.
pub fn stack_top() -> usize {
    get(libc::AT_EXECFN).map_or(0, |name| (name + PAGE) & !(PAGE - 1))
}

pub fn load_bias() -> usize {
    LOAD_BIAS.load(Relaxed)
}

/// The program's own headers.
pub fn program_headers() -> &'static [libc::Elf64_Phdr] {
    let (Some(table), Some(count)) = (get(libc::AT_PHDR), get(libc::AT_PHNUM)) else {
        return &[];
    };
    // SAFETY: the kernel says that `count` headers are mapped at `table`, and they stay.
    unsafe { core::slice::from_raw_parts(table as *const libc::Elf64_Phdr, count) }
}

#[unsafe(no_mangle)]
extern "C" fn getauxval(kind: c_ulong) -> c_ulong {
    get(kind).map_or_else(
        || {
            crate::errno::set(libc::ENOENT);
            0
        },
        |value| value as c_ulong,
    )
}

/// musl's name for it, which rustix looks for.
#[unsafe(no_mangle)]
extern "C" fn __getauxval(kind: c_ulong) -> c_ulong {
    getauxval(kind)
}

type Visitor = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

/// A static program is its only object, so the unwinder sees one set of headers.
#[unsafe(no_mangle)]
unsafe extern "C" fn dl_iterate_phdr(visit: Option<Visitor>, data: *mut c_void) -> c_int {
    let Some(visit) = visit else { return 0 };
    let headers = program_headers();
    let tls = crate::pthread::tls::block();
    let mut info = libc::dl_phdr_info {
        dlpi_addr: load_bias() as u64,
        dlpi_name: c"".as_ptr(),
        dlpi_phdr: headers.as_ptr(),
        dlpi_phnum: headers.len() as u16,
        dlpi_adds: 1,
        dlpi_subs: 0,
        dlpi_tls_modid: usize::from(!tls.is_null()),
        dlpi_tls_data: tls,
    };
    visit(&raw mut info, size_of::<libc::dl_phdr_info>(), data)
}
