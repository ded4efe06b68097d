// SPDX-License-Identifier: Apache-2.0
//! A client of few bytes: HTTP/1.1 over one connection that stays, signed requests.

// Each program uses a part of it.
#![allow(dead_code)]

use casemated::{clock, sigv4};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Who signs.
#[derive(Clone)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
    pub region: String,
}

/// One connection.
pub struct Client {
    address: String,
    who: Credentials,
    stream: BufReader<TcpStream>,
    /// The server closes after the last answer.
    closed: bool,
}

fn connect(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    BufReader::new(stream)
}

impl Client {
    pub fn new(address: &str, who: Credentials) -> Self {
        Self {
            stream: connect(address),
            address: address.into(),
            who,
            closed: false,
        }
    }

    /// The bytes of a signed request.
    pub fn request(&self, operation: &str, body: &[u8]) -> Vec<u8> {
        let time = clock::basic(clock::unix());
        let target = format!("TrentService.{operation}");
        let headers: Vec<(String, String)> = [
            ("content-type", "application/x-amz-json-1.1"),
            ("host", &self.address),
            ("x-amz-date", &time),
            ("x-amz-target", &target),
        ]
        .map(|(n, v)| (n.into(), v.into()))
        .into();
        let hash = hex::encode(Sha256::digest(body));
        let signed = sigv4::Signed {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body_hash: &hash,
        };
        let names: Vec<&str> = headers.iter().map(|(n, _)| n.as_str()).collect();
        let canonical = signed.canonical(&names, true);
        let scope = format!("{}/{}/kms/aws4_request", &time[..8], self.who.region);
        let to_sign = sigv4::string_to_sign(&time, &scope, &canonical);
        let right = sigv4::signature(&self.who.secret, &time[..8], &self.who.region, "kms", &to_sign);
        let mut out = String::from("POST / HTTP/1.1\r\n");
        for (n, v) in &headers {
            out += &format!("{n}: {v}\r\n");
        }
        out += &format!(
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={}\r\ncontent-length: {}\r\n\r\n",
            self.who.key,
            names.join(";"),
            hex::encode(right),
            body.len()
        );
        [out.as_bytes(), body].concat()
    }

    /// Part of a request.
    pub fn write(&mut self, part: &[u8]) {
        self.stream.get_mut().write_all(part).unwrap();
    }

    /// Status and body of an answer; an error if there is none.
    pub fn send(&mut self, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        if self.closed {
            self.reconnect();
        }
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no HTTP: {line:?}")))?;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("connection") {
                self.closed = value.trim().eq_ignore_ascii_case("close");
            }
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }

    /// A signed request and its answer.
    pub fn call(&mut self, operation: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let request = self.request(operation, body);
        self.send(&request)
    }

    /// Another connection.
    pub fn reconnect(&mut self) {
        self.stream = connect(&self.address);
        self.closed = false;
    }
}
