//! Characters that are drawn rather than taken from a font: lines, blocks, shades and Braille.
//!
//! They have to meet in neighbouring cells without a gap or an overlap at any size, which only
//! strokes that are measured on the cell do.

use crate::font::{Glyph, Ink, Metrics};

/// U+2500 to U+257F: the weights of the arms to the left, right, up and down. 0 none, 1 light,
/// 2 heavy, 3 double. All noughts: dashes, arcs and diagonals, which are drawn otherwise.
#[rustfmt::skip]
const ARMS: [&[u8; 4]; 128] = [
    b"1100", b"2200", b"0011", b"0022", b"0000", b"0000", b"0000", b"0000",
    b"0000", b"0000", b"0000", b"0000", b"0101", b"0201", b"0102", b"0202",
    b"1001", b"2001", b"1002", b"2002", b"0110", b"0210", b"0120", b"0220",
    b"1010", b"2010", b"1020", b"2020", b"0111", b"0211", b"0121", b"0112",
    b"0122", b"0221", b"0212", b"0222", b"1011", b"2011", b"1021", b"1012",
    b"1022", b"2021", b"2012", b"2022", b"1101", b"2101", b"1201", b"2201",
    b"1102", b"2102", b"1202", b"2202", b"1110", b"2110", b"1210", b"2210",
    b"1120", b"2120", b"1220", b"2220", b"1111", b"2111", b"1211", b"2211",
    b"1121", b"1112", b"1122", b"2121", b"1221", b"2112", b"1212", b"2221",
    b"2212", b"2122", b"1222", b"2222", b"0000", b"0000", b"0000", b"0000",
    b"3300", b"0033", b"0301", b"0103", b"0303", b"3001", b"1003", b"3003",
    b"0310", b"0130", b"0330", b"3010", b"1030", b"3030", b"0311", b"0133",
    b"0333", b"3011", b"1033", b"3033", b"3301", b"1103", b"3303", b"3310",
    b"1130", b"3330", b"3311", b"1133", b"3333", b"0000", b"0000", b"0000",
    b"0000", b"0000", b"0000", b"0000", b"1000", b"0010", b"0100", b"0001",
    b"2000", b"0020", b"0200", b"0002", b"1200", b"0012", b"2100", b"0021",
];

/// The glyph of a character that is drawn; None for all others.
pub fn glyph(character: char, metrics: &Metrics) -> Option<Glyph> {
    let mut cell = Cell::new(metrics)?;
    let code = u32::from(character);
    match code {
        0x2500..=0x257f => {
            let arms = ARMS[(code - 0x2500) as usize];
            if arms == b"0000" {
                cell.special(code);
            } else {
                cell.arms(arms.map(|weight| weight - b'0'));
            }
        }
        0x2580..=0x259f => cell.block(code),
        0x2800..=0x28ff => cell.braille(code - 0x2800),
        _ => return None,
    }
    Some(cell.glyph())
}

/// A hollow box, for a character that no font has: something is there, even if it can't be read.
pub fn missing(columns: usize, metrics: &Metrics) -> Option<Glyph> {
    let columns = i32::try_from(columns).ok().filter(|columns| *columns > 0)?;
    let mut cell = Cell::new(&Metrics {
        cell_width: metrics.cell_width.checked_mul(columns)?,
        ..*metrics
    })?;
    let (side, line) = ((metrics.cell_width / 6).max(1), cell.light);
    let (left, right) = (side, cell.width - side);
    let (top, bottom) = (metrics.cell_height / 5, metrics.baseline);
    cell.fill(left, top, right, top + line, 255);
    cell.fill(left, bottom - line, right, bottom, 255);
    cell.fill(left, top, left + line, bottom, 255);
    cell.fill(right - line, top, right, bottom, 255);
    Some(cell.glyph())
}

/// Coverage of one cell.
struct Cell {
    coverage: Vec<u8>,
    width: i32,
    height: i32,
    light: i32,
}

impl Cell {
    fn new(metrics: &Metrics) -> Option<Cell> {
        let (width, height) = (metrics.cell_width, metrics.cell_height);
        let len = usize::try_from(width).ok()? * usize::try_from(height).ok()?;
        Some(Cell {
            coverage: vec![0; len],
            width,
            height,
            light: metrics.thickness,
        })
    }

