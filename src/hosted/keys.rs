//! The keys that sign users' tokens: a JSON Web Key Set (RFC 7517).

use std::collections::HashMap;
use std::time::Duration;

use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, JWTClaims,
    RS256PublicKey, RSAPublicKeyLike, VerificationOptions,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The maximum difference between clocks.
const LEEWAY: Duration = Duration::from_secs(30);

/// The maximum size of a token in bytes; those of Supabase Auth have some 1,000.
pub const MAX_TOKEN: usize = 8 * 1024;

/// A public key. The key determines the algorithm; the token's own header does not (RFC 8725 §3.1).
enum Key {
    Es256(ES256PublicKey),
    Rs256(Box<RS256PublicKey>),
    EdDsa(Ed25519PublicKey),
}

/// Keys by their ids.
pub struct Keys(HashMap<String, Key>);

/// The claims that a token must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedToken {
    /// `iss`.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
}

/// Why a token is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not a token, or not one that is signed with a key.
    Malformed,
    /// It names a key that is not in the set.
    UnknownKey,
    /// Its signature, time, issuer or audience is not valid.
    Invalid,
}

/// The header of a token (RFC 7515 §4.1). Serde rejects duplicate members; keys inside the token (`jwk`, `jku`, `x5u`, `x5c`)
/// are not read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    crit: Option<Box<RawValue>>,
}

impl Keys {
    /// Reads a key set. Ignored are keys that are not for `ES256`, `RS256` or `EdDSA` signatures, as RFC 7517 §5 requires, keys
    /// without an id, and keys with a duplicate id.
    ///
    /// # Errors
    ///
    /// What is wrong, if the text is not a key set or has no usable key.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Id {
            kid: String,
        }
        let set: Set<'_> = serde_json::from_slice(text)
            .map_err(|error| format!("it is not JSON Web Key Set: {error}"))?;
        let mut keys: HashMap<String, Option<Key>> = HashMap::new();
        for written in set.keys {
            let (Ok(Id { kid }), Some(key)) =
                (serde_json::from_str(written.get()), Key::read(written.get()))
            else {
                continue;
            };
            // Of two keys with one id, the right one cannot be known.
            keys.entry(kid).and_modify(|other| *other = None).or_insert(Some(key));
        }
        let keys: HashMap<_, _> =
            keys.into_iter().filter_map(|(id, key)| Some((id, key?))).collect();
        if keys.is_empty() {
            Err("it has no key for ES256, RS256 or EdDSA".to_owned())
        } else {
            Ok(Self(keys))
        }
    }

    /// Returns whether the set has a key with this id.
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Returns the id of the key that the token names.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`].
    pub fn id_of(token: &str) -> Result<String, Refusal> {
        header(token).map(|header| header.kid)
    }

    /// Returns the claims of a token, after checking its signature, its time and the expected claims.
    ///
    /// # Errors
    ///
    /// Why the token is rejected.
    pub fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
        expected: &ExpectedToken,
    ) -> Result<JWTClaims<C>, Refusal> {
        let header = header(token)?;
        let key = self.0.get(&header.kid).ok_or(Refusal::UnknownKey)?;
        if key.algorithm() != header.alg || header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let options = Some(VerificationOptions {
            allowed_issuers: Some([expected.issuer.clone()].into()),
            allowed_audiences: Some([expected.audience.clone()].into()),
            time_tolerance: Some(LEEWAY.into()),
            accept_future: false,
            ..VerificationOptions::default()
        });
        let claims = match key {
            Key::Es256(key) => key.verify_token(token, options),
            Key::Rs256(key) => key.verify_token(token, options),
            Key::EdDsa(key) => key.verify_token(token, options),
        };
        // A token without an expiry could never be revoked.
        claims
            .ok()
            .filter(|claims: &JWTClaims<C>| claims.expires_at.is_some())
            .ok_or(Refusal::Invalid)
    }
}

impl Key {
    fn read(jwk: &str) -> Option<Self> {
        let es256 = ES256PublicKey::from_jwk(jwk).ok().map(Self::Es256);
        es256
            .or_else(|| RS256PublicKey::from_jwk(jwk).ok().map(|key| Self::Rs256(Box::new(key))))
            .or_else(|| Ed25519PublicKey::from_jwk(jwk).ok().map(Self::EdDsa))
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
            Self::EdDsa(_) => "EdDSA",
        }
    }
}

fn header(token: &str) -> Result<Header, Refusal> {
    use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
    if token.len() > MAX_TOKEN {
        return Err(Refusal::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed);
    };
    let json =
        Base64UrlSafeNoPadding::decode_to_vec(header, None).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use jwt_simple::prelude::{
        ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike, NoCustomClaims,
    };
    use serde_json::{Value, json};

    use super::*;

    /// Returns the key set as Supabase Auth publishes it.
    fn published(jwk: &str) -> Value {
        let mut jwk: Value = serde_json::from_str(jwk).unwrap();
        jwk["ext"] = json!(true);
        jwk["key_ops"] = json!(["verify"]);
        jwk
    }

    #[test]
    fn the_set_of_supabase_auth_is_read_and_what_cannot_be_used_is_left_out() {
        let ec = ES256KeyPair::generate().with_key_id("ec");
        let ed = Ed25519KeyPair::generate().with_key_id("ed");
        let hmac = json!({"kty": "oct", "kid": "hmac", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "alg": "HS256"});
        let twice = published(&ES256KeyPair::generate().with_key_id("twice").public_key().to_jwk());
        let nameless = published(&ES256KeyPair::generate().public_key().to_jwk());
        let set = json!({"keys": [
            published(&ec.public_key().to_jwk()), published(&ed.public_key().to_jwk()), hmac, twice, twice, nameless, {"kty": "new"}
        ]});
        let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
        assert!(keys.contains("ec") && keys.contains("ed"));
        assert_eq!(keys.0.len(), 2);
        let expected = ExpectedToken { issuer: "i".to_owned(), audience: "a".to_owned() };
        let claims = || {
            jwt_simple::prelude::Claims::create(jwt_simple::prelude::Duration::from_mins(5))
                .with_issuer("i")
                .with_audience("a")
        };
        for token in [ec.sign(claims()).unwrap(), ed.sign(claims()).unwrap()] {
            assert!(keys.verify::<NoCustomClaims>(&token, &expected).is_ok());
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys": []}"#,
            r#"{"keys": [{"kty": "oct", "kid": "h", "k": "AAAA"}]}"#,
            "<html>",
        ] {
            assert!(Keys::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
