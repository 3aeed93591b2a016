//! The system call instruction, and how C values become its arguments.
//!
//! Everything that leaves the process goes through [`sys!`]. It returns the kernel's raw answer; the C functions turn
//! it into `errno` and −1 by [`crate::errno::check`].

use core::arch::asm;
use core::ffi::c_long;

/// A value that fits one register of a system call.
pub trait Argument {
    fn register(self) -> usize;
}

macro_rules! integers {
    ($($t:ty),*) => { $( impl Argument for $t {
        #[inline(always)]
        fn register(self) -> usize { self as usize }
    } )* };
}
integers!(i32, u32, i64, u64, isize, usize, u16, i16, u8, i8);

impl<T> Argument for *const T {
    #[inline(always)]
    fn register(self) -> usize {
        self as usize
    }
}

impl<T> Argument for *mut T {
    #[inline(always)]
    fn register(self) -> usize {
        self as usize
    }
}

/// Calls the kernel with six registers; calls with fewer arguments leave the rest zero.
///
/// # Safety
/// The call must be one whose effect on memory the caller allows: pointers among the arguments are used by the kernel.
#[inline(always)]
pub unsafe fn call(number: c_long, a: [usize; 6]) -> isize {
    let result: isize;
    asm!(
        "syscall",
        inlateout("rax") number as isize => result,
        in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
        in("r10") a[3], in("r8") a[4], in("r9") a[5],
        lateout("rcx") _, lateout("r11") _,
        options(nostack),
    );
    result
}

macro_rules! sys {
    ($n:ident) => { $crate::sys::call0(libc::$n) };
    ($n:ident, $a:expr) => { $crate::sys::call1(libc::$n, $crate::sys::Argument::register($a)) };
    ($n:ident, $a:expr, $b:expr) => {
        $crate::sys::call2(libc::$n, $crate::sys::Argument::register($a), $crate::sys::Argument::register($b))
    };
    ($n:ident, $a:expr, $b:expr, $c:expr) => {
        $crate::sys::call3(
            libc::$n,
            $crate::sys::Argument::register($a),
            $crate::sys::Argument::register($b),
            $crate::sys::Argument::register($c),
        )
    };
    ($n:ident, $a:expr, $b:expr, $c:expr, $d:expr) => {
        $crate::sys::call4(
            libc::$n,
            $crate::sys::Argument::register($a),
            $crate::sys::Argument::register($b),
            $crate::sys::Argument::register($c),
            $crate::sys::Argument::register($d),
        )
    };
    ($n:ident, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr $(, $f:expr)?) => {
        $crate::sys::call(libc::$n, [
            $crate::sys::Argument::register($a),
            $crate::sys::Argument::register($b),
            $crate::sys::Argument::register($c),
            $crate::sys::Argument::register($d),
            $crate::sys::Argument::register($e),
            $crate::sys::sys!(@or0 $($f)?),
        ])
    };
    (@or0) => { 0usize };
    (@or0 $f:expr) => { $crate::sys::Argument::register($f) };
}
pub(crate) use sys;

macro_rules! narrow {
    ($($name:ident($($a:ident: $r:tt),*);)*) => { $(
        /// [`call`] with fewer registers.
        ///
        /// # Safety
        /// As for [`call`].
        #[inline(always)]
        pub unsafe fn $name(number: c_long $(, $a: usize)*) -> isize {
            let result: isize;
            asm!(
                "syscall",
                inlateout("rax") number as isize => result,
                $(in($r) $a,)*
                lateout("rcx") _, lateout("r11") _,
                options(nostack),
            );
            result
        }
    )* };
}
narrow! {
    call0();
    call1(a: "rdi");
    call2(a: "rdi", b: "rsi");
    call3(a: "rdi", b: "rsi", c: "rdx");
    call4(a: "rdi", b: "rsi", c: "rdx", d: "r10");
}

/// Declares C functions that are their system call and nothing else.
macro_rules! syscalls {
    ($($(#[$meta:meta])* $name:ident($($a:ident: $t:ty),*) -> $r:ty = $n:ident $([$($extra:expr),*])?;)*) => { $(
        $(#[$meta])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($a: $t),*) -> $r {
            $crate::errno::check($crate::sys::sys!($n $(, $a)* $($(, $extra)*)?)) as $r
        }
    )* };
}
pub(crate) use syscalls;
