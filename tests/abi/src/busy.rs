//! Files that are executed while they are written, and the other way round.

use crate::{child, show, sys};
use libc::*;
use std::ffi::CStr;

const EXIT: &CStr = c"--exit=6";

fn execute(path: &CStr) -> String {
    let words = [c"abi".as_ptr(), EXIT.as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null::<c_char>()];
    child::run(|| {
        let result = sys!(SYS_execve, path, words.as_ptr(), environment.as_ptr());
        println!("not executed: {result}");
        99
    })
}

fn execute_open(fd: i32) -> String {
    let words = [c"abi".as_ptr(), EXIT.as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null::<c_char>()];
    child::run(|| {
        let result = sys!(
            SYS_execveat,
            fd,
            c"",
            words.as_ptr(),
            environment.as_ptr(),
            AT_EMPTY_PATH
        );
        println!("not executed: {result}");
        99
    })
}

/// Opens and closes; what the opening said.
fn try_open(path: &CStr, flags: i32) -> String {
    let fd = sys!(SYS_open, path, flags, 0);
    if !fd.failed() {
        sys!(SYS_close, fd);
    }
    fd.outcome()
}

pub fn run() {
    show!("write itself", try_open(c"/proc/self/exe", O_WRONLY));
    show!("read and write itself", try_open(c"/proc/self/exe", O_RDWR));
    show!(
        "cut itself by opening",
        try_open(c"/proc/self/exe", O_RDONLY | O_TRUNC)
    );
    show!("read itself", try_open(c"/proc/self/exe", O_RDONLY));
    show!("cut itself", sys!(SYS_truncate, c"/proc/self/exe", 1));
    if let Err(error) = std::fs::copy("/proc/self/exe", "copy") {
        show!("copy", error);
        return;
    }
    sys!(SYS_chmod, c"copy", 0o755);
    show!("a copy", execute(c"copy"));
    while_written();
    while_mapped();
    while_running();
    without_name();
}

fn while_written() {
    for (name, flags) in [("written", O_WRONLY), ("read and written", O_RDWR)] {
        let fd = sys!(SYS_open, c"copy", flags, 0);
        show!(format!("executed while {name}"), execute(c"copy"));
        let other = sys!(SYS_dup, fd);
        sys!(SYS_close, fd);
        show!(format!("while a duplicate is {name}"), execute(c"copy"));
        sys!(SYS_close, other);
        show!(format!("no longer {name}"), execute(c"copy"));
    }
    let fd = sys!(SYS_open, c"copy", O_RDONLY, 0);
    show!("executed while read", execute(c"copy"));
    sys!(SYS_close, fd);
    let fd = sys!(SYS_open, c"script", O_CREAT | O_WRONLY, 0o755);
    let text = b"#!./copy --exit=4\n";
    sys!(SYS_write, fd, text.as_ptr(), text.len());
    show!("a script that is written", execute(c"script"));
    sys!(SYS_close, fd);
    show!("a script", execute(c"script"));
    let fd = sys!(SYS_open, c"copy", O_WRONLY, 0);
    show!("an interpreter that is written", execute(c"script"));
    sys!(SYS_close, fd);
}

fn while_mapped() {
    for (name, flags) in [("shared", MAP_SHARED), ("privately", MAP_PRIVATE)] {
        let fd = sys!(SYS_open, c"copy", O_RDWR, 0);
        let at = sys!(SYS_mmap, 0, 4096, PROT_READ, flags, fd, 0);
        sys!(SYS_close, fd);
        show!(format!("executed while mapped {name}"), execute(c"copy"));
        sys!(SYS_munmap, at, 4096);
        show!(format!("no longer mapped {name}"), execute(c"copy"));
    }
    let fd = sys!(SYS_open, c"copy", O_RDONLY, 0);
    let at = sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, fd, 0);
    sys!(SYS_close, fd);
    show!("executed while mapped to be read", execute(c"copy"));
    sys!(SYS_munmap, at, 4096);
}

fn while_running() {
    let mut input = [0_i32; 2];
    let mut started = [0_i32; 2];
    sys!(SYS_pipe2, input.as_mut_ptr(), 0);
    sys!(SYS_pipe2, started.as_mut_ptr(), O_CLOEXEC);
    let pid = child::fork(|| {
        sys!(SYS_dup2, input[0], 0);
        sys!(SYS_close, input[1]);
        let words = [c"abi".as_ptr(), c"--wait".as_ptr(), std::ptr::null()];
        let environment = [std::ptr::null::<c_char>()];
        sys!(SYS_execve, c"copy", words.as_ptr(), environment.as_ptr());
        99
    });
    sys!(SYS_close, input[0]);
    sys!(SYS_close, started[1]);
    // Its end closes with the execve.
    let mut byte = 0_u8;
    sys!(SYS_read, started[0], &raw mut byte, 1);
    sys!(SYS_close, started[0]);
    show!("write what runs", try_open(c"copy", O_WRONLY));
    show!("append to what runs", try_open(c"copy", O_RDWR | O_APPEND));
    show!("cut what runs", sys!(SYS_truncate, c"copy", 5));
    show!("read what runs", try_open(c"copy", O_RDONLY));
    show!("run what runs", execute(c"copy"));
    sys!(SYS_link, c"copy", c"linked");
    show!("write it by another name", try_open(c"linked", O_WRONLY));
    show!("rename what runs", sys!(SYS_rename, c"linked", c"renamed"));
    show!("unlink what runs", sys!(SYS_unlink, c"renamed"));
    sys!(SYS_close, input[1]);
    show!("its end", child::wait(pid));
    show!("write what ran", try_open(c"copy", O_WRONLY));
}

fn without_name() {
    let fd = sys!(SYS_memfd_create, c"program", 0).value();
    let Ok(program) = std::fs::read("copy") else {
        return;
    };
    let mut written = 0;
    while written < program.len() {
        let rest = &program[written..];
        let got = sys!(SYS_write, fd, rest.as_ptr(), rest.len());
        if got.failed() {
            show!("write to a memfd", got);
            return;
        }
        written += got.0 as usize;
    }
    show!("a memfd by whom it is written", execute_open(fd));
    let name = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).unwrap_or_default();
    let reader = sys!(SYS_open, name.as_c_str(), O_RDONLY, 0).value();
    show!("a memfd, read only", execute_open(reader));
    let writer = sys!(SYS_open, name.as_c_str(), O_RDWR, 0).value();
    show!("a memfd opened to be written", execute_open(reader));
    sys!(SYS_close, writer);
    sys!(SYS_close, fd);
    show!("a memfd", execute_open(reader));
    let name = std::ffi::CString::new(format!("/proc/self/fd/{reader}")).unwrap_or_default();
    show!("write a memfd that ran", try_open(&name, O_RDWR));
    sys!(SYS_close, reader);
}
