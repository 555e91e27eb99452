//! Voter codes are secret: they are asked for, or read from standard input, and never taken as
//! arguments, which other users of the machine and the history of the shell can see.

use std::io::{BufRead, ErrorKind, IsTerminal};

use vote_web::code::VoterCode;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Groups of a code, each of which may be an argument of its own.
const GROUPS: usize = 8;

/// Why a code among the arguments is refused, and what to do; does not repeat it.
pub(crate) const REFUSED: &str = "a voter code is among the arguments, where other users of this machine and the history of the shell can see \
it. Nothing is done. Leave it out, and type it when you are asked: `vote-cli cast CHOICE --code`, `vote-cli roll check -`. If others may have \
seen it, ask the organiser for another";

/// Whether a voter code is among the arguments: in one of them, or in groups.
pub(crate) fn is_among(args: &[String]) -> bool {
    let is_code =
        |from: usize, to: usize| VoterCode::parse(&Zeroizing::new(args[from..to].concat())).is_ok();
    (0..args.len())
        .any(|from| (from + 1..=args.len().min(from + GROUPS)).any(|to| is_code(from, to)))
}

/// A line of standard input; on a terminal it is asked for, and not shown.
pub(crate) fn secret_line(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| match error.kind() {
                ErrorKind::Interrupted => Failure::Interrupted,
                _ => Failure::other(error),
            });
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(Failure::other)?;
    Ok(line)
}

/// Reads a voter code.
pub(crate) fn parse(text: &str) -> Result<VoterCode, Failure> {
    VoterCode::parse(text.trim()).map_err(|fault| Failure::NotEligible(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_among_arguments_is_noticed_in_one_piece_and_in_groups() {
        let code = VoterCode::from_random([7; 16]).to_string();
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(is_among(&args(&format!("roll check {code} 3f"))));
        assert!(is_among(&args(&format!(
            "cast --code {}",
            code.replace('-', " ").to_lowercase()
        ))));
        assert!(!is_among(&args(&format!("roll check {}", "ab".repeat(32)))));
        assert!(
            !is_among(&args(&format!("cast {} Soup", &code[1..]))),
            "a code that is not whole is none"
        );
        assert!(!is_among(&[]));
    }
}
