//! Tools without a window of their own: they tell of the desktop, or lie over it.

use super::session::{Display, Session};
use super::{WRITTEN, difference};
use crate::paths;
use crate::picture::{Area, Picture};
use crate::process;
use anyhow::{Result, ensure};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

type Tool = fn(&mut Session) -> Result<()>;

pub const TOOLS: [(&str, Tool); 10] = [
    ("wayland-info", wayland_info),
    ("grim", grim),
    ("wl-copy", wl_copy),
    ("wlr-randr", wlr_randr),
    ("swayidle", swayidle),
    ("waybar", waybar),
    ("fuzzel", fuzzel),
    ("wofi", wofi),
    ("swaylock", swaylock),
    ("swaylock killed", swaylock_killed),
];

/// What clients of all kinds need.
const PROTOCOLS: [&str; 12] = [
    "ext_idle_notifier_v1",
    "ext_session_lock_manager_v1",
    "wl_compositor",
    "wl_data_device_manager",
    "wl_output",
    "wl_seat",
    "wl_shm",
    "xdg_wm_base",
    "zwlr_data_control_manager_v1",
    "zwlr_layer_shell_v1",
    "zwlr_output_manager_v1",
    "zwlr_screencopy_manager_v1",
];
/// Colours of a panel or a list that shows anything.
const COLOURS: usize = 6;
/// How wide is what has changed where such a thing opened.
const OPENED: usize = 200;
/// The lock's colour.
const LOCKED: [u8; 3] = [0x20, 0x40, 0x60];
/// How long what must not happen is waited for.
const NEVER: Duration = Duration::from_secs(3);

fn wayland_info(session: &mut Session) -> Result<()> {
    let text = session.text("wayland-info")?;
    let globals = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("interface: '")?;
        rest.split_once('\'').map(|(name, _)| name)
    });
    let globals: Vec<&str> = globals.collect();
    for protocol in PROTOCOLS {
        ensure!(
            globals.contains(&protocol),
            "{protocol} is missing: {globals:?}"
        );
    }
    process::say(format_args!("   wayland-info: {}", globals.join(" ")));
    Ok(())
}

/// Its picture is the screen's, to the pixel.
fn grim(session: &mut Session) -> Result<()> {
    let file = paths::target().join("test-programs").join("screen.ppm");
    // The panel's clock may go on in between.
    session.wait("the same picture", |session| {
        let sum = session.text("grim -t ppm - | cksum")?;
        session.desktop.look()?.save(&file)?;
        let ours = process::output(Command::new("cksum").arg(&file))?;
        Ok(ours.starts_with(&sum).then_some(()))
    })
}

fn wl_copy(session: &mut Session) -> Result<()> {
    for (words, text) in [("", "clipboard"), ("-p", "primary")] {
        session.succeed(&format!("wl-copy {words} 'of the {text}, é€'"))?;
        let pasted = session.text(&format!("wl-paste -n {words}"))?;
        ensure!(pasted == format!("of the {text}, é€"), "{pasted:?}");
    }
    session.succeed("wl-copy -t image/png </root/picture.png")?;
    session.succeed("wl-paste -t image/png | cmp - /root/picture.png")?;
    let types = session.text("wl-paste -l")?;
    ensure!(types == "image/png", "{types:?}");
    session.succeed("wl-copy -c")
}

fn wlr_randr(session: &mut Session) -> Result<()> {
    let before = session.output()?;
    let name = &before.name;
    let listed = session.text("wlr-randr")?;
    ensure!(listed.starts_with(name.as_str()), "{listed}");
    let [_, _, width, height] = before.rect;
    let mut change = |words: &str, test: &dyn Fn(&Display) -> bool| -> Result<()> {
        session.succeed(&format!("wlr-randr --output {name} {words}"))?;
        let now = session.output()?;
        ensure!(test(&now), "after {words}: {now:?}");
        // The picture follows.
        session
            .desktop
            .until("a desktop", |now| now.is_rich(32).then_some(()))
    };
    change("--scale 1.5", &|now| {
        now.scale == 1.5 && (now.rect[2] * 3 - width * 2).abs() <= 3
    })?;
    change("--scale 1", &|now| *now == before)?;
    change("--transform 90", &|now| now.rect == [0, 0, height, width])?;
    change("--transform flipped-180", &|now| now.rect == before.rect)?;
    change("--transform normal", &|now| *now == before)?;
    session.succeed(&format!("wlr-randr --output {name} --off"))?;
    // QEMU writes in grey that there is no picture.
    session
        .desktop
        .until("a dark screen", |now| (now.colours(4) <= 2).then_some(()))?;
    session.succeed(&format!("wlr-randr --output {name} --on"))?;
    session
        .desktop
        .until("a desktop", |now| now.is_rich(32).then_some(()))?;
    ensure!(session.output()? == before);
    Ok(())
}

fn swayidle(session: &mut Session) -> Result<()> {
    session.desktop.point(640, 200)?;
    session.succeed("rm -f /tmp/idle /tmp/back")?;
    session.start(
        "swayidle",
        "swayidle timeout 3 \"touch /tmp/idle\" resume \"touch /tmp/back\"",
    )?;
    session.wait("the idle command", |session| {
        Ok((session.run("test -e /tmp/idle")?.status == 0).then_some(()))
    })?;
    ensure!(
        session.run("test -e /tmp/back")?.status != 0,
        "resumed by nobody"
    );
    session.desktop.point(660, 220)?;
    session.wait("the command after it", |session| {
        Ok((session.run("test -e /tmp/back")?.status == 0).then_some(()))
    })?;
    session.signal("swayidle", "TERM")?;
    session.ended("swayidle", 0)
}

