//! Draws a frame: only the cells that differ from those on screen.

use std::rc::Rc;

use ochre_raster::{Bitmap, Canvas, Color, Rect};

use crate::font::{Fonts, Glyph, Ink, Metrics, Style};
use crate::frame::{Cell, Cursor, Frame, Underline};

/// The window's pixels and the frame that they show.
pub struct Painter {
    pixels: Bitmap,
    shown: Frame,
    padding: i32,
    ground: Color,
    /// Nothing on screen can be kept.
    stale: bool,
    /// The bell has been rung: a border in this colour is around the window.
    rung: bool,
    bell: Color,
}

impl Painter {
    pub fn new() -> Painter {
        Painter {
            pixels: Bitmap::from_pixels(Vec::new(), 0, 0).expect("nothing fits nothing"),
            shown: Frame::default(),
            padding: 0,
            ground: Color::TRANSPARENT,
            stale: true,
            rung: false,
            bell: Color::TRANSPARENT,
        }
    }

    /// Shows a border in `color` as the bell, or no more.
    pub fn ring(&mut self, color: Option<Color>) {
        self.stale |= self.rung && color.is_none();
        self.rung = color.is_some();
        self.bell = color.unwrap_or(Color::TRANSPARENT);
    }

    /// Sets the window's size and the space around the cells; false if there can be no such window.
    pub fn resize(&mut self, width: u32, height: u32, padding: i32) -> bool {
        let Some(pixels) = Bitmap::new(width, height) else {
            return false;
        };
        self.pixels = pixels;
        self.padding = padding;
        self.stale = true;
        true
    }

    pub fn pixels(&self) -> &Bitmap {
        &self.pixels
    }

    /// Forgets what is on screen: all cells are drawn next time.
    pub fn invalidate(&mut self) {
        self.stale = true;
    }

    /// Draws `frame`, whose cells `self` keeps in exchange for those before, and tells which parts
    /// of the window changed.
    pub fn paint(&mut self, frame: &mut Frame, ground: Color, fonts: &mut Fonts) -> Vec<Rect> {
        let whole = self.stale
            || ground != self.ground
            || (frame.columns, frame.lines) != (self.shown.columns, self.shown.lines);
        let metrics = fonts.metrics();
        let mut damage = Vec::new();
        if whole {
            let bounds = self.pixels.bounds();
            self.pixels.canvas().replace(bounds, ground);
            damage.push(bounds);
        }
        let columns = frame.columns;
        for line in 0..if columns == 0 { 0 } else { frame.lines } {
            let row = line * columns..(line + 1) * columns;
            let next = &frame.cells[row.clone()];
            let shown = if whole {
                &[][..]
            } else {
                &self.shown.cells[row]
            };
            let y = self.padding + line as i32 * metrics.cell_height;
            for changed in changes(shown, next) {
                let rect = Rect::new(
                    self.padding + changed.start as i32 * metrics.cell_width,
                    y,
                    changed.len() as i32 * metrics.cell_width,
                    metrics.cell_height,
                );
                let mut canvas = self.pixels.canvas();
                draw(&mut canvas.clipped(rect), rect, &next[changed], fonts);
                if !whole {
                    damage.push(rect);
                }
            }
        }
        if self.rung {
            let bounds = self.pixels.bounds();
            let thickness = 3 * metrics.thickness as u32;
            self.pixels
                .canvas()
                .outline(bounds, 0, thickness, self.bell);
            damage = vec![bounds];
        }
        std::mem::swap(&mut self.shown, frame);
        self.ground = ground;
        self.stale = false;
        damage
    }
}

impl Default for Painter {
    fn default() -> Self {
        Painter::new()
    }
}

/// The runs of cells that differ. Runs close to each other are one: a rectangle costs more than
/// a few cells. A wide character's two cells stay together.
fn changes(shown: &[Cell], next: &[Cell]) -> Vec<std::ops::Range<usize>> {
    const CLOSE: usize = 4;
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    if shown.len() != next.len() {
        runs.push(0..next.len());
        return runs;
    }
    for (column, (shown, next)) in shown.iter().zip(next).enumerate() {
        if shown != next {
            match runs.last_mut() {
                Some(run) if column <= run.end + CLOSE => run.end = column + 1,
                _ => runs.push(column..column + 1),
            }
        }
    }
    for run in &mut runs {
        if next[run.start].width == 0 {
            run.start = run.start.saturating_sub(1);
        }
        if next[run.end - 1].width == 2 {
            run.end = (run.end + 1).min(next.len());
        }
    }
    runs
}

