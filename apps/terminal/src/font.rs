//! Glyphs: the faces they come from, and the cache that keeps them drawn.
//!
//! JetBrains Mono in four styles gives nearly everything; a character that it lacks comes from the
//! first other font installed that has it. Fonts are read when first needed and parsed lazily, so
//! a start costs one file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ochre_raster::{Bitmap, Mask};
use swash::scale::image::Content;
use swash::scale::{Render, ScaleContext, Source, StrikeWith};
use swash::{FontRef, GlyphId};
use unicode_width::UnicodeWidthChar;

use crate::boxes;

/// Where fonts may be installed, unless `OCHRE_FONTS` says so.
const FONT_DIRS: [&str; 2] = ["/ochre/share/fonts", "/usr/share/fonts"];

/// Fonts that are looked through for a character; more would make a rare one slow.
const MAX_FALLBACKS: usize = 64;

/// Glyphs kept; a program that prints all of Unicode must not fill memory.
const MAX_GLYPHS: usize = 8192;

#[derive(Debug, thiserror::Error)]
pub enum FontError {
    #[error("no font {name} under {places}: install fonts-jetbrains-mono or set OCHRE_FONTS")]
    Missing { name: &'static str, places: String },
}

/// A way a face can look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    pub bold: bool,
    pub italic: bool,
}

impl Style {
    fn index(self) -> usize {
        usize::from(self.bold) | usize::from(self.italic) << 1
    }

    fn file(self) -> &'static str {
        [
            "JetBrainsMono-Regular.ttf",
            "JetBrainsMono-Bold.ttf",
            "JetBrainsMono-Italic.ttf",
            "JetBrainsMono-BoldItalic.ttf",
        ][self.index()]
    }
}

/// What a glyph is drawn with.
#[derive(Debug)]
pub enum Ink {
    /// Coverage, to be drawn in the text's colour.
    Mask(Vec<u8>),
    /// Colours of its own.
    Color(Bitmap),
}

/// A glyph, and where its top left pixel lies from the cell's.
#[derive(Debug)]
pub struct Glyph {
    pub left: i32,
    pub top: i32,
    pub width: u32,
    pub height: u32,
    pub ink: Ink,
}

impl Glyph {
    pub fn mask(&self) -> Option<Mask<'_>> {
        match &self.ink {
            Ink::Mask(coverage) => {
                Mask::new(coverage, self.width, self.height, self.width as usize)
            }
            Ink::Color(_) => None,
        }
    }
}

/// A cell's measures in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    pub cell_width: i32,
    pub cell_height: i32,
    /// From the cell's top.
    pub baseline: i32,
    pub underline: i32,
    pub strikeout: i32,
    /// Of lines.
    pub thickness: i32,
}

struct Face {
    data: Vec<u8>,
}

impl Face {
    fn read(path: &Path) -> Option<Face> {
        let data = std::fs::read(path).ok()?;
        FontRef::from_index(&data, 0)?;
        Some(Face { data })
    }

    fn font(&self) -> Option<FontRef<'_>> {
        FontRef::from_index(&self.data, 0)
    }

    fn glyph(&self, character: char) -> Option<GlyphId> {
        self.font()
            .map(|font| font.charmap().map(character))
            .filter(|id| *id != 0)
    }
}

/// Fonts at one size.
pub struct Fonts {
    dirs: Vec<PathBuf>,
    size: f32,
    metrics: Metrics,
    styles: [Option<Rc<Face>>; 4],
    /// Fonts not looked at yet, and those that are read.
    unread: Option<std::vec::IntoIter<PathBuf>>,
    fallbacks: Vec<Rc<Face>>,
    context: ScaleContext,
    glyphs: HashMap<(char, Style), Option<Rc<Glyph>>>,
}

impl Fonts {
    /// Fonts of `size` pixels an em, from the directories where they are installed.
    pub fn installed(size: f32) -> Result<Fonts, FontError> {
        let dirs = match std::env::var_os("OCHRE_FONTS") {
            Some(dirs) => std::env::split_paths(&dirs).collect(),
            None => FONT_DIRS.iter().map(PathBuf::from).collect(),
        };
        Fonts::new(dirs, size)
    }

    pub fn new(dirs: Vec<PathBuf>, size: f32) -> Result<Fonts, FontError> {
        let regular = find(&dirs, Style::default().file()).and_then(|path| Face::read(&path));
        let Some(regular) = regular else {
            let places: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            let name = Style::default().file();
            return Err(FontError::Missing {
                name,
                places: places.join(", "),
            });
        };
        let metrics = metrics(&regular, size);
        Ok(Fonts {
            dirs,
            size,
            metrics,
            styles: [Some(Rc::new(regular)), None, None, None],
            unread: None,
            fallbacks: Vec::new(),
            context: ScaleContext::new(),
            glyphs: HashMap::new(),
        })
    }

