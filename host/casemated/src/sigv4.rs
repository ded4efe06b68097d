// SPDX-License-Identifier: Apache-2.0
//! AWS Signature Version 4: the canonical request, the string to sign, and whether a request's signature is its principal's.
//!
//! The service takes signatures in the header Authorization only, as every client of this API sends them.

use crate::clock;
use crate::error::ApiError;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a signature's time may be from the service's, seconds.
pub const SKEW: i64 = 300;

/// For how long a signature may come again, seconds: two equal requests of one client in one second of its clock have the same.
pub const AGAIN: i64 = 2;

/// What is signed of a request.
pub struct Signed<'a> {
    /// As in POST.
    pub method: &'a str,
    /// As it came, percent-encoded.
    pub path: &'a str,
    /// As it came, without the question mark.
    pub query: &'a str,
    /// In the order they came.
    pub headers: &'a [(String, String)],
    /// Hash of the body, hexadecimal.
    pub body_hash: &'a str,
}

fn unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

/// Percent-encoded, but for unreserved bytes and those in `keep`.
fn encode(bytes: &[u8], keep: &[u8], out: &mut String) {
    for &b in bytes {
        if unreserved(b) || keep.contains(&b) {
            out.push(b as char);
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
}

fn decode(text: &str) -> Vec<u8> {
    let b = text.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        let digits = b.get(i + 1..i + 3).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(v) if b[i] == b'%' => {
                out.push(v);
                i += 3;
            }
            _ => {
                out.push(b[i]);
                i += 1;
            }
        }
    }
    out
}

/// The path, without dots and double slashes, its segments percent-encoded.
fn canonical_path(path: &str, normalize: bool) -> String {
    let mut out = String::new();
    if !normalize {
        encode(path.as_bytes(), b"/", &mut out);
        return if out.is_empty() { "/".into() } else { out };
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    for part in &parts {
        out.push('/');
        encode(part.as_bytes(), b"", &mut out);
    }
    if parts.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

fn canonical_query(query: &str) -> String {
    let mut all: Vec<(String, String)> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (k, v) = p.split_once('=').unwrap_or((p, ""));
            let again = |s: &str| {
                let mut out = String::new();
                encode(&decode(s), b"", &mut out);
                out
            };
            (again(k), again(v))
        })
        .collect();
    all.sort();
    let pairs: Vec<_> = all.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join("&")
}

/// One space for any run of blanks, none at the ends.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

impl Signed<'_> {
    /// The canonical request over these headers (lower case, sorted).
    pub fn canonical(&self, headers: &[&str], normalize: bool) -> String {
        let mut out = format!(
            "{}\n{}\n{}\n",
            self.method,
            canonical_path(self.path, normalize),
            canonical_query(self.query)
        );
        for name in headers {
            let values: Vec<_> = self
                .headers
                .iter()
                .filter(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| trimmed(v))
                .collect();
            let _ = writeln!(out, "{name}:{}", values.join(","));
        }
        let _ = write!(out, "\n{}\n{}", headers.join(";"), self.body_hash);
        out
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, v)| v.as_str())
    }
}

/// The string to sign.
pub fn string_to_sign(time: &str, scope: &str, canonical: &str) -> String {
    let hash = hex::encode(Sha256::digest(canonical));
    format!("{ALGORITHM}\n{time}\n{scope}\n{hash}")
}

fn hmac(key: &[u8], data: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is good");
    mac.update(data);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The signature, of a secret and a scope.
pub fn signature(secret: &str, date: &str, region: &str, service: &str, to_sign: &str) -> [u8; 32] {
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let key = hmac(first.as_bytes(), date.as_bytes());
    let key = hmac(&*key, region.as_bytes());
    let key = hmac(&*key, service.as_bytes());
    let key = hmac(&*key, b"aws4_request");
    *hmac(&*key, to_sign.as_bytes())
}

/// What the header Authorization says.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// Whose key.
    pub access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    headers: Vec<&'a str>,
    signature: [u8; 32],
    time: &'a str,
}

