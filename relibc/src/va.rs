//! Variadic C functions on stable Rust: the System V register save area, read as C's `va_arg` reads it.
//!
//! `va_list` is one element of this structure; C passes it by pointer. A function with `...` is a naked entry that
//! saves the argument registers, builds the structure and calls its Rust body with a pointer to it.

#[repr(C)]
#[derive(Clone, Copy)]
pub struct VaList {
    gp_offset: u32,
    fp_offset: u32,
    overflow: *mut u8,
    saved: *mut u8,
}

const GP_END: u32 = 48;
const FP_END: u32 = 176;

impl VaList {
    unsafe fn word(&mut self) -> *mut u8 {
        if self.gp_offset < GP_END {
            let at = self.saved.add(self.gp_offset as usize);
            self.gp_offset += 8;
            at
        } else {
            self.stack(8)
        }
    }

    unsafe fn stack(&mut self, size: usize) -> *mut u8 {
        let at = self.overflow;
        self.overflow = at.add(size);
        at
    }

    pub unsafe fn long(&mut self) -> i64 {
        self.word().cast::<i64>().read()
    }

    pub unsafe fn pointer<T>(&mut self) -> *mut T {
        self.word().cast::<*mut T>().read()
    }

    pub unsafe fn double(&mut self) -> f64 {
        if self.fp_offset < FP_END {
            let at = self.saved.add(self.fp_offset as usize);
            self.fp_offset += 16;
            at.cast::<f64>().read()
        } else {
            self.stack(8).cast::<f64>().read()
        }
    }

    /// An x87 `long double`, always in memory and aligned to 16.
    pub unsafe fn long_double(&mut self) -> [u8; 10] {
        self.overflow = ((self.overflow as usize + 15) & !15) as *mut u8;
        self.stack(16).cast::<[u8; 10]>().read()
    }
}

/// `variadic!(name, fixed => body)`: `name` with `fixed` fixed arguments (all in integer registers) before `...`;
/// `body` takes those and a `*mut VaList`.
macro_rules! variadic {
    ($name:ident, 1 => $body:path) => { variadic!(@ $name, "8", "rsi", $body); };
    ($name:ident, 2 => $body:path) => { variadic!(@ $name, "16", "rdx", $body); };
    ($name:ident, 3 => $body:path) => { variadic!(@ $name, "24", "rcx", $body); };
    ($name:ident, 4 => $body:path) => { variadic!(@ $name, "32", "r8", $body); };
    (@ $name:ident, $used:literal, $register:literal, $body:path) => {
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "sub rsp, 216",
                ".cfi_adjust_cfa_offset 216",
                "mov [rsp + 32], rdi",
                "mov [rsp + 40], rsi",
                "mov [rsp + 48], rdx",
                "mov [rsp + 56], rcx",
                "mov [rsp + 64], r8",
                "mov [rsp + 72], r9",
                "test al, al",
                "je 2f",
                "movaps [rsp + 80], xmm0",
                "movaps [rsp + 96], xmm1",
                "movaps [rsp + 112], xmm2",
                "movaps [rsp + 128], xmm3",
                "movaps [rsp + 144], xmm4",
                "movaps [rsp + 160], xmm5",
                "movaps [rsp + 176], xmm6",
                "movaps [rsp + 192], xmm7",
                "2:",
                concat!("mov dword ptr [rsp], ", $used),
                "mov dword ptr [rsp + 4], 48",
                "lea rax, [rsp + 224]",
                "mov [rsp + 8], rax",
                "lea rax, [rsp + 32]",
                "mov [rsp + 16], rax",
                concat!("mov ", $register, ", rsp"),
                "call {body}",
                "add rsp, 216",
                ".cfi_adjust_cfa_offset -216",
                "ret",
                ".cfi_endproc",
                body = sym $body,
            )
        }
    };
}
pub(crate) use variadic;
