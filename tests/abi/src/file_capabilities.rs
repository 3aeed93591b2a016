//! What files give to who executes them.

use crate::{child, show, sys};
use libc::*;
use std::ffi::CStr;

const NAME: &CStr = c"security.capability";
const NET_BIND: u32 = 1 << 10;
const NET_RAW: u32 = 1 << 13;

/// An attribute: magic number, then permitted and inheritable by words.
fn value(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn second(flags: u32, permitted: u32, inheritable: u32) -> Vec<u8> {
    value(&[0x0200_0000 | flags, permitted, inheritable, 0, 0])
}

fn third(flags: u32, permitted: u32, root: u32) -> Vec<u8> {
    value(&[0x0300_0000 | flags, permitted, 0, 0, 0, root])
}

fn set(file: &CStr, value: &[u8]) -> sys::Ret {
    sys!(SYS_setxattr, file, NAME, value.as_ptr(), value.len(), 0)
}

fn get(file: &CStr) -> String {
    let mut value = [0_u8; 64];
    let got = sys!(SYS_getxattr, file, NAME, value.as_mut_ptr(), value.len());
    if got.failed() {
        return got.to_string();
    }
    let words = value[..got.0 as usize].chunks(4);
    let words: Vec<String> = words
        .map(|w| w.iter().rev().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    words.join(" ")
}

/// What this process may do, and whether it was told to take care.
pub fn may() -> String {
    let header = [0x2008_0522_u32, 0];
    let mut sets = [0_u32; 6];
    sys!(SYS_capget, header.as_ptr(), sets.as_mut_ptr());
    let low = [10, 13].map(|number: u32| {
        let has = |set: u32| if set & 1 << number != 0 { 'x' } else { '-' };
        let ambient = sys!(
            SYS_prctl,
            PR_CAP_AMBIENT,
            PR_CAP_AMBIENT_IS_SET,
            number,
            0,
            0
        );
        let sets = [has(sets[0]), has(sets[1]), has(sets[2])];
        format!("{}{ambient}", String::from_iter(sets))
    });
    let all = sets.iter().map(|set| set.count_ones()).sum::<u32>() > 60;
    // SAFETY: it only looks.
    let secure = unsafe { getauxval(AT_SECURE) };
    let dumpable = sys!(SYS_prctl, PR_GET_DUMPABLE);
    let nobody = sys!(SYS_geteuid);
    format!("{low:?} all {all} secure {secure} dumpable {dumpable} as {nobody}")
}

/// Executes `file`, which says what it may do.
fn execute(file: &CStr) -> i32 {
    let arguments = [file.as_ptr(), c"--may".as_ptr(), std::ptr::null()];
    show!(
        "execute",
        sys!(SYS_execve, file, arguments.as_ptr(), [0_usize].as_ptr())
    );
    0
}

fn become_user() {
    sys!(SYS_setgroups, 0, 0);
    sys!(SYS_setresgid, 1000, 1000, 1000);
    sys!(SYS_setresuid, 1000, 1000, 1000);
}

fn as_user(what: &str, file: &CStr) {
    show!(
        what,
        child::run(|| {
            become_user();
            execute(file)
        })
    );
}

fn program(name: &str) {
    let _ = std::fs::copy("/proc/self/exe", name);
    let name = std::ffi::CString::new(name).unwrap_or_default();
    sys!(SYS_chmod, name.as_c_str(), 0o755);
}

pub fn run() {
    sys!(SYS_chmod, c".", 0o777);
    sys!(SYS_mkdir, c"m", 0o755);
    show!(
        "mount",
        sys!(SYS_mount, c"none", c"m", c"tmpfs", 0, c"mode=0777")
    );
    sys!(SYS_chdir, c"m");
    program("p");
    attributes();
    executing();
    limits();
    losing();
    sys!(SYS_chdir, c"..");
    show!("unmount", sys!(SYS_umount2, c"m", 0));
}

fn attributes() {
    show!("none", get(c"p"));
    for (what, value) in [
        ("second", second(1, NET_BIND, 0)),
        ("second, not effective", second(0, NET_BIND, NET_RAW)),
        ("third of root", third(1, NET_BIND, 0)),
        ("third of another", third(1, NET_BIND, 1000)),
        ("third of nobody", third(1, NET_BIND, u32::MAX)),
        ("first", value(&[0x0100_0001, NET_BIND, 0])),
        ("fourth", value(&[0x0400_0001, NET_BIND, 0, 0, 0])),
        ("short", second(1, NET_BIND, 0)[..19].to_vec()),
        ("long", [second(1, NET_BIND, 0), vec![0]].concat()),
        (
            "second as long as the third",
            [second(1, NET_BIND, 0), vec![0; 4]].concat(),
        ),
        ("unknown flags", second(0xff_fffe, NET_BIND, 0)),
        (
            "unknown capabilities",
            value(&[0x0200_0001, 0, 0, 0xffff_0000, 0]),
        ),
        ("a word", vec![0; 4]),
    ] {
        show!(what, set(c"p", &value));
        show!("is", get(c"p"));
    }
    show!("length alone", sys!(SYS_getxattr, c"p", NAME, 0, 0));
    show!("remove", sys!(SYS_removexattr, c"p", NAME));
    show!("remove again", sys!(SYS_removexattr, c"p", NAME));
    set(c"p", &second(1, NET_BIND, 0));
    show!(
        "another",
        child::run(|| {
            sys!(SYS_chown, c"p", 1000, 1000);
            become_user();
            show!("sets", set(c"p", &second(1, NET_BIND, 0)));
            show!("sets nonsense", set(c"p", &[1]));
            show!("reads", get(c"p"));
            0
        })
    );
    sys!(SYS_chown, c"p", 0, 0);
}

fn executing() {
    as_user("nothing given", c"p");
    set(c"p", &second(1, NET_BIND, 0));
    as_user("given", c"p");
    set(c"p", &third(1, NET_BIND, 0));
    as_user("given by the third", c"p");
    set(c"p", &third(1, NET_BIND, 1000));
    as_user("given by another root", c"p");
    set(c"p", &second(0, NET_BIND | NET_RAW, 0));
    as_user("not effective", c"p");
    set(c"p", &second(1, 0, NET_RAW));
    as_user("what nobody can inherit", c"p");
    set(c"p", &second(1, 0, 0));
    as_user("effective, but nothing", c"p");
    set(c"p", &[]);
    show!("empty", get(c"p"));
    as_user("empty", c"p");
    set(c"p", &second(1, NET_BIND, 0));
    show!("as root", child::run(|| execute(c"p")));
    sys!(SYS_chmod, c"p", 0o4755);
    as_user("set-user-id", c"p");
    sys!(SYS_chmod, c"p", 0o755);
    show!(
        "inherited",
        child::run(|| {
            set(c"p", &second(1, 0, NET_RAW));
            sys!(SYS_prctl, PR_SET_KEEPCAPS, 1);
            become_user();
            let header = [0x2008_0522_u32, 0];
            let sets = [0, NET_RAW, NET_RAW, 0, 0, 0];
            show!("keep", sys!(SYS_capset, header.as_ptr(), sets.as_ptr()));
            execute(c"p")
        })
    );
    show!(
        "ambient",
        child::run(|| {
            sys!(SYS_prctl, PR_SET_KEEPCAPS, 1);
            become_user();
            let header = [0x2008_0522_u32, 0];
            let sets = [0, NET_RAW, NET_RAW, 0, 0, 0];
            sys!(SYS_capset, header.as_ptr(), sets.as_ptr());
            show!(
                "raise",
                sys!(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 13, 0, 0)
            );
            execute(c"p")
        })
    );
    sys!(SYS_removexattr, c"p", NAME);
    show!(
        "ambient, of a plain file",
        child::run(|| {
            sys!(SYS_prctl, PR_SET_KEEPCAPS, 1);
            become_user();
            let header = [0x2008_0522_u32, 0];
            let sets = [0, NET_RAW, NET_RAW, 0, 0, 0];
            sys!(SYS_capset, header.as_ptr(), sets.as_ptr());
            sys!(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 13, 0, 0);
            execute(c"p")
        })
    );
}

fn limits() {
    set(c"p", &second(1, NET_BIND, 0));
    show!(
        "no new privileges",
        child::run(|| {
            become_user();
            sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            execute(c"p")
        })
    );
    for (what, flags) in [("out of bounds", 1), ("out of bounds, not effective", 0)] {
        set(c"p", &second(flags, NET_BIND, 0));
        show!(
            what,
            child::run(|| {
                sys!(SYS_prctl, PR_CAPBSET_DROP, 10, 0, 0, 0);
                become_user();
                execute(c"p")
            })
        );
    }
    set(c"p", &second(1, NET_BIND, 0));
    show!(
        "without root",
        child::run(|| {
            show!("no root", sys!(SYS_prctl, PR_SET_SECUREBITS, 1, 0, 0, 0));
            execute(c"p")
        })
    );
    sys!(SYS_mkdir, c"n", 0o755);
    show!(
        "mount",
        sys!(SYS_mount, c"none", c"n", c"tmpfs", MS_NOSUID, 0)
    );
    program("n/p");
    set(c"n/p", &second(1, NET_BIND, 0));
    show!("it is there", get(c"n/p"));
    as_user("of a mount that gives nothing", c"n/p");
    sys!(SYS_umount2, c"n", 0);
    sys!(SYS_rmdir, c"n");
}

fn losing() {
    let fresh = || set(c"p", &second(1, NET_BIND, 0));
    let open = |flags: i32| sys!(SYS_open, c"p", flags, 0).value();
    let doing = |what: &str, work: &dyn Fn()| {
        fresh();
        work();
        show!(what, get(c"p"));
    };
    doing("nothing", &|| ());
    doing("to write", &|| {
        let fd = open(O_WRONLY);
        sys!(SYS_close, fd);
    });
    doing("a write", &|| {
        let fd = open(O_WRONLY | O_APPEND);
        sys!(SYS_write, fd, c"x", 1);
        sys!(SYS_close, fd);
    });
    doing("a longer one", &|| {
        sys!(SYS_truncate, c"p", 1 << 20);
    });
    doing("a mode", &|| {
        sys!(SYS_chmod, c"p", 0o700);
    });
    doing("times", &|| {
        sys!(SYS_utimensat, AT_FDCWD, c"p", 0, 0);
    });
    doing("another owner", &|| {
        sys!(SYS_chown, c"p", 1000, -1);
    });
    doing("the same owner", &|| {
        sys!(SYS_chown, c"p", 1000, -1);
    });
    doing("no owner", &|| {
        sys!(SYS_chown, c"p", -1, -1);
    });
    doing("another name", &|| {
        sys!(SYS_rename, c"p", c"q");
        sys!(SYS_rename, c"q", c"p");
    });
    doing("emptied", &|| {
        let fd = open(O_WRONLY | O_TRUNC);
        sys!(SYS_close, fd);
    });
    sys!(SYS_mkdir, c"d", 0o755);
    show!("a directory's", set(c"d", &second(1, NET_BIND, 0)));
    sys!(SYS_chown, c"d", 1000, 1000);
    show!("then another's", get(c"d"));
}
