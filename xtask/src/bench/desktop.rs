//! What a desktop costs a machine with a screen: ours, and weston with its software renderer on
//! Debian's kernel, in the same machine, with the same clients (`ochre-frames`, and foot).
//!
//! weston, foot, udev and what they need come from a Debian root that is given.

use super::Values;
use crate::debian;
use crate::desktop::{Button, Desktop};
use crate::guest::{Guest, Kernel, Request};
use crate::image::{Addition, Recipe};
use crate::linux;
use crate::qemu::Size;
use crate::reports::Ending;
use crate::seat::Seat;
use crate::setup;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What all rows' names begin with.
pub const PREFIX: &str = "desktop-";
/// The screen's size: what virtio-gpu has without more words.
const SCREEN: (usize, usize) = (1280, 800);
/// The machine's memory in MiB: Linux unpacks the Debian system into half of it.
const MEMORY: u64 = 3072;
/// How often the pointer moves while it drags a window, and while answers are waited for, which are
/// to be over by then.
const DRAG: Duration = Duration::from_millis(16);
const MOVE: Duration = Duration::from_millis(107);
/// How long nothing may be heard: a minute of it is measured.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a Debian system does in place of an init: drivers, devices, and the compositor.
const WESTON: &str = r#"
set -e
depmod
/lib/systemd/systemd-udevd --daemon 2>/dev/null
udevadm trigger --action=add
udevadm settle
mkdir -p -m 700 $XDG_RUNTIME_DIR
weston --backend=drm-backend.so --tty=1 --use-pixman --no-config --idle-time=0 \
    --socket=wayland-0 --log=/tmp/weston.log </dev/null >/tmp/weston.out 2>&1 &
tries=0
while [ ! -S $XDG_RUNTIME_DIR/wayland-0 ]; do
    tries=$((tries + 1))
    if [ $tries = 60 ]; then cat /tmp/weston.out /tmp/weston.log >&2; exit 1; fi
    sleep 1
done
sleep 5
export WAYLAND_DISPLAY=wayland-0
exec /ochre/bin/frames desktop foot weston weston-desktop-
"#;
/// The same of ours; the kernel keeps fifteen letters of a process's name.
const OCHRE: [&str; 5] = [
    "/ochre/bin/frames",
    "desktop",
    "foot",
    "ochre-composito",
    "ochre-panel",
];

/// Measures all rows once.
pub fn measure(kernel: Kernel, smp: u8, debian: &Path, values: &mut Values) -> Result<()> {
    let memory = Some(MEMORY);
    let mut guest = Guest::new(Size { smp, memory });
    guest.kernel = kernel;
    let page = "docs/performance.md";
    guest.add = debian::system(debian, &["weston", "foot"], page)?;
    let (mut recipe, words): (_, Vec<OsString>) = match kernel {
        Kernel::Ochre => (Recipe::load("desktop")?, OCHRE.map(Into::into).into()),
        Kernel::Linux => {
            guest.add.extend(modules()?);
            let words = ["/bin/sh", "-c", WESTON];
            (Recipe::load("bench")?, words.map(Into::into).into())
        }
    };
    recipe.packages.push("ochre-frames".into());
    setup::ensure(recipe.purposes())?;
    let built = guest.build(&recipe, Some(&Request::command(words)))?;
    let (mut machine, _disk) = guest.machine(&built)?;
    machine.desktop(Seat::default()).without_display();
    let mut desktop = Desktop::start(machine)?;
    let result = play(&mut desktop, values);
    result.with_context(|| desktop.end())
}

/// The modules of Debian's kernel that drive the machine's screen and input.
fn modules() -> Result<Vec<Addition>> {
    let folder = linux::modules(&linux::kernel()?)?;
    let version = folder.file_name().context("a folder has a name")?;
    let guest = Path::new("/lib/modules").join(version);
    let mut all = Vec::new();
    let mut add = |path: &str| all.push(Addition::new(folder.join(path), guest.join(path)));
    for path in [
        "modules.builtin",
        "modules.builtin.modinfo",
        "modules.order",
        "kernel/drivers/virtio",
        "kernel/drivers/gpu/drm/virtio",
    ] {
        add(path);
    }
    for several in ["kernel/drivers/gpu/drm", "kernel/drivers/input"] {
        for entry in fs::read_dir(folder.join(several)).context("the kernel has no modules")? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                add(&format!(
                    "{several}/{}",
                    entry.file_name().to_string_lossy()
                ));
            }
        }
    }
    Ok(all)
}

/// Takes down the rows, and moves the pointer when that is asked for.
fn play(desktop: &mut Desktop, values: &mut Values) -> Result<()> {
    let mut moving = false;
    let (mut last, mut step) = (Instant::now(), 0);
    loop {
        for line in desktop.said().collect::<Vec<_>>() {
            last = Instant::now();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["wants", "drag", count] => drag(desktop, count.parse()?)?,
                ["wants", "moves"] => moving = true,
                _ => match super::row(&line) {
                    Some((name, unit, value)) => {
                        moving = false;
                        values.entry((name, unit)).or_default().push(value);
                    }
                    None => eprintln!("   {line}"),
                },
            }
        }
        match desktop.ending()? {
            Some(Ending::Exit(0)) => return Ok(()),
            Some(ending) => bail!("the measuring program says why, and ends: {ending:?}"),
            None => {}
        }
        ensure!(last.elapsed() < PATIENCE, "nothing more comes");
        if moving {
            step += 1;
            desktop.point_on(SCREEN, (SCREEN.0 / 2 + step % 32, SCREEN.1 / 2))?;
        }
        thread::sleep(MOVE);
    }
}

/// Drags what is in the middle of the screen, there and back, one pixel more each time.
fn drag(desktop: &mut Desktop, count: usize) -> Result<()> {
    let (x, y) = (SCREEN.0 / 2, SCREEN.1 / 2);
    desktop.point_on(SCREEN, (x, y))?;
    thread::sleep(MOVE);
    desktop.button(Button::Left, true)?;
    thread::sleep(MOVE);
    for step in 1..=count {
        let far = step.min(count - step) % 100;
        desktop.point_on(SCREEN, (x + far, y + far / 2))?;
        thread::sleep(DRAG);
    }
    desktop.button(Button::Left, false)?;
    thread::sleep(MOVE);
    desktop.point_on(SCREEN, (x + 1, y))
}
