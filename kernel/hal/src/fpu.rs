//! The FPU's registers of user threads. The kernel itself is built without them.
//!
//! A thread's registers are loaded when it returns to user mode and stay there through system
//! calls; a switch to another context saves them. If the thread comes back to the same CPU and
//! nobody else's were loaded meanwhile, they are not loaded again.

use crate::cpu::{self, Features};
use crate::frame::OutOfMemory;
use crate::local::{self, CpuLocal};
use crate::x86::{self, cr0, cr4, msr};
use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::arch::asm;
use core::cell::Cell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// The bytes are no valid FPU image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFpuState;

/// x87, SSE, AVX and AVX-512's three parts.
const SUPPORTED: u64 = 0b1110_0111;
const LEGACY_SIZE: usize = 512;
const HEADER_SIZE: usize = 64;
const FCW: usize = 0;
const MXCSR: usize = 24;
const XSTATE_BV: usize = 512;
const INITIAL_FCW: u16 = 0x37f;
const INITIAL_MXCSR: u32 = 0x1f80;

static XCR0: AtomicU64 = AtomicU64::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(LEGACY_SIZE);
static MXCSR_MASK: AtomicU32 = AtomicU32::new(0xffbf);

/// Precedes the image; the image follows at the next 64 bytes.
#[repr(C, align(64))]
pub struct FpuState {
    /// The CPU whose registers held this last.
    last_cpu: Cell<usize>,
    /// The user's GS base as it was loaded, and as it was found when the thread left the CPU:
    /// user code can change it by itself.
    gs_loaded: Cell<usize>,
    gs_left: Cell<usize>,
}

const NO_CPU: usize = usize::MAX;

/// Bytes of an image: 512 without XSAVE.
#[must_use]
pub fn size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

/// XCR0: the state components in the image; 0 without XSAVE.
#[must_use]
pub fn xfeatures() -> u64 {
    XCR0.load(Ordering::Relaxed)
}

/// Turns this CPU's FPU on.
pub fn init_cpu() {
    let mut control = x86::read_cr4() | cr4::OSFXSR | cr4::OSXMMEXCPT;
    let xsave = cpu::features().contains(Features::XSAVE);
    if xsave {
        control |= cr4::OSXSAVE;
    }
    // SAFETY: the features exist: SSE always in 64-bit mode, XSAVE as tested.
    unsafe {
        x86::write_cr0((x86::read_cr0() | cr0::MP | cr0::NE) & !(cr0::EM | cr0::TS));
        x86::write_cr4(control);
        asm!("fninit", options(nostack));
    }
    if xsave {
        let [low, _, _, high] = x86::cpuid(0xd, 0);
        let mut components = (u64::from(high) << 32 | u64::from(low)) & SUPPORTED;
        if components & 0b1110_0000 != 0b1110_0000 {
            components &= 0b111;
        }
        // SAFETY: CR4.OSXSAVE is on, and the CPU lists the components.
        unsafe {
            asm!("xsetbv", in("ecx") 0, in("eax") components as u32,
                in("edx") (components >> 32) as u32, options(nostack));
        }
        XCR0.store(components, Ordering::Relaxed);
        SIZE.store(x86::cpuid(0xd, 0)[1] as usize, Ordering::Relaxed);
    }
}

/// One thread's registers.
pub struct Fpu {
    state: NonNull<FpuState>,
}

// SAFETY: the state is plain memory; which CPU's registers hold it newer is checked at each use.
unsafe impl Send for Fpu {}
// SAFETY: there is no access through `&Fpu`.
unsafe impl Sync for Fpu {}

fn layout() -> Layout {
    Layout::from_size_align(size_of::<FpuState>() + size(), 64).expect("a few KiB")
}

/// The image of a state.
///
/// # Safety
/// `state` was allocated by `Fpu`.
unsafe fn image(state: *mut FpuState) -> *mut u8 {
    // SAFETY: the allocation holds the header and the image behind it.
    unsafe { state.add(1).cast() }
}

/// Writes the registers to `state`.
///
/// # Safety
/// They are `state`'s.
unsafe fn save(state: *mut FpuState) {
    // SAFETY: the image is 64-byte aligned and as large as XCR0's components need.
    unsafe {
        let image = image(state);
        if xfeatures() == 0 {
            asm!("fxsave64 [{}]", in(reg) image, options(nostack));
        } else if cpu::features().contains(Features::XSAVEOPT) {
            asm!("xsaveopt64 [{}]", in(reg) image, in("eax") u32::MAX, in("edx") u32::MAX,
                options(nostack));
        } else {
            asm!("xsave64 [{}]", in(reg) image, in("eax") u32::MAX, in("edx") u32::MAX,
                options(nostack));
        }
    }
}

