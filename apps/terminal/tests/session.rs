//! A real shell behind a real pseudoterminal, and the window's pixels without a window.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ochre_raster::Rect;
use ochre_terminal::font::Fonts;
use ochre_terminal::frame::Frame;
use ochre_terminal::painter::Painter;
use ochre_terminal::palette::Palette;
use ochre_terminal::screen::{Screen, Size};
use ochre_terminal::session::{Output, Session};
use rustix::event::{PollFd, PollFlags, poll};

const SIZE: Size = Size {
    columns: 40,
    lines: 6,
    cell_width: 9,
    cell_height: 20,
};

fn palette() -> Palette {
    Palette::from(&ochre_theme::Store::at(Vec::new(), None).active_or_usual())
}

fn start(command: &[&str]) -> Session {
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_ochre-terminal"));
    Session::start(program, &command, SIZE).unwrap()
}

/// Feeds the screen until the command has ended or `enough` says so.
fn run(session: &mut Session, screen: &mut Screen, enough: impl Fn(&str) -> bool) {
    let mut buffer = [0; 4096];
    while !enough(&text(screen)) {
        match session.read(&mut buffer) {
            Output::Bytes(count) => {
                screen.feed(&buffer[..count]);
                let (answers, _) = screen.take_events(&palette());
                session.write(&answers);
            }
            Output::Pending => {
                poll(&mut [PollFd::new(session, PollFlags::IN)], None).unwrap();
            }
            Output::Closed => return,
        }
    }
}

fn text(screen: &Screen) -> String {
    let mut frame = Frame::default();
    frame.capture(screen, &palette(), true);
    let lines = frame.cells.chunks(frame.columns);
    let lines = lines.map(|cells| cells.iter().map(|cell| cell.character).collect::<String>());
    lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect::<String>()
}

#[test]
fn a_shell_has_its_terminal() {
    let mut screen = Screen::new(SIZE);
    let script = "stty size; tty >/dev/null && echo tty; [ $(ps -o sid= -p $$) -eq $$ ] && echo leads; echo $TERM";
    let mut session = start(&["/bin/sh", "-c", script]);
    run(&mut session, &mut screen, |_| false);
    assert_eq!(text(&screen), "6 40\ntty\nleads\nxterm-256color\n\n\n");
}

#[test]
fn what_is_typed_reaches_it() {
    let mut screen = Screen::new(SIZE);
    let mut session = start(&["/bin/sh", "-c", "read line; echo got $line; exec cat"]);
    session.write(b"hello\r");
    run(&mut session, &mut screen, |text| text.contains("got hello"));
    // The end of input, not an interrupt: whoever runs the tests may ignore those.
    session.write(b"bye\r\x04");
    run(&mut session, &mut screen, |_| false);
    assert!(text(&screen).contains("bye\nbye\n"), "{}", text(&screen));
}

#[test]
fn a_new_size_is_told() {
    let mut screen = Screen::new(SIZE);
    let script = "trap 'stty size; exit' WINCH; echo ready; while :; do read x; done";
    let mut session = start(&["/bin/sh", "-c", script]);
    run(&mut session, &mut screen, |text| text.contains("ready"));
    session
        .resize(Size {
            columns: 33,
            lines: 7,
            ..SIZE
        })
        .unwrap();
    run(&mut session, &mut screen, |_| false);
    assert!(text(&screen).contains("7 33"), "{}", text(&screen));
}

#[test]
fn closing_the_window_hangs_up() {
    let mut screen = Screen::new(SIZE);
    let mut session = start(&["/bin/sh", "-c", "echo $$; exec cat"]);
    run(&mut session, &mut screen, |text| {
        text.trim().parse::<u32>().is_ok()
    });
    let pid: i32 = text(&screen).trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    drop(session);
    // Readable once the process has ended; the runner's time limit catches one that does not.
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).unwrap();
}

#[test]
fn a_shell_heeds_interrupts_whoever_started_the_terminal() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let deaf = folder.join("deaf");
    let program = env!("CARGO_BIN_EXE_ochre-terminal");
    let script = format!("#!/bin/sh\ntrap '' INT QUIT TSTP\nexec {program} \"$@\"\n");
    std::fs::write(&deaf, script).unwrap();
    std::fs::set_permissions(&deaf, Permissions::from_mode(0o755)).unwrap();
    for signal in ["INT", "QUIT"] {
        let command = format!("echo alive; kill -{signal} $$; echo deaf");
        let command = ["/bin/sh", "-c", &command].map(OsString::from);
        let mut screen = Screen::new(SIZE);
        let mut session = Session::start(&deaf, &command, SIZE).unwrap();
        run(&mut session, &mut screen, |_| false);
        assert_eq!(text(&screen).trim(), "alive", "{signal}");
    }
}

#[test]
fn a_command_that_is_not_there_says_so() {
    let mut screen = Screen::new(SIZE);
    let mut session = start(&["/no/such/command"]);
    run(&mut session, &mut screen, |_| false);
    assert!(
        text(&screen).contains("/no/such/command: "),
        "{}",
        text(&screen)
    );
}

#[test]
fn only_changed_cells_are_drawn() {
    let mut fonts = Fonts::installed(15.0).unwrap();
    let metrics = fonts.metrics();
    let mut screen = Screen::new(SIZE);
    let mut painter = Painter::new();
    let mut frame = Frame::default();
    let palette = palette();
    assert!(painter.resize(380, 140, 8));
    let mut paint = |screen: &Screen, painter: &mut Painter| {
        frame.capture(screen, &palette, true);
        painter.paint(&mut frame, palette.background(), &mut fonts)
    };
    let cell = |column: i32, line: i32, columns: i32| {
        let (width, height) = (metrics.cell_width, metrics.cell_height);
        Rect::new(
            8 + column * width,
            8 + line * height,
            columns * width,
            height,
        )
    };

    screen.feed(b"one\r\ntwo");
    assert_eq!(paint(&screen, &mut painter), [Rect::new(0, 0, 380, 140)]);
    assert_eq!(paint(&screen, &mut painter), [], "nothing has changed");
    screen.feed(b"x");
    assert_eq!(
        paint(&screen, &mut painter),
        [cell(3, 1, 2)],
        "the letter and the cursor"
    );
    screen.feed(b"\r\n\r\n\r\n\r\n\r\n");
    paint(&screen, &mut painter);

    // However it came about, a screen has one look.
    let mut other = Painter::new();
    other.resize(380, 140, 8);
    paint(&screen, &mut other);
    assert_eq!(painter.pixels(), other.pixels());
}
