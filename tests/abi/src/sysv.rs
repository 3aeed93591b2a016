//! System V IPC: shared memory, semaphore sets, message queues.

use crate::{child, show, sys};
use libc::*;

const PAGE: usize = 4096;
const MODE: i32 = 0o600;
const KEY: i32 = 0x0c12e;

pub fn run() {
    segments();
    attaching();
    sets();
    undoing();
    waiting();
    letting_on();
    queues();
    choosing();
    sleeping();
    strangers();
}

/// What a control call writes, as words of 32 bits.
type Status = [u32; 32];

fn two(status: &Status, at: usize) -> u64 {
    u64::from(status[at]) | u64::from(status[at + 1]) << 32
}

fn segment_status(id: i32) -> Status {
    let mut status = [0; 32];
    sys!(SYS_shmctl, id, IPC_STAT, &raw mut status);
    status
}

fn attached(id: i32) -> u64 {
    two(&segment_status(id), 22)
}

fn segments() {
    let get = |key, size: usize, flags: i32| sys!(SYS_shmget, key, size, flags);
    show!("no such segment", get(KEY, PAGE, 0));
    show!("segment of nothing", get(KEY, 0, IPC_CREAT | MODE));
    show!("segment too large", get(KEY, usize::MAX, IPC_CREAT | MODE));
    let id = get(KEY, 5000, IPC_CREAT | IPC_EXCL | MODE).value();
    show!("made", id >= 0);
    show!("made again", get(KEY, 5000, IPC_CREAT | IPC_EXCL | MODE));
    show!("found", get(KEY, 5000, 0).value() == id);
    show!("found without a size", get(KEY, 0, 0).value() == id);
    show!("found, but larger", get(KEY, 5001, 0));
    let status = segment_status(id);
    show!("key", "{:#x}", status[0]);
    show!("mode", "{:o}", status[5]);
    show!("size", two(&status, 12));
    show!("creator", status[20] == std::process::id());
    show!("attached by none", attached(id));
    show!("odd command", sys!(SYS_shmctl, id, 77, 0));
    show!("negative number", sys!(SYS_shmctl, -1, IPC_RMID, 0));
    show!("status to nowhere", sys!(SYS_shmctl, id, IPC_STAT, 8));
    show!("removed", sys!(SYS_shmctl, id, IPC_RMID, 0));
    show!("removed again", sys!(SYS_shmctl, id, IPC_RMID, 0));
    show!("key leads nowhere", get(KEY, 5000, 0));
    let (a, b) = (
        get(IPC_PRIVATE, 1, MODE).value(),
        get(IPC_PRIVATE, 1, MODE).value(),
    );
    show!("private ones differ", a != b);
    for id in [a, b] {
        sys!(SYS_shmctl, id, IPC_RMID, 0);
    }
}

fn attaching() {
    let id = sys!(SYS_shmget, IPC_PRIVATE, 2 * PAGE + 1, MODE).value();
    let at = |addr: usize, flags: i32| sys!(SYS_shmat, id, addr, flags);
    show!("attach no segment", sys!(SYS_shmat, -1, 0, 0));
    let first = at(0, 0);
    let second = at(0, SHM_RDONLY);
    show!("attached twice", attached(id));
    let word = first.0 as *mut u32;
    let same = second.0 as *const u32;
    // SAFETY: both show the segment.
    unsafe { word.write_volatile(42) };
    // SAFETY: as above.
    show!("seen through the other", unsafe { same.read_volatile() });
    show!(
        "write to a page attached for reading",
        child::run(|| {
            // SAFETY: ends the child, which is what it is for.
            unsafe { same.cast_mut().write_volatile(1) };
            0
        })
    );
    show!(
        "made writable",
        sys!(SYS_mprotect, second, PAGE, PROT_READ | PROT_WRITE)
    );
    show!("at an odd place", at(first.0 as usize + 1, 0));
    show!("where it is already", at(first.0 as usize, 0));
    show!("nowhere, instead", at(0, SHM_REMAP));
    show!(
        "rounded, instead",
        at(second.0 as usize + 5, SHM_REMAP | SHM_RND) == second
    );
    show!("still attached twice", attached(id));
    show!(
        "a child's",
        child::run(|| {
            let count = attached(id);
            // SAFETY: the child has the parent's mappings.
            let value = unsafe { word.read_volatile() };
            // SAFETY: as above.
            unsafe { word.write_volatile(43) };
            (count * 10) as i32 + i32::from(value == 42)
        })
    );
    // SAFETY: it is still attached.
    show!("what the child wrote", unsafe { word.read_volatile() });
    show!("after the child", attached(id));
    sys!(SYS_munmap, first.0 as usize + PAGE, PAGE);
    show!("with a hole", attached(id));
    show!("removed while attached", sys!(SYS_shmctl, id, IPC_RMID, 0));
    show!("marked", "{:o}", segment_status(id)[5]);
    show!("no key any more", segment_status(id)[0]);
    let third = at(0, 0);
    // SAFETY: as above.
    show!("attached after removal", unsafe {
        (third.0 as *const u32).read_volatile()
    });
    show!("detach", sys!(SYS_shmdt, first));
    show!("detach again", sys!(SYS_shmdt, first));
    show!("detach odd", sys!(SYS_shmdt, first.0 as usize + 1));
    show!("left", attached(id));
    sys!(SYS_shmdt, second);
    sys!(SYS_shmdt, third);
    show!("gone with the last", at(0, 0));
}

