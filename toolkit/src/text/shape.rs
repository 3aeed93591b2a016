//! Shaped text, by what it says, its size, weight, family and width.

use std::collections::HashMap;
use std::rc::Rc;

use parley::editing::Cursor;
use parley::style::{FontFamily, FontFamilyName, FontWeight, LineHeight, StyleProperty};
use parley::{Affinity, FontData, LayoutContext, PositionedLayoutItem};

use crate::text::fonts::Fonts;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Weight {
    #[default]
    Regular,
    Medium,
    SemiBold,
    Bold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    #[default]
    Ui,
    Mono,
}

/// What a text looks like. Sizes are physical pixels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextSpec {
    pub text: String,
    /// Font size in 1/64 pixel.
    size: u32,
    pub weight: Weight,
    pub family: Family,
    /// Where lines break; none for a single line.
    wrap: Option<u32>,
}

impl TextSpec {
    pub fn new(text: impl Into<String>, size: f32) -> TextSpec {
        let size = (size.clamp(1.0, 1_000.0) * 64.0).round() as u32;
        TextSpec {
            text: text.into(),
            size,
            weight: Weight::Regular,
            family: Family::Ui,
            wrap: None,
        }
    }

    #[must_use]
    pub fn weight(mut self, weight: Weight) -> TextSpec {
        self.weight = weight;
        self
    }

    #[must_use]
    pub fn family(mut self, family: Family) -> TextSpec {
        self.family = family;
        self
    }

    /// Breaks lines at this width.
    #[must_use]
    pub fn wrapped(mut self, width: Option<f32>) -> TextSpec {
        self.wrap = width.map(|width| width.clamp(0.0, 1e6).ceil() as u32);
        self
    }

    pub fn size(&self) -> f32 {
        self.size as f32 / 64.0
    }
}

/// A glyph and where its origin is, relative to the text's top left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub glyph: u16,
    pub x: f32,
    pub y: f32,
}

/// Glyphs of one face and size.
#[derive(Clone, Debug)]
pub(crate) struct GlyphRun {
    pub font: FontData,
    pub size: f32,
    pub coords: Vec<i16>,
    pub glyphs: Vec<Placed>,
}

/// A shaped text.
pub struct Text {
    pub width: f32,
    pub height: f32,
    /// Of the first line, from the top.
    pub baseline: f32,
    pub(crate) runs: Vec<GlyphRun>,
    layout: parley::Layout<()>,
}

impl Text {
    fn new(layout: parley::Layout<()>) -> Text {
        let mut runs = Vec::new();
        for line in layout.lines() {
            for item in line.items() {
                let PositionedLayoutItem::GlyphRun(run) = item else {
                    continue;
                };
                let glyphs = run
                    .positioned_glyphs()
                    .filter_map(|glyph| {
                        let id = u16::try_from(glyph.id).ok()?;
                        Some(Placed {
                            glyph: id,
                            x: glyph.x,
                            y: glyph.y,
                        })
                    })
                    .collect();
                runs.push(GlyphRun {
                    font: run.run().font().clone(),
                    size: run.run().font_size(),
                    coords: run
                        .run()
                        .normalized_coords()
                        .iter()
                        .map(|coord| coord.to_bits())
                        .collect(),
                    glyphs,
                });
            }
        }
        Text {
            width: layout.width(),
            height: layout.height(),
            baseline: layout.first_baseline().unwrap_or(0.0),
            runs,
            layout,
        }
    }

    /// Where the caret before byte `index` stands, from the left.
    pub fn caret(&self, index: usize) -> f32 {
        let cursor = Cursor::from_byte_index(&self.layout, index, Affinity::Downstream);
        cursor.geometry(&self.layout, 1.0).x0 as f32
    }

    /// The byte index nearest to `x` on the first line.
    pub fn index_at(&self, x: f32) -> usize {
        Cursor::from_point(&self.layout, x, self.height / 2.0).index()
    }

    /// Width with the blanks at the end, where a caret can stand.
    pub fn full_width(&self) -> f32 {
        self.layout.full_width()
    }
}

/// Shapes texts and keeps them.
pub(crate) struct Shaper {
    fonts: Fonts,
    context: LayoutContext<()>,
    ui: String,
    mono: String,
    /// Texts of this generation and the last: what neither used is forgotten.
    fresh: HashMap<TextSpec, Rc<Text>>,
    stale: HashMap<TextSpec, Rc<Text>>,
}

/// Texts in a generation.
const KEPT: usize = 1_024;

impl Shaper {
    pub fn new(ui: &str, mono: &str) -> Shaper {
        Shaper {
            fonts: Fonts::new(),
            context: LayoutContext::new(),
            ui: ui.to_owned(),
            mono: mono.to_owned(),
            fresh: HashMap::new(),
            stale: HashMap::new(),
        }
    }