fn incomplete(what: impl Into<String>) -> ApiError {
    ApiError::new("IncompleteSignatureException", what)
}

fn invalid(what: impl Into<String>) -> ApiError {
    ApiError::new("InvalidSignatureException", what)
}

impl<'a> Authorization<'a> {
    /// From a request. Nothing is believed yet.
    pub fn of(request: &'a Signed<'_>) -> Result<Self, ApiError> {
        let missing = || {
            ApiError::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )
        };
        let header = request.header("authorization").ok_or_else(missing)?;
        let rest = header.strip_prefix(ALGORITHM).ok_or_else(|| {
            incomplete(format!(
                "Unsupported AWS 'algorithm': '{}'",
                header.split(' ').next().unwrap_or_default()
            ))
        })?;
        let mut fields = HashMap::new();
        for part in rest.split(',') {
            let Some((k, v)) = part.trim().split_once('=') else {
                let what = "Authorization header requires key=value pairs: 'Credential', 'SignedHeaders' and 'Signature'.";
                return Err(incomplete(what));
            };
            fields.insert(k, v);
        }
        let field = |name: &str| {
            fields
                .get(name)
                .copied()
                .ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
        };
        let credential = field("Credential")?;
        let scope: Vec<_> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = scope[..] else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
            ));
        };
        let headers: Vec<_> = field("SignedHeaders")?.split(';').collect();
        let mut signature = [0; 32];
        hex::decode_to_slice(field("Signature")?, &mut signature)
            .map_err(|_| incomplete("The parameter 'Signature' must be 64 hexadecimal digits."))?;
        let time = request.header("x-amz-date").ok_or_else(|| {
            incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        })?;
        Ok(Self {
            access_key,
            date,
            region,
            service,
            headers,
            signature,
            time,
        })
    }

    /// Whether its scope is this service's here and now.
    pub fn check_scope(&self, region: &str, now: i64) -> Result<(), ApiError> {
        let time = clock::parse_basic(self.time).ok_or_else(|| {
            incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'.",
                self.time
            ))
        })?;
        if self.date != &self.time[..8] {
            return Err(invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
                self.date,
                &self.time[..8],
                self.time
            )));
        }
        if self.region != region {
            return Err(invalid("Credential should be scoped to a valid region. "));
        }
        if self.service != "kms" {
            return Err(invalid("Credential should be scoped to correct service: 'kms'. "));
        }
        let (early, late) = (clock::basic(now - SKEW), clock::basic(now + SKEW));
        let here = clock::basic(now);
        if time < now - SKEW {
            return Err(invalid(format!(
                "Signature expired: {} is now earlier than {early} ({here} - 5 min.)",
                self.time
            )));
        }
        if time > now + SKEW {
            return Err(invalid(format!(
                "Signature not yet current: {} is still later than {late} ({here} + 5 min.)",
                self.time
            )));
        }
        // What is not signed could be anybody's: the host, and everything that says what is asked.
        let must = |name: &str| self.headers.contains(&name);
        if !must("host") || !must("x-amz-target") || !must("x-amz-date") {
            return Err(invalid(
                "'Host', 'X-Amz-Target' and 'X-Amz-Date' must be 'SignedHeaders' in the AWS Authorization.",
            ));
        }
        Ok(())
    }

    /// Whether the signature was made with this secret.
    pub fn check(&self, request: &Signed<'_>, secret: &str) -> Result<(), ApiError> {
        let canonical = request.canonical(&self.headers, true);
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let to_sign = string_to_sign(self.time, &scope, &canonical);
        let right = signature(secret, self.date, self.region, self.service, &to_sign);
        if bool::from(right.ct_eq(&self.signature)) {
            return Ok(());
        }
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
             signing method. Consult the service documentation for details.",
        ))
    }
}

/// Signatures that were used, for as long as their time would let them pass.
#[derive(Default)]
pub struct Seen(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    new: HashMap<u64, i64>,
    old: HashMap<u64, i64>,
    since: i64,
}