fn operation(number: u16, change: i16, flags: i32) -> sembuf {
    sembuf {
        sem_num: number,
        sem_op: change,
        sem_flg: flags as i16,
    }
}

fn operate(id: i32, operations: &[sembuf]) -> sys::Ret {
    sys!(SYS_semop, id, operations.as_ptr(), operations.len())
}

fn value(id: i32, number: i32) -> sys::Ret {
    sys!(SYS_semctl, id, number, GETVAL)
}

fn new_set(count: i32) -> i32 {
    sys!(SYS_semget, IPC_PRIVATE, count, MODE).value()
}

fn remove_set(id: i32) -> sys::Ret {
    sys!(SYS_semctl, id, 0, IPC_RMID)
}

fn sets() {
    let get = |key, count: i32, flags: i32| sys!(SYS_semget, key, count, flags);
    show!("no such set", get(KEY, 1, 0));
    show!("set of none", get(KEY, 0, IPC_CREAT | MODE));
    show!("set of less", get(KEY, -1, IPC_CREAT | MODE));
    show!("set too large", get(KEY, 32001, IPC_CREAT | MODE));
    let id = get(KEY, 3, IPC_CREAT | MODE).value();
    show!("set found", get(KEY, 3, 0).value() == id);
    show!("set found without a size", get(KEY, 0, 0).value() == id);
    show!("set found, but larger", get(KEY, 4, 0));
    show!("first value", value(id, 0));
    show!("value of none", value(id, 3));
    show!("set a value", sys!(SYS_semctl, id, 1, SETVAL, 5));
    show!("value set", value(id, 1));
    show!(
        "by whom",
        sys!(SYS_semctl, id, 1, GETPID).value() as u32 == std::process::id()
    );
    show!("set too much", sys!(SYS_semctl, id, 1, SETVAL, 32768));
    show!("set too little", sys!(SYS_semctl, id, 1, SETVAL, -1));
    let mut all = [1_u16, 2, 3];
    show!("set all", sys!(SYS_semctl, id, 0, SETALL, all.as_ptr()));
    all = [0; 3];
    show!("get all", sys!(SYS_semctl, id, 0, GETALL, all.as_mut_ptr()));
    show!("all", "{:?}", all);
    show!("no operations", operate(id, &[]));
    let many = [operation(0, 0, 0); 501];
    show!("too many operations", operate(id, &many));
    show!("operation on none", operate(id, &[operation(3, 1, 0)]));
    show!("operations nowhere", sys!(SYS_semop, id, 8, 1));
    show!("add", operate(id, &[operation(0, 4, 0)]));
    show!(
        "take",
        operate(id, &[operation(0, -2, 0), operation(1, -2, 0)])
    );
    show!("left in both", "{} {}", value(id, 0), value(id, 1));
    show!("zero at once", operate(id, &[operation(1, 0, 0)]));
    let none = IPC_NOWAIT;
    show!("not zero", operate(id, &[operation(0, 0, none)]));
    show!(
        "all or nothing",
        operate(id, &[operation(0, -1, none), operation(1, -1, none)])
    );
    show!("nothing was taken", value(id, 0));
    show!("beyond", operate(id, &[operation(0, 32767, 0)]));
    show!(
        "taken and given at once",
        operate(id, &[operation(1, 7, 0), operation(1, -7, 0)])
    );
    let mut status: Status = [0; 32];
    sys!(SYS_semctl, id, 0, IPC_STAT, &raw mut status);
    show!("set's size", two(&status, 20));
    show!("set's mode", "{:o}", status[5]);
    show!("remove set", remove_set(id));
    show!("remove set again", remove_set(id));
    show!("operate on no set", operate(id, &[operation(0, 1, 0)]));
}

