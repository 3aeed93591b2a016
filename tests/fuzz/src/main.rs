//! Tries to bring a kernel down from user space.
//!
//! `fuzz --seed N [--calls N] [--workers N] [--length N]` makes half-valid system calls: lives, which
//! are processes of one to three threads and their children, each determined by the seed and its own
//! number. `--without CALL` leaves out a call by its number. `--life N` lives one of them alone and says each call: a fault's replay. Threads race, so
//! what a life finds may need several tries.
//!
//! `fuzz --bombs 1` throws each bomb instead, `fuzz --desktop 1` some of them on a desktop;
//! `fuzz --seed N --servers N` starts hostile servers.
//!
//! `fuzz --levels 1` asks a server that says in every order how ready its files are.
//!
//! `fuzz --lending 1` asks a server from a real-time thread while others compute.
//!
//! `fuzz --owners 1` waits for locks as a real-time thread while others compute.
//!
//! `fuzz --places 1` changes where processes may run, while they sleep, give way and fork.
//!
//! `fuzz --shortage N` has each allocation of a list of calls refused in turn, N times; the kernel
//! needs the boot option `fail-nth`.
//!
//! It runs as root, in a guest that has nothing to lose.

mod arena;
mod arguments;
mod bombs;
mod calls;
mod census;
mod clients;
mod elf;
mod flags;
mod lending;
mod levels;
mod objects;
mod owners;
mod places;
mod random;
mod record;
mod servers;
mod shortage;
mod structures;
mod supervisor;
mod sys;
mod worker;

use std::process::ExitCode;
use supervisor::Orders;
use worker::Plan;

const USAGE: &str = "fuzz --seed N [--calls N] [--workers N] [--length N] [--without CALL]... [--life N | --servers N] | --bombs 1 | --desktop 1 | --levels 1 | --lending 1 | --owners 1 | --places 1 | --shortage N";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut orders = Orders {
        plan: Plan {
            seed: 0,
            length: 1500,
            loud: false,
        },
        calls: 100_000,
        workers: 3,
    };
    let (mut seeded, mut life, mut bombs, mut desktop) = (false, None, false, false);
    let (mut levels, mut lending, mut owners, mut places) = (false, false, false, false);
    let (mut servers, mut shortage) = (None, None);
    while let Some(name) = arguments.next() {
        let Some(value) = arguments.next().and_then(|value| value.parse::<u64>().ok()) else {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        };
        match name.as_str() {
            "--seed" => (orders.plan.seed, seeded) = (value, true),
            "--calls" => orders.calls = value,
            "--workers" => orders.workers = value as usize,
            "--length" => orders.plan.length = value,
            "--without" => seeded &= calls::leave_out(value as usize),
            "--life" => life = Some(value),
            "--servers" => servers = Some(value),
            "--shortage" => (shortage, seeded) = (Some(value), true),
            "--past" => shortage::past(),
            "--levels" => (levels, seeded) = (value == 1, true),
            "--lending" => (lending, seeded) = (value == 1, true),
            "--owners" => (owners, seeded) = (value == 1, true),
            "--places" => (places, seeded) = (value == 1, true),
            "--bombs" => (bombs, seeded) = (value == 1, true),
            "--desktop" => (desktop, seeded) = (value == 1, true),
            _ => seeded = false,
        }
    }
    // Lives execute this program too, with arguments that ask for nothing.
    if !seeded {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let result = match (life, servers) {
        (Some(life), _) => {
            orders.plan.loud = true;
            supervisor::replay(orders.plan, life)
        }
        (None, Some(servers)) => servers::run(orders.plan.seed, servers),
        (None, None) if shortage.is_some() => shortage::run(shortage.unwrap_or(0)),
        (None, None) if levels => levels::run(),
        (None, None) if lending => lending::run(),
        (None, None) if owners => owners::run(),
        (None, None) if places => places::run(),
        (None, None) if bombs => bombs::run(),
        (None, None) if desktop => bombs::run_on_a_desktop(),
        (None, None) => supervisor::run(&orders),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
