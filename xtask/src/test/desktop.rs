//! The desktop as a person has it: on the screen of a machine, with a keyboard and a pointer.
//!
//! A terminal that a shell has painted in one colour is easily found on a picture; where it is
//! tells whether what was done had its effect. So each step prints a colour of its own.

use super::{Machines, Tally, bombs, deaths, resizes};
use crate::build::Builder;
use crate::desktop::{Awaited, Button, Desktop, PATIENCE};
use crate::guest::{Guest, Request};
use crate::image::Recipe;
use crate::paths;
use crate::picture::{Area, Colour, Picture};
use crate::process;
use crate::qemu::{self, Machine, Size};
use crate::rfb::Viewer;
use crate::seat::{Gpu, Input, Seat, USB_KEYBOARD};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The screen at first, and what it is changed to.
const SIZE: (u32, u32) = (1280, 800);
const OTHER_SIZE: (u16, u16) = (1400, 900);
/// How many pixels a painted terminal has at least: a text of the same colour has fewer.
const PAINTED: usize = 100_000;

/// The size of a window of the adapter's memory.
const SHARED: (usize, usize) = (320, 240);
/// How high the panel is at least, whose clock goes on.
const PANEL: usize = 64;
/// What the pointer points with, from the corner of its picture.
const ARROW: (u16, u16) = (4, 3);
const TEXT_CURSOR: (u16, u16) = (16, 16);

/// How often something is tried that lost keys can spoil.
const ATTEMPTS: u32 = 12;

/// A machine, and what is done on its desktop.
struct Case {
    name: &'static str,
    smp: u8,
    uefi: bool,
    gpu: Gpu,
    input: Input,
    steps: &'static [Step],
}

/// Something that a person does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Opens a terminal by its key, and types into it.
    Terminal,
    /// Moves the pointer, which the display adapter shows by itself.
    Pointer,
    /// Drags its window by the title bar.
    Drag,
    /// Chooses a dark theme.
    Theme,
    /// Makes the screen larger.
    Resolution,
    /// Opens and closes a window whose pixels are the display adapter's memory.
    Shared,
    /// Kills a driver, by its process's name, and goes on typing.
    Kill(&'static str),
    /// Pulls the USB keyboard out, plugs it in again, and goes on typing.
    Replug,
}

const CASES: [Case; 6] = [
    Case {
        name: "virtio-gpu, two processors",
        smp: 2,
        uefi: false,
        gpu: Gpu::Virtio,
        input: Input::Virtio,
        steps: &[
            Step::Terminal,
            Step::Pointer,
            Step::Drag,
            Step::Theme,
            Step::Resolution,
            Step::Shared,
            // The next `devices` opens and closes every function, whose drivers were another `pci`'s.
            Step::Kill("pci"),
            Step::Kill("devices"),
            Step::Drag,
            Step::Kill("virtio-input"),
            Step::Kill("virtio-gpu"),
            Step::Drag,
        ],
    },
    Case {
        name: "virtio-gpu, UEFI firmware, one processor",
        smp: 1,
        uefi: true,
        gpu: Gpu::Virtio,
        input: Input::Virtio,
        steps: &[Step::Terminal, Step::Kill("virtio-gpu")],
    },
    Case {
        name: "virtio-gpu, four processors",
        smp: 4,
        uefi: false,
        gpu: Gpu::Virtio,
        input: Input::Virtio,
        steps: &[Step::Terminal, Step::Drag, Step::Kill("virtio-input")],
    },
    Case {
        name: "standard VGA",
        smp: 2,
        uefi: false,
        gpu: Gpu::Bochs,
        input: Input::Virtio,
        steps: &[
            Step::Terminal,
            Step::Shared,
            Step::Drag,
            Step::Kill("bochs"),
            Step::Drag,
        ],
    },
    Case {
        name: "a screen that the firmware has set up",
        smp: 2,
        uefi: true,
        gpu: Gpu::Cirrus,
        input: Input::Virtio,
        steps: &[Step::Terminal, Step::Drag],
    },
    Case {
        name: "USB keyboard and tablet",
        smp: 2,
        uefi: false,
        gpu: Gpu::Virtio,
        input: Input::Usb,
        steps: &[
            Step::Terminal,
            Step::Drag,
            Step::Replug,
            Step::Kill("xhci"),
            Step::Drag,
        ],
    },
];