fn waybar(session: &mut Session) -> Result<()> {
    let before = session.output()?;
    session.start("waybar", "waybar")?;
    let mut top = 0;
    session.wait("the bar's room", |session| {
        top = session.output()?.work_area[1];
        Ok((top > before.work_area[1]).then_some(()))
    })?;
    let area = Area {
        x: 0,
        y: 0,
        width: before.rect[2] as usize,
        height: top as usize,
    };
    session.desktop.until("the bar", |now| {
        (now.cut(area).colours(1) >= COLOURS).then_some(())
    })?;
    settle(session)?;
    session.save("waybar")?;
    session.signal("waybar", "TERM")?;
    // It leaves this signal to the system.
    session.ended("waybar", 128 + 15)?;
    ensure!(session.output()? == before, "its room stays");
    Ok(())
}

fn fuzzel(session: &mut Session) -> Result<()> {
    launch(session, "fuzzel", "fuzzel", "foot")?;
    lay_over(session, "fuzzel", "fuzzel")?;
    session.desktop.press(&["esc"])?;
    session.ended("fuzzel", 0)
}

fn wofi(session: &mut Session) -> Result<()> {
    launch(session, "wofi", "wofi --show drun", "featherpad")
}

/// Opens a launcher, and a program by it.
fn launch(session: &mut Session, name: &str, command: &str, program: &str) -> Result<()> {
    let opened = lay_over(session, name, command)?;
    session.desktop.type_text(program)?;
    changed(session, &opened, WRITTEN)?;
    settle(session)?;
    session.save(name)?;
    let windows = session.windows()?;
    session.desktop.press(&["ret"])?;
    let window = session.opened(&windows, program)?;
    session.ended(name, 0)?;
    session.desktop.press(&["alt", "f4"])?;
    session.gone(&window)
}

/// Starts what lies over the desktop, and waits until it is to be seen.
fn lay_over(session: &mut Session, name: &str, command: &str) -> Result<Picture> {
    // A window that was closed before takes its time to fade.
    let before = settle(session)?;
    session.start(name, command)?;
    changed(session, &before, OPENED)?;
    settle(session)
}

/// The wrong password is refused, the right one unlocks.
fn swaylock(session: &mut Session) -> Result<()> {
    lock(session)?;
    session.save("swaylock")?;
    session.desktop.type_text("wrong\n")?;
    session.desktop.until("the refusal", |now| {
        let [red, green, _] = now.at(now.width / 2, now.height / 2 - 30);
        (red > 150 && green < 80).then_some(())
    })?;
    session.save("swaylock-refuses")?;
    ensure!(
        session.status("swaylock")?.is_none(),
        "the wrong password unlocks"
    );
    unlock(session)
}

/// Killed, it leaves the screen locked, and no key reaches a window.
fn swaylock_killed(session: &mut Session) -> Result<()> {
    let windows = session.windows()?;
    session.start("foot", "foot")?;
    let foot = session.opened(&windows, "foot")?;
    session.drawn(2)?;
    lock(session)?;
    session.signal("swaylock", "KILL")?;
    session.ended("swaylock", 128 + 9)?;
    session.desktop.type_text("\n>/tmp/typed\n")?;
    let start = Instant::now();
    while start.elapsed() < NEVER {
        let now = session.desktop.look()?;
        ensure!(now.colours(4) <= 2, "the screen isn't bare");
        thread::sleep(Duration::from_millis(100));
    }
    session.save("swaylock-killed")?;
    lock(session)?;
    unlock(session)?;
    ensure!(
        session.run("test -e /tmp/typed")?.status != 0,
        "a window was typed into"
    );
    // Now that it is unlocked, one is.
    session.desktop.type_text("\n>/tmp/typed\n")?;
    session.wait("what was typed", |session| {
        Ok((session.run("test -e /tmp/typed")?.status == 0).then_some(()))
    })?;
    session.desktop.press(&["alt", "f4"])?;
    session.gone(&foot)
}

fn lock(session: &mut Session) -> Result<()> {
    session.start("swaylock", "swaylock -c 204060")?;
    session
        .desktop
        .until("the lock", |now| is_locked(now).then_some(()))
}

fn unlock(session: &mut Session) -> Result<()> {
    session.desktop.type_text("secret\n")?;
    session.ended("swaylock", 0)?;
    session.desktop.until("the desktop", |now| {
        (!is_locked(now) && now.is_rich(32)).then_some(())
    })
}

fn is_locked(now: &Picture) -> bool {
    now.find(LOCKED)
        .is_some_and(|(_, count)| count > now.width * now.height / 10 * 8)
}

fn changed(session: &mut Session, before: &Picture, wide: usize) -> Result<()> {
    session.desktop.until("another picture", |now| {
        (difference(before, now) >= wide).then_some(())
    })
}

/// Waits until the screen stands still.
fn settle(session: &mut Session) -> Result<Picture> {
    let still = session
        .desktop
        .settle(Duration::from_millis(1500), Instant::now())?;
    ensure!(still, "the screen never becomes still");
    session.desktop.look()
}
