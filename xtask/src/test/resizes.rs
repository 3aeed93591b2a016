//! A screen that changes its size again and again, and what it shows meanwhile.
//!
//! QEMU gives the display adapter another size, as it does when its window is resized, while a program draws
//! all the time by whose colours each frame is known ([`pattern`]). Every picture that QEMU then has must be
//! whole: either of the size before or of the new one, all of it as it is when that size has been there for a
//! while, with one frame of the program's, of the size that its window has then. So what is torn, or is left
//! of the old size, is seen, however short it was there.

use super::desktop::with_frames;
use super::pattern::{self, Frame};
use super::{Machines, Tally};
use crate::desktop::{Desktop, PATIENCE};
use crate::paths;
use crate::picture::{Area, Picture};
use crate::process;
use crate::qemu;
use crate::rfb::Viewer;
use crate::seat::{Gpu, Input, Seat};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the size changes where that is one test of many.
const FEW: u32 = 4;
/// The sizes, the first one first.
const SIZES: [(u16, u16); 5] = [
    (1280, 800),
    (1400, 900),
    (800, 600),
    (1002, 701),
    (1366, 768),
];
/// A picture is what a size looks like once so many frames of the program have changed nothing else.
const SAME: usize = 6;
/// How long nothing else must have changed at first, when the panel may still be starting.
const STILL: Duration = Duration::from_secs(3);
/// As many sizes may follow each other at once.
const MOST_AT_ONCE: u32 = 3;
/// The panel's height at least, and how large the time is on it, which goes on.
const PANEL: usize = 64;
const TIME: (usize, usize) = (120, 40);

/// A few changes.
pub fn run(machines: Machines) -> Result<Tally> {
    run_long(machines, FEW)
}

/// So many changes of each kind of window.
pub fn run_long(machines: Machines, changes: u32) -> Result<Tally> {
    let mut tally = Tally::default();
    let name = "every picture is whole while the screen changes its size";
    let result = process::step(name, || qemu::despite_crashes(|| play(machines, changes))?);
    tally.test(name, result);
    Ok(tally)
}

/// What came of it; none where QEMU itself crashed.
fn play(machines: Machines, changes: u32) -> Result<Option<Result<()>>> {
    let [(width, height), ..] = SIZES;
    let seat = Seat {
        size: Some((width.into(), height.into())),
        gpu: Gpu::Virtio,
        input: Input::Virtio,
    };
    with_frames(machines, seat, &["sizes"], |mut machine| {
        // The path of a socket is short.
        let socket = std::env::temp_dir().join(format!("ochre-sizes-{}", std::process::id()));
        machine.arguments(["-display", &format!("vnc=unix:{}", socket.display())]);
        let mut watcher = Watcher {
            desktop: Desktop::start(machine)?,
            looks: BTreeMap::new(),
            size: SIZES[0],
            seen: 0,
            random: 1,
        };
        let result = Viewer::connect(&socket).and_then(|viewer| watcher.watch(viewer, changes));
        let _ = fs::remove_file(&socket);
        if result.is_err() && watcher.desktop.has_crashed() {
            return Ok(None);
        }
        Ok(Some(result.with_context(|| watcher.desktop.end())))
    })
}

/// Who looks.
struct Watcher {
    desktop: Desktop,
    /// What each size looks like, without the program's frame, and where that is.
    looks: BTreeMap<(u16, u16), (Area, Picture)>,
    /// The size that was asked for last, and is there.
    size: (u16, u16),
    seen: usize,
    random: u32,
}

impl Watcher {
    fn watch(&mut self, mut viewer: Viewer, changes: u32) -> Result<()> {
        ensure!(
            self.desktop.wait_for_session(),
            "the session didn't come up"
        );
        self.desktop
            .until("the window", |now| pattern::find(now).map(drop))?;
        for fills in [false, true] {
            if fills {
                self.desktop.press(&["meta_l", "up"])?;
                self.desktop
                    .until("the window as wide as the screen", |now| {
                        let frame = pattern::find(now)?;
                        (frame.area.width == now.width).then_some(())
                    })?;
            }
            let start = Instant::now();
            self.seen = 0;
            self.looks.clear();
            self.change(&mut viewer, &[SIZES[0]])?;
            let first = self.looks[&SIZES[0]].0;
            for size in &SIZES[1..] {
                self.change(&mut viewer, &[*size])?;
            }
            if fills {
                self.check_filled(first)?;
            }
            for _ in 0..changes {
                let count = 1 + self.below(MOST_AT_ONCE);
                let sizes: Vec<_> = (0..count).map(|_| self.other_size()).collect();
                self.change(&mut viewer, &sizes)?;
            }
            let kind = if fills {
                "that fills it"
            } else {
                "that floats"
            };
            let seconds = start.elapsed().as_secs_f32();
            let seen = self.seen;
            process::say(format_args!(
                "   a window {kind}: {seen} pictures, {seconds:.1} s"
            ));
        }
        Ok(())
    }

