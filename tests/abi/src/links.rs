//! Hard and symbolic links, and how paths go through them.

use crate::{show, sys};
use libc::*;

fn open(name: &std::ffi::CStr, flags: i32) -> sys::Ret {
    let fd = sys!(SYS_open, name, flags, 0o644);
    if !fd.failed() {
        sys!(SYS_close, fd);
    }
    fd
}

pub fn run() {
    open(c"file", O_CREAT | O_WRONLY);
    sys!(SYS_mkdir, c"dir", 0o755);
    show!("link", sys!(SYS_link, c"file", c"hard"));
    show!("link again", sys!(SYS_link, c"file", c"hard"));
    show!("link a directory", sys!(SYS_link, c"dir", c"hard2"));
    show!("link missing", sys!(SYS_link, c"none", c"hard2"));
    show!("link with a slash", sys!(SYS_link, c"file", c"hard2/"));
    let mut stat = crate::files::empty_stat();
    sys!(SYS_stat, c"file", &raw mut stat);
    let ino = stat.st_ino;
    show!("links", stat.st_nlink);
    sys!(SYS_stat, c"hard", &raw mut stat);
    show!("same inode", stat.st_ino == ino);
    show!("symlink", sys!(SYS_symlink, c"file", c"soft"));
    show!("symlink again", sys!(SYS_symlink, c"file", c"soft"));
    show!("symlink to nothing", sys!(SYS_symlink, c"", c"soft0"));
    let mut text = [0_u8; 64];
    show!(
        "readlink",
        sys!(SYS_readlink, c"soft", text.as_mut_ptr(), 64)
    );
    show!("text", String::from_utf8_lossy(&text[..4]));
    show!(
        "readlink into little",
        sys!(SYS_readlink, c"soft", text.as_mut_ptr(), 2)
    );
    show!(
        "readlink into none",
        sys!(SYS_readlink, c"soft", text.as_mut_ptr(), 0)
    );
    show!(
        "readlink of a file",
        sys!(SYS_readlink, c"file", text.as_mut_ptr(), 64)
    );
    sys!(SYS_lstat, c"soft", &raw mut stat);
    show!("lstat", "{:o} {}", stat.st_mode, stat.st_size);
    show!("chmod goes through", sys!(SYS_chmod, c"soft", 0o600));
    show!(
        "open without following",
        open(c"soft", O_RDONLY | O_NOFOLLOW)
    );
    show!(
        "O_PATH without following",
        sys!(SYS_open, c"soft", O_PATH | O_NOFOLLOW, 0).outcome()
    );
    show!(
        "create exclusively on a link",
        open(c"soft", O_CREAT | O_EXCL | O_WRONLY)
    );
    sys!(SYS_symlink, c"absent", c"dangling");
    show!("open dangling", open(c"dangling", O_RDONLY));
    show!(
        "create dangling",
        open(c"dangling", O_CREAT | O_WRONLY).outcome()
    );
    show!("it made", sys!(SYS_access, c"absent", F_OK));
    sys!(SYS_symlink, c"loop2", c"loop1");
    sys!(SYS_symlink, c"loop1", c"loop2");
    show!("loop", open(c"loop1", O_RDONLY));
    show!("unlink of a loop", sys!(SYS_unlink, c"loop1"));
    sys!(SYS_symlink, c"dir", c"to-dir");
    show!(
        "through a link to a directory",
        open(c"to-dir/x", O_CREAT | O_WRONLY).outcome()
    );
    show!("rmdir of a link", sys!(SYS_rmdir, c"to-dir"));
    show!("rmdir of a link with a slash", sys!(SYS_rmdir, c"to-dir/"));
    show!(
        "unlink of a link with a slash",
        sys!(SYS_unlink, c"to-dir/")
    );
    show!(
        "mkdir on a link",
        sys!(SYS_mkdir, c"dangling2", 0o755).outcome()
    );
    show!(
        "link of a link",
        sys!(SYS_linkat, AT_FDCWD, c"soft", AT_FDCWD, c"hard-soft", 0)
    );
    show!(
        "link through a link",
        sys!(
            SYS_linkat,
            AT_FDCWD,
            c"soft",
            AT_FDCWD,
            c"hard-file",
            AT_SYMLINK_FOLLOW
        )
    );
    show!(
        "linkat with wrong flags",
        sys!(SYS_linkat, AT_FDCWD, c"soft", AT_FDCWD, c"q", 1)
    );
    sys!(SYS_lstat, c"hard-soft", &raw mut stat);
    show!("link's kind", "{:o}", stat.st_mode & S_IFMT);
    let held = sys!(SYS_open, c"file", O_RDWR, 0);
    for name in [c"file", c"hard", c"hard-file"] {
        show!("unlink", sys!(SYS_unlink, name));
    }
    sys!(SYS_fstat, held, &raw mut stat);
    show!("links of an unlinked file", stat.st_nlink);
    show!("write to it", sys!(SYS_write, held, c"abc", 3));
    let name = std::ffi::CString::new(format!("/proc/self/fd/{}", held.0)).expect("no NUL");
    show!(
        "link it again",
        sys!(
            SYS_linkat,
            AT_FDCWD,
            &*name,
            AT_FDCWD,
            c"back",
            AT_SYMLINK_FOLLOW
        )
    );
    show!("open it by its descriptor", open(&name, O_RDONLY).outcome());
    let tmp = sys!(SYS_open, c".", O_TMPFILE | O_RDWR, 0o600);
    let name = std::ffi::CString::new(format!("/proc/self/fd/{}", tmp.0)).expect("no NUL");
    show!(
        "link a nameless file",
        sys!(
            SYS_linkat,
            AT_FDCWD,
            &*name,
            AT_FDCWD,
            c"named",
            AT_SYMLINK_FOLLOW
        )
    );
    show!("it has a name", sys!(SYS_access, c"named", F_OK));
    let exclusive = sys!(SYS_open, c".", O_TMPFILE | O_RDWR | O_EXCL, 0o600);
    let name = std::ffi::CString::new(format!("/proc/self/fd/{}", exclusive.0)).expect("no NUL");
    show!(
        "link one that must not be",
        sys!(
            SYS_linkat,
            AT_FDCWD,
            &*name,
            AT_FDCWD,
            c"named2",
            AT_SYMLINK_FOLLOW
        )
    );
    let long = std::ffi::CString::new("y".repeat(4095)).expect("no NUL");
    show!(
        "longest text",
        sys!(SYS_symlink, &*long, c"longest").outcome()
    );
    let how = |resolve: u64| [O_RDONLY as u64, 0, resolve];
    let openat2 = |name: &std::ffi::CStr, resolve: u64| {
        sys!(SYS_openat2, AT_FDCWD, name, how(resolve).as_ptr(), 24).outcome()
    };
    show!("openat2", openat2(c"soft", 0));
    show!("openat2 without links", openat2(c"to-dir/x", 4));
    show!("openat2 beneath", openat2(c"../x", 8));
    show!("openat2 beneath, absolute", openat2(c"/tmp", 8));
    show!("openat2 in a root", openat2(c"/../back", 16));
    show!("openat2 wrongly", openat2(c"back", 1 << 20));
    show!(
        "openat2 of a wrong size",
        sys!(SYS_openat2, AT_FDCWD, c"back", how(0).as_ptr(), 8)
    );
}
