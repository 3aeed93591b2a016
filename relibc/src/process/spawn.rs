//! `posix_spawn`: the child borrows the parent's memory until it runs the program (CLONE_VM and CLONE_VFORK), so nothing
//! is copied and an error is simply stored. It runs on a stack of its own, uses raw system calls only, and lets no
//! signal in before the program's own handlers are gone.

use super::exec;
use crate::environ::environ;
use crate::errno;
use crate::malloc::{free, malloc};
use crate::signal::SET;
use crate::string::str::{bytes, strdup};
use crate::sys::sys;
use core::ffi::{c_char, c_int, c_short, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use libc::sigset_t;

type Strings = *const *const c_char;

#[repr(C)]
struct Attributes {
    flags: c_int,
    group: libc::pid_t,
    default: sigset_t,
    mask: sigset_t,
    priority: c_int,
    policy: c_int,
}

const _: () = assert!(size_of::<Attributes>() <= size_of::<libc::posix_spawnattr_t>());

const RESETIDS: c_int = 1;
const SETPGROUP: c_int = 2;
const SETSIGDEF: c_int = 4;
const SETSIGMASK: c_int = 8;
const SETSCHEDPARAM: c_int = 16;
const SETSCHEDULER: c_int = 32;
const SETSID: c_int = 128;
const KNOWN: c_int = 0xbf;

#[repr(C)]
struct Actions {
    pad: [c_int; 2],
    first: *mut Action,
    last: *mut Action,
}

const _: () = assert!(size_of::<Actions>() <= size_of::<libc::posix_spawn_file_actions_t>());

struct Action {
    next: *mut Action,
    what: Step,
}

enum Step {
    Close(c_int),
    Duplicate {
        from: c_int,
        to: c_int,
    },
    Open {
        fd: c_int,
        path: *mut c_char,
        flags: c_int,
        mode: libc::mode_t,
    },
    Chdir(*mut c_char),
    Fchdir(c_int),
    CloseFrom(c_int),
    SetForeground(c_int),
}

struct Child {
    path: *const c_char,
    search: bool,
    actions: *const Actions,
    attributes: *const Attributes,
    argv: Strings,
    envp: Strings,
    mask: u64,
    error: c_int,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn(
    pid: *mut libc::pid_t,
    path: *const c_char,
    actions: *const libc::posix_spawn_file_actions_t,
    attributes: *const libc::posix_spawnattr_t,
    argv: Strings,
    envp: Strings,
) -> c_int {
    spawn(
        pid,
        path,
        false,
        actions.cast(),
        attributes.cast(),
        argv,
        envp,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnp(
    pid: *mut libc::pid_t,
    file: *const c_char,
    actions: *const libc::posix_spawn_file_actions_t,
    attributes: *const libc::posix_spawnattr_t,
    argv: Strings,
    envp: Strings,
) -> c_int {
    spawn(
        pid,
        file,
        true,
        actions.cast(),
        attributes.cast(),
        argv,
        envp,
    )
}

/// Stack of the child: a path, an argument list of `exec::attempt`, and their callers.
const STACK: usize = 32 << 10;

unsafe fn spawn(
    pid: *mut libc::pid_t,
    path: *const c_char,
    search: bool,
    actions: *const Actions,
    attributes: *const Attributes,
    argv: Strings,
    envp: Strings,
) -> c_int {
    let envp = if envp.is_null() {
        environ.cast_const().cast()
    } else {
        envp
    };
    let mut child = Child {
        path,
        search,
        actions,
        attributes,
        argv,
        envp,
        mask: 0,
        error: 0,
    };
    let mut stack = MaybeUninit::<[u8; STACK]>::uninit();
    let all = !0u64;
    sys!(
        SYS_rt_sigprocmask,
        libc::SIG_BLOCK,
        &raw const all,
        &raw mut child.mask,
        SET
    );
    let top = stack.as_mut_ptr().cast::<u8>().add(STACK);
    let found = clone_vfork(top, &raw mut child, run);
    sys!(
        SYS_rt_sigprocmask,
        libc::SIG_SETMASK,
        &raw const child.mask,
        0usize,
        SET
    );
    if found < 0 {
        return -found as c_int;
    }
    let error = ptr::read_volatile(&raw const child.error);
    if error != 0 {
        let status: *mut c_int = ptr::null_mut();
        sys!(SYS_wait4, found, status, 0i32, 0usize);
        return error;
    }
    if !pid.is_null() {
        *pid = found as libc::pid_t;
    }
    0
}

/// For `system` and `popen`: a program with its default signals and mask given as the kernel's sets.
pub unsafe fn shell(
    path: *const c_char,
    argv: Strings,
    defaults: u64,
    mask: u64,
) -> Result<libc::pid_t, c_int> {
    let mut attributes: Attributes = core::mem::zeroed();
    attributes.flags = SETSIGDEF | SETSIGMASK;
    *(&raw mut attributes.default).cast::<u64>() = defaults;
    *(&raw mut attributes.mask).cast::<u64>() = mask;
    let mut pid = 0;
    match spawn(
        &raw mut pid,
        path,
        false,
        ptr::null(),
        &raw const attributes,
        argv,
        ptr::null(),
    ) {
        0 => Ok(pid),
        error => Err(error),
    }
}

/// For `popen`: the shell with one descriptor in a standard place.
pub unsafe fn shell_with(argv: Strings, from: c_int, to: c_int) -> Result<libc::pid_t, c_int> {
    let what = Step::Duplicate { from, to };
    let mut action = Action {
        next: ptr::null_mut(),
        what,
    };
    let actions = Actions {
        pad: [0; 2],
        first: &raw mut action,
        last: &raw mut action,
    };
    let (mut pid, path) = (0, c"/bin/sh".as_ptr());
    match spawn(
        &raw mut pid,
        path,
        false,
        &raw const actions,
        ptr::null(),
        argv,
        ptr::null(),
    ) {
        0 => Ok(pid),
        error => Err(error),
    }
}

/// clone(2) with the parent suspended; the child begins in `run(child)` on `stack`.
#[unsafe(naked)]
unsafe extern "C" fn clone_vfork(
    stack: *mut u8,
    child: *mut Child,
    run: unsafe extern "C" fn(*mut Child) -> !,
) -> isize {
    // CLONE_VM | CLONE_VFORK | SIGCHLD
    core::arch::naked_asm!(
        "and rdi, -16",
        "mov [rdi - 8], rdx",
        "mov [rdi - 16], rsi",
        "lea rsi, [rdi - 16]",
        "mov edi, 0x4111",
        "xor edx, edx",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "mov eax, 56",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        "xor ebp, ebp",
        "pop rdi",
        "pop rax",
        "call rax",
        "ud2",
    )
}

unsafe extern "C" fn run(child: *mut Child) -> ! {
    let error = prepare(&*child);
    let error = if error != 0 {
        error
    } else if (*child).search {
        exec::search((*child).path, (*child).argv, (*child).envp)
    } else {
        errno::value(sys!(
            SYS_execve,
            (*child).path,
            (*child).argv,
            (*child).envp
        ))
    };
    ptr::write_volatile(&raw mut (*child).error, error);
    loop {
        sys!(SYS_exit, 127i32);
    }
}

macro_rules! step {
    ($call:expr) => {
        match errno::value($call) {
            0 => {}
            error => return error,
        }
    };
}

/// Makes the child what attributes and actions ask for; 0 or an error.
unsafe fn prepare(child: &Child) -> c_int {
    let attributes = child.attributes.as_ref();
    let flags = attributes.map_or(0, |attributes| attributes.flags);
    // The parent's handlers must not run here: they go before any signal is let in.
    let mut defaults = crate::signal::handled();
    if let Some(attributes) = attributes
        && flags & SETSIGDEF != 0
    {
        defaults |= *(&raw const attributes.default).cast::<u64>();
    }
    while defaults != 0 {
        let signal = defaults.trailing_zeros() as c_int + 1;
        defaults &= defaults - 1;
        crate::signal::reset(signal);
    }
    if let Some(attributes) = attributes {
        if flags & SETSID != 0 {
            step!(sys!(SYS_setsid));
        }
        if flags & SETPGROUP != 0 {
            step!(sys!(SYS_setpgid, 0i32, attributes.group));
        }
        if flags & SETSCHEDULER != 0 {
            let priority: *const c_int = &raw const attributes.priority;
            step!(sys!(
                SYS_sched_setscheduler,
                0i32,
                attributes.policy,
                priority
            ));
        } else if flags & SETSCHEDPARAM != 0 {
            step!(sys!(
                SYS_sched_setparam,
                0i32,
                &raw const attributes.priority
            ));
        }
        if flags & RESETIDS != 0 {
            step!(sys!(SYS_setgid, sys!(SYS_getgid)));
            step!(sys!(SYS_setuid, sys!(SYS_getuid)));
        }
    }
    let mut action = child
        .actions
        .as_ref()
        .map_or(ptr::null_mut(), |actions| actions.first);
    while let Some(step) = action.as_ref() {
        let error = perform(&step.what);
        if error != 0 {
            return error;
        }
        action = step.next;
    }
    let mask = match attributes {
        Some(attributes) if flags & SETSIGMASK != 0 => *(&raw const attributes.mask).cast::<u64>(),
        _ => child.mask,
    };
    sys!(
        SYS_rt_sigprocmask,
        libc::SIG_SETMASK,
        &raw const mask,
        0usize,
        SET
    );
    0
}

unsafe fn perform(step: &Step) -> c_int {
    match *step {
        Step::Close(fd) => {
            // POSIX: closing what is not open is no error.
            sys!(SYS_close, fd);
        }
        Step::Duplicate { from, to } if from == to => {
            let flags = sys!(SYS_fcntl, from, libc::F_GETFD);
            step!(flags);
            step!(sys!(
                SYS_fcntl,
                from,
                libc::F_SETFD,
                flags & !(libc::FD_CLOEXEC as isize)
            ));
        }
        Step::Duplicate { from, to } => step!(sys!(SYS_dup2, from, to)),
        Step::Open {
            fd,
            path,
            flags,
            mode,
        } => {
            let opened = sys!(SYS_openat, libc::AT_FDCWD, path, flags, mode);
            step!(opened);
            if opened as c_int != fd {
                step!(sys!(SYS_dup2, opened, fd));
                sys!(SYS_close, opened);
            }
        }
        Step::Chdir(path) => step!(sys!(SYS_chdir, path)),
        Step::Fchdir(fd) => step!(sys!(SYS_fchdir, fd)),
        Step::CloseFrom(fd) => step!(sys!(SYS_close_range, fd, u32::MAX, 0u32)),
        Step::SetForeground(fd) => {
            let group = sys!(SYS_getpgid, 0i32) as libc::pid_t;
            step!(sys!(
                SYS_ioctl,
                fd,
                libc::TIOCSPGRP as usize,
                &raw const group
            ));
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn_file_actions_init(
    actions: *mut libc::posix_spawn_file_actions_t,
) -> c_int {
    actions.cast::<Actions>().write(Actions {
        pad: [0; 2],
        first: ptr::null_mut(),
        last: ptr::null_mut(),
    });
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn_file_actions_destroy(
    actions: *mut libc::posix_spawn_file_actions_t,
) -> c_int {
    let mut action = (*actions.cast::<Actions>()).first;
    while !action.is_null() {
        let next = (*action).next;
        if let Step::Open { path, .. } | Step::Chdir(path) = (*action).what {
            free(path.cast());
        }
        free(action.cast());
        action = next;
    }
    0
}

unsafe fn add(actions: *mut libc::posix_spawn_file_actions_t, what: Step) -> c_int {
    let actions = actions.cast::<Actions>();
    let action = malloc(size_of::<Action>()).cast::<Action>();
    if action.is_null() {
        return libc::ENOMEM;
    }
    action.write(Action {
        next: ptr::null_mut(),
        what,
    });
    if (*actions).first.is_null() {
        (*actions).first = action;
    } else {
        (*(*actions).last).next = action;
    }
    (*actions).last = action;
    0
}

macro_rules! adds {
    ($($name:ident($($a:ident: $t:ty),*), $fd:ident => $step:expr;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            actions: *mut libc::posix_spawn_file_actions_t,
            $($a: $t),*
        ) -> c_int {
            if $fd < 0 {
                return libc::EBADF;
            }
            add(actions, $step)
        }
    )* };
}
adds! {
    posix_spawn_file_actions_addclose(fd: c_int), fd => Step::Close(fd);
    posix_spawn_file_actions_adddup2(from: c_int, to: c_int), from => Step::Duplicate { from, to };
    posix_spawn_file_actions_addfchdir_np(fd: c_int), fd => Step::Fchdir(fd);
    posix_spawn_file_actions_addfchdir(fd: c_int), fd => Step::Fchdir(fd);
    posix_spawn_file_actions_addclosefrom_np(fd: c_int), fd => Step::CloseFrom(fd);
    posix_spawn_file_actions_addtcsetpgrp_np(fd: c_int), fd => Step::SetForeground(fd);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn_file_actions_addopen(
    actions: *mut libc::posix_spawn_file_actions_t,
    fd: c_int,
    path: *const c_char,
    flags: c_int,
    mode: libc::mode_t,
) -> c_int {
    if fd < 0 {
        return libc::EBADF;
    }
    let path = strdup(path);
    if path.is_null() {
        return libc::ENOMEM;
    }
    add(
        actions,
        Step::Open {
            fd,
            path,
            flags,
            mode,
        },
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn_file_actions_addchdir_np(
    actions: *mut libc::posix_spawn_file_actions_t,
    path: *const c_char,
) -> c_int {
    if bytes(path).is_empty() {
        return libc::ENOENT;
    }
    let path = strdup(path);
    if path.is_null() {
        return libc::ENOMEM;
    }
    add(actions, Step::Chdir(path))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawn_file_actions_addchdir(
    actions: *mut libc::posix_spawn_file_actions_t,
    path: *const c_char,
) -> c_int {
    posix_spawn_file_actions_addchdir_np(actions, path)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnattr_init(attributes: *mut libc::posix_spawnattr_t) -> c_int {
    attributes
        .cast::<c_void>()
        .write_bytes(0, size_of::<libc::posix_spawnattr_t>());
    0
}

#[unsafe(no_mangle)]
extern "C" fn posix_spawnattr_destroy(_: *mut libc::posix_spawnattr_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnattr_setflags(
    attributes: *mut libc::posix_spawnattr_t,
    flags: c_short,
) -> c_int {
    if c_int::from(flags) & !KNOWN != 0 {
        return libc::EINVAL;
    }
    (*attributes.cast::<Attributes>()).flags = flags.into();
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnattr_getflags(
    attributes: *const libc::posix_spawnattr_t,
    flags: *mut c_short,
) -> c_int {
    *flags = (*attributes.cast::<Attributes>()).flags as c_short;
    0
}

macro_rules! fields {
    ($($set:ident $get:ident $field:ident $by:ident $t:ty;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $set(
            attributes: *mut libc::posix_spawnattr_t,
            value: fields!(@in $by $t),
        ) -> c_int {
            (*attributes.cast::<Attributes>()).$field = fields!(@get $by value);
            0
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $get(
            attributes: *const libc::posix_spawnattr_t,
            value: *mut $t,
        ) -> c_int {
            *value = (*attributes.cast::<Attributes>()).$field;
            0
        }
    )* };
    (@in value $t:ty) => { $t };
    (@in pointer $t:ty) => { *const $t };
    (@get value $v:ident) => { $v };
    (@get pointer $v:ident) => { *$v };
}
fields! {
    posix_spawnattr_setpgroup posix_spawnattr_getpgroup group value libc::pid_t;
    posix_spawnattr_setsigdefault posix_spawnattr_getsigdefault default pointer sigset_t;
    posix_spawnattr_setsigmask posix_spawnattr_getsigmask mask pointer sigset_t;
    posix_spawnattr_setschedpolicy posix_spawnattr_getschedpolicy policy value c_int;
    posix_spawnattr_setschedparam posix_spawnattr_getschedparam priority pointer c_int;
}