/// Runs the cases. All that they boot is built before.
pub fn run(builder: &Builder, machines: Machines) -> Result<Tally> {
    builder.kernel()?;
    builder.boot()?;
    let mut tally = Tally::default();
    for case in &CASES {
        let result = process::step(case.name, || qemu::despite_crashes(|| case.play(machines))?);
        tally.test(case.name, result);
    }
    tally += deaths::run(machines)?;
    tally += resizes::run(machines)?;
    tally += bombs::run(machines)?;
    Ok(tally)
}

/// The desktop's image, with the client that draws by plan, and what else is asked for.
fn recipe(package: Option<&str>) -> Result<Recipe> {
    let mut recipe = Recipe::load("desktop")?;
    recipe.packages.push("ochre-frames".into());
    recipe.packages.extend(package.map(str::to_owned));
    Ok(recipe)
}

/// Works with a machine that is about to start, with a desktop on which that client does what these words
/// say.
pub fn with_frames<T>(
    machines: Machines,
    seat: Seat,
    words: &[&str],
    work: impl FnOnce(Machine) -> Result<T>,
) -> Result<T> {
    let words = [&["/ochre/bin/frames"], words].concat();
    with_program(machines, seat, None, &words, work)
}

/// As [`with_frames`], with a program that may be of another package.
pub fn with_program<T>(
    machines: Machines,
    seat: Seat,
    package: Option<&str>,
    words: &[&str],
    work: impl FnOnce(Machine) -> Result<T>,
) -> Result<T> {
    let mut guest = Guest::new(Size {
        smp: machines.smp.unwrap_or(2),
        memory: None,
    });
    guest.uefi = machines.uefi;
    let request = Request::command(words);
    let built = guest.build(&recipe(package)?, Some(&request))?;
    // The files that it boots from last until the work is done.
    let (mut machine, _disk) = guest.machine(&built)?;
    machine.desktop(seat);
    work(machine)
}

impl Case {
    /// Plays it; nothing comes of it where QEMU crashes.
    fn play(&self, machines: Machines) -> Result<Option<Result<()>>> {
        let mut guest = Guest::new(Size {
            smp: machines.smp.unwrap_or(self.smp),
            memory: None,
        });
        guest.uefi = machines.uefi || self.uefi;
        // The shell that the terminal starts.
        let shell = "/bin/busybox:/bin/sh".parse();
        guest.add.push(shell.map_err(anyhow::Error::msg)?);
        let request = Request {
            shown: true,
            ..Request::command([] as [&str; 0])
        };
        let built = guest.build(&recipe(None)?, Some(&request))?;
        let (mut machine, _disk) = guest.machine(&built)?;
        machine.desktop(Seat {
            size: Some(SIZE),
            gpu: self.gpu,
            input: self.input,
        });
        let folder = paths::target().join("test-desktop");
        fs::create_dir_all(&folder)?;
        // The path of a socket is short.
        let socket = std::env::temp_dir().join(format!("ochre-vnc-{}", std::process::id()));
        machine.arguments(["-display", &format!("vnc=unix:{}", socket.display())]);
        let mut desktop = Desktop::start(machine)?;
        desktop.pace = self.input.pace();
        let mut person = Person {
            desktop,
            socket,
            paints: 0,
        };
        let result = person.work(self.steps);
        if result.is_err() && person.desktop.has_crashed() {
            let _ = fs::remove_file(&person.socket);
            return Ok(None);
        }
        let picture = folder.join(format!("{}.png", self.name.replace([',', ' '], "-")));
        let saved = person.desktop.save(&picture);
        let console = person.desktop.end();
        let _ = fs::remove_file(&person.socket);
        let seen = match saved {
            Ok(()) => format!("{} shows the screen", picture.display()),
            Err(_) => "the machine has ended".to_owned(),
        };
        Ok(Some(result.with_context(|| format!("{console}\n{seen}"))))
    }
}

