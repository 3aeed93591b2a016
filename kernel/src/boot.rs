//! From the hal's `main` to process 1, and where the hal's calls upwards go.

use crate::errno::Result;
use crate::fs::access::Identity;
use crate::fs::context::{FsContext, FsView};
use crate::fs::fd_table::FdTable;
use crate::fs::namespace::Namespace;
use crate::fs::node::OpenFlags;
use crate::fs::opening::open_place;
use crate::fs::path::Resolve;
use crate::mm::fault;
use crate::mm::space::AddressSpace;
use crate::sched::cpu;
use crate::task::credentials::Credentials;
use crate::task::exec::{self, Strings};
use crate::task::holdings::Shared;
use crate::task::limits::{Limits, MAX_FILES};
use crate::task::process::{Parts, Process, Program};
use crate::task::session;
use crate::task::signal::action::Actions;
use crate::task::signal::{SIGCHLD, SignalSet};
use crate::task::thread::Thread;
use crate::task::{exit, tree};
use crate::{fs, ipc, scheme, time};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use ochre_hal::USER_END;
use ochre_hal::boot::BootInfo;
use ochre_hal::irq::Vector;
use ochre_hal::upcalls::KernelUpcalls;
use ochre_hal::user::UserContext;

pub struct Kernel;

/// Where process 1's program is looked for when the command line does not say.
const INIT_NAMES: [&str; 4] = ["/ochre/bin/init", "/init", "/sbin/init", "/bin/init"];

impl KernelUpcalls for Kernel {
    fn main(boot: &'static BootInfo) -> ! {
        time::init();
        if let Some(framebuffer) = boot.framebuffer {
            scheme::framebuffer::init(framebuffer);
        }
        let archive = boot.take_archive();
        if archive.is_none() {
            panic!("no boot archive: the loader passed no module to start from");
        }
        let namespace = match fs::boot::root(archive.as_ref()) {
            Ok(namespace) => namespace,
            Err(error) => panic!("the boot archive can't be unpacked: {error}"),
        };
        drop(archive);
        if let Err(error) = start_init(boot, &namespace) {
            panic!("process 1 can't be started: {error:?}");
        }
        cpu::idle_loop()
    }

    fn secondary() -> ! {
        cpu::idle_loop()
    }

    fn page_fault(addr: usize, write: bool) -> bool {
        fault::from_kernel(addr, write)
    }

    fn timer(kernel: bool) {
        cpu::timer_interrupt(kernel);
    }

    fn interrupt(vector: Vector) {
        scheme::interrupt::raise(vector);
    }

    fn kick() {
        cpu::kick_interrupt();
    }

    fn serial(port: usize) {
        ipc::tty::interrupt(port);
    }

    fn refuse_memory() -> bool {
        cpu::refuses_memory()
    }

    fn describe_current(out: &mut dyn fmt::Write) {
        if let Some((process, thread, name)) = cpu::describe_current() {
            let name = core::str::from_utf8(&name)
                .unwrap_or("?")
                .trim_end_matches('\0');
            // Nowhere to report a failure of the report.
            let _ = writeln!(out, "process {process}, thread {thread} ({name})");
        }
    }
}

/// Words of the command line behind `--`, for process 1.
fn init_arguments(boot: &BootInfo) -> impl Iterator<Item = &'static str> {
    boot.cmdline
        .split_ascii_whitespace()
        .skip_while(|&word| word != "--")
        .skip(1)
}

fn start_init(boot: &'static BootInfo, namespace: &Arc<Namespace>) -> Result {
    let fs = Arc::new(FsContext::new(namespace.clone()));
    let view = fs.view();
    let kernel = Identity::kernel();
    let name = match boot.option("init") {
        Some(name) if !name.is_empty() => name,
        _ => INIT_NAMES
            .into_iter()
            .find(|name| {
                view.lookup(&kernel, name.as_bytes(), Resolve::FOLLOW)
                    .is_ok()
            })
            .unwrap_or_else(|| panic!("no init in the boot archive (looked for {INIT_NAMES:?})")),
    };
    let mut args = Strings::new();
    args.push_back(name.as_bytes().to_vec());
    args.extend(init_arguments(boot).map(|word| word.as_bytes().to_vec()));
    let mut env = Strings::new();
    for variable in [
        "HOME=/",
        "TERM=linux",
        "PATH=/ochre/bin:/usr/local/bin:/usr/bin:/bin",
    ] {
        env.push_back(variable.as_bytes().to_vec());
    }
    let request = exec::calls::first_request(&view, args, env)?;

    let pid = tree::allocate()?;
    debug_assert_eq!(pid, exit::INIT);
    let shared = Shared {
        files: Arc::new(open_console(&view)?),
        fs,
        credentials: Arc::new(Credentials::root()),
    };
    let process = Process::new(
        pid,
        Parts {
            // Stands in until the program's own is built, which needs a running thread.
            space: AddressSpace::new(USER_END)?,
            credentials: shared.credentials.clone(),
            limits: Limits::initial(),
            actions: Actions::new(),
            program: Program { path: None },
            exit_signal: SIGCHLD as i32,
        },
    );
    let thread = Thread::new(
        pid,
        process.clone(),
        shared,
        None,
        UserContext::new()?,
        SignalSet::EMPTY,
    )?;
    thread.set_prelude(Box::new(move |thread, user| {
        exec::execute(thread, user, request, &mut exec::calls::opener(view))
    }));
    process.add_first_thread(thread.clone());
    tree::add_process(&process, 0);
    tree::add_thread(&thread);
    // Process 1 leads its own session, so that it can give a console to a shell.
    session::lead(pid)?;
    thread.start();
    Ok(())
}

/// Standard input, output and error on the console.
fn open_console(view: &FsView) -> Result<FdTable> {
    let files = FdTable::new();
    let kernel = Identity::kernel();
    let place = view.lookup(&kernel, b"/dev/console", Resolve::FOLLOW)?;
    let console = open_place(&kernel, place, OpenFlags::READ_WRITE | OpenFlags::NO_CTTY)?;
    for _ in 0..3 {
        files.insert(console.clone(), false, MAX_FILES)?;
    }
    Ok(files)
}