    fn glyph(self) -> Glyph {
        Glyph {
            left: 0,
            top: 0,
            width: self.width as u32,
            height: self.height as u32,
            ink: Ink::Mask(self.coverage),
        }
    }

    fn fill(&mut self, x: i32, y: i32, right: i32, bottom: i32, coverage: u8) {
        let (from, to) = (x.clamp(0, self.width), right.clamp(0, self.width));
        for y in y.clamp(0, self.height)..bottom.clamp(0, self.height) {
            let row = (y * self.width) as usize;
            if from < to {
                self.coverage[row + from as usize..row + to as usize].fill(coverage);
            }
        }
    }

    /// The first pixel of a stroke of `thickness` in the middle of `length`.
    fn middle(length: i32, thickness: i32) -> i32 {
        (length - thickness) / 2
    }

    fn thickness(&self, weight: u8) -> i32 {
        match weight {
            2 => (self.light * 2).max(self.light + 1),
            _ => self.light,
        }
    }

    /// Half the way between the two strokes of a double line.
    fn gap(&self) -> i32 {
        self.light.max((self.width / 6).min(self.light * 2))
    }

    fn arms(&mut self, [left, right, up, down]: [u8; 4]) {
        let (width, height) = (self.width, self.height);
        // How far strokes reach past the middle to meet those across them.
        let reach_x = self.reach(up, down);
        let reach_y = self.reach(left, right);
        let (mid_x, mid_y) = (
            Self::middle(width, self.light),
            Self::middle(height, self.light),
        );

        for (weight, to_right) in [(left, false), (right, true)] {
            let opposite = if to_right { left } else { right };
            for (offset, side) in self.strokes(weight) {
                let thickness = self.thickness(weight);
                let y = Self::middle(height, thickness) + offset;
                // A double line's stroke turns with the double line that it meets on its side.
                let (inner, outer) = if side < 0 { (up, down) } else { (down, up) };
                let reach = if side == 0 || opposite == 3 && inner != 3 && outer != 3 {
                    reach_x
                } else if inner == 3 {
                    -self.gap() // ends at the near stroke
                } else {
                    reach_x
                };
                if to_right {
                    self.fill(mid_x - reach, y, width, y + thickness, 255);
                } else {
                    self.fill(0, y, mid_x + self.light + reach, y + thickness, 255);
                }
            }
        }
        for (weight, to_bottom) in [(up, false), (down, true)] {
            let opposite = if to_bottom { up } else { down };
            for (offset, side) in self.strokes(weight) {
                let thickness = self.thickness(weight);
                let x = Self::middle(width, thickness) + offset;
                let (inner, outer) = if side < 0 {
                    (left, right)
                } else {
                    (right, left)
                };
                let reach = if side == 0 || opposite == 3 && inner != 3 && outer != 3 {
                    reach_y
                } else if inner == 3 {
                    -self.gap()
                } else {
                    reach_y
                };
                if to_bottom {
                    self.fill(x, mid_y - reach, x + thickness, height, 255);
                } else {
                    self.fill(x, 0, x + thickness, mid_y + self.light + reach, 255);
                }
            }
        }
    }

    /// How far a stroke goes past the light middle, for the widest line across it.
    fn reach(&self, a: u8, b: u8) -> i32 {
        match a.max(b) {
            3 => self.gap(),
            2 => (self.thickness(2) - self.light + 1) / 2,
            _ => 0,
        }
    }

    /// Each stroke of a line by its distance from the middle, and the side it lies on.
    fn strokes(&self, weight: u8) -> Vec<(i32, i32)> {
        match weight {
            0 => vec![],
            3 => vec![(-self.gap(), -1), (self.gap(), 1)],
            _ => vec![(0, 0)],
        }
    }

    fn special(&mut self, code: u32) {
        match code {
            0x2504 | 0x2505 | 0x2508 | 0x2509 | 0x254c | 0x254d => {
                self.dashes(dash_count(code), dash_weight(code), true);
            }
            0x2506 | 0x2507 | 0x250a | 0x250b | 0x254e | 0x254f => {
                self.dashes(dash_count(code), dash_weight(code), false);
            }
            0x256d..=0x2570 => self.arc(code),
            _ => {
                let down = code != 0x2571;
                let up = code != 0x2572;
                self.diagonals(up, down);
            }
        }
    }

