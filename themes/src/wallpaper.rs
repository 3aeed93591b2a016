//! The desktop's picture: dunes in the theme's colours, a plain gradient, or a PNG file.
//!
//! Dunes are painted from integer tables, a few operations a pixel: even an emulated machine paints a
//! full screen in well under a second. All gradients are dithered, so that none shows bands.

use std::io::BufReader;
use std::path::Path;

use ochre_raster::{Bitmap, Color, FixedRect, Rect};

use crate::compile::Theme;
use crate::oklch::Oklch;
use crate::store;

/// Pictures wider or higher than this are not for a screen.
const LARGEST: u32 = 16_384;
/// And no larger an area: a small file may claim any.
const LARGEST_AREA: u64 = 64 << 20;

/// Paints the theme's wallpaper; every pixel is opaque. None when the size can't be.
pub fn paint(theme: &Theme, width: u32, height: u32) -> Option<Bitmap> {
    if width > LARGEST || height > LARGEST {
        return None;
    }
    if width == 0 || height == 0 {
        return Bitmap::new(width, height);
    }
    match theme.wallpaper.as_str() {
        "dunes" => return dunes(theme, width as usize, height as usize),
        "plain" => {}
        file => {
            if let Some(picture) = read_png(Path::new(file)) {
                let mut bitmap = Bitmap::new(width, height)?;
                cover(&mut bitmap, picture);
                return Some(bitmap);
            }
        }
    }
    let lit = |by: f32| {
        let shade = Oklch::from(theme.tokens.desktop);
        shade.with_lightness(shade.lightness + by).to_color()
    };
    let sky = Sky::between(
        Oklch::from(lit(0.03)),
        Oklch::from(lit(-0.03)),
        height as usize,
    );
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    for (y, row) in sky.rows.iter().enumerate() {
        pixels.extend((0..width as usize).map(|x| row.dithered(x, y)));
    }
    Bitmap::from_pixels(pixels, width, height)
}

/// A colour with eight more bits, to be dithered down.
#[derive(Clone, Copy, Default)]
struct Deep([u32; 3]);

/// Bayer's 8 × 8 order, each value once.
const BAYER: [[u32; 8]; 8] = {
    let mut order = [[0; 8]; 8];
    let mut y = 0;
    while y < 8 {
        let mut x = 0;
        while x < 8 {
            let (mixed, mut bit) = (x ^ y, 0);
            let mut value = 0;
            while bit < 3 {
                value = value << 2 | ((mixed >> bit) & 1) << 1 | ((y >> bit) & 1);
                bit += 1;
            }
            order[y][x] = value as u32 * 4 + 2;
            x += 1;
        }
        y += 1;
    }
    order
};

impl Deep {
    fn new(color: Oklch) -> Deep {
        Deep(
            color
                .to_srgb()
                .map(|channel| (channel * 255.0 * 256.0) as u32),
        )
    }

    fn mix(self, other: Deep, part: u32, whole: u32) -> Deep {
        let blend = |at: usize| {
            let sum = u64::from(self.0[at]) * u64::from(whole - part)
                + u64::from(other.0[at]) * u64::from(part);
            (sum / u64::from(whole)) as u32
        };
        Deep([blend(0), blend(1), blend(2)])
    }

    #[inline]
    fn dithered(self, x: usize, y: usize) -> u32 {
        let threshold = BAYER[y & 7][x & 7];
        let [red, green, blue] = self.0.map(|channel| ((channel + threshold) >> 8).min(255));
        0xff00_0000 | red << 16 | green << 8 | blue
    }
}

/// One colour a row.
struct Sky {
    rows: Vec<Deep>,
}

/// Steps between colours of a gradient that are computed in OKLCH.
const STOPS: usize = 32;

/// `count` colours from one to another, straight through OKLCH (the shorter way round the hues).
fn gradient(from: Oklch, to: Oklch, count: usize) -> Vec<Deep> {
    let turn = (to.hue - from.hue + 540.0).rem_euclid(360.0) - 180.0;
    let stops: Vec<Deep> = (0..=STOPS)
        .map(|stop| {
            let part = stop as f32 / STOPS as f32;
            Deep::new(Oklch::new(
                from.lightness + (to.lightness - from.lightness) * part,
                from.chroma + (to.chroma - from.chroma) * part,
                from.hue + turn * part,
            ))
        })
        .collect();
    let last = count.max(2) - 1;
    (0..count)
        .map(|at| {
            let position = at * STOPS * 256 / last;
            let stop = (position / 256).min(STOPS - 1);
            stops[stop].mix(stops[stop + 1], (position - stop * 256) as u32, 256)
        })
        .collect()
}

