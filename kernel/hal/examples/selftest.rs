//! The hal's tests, run on the machine itself (`qemu -kernel`): user mode, faults, user-memory
//! access, contexts, several CPUs. Ends QEMU by its debug exit: status 33 when all passed.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::arch::global_asm;
    use core::fmt;
    use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    use ochre_hal::boot::BootInfo;
    use ochre_hal::context::{self, Context};
    use ochre_hal::frame::{self, Eagerness, Frame};
    use ochre_hal::irq::Vector;
    use ochre_hal::paging::{PageTable, Perms};
    use ochre_hal::sync::SpinLock;
    use ochre_hal::upcalls::KernelUpcalls;
    use ochre_hal::user::{Trap, UserContext};
    use ochre_hal::{HUGE_SIZE, PAGE_SIZE, cpu, log, time, uaccess};

    pub struct Kernel;

    static TIMER_FIRED: AtomicU64 = AtomicU64::new(0);
    static FAULT_FRAME: SpinLock<Option<Arc<SpinLock<PageTable>>>> = SpinLock::new(10, None);
    static KICKS: AtomicUsize = AtomicUsize::new(0);

    impl KernelUpcalls for Kernel {
        fn main(boot: &'static BootInfo) -> ! {
            run(boot);
            log!("selftest: all passed");
            cpu::debug_exit(0x10);
            cpu::halt()
        }

        fn secondary() -> ! {
            secondary()
        }

        fn page_fault(addr: usize, _write: bool) -> bool {
            let table = FAULT_FRAME.lock().clone();
            let Some(table) = table else { return false };
            let frame = Frame::alloc_zeroed().expect("memory");
            table
                .lock()
                .map(addr & !0xfff, frame, Perms::READ | Perms::WRITE)
                .expect("memory");
            true
        }

        fn timer(_kernel: bool) {
            TIMER_FIRED.fetch_add(1, Ordering::SeqCst);
        }

        fn interrupt(_: Vector) {}

        fn kick() {
            KICKS.fetch_add(1, Ordering::SeqCst);
        }

        fn serial(_: usize) {}

        fn describe_current(out: &mut dyn fmt::Write) {
            let _ = out.write_str("in the self-test\n");
        }
    }

    global_asm!(
        r#"
        .section .rodata
        .globl selftest_calls, selftest_spin, selftest_fault, selftest_fpu, selftest_vdso, selftest_end
        selftest_calls:
            mov eax, 39
            syscall
            dec rbx
            jnz selftest_calls
            mov eax, 60
            syscall
        selftest_spin:
            inc rbx
            jmp selftest_spin
        selftest_fault:
            mov rax, [rdi]
            mov [rdi], rbx
            hlt
        selftest_fpu:
            movq xmm3, rbx
            mov eax, 1
            syscall
            movq rbx, xmm3
            mov eax, 2
            syscall
        selftest_vdso:
            call rbx
            mov eax, 3
            syscall
        selftest_end:
        "#
    );

    unsafe extern "C" {
        static selftest_calls: u8;
        static selftest_spin: u8;
        static selftest_fault: u8;
        static selftest_fpu: u8;
        static selftest_vdso: u8;
        static selftest_end: u8;
    }

    const CODE: usize = 0x40_0000;

    fn code(symbol: *const u8) -> usize {
        CODE + (symbol.addr() - (&raw const selftest_calls).addr())
    }

    /// A space with the test code.
    fn space() -> PageTable {
        let mut table = PageTable::new().expect("memory");
        let frame = Frame::alloc_zeroed().expect("memory");
        let start = &raw const selftest_calls;
        let len = (&raw const selftest_end).addr() - start.addr();
        // SAFETY: the assembly above, up to its end.
        frame.write(0, unsafe { core::slice::from_raw_parts(start, len) });
        table
            .map(CODE, frame, Perms::READ | Perms::EXEC)
            .expect("memory");
        table
    }

    fn user(rip: usize) -> UserContext {
        let mut user = UserContext::new().expect("memory");
        user.regs.rip = rip;
        user
    }

    fn run(boot: &'static BootInfo) {
        log!(
            "selftest on {} ({} CPUs), {} MiB",
            cpu::brand(),
            cpu::count(),
            boot.memory_bytes >> 20
        );
        log!("features {:?}", cpu::features());
        log!(
            "tsc {} kHz, wall {}",
            time::tsc_khz(),
            time::wall_offset() / 1_000_000_000
        );
        log!("frames {:?}", frame::stats());
        memory_functions();
        heap();
        frames();
        system_calls();
        faults();
        huge_pages();
        broken_huge_pages();
        user_access();
        fpu();
        timer();
        vdso();
        contexts();
        if cpu::count() > 1 {
            shootdowns();
            ping_pong();
        }
        if let Some(archive) = boot.take_archive() {
            let mut start = [0; 6];
            archive.read(0, &mut start);
            log!(
                "archive of {} bytes starts {:?}",
                archive.len(),
                core::str::from_utf8(&start)
            );
        }
        assert!(
            time::wall_offset() > 1_600_000_000_000_000_000,
            "CMOS clock"
        );
    }

    /// memcpy and its fellows, at all small lengths and distances, against loops over bytes.
    fn memory_functions() {
        let pattern = |i: usize| (i * 7 + i / 32) as u8;
        for len in (0..80).chain([255, 256, 257, 1000]) {
            for distance in [0, 1, 3, 7, 8, 9, 15, 16, 31, 40, 100] {
                for up in [false, true] {
                    let mut bytes: Vec<u8> = (0..len + distance + 2).map(pattern).collect();
                    let mut expected = bytes.clone();
                    let (from, to) = if up {
                        (1, 1 + distance)
                    } else {
                        (1 + distance, 1)
                    };
                    for i in 0..len {
                        expected[to + i] = pattern(from + i);
                    }
                    bytes.copy_within(from..from + len, to);
                    assert!(bytes == expected, "memmove {len} {distance} {up}");
                    if distance >= len {
                        let (low, high) = expected.split_at_mut(1 + distance);
                        low[1..1 + len].fill(9);
                        high[..len].copy_from_slice(&low[1..1 + len]);
                        assert!(high[..len].iter().all(|&b| b == 9));
                    }
                }
            }
            let one: Vec<u8> = (0..len).map(pattern).collect();
            for at in 0..len {
                let mut other = one.clone();
                other[at] = other[at].wrapping_add(1);
                assert_eq!(
                    one.cmp(&other),
                    one[at].cmp(&other[at]),
                    "memcmp {len} {at}"
                );
                assert!(one != other);
                other[at] = one[at];
                assert!(one == other);
            }
        }
        log!("memory functions ok");
    }

    fn heap() {
        let mut all = Vec::new();
        for size in [1, 15, 16, 17, 100, 1000, 2047, 2049, 5000, 100_000, 3 << 20] {
            let mut v: Vec<u8> = Vec::new();
            v.resize(size, size as u8);
            all.push(v);
        }
        for v in &all {
            assert!(v.iter().all(|&b| b == v.len() as u8));
        }
        log!("heap ok");
    }

    fn frames() {
        let before = frame::stats().free;
        let mut held = Vec::new();
        for _ in 0..1000 {
            held.push(Frame::alloc_zeroed().expect("memory"));
        }
        assert!(frame::stats().free + 1000 <= before);
        let copy = held[5].clone();
        assert!(!copy.is_unique());
        held.clear();
        assert!(copy.is_unique());
        let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
        let copy_of_part = Frame::alloc().expect("memory");
        huge.atomic_u32(7 * PAGE_SIZE + 8)
            .store(77, Ordering::Relaxed);
        copy_of_part.copy_from(&huge, 7 * PAGE_SIZE);
        assert_eq!(copy_of_part.atomic_u32(8).load(Ordering::Relaxed), 77);
        drop((huge, copy_of_part));
        drop(copy);
        let dma = frame::alloc_contiguous(5, None).expect("memory");
        for pair in dma.windows(2) {
            assert_eq!(pair[0].addr().0 + 4096, pair[1].addr().0);
        }
        drop(dma);
        let after = frame::stats().free;
        assert!(before.abs_diff(after) <= 8, "frames leak: {before} {after}");
        let nanos = shortest(|| {
            for _ in 0..100 {
                drop(Frame::alloc_zeroed());
            }
        });
        log!("frames ok; a zeroed frame takes {} ns", nanos / 100);
    }

    /// The shortest of many runs, as the host may have other things to do.
    fn shortest(mut run: impl FnMut()) -> u64 {
        let time = |_| {
            let start = time::now();
            run();
            time::now() - start
        };
        (0..50).map(time).min().expect("fifty runs")
    }

    fn system_calls() {
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

    fn faults() {
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

    fn huge_pages() {
        let mut table = space();
        table.activate();
        let at = 0x4000_0000;
        assert!(table.can_map_huge(at));
        let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
        table
            .map(at, huge.clone(), Perms::READ | Perms::WRITE)
            .expect("memory");
        uaccess::store_u64(at + 5 * PAGE_SIZE, 55).expect("mapped");
        let mut child = PageTable::new().expect("memory");
        table
            .fork_into(&mut child, at..at + HUGE_SIZE, true)
            .expect("memory");
        table.finish_fork();
        assert_eq!(table.get(at).expect("mapped").perms, Perms::READ);
        let small = Frame::alloc_zeroed().expect("memory");
        table
            .replace(at + 5 * PAGE_SIZE, small, Perms::READ | Perms::WRITE)
            .expect("memory");
        assert_eq!(uaccess::load_u64(at + 5 * PAGE_SIZE), Ok(0));
        assert_eq!(
            table.get(at + 6 * PAGE_SIZE).expect("mapped").size,
            PAGE_SIZE
        );
        table
            .move_range(at, at + 2 * HUGE_SIZE, HUGE_SIZE)
            .expect("memory");
        assert!(table.get(at).is_none());
        assert_eq!(
            table
                .get(at + 2 * HUGE_SIZE + 6 * PAGE_SIZE)
                .expect("mapped")
                .perms,
            Perms::READ
        );
        table.unmap(at..at + 4 * HUGE_SIZE);
        assert!(table.can_map_huge(at));
        let again = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
        table.map(at, again, Perms::READ).expect("memory");
        drop(table);
        assert_eq!(huge.atomic_u64(5 * PAGE_SIZE).load(Ordering::Relaxed), 55);
        assert!(!huge.is_unique());
        drop(child);
        assert!(huge.is_unique());
        log!("huge pages ok");
    }

    /// What is unmapped of a huge page is free at once, and what one space is left with is its own.
    fn broken_huge_pages() {
        let half = HUGE_SIZE / 2;
        let mut table = space();
        table.activate();
        let (at, rights) = (0x4000_0000, Perms::READ | Perms::WRITE);
        let huge = Frame::alloc_huge_zeroed(Eagerness::Always).expect("memory");
        table.map(at, huge, rights).expect("memory");
        let free = || frame::stats().free;
        let whole = free();
        table.unmap(at..at + half);
        assert!(free() >= whole + half / PAGE_SIZE);
        let mut child = PageTable::new().expect("memory");
        table
            .fork_into(&mut child, at..at + HUGE_SIZE, true)
            .expect("memory");
        table.finish_fork();
        let is_unique = |table: &mut PageTable| {
            let mut unique = false;
            table.protect_with(at + half..at + half + PAGE_SIZE, |frame, perms| {
                unique = frame.is_some_and(Frame::is_unique);
                perms
            });
            unique
        };
        assert!(!is_unique(&mut table));
        drop(child);
        assert!(is_unique(&mut table));
        table.unmap(at + half..at + HUGE_SIZE);
        assert!(free() >= whole + HUGE_SIZE / PAGE_SIZE);
        log!("broken huge pages ok");
    }

    fn user_access() {
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

    fn fpu() {
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

    fn timer() {
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
        let word = |at: usize| {
            u64::from_le_bytes(page[at..at + 8].try_into().expect("eight bytes")) as usize
        };
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

    fn vdso() {
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

    fn contexts() {
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

    /// What the other CPUs do.
    static JOB: AtomicUsize = AtomicUsize::new(0);
    static SHARED: SpinLock<Option<PageTable>> = SpinLock::new(30, None);
    static BUSY: AtomicUsize = AtomicUsize::new(0);
    static TURN: AtomicUsize = AtomicUsize::new(0);

    fn secondary() -> ! {
        loop {
            match JOB.load(Ordering::SeqCst) {
                1 => {
                    // User code that spins in the shared space until it faults or is kicked.
                    if let Some(table) = SHARED.lock().as_ref() {
                        table.activate();
                    }
                    let mut user = user(code(&raw const selftest_fault));
                    user.regs.rdi = 0x70_0000;
                    BUSY.fetch_add(1, Ordering::SeqCst);
                    while JOB.load(Ordering::SeqCst) == 1 {
                        user.regs.rip = code(&raw const selftest_fault);
                        let _ = user.run();
                        let _ = uaccess::load_u64(0x70_0000);
                        cpu::relax();
                    }
                    ochre_hal::paging::deactivate();
                    BUSY.fetch_sub(1, Ordering::SeqCst);
                }
                2 if cpu::id() == 1 => {
                    let seen = TURN.load(Ordering::SeqCst);
                    if seen % 2 == 1 {
                        TURN.store(seen + 1, Ordering::SeqCst);
                        cpu::kick(0);
                    } else {
                        cpu::idle_wait();
                    }
                }
                _ => cpu::idle_wait(),
            }
        }
    }

    fn shootdowns() {
        const ROUNDS: u64 = 300;
        *SHARED.lock() = Some(space());
        JOB.store(1, Ordering::SeqCst);
        for cpu in 1..cpu::count() {
            cpu::kick(cpu);
        }
        while BUSY.load(Ordering::SeqCst) < cpu::count() - 1 {
            cpu::relax();
        }
        let start = time::now();
        for round in 0..ROUNDS {
            let frame = Frame::alloc_zeroed().expect("memory");
            frame.atomic_u64(0).store(round, Ordering::Relaxed);
            let mut shared = SHARED.lock();
            let table = shared.as_mut().expect("set");
            table
                .map(0x70_0000, frame.clone(), Perms::READ | Perms::WRITE)
                .expect("memory");
            table.protect(0x70_0000..0x70_1000, Perms::READ);
            table.unmap(0x70_0000..0x70_1000);
            assert!(frame.is_unique());
        }
        let each = (time::now() - start) / ROUNDS / 2;
        JOB.store(0, Ordering::SeqCst);
        // Drops the space while the others may still be in it.
        *SHARED.lock() = None;
        while BUSY.load(Ordering::SeqCst) > 0 {
            cpu::relax();
        }
        log!("shootdowns ok; one takes {each} ns");
    }

    fn ping_pong() {
        const ROUNDS: usize = 500;
        JOB.store(2, Ordering::SeqCst);
        cpu::kick(1);
        let start = time::now();
        for _ in 0..ROUNDS {
            let turn = TURN.fetch_add(1, Ordering::SeqCst) + 1;
            cpu::kick(1);
            while TURN.load(Ordering::SeqCst) == turn {
                cpu::idle_wait();
            }
        }
        JOB.store(0, Ordering::SeqCst);
        assert!(KICKS.load(Ordering::SeqCst) >= ROUNDS);
        log!(
            "ping-pong ok; a round takes {} ns",
            (time::now() - start) / ROUNDS as u64
        );
    }
}

#[cfg(target_os = "none")]
ochre_hal::entry!(tests::Kernel);
