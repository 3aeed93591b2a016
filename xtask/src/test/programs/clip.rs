//! A film for the player: bars that move, without sound (YUV4MPEG2, as `yuv4mpeg(5)` has it).

use std::iter;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// Frames in a second, and in all.
const RATE: usize = 12;
const FRAMES: usize = 10 * RATE;
/// How far the bars move with each frame.
const STEP: usize = 4;
/// Luma and both chromas of the bars, from the left: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[u8; 3]; 8] = [
    [235, 128, 128],
    [210, 16, 146],
    [170, 166, 16],
    [145, 54, 34],
    [106, 202, 222],
    [81, 90, 240],
    [41, 240, 110],
    [16, 128, 128],
];

/// The film's file.
pub fn y4m() -> Vec<u8> {
    let mut file =
        format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n").into_bytes();
    for frame in 0..FRAMES {
        file.extend_from_slice(b"FRAME\n");
        // A chroma sample is that of two by two pixels.
        for (plane, each) in [1, 2, 2].into_iter().enumerate() {
            let bar = |x: usize| (x * each + frame * STEP) / (WIDTH / BARS.len()) % BARS.len();
            let row: Vec<u8> = (0..WIDTH / each).map(|x| BARS[bar(x)][plane]).collect();
            file.extend(iter::repeat_n(row, HEIGHT / each).flatten());
        }
    }
    file
}
