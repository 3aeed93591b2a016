//! A picture of the screen, and PNG files of it.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use crate::error::Error;

/// Pixels as 0x00RRGGBB, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u32>,
}

/// A screen is not larger: 16384 × 16384.
const MAX_PIXELS: usize = 1 << 28;

impl Picture {
    pub fn new(width: usize, height: usize) -> Picture {
        Picture {
            width,
            height,
            pixels: vec![0; width * height],
        }
    }

    pub fn pixel(&self, x: usize, y: usize) -> Option<u32> {
        (x < self.width)
            .then(|| self.pixels.get(y * self.width + x).copied())
            .flatten()
    }

    pub fn read(path: &Path) -> Result<Picture, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        let wrong = |reason: String| Error::Picture {
            path: path.to_owned(),
            reason,
        };
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder
            .read_info()
            .map_err(|error| wrong(error.to_string()))?;
        let size = reader
            .output_buffer_size()
            .filter(|size| *size <= 4 * MAX_PIXELS);
        let mut bytes = vec![0; size.ok_or_else(|| wrong("it is too large".to_owned()))?];
        let info = reader
            .next_frame(&mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        let samples = info.color_type.samples();
        let pixels = bytes[..info.buffer_size()]
            .chunks_exact(samples)
            .map(|sample| match sample {
                [grey] | [grey, _] => u32::from_be_bytes([0, *grey, *grey, *grey]),
                [red, green, blue, ..] => u32::from_be_bytes([0, *red, *green, *blue]),
                [] => 0,
            });
        let pixels: Vec<u32> = pixels.collect();
        Ok(Picture {
            width: info.width as usize,
            height: info.height as usize,
            pixels,
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        let file = File::create(path).map_err(Error::file(path))?;
        self.encode(BufWriter::new(file))
            .map_err(|error| Error::Picture {
                path: path.to_owned(),
                reason: error.to_string(),
            })
    }

    /// The picture as the bytes of a PNG file.
    pub fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes)
            .expect("memory takes all that is written");
        bytes
    }

    fn encode(&self, to: impl std::io::Write) -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(to, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let bytes: Vec<u8> = self
            .pixels
            .iter()
            .flat_map(|p| p.to_be_bytes()[1..].to_vec())
            .collect();
        encoder.write_header()?.write_image_data(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_every_pixel() {
        let mut picture = Picture::new(5, 3);
        for (index, pixel) in picture.pixels.iter_mut().enumerate() {
            *pixel = (index as u32 * 0x01_2345) & 0xff_ffff;
        }
        let path = std::env::temp_dir().join(format!("ochre-picture-{}.png", std::process::id()));
        picture.write(&path).unwrap();
        assert_eq!(Picture::read(&path).unwrap(), picture);
        assert_eq!(std::fs::read(&path).unwrap(), picture.to_png());
        std::fs::write(&path, "no picture").unwrap();
        assert!(matches!(Picture::read(&path), Err(Error::Picture { .. })));
        std::fs::remove_file(&path).unwrap();
    }
}