    fn dashes(&mut self, count: i32, weight: u8, across: bool) {
        let thickness = self.thickness(weight);
        let length = if across { self.width } else { self.height };
        let side = Self::middle(if across { self.height } else { self.width }, thickness);
        for i in 0..count {
            let (from, next) = (length * i / count, length * (i + 1) / count);
            let to = (next - ((next - from) / 3).max(1)).max(from + 1);
            if across {
                self.fill(from, side, to, side + thickness, 255);
            } else {
                self.fill(side, from, side + thickness, to, 255);
            }
        }
    }

    /// A quarter circle between two straight ends.
    fn arc(&mut self, code: u32) {
        let (to_right, to_bottom) = match code {
            0x256d => (true, true),
            0x256e => (false, true),
            0x256f => (false, false),
            _ => (true, false),
        };
        let half = self.light as f32 / 2.0;
        let mid_x = Self::middle(self.width, self.light) as f32 + half;
        let mid_y = Self::middle(self.height, self.light) as f32 + half;
        let radius = mid_x.min(mid_y).min(self.width as f32 - mid_x);
        let sign = |positive: bool| if positive { 1.0 } else { -1.0 };
        let (center_x, center_y) = (
            mid_x + sign(to_right) * radius,
            mid_y + sign(to_bottom) * radius,
        );
        self.shade(|x, y| {
            let beyond_x = (x - center_x) * sign(to_right) > 0.0;
            let beyond_y = (y - center_y) * sign(to_bottom) > 0.0;
            let distance = match (beyond_x, beyond_y) {
                (false, false) => ((x - center_x).hypot(y - center_y) - radius).abs(),
                (true, false) => (y - mid_y).abs(),
                (false, true) => (x - mid_x).abs(),
                (true, true) => f32::INFINITY,
            };
            half - distance
        });
    }

    fn diagonals(&mut self, up: bool, down: bool) {
        let (width, height) = (self.width as f32, self.height as f32);
        let (half, length) = (self.light as f32 / 2.0, width.hypot(height));
        self.shade(|x, y| {
            let falling = ((x * height - y * width) / length).abs();
            let rising = ((x * height - (height - y) * width) / length).abs();
            let distance = match (up, down) {
                (true, true) => falling.min(rising),
                (true, false) => rising,
                _ => falling,
            };
            half - distance
        });
    }

