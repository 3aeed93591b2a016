//! What a program finds on its stack: argument count, argv, envp, the auxiliary vector, and the
//! strings they point at (System V ABI, x86-64, 3.4.1).

use super::load::Loaded;
use super::{Request, elf};
use crate::errno::{Errno, Result};
use crate::linux::auxvec as aux;
use crate::task::credentials::Credentials;
use alloc::vec::Vec;
use ochre_hal::admission::Room;
use ochre_hal::{PAGE_SIZE, cpu, uaccess, user};

/// The bytes at the stack's top.
pub struct StackImage {
    pointer: usize,
    bytes: Vec<u8>,
}

/// Strings, laid down from the top.
struct Strings {
    top: usize,
    /// In reverse: the last laid is the lowest.
    pieces: Vec<Vec<u8>>,
    used: usize,
}

impl Strings {
    fn lay(&mut self, bytes: &[u8], terminate: bool) -> Result<usize> {
        let len = bytes.len() + usize::from(terminate);
        let mut piece = Vec::new();
        piece.room_exact(len)?;
        piece.extend_from_slice(bytes);
        if terminate {
            piece.push(0);
        }
        self.used += len;
        self.pieces.push(piece);
        Ok(self.top - self.used)
    }
}

pub fn build(loaded: &Loaded, request: &Request, credentials: &Credentials) -> Result<StackImage> {
    let mut strings = Strings {
        top: loaded.stack_top - 8,
        pieces: Vec::new(),
        used: 0,
    };
    let name = strings.lay(&request.name, true)?;
    let mut lay_all = |list: &super::Strings| -> Result<(Vec<usize>, usize, usize)> {
        let mut addrs = Vec::new();
        addrs.room_exact(list.len())?;
        let end = strings.top - strings.used;
        // Laid last to first, so that they lie in order.
        for string in list.iter().rev() {
            addrs.push(strings.lay(string, true)?);
        }
        addrs.reverse();
        Ok((addrs, strings.top - strings.used, end))
    };
    let (env, env_start, env_end) = lay_all(&request.env)?;
    let (args, args_start, args_end) = lay_all(&request.args)?;
    {
        let mut inner = loaded.space.lock();
        inner.layout.args = (args_start, args_end);
        inner.layout.env = (env_start, env_end);
    }
    let platform = strings.lay(b"x86_64", true)?;
    let mut random = [0; 16];
    random[..8].copy_from_slice(&cpu::random_u64().to_ne_bytes());
    random[8..].copy_from_slice(&cpu::random_u64().to_ne_bytes());
    let random = strings.lay(&random, false)?;

    let secure = credentials.secure;
    // Above the FPU image: the frame, red zone and alignment.
    let min_signal_stack = user::fpu_size() + 1024;
    let auxv = [
        (aux::AT_SYSINFO_EHDR, loaded.vdso),
        (aux::AT_HWCAP, cpu::hwcap()),
        (aux::AT_PAGESZ, PAGE_SIZE),
        (aux::AT_CLKTCK, 100),
        (aux::AT_PHDR, loaded.phdr),
        (aux::AT_PHENT, elf::PHENT),
        (aux::AT_PHNUM, loaded.phnum),
        (aux::AT_BASE, loaded.loader_base),
        (aux::AT_FLAGS, 0),
        (aux::AT_ENTRY, loaded.program_entry),
        (aux::AT_UID, credentials.uid.real as usize),
        (aux::AT_EUID, credentials.uid.effective as usize),
        (aux::AT_GID, credentials.gid.real as usize),
        (aux::AT_EGID, credentials.gid.effective as usize),
        (aux::AT_SECURE, usize::from(secure)),
        (aux::AT_RANDOM, random),
        (aux::AT_HWCAP2, cpu::hwcap2()),
        (aux::AT_EXECFN, name),
        (aux::AT_PLATFORM, platform),
        (aux::AT_MINSIGSTKSZ, min_signal_stack),
        (aux::AT_NULL, 0),
    ];
    let mut words = Vec::new();
    words.room_exact(args.len() + env.len() + auxv.len() * 2 + 3)?;
    words.push(args.len());
    words.extend_from_slice(&args);
    words.push(0);
    words.extend_from_slice(&env);
    words.push(0);
    let auxv_at = words.len();
    for (key, value) in auxv {
        words.extend_from_slice(&[key as usize, value]);
    }
    let auxv_bytes = bytemuck::cast_slice(&words[auxv_at..]).to_vec();
    let old = core::mem::replace(&mut *loaded.space.auxv.lock(), auxv_bytes);
    drop(old);

    let low = strings.top - strings.used;
    let pointer = (low - words.len() * size_of::<usize>()) & !15;
    let mut bytes = Vec::new();
    let total = loaded.stack_top.checked_sub(pointer).ok_or(Errno::E2BIG)?;
    bytes.room_exact(total)?;
    bytes.extend_from_slice(bytemuck::cast_slice(&words));
    bytes.resize(low - pointer, 0);
    for piece in strings.pieces.iter().rev() {
        bytes.extend_from_slice(piece);
    }
    Ok(StackImage { pointer, bytes })
}

impl StackImage {
    #[must_use]
    pub fn stack_pointer(&self) -> usize {
        self.pointer
    }

    /// Puts it in place. The space must be the current one.
    pub fn write(&self) -> Result {
        Ok(uaccess::copy_out(self.pointer, &self.bytes)?)
    }
}