impl Sky {
    fn between(top: Oklch, bottom: Oklch, height: usize) -> Sky {
        Sky {
            rows: gradient(top, bottom, height),
        }
    }
}

/// A range of dunes.
struct Layer {
    /// Where each column's crest is, in 1/256 pixel.
    crest: Vec<i32>,
    /// How much light each column's slope catches, in table entries.
    light: Vec<i32>,
    /// Colours from the lit crest down into the shade.
    shades: Vec<Deep>,
    /// Table entries per pixel of depth, in 1/256.
    fall: i32,
}

const SHADES: usize = 256;

/// (height of the horizon, amplitude, waves across, phase) of each range, far to near.
const RANGES: [(f32, f32, f32, f32); 5] = [
    (0.610, 0.036, 1.25, 0.60),
    (0.680, 0.075, 0.95, 2.55),
    (0.765, 0.105, 0.80, 4.75),
    (0.860, 0.120, 0.66, 1.05),
    (0.985, 0.130, 0.55, 3.55),
];

impl Layer {
    fn new(at: usize, width: usize, height: usize, palette: &Palette) -> Layer {
        let (horizon, swell, waves, phase) = RANGES[at];
        let crest_at = |x: f32| {
            let t = x * waves * std::f32::consts::TAU + phase;
            // A wave that leans: dunes rise gently and fall steeply.
            let lean = (t + 0.55 * t.sin()).sin();
            let detail = 0.20 * (2.3 * t + 1.7 * phase).sin() + 0.04 * (5.1 * t + phase).sin();
            horizon - swell * (lean + detail) * 0.5
        };
        let mut crest = Vec::with_capacity(width);
        let mut light = Vec::with_capacity(width);
        for column in 0..width {
            let x = column as f32 / width as f32;
            let slope = (crest_at(x + 0.002) - crest_at(x - 0.002)) / 0.004;
            crest.push((crest_at(x) * height as f32 * 256.0) as i32);
            // The sun stands at `SUN`: slopes that face it are lit.
            let facing = slope * (x - SUN.0).signum() * ((x - SUN.0).abs() * 6.0).min(1.0);
            light.push((-facing * 150.0).clamp(-60.0, 60.0) as i32);
        }
        let (lit, shade) = palette.range(at);
        let reach = height as f32 * (0.16 + 0.05 * at as f32);
        Layer {
            crest,
            light,
            shades: gradient(lit, shade, SHADES),
            fall: (SHADES as f32 * 256.0 / reach) as i32,
        }
    }

    fn shade(&self, x: usize, depth: i32) -> Deep {
        // Depth and light are bounded, see `new`; a height of 16,384 stays far below i32's end.
        let fallen = (((depth.max(0) >> 8) * self.fall) >> 8).min(SHADES as i32);
        let light = self.light[x] * (SHADES as i32 - fallen) / SHADES as i32;
        let entry = 64 + fallen * 3 / 4 - light;
        self.shades[entry.clamp(0, SHADES as i32 - 1) as usize]
    }
}

/// Where the sun or moon stands, and its radius, as parts of width and height.
const SUN: (f32, f32, f32) = (0.66, 0.335, 0.062);

struct Palette {
    dark: bool,
    accent: Oklch,
}

impl Palette {
    /// Sky at the top and at the horizon.
    fn sky(&self) -> (Oklch, Oklch) {
        let Oklch { chroma, hue, .. } = self.accent;
        if self.dark {
            (
                Oklch::new(0.155, 0.030, 285.0),
                Oklch::new(0.37, chroma * 0.52, hue - 16.0),
            )
        } else {
            (
                Oklch::new(0.905, chroma * 0.20, hue + 25.0),
                Oklch::new(0.945, chroma * 0.34, hue),
            )
        }
    }

    /// A range's crest in the light, and its foot in the shade. Near ranges are stronger.
    fn range(&self, at: usize) -> (Oklch, Oklch) {
        let near = at as f32 / (RANGES.len() - 1) as f32;
        let Oklch { chroma, hue, .. } = self.accent;
        // Each ends at a lightness, a part of the accent's chroma, and a turn of its hue.
        let shade = |far: [f32; 3], close: [f32; 3]| {
            let at = |part: usize| far[part] + (close[part] - far[part]) * near;
            Oklch::new(at(0), chroma * at(1), hue + at(2))
        };
        if self.dark {
            (
                shade([0.45, 0.66, -12.0], [0.30, 0.44, -18.0]),
                shade([0.31, 0.40, -24.0], [0.13, 0.16, -50.0]),
            )
        } else {
            (
                shade([0.915, 0.46, 2.0], [0.775, 0.84, 4.0]),
                shade([0.845, 0.50, -8.0], [0.560, 0.82, -16.0]),
            )
        }
    }

