// SPDX-License-Identifier: Apache-2.0
//! Requests a second, of each account: a bucket that fills at the rate and holds the burst.

use crate::error::ApiError;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// Buckets by account.
pub struct Throttle {
    rate: f64,
    burst: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Throttle {
    /// So many requests a second, and so many at once; a rate of 0 is no limit.
    pub fn new(rate: u32, burst: u32) -> Self {
        Self {
            rate: rate.into(),
            burst: burst.max(1).into(),
            buckets: Mutex::default(),
        }
    }

    /// Takes one, or ThrottlingException.
    pub fn take(&self, account: &str, operation: &str) -> Result<(), ApiError> {
        if self.rate == 0.0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(|e| e.into_inner());
        let (left, at) = buckets.entry(account.into()).or_insert((self.burst, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * self.rate).min(self.burst);
        *at = now;
        if *left < 1.0 {
            return Err(ApiError::new(
                "ThrottlingException",
                format!(
                    "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls. ({operation})"
                ),
            ));
        }
        *left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_own() {
        let t = Throttle::new(1, 2);
        assert!(t.take("a", "X").is_ok() && t.take("a", "X").is_ok());
        assert_eq!(t.take("a", "X").unwrap_err().code, "ThrottlingException");
        assert!(t.take("b", "X").is_ok());
        let free = Throttle::new(0, 0);
        assert!((0..100).all(|_| free.take("a", "X").is_ok()));
    }
}
