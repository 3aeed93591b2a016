//! Several CPUs: TLBs that are told, and interrupts between them.

use crate::code::{code, selftest_fault, space, user};
use crate::kernel::KICKS;
use core::sync::atomic::{AtomicUsize, Ordering};
use ochre_hal::frame::Frame;
use ochre_hal::paging::{PageTable, Perms};
use ochre_hal::sync::SpinLock;
use ochre_hal::{cpu, log, time, uaccess};

/// What the other CPUs do.
static JOB: AtomicUsize = AtomicUsize::new(0);
static SHARED: SpinLock<Option<PageTable>> = SpinLock::new(30, None);
static BUSY: AtomicUsize = AtomicUsize::new(0);
static TURN: AtomicUsize = AtomicUsize::new(0);

pub fn secondary() -> ! {
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

pub fn shootdowns() {
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

pub fn ping_pong() {
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
