//! An app's icon: its file, or a tile with a symbol or letter in a hue of its own.

use ochre_toolkit::raster::{Color, Rect};
use ochre_toolkit::theme::Oklch;
use ochre_toolkit::widget::Picture;
use ochre_toolkit::{Painter, TextSpec, Weight};

use crate::entry::{Entry, Image};

/// The entry's icon, of this logical size.
pub fn icon(entry: Option<&Entry>, title: &str, size: f32) -> Picture {
    let image = entry.map_or(Image::Letter, |entry| entry.image.clone());
    let name = entry.map_or(title, |entry| entry.name.as_str()).to_owned();
    Picture::new(size, size, move |rect, painter| {
        paint(&image, &name, size, rect, painter)
    })
}

fn paint(image: &Image, name: &str, size: f32, rect: Rect, painter: &mut Painter) {
    match image {
        Image::File(path) if painter.icon_file(path, rect) => {}
        Image::Symbol { name: symbol, hue } => {
            tile(*hue, size, rect, painter);
            painter.symbol(symbol, (size * 0.56).round(), rect, Color::WHITE);
        }
        _ => {
            // The same app has the same hue each day.
            let sum = name.bytes().fold(7u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u32::from(byte))
            });
            tile((sum % 360) as f32, size, rect, painter);
            let letter = name
                .chars()
                .find(|letter| letter.is_alphanumeric())
                .unwrap_or('?');
            let spec = TextSpec::new(
                letter.to_uppercase().to_string(),
                size * 0.5 * painter.scale,
            );
            let text = painter.shape(&spec.weight(Weight::SemiBold));
            painter.text_centred(&text, rect, Color::WHITE);
        }
    }
}

/// A rounded square that white can be seen on.
fn tile(hue: f32, size: f32, rect: Rect, painter: &mut Painter) {
    let radius = size * 0.26;
    let shade = |lightness: f32, chroma: f32| Oklch::new(lightness, chroma, hue).to_color();
    painter.fill(rect, radius, shade(0.56, 0.115));
    painter.outline(rect, radius, 1.0, shade(0.50, 0.11));
}
