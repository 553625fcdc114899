//! Hosted mode's authentication: a token that Supabase Auth signed, or an API token that the control plane knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac_sha256::Hash;
use serde::Deserialize;

use super::cache::{Cache, Freshness};
use super::keys::{Keys, Refusal};
use super::{ControlPlane, ExpectedToken, ToolSieve, control_plane, is_uuid};
use crate::access::{Authenticator, Caller, Evidence, ResourceMetadata, Token};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::sync::lock;

/// How long a key set is used.
const KEYS_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The minimum time between two fetches because of a missing key or a failed fetch.
const KEYS_PAUSE: Duration = Duration::from_secs(60);

/// The maximum number of tokens whose verification is cached.
const VERIFIED: usize = 4_096;

/// The prefix of an API token, and the maximum number of base62 characters after it.
const API_TOKEN: (&str, usize) = ("mcpist_", 64);

/// The parts of hosted mode's authenticator.
pub struct TokenAuthenticatorParts {
    /// The source of the keys.
    pub plane: Arc<ControlPlane>,
    /// Checks API tokens.
    pub sieve: Arc<ToolSieve>,
    /// The claims that tokens must have.
    pub expected: ExpectedToken,
    /// The metadata with which clients get a token, if the server's address is known.
    pub resource: Option<ResourceMetadata>,
}

/// Hosted mode's authenticator.
pub struct TokenAuthenticator {
    parts: TokenAuthenticatorParts,
    keys: Cache<(), FetchedKeys>,
    verified: Mutex<HashMap<[u8; 32], Verified>>,
}

#[derive(Clone)]
struct FetchedKeys {
    keys: Arc<Keys>,
    /// When the next fetch is due.
    due: Instant,
    /// When the last fetch was attempted.
    tried: Instant,
}

/// A token whose signature was verified, so that it is verified only once.
struct Verified {
    caller: Caller,
    key: String,
    /// Seconds since 1970.
    expires: u64,
}

/// The claims of Supabase Auth beyond those of RFC 7519.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    role: String,
    #[serde(default)]
    is_anonymous: bool,
}

impl TokenAuthenticator {
    /// Creates an authenticator; it fetches nothing yet.
    #[must_use]
    pub fn new(parts: TokenAuthenticatorParts) -> Self {
        Self { parts, keys: Cache::new(1), verified: Mutex::default() }
    }

    /// Returns the key set, fetched again if it lacks the key `wanted` and a fetch is allowed.
    fn keys(&self, wanted: Option<&str>) -> Result<Arc<Keys>, Error> {
        let now = Instant::now();
        let freshness = |fetched: &FetchedKeys| {
            let lacks = wanted.is_some_and(|id| !fetched.keys.contains(id));
            // A stranger can invent key ids; that must not cause more fetches.
            match (now < fetched.due, lacks && now >= fetched.tried + KEYS_PAUSE) {
                (true, false) => Freshness::Fresh,
                (_, true) => Freshness::Gone,
                (false, false) => Freshness::Stale,
            }
        };
        let fetched = self.keys.get(&(), freshness, |old| {
            let keys = self.parts.plane.key_set().and_then(|text| {
                Keys::parse(&text).map_err(|problem| {
                    log::error!("the key set cannot be used: {problem}");
                    control_plane::garbled("key set")
                })
            });
            let tried = Instant::now();
            match (keys, old) {
                (Ok(keys), _) => {
                    Ok(FetchedKeys { keys: Arc::new(keys), due: tried + KEYS_LIFETIME, tried })
                }
                (Err(error), Some(old)) => {
                    log::warn!("the key set is not fetched again, the one at hand stays: {error}");
                    Ok(FetchedKeys { due: tried + KEYS_PAUSE, tried, ..old })
                }
                (Err(error), None) => Err(error),
            }
        })?;
        Ok(fetched.keys)
    }

    /// The caller of a token that was verified with one of `keys`.
    fn verified(&self, token: &str, keys: &Keys) -> Option<Caller> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let verified = lock(&self.verified);
        let verified = verified.get(&Hash::hash(token.as_bytes()));
        verified
            .filter(|verified| now < verified.expires && keys.contains(&verified.key))
            .map(|verified| verified.caller.clone())
    }

    fn user(&self, token: &str) -> Result<Caller, Error> {
        let keys = self.keys(None)?;
        if let Some(caller) = self.verified(token, &keys) {
            return Ok(caller);
        }
        let refused = |_: Refusal| control_plane::invalid_token();
        let key = Keys::id_of(token).map_err(refused)?;
        let keys = self.keys(Some(&key))?;
        let claims = keys.verify::<Claims>(token, &self.parts.expected).map_err(refused)?;
        let Some(user) = claims.subject.filter(|user| is_uuid(user)) else {
            return Err(control_plane::invalid_token());
        };
        if claims.custom.role != "authenticated" || claims.custom.is_anonymous {
            return Err(control_plane::invalid_token());
        }
        let expires = claims.expires_at.map_or(0, |expires| expires.as_secs());
        let caller = Caller::user(&user, Token::Jwt(Secret::new(token.to_owned())))
            .until(UNIX_EPOCH + Duration::from_secs(expires));
        let mut verified = lock(&self.verified);
        if verified.len() >= VERIFIED {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            verified.retain(|_, verified| now < verified.expires);
        }
        if verified.len() >= VERIFIED {
            verified.clear();
        }
        let id = Hash::hash(token.as_bytes());
        verified.insert(id, Verified { caller: caller.clone(), key, expires });
        Ok(caller)
    }
}

impl Authenticator for TokenAuthenticator {
    fn authenticate(&self, evidence: Evidence<'_>) -> Result<Caller, Error> {
        let missing = || {
            Error::new(Code::Unauthenticated, "this needs a token")
                .with_hint("Sign in, or send an API token as Authorization: Bearer mcpist_…")
        };
        let token = bearer(evidence).ok_or_else(missing)?;
        if token.starts_with(API_TOKEN.0) {
            if !is_api_token(token) {
                return Err(control_plane::invalid_token());
            }
            return self.parts.sieve.caller_of(Token::Api(Secret::new(token.to_owned())));
        }
        self.user(token)
    }

    fn remembered(&self, evidence: Evidence<'_>) -> Option<Caller> {
        let token = bearer(evidence)?;
        if token.starts_with(API_TOKEN.0) {
            return self.parts.sieve.known_caller(Token::Api(Secret::new(token.to_owned())));
        }
        let fetched = self.keys.peek(&()).filter(|fetched| Instant::now() < fetched.due)?;
        self.verified(token, &fetched.keys)
    }

    fn resource(&self) -> Option<&ResourceMetadata> {
        self.parts.resource.as_ref()
    }

    fn ready(&self) -> Result<(), Error> {
        self.keys(None).map(drop)
    }
}

/// The token, where one is shown.
fn bearer(evidence: Evidence<'_>) -> Option<&str> {
    let authorization = evidence.authorization?;
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_api_token(token: &str) -> bool {
    let (prefix, most) = API_TOKEN;
    let rest = token.strip_prefix(prefix).unwrap_or_default();
    (1..=most).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
