//! User mode and back: calls, faults, the FPU, timers, the vDSO; and kernel contexts.

use crate::code::*;
use crate::kernel::{FAULT_FRAME, TIMER_FIRED};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use ochre_hal::context::{self, Context};
use ochre_hal::frame::Frame;
use ochre_hal::paging::Perms;
use ochre_hal::sync::SpinLock;
use ochre_hal::user::Trap;
use ochre_hal::{PAGE_SIZE, cpu, log, time, uaccess};

pub fn system_calls() {
    const CALLS: usize = 10_000;
    let table = space();
    table.activate();
    let nanos = shortest(|| {
        let mut user = user(code(&raw const selftest_calls));
        user.regs.rbx = CALLS;
        user.fs_base = 0x1234_5000;
        user.gs_base = 0x6000;
        let mut calls = 0;
        loop {
            match user.run() {
                Trap::Syscall if user.regs.orig_rax == 39 => {
                    calls += 1;
                    user.regs.rax = 4711;
                }
                Trap::Syscall => break,
                Trap::Interrupt => {}
                other => panic!("unexpected {other:?} {:x?}", user.regs),
            }
        }
        assert_eq!((calls, user.regs.orig_rax), (CALLS, 60));
        assert_eq!(
            (user.fs_base, user.current_gs_base()),
            (0x1234_5000, 0x6000)
        );
    });
    log!("system calls ok; one takes {} ns", nanos / CALLS as u64);
}

pub fn faults() {
    let mut table = space();
    table.activate();
    let mut user = user(code(&raw const selftest_fault));
    user.regs.rdi = 0x70_0008;
    user.regs.rbx = 99;
    // The error code's bits: there, written, by user mode, an instruction.
    let fault = |write, present| Trap::PageFault {
        addr: 0x70_0008,
        write,
        exec: false,
        error: u64::from(present) | u64::from(write) << 1 | 4,
    };
    assert_eq!(user.run(), fault(false, false));
    let frame = Frame::alloc_zeroed().expect("memory");
    table
        .map(0x70_0000, frame.clone(), Perms::READ)
        .expect("memory");
    assert_eq!(user.run(), fault(true, true));
    table.raise(0x70_0000, Perms::READ | Perms::WRITE);
    assert_eq!(
        user.run(),
        Trap::Exception {
            vector: 13,
            error: 0
        }
    );
    assert_eq!(frame.atomic_u64(8).load(Ordering::Relaxed), 99);
    user.regs.rip = 0x70_0000;
    let exec = Trap::PageFault {
        addr: 0x70_0000,
        write: false,
        exec: true,
        error: 1 | 4 | 16,
    };
    assert_eq!(user.run(), exec);
    user.regs.rip = 0xffff_8000_0000_0000;
    assert_eq!(
        user.run(),
        Trap::Exception {
            vector: 13,
            error: 0
        }
    );
    let entry = table.get(0x70_0000).expect("mapped");
    assert!(entry.dirty && entry.accessed && entry.perms == Perms::READ | Perms::WRITE);
    table.unmap(0x70_0000..0x70_1000);
    drop(entry);
    assert!(table.get(0x70_0000).is_none() && frame.is_unique());
    log!("faults ok");
}