fn undoing() {
    let id = new_set(2);
    sys!(SYS_semctl, id, 0, SETVAL, 3);
    show!(
        "taken with undo",
        child::run(|| {
            operate(id, &[operation(0, -2, SEM_UNDO), operation(1, 1, SEM_UNDO)]);
            value(id, 0).value() * 10 + value(id, 1).value()
        })
    );
    show!("given back", "{} {}", value(id, 0), value(id, 1));
    show!(
        "taken for good",
        child::run(|| operate(id, &[operation(0, -1, 0)]).value())
    );
    show!("stays taken", value(id, 0));
    show!(
        "undo forgotten when set",
        child::run(|| {
            operate(id, &[operation(0, -1, SEM_UNDO)]);
            sys!(SYS_semctl, id, 0, SETVAL, 9).value()
        })
    );
    show!("as it was set", value(id, 0));
    show!(
        "undone below zero",
        child::run(|| {
            operate(id, &[operation(1, 5, SEM_UNDO)]);
            child::run(|| operate(id, &[operation(1, -3, 0)]).value());
            0
        })
    );
    show!("is zero", value(id, 1));
    remove_set(id);
}

/// Until so many wait at the semaphore: for more, or for zero.
fn until_waiting(id: i32, count: isize, command: i32) {
    until_waiting_at(id, 0, count, command);
}

fn until_waiting_at(id: i32, number: i32, count: isize, command: i32) {
    while sys!(SYS_semctl, id, number, command).0 != count {
        sys!(SYS_sched_yield);
    }
}

/// Each who goes on lets another on, in the queue before it or behind it.
fn letting_on() {
    let id = new_set(3);
    let waiter = |operations: &[sembuf], number: i32, count, command| {
        let pid = child::fork(|| operate(id, operations).value());
        until_waiting_at(id, number, count, command);
        pid
    };
    operate(id, &[operation(2, 0, 0), operation(2, 1, 0)]);
    let takes_both = [operation(0, -1, 0), operation(1, -1, 0)];
    let all = [
        waiter(&takes_both, 0, 1, GETNCNT),
        waiter(&[operation(0, -1, 0)], 0, 2, GETNCNT),
        waiter(&[operation(0, -1, 0), operation(1, 1, 0)], 0, 3, GETNCNT),
    ];
    let zero = waiter(&[operation(2, 0, 0)], 2, 1, GETZCNT);
    operate(id, &[operation(0, 3, 0)]);
    for (at, pid) in all.into_iter().enumerate() {
        show!(format!("went on: {at}"), child::wait(pid));
    }
    operate(id, &[operation(2, -1, 0)]);
    show!("saw zero", child::wait(zero));
    let left = [0, 1, 2].map(|number| value(id, number).to_string());
    show!("left", "{left:?}");
    // Many for one: each that goes on leaves the others waiting.
    let many: Vec<i32> = (1..=30)
        .map(|count| waiter(&[operation(0, -1, 0)], 0, count, GETNCNT))
        .collect();
    let none = waiter(&[operation(0, 0, 0), operation(1, 0, 0)], 1, 0, GETZCNT);
    show!("saw none", child::wait(none));
    sys!(SYS_semctl, id, 0, SETVAL, 30);
    let ends: Vec<String> = many.into_iter().map(child::wait).collect();
    show!("all went on", ends.iter().all(|end| end == "exited 0"));
    show!("none is left", value(id, 0));
    // One call that sets all lets on who waits at any, some of them for others to go on first.
    operate(id, &[operation(2, 1, 0)]);
    let all = [
        waiter(&[operation(0, -1, 0)], 0, 1, GETNCNT),
        waiter(&[operation(1, -2, 0), operation(2, -1, 0)], 1, 1, GETNCNT),
        waiter(&[operation(2, 0, 0)], 2, 1, GETZCNT),
        waiter(&[operation(2, 0, 0), operation(1, -1, 0)], 2, 2, GETZCNT),
    ];
    let values = [1_u16, 2, 1];
    sys!(SYS_semctl, id, 0, SETALL, values.as_ptr());
    let first = all.map(|pid| (pid != all[3]).then(|| child::wait(pid)));
    show!("set, and went on", "{:?}", first);
    show!("waits for more now", sys!(SYS_semctl, id, 1, GETNCNT));
    operate(id, &[operation(1, 1, 0)]);
    show!("has it", child::wait(all[3]));
    remove_set(id);
}

