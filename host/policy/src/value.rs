// SPDX-License-Identifier: Apache-2.0
//! Values that conditions compare: numbers, points in time, networks, bytes (IAM, "IAM JSON policy elements: Condition operators").

use std::net::IpAddr;

/// A decimal number with up to nine digits after the point, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

const BILLION: i128 = 1_000_000_000;

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let fine = |part: &str, longest| {
            (1..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !fine(whole, 20) || !fine(fraction, 9) {
            return None;
        }
        let scale = 10i128.pow(9 - u32::try_from(fraction.len()).ok()?);
        let value = whole.parse::<i128>().ok()? * BILLION + fraction.parse::<i128>().ok()? * scale;
        Some(Number(if negative { -value } else { value }))
    }
}

/// A point in time in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i128);

impl Instant {
    /// One of W3C's forms of ISO 8601, from the year alone to fractions of a second, or seconds since 1970. Four digits are a year.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 4
            && let Some(Number(nanoseconds)) = Number::parse(text)
        {
            return Some(Instant(nanoseconds));
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut fields = date.split('-');
        let year = digits(fields.next()?, 4)?;
        let month = fields.next().map_or(Some(1), |field| digits(field, 2))?;
        let day = fields.next().map_or(Some(1), |field| digits(field, 2))?;
        // A time needs a whole date before it.
        if fields.next().is_some() || (time.is_some() && date.len() != 10) {
            return None;
        }
        if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        let of_day = time.map_or(Some(0), time_of_day)?;
        Some(Instant(
            days_since_1970(year, month, day) * 86400 * BILLION + of_day,
        ))
    }
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.s…`, then `Z` or an offset.
fn time_of_day(text: &str) -> Option<i128> {
    let zone = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at(zone);
    let mut fields = clock.split(':');
    let hour = digits(fields.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(fields.next()?, 2).filter(|minute| *minute < 60)?;
    let second = match fields.next() {
        None => 0,
        Some(field) => {
            digits(field.get(..2)?, 2).filter(|second| *second < 60)?;
            Number::parse(field)?.0
        }
    };
    if fields.next().is_some() {
        return None;
    }
    let offset = if zone == "Z" {
        0
    } else {
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
        let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
        let east = (hours * 60 + minutes) * 60;
        if zone.starts_with('+') { east } else { -east }
    };
    Some(((hour * 60 + minute) * 60 - offset) * BILLION + second)
}

fn digits(text: &str, count: usize) -> Option<i128> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn days_in(year: i128, month: i128) -> i128 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i128, month: i128, day: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// ISO 8601 of whole seconds since 1970, as `aws:CurrentTime` has it.
pub(crate) fn iso(seconds: i64) -> String {
    let days = seconds.div_euclid(86400);
    let of_day = seconds.rem_euclid(86400);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// An address, or a range in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    v4: bool,
    bits: u128,
    mask: u128,
}

impl Net {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (v4, bits, width) = bits_of(address);
        let prefix = match prefix {
            None => width,
            Some(text) if text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|prefix| *prefix <= width)?
            }
            Some(_) => return None,
        };
        let host = width - prefix;
        let mask = if host == 128 { 0 } else { u128::MAX << host };
        Some(Net {
            v4,
            bits: bits & mask,
            mask,
        })
    }

    pub(crate) fn contains(self, address: &str) -> bool {
        address.parse::<IpAddr>().is_ok_and(|address| {
            // A socket for both families shows IPv4 callers as ::ffff:a.b.c.d.
            let (v4, bits, _) = bits_of(address.to_canonical());
            v4 == self.v4 && bits & self.mask == self.bits
        })
    }
}

fn bits_of(address: IpAddr) -> (bool, u128, u32) {
    match address {
        IpAddr::V4(v4) => (true, u32::from(v4).into(), 32),
        IpAddr::V6(v6) => (false, v6.into(), 128),
    }
}

/// Base64 with padding (RFC 4648 section 4), no bits left over.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in digits.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let number = |text| Number::parse(text);
        assert_eq!(number("10"), number("10.000"));
        assert!(number("-0.5") < number("0"));
        assert!(number("9007199254740993") > number("9007199254740992"));
        for bad in [
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "+1",
            "1.0000000001",
            " 1",
            "0x10",
            "123456789012345678901",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn times() {
        let at = |text: &str| Instant::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(at("2020-01-01T00:00:01Z"), at("1577836801"));
        assert_eq!(at("2020"), at("2020-01-01T00:00Z"));
        assert_eq!(at("1997-07-16T19:20:30.45+01:00"), at("1997-07-16T18:20:30.450Z"));
        assert_eq!(at("2000-02-29"), at("951782400"));
        for bad in [
            "2021-02-29",
            "2020-13",
            "2020-1-1",
            "2020-01-01T00:00",
            "20-01-01",
            "2020-01T00:00Z",
            "now",
        ] {
            assert_eq!(Instant::parse(bad), None, "{bad}");
        }
        for seconds in [
            0,
            951_782_399,
            951_782_400,
            1_577_836_801,
            1_796_050_000,
            4_107_542_400,
        ] {
            assert_eq!(at(&iso(seconds)), at(&format!("{seconds}.0")), "{seconds}");
        }
    }

    #[test]
    fn networks() {
        assert!(Net::parse("203.0.113.0/24").unwrap().contains("203.0.113.77"));
        assert!(
            Net::parse("203.0.113.0/24")
                .unwrap()
                .contains("::ffff:203.0.113.77")
        );
        assert!(!Net::parse("203.0.113.0/24").unwrap().contains("203.0.114.1"));
        assert!(
            Net::parse("2001:DB8:1234:5678::/64")
                .unwrap()
                .contains("2001:db8:1234:5678::9")
        );
        assert!(Net::parse("::/0").unwrap().contains("2001:db8::1"));
        assert!(!Net::parse("0.0.0.0/0").unwrap().contains("2001:db8::1"));
        for bad in [
            "203.0.113.0/33",
            "203.0.113/24",
            "host",
            "::/129",
            "1.2.3.4/+1",
            "1.2.3.4/",
        ] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes() {
        assert_eq!(
            base64("QmluYXJ5VmFsdWVJbkJhc2U2NA==").unwrap(),
            b"BinaryValueInBase64"
        );
        assert_eq!(base64("").unwrap(), b"");
        for bad in ["Q", "QQ", "QR==", "Q===", "QQ=A", "Q Q="] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }
}
