//! Shares as people write them: `simple`, `2/3`, `more than 1/3`.

use vote_chain::Share;

/// What a share looks like.
pub(crate) const KIND: &str = "a share such as \"simple\" (more than half), \"2/3\" (at least so much), \"more than 1/3\" or \"all\"";

/// Reads a share; none if it is none, or can never be reached.
pub(crate) fn parse(text: &str) -> Option<Share> {
    let text = text.trim();
    if text == "simple" {
        return Some(Share::HALF);
    }
    let (more, rest) = match (
        text.strip_prefix("more than "),
        text.strip_prefix("at least "),
    ) {
        (Some(rest), _) => (true, rest),
        (None, rest) => (false, rest.unwrap_or(text)),
    };
    let (numerator, denominator) = match rest.trim() {
        "half" => (1, 2),
        "all" => (1, 1),
        other => {
            let (numerator, denominator) = other.split_once('/')?;
            (
                numerator.trim().parse().ok()?,
                denominator.trim().parse().ok()?,
            )
        }
    };
    // More than all is never reached.
    let share = Share {
        numerator,
        denominator,
        more,
    };
    if more && numerator >= denominator {
        None
    } else {
        Some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page and the ledger have the same file.
    #[test]
    fn shares_are_those_of_the_vectors() {
        let vectors = include_str!("../../../testdata/shares.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        for vector in vectors["shares"].as_array().unwrap() {
            let number =
                |field: &str| u16::try_from(vector["share"][field].as_u64().unwrap()).unwrap();
            let (numerator, denominator) = (number("numerator"), number("denominator"));
            let share = Share {
                numerator,
                denominator,
                more: vector["share"]["more"] == true,
            };
            for said in vector["texts"].as_array().unwrap().iter().map(text) {
                assert_eq!(parse(&said), Some(share), "{said:?}");
            }
        }
        for said in vectors["no_shares"].as_array().unwrap().iter().map(text) {
            assert_eq!(parse(&said), None, "{said:?}");
        }
    }

    #[test]
    fn shares_are_read_as_they_are_shown() {
        for text in [
            "more than half",
            "at least 2/3",
            "at least 3/4",
            "more than 1/3",
            "all",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("simple"), Some(Share::HALF));
        assert_eq!(parse("2/3"), parse("at least 2/3"));
    }
}