    /// Covers pixels by how far their middle is inside a shape.
    fn shade(&mut self, inside: impl Fn(f32, f32) -> f32) {
        for (index, coverage) in self.coverage.iter_mut().enumerate() {
            let (x, y) = (index as i32 % self.width, index as i32 / self.width);
            let depth = inside(x as f32 + 0.5, y as f32 + 0.5);
            *coverage = ((depth + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }

    fn block(&mut self, code: u32) {
        let (width, height) = (self.width, self.height);
        let eighth = |length: i32, n: u32| (length * n as i32 + 4) / 8;
        match code {
            0x2580 => self.fill(0, 0, width, eighth(height, 4), 255),
            0x2581..=0x2588 => {
                self.fill(
                    0,
                    height - eighth(height, code - 0x2580),
                    width,
                    height,
                    255,
                );
            }
            0x2589..=0x258f => self.fill(0, 0, eighth(width, 0x2590 - code), height, 255),
            0x2590 => self.fill(eighth(width, 4), 0, width, height, 255),
            0x2591..=0x2593 => self.fill(0, 0, width, height, (64 * (code - 0x2590)) as u8),
            0x2594 => self.fill(0, 0, width, eighth(height, 1), 255),
            0x2595 => self.fill(width - eighth(width, 1), 0, width, height, 255),
            _ => {
                // Upper left, upper right, lower left, lower right.
                const QUADRANTS: [u8; 10] = [
                    0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111,
                ];
                let quadrants = QUADRANTS[(code - 0x2596) as usize];
                let (x, y) = (eighth(width, 4), eighth(height, 4));
                for (bit, (left, top, right, bottom)) in [
                    (0b1000, (0, 0, x, y)),
                    (0b0100, (x, 0, width, y)),
                    (0b0010, (0, y, x, height)),
                    (0b0001, (x, y, width, height)),
                ] {
                    if quadrants & bit != 0 {
                        self.fill(left, top, right, bottom, 255);
                    }
                }
            }
        }
    }

    fn braille(&mut self, dots: u32) {
        // Dots 1 to 8 by column and row.
        const PLACES: [(i32, i32); 8] = [
            (0, 0),
            (0, 1),
            (0, 2),
            (1, 0),
            (1, 1),
            (1, 2),
            (0, 3),
            (1, 3),
        ];
        let side = (self.width / 4).min(self.height / 8).max(1);
        for (bit, (column, row)) in PLACES.iter().enumerate() {
            if dots & 1 << bit != 0 {
                let x = (self.width * (2 * column + 1) / 2 - side) / 2;
                let y = (self.height * (2 * row + 1) / 4 - side) / 2;
                self.fill(x, y, x + side, y + side, 255);
            }
        }
    }
}

fn dash_count(code: u32) -> i32 {
    match code {
        0x2504..=0x2507 => 3,
        0x2508..=0x250b => 4,
        _ => 2,
    }
}

fn dash_weight(code: u32) -> u8 {
    if code.is_multiple_of(2) { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: Metrics = Metrics {
        cell_width: 9,
        cell_height: 20,
        baseline: 15,
        underline: 17,
        strikeout: 10,
        thickness: 1,
    };

    fn coverage(character: char, metrics: &Metrics) -> Vec<u8> {
        let glyph = glyph(character, metrics).unwrap();
        let Ink::Mask(coverage) = glyph.ink else {
            panic!("drawn in the text's colour")
        };
        coverage
    }

    /// Which pixels of an edge are inked.
    fn edge(character: char, side: &str, metrics: &Metrics) -> Vec<bool> {
        let (width, height) = (metrics.cell_width as usize, metrics.cell_height as usize);
        let coverage = coverage(character, metrics);
        let at = |x: usize, y: usize| coverage[y * width + x] > 127;
        match side {
            "left" => (0..height).map(|y| at(0, y)).collect(),
            "right" => (0..height).map(|y| at(width - 1, y)).collect(),
            "up" => (0..width).map(|x| at(x, 0)).collect(),
            _ => (0..width).map(|x| at(x, height - 1)).collect(),
        }
    }

    #[test]
    fn lines_meet_their_neighbours() {
        for size in [
            (7, 15, 1),
            (9, 20, 1),
            (10, 21, 1),
            (19, 41, 2),
            (40, 90, 5),
        ] {
            let metrics = Metrics {
                cell_width: size.0,
                cell_height: size.1,
                thickness: size.2,
                ..METRICS
            };
            for (arms, code) in ARMS.iter().zip(0x2500u32..) {
                let character = char::from_u32(code).unwrap();
                for (side, straight, weight) in [
                    ("left", "─━═", arms[0]),
                    ("right", "─━═", arms[1]),
                    ("up", "│┃║", arms[2]),
                    ("down", "│┃║", arms[3]),
                ] {
                    if *arms == b"0000" {
                        continue;
                    }
                    let got = edge(character, side, &metrics);
                    if weight == b'0' {
                        assert!(!got.contains(&true), "{character} has no arm {side}");
                    } else {
                        let straight = straight.chars().nth(usize::from(weight - b'1')).unwrap();
                        assert_eq!(got, edge(straight, side, &metrics), "{character} {side}");
                    }
                }
            }
            for (arc, side, straight) in [('╭', "right", '─'), ('╭', "down", '│'), ('╯', "up", '│')]
            {
                assert_eq!(
                    edge(arc, side, &metrics),
                    edge(straight, side, &metrics),
                    "{size:?}"
                );
            }
        }
    }

    #[test]
    fn blocks_complement_each_other() {
        for (a, b) in [('▀', '▄'), ('▌', '▐'), ('▘', '▟'), ('▝', '▙'), ('▚', '▞')]
        {
            let (a, b) = (coverage(a, &METRICS), coverage(b, &METRICS));
            assert!(a.iter().zip(&b).all(|(a, b)| a ^ b == 255));
        }
        assert!(coverage('█', &METRICS).iter().all(|c| *c == 255));
        assert!(coverage('⠀', &METRICS).iter().all(|c| *c == 0));
        let dots = coverage('⣿', &METRICS).iter().filter(|c| **c > 0).count();
        assert_eq!(dots, 8 * 4, "eight dots of two by two");
    }

    #[test]
    fn the_smallest_cell_holds_them_all() {
        let metrics = Metrics {
            cell_width: 1,
            cell_height: 2,
            ..METRICS
        };
        for code in (0x2500..0x25a0).chain(0x2800..0x2900) {
            assert!(glyph(char::from_u32(code).unwrap(), &metrics).is_some());
        }
    }
}
