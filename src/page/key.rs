//! The page key, which gives a browser access to the page.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac_sha256::HMAC;

use crate::hex::hex;
use crate::random::random_id;
use crate::secret::Secret;
use crate::sync::lock;

/// How long a one-time address is valid.
pub const ENTRY_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The maximum number of used one-time addresses that are remembered. When it is reached, no further address is accepted until
/// some expire.
const MAX_USED: usize = 1_024;

/// The source of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that other processes of the same account can read.
    Kept(Secret),
    /// Only this process has it.
    MemoryOnly(Secret),
}

impl KeySource {
    /// Returns a new key that only this process has.
    #[must_use]
    pub fn memory_only() -> Self {
        Self::MemoryOnly(Secret::new(format!("{}{}", random_id(), random_id())))
    }
}

/// The page key. A one-time address gives a browser a cookie that is made from it, never the key itself.
pub struct PageKey {
    load: Box<dyn Fn() -> KeySource + Send + Sync>,
    source: OnceLock<KeySource>,
    /// The used one-time addresses, each until it expires.
    used: Mutex<HashMap<String, Instant>>,
}

impl PageKey {
    /// A key that is read or created at the first use.
    pub fn new(load: impl Fn() -> KeySource + Send + Sync + 'static) -> Self {
        Self { load: Box::new(load), source: OnceLock::new(), used: Mutex::default() }
    }

    /// Returns whether other processes of the same account can also make one-time addresses.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.source(), KeySource::Kept(_))
    }

    fn source(&self) -> &KeySource {
        self.source.get_or_init(|| (self.load)())
    }

    /// Returns the HMAC-SHA-256 of a text, in hexadecimal.
    fn mac(&self, text: &str) -> String {
        let (KeySource::Kept(key) | KeySource::MemoryOnly(key)) = self.source();
        hex(&HMAC::mac(text.as_bytes(), key.expose().as_bytes()))
    }

    /// Returns the cookie value of a known browser.
    pub(super) fn cookie(&self) -> String {
        self.mac("cookie")
    }

    /// Returns whether a cookie is valid.
    pub(super) fn knows(&self, cookie: &str) -> bool {
        is_same(cookie, &self.cookie())
    }

    /// Returns a one-time address, which makes a browser known. `base` is the page's own address, `to` the path to continue at.
    #[must_use]
    pub fn entry(&self, base: &str, to: &str, lifetime: Duration) -> String {
        let until = (SystemTime::now() + lifetime).duration_since(UNIX_EPOCH).unwrap_or_default();
        let ticket = format!("{}-{}", until.as_secs(), random_id());
        let mac = self.mac(&format!("entry {ticket}"));
        format!("{base}/local/enter?ticket={ticket}-{mac}&to={to}")
    }

    /// Uses the ticket of a one-time address. Returns whether it was valid.
    pub(super) fn enter(&self, ticket: &str) -> bool {
        let Some((ticket, mac)) = ticket.rsplit_once('-') else { return false };
        if !is_same(mac, &self.mac(&format!("entry {ticket}"))) {
            return false;
        }
        let until = ticket.split_once('-').and_then(|(until, _)| until.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = until.map(Duration::from_secs).and_then(|until| until.checked_sub(now));
        let Some(left) = left.filter(|left| !left.is_zero()) else { return false };
        let (mut used, now) = (lock(&self.used), Instant::now());
        used.retain(|_, until| *until > now);
        used.len() < MAX_USED && used.insert(ticket.to_owned(), now + left).is_none()
    }
}

/// Compares in a time that does not depend on the position of a difference.
fn is_same(given: &str, right: &str) -> bool {
    given.len() == right.len()
        && given.bytes().zip(right.bytes()).fold(0, |apart, (a, b)| apart | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> PageKey {
        let secret = Secret::new(text.to_owned());
        PageKey::new(move || KeySource::Kept(secret.clone()))
    }

    fn ticket(key: &PageKey, lifetime: u64) -> String {
        let address = key.entry("http://127.0.0.1:1", "/confirm", Duration::from_secs(lifetime));
        let (_, rest) = address.split_once("ticket=").expect("it has one");
        rest.split_once('&').expect("more follows").0.to_owned()
    }

    #[test]
    fn a_one_time_address_is_good_once_with_its_key_within_its_time() {
        let ours = key("a");
        let good = ticket(&ours, 60);
        assert!(!key("b").enter(&good), "another key");
        assert!(!ours.enter(&good.replacen(|digit: char| digit.is_ascii_digit(), "9", 1)));
        assert!(!ours.enter(&good[..good.len() - 1]));
        assert!(ours.enter(&good));
        assert!(!ours.enter(&good), "it was used");
        assert!(!ours.enter(&ticket(&ours, 0)), "it is over its time");
        assert!(key("a").enter(&ticket(&ours, 60)), "another process has the same key");
        for wrong in ["", "-", "1-2", "1-2-3"] {
            assert!(!ours.enter(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_browser_is_known_by_the_cookie_alone() {
        let ours = key("a");
        let cookie = ours.cookie();
        assert!(ours.knows(&cookie) && key("a").knows(&cookie));
        assert!(!key("b").knows(&cookie) && !ours.knows("") && !ours.knows("a"));
        assert!(!ours.knows(&ours.mac("entry x")));
    }
}
