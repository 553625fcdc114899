//! Sealed tokens: state that a client keeps and returns unchanged; changed tokens are rejected.
//!
//! A sealed token is a JWT with HMAC-SHA-256 whose audience is its purpose. Only holders of the key (every replica) can open or
//! create one. Its content is readable, so it never contains a secret.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::Claims;
use jwt_simple::common::VerificationOptions;
use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// The purpose of a token; a token never opens for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a legacy session.
    Session,
    /// `requestState` of a multi round-trip request.
    RequestState,
    /// A code that confirms an action.
    Confirmation,
}

impl Purpose {
    const fn audience(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::RequestState => "request-state",
            Self::Confirmation => "confirmation",
        }
    }
}

/// The maximum size in bytes of a token that is opened; it is sent in headers and bodies.
pub const MAX_TOKEN: usize = 64 * 1024;

/// The maximum number of used token ids that are remembered. When it is reached, no further token is accepted until some
/// expire.
const MAX_USED: usize = 65_536;

/// Seals and opens tokens with one key.
pub struct Seal {
    key: HS256Key,
    /// The ids of used one-time tokens, each until its token expires.
    used: Mutex<HashMap<String, Instant>>,
}

/// The outcome of using a one-time token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was valid, and is now used up.
    First,
    /// It was already used.
    Again,
    /// Too many tokens were used, so this one cannot be remembered.
    Full,
}

impl Seal {
    /// Returns a key from a configured secret; it is the same on every replica.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        // The digest gives every secret the key size that HMAC-SHA-256 requires.
        Self::with(HS256Key::from_bytes(&hmac_sha256::Hash::hash(secret)))
    }

    /// Returns a random key: tokens are valid as long as this process runs.
    #[must_use]
    pub fn random() -> Self {
        Self::with(HS256Key::generate())
    }

    fn with(key: HS256Key) -> Self {
        Self { key, used: Mutex::default() }
    }

    /// Uses a one-time token: `id` is its random id, and `lifetime` is the token's.
    ///
    /// Only this process knows the used tokens: another replica accepts the same token once more.
    pub fn spend(&self, id: &str, lifetime: Duration) -> Use {
        let (mut used, now) = (lock(&self.used), Instant::now());
        if used.len() >= MAX_USED {
            used.retain(|_, until| *until > now);
        }
        if used.contains_key(id) {
            return Use::Again;
        }
        if used.len() >= MAX_USED {
            return Use::Full;
        }
        used.insert(id.to_owned(), now + lifetime);
        Use::First
    }

    /// Seals `content` for `lifetime`.
    ///
    /// # Panics
    /// Never for types of this crate: they can always be written as JSON.
    pub fn seal<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        purpose: Purpose,
        content: T,
        lifetime: Duration,
    ) -> String {
        let lifetime = jwt_simple::prelude::Duration::from_secs(lifetime.as_secs());
        let claims =
            Claims::with_custom_claims(content, lifetime).with_audience(purpose.audience());
        self.key.authenticate(claims).expect("types of the protocol always have a JSON form")
    }

    /// Opens a token; `None` if it is forged, has another purpose, or has expired.
    #[must_use]
    pub fn open<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Option<T> {
        let options = VerificationOptions {
            allowed_audiences: Some(HashSet::from([purpose.audience().to_owned()])),
            time_tolerance: Some(jwt_simple::prelude::Duration::from_secs(0)),
            max_token_length: Some(MAX_TOKEN),
            ..VerificationOptions::default()
        };
        self.key.verify_token::<T>(token, Some(options)).ok().map(|claims| claims.custom)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal([redacted])")
    }
}

/// Returns the SHA-256 of a text, in base64; a token contains it in place of a long text.
///
/// # Panics
/// Never: 32 bytes have a base64 form.
#[must_use]
pub fn digest(text: &str) -> String {
    Base64UrlSafeNoPadding::encode_to_string(hmac_sha256::Hash::hash(text.as_bytes()))
        .expect("32 bytes have a base64 form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Content {
        word: String,
    }

    fn sealed(seal: &Seal, lifetime: u64) -> String {
        seal.seal(
            Purpose::Session,
            Content { word: "hello".to_owned() },
            Duration::from_secs(lifetime),
        )
    }

    #[test]
    fn a_token_opens_with_its_key_and_purpose_alone() {
        let seal = Seal::from_secret(b"a secret of the operator");
        let token = sealed(&seal, 60);
        let same_secret = Seal::from_secret(b"a secret of the operator");
        assert_eq!(
            same_secret.open::<Content>(Purpose::Session, &token),
            Some(Content { word: "hello".to_owned() })
        );
        assert_eq!(seal.open::<Content>(Purpose::RequestState, &token), None);
        assert_eq!(Seal::random().open::<Content>(Purpose::Session, &token), None);
    }

    #[test]
    fn a_token_that_is_good_once_is_used_once() {
        let (seal, minute) = (Seal::random(), Duration::from_secs(60));
        assert_eq!(seal.spend("a", minute), Use::First);
        assert_eq!(seal.spend("b", minute), Use::First);
        assert_eq!(seal.spend("a", minute), Use::Again);
    }

    #[test]
    fn a_full_memory_of_used_tokens_refuses_until_some_are_over_their_time() {
        let seal = Seal::random();
        for number in 1..MAX_USED {
            seal.spend(&number.to_string(), Duration::from_secs(60));
        }
        assert_eq!(seal.spend("short", Duration::ZERO), Use::First);
        assert_eq!(seal.spend("next", Duration::from_secs(60)), Use::First, "`short` is over");
        assert_eq!(seal.spend("one more", Duration::from_secs(60)), Use::Full);
        assert_eq!(seal.spend("next", Duration::from_secs(60)), Use::Again);
    }

    #[test]
    fn a_changed_or_expired_token_does_not_open() {
        let seal = Seal::random();
        let token = sealed(&seal, 60);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("a token is ASCII");
            // The last character of a base64 part has unused bits, so changing it may not change the bytes.
            if let Some(content) = seal.open::<Content>(Purpose::Session, &changed) {
                assert_eq!(content.word, "hello", "position {position}");
            }
        }
        assert_eq!(seal.open::<Content>(Purpose::Session, &format!("{token}-TAMPERED")), None);
        assert_eq!(seal.open::<Content>(Purpose::Session, &sealed(&seal, 0)), None);
    }
}
