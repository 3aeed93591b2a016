//! One life: a process that makes calls until its number of them is reached, or it dies of one.

use crate::arena::{self};
use crate::arguments::Caller;
use crate::calls::{self, BIRTHS, CALLS, Call, Kind, LAST_CALLS, NATIVE};
use crate::random::Random;
use crate::record::{self, Record};
use crate::{objects, sys};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What lives are told.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// Calls of each thread of a life.
    pub length: u64,
    /// Say each call before it is made.
    pub loud: bool,
}

/// Calls of a child.
const CHILDHOOD: usize = 24;
/// Threads of a life at most.
pub const THREADS: usize = 3;
const NOBODY: u64 = 65534;

static LOUD: AtomicBool = AtomicBool::new(false);

/// Lives a life in the folder that is the working directory.
pub fn live(plan: Plan, life: u64, slot: usize) -> ! {
    LOUD.store(plan.loud, Ordering::Relaxed);
    if !plan.loud {
        let null = sys!(SYS_open, c"/dev/null".as_ptr(), libc::O_RDWR);
        for stream in 0..3 {
            sys!(SYS_dup2, null, stream);
        }
        sys!(SYS_close, null);
    }
    sys!(SYS_setsid);
    limit();
    if life % 2 == 1 {
        let user = NOBODY - life % 3;
        sys!(SYS_setgroups, 0, 0);
        sys!(SYS_setresgid, user, user, user);
        sys!(SYS_setresuid, user, user, user);
    }
    objects::make();
    sys::handle_signals();
    let threads = life as usize % (THREADS + 1);
    for thread in 1..threads {
        std::thread::spawn(move || calls_of(plan, life, slot, thread));
    }
    calls_of(plan, life, slot, 0);
    leave()
}

fn leave() -> ! {
    loop {
        sys!(SYS_exit_group, 0);
    }
}

/// What one life may take.
fn limit() {
    for (resource, value) in [
        (libc::RLIMIT_AS, 128 << 20),
        (libc::RLIMIT_FSIZE, 1 << 20),
        (libc::RLIMIT_NOFILE, 256),
        (libc::RLIMIT_NPROC, 48),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_CPU, 60),
    ] {
        let both = [value as u64; 2];
        sys!(SYS_setrlimit, resource, both.as_ptr());
    }
    crate::census::set_badness("1000");
}

fn calls_of(plan: Plan, life: u64, slot: usize, thread: usize) {
    let mut caller = Caller::new(plan.seed, life, slot, thread);
    caller.introduce();
    let record = record::get();
    let steps = &record.slots[slot].steps[thread];
    for step in 0..plan.length {
        steps.store(step + 1, Ordering::Relaxed);
        turn(&mut caller, record);
    }
}

/// One call, or what changes the world between two.
fn turn(caller: &mut Caller, record: &Record) {
    let random = &mut caller.random;
    match random.below(100) {
        0..6 => caller.scratch.disturb(&mut caller.random),
        6..12 => {
            let at = arena::victim(random);
            sys::touch(at, random.one_in(2), random.next() as u8);
        }
        12..14 => unknown(caller, record),
        14..16 => {
            let call = &NATIVE[random.below(NATIVE.len())];
            make(caller, record, call);
        }
        16..18 if caller.depth < 2 => birth(caller, record),
        18..28 if caller.depth > 0 => {
            let call = &LAST_CALLS[random.below(LAST_CALLS.len())];
            if call.number == libc::SYS_rt_sigreturn as usize {
                forged_return(caller);
            }
            make(caller, record, call);
        }
        _ => {
            let call = &CALLS[random.below(CALLS.len())];
            make(caller, record, call);
        }
    }
}

fn make(caller: &mut Caller, record: &Record, call: &Call) {
    if calls::is_left_out(call.number) {
        return;
    }
    let mut arguments = caller.arguments(call);
    caller.own(call.number, &mut arguments);
    let result = announced(caller, call.name, call.number, arguments);
    record.count(call.number, result);
    caller.learn(call, result);
}