impl Seen {
    /// Notes a signature; an exception if it was first used longer ago than [`AGAIN`].
    pub fn first_use(&self, a: &Authorization<'_>, now: i64) -> Result<(), ApiError> {
        let mut g = self.0.lock().unwrap_or_else(|e| e.into_inner());
        // Twice the skew lies between the first and the last second in which a signature may pass.
        if now - g.since > 2 * SKEW {
            g.old = std::mem::take(&mut g.new);
            g.since = now;
        }
        let key = u64::from_le_bytes(a.signature[..8].try_into().expect("8 bytes"));
        let first = g.new.get(&key).or_else(|| g.old.get(&key)).copied();
        if first.is_some_and(|t| now - t > AGAIN) {
            return Err(invalid(
                "Signature already used: a request may be sent once. Sign it anew.",
            ));
        }
        g.new.entry(key).or_insert(first.unwrap_or(now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::path::Path;

    /// Method, path, query, headers and body of a request in the suite's form.
    type Parsed = (String, String, String, Vec<(String, String)>, String);

    fn parse(text: &str) -> Parsed {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let (method, rest) = first.split_once(' ').unwrap();
        let target = rest.rsplit_once(' ').unwrap().0;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let last = headers.last_mut().unwrap();
                last.1 = format!("{} {}", last.1, line.trim());
            } else {
                let (n, v) = line.split_once(':').unwrap();
                headers.push((n.into(), v.into()));
            }
        }
        (method.into(), path.into(), query.into(), headers, body.into())
    }

    /// AWS's own suite, in the form that signs in the header: the canonical request, the string to sign and the signature.
    #[test]
    fn suite() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testvectors/sigv4/tests/aws-signing-test-suite/v4");
        let mut cases = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let dir = entry.unwrap().path();
            let file = |n: &str| {
                std::fs::read_to_string(dir.join(n))
                    .unwrap()
                    .replace("\r\n", "\n")
            };
            let name = dir.file_name().unwrap().to_string_lossy().into_owned();
            let context: Value = serde_json::from_str(&file("context.json")).unwrap();
            let (method, path, query, headers, body) = parse(&file("header-signed-request.txt"));
            let hash = hex::encode(Sha256::digest(&body));
            let request = Signed {
                method: &method,
                path: &path,
                query: &query,
                headers: &headers,
                body_hash: &hash,
            };
            let a = Authorization::of(&request).unwrap();
            let normalize = context["normalize"].as_bool().unwrap();
            let canonical = request.canonical(&a.headers, normalize);
            assert_eq!(canonical, file("header-canonical-request.txt"), "{name}");
            let text = |k: &str| context[k].as_str().unwrap();
            let scope = format!("{}/{}/{}/aws4_request", a.date, text("region"), text("service"));
            let to_sign = string_to_sign(a.time, &scope, &canonical);
            assert_eq!(to_sign, file("header-string-to-sign.txt"), "{name}");
            let secret = context["credentials"]["secret_access_key"].as_str().unwrap();
            let right = signature(secret, a.date, text("region"), text("service"), &to_sign);
            assert_eq!(hex::encode(right), file("header-signature.txt").trim(), "{name}");
            if normalize {
                a.check(&request, secret).unwrap();
                assert!(a.check(&request, "another").is_err());
            }
            cases += 1;
        }
        assert!(cases >= 37, "{cases}");
    }

    #[test]
    fn used_once() {
        let headers = [
            (
                "Authorization".to_string(),
                format!(
                    "{ALGORITHM} Credential=A/20150830/r/kms/aws4_request, SignedHeaders=host, Signature={}",
                    "ab".repeat(32)
                ),
            ),
            ("X-Amz-Date".to_string(), "20150830T123600Z".to_string()),
        ];
        let request = Signed {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body_hash: "",
        };
        let a = Authorization::of(&request).unwrap();
        let seen = Seen::default();
        for (now, ok) in [
            (0, true),
            (AGAIN, true),
            (AGAIN + 1, false),
            (SKEW, false),
            (2 * SKEW, false),
            (2 * SKEW + 1, false),
        ] {
            assert_eq!(seen.first_use(&a, now).is_ok(), ok, "{now}");
        }
    }
}
