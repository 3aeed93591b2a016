//! Text on the firmware's framebuffer, for panics and boot failures only: an 8×16 font, drawn at
//! the top left, wrapping round.

use crate::boot::FramebufferInfo;
use crate::paging::{Cache, kernel};
use crate::sync::Once;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use font8x8::legacy::BASIC_LEGACY;

const GLYPH_WIDTH: u32 = 8;
const GLYPH_HEIGHT: u32 = 16;
const BACKGROUND: u32 = 0x0020_1a14;
const INK: u32 = 0x00e8_d8b8;

struct Screen {
    pixels: usize,
    columns: u32,
    rows: u32,
    stride: u32,
}

static SCREEN: Once<Screen> = Once::new();
/// Whether what the firmware or a driver showed has been wiped.
static CLEARED: AtomicBool = AtomicBool::new(false);
/// Next column and row of the text.
static COLUMN: AtomicU32 = AtomicU32::new(0);
static ROW: AtomicU32 = AtomicU32::new(0);

/// Maps the framebuffer, so that it is there when memory or locks no longer are.
pub fn init(info: Option<FramebufferInfo>) {
    let Some(info) = info else { return };
    let len = info.stride as usize * info.height as usize;
    // Without memory for its page tables there is no screen; the serial port tells all.
    if let Ok(pixels) = kernel::map_kernel_device(info.addr, len, Cache::WriteCombining) {
        SCREEN.set(Screen {
            pixels: pixels.addr(),
            columns: info.width / GLYPH_WIDTH,
            rows: info.height / GLYPH_HEIGHT,
            stride: info.stride,
        });
    }
}

impl Screen {
    fn draw(&self, column: u32, row: u32, character: char) {
        let glyph = BASIC_LEGACY
            .get(character as usize)
            .unwrap_or(&BASIC_LEGACY['?' as usize]);
        for y in 0..GLYPH_HEIGHT {
            let bits = glyph[(y / 2) as usize];
            let line = (row * GLYPH_HEIGHT + y) as usize * self.stride as usize;
            for x in 0..GLYPH_WIDTH {
                let colour = if bits >> x & 1 != 0 { INK } else { BACKGROUND };
                let at = self.pixels + line + (column * GLYPH_WIDTH + x) as usize * 4;
                // SAFETY: column and row are inside of the mapped framebuffer.
                unsafe { (at as *mut u32).write_volatile(colour) };
            }
        }
    }

    fn clear_row(&self, row: u32) {
        for column in 0..self.columns {
            self.draw(column, row, ' ');
        }
    }
}

/// Shows text, if there is a screen. Takes no locks.
pub fn write(text: &str) {
    let Some(screen) = SCREEN.get() else { return };
    if screen.columns == 0 || screen.rows == 0 {
        return;
    }
    if !CLEARED.swap(true, Ordering::Relaxed) {
        (0..screen.rows).for_each(|row| screen.clear_row(row));
    }
    let (mut column, mut row) = (COLUMN.load(Ordering::Relaxed), ROW.load(Ordering::Relaxed));
    for character in text.chars() {
        if character == '\n' || column == screen.columns {
            column = 0;
            row = (row + 1) % screen.rows;
            screen.clear_row(row);
        }
        if character != '\n' {
            screen.draw(column, row, character);
            column += 1;
        }
    }
    COLUMN.store(column, Ordering::Relaxed);
    ROW.store(row, Ordering::Relaxed);
}