    /// A number below another one.
    fn below(&mut self, end: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.random >> 16) % end
    }

    /// A size that is not there now.
    fn other_size(&mut self) -> (u16, u16) {
        let others: Vec<_> = SIZES
            .into_iter()
            .filter(|size| *size != self.size)
            .collect();
        others[self.below(others.len() as u32) as usize]
    }

    /// What fills one size fills all.
    fn check_filled(&self, first: Area) -> Result<()> {
        let below = usize::from(SIZES[0].1) - first.y - first.height;
        for (size, (area, _)) in &self.looks {
            let (width, height) = (usize::from(size.0), usize::from(size.1));
            let expected = Area {
                x: 0,
                y: first.y,
                width,
                height: height - first.y - below,
            };
            ensure!(*area == expected, "{area:?} of {size:?}");
        }
        Ok(())
    }

    /// Gives the screen these sizes one right after the other, and looks until it rests in the last.
    fn change(&mut self, viewer: &mut Viewer, sizes: &[(u16, u16)]) -> Result<()> {
        let allowed = [&[self.size], sizes].concat();
        let last = *allowed.last().context("no size")?;
        for (width, height) in sizes {
            viewer.resize(*width, *height)?;
        }
        self.size = last;
        // What is on its way at first, such as a panel that starts, is no change of size.
        let begins = self.looks.is_empty();
        let start = Instant::now();
        let mut changed = start;
        // Pictures of sizes that nobody knows yet, but for the program's frame.
        let mut unknown: Vec<(Picture, Frame, Picture)> = Vec::new();
        let mut rests: Vec<u16> = Vec::new();
        loop {
            ensure!(start.elapsed() < PATIENCE, "it never rests in {last:?}");
            let now = self.desktop.look()?;
            self.seen += 1;
            let size = (now.width as u16, now.height as u16);
            if !allowed.contains(&size) {
                return Err(wrong(&now, None, "a size that nobody asked for"));
            }
            let Some(frame) = pattern::find(&now) else {
                if begins {
                    continue;
                }
                let look = self.looks.get(&size).map(|(_, look)| look);
                return Err(wrong(&now, look, "no whole frame of the program"));
            };
            let mut rest = now.clone();
            rest.fill(frame.area, [0; 3]);
            if let Some((area, look)) = self.looks.get(&size) {
                compare(&now, &rest, frame, *area, look)?;
                if size == last {
                    note(&mut rests, frame);
                }
            } else {
                match unknown.last() {
                    Some((_, before, known)) if before.area == frame.area && *known == rest => {
                        note(&mut rests, frame);
                    }
                    _ => {
                        rests.clear();
                        changed = Instant::now();
                        unknown.push((now, frame, rest));
                    }
                }
            }
            let still = !begins || changed.elapsed() >= STILL;
            if size == last && rests.len() >= SAME && still {
                break;
            }
        }
        // The last of them is what the new size looks like.
        if let Some((_, frame, look)) = unknown.pop() {
            for (picture, other, rest) in unknown.iter().filter(|_| !begins) {
                compare(picture, rest, *other, frame.area, &look)?;
            }
            self.looks.insert(last, (frame.area, look));
        }
        Ok(())
    }
}

/// Notes a frame that was not there before.
fn note(frames: &mut Vec<u16>, frame: Frame) {
    if frames.last() != Some(&frame.number) {
        frames.push(frame.number);
    }
}

fn compare(now: &Picture, rest: &Picture, frame: Frame, area: Area, look: &Picture) -> Result<()> {
    if frame.area != area {
        let what = format!("the window is at {:?}, not at {area:?}", frame.area);
        return Err(wrong(now, Some(look), &what));
    }
    let Some(differs) = rest.difference(look) else {
        return Ok(());
    };
    // It may only have got later.
    let (width, height) = TIME;
    let in_panel = differs.y + PANEL >= now.height;
    if in_panel && differs.width <= width && differs.height <= height {
        return Ok(());
    }
    Err(wrong(
        now,
        Some(look),
        &format!("another picture in {differs:?}"),
    ))
}

/// Saves a picture that should never have been there, and what its size should look like.
fn wrong(now: &Picture, look: Option<&Picture>, what: &str) -> anyhow::Error {
    let folder = paths::target().join("test-desktop");
    let save = |name: &str, picture: &Picture| -> Result<PathBuf> {
        fs::create_dir_all(&folder)?;
        let file = folder.join(name);
        picture.save(&file)?;
        Ok(file)
    };
    let expected = look.map(|look| save("sizes-expected.ppm", look));
    if let Some(Err(error)) = expected {
        return error;
    }
    match save("sizes.ppm", now) {
        Ok(file) => anyhow::anyhow!(
            "{what}, at {}x{}: {} shows it",
            now.width,
            now.height,
            file.display()
        ),
        Err(error) => error,
    }
}