/// Saves what is newer in this CPU's registers than in memory.
#[inline]
pub fn save_live(local: &CpuLocal) {
    let live = local.fpu_live.replace(ptr::null_mut());
    if !live.is_null() {
        // SAFETY: `fpu_live` names the state that the registers are of; a state that is freed is
        // taken out of it first.
        unsafe {
            save(live);
            if cpu::features().contains(Features::FSGSBASE) {
                (*live).gs_left.set(user_gs_base());
            }
        }
    }
}

/// The running thread ends: its registers need no saving.
pub fn forget_live(local: &CpuLocal) {
    local.fpu_live.set(ptr::null_mut());
    local.fpu_loaded.set(ptr::null_mut());
}

impl Fpu {
    /// The state a program starts with.
    pub fn new() -> Result<Fpu, OutOfMemory> {
        let layout = layout();
        // SAFETY: the layout has a size.
        let state = NonNull::new(unsafe { alloc(layout) }.cast::<FpuState>()).ok_or(OutOfMemory)?;
        // SAFETY: the memory is new. Old traces of the address in other CPUs' `fpu_loaded` don't
        // count, as no CPU was this state's last.
        unsafe {
            state.write(FpuState {
                last_cpu: Cell::new(NO_CPU),
                gs_loaded: Cell::new(0),
                gs_left: Cell::new(0),
            })
        };
        let mut fpu = Fpu { state };
        fpu.reset();
        Ok(fpu)
    }

    /// The user's GS base, which `known` was before user code ran.
    pub fn gs_base(&self, known: usize) -> usize {
        let state = self.state.as_ptr();
        // SAFETY: the state is ours.
        let (loaded, left) = unsafe { ((*state).gs_loaded.get(), (*state).gs_left.get()) };
        if known != loaded {
            known
        } else if local::this().fpu_live.get() != state {
            left
        } else if cpu::features().contains(Features::FSGSBASE) {
            user_gs_base()
        } else {
            known
        }
    }

    pub fn try_clone(&mut self) -> Result<Fpu, OutOfMemory> {
        let copy = Fpu::new()?;
        let bytes = self.bytes();
        // SAFETY: both images have the same size, and the copy's is new.
        unsafe { image(copy.state.as_ptr()).copy_from(bytes.as_ptr(), bytes.len()) };
        Ok(copy)
    }

    /// Loads the registers for user mode, and the bases of FS and GS (`fs_loaded` is what FS's
    /// was when it was known last).
    #[inline]
    pub fn load(
        &mut self,
        local: &CpuLocal,
        fs_base: usize,
        fs_loaded: usize,
        gs_base: &mut usize,
    ) {
        let state = self.state.as_ptr();
        // SAFETY: the state is ours.
        let (gs_loaded, gs_left) = unsafe { (&(*state).gs_loaded, &(*state).gs_left) };
        if local.fpu_live.get() == state {
            if fs_base != fs_loaded || *gs_base != gs_loaded.get() {
                load_bases(fs_base, *gs_base);
                gs_loaded.set(*gs_base);
            }
            return;
        }
        if *gs_base == gs_loaded.get() {
            *gs_base = gs_left.get();
        }
        gs_loaded.set(*gs_base);
        gs_left.set(*gs_base);
        load_bases(fs_base, *gs_base);
        self.load_registers(local);
    }

    fn load_registers(&mut self, local: &CpuLocal) {
        let state = self.state.as_ptr();
        debug_assert!(
            local.fpu_live.get().is_null(),
            "another thread's registers are unsaved"
        );
        // SAFETY: the state is ours.
        let last_cpu = unsafe { &(*state).last_cpu };
        if local.fpu_loaded.get() != state || last_cpu.get() != local.id() {
            // SAFETY: the image is aligned and valid: reset, saved or checked.
            unsafe {
                let image = image(state);
                if xfeatures() == 0 {
                    asm!("fxrstor64 [{}]", in(reg) image, options(nostack));
                } else {
                    asm!("xrstor64 [{}]", in(reg) image, in("eax") u32::MAX, in("edx") u32::MAX,
                        options(nostack));
                }
            }
            local.fpu_loaded.set(state);
            last_cpu.set(local.id());
        }
        local.fpu_live.set(state);
    }

    /// Brings memory up to date and makes sure that the registers are loaded anew.
    fn leave_registers(&mut self) {
        let local = local::this();
        if local.fpu_live.get() == self.state.as_ptr() {
            save_live(local);
        }
        // SAFETY: the state is ours.
        unsafe { (*self.state.as_ptr()).last_cpu.set(NO_CPU) };
    }