    fn sun(&self) -> Oklch {
        let hue = self.accent.hue;
        if self.dark {
            Oklch::new(0.90, self.accent.chroma * 0.35, hue)
        } else {
            Oklch::new(0.985, self.accent.chroma * 0.25, hue + 10.0)
        }
    }
}

fn dunes(theme: &Theme, width: usize, height: usize) -> Option<Bitmap> {
    let palette = Palette {
        dark: theme.is_dark(),
        accent: theme.accent.oklch(9),
    };
    let (top, horizon) = palette.sky();
    let sky = Sky::between(top, horizon, (height * 2).div_ceil(3));
    let layers: Vec<Layer> = (0..RANGES.len())
        .map(|at| Layer::new(at, width, height, &palette))
        .collect();
    let mut pixels = vec![0u32; width * height];
    paint_sky(&mut pixels, width, height, &sky, &palette);
    for layer in &layers {
        let first = layer
            .crest
            .iter()
            .min()
            .map_or(0, |crest| (crest >> 8).max(0) as usize);
        for (y, row) in pixels.chunks_exact_mut(width).enumerate().skip(first) {
            let below = (y as i32 + 1) << 8;
            for (x, pixel) in row.iter_mut().enumerate() {
                let depth = below - layer.crest[x];
                if depth <= 0 {
                    continue;
                }
                let shade = layer.shade(x, depth).dithered(x, y);
                *pixel = if depth >= 256 {
                    shade
                } else {
                    Color(*pixel).mix(Color(shade), depth as u8).0
                };
            }
        }
    }
    Bitmap::from_pixels(pixels, width as u32, height as u32)
}

/// Sky, with the sun's disc and the glow around it.
fn paint_sky(pixels: &mut [u32], width: usize, height: usize, sky: &Sky, palette: &Palette) {
    let (centre_x, centre_y) = (SUN.0 * width as f32, SUN.1 * height as f32);
    let radius = SUN.2 * height as f32;
    let glow_reach = radius * if palette.dark { 7.0 } else { 9.0 };
    let sun = Deep::new(palette.sun());
    // Strength of the glow (of 65,536) by squared distance, in 1,024 parts of the reach.
    let strongest = if palette.dark { 17_000.0 } else { 34_000.0 };
    let glow: Vec<u32> = (0..=1024)
        .map(|entry| {
            let distance = (entry as f32 / 1024.0).sqrt();
            ((1.0 - distance).max(0.0).powi(2) * strongest) as u32
        })
        .collect();
    let scale = 1024.0 / (glow_reach * glow_reach);
    for (y, row) in pixels.chunks_exact_mut(width).enumerate() {
        let color = sky
            .rows
            .get(y)
            .or(sky.rows.last())
            .copied()
            .unwrap_or_default();
        let dy = y as f32 + 0.5 - centre_y;
        let half = (glow_reach * glow_reach - dy * dy).max(0.0).sqrt();
        let lit =
            (centre_x - half).max(0.0) as usize..((centre_x + half).max(0.0) as usize).min(width);
        for (x, pixel) in row.iter_mut().enumerate() {
            if !lit.contains(&x) {
                *pixel = color.dithered(x, y);
                continue;
            }
            let dx = x as f32 + 0.5 - centre_x;
            let squared = dx * dx + dy * dy;
            let strength = glow[((squared * scale) as usize).min(1024)];
            let mut shown = color.mix(sun, strength, 65_536);
            if squared < (radius + 1.0) * (radius + 1.0) {
                let inside = (radius + 0.5 - squared.sqrt()).clamp(0.0, 1.0);
                shown = shown.mix(sun, (inside * 65_536.0) as u32, 65_536);
            }
            *pixel = shown.dithered(x, y);
        }
    }
}

/// Scales the picture over the whole bitmap, cutting what stands over.
fn cover(bitmap: &mut Bitmap, mut picture: Bitmap) {
    let (width, height) = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    // Bilinear looks at four pixels: halve first while more would fall between.
    while f64::from(picture.width()) >= width * 2.0 && f64::from(picture.height()) >= height * 2.0 {
        match halved(&picture) {
            Some(half) => picture = half,
            None => break,
        }
    }
    let (from_width, from_height) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (from_width / width).min(from_height / height);
    let (part_width, part_height) = (width * scale, height * scale);
    let source = FixedRect::from_f64(
        (from_width - part_width) / 2.0,
        (from_height - part_height) / 2.0,
        part_width,
        part_height,
    );
    let target = bitmap.bounds();
    bitmap
        .canvas()
        .blend_scaled(&picture.opaque_image(), source, target, 255);
}