    /// Chooses other families.
    pub fn set_families(&mut self, ui: &str, mono: &str) {
        if self.ui != ui || self.mono != mono {
            self.ui = ui.to_owned();
            self.mono = mono.to_owned();
            self.fresh.clear();
            self.stale.clear();
        }
    }

    pub fn shape(&mut self, spec: &TextSpec) -> Rc<Text> {
        if let Some(text) = self.fresh.get(spec) {
            return text.clone();
        }
        let text = match self.stale.remove(spec) {
            Some(text) => text,
            None => Rc::new(self.lay_out(spec)),
        };
        if self.fresh.len() >= KEPT {
            self.stale = std::mem::take(&mut self.fresh);
        }
        self.fresh.insert(spec.clone(), text.clone());
        text
    }

    /// One line, cut with an ellipsis where it is wider than `width`.
    pub fn shape_cut(&mut self, spec: &TextSpec, width: f32) -> Rc<Text> {
        let whole = self.shape(spec);
        if whole.width <= width + 0.5 {
            return whole;
        }
        let ends: Vec<usize> = spec.text.char_indices().map(|(at, _)| at).collect();
        let (mut low, mut high) = (0, ends.len());
        // `low` letters fit (or none do), `high` don't.
        while low + 1 < high {
            let middle = (low + high) / 2;
            if self.shape(&cut(spec, ends[middle])).width <= width {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.shape(&cut(spec, ends.get(low).copied().unwrap_or(0)))
    }

    fn lay_out(&mut self, spec: &TextSpec) -> Text {
        if !self.fonts.all_read() && spec.text.chars().any(is_unusual) {
            self.fonts.read_all();
        }
        let chosen = match spec.family {
            Family::Ui => &self.ui,
            Family::Mono => &self.mono,
        };
        let families = [chosen.as_str(), "Inter", "DejaVu Sans"].map(FontFamilyName::named);
        let weight = match spec.weight {
            Weight::Regular => FontWeight::NORMAL,
            Weight::Medium => FontWeight::MEDIUM,
            Weight::SemiBold => FontWeight::SEMI_BOLD,
            Weight::Bold => FontWeight::BOLD,
        };
        let context = &mut self.fonts.context;
        let mut builder = self.context.ranged_builder(context, &spec.text, 1.0, true);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(
            families.as_slice().into(),
        )));
        builder.push_default(StyleProperty::FontSize(spec.size()));
        builder.push_default(StyleProperty::FontWeight(weight));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(1.4)));
        if spec.family == Family::Ui {
            // Inter is spaced for text; at title sizes it wants to be tighter.
            let size = spec.size();
            let tracking = if size > 18.0 {
                -0.014 * size
            } else {
                -0.003 * size
            };
            builder.push_default(StyleProperty::LetterSpacing(tracking));
        }
        let mut layout: parley::Layout<()> = builder.build(&spec.text);
        layout.break_all_lines(spec.wrap.map(|width| width as f32));
        layout.align(
            parley::Alignment::Start,
            parley::AlignmentOptions::default(),
        );
        Text::new(layout)
    }
}

fn cut(spec: &TextSpec, end: usize) -> TextSpec {
    let kept = spec.text.get(..end).unwrap_or("").trim_end();
    TextSpec {
        text: format!("{kept}…"),
        ..spec.clone()
    }
}

/// Letters that the first fonts don't have.
fn is_unusual(letter: char) -> bool {
    let covered = matches!(u32::from(letter), 0..0x530 | 0x1e00..0x2000 | 0x2000..0x2070
        | 0x20a0..0x20d0 | 0x2100..0x2200 | 0x2500..0x2600);
    !covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_to_fit() {
        let mut shaper = Shaper::new("Inter", "JetBrains Mono");
        let spec = TextSpec::new("A rather long window title, longer than its room", 14.0);
        let whole = shaper.shape(&spec).width;
        for width in [0.0, 5.0, 60.0, 200.0] {
            let cut = shaper.shape_cut(&spec, width);
            assert!(cut.width < whole);
            assert!(cut.width <= width.max(20.0), "{width}: {}", cut.width);
        }
        assert_eq!(shaper.shape_cut(&spec, whole + 1.0).width, whole);
    }

    #[test]
    fn carets_stand_between_letters() {
        let mut shaper = Shaper::new("Inter", "JetBrains Mono");
        let text = shaper.shape(&TextSpec::new("Grüße, world", 16.0));
        let carets: Vec<f32> = "Grüße, world"
            .char_indices()
            .map(|(at, _)| text.caret(at))
            .collect();
        assert!(carets.is_sorted_by(|a, b| a < b), "{carets:?}");
        assert_eq!(text.index_at(-5.0), 0);
        assert_eq!(text.index_at(1e6), "Grüße, world".len());
        assert_eq!(text.index_at(text.caret(4) + 0.1), 4);
    }
}
