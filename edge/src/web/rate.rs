//! How often somebody may ask, and guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most visitors who are remembered; the one who was silent longest is forgotten.
const VISITORS_MAX: usize = 512;

/// A bucket of tokens for each visitor.
#[derive(Debug)]
pub struct RateLimit {
    /// Tokens that a bucket gains a second.
    gain_hz: f64,
    /// Tokens that a bucket holds.
    burst: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
    /// Checksum of the last wrong guess.
    guess: Option<[u8; 32]>,
}

impl RateLimit {
    /// So many a second in the long run, and `burst` at once.
    pub fn new(gain_hz: f64, burst: f64) -> Self {
        Self {
            gain_hz,
            burst,
            buckets: Mutex::default(),
        }
    }

    /// Whether this visitor may ask now, which counts. All addresses of one IPv6 network (/64)
    /// are one visitor.
    pub fn allows(&self, visitor: IpAddr, now: Instant) -> bool {
        self.of(visitor, now, |bucket| {
            let allowed = bucket.tokens >= 1.0;
            if allowed {
                bucket.tokens -= 1.0;
            }
            allowed
        })
    }

    /// Whether this visitor may guess now; only [`wrong`](Self::wrong) guesses count.
    pub fn may_guess(&self, visitor: IpAddr, now: Instant) -> bool {
        self.of(visitor, now, |bucket| bucket.tokens >= 1.0)
    }

    /// A guess was wrong. The same again, as of a browser whose cookie is of yesterday, is no
    /// further one.
    pub fn wrong(&self, visitor: IpAddr, guess: [u8; 32], now: Instant) {
        self.of(visitor, now, |bucket| {
            if bucket.guess.replace(guess) != Some(guess) {
                bucket.tokens = (bucket.tokens - 1.0).max(0.0);
            }
        });
    }

    fn of<T>(&self, visitor: IpAddr, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let visitor = network_of(visitor);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= VISITORS_MAX && !buckets.contains_key(&visitor) {
            let silent = buckets.iter().min_by_key(|(_, bucket)| bucket.at);
            if let Some(silent) = silent.map(|(visitor, _)| *visitor) {
                buckets.remove(&silent);
            }
        }
        let bucket = buckets.entry(visitor).or_insert(Bucket {
            tokens: self.burst,
            at: now,
            guess: None,
        });
        let since = now
            .saturating_duration_since(bucket.at)
            .min(Duration::from_secs(3600));
        bucket.tokens = (bucket.tokens + self.gain_hz * since.as_secs_f64()).min(self.burst);
        bucket.at = now;
        act(bucket)
    }
}

fn network_of(visitor: IpAddr) -> IpAddr {
    match visitor {
        IpAddr::V4(_) => visitor,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => {
                let mask = u128::MAX << 64;
                IpAddr::V6((u128::from(address) & mask).into())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_may_ask_in_bursts_and_then_at_the_rate() {
        let limit = RateLimit::new(10.0, 30.0);
        let (start, visitor) = (Instant::now(), IpAddr::from([10, 0, 0, 1]));
        let allowed = (0..100).filter(|_| limit.allows(visitor, start)).count();
        assert_eq!(allowed, 30);
        let second = start + Duration::from_millis(1001);
        let allowed = (0..100).filter(|_| limit.allows(visitor, second)).count();
        assert_eq!(allowed, 10);
        assert!(limit.allows(IpAddr::from([10, 0, 0, 2]), second));
    }

    #[test]
    fn wrong_guesses_count_once_each_and_for_one_visitor() {
        let limit = RateLimit::new(0.1, 5.0);
        let now = Instant::now();
        let [guesser, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        for _ in 0..100 {
            limit.wrong(other, [7; 32], now);
        }
        assert!(limit.may_guess(other, now), "it guessed once");
        let tried = (0..114_u8)
            .take_while(|guess| {
                limit.wrong(guesser, [*guess; 32], now);
                limit.may_guess(guesser, now)
            })
            .count();
        assert_eq!(tried, 4);
        assert!(!limit.may_guess(guesser, now + Duration::from_secs(9)));
        assert!(limit.may_guess(guesser, now + Duration::from_secs(11)));
        assert!(limit.may_guess(other, now));
    }

    #[test]
    fn visitors_are_forgotten_before_they_fill_memory() {
        let limit = RateLimit::new(1.0, 1.0);
        let start = Instant::now();
        for number in 0..100_000_u32 {
            let now = start + Duration::from_millis(number.into());
            assert!(limit.allows(IpAddr::V4(number.into()), now));
        }
        assert_eq!(limit.buckets.lock().unwrap().len(), VISITORS_MAX);
    }

    #[test]
    fn addresses_of_one_network_are_one_visitor() {
        let limit = RateLimit::new(1.0, 1.0);
        let now = Instant::now();
        assert!(limit.allows("2001:db8::1".parse().unwrap(), now));
        assert!(!limit.allows("2001:db8::2".parse().unwrap(), now));
        assert!(limit.allows("2001:db8:0:1::1".parse().unwrap(), now));
        assert!(limit.allows("::ffff:10.0.0.1".parse().unwrap(), now));
        assert!(!limit.allows("10.0.0.1".parse().unwrap(), now));
    }
}
