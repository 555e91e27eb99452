//! What a spreadsheet shows in another way than it stores it: numbers as `007`, `M-0012`, `25%`, and
//! content that is struck through. Does not know of dates, which are read as such.

use super::letters;

/// Cells whose numbers are shown so, at most.
const CELLS_MAX: usize = 4 << 20;

/// How a number is shown.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// Digits from the right in the places of the zeros, with these texts between.
    Digits(Vec<Part>),
    Percent,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Digit,
    Text(char),
}

/// What of a style matters.
#[derive(Debug, Default)]
struct Style {
    /// How it shows numbers, if not as they are.
    shown: Option<Shown>,
    is_struck: bool,
}

/// By style, and by the place of each cell that has one of these.
#[derive(Debug, Default)]
pub(super) struct Formats {
    styles: Vec<Style>,
    /// Row, column (from 0) and style, in the order of the sheet.
    cells: Vec<(u32, u32, u32)>,
    at: usize,
}

impl Formats {
    /// Of all styles: the code of their format, and whether they strike through.
    pub(super) fn new<'a>(styles: impl Iterator<Item = (Option<&'a str>, bool)>) -> Self {
        let style = |(code, is_struck): (Option<&str>, bool)| Style {
            shown: code.and_then(read),
            is_struck,
        };
        Self {
            styles: styles.map(style).collect(),
            ..Self::default()
        }
    }

    /// Whether any cell may be shown otherwise than it is stored.
    pub(super) fn matter(&self) -> bool {
        self.styles.iter().any(Style::matters)
    }

    /// Takes note of a cell's style; cells come in their order.
    pub(super) fn add(&mut self, row: u32, column: u32, style: usize) -> Result<(), String> {
        if !self.styles.get(style).is_some_and(Style::matters) {
            return Ok(());
        }
        if self.cells.len() == CELLS_MAX {
            let column = letters(column);
            return Err(format!(
                "more than {CELLS_MAX} cells show their numbers in another form, such as 007 or 25%, or are struck through, the last read in \
                 column {column}: make texts of them, or save the table as .csv"
            ));
        }
        self.cells
            .push((row, column, u32::try_from(style).unwrap_or(u32::MAX)));
        Ok(())
    }

    /// The style of a cell, if it matters. Cells are asked for in their order.
    fn style(&mut self, row: u32, column: u32) -> Option<&Style> {
        let before = |cell: &(u32, u32, u32)| (cell.0, cell.1) < (row, column);
        self.at += self.cells[self.at..]
            .iter()
            .take_while(|cell| before(cell))
            .count();
        let cell = self.cells.get(self.at)?;
        if (cell.0, cell.1) != (row, column) {
            return None;
        }
        self.styles.get(cell.2 as usize)
    }

    /// Whether the content of a cell is struck through. Cells are asked for in their order.
    pub(super) fn is_struck(&mut self, row: u32, column: u32) -> bool {
        self.style(row, column).is_some_and(|style| style.is_struck)
    }

    /// Makes of a number what its cell shows. Cells are asked for in their order.
    pub(super) fn show(&mut self, row: u32, column: u32, plain: &mut String) {
        let shown = self
            .style(row, column)
            .and_then(|style| style.shown.as_ref());
        match shown {
            Some(Shown::Percent) => {
                if let Ok(number) = plain.parse::<f64>() {
                    *plain = format!("{}%", number * 100.0);
                }
            }
            Some(Shown::Digits(parts)) if plain.bytes().all(|byte| byte.is_ascii_digit()) => {
                *plain = filled(parts, plain);
            }
            _ => {}
        }
    }
}

impl Style {
    const fn matters(&self) -> bool {
        self.shown.is_some() || self.is_struck
    }
}

/// Reads a format's code, if it does more to a whole number than to show it.
fn read(code: &str) -> Option<Shown> {
    // What is behind a semicolon is for negative numbers, and texts.
    let code = code.split(';').next().unwrap_or_default();
    if code.trim_end().ends_with('%') {
        return Some(Shown::Percent);
    }
    let mut parts = Vec::new();
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '0' => parts.push(Part::Digit),
            '"' => parts.extend(
                letters
                    .by_ref()
                    .take_while(|one| *one != '"')
                    .map(Part::Text),
            ),
            '\\' => parts.extend(letters.next().map(Part::Text)),
            '-' | ' ' | '/' | '(' | ')' | '\'' => parts.push(Part::Text(letter)),
            _ => return None,
        }
    }
    let digits = parts.iter().filter(|part| **part == Part::Digit).count();
    (digits > 1 || (digits == 1 && parts.len() > 1)).then_some(Shown::Digits(parts))
}

fn filled(parts: &[Part], digits: &str) -> String {
    let places = parts.iter().filter(|part| **part == Part::Digit).count();
    let digits = format!("{digits:0>places$}");
    // The first place has all the digits for which there is no other.
    let (first, others) = digits.split_at(digits.len() - (places - 1));
    let mut next = std::iter::once(first.to_owned()).chain(others.chars().map(String::from));
    let text = |part: &Part| match part {
        Part::Digit => next.next().unwrap_or_default(),
        Part::Text(letter) => letter.to_string(),
    };
    parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_shown() {
        for (code, number, text) in [
            ("000", 7.0_f64, "007"),
            ("000", 1234.0, "1234"),
            ("\"M-\"0000", 12.0, "M-0012"),
            ("\\M000", 7.0, "M007"),
            ("000-00", 1234.0, "012-34"),
            ("000-00", 1234567.0, "12345-67"),
            ("0%", 0.25, "25%"),
            ("0.00%", 1.0, "100%"),
            ("000;-000", 7.0, "007"),
            ("0", 7.0, "7"),
            ("0.00", 7.0, "7"),
            ("#,##0", 7000.0, "7000"),
            ("General", 7.0, "7"),
            ("000", 7.5, "7.5"),
            ("000", -7.0, "-7"),
            ("\"", 7.0, "7"),
        ] {
            let mut formats = Formats::new([(None, false), (Some(code), false)].into_iter());
            formats.add(3, 1, 1).unwrap();
            for (column, number, text) in [(1, number.to_string(), text), (2, "7".into(), "7")] {
                let mut shown = number;
                formats.show(3, column, &mut shown);
                assert_eq!(shown, text, "{code}");
            }
        }
    }
}
