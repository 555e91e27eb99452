//! Times as people write and read them.

use std::time::{SystemTime, UNIX_EPOCH};

use vote_chain::Timestamp;

/// The time now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time, or so long from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    In(u64),
}

impl When {
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::In(ms) => now.plus_ms(ms),
        }
    }
}

/// Reads `2026-11-23T12:00:00Z`, with ` UTC`, any offset or ` AoE` in place of `Z`, and so all
/// times that are shown; milliseconds since 1970, as JSON has them; or `+90s`, `+10m`, `+2h`, `+3d`
/// from now.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    let wrong = || {
        format!(
            "{text:?} is neither a time such as 2026-11-23T12:00:00Z nor one from now such as +10m"
        )
    };
    if let Some(rest) = text.strip_prefix('+') {
        let unit = rest.chars().next_back().ok_or_else(wrong)?;
        let factor = match unit {
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return Err(wrong()),
        };
        let count: u64 = rest[..rest.len() - 1].parse().map_err(|_| wrong())?;
        return count.checked_mul(factor).map(When::In).ok_or_else(wrong);
    }
    if text.len() == MS_DIGITS
        && let Ok(ms) = text.parse()
    {
        return Ok(When::At(Timestamp::from_ms(ms)));
    }
    let (seconds, zone) = parse_clock(text).ok_or_else(wrong)?;
    let offset = match zone {
        "" => {
            return Err(format!(
                "{text:?} does not say in which time zone: write {text}Z for UTC, or an offset such as {text}+01:00"
            ));
        }
        zone => parse_offset(zone).ok_or_else(wrong)?,
    };
    if !OFFSETS.contains(&offset) {
        return Err(format!(
            "{text:?} has an offset that no place has; those on Earth are -12:00 to +14:00 from UTC"
        ));
    }
    let ms = u64::try_from(seconds - offset * 60).map(|seconds| seconds * 1000);
    ms.map(|ms| When::At(Timestamp::from_ms(ms)))
        .map_err(|_| wrong())
}

/// Digits of a time in milliseconds, from 2001 to 2286.
const MS_DIGITS: usize = 13;
/// How far clocks are from UTC, in minutes.
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 60..=14 * 60;

/// A number of up to so many digits.
fn digits(text: &str, most: usize) -> Option<i64> {
    let number = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if number { text.parse().ok() } else { None }
}

/// A date and a time of the day, as seconds since 1970 if they are in UTC; and what follows: the
/// zone.
fn parse_clock(text: &str) -> Option<(i64, &str)> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date
        .splitn(3, '-')
        .zip([4, 2, 2])
        .map(|(part, most)| digits(part, most));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let zone_at = rest
        .find(|c: char| !c.is_ascii_digit() && c != ':')
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let mut parts = clock.splitn(3, ':').map(|part| digits(part, 2));
    let (hour, minute, second) = (
        parts.next()??,
        parts.next()??,
        parts.next().unwrap_or(Some(0))?,
    );
    let valid = (1..=12).contains(&month)
        && (1..=month_days(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    valid.then_some((seconds, zone.trim()))
}

/// How many minutes the clocks of a zone are ahead of UTC.
fn parse_offset(zone: &str) -> Option<i64> {
    match zone.to_ascii_lowercase().as_str() {
        "z" | "utc" | "gmt" => return Some(0),
        // Anywhere on Earth: the day is over when it is over in the last zone.
        "aoe" => return Some(*OFFSETS.start()),
        _ => {}
    }
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let minutes = digits(hours, 2)? * 60 + digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(if zone.starts_with('-') {
        -minutes
    } else {
        minutes
    })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    years + (1..month).map(|month| month_days(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        match parse_when(text).unwrap() {
            When::At(time) => time.ms(),
            When::In(ms) => ms,
        }
    }

    #[test]
    fn times_with_zones_are_read() {
        assert_eq!(ms("1970-01-01T00:00:00Z"), 0);
        assert_eq!(ms("2026-11-23T12:00:00Z"), 1_795_435_200_000);
        assert_eq!(ms("2026-11-23T13:00:00+01:00"), ms("2026-11-23T12:00:00Z"));
        assert_eq!(ms("2026-11-23 00:00-12:00"), ms("2026-11-23T12:00:00Z"));
        assert_eq!(ms("2024-02-29T00:00:00Z"), 1_709_164_800_000);
        assert_eq!(ms("+2h"), 7_200_000);
        assert_eq!(ms("2026-11-22 23:59 AoE"), ms("2026-11-23T11:59:00Z"));
        assert_eq!(ms("2026-11-23 12:00 utc"), ms("2026-11-23T12:00:00Z"));
        assert_eq!(
            ms("1795435200000"),
            ms("2026-11-23T12:00:00Z"),
            "as JSON shows it"
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "+",
            "+5",
            "+5y",
            "now",
            "2026-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2026-11-23T12:00:00",
            "2026-11-23T25:00:00Z",
            "20260-11-23T12:00:00Z",
            "9223372036854775807-01-01T00:00:00Z",
            "2026-11-23T12:00:00+9223372036854775807:00",
            "2026-11-23T12:00:00+01:000",
            "2026-11-23T12:00:00+25:00",
            "2026-11-23T12:00:00+14:01",
            "2026-11-23T12:00:00-12:30",
            "2026-11-23T12:00:00+01:60",
            "2026-11-23T12:00:00+0100",
            "2026-11-23T12:00:00 CET",
            "1969-12-31T23:00:00Z",
            "99999999999999",
        ] {
            assert!(parse_when(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let why = parse_when("2026-11-23 18:00").unwrap_err();
        assert!(
            why.contains("time zone") && why.contains("2026-11-23 18:00+01:00"),
            "{why}"
        );
        assert!(
            parse_when("2026-11-23T12:00:00+25:00")
                .unwrap_err()
                .contains("-12:00 to +14:00")
        );
        assert!(
            !parse_when("2026-11-31 18:00").unwrap_err().contains("zone"),
            "there is no such day"
        );
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        for text in [
            "2000-02-29 23:59:59",
            "2026-12-31 23:59:59",
            "2027-01-01 00:00:00",
        ] {
            let shown = Timestamp::from_ms(ms(&format!("{text}Z"))).to_string();
            assert_eq!(shown, format!("{text} UTC"));
            assert_eq!(ms(&shown), ms(&format!("{text}Z")));
        }
    }
}
