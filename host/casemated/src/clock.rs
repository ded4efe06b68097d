// SPDX-License-Identifier: Apache-2.0
//! Time: seconds since 1970, and the basic form of ISO 8601 that signatures have.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a day.
pub const DAY: i64 = 86400;

/// Seconds since 1970.
pub fn unix() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |d| d.as_secs() as i64)
}

/// The clock by which keys rotate and are deleted: the system's, and for tests seconds from a file ahead of it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead: Option<PathBuf>,
}

impl Clock {
    /// With the seconds that a file holds, if one is named.
    pub fn new(ahead: Option<PathBuf>) -> Self {
        Self { ahead }
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        let text = self.ahead.as_ref().and_then(|p| std::fs::read_to_string(p).ok());
        unix() + text.and_then(|t| t.trim().parse().ok()).unwrap_or(0i64)
    }
}

/// Days since 1970 of a civil date, and back (Howard Hinnant, chrono-compatible low-level date algorithms).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

/// As in 20150830T123600Z.
pub fn basic(seconds: i64) -> String {
    let (y, m, d) = civil(seconds.div_euclid(DAY));
    let s = seconds.rem_euclid(DAY);
    format!(
        "{y:04}{m:02}{d:02}T{:02}{:02}{:02}Z",
        s / 3600,
        s / 60 % 60,
        s % 60
    )
}

/// From 20150830T123600Z.
pub fn parse_basic(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    if b.len() != 16 || b[8] != b'T' || b[15] != b'Z' {
        return None;
    }
    let n = |from: usize, to: usize| {
        let part = &b[from..to];
        let digits = part.iter().all(u8::is_ascii_digit);
        digits.then(|| part.iter().fold(0i64, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let (y, mo, d) = (n(0, 4)?, n(4, 6)?, n(6, 8)?);
    let (h, mi, s) = (n(9, 11)?, n(11, 13)?, n(13, 15)?);
    if !(1..=12).contains(&mo) || !(1..=31).contains(&d) || h > 23 || mi > 59 || s > 60 {
        return None;
    }
    Some(days(y, mo, d) * DAY + h * 3600 + mi * 60 + s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(parse_basic("20150830T123600Z"), Some(1_440_938_160));
        for t in [0, 951_782_400, 1_440_938_160, 4_102_444_799, -1] {
            assert_eq!(parse_basic(&basic(t)), Some(t), "{}", basic(t));
        }
        for bad in [
            "",
            "20150830T123600",
            "2015083aT123600Z",
            "20151330T123600Z",
            "20150830T243600Z",
        ] {
            assert_eq!(parse_basic(bad), None, "{bad}");
        }
    }
}
