//! Shares as people write them: `simple`, `2/3`, `more than 1/3`.

use vote_chain::Share;

/// What a share looks like.
pub(crate) const KIND: &str =
    "a share such as \"simple\" (more than half), \"2/3\" (at least so much), \"more than 1/3\" or \"all\"";

/// Reads a share; none if it is none, or can never be reached.
pub(crate) fn parse(text: &str) -> Option<Share> {
    let text = text.trim();
    if text == "simple" {
        return Some(Share::HALF);
    }
    let (more, rest) = match (text.strip_prefix("more than "), text.strip_prefix("at least ")) {
        (Some(rest), _) => (true, rest),
        (None, rest) => (false, rest.unwrap_or(text)),
    };
    let (numerator, denominator) = match rest.trim() {
        "half" => (1, 2),
        "all" => (1, 1),
        other => {
            let (numerator, denominator) = other.split_once('/')?;
            (numerator.trim().parse().ok()?, denominator.trim().parse().ok()?)
        }
    };
    // More than all is never reached.
    let share = Share { numerator, denominator, more };
    if more && numerator >= denominator { None } else { Some(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_they_are_shown() {
        for text in ["more than half", "at least 2/3", "at least 3/4", "more than 1/3", "all"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("simple"), Some(Share::HALF));
        assert_eq!(parse("2/3"), parse("at least 2/3"));
        for text in ["", "most", "2", "2/", "-1/2", "more than", "more than all", "more than 1/1", "more than 3/2"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
