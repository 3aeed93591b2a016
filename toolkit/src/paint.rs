//! The paint pass's brush: widgets draw with it in physical pixels, it fills the display list.

use std::rc::Rc;

use ochre_raster::{Bitmap, Color, Direction, Radii, Rect, Shadow};
use ochre_theme::{Elevation, Theme};

use crate::display::{DisplayList, Draw, Item};
use crate::text::{Text, TextSpec};
use crate::ui::Resources;

/// Emits a display list.
pub struct Painter<'a> {
    pub theme: &'a Theme,
    pub scale: f32,
    pub(crate) resources: &'a Resources,
    pub(crate) list: DisplayList,
    clips: Vec<Rect>,
}

impl<'a> Painter<'a> {
    pub(crate) fn new(theme: &'a Theme, scale: f32, resources: &'a Resources, all: Rect) -> Self {
        Painter {
            theme,
            scale,
            resources,
            list: DisplayList::default(),
            clips: vec![all],
        }
    }

    pub fn clip(&self) -> Rect {
        self.clips.last().copied().unwrap_or(Rect::EMPTY)
    }

    pub(crate) fn push_clip(&mut self, rect: Rect) {
        let clip = self.clip().intersect(&rect);
        self.clips.push(clip);
    }

    pub(crate) fn pop_clip(&mut self) {
        if self.clips.len() > 1 {
            self.clips.pop();
        }
    }

    /// Logical to physical pixels.
    pub fn px(&self, logical: f32) -> i32 {
        (logical * self.scale).round() as i32
    }

    fn emit(&mut self, draw: Draw) {
        let clip = self.clip();
        if !clip.is_empty() {
            self.list.items.push(Item { clip, draw });
        }
    }

    /// `radius` is logical.
    pub fn fill(&mut self, rect: Rect, radius: f32, color: Color) {
        if color.alpha() != 0 && !rect.is_empty() {
            let radii = Radii::from(self.px(radius).max(0) as u32);
            self.emit(Draw::Fill { rect, radii, color });
        }
    }

    /// `radius` and `thickness` are logical; no outline is thinner than a pixel.
    pub fn outline(&mut self, rect: Rect, radius: f32, thickness: f32, color: Color) {
        if color.alpha() != 0 && !rect.is_empty() {
            let radii = Radii::from(self.px(radius).max(0) as u32);
            let thickness = self.px(thickness).max(1) as u32;
            self.emit(Draw::Outline {
                rect,
                radii,
                thickness,
                color,
            });
        }
    }

    pub fn gradient(&mut self, rect: Rect, direction: Direction, from: Color, to: Color) {
        self.emit(Draw::Gradient {
            rect,
            direction,
            from,
            to,
        });
    }

    /// The layers of a shadow, under an opaque box.
    pub fn shadow(&mut self, rect: Rect, radius: f32, layers: &[Elevation]) {
        for layer in layers {
            let drop = self.px(layer.offset);
            let shadow = Shadow {
                sigma: layer.sigma * self.scale,
                radius: self.px(radius).max(0) as u32,
                color: self.theme.tokens.shadow.faded(layer.alpha),
                hollow: Some(drop),
            };
            let rect = rect.translate(0, drop);
            self.emit(Draw::Shadow { rect, shadow });
        }
    }

    pub fn shape(&self, spec: &TextSpec) -> Rc<Text> {
        self.resources.shaper.borrow_mut().shape(spec)
    }

    pub fn shape_cut(&self, spec: &TextSpec, width: f32) -> Rc<Text> {
        self.resources.shaper.borrow_mut().shape_cut(spec, width)
    }

    /// The text's top left goes to (x, y).
    pub fn text(&mut self, text: &Rc<Text>, x: f32, y: f32, color: Color) {
        self.emit(Draw::Text {
            text: text.clone(),
            x,
            y: y.round(),
            color,
        });
    }

    /// The text in the middle of the rectangle's height, from its left edge.
    pub fn text_in(&mut self, text: &Rc<Text>, rect: Rect, color: Color) {
        let y = rect.y as f32 + (rect.height as f32 - text.height) / 2.0;
        self.text(text, rect.x as f32, y, color);
    }

    /// The text in the middle of the rectangle.
    pub fn text_centred(&mut self, text: &Rc<Text>, rect: Rect, color: Color) {
        let x = rect.x as f32 + (rect.width as f32 - text.width) / 2.0;
        let y = rect.y as f32 + (rect.height as f32 - text.height) / 2.0;
        self.text(text, x, y, color);
    }

    /// A symbol of logical size in the middle of the rectangle.
    pub fn symbol(&mut self, name: &str, size: f32, rect: Rect, color: Color) {
        let side = self.px(size).max(1);
        if let Some(symbol) = self.resources.icons.symbol(name, side as u32) {
            let x = rect.x + (rect.width - side) / 2;
            let y = rect.y + (rect.height - side) / 2;
            self.emit(Draw::Symbol {
                symbol,
                x,
                y,
                color,
            });
        }
    }

    /// A picture, from the rectangle's top left and cut to it.
    pub fn picture(&mut self, picture: &Rc<Bitmap>, rect: Rect, radius: f32) {
        let radii = Radii::from(self.px(radius).max(0) as u32);
        self.emit(Draw::Picture {
            picture: picture.clone(),
            rect,
            radii,
        });
    }

    /// An app's icon file, of the rectangle's size; whether there is one.
    pub fn icon_file(&mut self, path: &std::path::Path, rect: Rect) -> bool {
        let picture = self.resources.icons.picture(path, rect.width.max(0) as u32);
        if let Some(picture) = &picture {
            self.picture(picture, rect, 0.0);
        }
        picture.is_some()
    }

    /// The ring around the widget that has the keyboard.
    pub fn focus_ring(&mut self, rect: Rect, radius: f32) {
        let width = self.theme.metrics.focus_width;
        let gap = 1.0;
        let color = self.theme.tokens.focus;
        let reach = self.px(width + gap);
        self.outline(rect.inset(-reach), radius + width + gap, width, color);
    }
}