/// Draws a run of cells: grounds first, so that no glyph is cut by its neighbour's ground.
fn draw(canvas: &mut Canvas<'_>, rect: Rect, cells: &[Cell], fonts: &mut Fonts) {
    let metrics = fonts.metrics();
    let mut start = 0;
    while start < cells.len() {
        let ground = cells[start].ground;
        let same = cells[start..]
            .iter()
            .take_while(|cell| cell.ground == ground)
            .count();
        let x = rect.x + start as i32 * metrics.cell_width;
        let width = same as i32 * metrics.cell_width;
        canvas.fill(Rect::new(x, rect.y, width, rect.height), ground);
        start += same;
    }
    for (index, cell) in cells.iter().enumerate() {
        let x = rect.x + index as i32 * metrics.cell_width;
        let width = i32::from(cell.width.max(1)) * metrics.cell_width;
        let place = Rect::new(x, rect.y, width, rect.height);
        draw_cell(canvas, place, cell, fonts, &metrics);
    }
}

fn draw_cell(
    canvas: &mut Canvas<'_>,
    place: Rect,
    cell: &Cell,
    fonts: &mut Fonts,
    metrics: &Metrics,
) {
    let style = Style {
        bold: cell.bold,
        italic: cell.italic,
    };
    if cell.text != cell.ground {
        if let Some(glyph) = fonts.glyph(cell.character, style) {
            draw_glyph(canvas, place, (place.x, place.y), &glyph, cell);
        }
        for accent in cell.accents.iter().flat_map(|accents| accents.iter()) {
            if let Some(glyph) = fonts.glyph(*accent, style) {
                // Fonts place accents either in a cell of their own or back over the one before.
                let back = glyph.left + (glyph.width as i32) / 2 < 0;
                let x = place.x + if back { metrics.cell_width } else { 0 };
                draw_glyph(canvas, place, (x, place.y), &glyph, cell);
            }
        }
    }
    let color = cell.underline_color;
    let thickness = metrics.thickness;
    let y = place.y + metrics.underline;
    let mut line = |x: i32, y: i32, width: i32, color: Color| {
        canvas.fill(Rect::new(x, y, width, thickness), color);
    };
    match cell.underline {
        Underline::None => {}
        Underline::Single => line(place.x, y, place.width, color),
        Underline::Double => {
            line(place.x, y - thickness, place.width, color);
            line(place.x, y + thickness, place.width, color);
        }
        Underline::Dotted => {
            // In the window's steps, not the cell's, so that dots are even from cell to cell.
            let step = 2 * thickness;
            let first = place.x.div_euclid(step) * step;
            for x in (first..place.right())
                .step_by(step as usize)
                .filter(|x| *x >= place.x)
            {
                line(x, y, thickness, color);
            }
        }
        Underline::Dashed => {
            let dash = (place.width / 3).max(1);
            line(place.x, y, dash, color);
            line(place.right() - dash, y, dash, color);
        }
        Underline::Curly => {
            let height = (2 * thickness)
                .min(metrics.cell_height - metrics.underline)
                .max(1);
            let turns = std::f32::consts::TAU / metrics.cell_width as f32;
            for x in place.x..place.right() {
                let wave = ((x - place.x) as f32 * turns).sin() * height as f32 / 2.0;
                canvas.fill(Rect::new(x, y + wave.round() as i32, 1, thickness), color);
            }
        }
    }
    if cell.struck {
        canvas.fill(
            Rect::new(place.x, place.y + metrics.strikeout, place.width, thickness),
            cell.text,
        );
    }
    match cell.cursor {
        None => {}
        Some((Cursor::Hollow, color)) => canvas.outline(place, 0, thickness as u32, color),
        Some((Cursor::Beam, color)) => {
            let width = (metrics.cell_width / 6).max(thickness + 1);
            canvas.fill(Rect::new(place.x, place.y, width, place.height), color);
        }
        Some((Cursor::Underline, color)) => {
            let height = (metrics.cell_height / 8).max(thickness + 1);
            canvas.fill(
                Rect::new(place.x, place.bottom() - height, place.width, height),
                color,
            );
        }
    }
}

fn draw_glyph(
    canvas: &mut Canvas<'_>,
    place: Rect,
    origin: (i32, i32),
    glyph: &Rc<Glyph>,
    cell: &Cell,
) {
    // A glyph that is too wide for its cells is cut there: what a cell shows depends on it alone.
    let mut canvas = canvas.clipped(place);
    let at = (origin.0 + glyph.left, origin.1 + glyph.top);
    match &glyph.ink {
        Ink::Mask(_) => {
            if let Some(mask) = glyph.mask() {
                let drawn =
                    glyph.width as i32 == place.width && glyph.height as i32 == place.height;
                if drawn && (0x2500..0x2900).contains(&u32::from(cell.character)) {
                    canvas.fill_mask(&mask, at, cell.text); // lines and shades are no text
                } else {
                    canvas.fill_glyph(&mask, at, cell.text);
                }
            }
        }
        Ink::Color(bitmap) => {
            canvas.blend(&bitmap.image(), bitmap.bounds(), at, 255);
        }
    }
}