/// Says the call where that is wanted, and makes it.
fn announced(caller: &Caller, name: &str, number: usize, arguments: [usize; 6]) -> isize {
    if caller.depth == 0 {
        let slot = &record::get().slots[caller.slot];
        slot.calls[caller.thread].store(number, Ordering::Relaxed);
    }
    if !LOUD.load(Ordering::Relaxed) {
        return sys::call(number, arguments);
    }
    let who = (sys!(SYS_getpid), caller.thread);
    eprintln!("{who:?} {name}({number}) {arguments:x?}");
    let result = sys::call(number, arguments);
    eprintln!("{who:?} {name} = {result}");
    result
}

/// A number at random, with arguments at random.
fn unknown(caller: &mut Caller, record: &Record) {
    let number = match caller.random.below(4) {
        0 => caller.random.edge() as usize,
        1 => ochre_abi::native::BASE + caller.random.below(64),
        _ => 424 + caller.random.below(60),
    };
    let known = CALLS
        .iter()
        .chain(LAST_CALLS)
        .chain(BIRTHS)
        .any(|call| call.number == number as u32 as usize);
    if known || calls::is_forbidden(number as u32 as usize) {
        return;
    }
    let call = Call {
        number,
        name: "unknown",
        kinds: &[Kind::Argument; 6],
    };
    make(caller, record, &call);
}

/// A new process or thread, which makes a few calls of its own.
fn birth(caller: &mut Caller, record: &Record) {
    const VM: usize = 0x100;
    const VFORK: usize = 0x4000;
    let call = &BIRTHS[caller.random.below(BIRTHS.len())];
    if calls::is_left_out(call.number) {
        return;
    }
    let mut arguments = caller.arguments(call);
    if call.number == libc::SYS_clone as usize
        && arguments[0] & VM != 0
        && arguments[0] & VFORK == 0
    {
        // On its parent's stack it would only spoil it.
        arguments[1] = arena::victim(&mut caller.random) & !15;
    }
    let result = announced(caller, call.name, call.number, arguments);
    if result == 0 {
        child(caller, record);
    }
    record.count(call.number, result);
    if result > 0 {
        caller.know(result as i32);
    }
    for _ in 0..2 {
        sys!(SYS_wait4, -1_isize, 0, libc::WNOHANG, 0);
    }
}

fn child(caller: &mut Caller, record: &Record) -> ! {
    caller.depth += 1;
    // Neither timers nor this are inherited.
    sys!(SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
    sys::ring();
    caller.introduce();
    if caller.random.one_in(4) {
        sys!(SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0);
        let signal = caller
            .random
            .pick(&[libc::SIGSTOP, libc::SIGTRAP, libc::SIGUSR1]);
        sys!(SYS_kill, sys!(SYS_getpid), signal);
    }
    for _ in 0..CHILDHOOD {
        turn(caller, record);
    }
    leave()
}

/// Returns from a signal that never was: to addresses, segments and flags as they come.
fn forged_return(caller: &mut Caller) -> ! {
    let mut frame = [0_u64; 64];
    for word in &mut frame {
        *word = match caller.random.below(4) {
            0 => caller.random.edge(),
            1 => arena::victim(&mut caller.random) as u64,
            _ => 0,
        };
    }
    // Of a frame, without its first word, the context has flags, link and stack in 5 words; then
    // come 16 registers of which the last is the stack, rip, flags, and segments.
    if caller.random.one_in(2) {
        frame[5 + 18] = 0x2b_0000_0000_0033;
    }
    let at = caller.words(&frame) as usize;
    sys::sigreturn(at)
}

/// Where `clone` has given a stack of its own: some calls without any memory of one's own, then the end.
pub extern "C" fn on_new_stack() -> ! {
    static BORN: AtomicU64 = AtomicU64::new(0);
    let mut random = Random::new(BORN.fetch_add(1, Ordering::Relaxed), 0);
    for _ in 0..CHILDHOOD {
        let call = &CALLS[random.below(CALLS.len())];
        // Neither names nor processes, which would need care.
        let careless =
            |kind: &Kind| !matches!(kind, Kind::Own | Kind::Path | Kind::Pid | Kind::Text);
        if !call.kinds.iter().all(careless) || call.number == libc::SYS_prctl as usize {
            continue;
        }
        let mut arguments = [0; 6];
        for argument in &mut arguments[..call.kinds.len()] {
            *argument = match random.below(4) {
                0 => random.edge() as usize,
                1 => random.below(objects::COUNT),
                _ => arena::victim(&mut random),
            };
        }
        sys::call(call.number, arguments);
    }
    loop {
        sys!(SYS_exit, 0);
    }
}
