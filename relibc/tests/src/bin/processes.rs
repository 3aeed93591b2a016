//! Commands, pipes, statuses, signals, the environment; fork and exec by C.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

extern "C" fn nothing(_: libc::c_int) {}

fn main() {
    let mut arguments = std::env::args();
    if arguments.len() > 1 {
        println!("child {:?}", arguments.nth(1));
        std::process::exit(7);
    }
    let output = Command::new("sh")
        .args(["-c", "echo out; echo err >&2; exit 3"])
        .output();
    println!("{output:?}");
    let mut cat = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    cat.stdin.take().unwrap().write_all(b"through cat").unwrap();
    let mut text = String::new();
    cat.stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    println!("{text} {:?}", cat.wait().unwrap());
    println!("{:?}", Command::new("/does/not/exist").spawn().map(|_| ()));
    println!("{:?}", Command::new("not-in-path").spawn().map(|_| ()));
    println!("{:?}", Command::new("/etc").spawn().map(|_| ()));

    let mut sleeper = Command::new("sleep").arg("100").spawn().unwrap();
    println!("{:?}", sleeper.try_wait().unwrap());
    sleeper.kill().unwrap();
    println!("signal {:?}", sleeper.wait().unwrap().signal());

    let output = Command::new("sh")
        .arg("-c")
        .arg("echo $ADDED $REMOVED; pwd")
        .env_clear()
        .env("ADDED", "yes")
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/usr")
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let mut masked = Command::new("sh");
    masked.args(["-c", "exit $(umask | tail -c 2)"]);
    // SAFETY: the closure makes one call that is safe between fork and exec.
    unsafe {
        masked.pre_exec(|| {
            libc::umask(0o005);
            Ok(())
        })
    };
    let status = masked.status();
    println!("umask {status:?}");
    let status = Command::new("sh")
        .args(["-c", "kill -TERM $$"])
        .process_group(0)
        .status()
        .unwrap();
    println!("{status:?} {:?}", status.signal());
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("argument")
        .output()
        .unwrap();
    println!(
        "{:?} {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout)
    );

    // SAFETY: this thread is the only one.
    unsafe {
        std::env::set_var("KEY", "1");
        std::env::set_var("KEY", "a longer value");
        println!("{:?}", std::env::var("KEY"));
        std::env::remove_var("KEY");
        println!("{:?}", std::env::var("KEY"));
        for n in 0..100 {
            std::env::set_var(format!("MANY{n}"), n.to_string());
        }
        println!(
            "{}",
            std::env::vars()
                .filter(|(key, _)| key.starts_with("MANY"))
                .count()
        );
    }

    // A handler of the parent must not reach the child; blocked and ignored signals do.
    // SAFETY: a handler that does nothing, calls of C with valid arguments.
    unsafe {
        libc::signal(libc::SIGUSR1, nothing as *const () as usize);
        let status = Command::new("sh")
            .args(["-c", "kill -USR1 $$; exit 5"])
            .status()
            .unwrap();
        println!("{:?}", status.signal());
        let pid = libc::fork();
        if pid == 0 {
            let child = Command::new("true").status().unwrap();
            libc::_exit(20 + child.code().unwrap_or(99));
        }
        let mut status = 0;
        libc::waitpid(pid, &raw mut status, 0);
        println!("forked {}", libc::WEXITSTATUS(status));
        println!(
            "system {}",
            libc::WEXITSTATUS(libc::system(c"exit 4".as_ptr()))
        );
        println!("no child {}", libc::waitpid(-1, &raw mut status, 0));
    }
    for n in 0..40 {
        assert_eq!(
            Command::new("true").status().unwrap().code(),
            Some(0),
            "{n}"
        );
    }
    let threads: Vec<_> = (0..8)
        .map(|n| {
            std::thread::spawn(move || {
                Command::new("sh")
                    .args(["-c", &format!("exit {n}")])
                    .status()
                    .unwrap()
                    .code()
            })
        })
        .collect();
    println!(
        "{:?}",
        threads
            .into_iter()
            .map(|t| t.join().unwrap())
            .collect::<Vec<_>>()
    );
}
