//! Sealed tokens: state that passes through a client and comes back unchanged, or not at all.
//!
//! A sealed token is a JWT with HMAC-SHA-256 whose audience is its purpose. Whoever holds the key (every replica) can
//! open it, nobody else can make one; what is inside is readable, so it never holds a secret.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::Claims;
use jwt_simple::common::VerificationOptions;
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde::{Deserialize, Serialize};

/// What a token is for; a token of one purpose never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a legacy session.
    Session,
    /// `requestState` of a multi round-trip request.
    RequestState,
    /// A code that confirms what cannot be undone.
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

/// The longest token that opens, in bytes; it travels in headers and bodies.
pub const MAX_TOKEN: usize = 64 * 1024;

/// Seals and opens tokens with one key.
pub struct Seal(HS256Key);

impl Seal {
    /// A key out of a configured secret, the same on every replica.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        // The digest gives every secret, however long, the key size that HMAC-SHA-256 wants.
        Self(HS256Key::from_bytes(&hmac_sha256::Hash::hash(secret)))
    }

    /// A random key: tokens live as long as this process.
    #[must_use]
    pub fn random() -> Self {
        Self(HS256Key::generate())
    }

    /// Seals `content` for `lifetime`.
    ///
    /// # Panics
    /// Never for types of this crate: their JSON is always possible.
    pub fn seal<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        purpose: Purpose,
        content: T,
        lifetime: Duration,
    ) -> String {
        let lifetime = jwt_simple::reexports::coarsetime::Duration::from_secs(lifetime.as_secs());
        let claims =
            Claims::with_custom_claims(content, lifetime).with_audience(purpose.audience());
        self.0.authenticate(claims).expect("types of the protocol always have a JSON form")
    }

    /// Opens a token; `None` when it is forged, of another purpose, or over its time.
    #[must_use]
    pub fn open<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Option<T> {
        let options = VerificationOptions {
            allowed_audiences: Some(HashSet::from([purpose.audience().to_owned()])),
            time_tolerance: Some(jwt_simple::reexports::coarsetime::Duration::from_secs(0)),
            max_token_length: Some(MAX_TOKEN),
            ..VerificationOptions::default()
        };
        self.0.verify_token::<T>(token, Some(options)).ok().map(|claims| claims.custom)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal([redacted])")
    }
}

/// SHA-256 of a text, in base64: what a token holds of something that is too long for it.
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
    fn a_changed_or_expired_token_does_not_open() {
        let seal = Seal::random();
        let token = sealed(&seal, 60);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("a token is ASCII");
            // The last character of a base64 part has bits that carry nothing; such a change may leave the bytes equal.
            if let Some(content) = seal.open::<Content>(Purpose::Session, &changed) {
                assert_eq!(content.word, "hello", "position {position}");
            }
        }
        assert_eq!(seal.open::<Content>(Purpose::Session, &format!("{token}-TAMPERED")), None);
        assert_eq!(seal.open::<Content>(Purpose::Session, &sealed(&seal, 0)), None);
    }
}
