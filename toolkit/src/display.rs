//! The display list: everything a window shows, as values that can be compared.
//!
//! Each item knows its ink (what it can touch) and its clip. The damage between two lists is the ink of
//! what only one of them has; items that both have, in the same order, need no drawing.

use std::rc::Rc;

use ochre_raster::{Bitmap, Canvas, Color, Direction, Mask, Radii, Rect, Region, Shadow};

use crate::icons::Symbol;
use crate::text::{GlyphCache, Text, ink};

/// One thing to draw.
#[derive(Clone)]
pub(crate) enum Draw {
    Fill {
        rect: Rect,
        radii: Radii,
        color: Color,
    },
    Outline {
        rect: Rect,
        radii: Radii,
        thickness: u32,
        color: Color,
    },
    Gradient {
        rect: Rect,
        direction: Direction,
        from: Color,
        to: Color,
    },
    Shadow {
        rect: Rect,
        shadow: Shadow,
    },
    Text {
        text: Rc<Text>,
        x: f32,
        y: f32,
        color: Color,
    },
    Symbol {
        symbol: Rc<Symbol>,
        x: i32,
        y: i32,
        color: Color,
    },
    Picture {
        picture: Rc<Bitmap>,
        rect: Rect,
        radii: Radii,
    },
}

impl PartialEq for Draw {
    fn eq(&self, other: &Draw) -> bool {
        use Draw::*;
        match (self, other) {
            (
                Fill {
                    rect: a,
                    radii: b,
                    color: c,
                },
                Fill {
                    rect: d,
                    radii: e,
                    color: f,
                },
            ) => (a, b, c) == (d, e, f),
            (
                Outline {
                    rect: a,
                    radii: b,
                    thickness: c,
                    color: d,
                },
                Outline {
                    rect: e,
                    radii: f,
                    thickness: g,
                    color: h,
                },
            ) => (a, b, c, d) == (e, f, g, h),
            (
                Gradient {
                    rect: a,
                    direction: b,
                    from: c,
                    to: d,
                },
                Gradient {
                    rect: e,
                    direction: f,
                    from: g,
                    to: h,
                },
            ) => (a, b, c, d) == (e, f, g, h),
            (Shadow { rect: a, shadow: b }, Shadow { rect: c, shadow: d }) => (a, b) == (c, d),
            (
                Text {
                    text: a,
                    x: b,
                    y: c,
                    color: d,
                },
                Text {
                    text: e,
                    x: f,
                    y: g,
                    color: h,
                },
            ) => Rc::ptr_eq(a, e) && (b, c, d) == (f, g, h),
            (
                Symbol {
                    symbol: a,
                    x: b,
                    y: c,
                    color: d,
                },
                Symbol {
                    symbol: e,
                    x: f,
                    y: g,
                    color: h,
                },
            ) => Rc::ptr_eq(a, e) && (b, c, d) == (f, g, h),
            (
                Picture {
                    picture: a,
                    rect: b,
                    radii: c,
                },
                Picture {
                    picture: d,
                    rect: e,
                    radii: f,
                },
            ) => Rc::ptr_eq(a, d) && (b, c) == (e, f),
            _ => false,
        }
    }
}

#[derive(Clone, PartialEq)]
pub(crate) struct Item {
    pub clip: Rect,
    pub draw: Draw,
}

impl Item {
    /// Everything the item can touch.
    fn ink(&self) -> Rect {
        let ink = match &self.draw {
            Draw::Fill { rect, .. }
            | Draw::Outline { rect, .. }
            | Draw::Gradient { rect, .. }
            | Draw::Picture { rect, .. } => *rect,
            Draw::Shadow { rect, shadow } => shadow.bounds(*rect),
            Draw::Text { text, x, y, .. } => ink(&text.runs, *x, *y, text.width, text.height),
            Draw::Symbol { symbol, x, y, .. } => {
                Rect::new(*x, *y, symbol.side as i32, symbol.side as i32)
            }
        };
        ink.intersect(&self.clip)
    }
}

/// What a window shows.
#[derive(Clone, Default, PartialEq)]
pub struct DisplayList {
    pub(crate) items: Vec<Item>,
}

/// How far the matching of two lists looks ahead.
const LOOK_AHEAD: usize = 48;

/// Damage never has more rectangles than this.
const MOST_RECTS: usize = 16;