fn waiting() {
    let id = new_set(1);
    let taker = child::fork(|| operate(id, &[operation(0, -2, 0)]).value());
    until_waiting(id, 1, GETNCNT);
    show!("not for zero", sys!(SYS_semctl, id, 0, GETZCNT));
    operate(id, &[operation(0, 1, 0)]);
    show!("not enough yet", value(id, 0));
    operate(id, &[operation(0, 1, 0)]);
    show!("has taken", child::wait(taker));
    show!("none waits", sys!(SYS_semctl, id, 0, GETNCNT));
    sys!(SYS_semctl, id, 0, SETVAL, 1);
    let zero = child::fork(|| operate(id, &[operation(0, 0, 0)]).value());
    until_waiting(id, 1, GETZCNT);
    operate(id, &[operation(0, -1, 0)]);
    show!("has seen zero", child::wait(zero));
    let short = timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let take = operation(0, -1, 0);
    show!(
        "in vain",
        sys!(SYS_semtimedop, id, &raw const take, 1, &raw const short)
    );
    let wrong = timespec {
        tv_sec: 0,
        tv_nsec: -1,
    };
    show!(
        "for a wrong time",
        sys!(SYS_semtimedop, id, &raw const take, 1, &raw const wrong)
    );
    let loser =
        child::fork(|| i32::from(operate(id, &[operation(0, -1, 0)]).0 == -(EIDRM as isize)));
    until_waiting(id, 1, GETNCNT);
    remove_set(id);
    show!("removed under it", child::wait(loser));
}

#[repr(C)]
struct Message {
    kind: i64,
    text: [u8; 16],
}

fn send(id: i32, kind: i64, text: &str, flags: i32) -> sys::Ret {
    let mut message = Message {
        kind,
        text: [0; 16],
    };
    message.text[..text.len()].copy_from_slice(text.as_bytes());
    sys!(SYS_msgsnd, id, &raw const message, text.len(), flags)
}

fn receive(id: i32, size: usize, kind: i64, flags: i32) -> String {
    let mut message = Message {
        kind: 0,
        text: [0; 16],
    };
    let got = sys!(SYS_msgrcv, id, &raw mut message, size, kind, flags);
    if got.failed() {
        return got.to_string();
    }
    let text = String::from_utf8_lossy(&message.text[..got.0 as usize]).into_owned();
    format!("{} {text}", message.kind)
}

fn new_queue() -> i32 {
    sys!(SYS_msgget, IPC_PRIVATE, MODE).value()
}

fn remove_queue(id: i32) -> sys::Ret {
    sys!(SYS_msgctl, id, IPC_RMID, 0)
}

