//! Draws what standard input prints to a terminal as a PNG: `render OUT.png [THEME]`.

use std::io::Read;

use ochre_terminal::font::Fonts;
use ochre_terminal::frame::Frame;
use ochre_terminal::painter::Painter;
use ochre_terminal::palette::Palette;
use ochre_terminal::screen::{Screen, Size};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let theme = arguments.next().unwrap_or_else(|| "ochre-dark".to_owned());
    let theme = ochre_theme::Store::new().load(&theme, &ochre_theme::Preferences::default())?;
    let palette = Palette::from(&theme);
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;

    let mut fonts = Fonts::installed(15.0)?;
    let cell = fonts.metrics();
    let mut screen = Screen::new(Size {
        columns: 80,
        lines: 24,
        cell_width: cell.cell_width as u16,
        cell_height: cell.cell_height as u16,
    });
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        screen.feed(line.strip_suffix(b"\n").unwrap_or(line));
        if line.ends_with(b"\n") {
            screen.feed(b"\r\n");
        }
    }
    let mut frame = Frame::default();
    frame.capture(&screen, &palette, true);
    let mut painter = Painter::new();
    let (width, height) = (80 * cell.cell_width + 20, 24 * cell.cell_height + 20);
    painter.resize(width as u32, height as u32, 10);
    painter.paint(&mut frame, palette.background(), &mut fonts);

    let rgb: Vec<u8> = painter
        .pixels()
        .pixels()
        .iter()
        .flat_map(|p| p.to_be_bytes()[1..].to_vec())
        .collect();
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(())
}
