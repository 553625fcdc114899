//! The page key: what a browser has to have to see and decide anything.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac_sha256::HMAC;

use crate::hex::hex;
use crate::random::random_id;
use crate::secret::Secret;
use crate::sync::lock;

/// How long a one-time address is good for.
pub const ENTRY_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Most one-time addresses whose use is remembered; when there are more, no further one is taken until some are over.
const MAX_USED: usize = 1_024;

/// Where the key is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that other processes of the same account can read.
    Kept(Secret),
    /// This process alone has it.
    MemoryOnly(Secret),
}

impl KeySource {
    /// A new key that this process alone has.
    #[must_use]
    pub fn memory_only() -> Self {
        Self::MemoryOnly(Secret::new(format!("{}{}", random_id(), random_id())))
    }
}

/// The page key. A browser gets a cookie made from it by a one-time address, never the key.
pub struct PageKey {
    load: Box<dyn Fn() -> KeySource + Send + Sync>,
    source: OnceLock<KeySource>,
    /// The one-time addresses that were used, each until it is over its time.
    used: Mutex<HashMap<String, Instant>>,
}

impl PageKey {
    /// A key that is read, or made, when it is first needed.
    pub fn new(load: impl Fn() -> KeySource + Send + Sync + 'static) -> Self {
        Self { load: Box::new(load), source: OnceLock::new(), used: Mutex::default() }
    }

    /// Whether another process of the same account can make one-time addresses, too.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.source(), KeySource::Kept(_))
    }

    fn source(&self) -> &KeySource {
        self.source.get_or_init(|| (self.load)())
    }

    /// HMAC-SHA-256 of a text, in hexadecimal.
    fn mac(&self, text: &str) -> String {
        let (KeySource::Kept(key) | KeySource::MemoryOnly(key)) = self.source();
        hex(&HMAC::mac(text.as_bytes(), key.expose().as_bytes()))
    }

    /// What the cookie of a known browser holds.
    pub(super) fn cookie(&self) -> String {
        self.mac("cookie")
    }

    /// Whether a cookie is that of a known browser.
    pub(super) fn knows(&self, cookie: &str) -> bool {
        is_same(cookie, &self.cookie())
    }

    /// A one-time address: by it a browser becomes known. `base` is the page's own address, `to` the path that it then goes to.
    #[must_use]
    pub fn entry(&self, base: &str, to: &str, lifetime: Duration) -> String {
        let until = (SystemTime::now() + lifetime).duration_since(UNIX_EPOCH).unwrap_or_default();
        let ticket = format!("{}-{}", until.as_secs(), random_id());
        let mac = self.mac(&format!("entry {ticket}"));
        format!("{base}/local/enter?ticket={ticket}-{mac}&to={to}")
    }

    /// Uses the ticket of a one-time address; whether it was good.
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

/// Compares in a time that does not depend on where the texts differ.
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