    /// The image as XSAVE (or FXSAVE) lays it out.
    pub fn bytes(&mut self) -> &[u8] {
        let local = local::this();
        if local.fpu_live.get() == self.state.as_ptr() {
            // SAFETY: the registers are this state's; they stay live, memory is now as new.
            unsafe { save(self.state.as_ptr()) };
        }
        // SAFETY: the image is initialised, and `&mut self` keeps others out.
        let bytes = unsafe { core::slice::from_raw_parts_mut(image(self.state.as_ptr()), size()) };
        if xfeatures() != 0 {
            fill_initial(bytes);
        }
        bytes
    }

    /// Takes an image that user space may have changed: XSAVE's, or FXSAVE's 512 bytes.
    pub fn set_bytes(&mut self, bytes: &[u8]) -> Result<(), BadFpuState> {
        let word = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        };
        let mxcsr = word(MXCSR).ok_or(BadFpuState)? as u32;
        if bytes.len() < LEGACY_SIZE || mxcsr & !MXCSR_MASK.load(Ordering::Relaxed) != 0 {
            return Err(BadFpuState);
        }
        let whole = xfeatures() != 0 && bytes.len() >= size();
        if whole {
            let xstate_bv = word(XSTATE_BV).ok_or(BadFpuState)?;
            let reserved = &bytes[XSTATE_BV + 8..XSTATE_BV + HEADER_SIZE];
            if xstate_bv & !xfeatures() != 0 || reserved.iter().any(|&b| b != 0) {
                return Err(BadFpuState);
            }
        }
        self.reset();
        let len = if whole { size() } else { LEGACY_SIZE };
        // SAFETY: the image holds `len` bytes, and its state is out of all registers.
        unsafe {
            let image = image(self.state.as_ptr());
            image.copy_from(bytes.as_ptr(), len);
            if !whole && xfeatures() != 0 {
                image.add(XSTATE_BV).cast::<u64>().write(0b11);
            }
        }
        Ok(())
    }

    pub fn reset(&mut self) {
        self.leave_registers();
        // SAFETY: the image holds `size()` bytes, and its state is out of all registers.
        unsafe {
            let image = image(self.state.as_ptr());
            image.write_bytes(0, size());
            image.add(FCW).cast::<u16>().write(INITIAL_FCW);
            image.add(MXCSR).cast::<u32>().write(INITIAL_MXCSR);
        }
    }
}

/// Bases are canonical user addresses or the CPU would refuse them.
fn canonical(base: usize) -> usize {
    if base < 1 << 47 { base } else { 0 }
}

fn load_bases(fs: usize, gs: usize) {
    let (fs, gs) = (canonical(fs), canonical(gs));
    // SAFETY: FS is unused by the kernel; the user's GS base is the swapped-out one, and nothing
    // uses GS between the two swaps, as interrupts are off (NMIs find their block elsewhere).
    unsafe {
        if cpu::features().contains(Features::FSGSBASE) {
            asm!("wrfsbase {fs}", "swapgs", "wrgsbase {gs}", "swapgs", fs = in(reg) fs,
                gs = in(reg) gs, options(nostack, preserves_flags));
        } else {
            x86::wrmsr(msr::FS_BASE, fs as u64);
            x86::wrmsr(msr::KERNEL_GS_BASE, gs as u64);
        }
    }
}

/// What user code made of its FS base.
#[inline]
pub fn user_fs_base() -> usize {
    let fs;
    // SAFETY: called on CPUs with FSGSBASE; reading changes nothing.
    unsafe { asm!("rdfsbase {}", out(reg) fs, options(nomem, nostack, preserves_flags)) };
    fs
}

fn user_gs_base() -> usize {
    let gs;
    // SAFETY: as in `load_bases`.
    unsafe {
        asm!("swapgs", "rdgsbase {}", "swapgs", out(reg) gs, options(nostack, preserves_flags));
    }
    gs
}

/// XSAVEOPT leaves the memory of components in their initial state as it was: says what is meant.
fn fill_initial(image: &mut [u8]) {
    let xstate_bv = image[XSTATE_BV];
    if xstate_bv & 1 == 0 {
        image[..MXCSR].fill(0);
        image[FCW..FCW + 2].copy_from_slice(&INITIAL_FCW.to_le_bytes());
        image[32..160].fill(0);
    }
    if xstate_bv & 2 == 0 {
        image[160..416].fill(0);
    }
}

impl Drop for Fpu {
    fn drop(&mut self) {
        let local = local::this();
        let state = self.state.as_ptr();
        if local.fpu_live.get() == state {
            local.fpu_live.set(ptr::null_mut());
        }
        if local.fpu_loaded.get() == state {
            local.fpu_loaded.set(ptr::null_mut());
        }
        // SAFETY: allocated by `new` with this layout. Another CPU may still name it in
        // `fpu_loaded`, but a new state at this address starts with no last CPU.
        unsafe { dealloc(state.cast(), layout()) };
    }
}