/// Who sits before the screen.
struct Person {
    desktop: Desktop,
    socket: PathBuf,
    /// How many colours have been used.
    paints: u8,
}

impl Person {
    fn work(&mut self, steps: &[Step]) -> Result<()> {
        ensure!(
            self.desktop.wait_for_session(),
            "the session didn't come up"
        );
        let still = Duration::from_secs(1);
        let least = std::time::Instant::now();
        let settled = self.desktop.settle(still, least)?;
        ensure!(settled, "the screen never became still");
        for step in steps {
            let start = std::time::Instant::now();
            self.take(*step).with_context(|| format!("{step:?}"))?;
            let seconds = start.elapsed().as_secs_f32();
            process::say(format_args!("   {step:?}: {seconds:.1} s"));
        }
        Ok(())
    }

    fn take(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Terminal => {
                let before = self.desktop.look()?;
                // The panel, which is there, is no program's window.
                let awaited = self.desktop.wait_for_window(Duration::ZERO)?;
                ensure!(
                    awaited == Awaited::Nothing,
                    "{awaited:?} before there is one"
                );
                self.desktop.press(&["meta_l", "ret"])?;
                self.desktop.until("a window", |now| {
                    let middle = (now.width / 2, now.height / 2);
                    (now.at(middle.0, middle.1) != before.at(middle.0, middle.1)).then_some(())
                })?;
                let awaited = self.desktop.wait_for_window(PATIENCE)?;
                ensure!(
                    awaited == Awaited::Window,
                    "{awaited:?}, though there is one"
                );
                self.paint_at_last("")?;
            }
            Step::Pointer => {
                let (_, area) = self.paint_at_last("")?;
                let still = Duration::from_millis(500);
                let settled = self.desktop.settle(still, std::time::Instant::now())?;
                ensure!(settled, "the screen never became still");
                let mut viewer = Viewer::connect(&self.socket)?;
                let mut points = |person: &mut Person, (x, y), hotspot| -> Result<Picture> {
                    person.desktop.point(x, y)?;
                    while viewer.pointer()? != hotspot {}
                    person.desktop.look()
                };
                let title = (area.x + area.width / 3, area.y - 20);
                let content = (area.x + area.width / 2, area.y + area.height / 2);
                points(self, content, TEXT_CURSOR)?;
                let on_title = points(self, title, ARROW)?;
                let on_content = points(self, content, TEXT_CURSOR)?;
                // It is on no picture of what is drawn, and costs none.
                let above = 0..on_title.height - PANEL;
                let same = on_title.rows(above.clone()) == on_content.rows(above);
                ensure!(same, "the pointer is drawn, or something with it");
            }
            Step::Drag => {
                let (colour, area) = self.paint_at_last("")?;
                // Above its content is the window's title bar.
                let from = (area.x + area.width / 3, area.y - 20);
                let (dx, dy) = (if area.x > 150 { -120 } else { 130 }, 35);
                let to = (
                    from.0.saturating_add_signed(dx),
                    from.1.saturating_add_signed(dy),
                );
                self.desktop.drag(Button::Left, from, to)?;
                let expected = (
                    area.x.saturating_add_signed(dx),
                    area.y.saturating_add_signed(dy),
                );
                // Its other edges may have left the screen.
                self.desktop
                    .until(&format!("the window at {expected:?}"), |now| {
                        let area = painted(now, colour)?;
                        ((area.x, area.y) == expected).then_some(())
                    })?;
            }
            Step::Theme => {
                ensure!(bar(&self.desktop.look()?) > 200, "the panel isn't light");
                self.desktop.type_text("theme set tidal-dark\n")?;
                self.desktop
                    .until("a dark panel", |now| (bar(now) < 60).then_some(()))?;
            }
            Step::Resolution => {
                let (colour, area) = self.paint_at_last("")?;
                let (width, height) = OTHER_SIZE;
                let mut viewer = Viewer::connect(&self.socket)?;
                viewer.resize(width, height)?;
                self.desktop
                    .until("the panel at the larger screen's bottom", |now| {
                        let large = (now.width, now.height) == (width.into(), height.into());
                        (large && bar(now) < 60 && painted(now, colour) == Some(area)).then_some(())
                    })?;
                // The wallpaper reaches into the new corner.
                let now = self.desktop.look()?;
                let corner = now.at(now.width - 5, 5);
                ensure!(corner != [0, 0, 0], "the screen's new part is empty");
            }
            Step::Shared => {
                // The same at each attempt: it may only be late.
                let colour = self.colour();
                let [red, green, blue] = colour;
                let line = format!("/ochre/bin/frames card {red:02x}{green:02x}{blue:02x}\n");
                self.at_last(|person| {
                    person.desktop.type_text(&line)?;
                    person.desktop.until("the card's window", |now| {
                        let (area, count) = now.find(colour)?;
                        // The pointer may be drawn over it.
                        let whole = (area.width, area.height) == SHARED;
                        (whole && count > area.width * area.height / 10 * 9).then_some(())
                    })
                })?;
                self.desktop.press(&["meta_l", "q"])?;
                self.paint_at_last("")?;
            }
            Step::Replug => {
                self.desktop.unplug("keyboard")?;
                self.desktop.plug(USB_KEYBOARD)?;
                self.paint_at_last("")?;
            }
            Step::Kill(name) => {
                // It paints only if it has killed.
                self.paint_at_last(&format!(
                    "k=; for p in /proc/[0-9]*; do read c <$p/comm; \
                     [ $c = {name} ] && kill -9 ${{p#/proc/}} && k=1; done; [ $k ] && "
                ))?;
                self.paint_at_last("")?;
            }
        }
        Ok(())
    }

    /// Paints, and does it again if keys were lost.
    fn paint_at_last(&mut self, condition: &str) -> Result<(Colour, Area)> {
        self.at_last(|person| person.paint(condition))
    }

    /// Does something by typing, and does it again if keys were lost, as they are while nobody serves the
    /// keyboard, or where BusyBox reads them together with the terminal's answer to where its cursor is.
    fn at_last<T>(&mut self, mut deed: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let mut tried = 0;
        loop {
            self.desktop.patience = PATIENCE / ATTEMPTS;
            let done = deed(self);
            self.desktop.patience = PATIENCE;
            tried += 1;
            if done.is_ok() || tried == ATTEMPTS {
                return done;
            }
            // What is left of a line on which keys were lost goes, open quotes included.
            self.desktop.press(&["ctrl", "c"])?;
        }
    }

    /// A colour not used before.
    fn colour(&mut self) -> Colour {
        self.paints += 1;
        [40 + self.paints, 90, 160 - self.paints]
    }

    /// Types what paints the terminal in a colour not used before, behind a `condition` for the shell,
    /// and looks where that is.
    fn paint(&mut self, condition: &str) -> Result<(Colour, Area)> {
        let colour = self.colour();
        let [red, green, blue] = colour;
        self.desktop.type_text(&format!(
            "{condition}printf '\\033[48;2;{red};{green};{blue}m\\033[2J\\033[H'\n"
        ))?;
        let area = self.desktop.until("the painted terminal", |now| {
            painted(now, colour).filter(|area| area.width * area.height > PAINTED)
        })?;
        Ok((colour, area))
    }
}

/// Where the terminal is that has been painted, once most of it is.
fn painted(picture: &Picture, colour: Colour) -> Option<Area> {
    let (area, count) = picture.find(colour)?;
    (count > PAINTED && count > area.width * area.height / 10 * 9).then_some(area)
}

/// How light the panel at the bottom is, where it is empty.
fn bar(picture: &Picture) -> u8 {
    let [_, green, _] = picture.at(picture.width * 3 / 4, picture.height - 20);
    green
}
