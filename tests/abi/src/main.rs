//! What a kernel answers, call by call, one line a check: `what was done: what came of it`. The
//! same program runs on Linux and on Ochre, and must print the same. `abi FAMILY` runs one family of
//! checks in the working directory, which is empty; `abi` alone lists the families.

mod aio;
mod busy;
mod child;
mod clocks;
mod core_dumps;
mod counts;
mod credentials;
mod directories;
mod events;
mod file_capabilities;
mod files;
mod filesystems;
mod futex_owners;
mod futexes;
mod inet;
mod inspection;
mod kernel_log;
mod landlock;
mod large_pages;
mod leases;
mod links;
mod locks;
mod memory;
mod mounts;
mod mqueue;
mod netlink;
mod pipes;
mod polling;
mod proc_files;
mod processes;
mod scheduling;
mod seccomp;
mod sigio;
mod signals;
mod sockets;
mod supervision;
mod sys;
mod sysv;
mod terminals;
mod threads;
mod timers;
mod tracing;
mod transfers;
mod uevents;
mod user_dispatch;

use std::process::ExitCode;

type Family = (&'static str, fn());

const FAMILIES: [Family; 43] = [
    ("aio", aio::run),
    ("busy", busy::run),
    ("clocks", clocks::run),
    ("core_dumps", core_dumps::run),
    ("counts", counts::run),
    ("credentials", credentials::run),
    ("directories", directories::run),
    ("events", events::run),
    ("file_capabilities", file_capabilities::run),
    ("files", files::run),
    ("filesystems", filesystems::run),
    ("futex_owners", futex_owners::run),
    ("futexes", futexes::run),
    ("inet", inet::run),
    ("inspection", inspection::run),
    ("kernel_log", kernel_log::run),
    ("landlock", landlock::run),
    ("large_pages", large_pages::run),
    ("leases", leases::run),
    ("links", links::run),
    ("locks", locks::run),
    ("memory", memory::run),
    ("mounts", mounts::run),
    ("mqueue", mqueue::run),
    ("netlink", netlink::run),
    ("pipes", pipes::run),
    ("polling", polling::run),
    ("proc_files", proc_files::run),
    ("processes", processes::run),
    ("scheduling", scheduling::run),
    ("seccomp", seccomp::run),
    ("sigio", sigio::run),
    ("signals", signals::run),
    ("sockets", sockets::run),
    ("supervision", supervision::run),
    ("sysv", sysv::run),
    ("terminals", terminals::run),
    ("threads", threads::run),
    ("timers", timers::run),
    ("tracing", tracing::run),
    ("transfers", transfers::run),
    ("uevents", uevents::run),
    ("user_dispatch", user_dispatch::run),
];

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in FAMILIES {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    // What checks execute: an ending with a status.
    if let Some(status) = wanted.strip_prefix("--exit=") {
        return status
            .parse::<u8>()
            .map_or(ExitCode::FAILURE, ExitCode::from);
    }
    // Says as whom it runs.
    if wanted == "--who" {
        show!("runs as", credentials::who());
        return ExitCode::SUCCESS;
    }
    // Says what it may do.
    if wanted == "--may" {
        show!("may", file_capabilities::may());
        return ExitCode::SUCCESS;
    }
    // Asks for a barrier that nobody registered for.
    if wanted == "--barrier" {
        let asked = sys!(SYS_membarrier, 8, 0, 0);
        return ExitCode::from(u8::from(asked.failed()));
    }
    // Runs until its input ends.
    if wanted == "--wait" {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        return ExitCode::SUCCESS;
    }
    match FAMILIES.iter().find(|(name, _)| *name == wanted) {
        Some((_, run)) => {
            run();
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}
