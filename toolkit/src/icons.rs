//! Icons: SVG files, rendered once per size. Symbols become coverage, to be tinted by a token; pictures
//! (an app's own icon) keep their colours.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ochre_raster::{Bitmap, Color};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Coverage of a square symbol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub side: u32,
    pub coverage: Vec<u8>,
}

/// What was rendered, by name and side; none for what couldn't be.
type Kept<N, R> = RefCell<HashMap<(N, u32), Option<Rc<R>>>>;

/// Where icons come from, and those rendered.
pub struct Icons {
    directory: PathBuf,
    symbols: Kept<String, Symbol>,
    pictures: Kept<PathBuf, Bitmap>,
}

/// No icon is larger than this, in bytes of its file and in pixels.
const LARGEST_FILE: u64 = 2 * 1024 * 1024;
const LARGEST_SIDE: u32 = 512;

impl Icons {
    /// `OCHRE_ICONS`, or the system's.
    pub fn new() -> Icons {
        let directory = std::env::var_os("OCHRE_ICONS")
            .map_or_else(|| PathBuf::from("/ochre/share/icons"), PathBuf::from);
        Icons::at(directory)
    }

    pub fn at(directory: PathBuf) -> Icons {
        Icons {
            directory,
            symbols: RefCell::default(),
            pictures: RefCell::default(),
        }
    }

    /// The symbol by its file's name; none if there is no such file.
    pub(crate) fn symbol(&self, name: &str, side: u32) -> Option<Rc<Symbol>> {
        if name.contains('/') || side == 0 || side > LARGEST_SIDE {
            return None;
        }
        let mut symbols = self.symbols.borrow_mut();
        let entry = symbols.entry((name.to_owned(), side));
        entry
            .or_insert_with(|| {
                let pixmap = render_svg(&self.directory.join(format!("{name}.svg")), side)?;
                let coverage = pixmap.pixels().iter().map(|pixel| pixel.alpha()).collect();
                Some(Rc::new(Symbol { side, coverage }))
            })
            .clone()
    }

    /// A picture from an SVG or PNG file, fitted into the square.
    pub fn picture(&self, path: &Path, side: u32) -> Option<Rc<Bitmap>> {
        if side == 0 || side > LARGEST_SIDE {
            return None;
        }
        let mut pictures = self.pictures.borrow_mut();
        pictures
            .entry((path.to_owned(), side))
            .or_insert_with(|| {
                let extension = path.extension().and_then(|extension| extension.to_str());
                let bitmap = match extension {
                    Some("svg") => {
                        let pixmap = render_svg(path, side)?;
                        let pixels = pixmap.pixels().iter().map(|pixel| {
                            u32::from_be_bytes([
                                pixel.alpha(),
                                pixel.red(),
                                pixel.green(),
                                pixel.blue(),
                            ])
                        });
                        Bitmap::from_pixels(pixels.collect(), side, side)?
                    }
                    Some("png") => read_png(path, side)?,
                    _ => return None,
                };
                Some(Rc::new(bitmap))
            })
            .clone()
    }
}

impl Default for Icons {
    fn default() -> Icons {
        Icons::new()
    }
}

fn read_small(path: &Path) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    if length > LARGEST_FILE {
        None
    } else {
        fs::read(path).ok()
    }
}

fn render_svg(path: &Path, side: u32) -> Option<Pixmap> {
    let tree = Tree::from_data(&read_small(path)?, &Options::default()).ok()?;
    let mut pixmap = Pixmap::new(side, side)?;
    let size = tree.size();
    let scale = side as f32 / size.width().max(size.height());
    let (dx, dy) = (
        (side as f32 - size.width() * scale) / 2.0,
        (side as f32 - size.height() * scale) / 2.0,
    );
    let transform = Transform::from_scale(scale, scale).post_translate(dx, dy);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    Some(pixmap)
}

fn read_png(path: &Path, side: u32) -> Option<Bitmap> {
    let bytes = read_small(path)?;
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > 2_048 || height > 2_048 {
        return None;
    }
    let mut buffer = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut buffer).ok()?;
    let samples = frame.color_type.samples();
    let pixels = buffer
        .get(..frame.buffer_size())?
        .chunks_exact(samples)
        .map(|pixel| match *pixel {
            [grey] => Color::rgba(grey, grey, grey, 255).0,
            [grey, alpha] => Color::rgba(grey, grey, grey, alpha).0,
            [red, green, blue] => Color::rgba(red, green, blue, 255).0,
            [red, green, blue, alpha] => Color::rgba(red, green, blue, alpha).0,
            _ => 0,
        });
    let picture = Bitmap::from_pixels(pixels.collect(), width, height)?;
    let mut fitted = Bitmap::new(side, side)?;
    let whole = fitted.bounds();
    fitted
        .canvas()
        .blend_scaled(&picture.image(), picture.bounds().into(), whole, 255);
    Some(fitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_coverage_and_missing_ones_are_nothing() {
        let root = std::env::temp_dir().join(format!("ochre-icons-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>\
                   <rect x='0' y='0' width='12' height='24' fill='currentColor'/></svg>";
        fs::write(root.join("half.svg"), svg).unwrap();
        fs::write(root.join("broken.svg"), "<svg").unwrap();
        let icons = Icons::at(root.clone());
        let half = icons.symbol("half", 16).unwrap();
        assert_eq!((half.coverage[0], half.coverage[15]), (255, 0));
        for name in ["none", "broken", "../half"] {
            assert!(icons.symbol(name, 16).is_none(), "{name}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