impl DisplayList {
    /// Where this list and the one before look different.
    pub fn damage_since(&self, before: &DisplayList) -> Region {
        let mut damage = Region::new();
        let mut next = 0;
        for item in &self.items {
            let ahead = before.items[next..].iter().take(LOOK_AHEAD);
            match ahead.into_iter().position(|old| old == item) {
                Some(skipped) => {
                    for gone in &before.items[next..next + skipped] {
                        damage.add(gone.ink());
                    }
                    next += skipped + 1;
                }
                None => damage.add(item.ink()),
            }
        }
        for gone in &before.items[next..] {
            damage.add(gone.ink());
        }
        damage.simplify(MOST_RECTS);
        damage
    }

    /// Draws the list within the region, over `background`.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas,
        region: &Region,
        background: Color,
        glyphs: &mut GlyphCache,
    ) {
        for rect in region.rects() {
            let mut part = canvas.clipped(*rect);
            part.replace(*rect, background);
            for item in &self.items {
                if item.ink().intersects(rect) {
                    draw(&mut part.clipped(item.clip), &item.draw, glyphs);
                }
            }
        }
    }
}

fn draw(canvas: &mut Canvas, draw: &Draw, glyphs: &mut GlyphCache) {
    match draw {
        Draw::Fill { rect, radii, color } => canvas.fill_rounded(*rect, *radii, *color),
        Draw::Outline {
            rect,
            radii,
            thickness,
            color,
        } => {
            canvas.outline(*rect, *radii, *thickness, *color);
        }
        Draw::Gradient {
            rect,
            direction,
            from,
            to,
        } => {
            canvas.gradient(*rect, *direction, *from, *to);
        }
        Draw::Shadow { rect, shadow } => canvas.shadow(*rect, shadow),
        Draw::Text { text, x, y, color } => {
            for run in &text.runs {
                glyphs.draw(canvas, run, *x, *y, *color);
            }
        }
        Draw::Symbol {
            symbol,
            x,
            y,
            color,
        } => {
            let side = symbol.side;
            if let Some(mask) = Mask::new(&symbol.coverage, side, side, side as usize) {
                canvas.fill_mask(&mask, (*x, *y), *color);
            }
        }
        Draw::Picture {
            picture,
            rect,
            radii,
        } => {
            let whole = picture.bounds();
            canvas.blend_rounded(
                &picture.image(),
                whole,
                (rect.x, rect.y),
                255,
                *rect,
                *radii,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(x: i32, color: u32) -> Item {
        Item {
            clip: Rect::new(0, 0, 100, 10),
            draw: Draw::Fill {
                rect: Rect::new(x, 0, 10, 10),
                radii: Radii::default(),
                color: Color::rgb(color),
            },
        }
    }

    fn list(items: &[Item]) -> DisplayList {
        DisplayList {
            items: items.to_vec(),
        }
    }

    #[test]
    fn damage_is_what_changed() {
        let before = list(&[fill(0, 1), fill(20, 2), fill(40, 3)]);
        assert!(before.damage_since(&before).is_empty());
        let recoloured = list(&[fill(0, 1), fill(20, 9), fill(40, 3)]);
        assert_eq!(
            recoloured.damage_since(&before).rects(),
            [Rect::new(20, 0, 10, 10)]
        );
        let gone = list(&[fill(0, 1), fill(40, 3)]);
        assert_eq!(
            gone.damage_since(&before).rects(),
            [Rect::new(20, 0, 10, 10)]
        );
        assert_eq!(
            before.damage_since(&gone).rects(),
            [Rect::new(20, 0, 10, 10)]
        );
    }

    #[test]
    fn redrawing_the_damage_gives_the_whole_picture() {
        let lists = [
            list(&[fill(0, 1), fill(5, 2), fill(30, 3)]),
            list(&[fill(5, 2), fill(0, 1), fill(30, 3)]),
            list(&[fill(30, 3), fill(25, 7)]),
            list(&[]),
        ];
        let mut glyphs = GlyphCache::new();
        for before in &lists {
            for after in &lists {
                let mut kept = Bitmap::new(60, 10).unwrap();
                let whole = Region::from(kept.bounds());
                before.draw(&mut kept.canvas(), &whole, Color::WHITE, &mut glyphs);
                let damage = after.damage_since(before);
                after.draw(&mut kept.canvas(), &damage, Color::WHITE, &mut glyphs);
                let mut fresh = Bitmap::new(60, 10).unwrap();
                after.draw(&mut fresh.canvas(), &whole, Color::WHITE, &mut glyphs);
                assert_eq!(kept, fresh);
            }
        }
    }
}
