//! Texts in cells of tables that a spreadsheet may open. It takes a cell that begins with `=`, `+`,
//! `-`, `@`, a tab or a carriage return for a formula, and does what that says; an apostrophe
//! before it makes it a text.

use std::borrow::Cow;

/// The text of a cell for a text: with an apostrophe before what a spreadsheet would take for a
/// formula. Numbers stay numbers.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// The text that [`guarded`] made this of.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

/// Whether a spreadsheet would reckon with it; not so if it is a number, with spaces or not, as of
/// a telephone.
fn is_formula(text: &str) -> bool {
    let number = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits > 0
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b" .,".contains(&byte))
    };
    text.starts_with(['=', '@', '\t', '\r'])
        || text
            .strip_prefix(['+', '-'])
            .is_some_and(|rest| !number(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_come_back_and_all_else_stays() {
        for text in [
            "=HYPERLINK(\"http://x\")",
            "+1+cmd|' /C calc'!A0",
            "-2-3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "-",
            "+",
        ] {
            assert_eq!(guarded(text), format!("'{text}"));
        }
        for text in [
            "",
            "Ada",
            "0",
            "-5",
            "+49 30 1234567",
            "-1,5",
            "'s-Hertogenbosch",
            "O'Brien",
            "a=b",
            "''",
        ] {
            assert_eq!(guarded(text), text);
        }
        for text in ["=1", "'=1", "''=1", "'-5", "-5", "'", "'Ada", "''@x", ""] {
            assert_eq!(unguarded(&guarded(text)), text);
        }
    }
}
