//! What the hal calls, and the order of the tests.

use crate::{memory, processors, user};
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use ochre_hal::boot::BootInfo;
use ochre_hal::frame::{self, Frame};
use ochre_hal::irq::Vector;
use ochre_hal::paging::{PageTable, Perms};
use ochre_hal::sync::SpinLock;
use ochre_hal::upcalls::KernelUpcalls;
use ochre_hal::{cpu, log, time};

pub struct Kernel;

pub static TIMER_FIRED: AtomicU64 = AtomicU64::new(0);
pub static FAULT_FRAME: SpinLock<Option<Arc<SpinLock<PageTable>>>> = SpinLock::new(10, None);
pub static KICKS: AtomicUsize = AtomicUsize::new(0);

impl KernelUpcalls for Kernel {
    fn main(boot: &'static BootInfo) -> ! {
        run(boot);
        log!("selftest: all passed");
        cpu::debug_exit(0x10);
        cpu::halt()
    }

    fn secondary() -> ! {
        processors::secondary()
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
    memory::memory_functions();
    memory::heap();
    memory::frames();
    user::system_calls();
    user::faults();
    memory::huge_pages();
    memory::broken_huge_pages();
    memory::forked_in_pieces();
    memory::detached();
    user::user_access();
    user::fpu();
    user::timer();
    user::vdso();
    user::contexts();
    if cpu::count() > 1 {
        processors::shootdowns();
        processors::ping_pong();
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
