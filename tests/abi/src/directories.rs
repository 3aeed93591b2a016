//! Directories: making, removing, listing, renaming.

use crate::{child, show, sys};
use libc::*;
use std::os::unix::fs::MetadataExt;

fn mkdir(name: &std::ffi::CStr) -> sys::Ret {
    sys!(SYS_mkdir, name, 0o755)
}

fn touch(name: &std::ffi::CStr) {
    let fd = sys!(SYS_open, name, O_CREAT | O_WRONLY, 0o644);
    sys!(SYS_close, fd);
}

fn links(name: &std::ffi::CStr) -> u64 {
    let mut stat = crate::files::empty_stat();
    sys!(SYS_stat, name, &raw mut stat);
    stat.st_nlink
}

/// The names of a directory, sorted, and how many calls it took.
fn names(fd: sys::Ret, room: usize) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut calls = 0;
    loop {
        let mut buffer = vec![0_u8; room];
        let read = sys!(SYS_getdents64, fd, buffer.as_mut_ptr(), room).0;
        if read <= 0 {
            break;
        }
        calls += 1;
        let mut entry = &buffer[..read as usize];
        while entry.len() > 19 {
            let size = usize::from(u16::from_ne_bytes([entry[16], entry[17]]));
            let name = entry[19..size]
                .split(|&b| b == 0)
                .next()
                .unwrap_or_default();
            names.push(format!("{}:{}", String::from_utf8_lossy(name), entry[18]));
            entry = &entry[size..];
        }
    }
    names.sort();
    (names, calls)
}

/// As getdents has them: a kind in an entry's last byte.
fn old_names(fd: sys::Ret) -> Vec<String> {
    let mut buffer = [0_u8; 512];
    let read = sys!(SYS_getdents, fd, buffer.as_mut_ptr(), buffer.len()).0;
    let mut entry = &buffer[..read.max(0) as usize];
    let mut names = Vec::new();
    while entry.len() > 18 {
        let size = usize::from(u16::from_ne_bytes([entry[16], entry[17]]));
        let name = entry[18..size].split(|&b| b == 0).next();
        let name = String::from_utf8_lossy(name.unwrap_or_default());
        names.push(format!("{name}:{}", entry[size - 1]));
        entry = &entry[size..];
    }
    names.sort();
    names
}

pub fn run() {
    making();
    listing();
    renaming();
    working();
    deep();
}

fn making() {
    show!("mkdir", mkdir(c"d"));
    show!("mkdir again", mkdir(c"d"));
    show!("mkdir with a slash", mkdir(c"e/"));
    show!("mkdir below nothing", mkdir(c"none/x"));
    show!("mkdir of the root", mkdir(c"/"));
    show!("mkdir of dot", mkdir(c"."));
    show!("mkdir of nothing", mkdir(c""));
    show!("links of a new one", links(c"d"));
    mkdir(c"d/sub");
    show!("links with a child", links(c"d"));
    touch(c"d/file");
    show!("links with a file", links(c"d"));
    show!("rmdir not empty", sys!(SYS_rmdir, c"d"));
    show!("rmdir of a file", sys!(SYS_rmdir, c"d/file"));
    show!("rmdir of dot", sys!(SYS_rmdir, c"d/."));
    show!("rmdir of dot-dot", sys!(SYS_rmdir, c"d/sub/.."));
    show!("rmdir of the root", sys!(SYS_rmdir, c"/"));
    show!("unlink of a directory", sys!(SYS_unlink, c"d"));
    show!(
        "unlinkat of a directory",
        sys!(SYS_unlinkat, AT_FDCWD, c"d/sub", AT_REMOVEDIR)
    );
    show!(
        "unlinkat with wrong flags",
        sys!(SYS_unlinkat, AT_FDCWD, c"d/file", 0x10)
    );
    show!("unlink with a slash", sys!(SYS_unlink, c"d/file/"));
    show!("unlink", sys!(SYS_unlink, c"d/file"));
    show!("unlink again", sys!(SYS_unlink, c"d/file"));
    let held = sys!(SYS_open, c"d", O_RDONLY | O_DIRECTORY);
    show!("rmdir", sys!(SYS_rmdir, c"d"));
    show!(
        "create in a removed one",
        sys!(SYS_openat, held, c"x", O_CREAT | O_WRONLY, 0o600)
    );
    show!(
        "list a removed one",
        sys!(SYS_getdents64, held, [0_u8; 128].as_mut_ptr(), 128)
    );
    show!(
        "dot of a removed one",
        sys!(SYS_openat, held, c".", O_RDONLY).outcome()
    );
    sys!(SYS_close, held);
    show!("mknod fifo", sys!(SYS_mknod, c"fifo", S_IFIFO | 0o600, 0));
    show!("mknod file", sys!(SYS_mknod, c"node", S_IFREG | 0o600, 0));
    show!(
        "mknod directory",
        sys!(SYS_mknod, c"dir", S_IFDIR | 0o600, 0)
    );
    show!("mknod link", sys!(SYS_mknod, c"link", S_IFLNK | 0o600, 0));
    show!("mknod again", sys!(SYS_mknod, c"fifo", S_IFIFO | 0o600, 0));
    sys!(SYS_umask, 0o077);
    sys!(SYS_mkdir, c"masked", 0o777);
    let mut stat = crate::files::empty_stat();
    sys!(SYS_stat, c"masked", &raw mut stat);
    show!("mode under a mask", "{:o}", stat.st_mode);
    show!("old mask", "{:o}", sys!(SYS_umask, 0o022).0);
}

