//! Titles: one face, one line, cut with an ellipsis where it does not fit.
//!
//! swash reads only the glyphs that are asked for, so starting up costs a file read and no parsing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use swash::{
    FontRef,
    scale::{Render, ScaleContext, Source},
    shape::ShapeContext,
    zeno::{Format, Vector},
};

use ochre_raster::{Bitmap, Color, Mask};

/// Faces that titles may be set in, best first, by the start of their file's name.
const FACES: [&str; 6] = [
    "Inter-Medium",
    "InterVariable",
    "Inter-Regular",
    "Inter-",
    "DejaVuSans.",
    "NotoSans-Regular",
];

/// The face for titles; without one there are none.
pub struct Text {
    font: Option<Vec<u8>>,
    shaping: ShapeContext,
    scaling: ScaleContext,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("font", &self.font.as_ref().map(Vec::len))
            .finish()
    }
}

/// A glyph of a line.
#[derive(Debug, Clone, Copy)]
struct Placed {
    glyph: u16,
    x: f32,
    end: f32,
}

impl Text {
    /// Finds the face in OCHRE_FONTS, Ochre's own folder, or the system's.
    pub fn load() -> Self {
        let own = std::env::var_os("OCHRE_FONTS").map(PathBuf::from);
        let folders = own
            .into_iter()
            .chain(["/ochre/share/fonts".into(), "/usr/share/fonts".into()]);
        let mut files = Vec::new();
        for folder in folders {
            collect(&folder, 0, &mut files);
            let best = FACES.iter().find_map(|face| {
                files.iter().find(|file| {
                    file.file_name()
                        .and_then(|name| name.to_str())
                        .is_some_and(|name| name.starts_with(face) && !name.contains("Italic"))
                })
            });
            let font = best.and_then(|file| fs::read(file).ok());
            if let Some(font) = font.filter(|font| FontRef::from_index(font, 0).is_some()) {
                return Self::with(Some(font));
            }
        }
        Self::with(None)
    }

    fn with(font: Option<Vec<u8>>) -> Self {
        Self {
            font,
            shaping: ShapeContext::new(),
            scaling: ScaleContext::new(),
        }
    }

    fn shape(&mut self, text: &str, size: f32) -> Vec<Placed> {
        let Some(font) = self
            .font
            .as_deref()
            .and_then(|font| FontRef::from_index(font, 0))
        else {
            return Vec::new();
        };
        let mut shaper = self.shaping.builder(font).size(size).build();
        shaper.add_str(text);
        let mut placed = Vec::new();
        let mut x = 0.0;
        shaper.shape_with(|cluster| {
            for glyph in cluster.glyphs {
                let end = x + glyph.advance;
                placed.push(Placed {
                    glyph: glyph.id,
                    x: x + glyph.x,
                    end,
                });
                x = end;
            }
        });
        placed
    }

    /// A line that fits into `room` pixels.
    fn fit(&mut self, text: &str, size: f32, room: f32) -> Vec<Placed> {
        // A title can be megabytes long; no line shows more than this.
        let text: String = text
            .chars()
            .take(256)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let line = self.shape(&text, size);
        if line.last().is_none_or(|last| last.end <= room) {
            return line;
        }
        let dots = self.shape("…", size);
        let dots_width = dots.last().map_or(0.0, |last| last.end);
        let mut line: Vec<Placed> = line
            .into_iter()
            .take_while(|glyph| glyph.end + dots_width <= room)
            .collect();
        let end = line.last().map_or(0.0, |last| last.end);
        if dots_width <= room {
            line.extend(dots.into_iter().map(|dot| Placed {
                x: dot.x + end,
                end: dot.end + end,
                ..dot
            }));
        }
        line
    }

    /// How long a line is that has all the room it wants.
    pub fn width(&mut self, text: &str, size: f32) -> f32 {
        let line = self.fit(text, size, f32::INFINITY);
        line.last().map_or(0.0, |last| last.end)
    }

    /// Draws a line in the middle of a box (left, top, width, height), cut to fit it.
    pub fn draw(
        &mut self,
        bitmap: &mut Bitmap,
        text: &str,
        size: f32,
        place: [f32; 4],
        colour: Color,
    ) {
        let [left, _, width, _] = place;
        let line = self.fit(text, size, width);
        let length = line.last().map_or(0.0, |last| last.end);
        let start = (left + (width - length) / 2.0).max(left);
        self.draw_line(bitmap, line, size, (start, place), colour);
    }

    /// The same, from the box's left side on.
    pub fn draw_from_left(
        &mut self,
        bitmap: &mut Bitmap,
        text: &str,
        size: f32,
        place: [f32; 4],
        colour: Color,
    ) {
        let [left, _, width, _] = place;
        let line = self.fit(text, size, width);
        self.draw_line(bitmap, line, size, (left, place), colour);
    }

    /// Draws glyphs from `start` on, in the middle of a box's height.
    fn draw_line(
        &mut self,
        bitmap: &mut Bitmap,
        line: Vec<Placed>,
        size: f32,
        (start, place): (f32, [f32; 4]),
        colour: Color,
    ) {
        let [_, top, _, height] = place;
        let Some(font) = self
            .font
            .as_deref()
            .and_then(|font| FontRef::from_index(font, 0))
        else {
            return;
        };
        let metrics = font.metrics(&[]).scale(size);
        // The height of capitals looks centred; ascenders and descenders balance around it.
        let baseline = (top + (height + metrics.cap_height) / 2.0).round();
        let mut scaler = self.scaling.builder(font).size(size).hint(false).build();
        for glyph in line {
            let x = start + glyph.x;
            let image = Render::new(&[Source::Outline])
                .format(Format::Alpha)
                .offset(Vector::new(x.fract(), 0.0))
                .render(&mut scaler, glyph.glyph);
            let Some(image) = image else { continue };
            let corner = (
                x.floor() as i32 + image.placement.left,
                baseline as i32 - image.placement.top,
            );
            let (width, height) = (image.placement.width, image.placement.height);
            if let Some(mask) = Mask::new(&image.data, width, height, width as usize) {
                bitmap.canvas().fill_glyph(&mask, corner, colour);
            }
        }
    }
}

/// Font files of a folder and its folders, in a fixed order.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    if depth > 4 {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, depth + 1, files);
        } else if path
            .extension()
            .is_some_and(|end| end == "ttf" || end == "otf")
        {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_where_they_must() {
        let mut text = Text::load();
        if text.font.is_none() {
            return; // a machine without any font
        }
        let long = "A title that is much longer than its bar ".repeat(40);
        let line = text.fit(&long, 14.0, 200.0);
        assert!(line.last().unwrap().end <= 200.0);
        assert!(line.len() > 10);
        assert!(text.fit("short", 14.0, 200.0).len() == 5);
        assert!(text.fit("short", 14.0, 3.0).is_empty());
    }
}