    /// Changes the size, and with it every glyph.
    pub fn set_size(&mut self, size: f32) {
        if let Some(regular) = &self.styles[0] {
            self.metrics = metrics(regular, size);
        }
        self.size = size;
        self.glyphs.clear();
    }

    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// The glyph of a character; None if there is nothing to draw.
    pub fn glyph(&mut self, character: char, style: Style) -> Option<Rc<Glyph>> {
        if let Some(known) = self.glyphs.get(&(character, style)) {
            return known.clone();
        }
        if self.glyphs.len() >= MAX_GLYPHS {
            self.glyphs.clear();
        }
        let glyph = boxes::glyph(character, &self.metrics)
            .or_else(|| self.rasterize(character, style))
            .map(Rc::new);
        self.glyphs.insert((character, style), glyph.clone());
        glyph
    }

    fn rasterize(&mut self, character: char, style: Style) -> Option<Glyph> {
        if character <= ' ' {
            return None;
        }
        let Some((face, id, from_style)) = self.find_glyph(character, style) else {
            // What takes no room is an accent or a mark, not something to be read.
            return boxes::missing(character.width().unwrap_or(0), &self.metrics);
        };
        let font = face.font()?;
        let mut scaler = self
            .context
            .builder(font)
            .size(self.size)
            .hint(true)
            .build();
        let mut render = Render::new(&[
            Source::ColorOutline(0),
            Source::ColorBitmap(StrikeWith::BestFit),
            Source::Outline,
        ]);
        // A style that the face doesn't have is made of what it has.
        if style.bold && !from_style.bold {
            render.embolden(self.size / 32.0);
        }
        let image = render.render(&mut scaler, id)?;
        let (width, height) = (image.placement.width, image.placement.height);
        if width == 0 || height == 0 {
            return None;
        }
        let ink = match image.content {
            Content::Mask => Ink::Mask(image.data),
            // Straight RGBA.
            Content::Color | Content::SubpixelMask => {
                let pixels = image.data.chunks_exact(4);
                let pixels = pixels.map(|p| ochre_raster::Color::rgba(p[0], p[1], p[2], p[3]).0);
                let bitmap = Bitmap::from_pixels(pixels.collect(), width, height)?;
                return Some(self.fit(bitmap));
            }
        };
        let left = image.placement.left;
        let top = self.metrics.baseline - image.placement.top;
        Some(Glyph {
            left,
            top,
            width,
            height,
            ink,
        })
    }

    /// A colour glyph comes in the font's own sizes; it is brought into two cells.
    fn fit(&self, bitmap: Bitmap) -> Glyph {
        let (cell_width, cell_height) = (self.metrics.cell_width, self.metrics.cell_height);
        let side = (2 * cell_width).min(cell_height).max(1);
        let scaled = Bitmap::new(side as u32, side as u32).map(|mut scaled| {
            let to = scaled.bounds();
            let from = ochre_raster::FixedRect::from(bitmap.bounds());
            scaled.canvas().blend_scaled(&bitmap.image(), from, to, 255);
            scaled
        });
        let bitmap = scaled.unwrap_or(bitmap);
        Glyph {
            left: (2 * cell_width - side) / 2,
            top: (cell_height - side) / 2,
            width: bitmap.width() as u32,
            height: bitmap.height() as u32,
            ink: Ink::Color(bitmap),
        }
    }

    /// The face that has the character, its glyph, and which of the styles it is in truth.
    fn find_glyph(&mut self, character: char, style: Style) -> Option<(Rc<Face>, GlyphId, Style)> {
        if let Some(face) = self.style(style)
            && let Some(id) = face.glyph(character)
        {
            return Some((face, id, style));
        }
        if style != Style::default()
            && let Some(face) = self.style(Style::default())
            && let Some(id) = face.glyph(character)
        {
            return Some((face, id, Style::default()));
        }
        for face in &self.fallbacks {
            if let Some(id) = face.glyph(character) {
                return Some((Rc::clone(face), id, Style::default()));
            }
        }
        while let Some(face) = self.next_fallback() {
            if let Some(id) = face.glyph(character) {
                return Some((face, id, Style::default()));
            }
        }
        None
    }

