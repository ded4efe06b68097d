// SPDX-License-Identifier: Apache-2.0
//! Instants as CloudTrail writes them: UTC, in seconds, as in 2026-11-30T12:00:00Z. As text they sort by time.

use std::time::{SystemTime, UNIX_EPOCH};

/// The text of an instant.
pub fn text(t: SystemTime) -> String {
    // No clock of a server is before 1970.
    let s = t.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (day, s) = (s / 86400, s % 86400);
    let (y, m, d) = date(day);
    format!(
        "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}Z",
        s / 3600,
        s / 60 % 60,
        s % 60
    )
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
fn date(day: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of one; 719468 days lie between 0000-03-01 and 1970-01-01.
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let d = day - (153 * month + 2) / 5 + 1;
    let (m, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, m, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_instants() {
        for (s, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (1_796_083_199, "2026-11-30T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_secs(s)), expected);
        }
        assert_eq!(text(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }
}
