//! `svc`: shows and controls the units that init supervises. Called `poweroff` or `reboot` (links to
//! it), it does that.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

const SOCKET: &str = "/run/init.sock";
const HELP: &str = "\
svc: show and control Ochre's units

Usage: svc status            every unit: its state, restarts and mounts
       svc log NAME          what the unit printed lately
       svc restart NAME      end it and start it again
       svc stop NAME         end it for good
       svc start NAME        start it again
       svc poweroff          end everything, and switch the machine off
       svc reboot            end everything, and start the machine anew

NAME is a unit, or one instance of it (`virtio-input@00:03.0`).";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().collect();
    let called = arguments.remove(0);
    let called = called.rsplit('/').next().unwrap_or_default();
    if called != "svc" && arguments.is_empty() {
        arguments.push(called.to_owned());
    }
    if arguments.is_empty() || arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match ask(&arguments.join(" ")) {
        Ok(reply) if reply.starts_with("error: ") => {
            eprint!("svc: {reply}");
            ExitCode::FAILURE
        }
        Ok(reply) => match std::io::stdout().write_all(reply.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // Nobody reads on: nothing that anybody wants to hear of.
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            eprintln!("svc: cannot reach init at {SOCKET}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(line: &str) -> std::io::Result<String> {
    let mut socket = UnixStream::connect(SOCKET)?;
    writeln!(socket, "{line}")?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    Ok(reply)
}