    fn style(&mut self, style: Style) -> Option<Rc<Face>> {
        let slot = style.index();
        if self.styles[slot].is_none() {
            let face = find(&self.dirs, style.file()).and_then(|path| Face::read(&path));
            // One that is not there is the regular one from now on.
            self.styles[slot] = face.map(Rc::new).or_else(|| self.styles[0].clone());
        }
        self.styles[slot].clone()
    }

    fn next_fallback(&mut self) -> Option<Rc<Face>> {
        if self.fallbacks.len() >= MAX_FALLBACKS {
            return None;
        }
        let dirs = &self.dirs;
        let unread = self
            .unread
            .get_or_insert_with(|| fallback_files(dirs).into_iter());
        let face = unread.find_map(|path| Face::read(&path)).map(Rc::new)?;
        self.fallbacks.push(Rc::clone(&face));
        Some(face)
    }
}

fn metrics(face: &Face, size: f32) -> Metrics {
    let Some(font) = face.font() else {
        // `Face::read` has seen that it parses.
        return Metrics {
            cell_width: 1,
            cell_height: 1,
            baseline: 1,
            underline: 0,
            strikeout: 0,
            thickness: 1,
        };
    };
    let font_metrics = font.metrics(&[]).scale(size);
    let advance = font
        .glyph_metrics(&[])
        .scale(size)
        .advance_width(font.charmap().map('M'));
    let content = font_metrics.ascent + font_metrics.descent + font_metrics.leading;
    let thickness = (font_metrics.stroke_size.round() as i32).max(1);
    let cell_height = (content.round() as i32).max(2);
    let baseline =
        ((font_metrics.ascent + font_metrics.leading / 2.0).round() as i32).clamp(1, cell_height);
    let underline = baseline + (-font_metrics.underline_offset).round() as i32;
    Metrics {
        cell_width: (advance.round() as i32).max(1),
        cell_height,
        baseline,
        underline: underline.clamp(0, cell_height - thickness),
        strikeout: (baseline - font_metrics.strikeout_offset.round() as i32).max(0),
        thickness,
    }
}

/// The path of a file of that name below one of the directories.
fn find(dirs: &[PathBuf], name: &str) -> Option<PathBuf> {
    dirs.iter().find_map(|dir| {
        files(dir)
            .into_iter()
            .find(|path| path.file_name().is_some_and(|file| file == name))
    })
}

/// Other fonts, upright and regular ones first, monospaced before others.
fn fallback_files(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = dirs.iter().flat_map(|dir| files(dir)).collect();
    found.retain(|path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase());
        name.is_some_and(|name| {
            !name.starts_with("jetbrainsmono")
                && [".ttf", ".otf", ".ttc"]
                    .iter()
                    .any(|end| name.ends_with(end))
        })
    });
    found.sort_by_key(|path| {
        let name = path.to_string_lossy().to_lowercase();
        let styled = [
            "bold",
            "italic",
            "oblique",
            "light",
            "thin",
            "black",
            "condensed",
            "serif-",
        ];
        (
            styled.iter().any(|style| name.contains(style)),
            !name.contains("mono"),
            name,
        )
    });
    found
}

/// The files below a directory, in no deeper than eight levels (links may go round).
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut level = vec![dir.to_owned()];
    for _ in 0..8 {
        let mut next = Vec::new();
        for dir in level {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    next.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        level = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_font_is_an_error_that_helps() {
        let error = Fonts::new(vec![PathBuf::from("/nowhere")], 14.0)
            .err()
            .unwrap();
        assert!(error.to_string().contains("/nowhere"), "{error}");
        assert!(
            error.to_string().contains("fonts-jetbrains-mono"),
            "{error}"
        );
    }

    #[test]
    fn every_style_has_the_same_cell() {
        let mut fonts = Fonts::installed(15.0).unwrap();
        let Metrics {
            cell_width,
            cell_height,
            baseline,
            ..
        } = fonts.metrics();
        assert_eq!((cell_width, cell_height), (9, 20));
        assert!(baseline > cell_height / 2 && baseline < cell_height);
        for (bold, italic) in [(false, false), (true, false), (false, true), (true, true)] {
            let glyph = fonts.glyph('M', Style { bold, italic }).unwrap();
            assert!(glyph.left >= -1 && glyph.left + glyph.width as i32 <= cell_width + 1);
            assert!(glyph.top >= 0 && glyph.top < baseline);
        }
        assert!(fonts.glyph(' ', Style::default()).is_none());
        assert!(
            fonts
                .glyph('\u{7f}', Style::default())
                .is_none_or(|glyph| glyph.width > 0)
        );
    }
}