fn listing() {
    mkdir(c"list");
    for name in [c"list/one", c"list/two", c"list/three"] {
        touch(name);
    }
    mkdir(c"list/four");
    sys!(SYS_symlink, c"x", c"list/five");
    let fd = sys!(SYS_open, c"list", O_RDONLY | O_DIRECTORY);
    show!("entries", "{:?}", names(fd, 4096).0);
    show!(
        "at the end",
        sys!(SYS_getdents64, fd, [0_u8; 64].as_mut_ptr(), 64)
    );
    show!("rewind", sys!(SYS_lseek, fd, 0, SEEK_SET));
    let (all, calls) = names(fd, 32);
    show!("entries one by one", "{} in {} calls", all.len(), calls);
    sys!(SYS_lseek, fd, 0, SEEK_SET);
    show!("entries the old way", "{:?}", old_names(fd));
    sys!(SYS_lseek, fd, 0, SEEK_SET);
    show!(
        "too little room",
        sys!(SYS_getdents64, fd, [0_u8; 8].as_mut_ptr(), 8)
    );
    show!(
        "read a directory",
        sys!(SYS_read, fd, [0_u8; 8].as_mut_ptr(), 8)
    );
    show!("list a file", {
        let file = sys!(SYS_open, c"list/one", O_RDONLY);
        sys!(SYS_getdents64, file, [0_u8; 64].as_mut_ptr(), 64)
    });
    // What is there while the listing goes on is listed once.
    sys!(SYS_lseek, fd, 0, SEEK_SET);
    let mut buffer = [0_u8; 64];
    sys!(SYS_getdents64, fd, buffer.as_mut_ptr(), 64);
    sys!(SYS_unlink, c"list/one");
    touch(c"list/six");
    let (mut rest, _) = names(fd, 4096);
    let before = rest.len();
    rest.dedup();
    show!("no entry twice", rest.len() == before);
    sys!(SYS_close, fd);
}

fn renaming() {
    let rename = |from: &std::ffi::CStr, to: &std::ffi::CStr, flags: u32| {
        sys!(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags)
    };
    mkdir(c"r");
    touch(c"r/a");
    touch(c"r/b");
    mkdir(c"r/d");
    mkdir(c"r/e");
    touch(c"r/e/full");
    show!("rename", rename(c"r/a", c"r/c", 0));
    show!("rename missing", rename(c"r/a", c"r/x", 0));
    show!("rename onto itself", rename(c"r/c", c"r/c", 0));
    show!(
        "rename without replacing",
        rename(c"r/c", c"r/b", RENAME_NOREPLACE)
    );
    show!("rename replacing", rename(c"r/c", c"r/b", 0));
    show!("exchange", rename(c"r/b", c"r/d", RENAME_EXCHANGE));
    show!("exchange back", rename(c"r/d", c"r/b", RENAME_EXCHANGE));
    show!(
        "exchange with nothing",
        rename(c"r/b", c"r/none", RENAME_EXCHANGE)
    );
    show!(
        "both flags",
        rename(c"r/b", c"r/d", RENAME_EXCHANGE | RENAME_NOREPLACE)
    );
    show!("wrong flags", rename(c"r/b", c"r/d", 0x80));
    show!("directory onto a file", rename(c"r/d", c"r/b", 0));
    show!("file onto a directory", rename(c"r/b", c"r/d", 0));
    show!("directory onto a full one", rename(c"r/d", c"r/e", 0));
    show!("full one onto an empty one", rename(c"r/e", c"r/d", 0));
    show!("into itself", rename(c"r", c"r/d/x", 0));
    show!("onto its parent", rename(c"r/d/full", c"r/d", 0));
    show!("dot", rename(c"r/.", c"q", 0));
    show!("dot-dot", rename(c"r/d/..", c"q", 0));
    show!("file with a slash", rename(c"r/b/", c"r/q", 0));
    show!("file to a name with a slash", rename(c"r/b", c"r/q/", 0));
    show!(
        "directory to a name with a slash",
        rename(c"r/d", c"r/q/", 0)
    );
    sys!(SYS_link, c"r/b", c"r/same");
    show!(
        "one of two names of a file onto the other",
        rename(c"r/b", c"r/same", 0)
    );
    show!("both are there", links(c"r/b"));
    show!("root", rename(c"/", c"r/x", 0));
    whiteouts();
}