fn queues() {
    let get = |key, flags: i32| sys!(SYS_msgget, key, flags);
    show!("no such queue", get(KEY, 0));
    let id = get(KEY, IPC_CREAT | MODE).value();
    show!("queue found", get(KEY, 0).value() == id);
    show!("queue made again", get(KEY, IPC_CREAT | IPC_EXCL));
    show!("send", send(id, 3, "three", 0));
    show!("send of no type", send(id, 0, "zero", 0));
    show!("send of a negative type", send(id, -1, "less", 0));
    show!(
        "send too much",
        sys!(SYS_msgsnd, id, [1_i64; 1200].as_ptr(), 8193, 0)
    );
    show!("send nothing", send(id, 1, "", 0));
    let mut status: Status = [0; 32];
    sys!(SYS_msgctl, id, IPC_STAT, &raw mut status);
    show!("bytes", two(&status, 18));
    show!("messages", two(&status, 20));
    show!("room", two(&status, 22));
    show!("sender", status[24] == std::process::id());
    show!("receive", receive(id, 16, 0, 0));
    show!("receive nothing", receive(id, 16, 0, 0));
    show!("receive none", receive(id, 16, 0, IPC_NOWAIT));
    send(id, 1, "long message", 0);
    show!("receive too long", receive(id, 4, 0, 0));
    show!("receive a part", receive(id, 4, 0, MSG_NOERROR));
    show!("the rest is gone", receive(id, 4, 0, IPC_NOWAIT));
    show!("receive less than nothing", receive(id, usize::MAX, 0, 0));
    let mut sent = 0;
    while !send(id, 1, "0123456789abcdef", IPC_NOWAIT).failed() {
        sent += 1;
    }
    show!("full after", sent);
    show!("full", send(id, 1, "x", IPC_NOWAIT));
    show!("nothing still fits", send(id, 1, "", IPC_NOWAIT));
    show!("remove queue", remove_queue(id));
    show!("send to none", send(id, 1, "x", 0));
}

fn choosing() {
    let id = new_queue();
    for (kind, text) in [(5, "a"), (2, "b"), (9, "c"), (2, "d"), (1, "e")] {
        send(id, kind, text, 0);
    }
    show!(
        "copy of the third",
        receive(id, 16, 2, MSG_COPY | IPC_NOWAIT)
    );
    show!("copy of none", receive(id, 16, 5, MSG_COPY | IPC_NOWAIT));
    show!("copy without haste", receive(id, 16, 0, MSG_COPY));
    show!("of type 2", receive(id, 16, 2, 0));
    show!("not of type 5", receive(id, 16, 5, MSG_EXCEPT));
    show!("the least up to 2", receive(id, 16, -2, 0));
    show!("up to 1", receive(id, 16, -1, IPC_NOWAIT));
    show!("any", receive(id, 16, 0, 0));
    show!("the last", receive(id, 16, 0, 0));
    remove_queue(id);
}

fn sleeping() {
    let id = new_queue();
    let reader = child::fork(|| i32::from(receive(id, 16, 7, 0) == "7 at last"));
    send(id, 6, "other", 0);
    send(id, 7, "at last", 0);
    show!("was waited for", child::wait(reader));
    show!("the other stays", receive(id, 16, 0, 0));
    while !send(id, 1, "0123456789abcdef", IPC_NOWAIT).failed() {}
    let writer = child::fork(|| send(id, 2, "in the end", 0).value());
    receive(id, 16, 1, 0);
    show!("found room", child::wait(writer));
    let loser = child::fork(|| {
        let message = receive(id, 16, 77, 0);
        i32::from(message == "EIDRM" || message == "EINVAL")
    });
    remove_queue(id);
    show!("queue removed under it", child::wait(loser));
}

fn strangers() {
    let segment = sys!(SYS_shmget, IPC_PRIVATE, 1, 0o640).value();
    let set = sys!(SYS_semget, IPC_PRIVATE, 1, 0o604).value();
    let queue = sys!(SYS_msgget, IPC_PRIVATE, 0o602).value();
    let ask = |name: &str, ask: &dyn Fn() -> sys::Ret| {
        let stranger = child::run(|| {
            sys!(SYS_setgid, 1000);
            sys!(SYS_setuid, 1000);
            println!("a stranger's {name}: {}", ask().outcome());
            0
        });
        show!(format!("after the stranger's {name}"), stranger);
    };
    ask("attaching", &|| sys!(SYS_shmat, segment, 0, SHM_RDONLY));
    ask("removal", &|| sys!(SYS_shmctl, segment, IPC_RMID, 0));
    ask("look at a semaphore", &|| value(set, 0));
    ask("change of a semaphore", &|| {
        operate(set, &[operation(0, 1, 0)])
    });
    ask("message", &|| send(queue, 1, "x", 0));
    ask("reading of messages", &|| {
        sys!(SYS_msgrcv, queue, 8, 8, 0, IPC_NOWAIT)
    });
    sys!(SYS_shmctl, segment, IPC_RMID, 0);
    remove_set(set);
    remove_queue(queue);
}
