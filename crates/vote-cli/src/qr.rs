//! QR codes of voter codes and trackers, for terminals and for cards. Knows no other text.

use std::fmt::Write;

use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};
use vote_web::code::{Tracker, VoterCode};

/// Light modules on each side, as ISO/IEC 18004 asks.
const QUIET: usize = 4;
/// Black on white, whatever the terminal's own colours are.
const INK: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";

/// A square of dark and light modules: 29 on each side, and a quiet zone. Shows a secret if it is
/// of a voter code.
pub(crate) struct Qr {
    modules: Vec<Color>,
    width: usize,
}

impl Qr {
    /// The QR code of [`Tracker::qr_text`].
    pub(crate) fn of_tracker(tracker: &Tracker) -> Self {
        Self::new(&tracker.qr_text())
    }

    /// The QR code of [`VoterCode::qr_text`].
    pub(crate) fn of_voter_code(code: &VoterCode) -> Self {
        Self::new(&code.qr_text())
    }

    /// Level Q restores a quarter of it: a card may be folded or stained. Version 3 takes 47
    /// characters at that level.
    fn new(text: &str) -> Self {
        let encode = || {
            // Not left to the crate to split: it sometimes takes a version more.
            let mut bits = Bits::new(Version::Normal(3));
            bits.push_alphanumeric_data(text.as_bytes())?;
            bits.push_terminator(EcLevel::Q)?;
            QrCode::with_bits(bits, EcLevel::Q)
        };
        let code = encode().expect("texts of codes have at most 45 alphanumeric characters");
        Self {
            width: code.width(),
            modules: code.into_colors(),
        }
    }

    /// Whether a module is dark; columns and rows count from the quiet zone's edge.
    fn is_dark(&self, column: usize, row: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        let (Some(column), Some(row)) = (inside(column), inside(row)) else {
            return false;
        };
        self.modules[row * self.width + column] == Color::Dark
    }

    /// Modules on each side, with the quiet zone.
    const fn side(&self) -> usize {
        self.width + 2 * QUIET
    }

    /// 19 lines of 37 half blocks, each with its line feed.
    ///
    /// With `colours` it is black on white on any terminal. Without, there are no escapes, and what
    /// is light is drawn: right on dark terminals, inverted on light ones, which most scanners read
    /// all the same.
    pub(crate) fn terminal(&self, colours: bool) -> String {
        let mut text = String::new();
        let (start, end) = if colours { (INK, RESET) } else { ("", "") };
        for row in (0..self.side()).step_by(2) {
            text.push_str(start);
            for column in 0..self.side() {
                let dark = (self.is_dark(column, row), self.is_dark(column, row + 1));
                text.push(match if colours { dark } else { (!dark.0, !dark.1) } {
                    (true, true) => '\u{2588}',
                    (true, false) => '\u{2580}',
                    (false, true) => '\u{2584}',
                    (false, false) => ' ',
                });
            }
            text.push_str(end);
            text.push('\n');
        }
        text
    }

    /// An `<svg>` element to be put into HTML: one unit a module, no size of its own, `label` for
    /// screen readers.
    pub(crate) fn svg(&self, label: &str) -> String {
        let side = self.side();
        let mut path = String::new();
        for row in 0..side {
            let mut column = 0;
            while column < side {
                let run = (column..side)
                    .take_while(|column| self.is_dark(*column, row))
                    .count();
                if run > 0 {
                    let _ = write!(path, "M{column} {row}h{run}v1h-{run}z");
                }
                column += run + 1;
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path fill=\"#000\" d=\"{path}\"/></svg>",
            escaped(label)
        )
    }
}

/// Text for HTML or XML, in an element or in an attribute with quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{Hash, TransactionId};

    const SIDE: usize = 37;

    fn tracker(seed: u8) -> Tracker {
        Tracker::of(&TransactionId::new(Hash::from_bytes([seed; 32])))
    }

    /// What a scanner reads from a square of modules, 8 pixels for each.
    fn scanned(dark: impl Fn(usize, usize) -> bool) -> String {
        let pixel = |x: usize, y: usize| if dark(x / 8, y / 8) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(SIDE * 8, SIDE * 8, pixel);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn scanned_terminal(text: &str, ink_is_dark: bool) -> String {
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        assert!(lines.len() == SIDE.div_ceil(2) && lines.iter().all(|line| line.len() == SIDE));
        scanned(|column, row| {
            let half = if row % 2 == 0 { '\u{2580}' } else { '\u{2584}' };
            [half, '\u{2588}'].contains(&lines[row / 2][column]) == ink_is_dark
        })
    }

    fn scanned_svg(svg: &str) -> String {
        let (_, path) = svg.split_once("\"#000\" d=\"M").unwrap();
        let mut dark = [[false; SIDE]; SIDE];
        for run in path.split_once("z\"/>").unwrap().0.split("zM") {
            let (place, run) = run.split_once('h').unwrap();
            let (column, row) = place.split_once(' ').unwrap();
            let (column, row): (usize, usize) = (column.parse().unwrap(), row.parse().unwrap());
            let (run, rest) = run.split_once('v').unwrap();
            assert_eq!(rest, format!("1h-{run}"));
            dark[row][column..column + run.parse::<usize>().unwrap()].fill(true);
        }
        scanned(|column, row| dark[row][column])
    }

    #[test]
    fn scanner_reads_the_terminal_and_the_card() {
        for seed in 0..20 {
            let tracker = tracker(seed);
            let qr = Qr::of_tracker(&tracker);
            assert_eq!(scanned_svg(&qr.svg("Tracker")), tracker.qr_text());
            assert_eq!(
                scanned_terminal(&qr.terminal(false), false),
                tracker.qr_text()
            );
            let coloured = qr.terminal(true).replace(INK, "").replace(RESET, "");
            assert_eq!(scanned_terminal(&coloured, true), tracker.qr_text());
            assert_eq!(Tracker::read(&scanned_svg(&qr.svg(""))), Ok(tracker));
            let code = VoterCode::from_random([seed; 16]);
            assert_eq!(
                VoterCode::parse(&scanned_svg(&Qr::of_voter_code(&code).svg(""))),
                Ok(code)
            );
        }
    }

    #[test]
    fn it_is_small_enough_for_a_card_and_a_terminal() {
        assert_eq!(Qr::of_tracker(&tracker(1)).side(), SIDE);
        assert_eq!(
            Qr::of_voter_code(&VoterCode::from_random([9; 16])).side(),
            SIDE
        );
    }

    #[test]
    fn nothing_is_escaped_without_colours() {
        let text = Qr::of_tracker(&tracker(3)).terminal(false);
        assert!(!text.contains('\u{1b}') && text.starts_with(&"\u{2588}".repeat(SIDE)));
    }

    #[test]
    fn label_cannot_leave_its_attribute() {
        let svg = Qr::of_tracker(&tracker(3)).svg("\"><script>");
        assert!(
            svg.contains("aria-label=\"&quot;&gt;&lt;script&gt;\"") && !svg.contains("<script")
        );
    }
}
