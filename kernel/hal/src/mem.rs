//! Moving, clearing and comparing memory, for a kernel without SIMD.
//!
//! Large amounts go by the string instructions on words, which are the fastest there is on real
//! CPUs and under emulation. Small ones, which are most (names, headers, values that move), go by
//! a few words that may overlap: a string instruction's start costs more than they do.

use core::arch::asm;

/// # Safety
/// Both ranges are mapped for the access and either disjoint or equal.
#[inline]
pub unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: by the caller's promise; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {tail:e}",
            "rep movsb",
            tail = in(reg) len & 7,
            inout("rcx") len >> 3 => _,
            inout("rdi") dst => _,
            inout("rsi") src => _,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// The range is mapped for writing.
#[inline]
pub unsafe fn zero(dst: *mut u8, len: usize) {
    // SAFETY: by the caller's promise; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep stosq",
            "mov ecx, {tail:e}",
            "rep stosb",
            tail = in(reg) len & 7,
            inout("rcx") len >> 3 => _,
            inout("rdi") dst => _,
            in("rax") 0,
            options(nostack, preserves_flags),
        );
    }
}

/// The functions that the compiler calls. On a host they are the C library's.
#[cfg(target_os = "none")]
mod builtins {
    use core::arch::asm;

    /// The words that a range of 4 to 8, 8 to 16 or 16 to 32 bytes begins and ends with are all
    /// read before any is written, so ranges may overlap.
    macro_rules! by_ends {
        ($dst:ident, $src:ident, $len:ident, $word:ty) => {{
            let first = $src.cast::<$word>().read_unaligned();
            let last_at = $len - size_of::<$word>();
            let last = $src.add(last_at).cast::<$word>().read_unaligned();
            $dst.cast::<$word>().write_unaligned(first);
            $dst.add(last_at).cast::<$word>().write_unaligned(last);
        }};
    }

    /// Copies at most 32 bytes, which may overlap.
    #[inline(always)]
    unsafe fn copy_small(dst: *mut u8, src: *const u8, len: usize) {
        // SAFETY: by the caller's promise on the ranges; each access lies within them by the
        // length just tested.
        unsafe {
            if len >= 16 {
                by_ends!(dst, src, len, [u64; 2]);
            } else if len >= 8 {
                by_ends!(dst, src, len, u64);
            } else if len >= 4 {
                by_ends!(dst, src, len, u32);
            } else if len >= 2 {
                by_ends!(dst, src, len, u16);
            } else if len == 1 {
                dst.write(src.read());
            }
        }
    }

    /// Copies more than 8 bytes upwards; `dst` may lie below `src` and overlap it.
    #[inline(always)]
    unsafe fn copy_up(dst: *mut u8, src: *const u8, len: usize) {
        // SAFETY: by the caller's promise on the ranges. The last word is read before anything is
        // written over it.
        unsafe {
            let last = src.add(len - 8).cast::<u64>().read_unaligned();
            asm!(
                "rep movsq",
                inout("rcx") len >> 3 => _,
                inout("rdi") dst => _,
                inout("rsi") src => _,
                options(nostack, preserves_flags),
            );
            dst.add(len - 8).cast::<u64>().write_unaligned(last);
        }
    }

    /// # Safety
    /// The C standard's memcpy.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(dst: *mut u8, src: *const u8, len: usize) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe {
            if len <= 32 {
                copy_small(dst, src, len);
            } else {
                copy_up(dst, src, len);
            }
        }
        dst
    }

    /// # Safety
    /// The C standard's memmove.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(dst: *mut u8, src: *const u8, len: usize) -> *mut u8 {
        // SAFETY: by the caller's promise. Downwards, each word is read before it or anything
        // below it is written.
        unsafe {
            if len <= 32 {
                copy_small(dst, src, len);
            } else if dst.addr().wrapping_sub(src.addr()) >= len {
                copy_up(dst, src, len);
            } else {
                let first = src.cast::<u64>().read_unaligned();
                let mut at = len;
                while at >= 8 {
                    at -= 8;
                    let word = src.add(at).cast::<u64>().read_unaligned();
                    dst.add(at).cast::<u64>().write_unaligned(word);
                }
                dst.cast::<u64>().write_unaligned(first);
            }
        }
        dst
    }

    /// # Safety
    /// The C standard's memset.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(dst: *mut u8, byte: i32, len: usize) -> *mut u8 {
        let word = u64::from(byte as u8) * 0x0101_0101_0101_0101;
        // SAFETY: by the caller's promise; each access lies within the range by the length just
        // tested.
        unsafe {
            if len >= 8 {
                asm!(
                    "rep stosq",
                    inout("rcx") len >> 3 => _,
                    inout("rdi") dst => _,
                    in("rax") word,
                    options(nostack, preserves_flags),
                );
                dst.add(len - 8).cast::<u64>().write_unaligned(word);
            } else if len >= 4 {
                dst.cast::<u32>().write_unaligned(word as u32);
                dst.add(len - 4).cast::<u32>().write_unaligned(word as u32);
            } else if len >= 2 {
                dst.cast::<u16>().write_unaligned(word as u16);
                dst.add(len - 2).cast::<u16>().write_unaligned(word as u16);
            } else if len == 1 {
                dst.write(word as u8);
            }
        }
        dst
    }

    /// # Safety
    /// The C standard's memcmp.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
        let mut at = 0;
        // SAFETY: by the caller's promise; `at` stays below the length by what is read.
        unsafe {
            while at + 8 <= len {
                let a = one.add(at).cast::<u64>().read_unaligned();
                let b = other.add(at).cast::<u64>().read_unaligned();
                if a != b {
                    return if a.swap_bytes() < b.swap_bytes() {
                        -1
                    } else {
                        1
                    };
                }
                at += 8;
            }
            if len >= 8 {
                if at == len {
                    return 0;
                }
                // The last word again, in part: what was compared is equal.
                let a = one.add(len - 8).cast::<u64>().read_unaligned();
                let b = other.add(len - 8).cast::<u64>().read_unaligned();
                return i32::from(a.swap_bytes() > b.swap_bytes())
                    - i32::from(a.swap_bytes() < b.swap_bytes());
            }
            while at < len {
                let (a, b) = (one.add(at).read(), other.add(at).read());
                if a != b {
                    return i32::from(a) - i32::from(b);
                }
                at += 1;
            }
        }
        0
    }

    /// # Safety
    /// As memcmp's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
        // SAFETY: by the caller's promise.
        unsafe { memcmp(one, other, len) }
    }
}