pub fn user_access() {
    let mut table = space();
    table.activate();
    let mut buffer = [0u8; 10000];
    assert_eq!(
        uaccess::copy_in(&mut buffer, 0x100_0000),
        Err(uaccess::Fault)
    );
    assert_eq!(
        uaccess::copy_in(&mut buffer, 0x7fff_ffff_e000),
        Err(uaccess::Fault)
    );
    assert_eq!(
        uaccess::copy_in(&mut buffer, 0xffff_8000_0000_0000),
        Err(uaccess::Fault)
    );
    assert_eq!(uaccess::copy_out(CODE, b"x"), Err(uaccess::Fault));
    table
        .map(
            0x60_0000,
            Frame::alloc_zeroed().expect("memory"),
            Perms::READ | Perms::WRITE,
        )
        .expect("memory");
    let table = Arc::new(SpinLock::new(20, table));
    *FAULT_FRAME.lock() = Some(table.clone());
    for (i, b) in buffer.iter_mut().enumerate() {
        *b = i as u8;
    }
    uaccess::copy_out(0x60_0ff3, &buffer).expect("faulted in");
    let mut back = [0u8; 10000];
    uaccess::copy_in(&mut back, 0x60_0ff3).expect("mapped");
    assert!(back == buffer);
    *FAULT_FRAME.lock() = None;
    assert_eq!(uaccess::copy_out(0x60_3ff3, &buffer), Err(uaccess::Fault));
    uaccess::store_u32(0x60_0010, 5).expect("mapped");
    assert_eq!(uaccess::cmpxchg_u32(0x60_0010, 5, 6), Ok(5));
    assert_eq!(uaccess::cmpxchg_u32(0x60_0010, 5, 7), Ok(6));
    assert_eq!(uaccess::cmpxchg_u32(0x60_0012, 5, 7), Err(uaccess::Fault));
    uaccess::copy_out(0x60_0100, b"hello\0there").expect("mapped");
    let mut text = [0; 64];
    assert_eq!(uaccess::copy_in_str(&mut text, 0x60_0100), Ok(5));
    assert_eq!(uaccess::copy_in_str(&mut text[..3], 0x60_0100), Ok(3));
    assert_eq!(
        uaccess::copy_in_str(&mut text, 0x200_0000),
        Err(uaccess::Fault)
    );
    let copy = shortest(|| {
        for _ in 0..100 {
            uaccess::copy_in(&mut back[..4096], 0x60_1000).expect("mapped");
        }
    }) / 100;
    let load = shortest(|| {
        for _ in 0..100 {
            uaccess::load_u32(0x60_1000).expect("mapped");
        }
    }) / 100;
    log!("user access ok; 4 KiB in {copy} ns, a word in {load} ns");
    ochre_hal::paging::deactivate();
}

pub fn fpu() {
    let table = space();
    table.activate();
    let mut a = user(code(&raw const selftest_fpu));
    a.regs.rbx = 0x1111;
    assert_eq!(a.run(), Trap::Syscall);
    let mut b = a.try_clone().expect("memory");
    // Another context takes the CPU's registers meanwhile.
    let here = context::current();
    static OTHER_DONE: AtomicBool = AtomicBool::new(false);
    static BACK: SpinLock<Option<Arc<Context>>> = SpinLock::new(10, None);
    fn other(entry: usize) -> ! {
        let mut c = user(entry);
        c.regs.rbx = 0x3333;
        assert_eq!(c.run(), Trap::Syscall);
        assert_eq!(c.run(), Trap::Syscall);
        assert_eq!(c.regs.rbx, 0x3333);
        OTHER_DONE.store(true, Ordering::SeqCst);
        drop(c);
        let back = BACK.lock().take().expect("set");
        context::exit_current(back)
    }
    *BACK.lock() = Some(here);
    context::switch_to(&Context::new(other, code(&raw const selftest_fpu)).expect("memory"));
    assert!(OTHER_DONE.load(Ordering::SeqCst));
    assert_eq!(a.run(), Trap::Syscall);
    assert_eq!(a.regs.rbx, 0x1111);
    let image = a.fpu_bytes().to_vec();
    context::switch_to(&context::idle());
    assert_eq!(image[160 + 3 * 16..][..2], [0x11, 0x11]);
    let mut changed = image.clone();
    changed[160 + 3 * 16] = 0x22;
    b.set_fpu_bytes(&changed).expect("valid");
    drop(a);
    assert_eq!(b.run(), Trap::Syscall);
    assert_eq!(b.regs.rbx, 0x1122);
    changed[24..28].fill(0xff);
    assert!(b.set_fpu_bytes(&changed).is_err());
    assert!(b.set_fpu_bytes(&changed[..20]).is_err());
    log!("fpu ok; {} bytes", image.len());
}