/// What stays in the old place when something is renamed for an overlay file system.
fn whiteouts() {
    let rename = |from: &std::ffi::CStr, to: &std::ffi::CStr, flags: u32| {
        sys!(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags)
    };
    let what = |name: &str| match std::fs::symlink_metadata(name) {
        Ok(meta) => format!(
            "mode {:o} device {:#x} owner {} {}",
            meta.mode(),
            meta.rdev(),
            meta.uid(),
            meta.gid()
        ),
        Err(_) => "none".to_owned(),
    };
    let white = RENAME_WHITEOUT;
    sys!(
        SYS_mount,
        c"none",
        c"r",
        c"tmpfs",
        0,
        c"nr_inodes=6,mode=0777"
    );
    touch(c"r/a");
    mkdir(c"r/d");
    mkdir(c"r/e");
    show!("whiteout", rename(c"r/a", c"r/b", white));
    show!("in its place", what("r/a"));
    show!("it itself", what("r/b"));
    show!("open it", sys!(SYS_open, c"r/a", O_RDONLY, 0));
    show!(
        "exchange it",
        rename(c"r/a", c"r/b", RENAME_EXCHANGE | white)
    );
    show!("replace one", rename(c"r/b", c"r/a", white));
    show!("in its place", what("r/b"));
    show!("no room", rename(c"r/a", c"r/c", white));
    show!("it is still there", what("r/a"));
    show!("remove", sys!(SYS_unlink, c"r/b"));
    show!("onto itself", rename(c"r/a", c"r/a", white));
    show!(
        "not replacing",
        rename(c"r/a", c"r/d", white | RENAME_NOREPLACE)
    );
    show!(
        "to elsewhere",
        rename(c"r/a", c"r/d/a", white | RENAME_NOREPLACE)
    );
    show!("in its place", what("r/a"));
    sys!(SYS_unlink, c"r/a");
    show!("a directory", rename(c"r/d", c"r/e/d", white));
    show!("in its place", what("r/d"));
    sys!(SYS_unlink, c"r/d");
    let as_user = crate::child::run(|| {
        sys!(SYS_setresgid, 1000, 1000, 1000);
        sys!(SYS_setresuid, 1000, 1000, 1000);
        touch(c"r/mine");
        show!("a user's", rename(c"r/mine", c"r/theirs", white));
        show!("in its place", what("r/mine"));
        0
    });
    show!("as a user", as_user);
    show!("unmount", sys!(SYS_umount2, c"r", 0));
}

fn working() {
    let mut buffer = [0_u8; 256];
    mkdir(c"w");
    show!("chdir", sys!(SYS_chdir, c"w"));
    let len = sys!(SYS_getcwd, buffer.as_mut_ptr(), 256).0.max(1) as usize;
    show!(
        "getcwd ends",
        String::from_utf8_lossy(&buffer[len - 3..len - 1])
    );
    show!(
        "getcwd in too little",
        sys!(SYS_getcwd, buffer.as_mut_ptr(), 2)
    );
    show!("chdir to nothing", sys!(SYS_chdir, c"nothing"));
    show!("remove the working one", sys!(SYS_rmdir, c"../w"));
    show!(
        "getcwd of a removed one",
        sys!(SYS_getcwd, buffer.as_mut_ptr(), 256)
    );
    show!(
        "create there",
        sys!(SYS_open, c"x", O_CREAT | O_WRONLY, 0o600)
    );
    show!("chdir up", sys!(SYS_chdir, c".."));
    show!("chdir to a file", sys!(SYS_chdir, c"node"));
    show!("fchdir of a file", {
        let fd = sys!(SYS_open, c"node", O_RDONLY);
        let result = sys!(SYS_fchdir, fd);
        sys!(SYS_close, fd);
        result
    });
    show!(
        "chroot",
        child::run(|| {
            mkdir(c"root");
            show!("chroot itself", sys!(SYS_chroot, c"root"));
            show!(
                "above the root",
                sys!(SYS_open, c"/../../root", O_RDONLY).outcome()
            );
            0
        })
    );
}

/// Names longer than calls take: what calls tell has an end, what /proc tells has none.
fn deep() {
    child::run(|| {
        let name = c"ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
        let deepest = 4500 / name.count_bytes();
        for _ in 0..deepest {
            mkdir(name);
            sys!(SYS_chdir, name);
        }
        let mut buffer = [0_u8; 8192];
        show!(
            "getcwd far below",
            sys!(SYS_getcwd, buffer.as_mut_ptr(), buffer.len())
        );
        show!(
            "a link to there",
            sys!(
                SYS_readlink,
                c"/proc/self/cwd",
                buffer.as_mut_ptr(),
                buffer.len()
            )
        );
        let fd = sys!(SYS_open, c"mapped", O_RDWR | O_CREAT, 0o600);
        sys!(SYS_ftruncate, fd, 4096);
        sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, fd, 0);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let row = maps.lines().find(|row| row.ends_with("/mapped"));
        let parts = row.map_or(0, |row| {
            row.split('/')
                .filter(|part| part.starts_with("ddd"))
                .count()
        });
        show!("a mapping's name", "{}", parts == deepest);
        0
    });
}