fn halved(picture: &Bitmap) -> Option<Bitmap> {
    let half = Bitmap::new(picture.width() as u32 / 2, picture.height() as u32 / 2)?;
    let target = half.bounds();
    let mut half = half;
    // A scale of exactly two samples between each four pixels: their mean.
    let whole = Rect::new(0, 0, half.width() * 2, half.height() * 2);
    half.canvas()
        .blend_scaled(&picture.opaque_image(), whole.into(), target, 255);
    Some(half)
}

fn read_png(path: &Path) -> Option<Bitmap> {
    let mut decoder = png::Decoder::new(BufReader::new(store::open(path).ok()?));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    let area = u64::from(width) * u64::from(height);
    if width > LARGEST || height > LARGEST || !(1..=LARGEST_AREA).contains(&area) {
        return None;
    }
    let mut bytes = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut bytes).ok()?;
    let samples = frame.color_type.samples();
    let pixels = bytes
        .get(..frame.buffer_size())?
        .chunks_exact(samples)
        .map(|pixel| {
            let (red, green, blue) = match *pixel {
                [grey] | [grey, _] => (grey, grey, grey),
                [red, green, blue] | [red, green, blue, _] => (red, green, blue),
                _ => (0, 0, 0),
            };
            Color::rgba(red, green, blue, 255).0
        });
    Bitmap::from_pixels(pixels.collect(), width, height)
}

/// The most prominent colour of a wallpaper file: the mean of the hue that has the most chroma.
pub fn prominent(wallpaper: &str) -> Option<Color> {
    if matches!(wallpaper, "dunes" | "plain") {
        return None;
    }
    let mut small = Bitmap::new(48, 48)?;
    cover(&mut small, read_png(Path::new(wallpaper))?);
    let mut hues = [(0.0, 0.0, 0.0, 0.0); 24];
    for pixel in small.pixels() {
        let color = Oklch::from(Color(*pixel));
        let bin = &mut hues[(color.hue / 15.0) as usize % 24];
        let angle = color.hue.to_radians();
        bin.0 += color.chroma;
        bin.1 += color.chroma * angle.sin();
        bin.2 += color.chroma * angle.cos();
        bin.3 += color.chroma * color.chroma;
    }
    let best = hues.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    if best.0 < 48.0 * 48.0 * 0.004 {
        return None;
    }
    let hue = best.1.atan2(best.2).to_degrees().rem_euclid(360.0);
    Some(Oklch::new(0.6, (best.3 / best.0).clamp(0.08, 0.17), hue).to_color())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_painted_opaque() {
        let theme = Theme::parse("mode = 'light'", "t").unwrap();
        for (width, height) in [(1, 1), (3, 200), (640, 1), (320, 200)] {
            let bitmap = paint(&theme, width, height).unwrap();
            assert!(
                bitmap.pixels().iter().all(|pixel| pixel >> 24 == 255),
                "{width}x{height}"
            );
        }
        assert!(paint(&theme, 0, 10).unwrap().pixels().is_empty());
        assert!(paint(&theme, u32::MAX, 2).is_none());
    }

    #[test]
    fn a_missing_file_falls_back_to_plain() {
        let theme = Theme::parse("mode='dark'\nassets={wallpaper='/no/such.png'}", "t").unwrap();
        let bitmap = paint(&theme, 16, 16).unwrap();
        assert_eq!(bitmap.pixels()[0] >> 24, 255);
    }

    #[test]
    fn a_picture_covers_and_gives_its_hue() {
        let path = std::env::temp_dir().join(format!("ochre-wall-{}.png", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        let mut encoder = png::Encoder::new(file, 200, 100);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        let blue: Vec<u8> = [0x20, 0x50, 0xd0].repeat(200 * 100);
        writer.write_image_data(&blue).unwrap();
        drop(writer);
        let name = path.to_str().unwrap();
        let text = format!("mode='light'\naccent='wallpaper'\nassets={{wallpaper='{name}'}}");
        let theme = Theme::parse(&text, "t").unwrap();
        let bitmap = paint(&theme, 30, 40).unwrap();
        assert!(bitmap.pixels().iter().all(|pixel| *pixel == 0xff20_50d0));
        let hue = Oklch::from(theme.tokens.accent).hue;
        assert!((hue - Oklch::from(Color::rgb(0x2050d0)).hue).abs() < 12.0);
        std::fs::remove_file(&path).unwrap();
    }
}