pub fn timer() {
    let table = space();
    table.activate();
    let mut user = user(code(&raw const selftest_spin));
    let fired = TIMER_FIRED.load(Ordering::SeqCst);
    let deadline = time::now() + 20_000_000;
    time::set_deadline(Some(deadline));
    assert_eq!(user.run(), Trap::Interrupt);
    assert!(time::now() >= deadline && user.regs.rbx > 0);
    assert_eq!(TIMER_FIRED.load(Ordering::SeqCst), fired + 1);
    assert_eq!(user.regs.orig_rax, usize::MAX);
    time::set_deadline(Some(time::now() + 1_000_000));
    while TIMER_FIRED.load(Ordering::SeqCst) == fired + 1 {
        cpu::idle_wait();
    }
    time::set_deadline(Some(0));
    while TIMER_FIRED.load(Ordering::SeqCst) == fired + 2 {
        cpu::poll_interrupts();
    }
    log!("timer ok");
}

/// Finds a function in the vDSO by its symbol table.
fn vdso_function(code: &Frame, wanted: &str) -> usize {
    let mut page = alloc::vec![0; PAGE_SIZE];
    code.read(0, &mut page);
    let word =
        |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().expect("eight bytes")) as usize;
    let tag = |wanted: usize| {
        let entries = (word(64 + 56 + 8)..).step_by(16);
        entries
            .take(16)
            .find(|&at| word(at) == wanted)
            .map(|at| word(at + 8))
            .expect("tag")
    };
    let (symbols, strings) = (tag(6), tag(5));
    (1..6)
        .map(|index| symbols + index * 24)
        .find(|&at| {
            let name = strings + word(at) as u32 as usize;
            page[name..].starts_with(wanted.as_bytes()) && page[name + wanted.len()] == 0
        })
        .map(|at| word(at + 8))
        .expect("a function of the vDSO")
}

pub fn vdso() {
    const AT: usize = 0x50_0000;
    const STACK: usize = 0x51_0000;
    let image = ochre_hal::vdso::image();
    let mut table = space();
    table
        .map(AT - PAGE_SIZE, image.data.clone(), Perms::READ)
        .expect("memory");
    table
        .map(AT, image.code.clone(), Perms::READ | Perms::EXEC)
        .expect("memory");
    let stack = Frame::alloc_zeroed().expect("memory");
    table
        .map(STACK, stack.clone(), Perms::READ | Perms::WRITE)
        .expect("memory");
    table.activate();
    let call = |function: &str, rdi: usize| {
        let mut user = user(code(&raw const selftest_vdso));
        user.regs.rbx = AT + vdso_function(&image.code, function);
        user.regs.rsp = STACK + 2048;
        user.regs.rdi = rdi;
        user.regs.rsi = STACK;
        assert_eq!(user.run(), Trap::Syscall);
        assert_eq!(user.regs.orig_rax, 3, "went to the kernel");
        let word = |at| stack.atomic_u64(at).load(Ordering::Relaxed);
        word(0) * 1_000_000_000 + word(8)
    };
    let before = time::now();
    let between = call("__vdso_clock_gettime", 1);
    assert!(
        (before..=time::now()).contains(&between),
        "{before} {between}"
    );
    let unix = call("__vdso_clock_gettime", 0);
    assert!(unix >= time::wall_offset() + before);
    ochre_hal::vdso::set_realtime_offset(7_000_000_000_000_000_000);
    assert!(call("__vdso_clock_gettime", 0) > 7_000_000_000_000_000_000);
    assert_eq!(call("__vdso_clock_getres", 1), 1);
    assert!(call("__vdso_getcpu", STACK + 64) < u64::MAX);
    assert_eq!(
        stack.atomic_u32(64).load(Ordering::Relaxed) as usize,
        cpu::id()
    );
    log!("vdso ok");
}

pub fn contexts() {
    const ROUNDS: usize = 1000;
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    fn other(_: usize) -> ! {
        loop {
            COUNT.fetch_add(1, Ordering::Relaxed);
            context::switch_to(&context::idle());
        }
    }
    let context = Context::new(other, 0).expect("memory");
    let nanos = shortest(|| {
        for _ in 0..ROUNDS {
            context::switch_to(&context);
        }
    });
    assert_eq!(COUNT.load(Ordering::Relaxed), 50 * ROUNDS);
    log!(
        "contexts ok; a switch takes {} ns",
        nanos / (2 * ROUNDS as u64)
    );
}
