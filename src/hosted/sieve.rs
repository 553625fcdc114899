//! Hosted mode's permissions: from the control plane, cached for a minute.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac_sha256::Hash;
use serde::Deserialize;
use serde_json::json;

use super::cache::{Cache, Freshness};
use super::control_plane::{garbled, invalid_token};
use super::{ControlPlane, Function, is_uuid};
use crate::access::{Caller, ConfirmPolicy, Permissions, Sieve, Token};
use crate::error::{Code, Error};
use crate::sync::lock;

/// The maximum number of tokens whose permissions are cached.
const TOKENS: usize = 4_096;

/// The maximum time that permissions are valid, whatever the control plane says.
const LONGEST: Duration = Duration::from_secs(60);

/// The extra time that they are used while the control plane is unavailable.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// The wait after a failed request.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a token that the control plane refused is refused without asking again: a token that was made up costs one question.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// Most refused tokens that are remembered.
const REFUSED: usize = 1_024;

/// Most different names of tools that are kept once for all users.
const NAMES: usize = 20_000;

/// The permissions of one token, and its user's connected accounts.
#[derive(Debug)]
pub struct Granted {
    /// The user.
    pub user_id: String,
    /// Changes whenever a field below changes.
    pub version: String,
    /// The id of the API token or of the Auth session; `None` if the control plane does not send it yet.
    token_id: Option<String>,
    permissions: Arc<Permissions>,
    accounts: HashMap<String, Vec<String>>,
}

impl Granted {
    /// Returns the user's accounts of a module's service.
    #[must_use]
    pub fn accounts(&self, module: &str) -> &[String] {
        self.accounts.get(module).map_or(&[], Vec::as_slice)
    }
}

/// SHA-256 of a token. Each token has its own limits, so permissions are never shared between tokens, not even those of one
/// user.
pub(super) type TokenHash = [u8; 32];

#[derive(Debug, Clone)]
struct Known {
    granted: Arc<Granted>,
    /// When the control plane sent it.
    said: Instant,
    /// When it is requested again.
    due: Instant,
}

/// Hosted mode's sieve.
#[derive(Debug)]
pub struct ToolSieve {
    plane: Arc<ControlPlane>,
    known: Cache<TokenHash, Known>,
    /// The tokens that were refused a moment ago, and when they are asked about again.
    refused: Mutex<HashMap<TokenHash, Instant>>,
    /// Every tool's name once: a thousand users share them.
    names: Mutex<HashSet<Arc<str>>>,
}

/// The response of `tool-sieve`; its other members are for the console.
#[derive(Deserialize)]
struct Said {
    user_id: String,
    version: String,
    #[serde(default)]
    token_id: Option<String>,
    #[serde(default = "a_minute")]
    ttl_s: u64,
    /// The confirmation policy that the user's roles require.
    #[serde(default)]
    confirm: Option<String>,
    modules: HashMap<String, SaidModule>,
}

#[derive(Deserialize)]
struct SaidModule {
    tools: Vec<String>,
    #[serde(default)]
    accounts: Vec<String>,
}

const fn a_minute() -> u64 {
    60
}

impl ToolSieve {
    /// Creates a sieve with an empty cache.
    #[must_use]
    pub fn new(plane: Arc<ControlPlane>) -> Self {
        Self {
            plane,
            known: Cache::new(TOKENS),
            refused: Mutex::default(),
            names: Mutex::default(),
        }
    }

    /// Returns the user of an API token.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidToken`], or [`Code::ControlPlaneUnavailable`].
    pub fn caller_of(&self, token: Token) -> Result<Caller, Error> {
        let granted = self.granted_to(&token)?;
        Ok(Caller::user(&granted.user_id, token))
    }

    /// The user behind an API token that was accepted before.
    pub fn known_caller(&self, token: Token) -> Option<Caller> {
        let known = self.known.peek(&hash(&token))?;
        Some(Caller::user(&known.granted.user_id, token))
    }

    /// What a caller was granted.
    ///
    /// # Errors
    ///
    /// As [`Sieve::permissions`].
    pub fn granted(&self, caller: &Caller) -> Result<Arc<Granted>, Error> {
        let token = caller.token().ok_or_else(invalid_token)?;
        self.granted_to(token)
    }

    /// Marks the cached permissions as old, so that the next access requests them again.
    pub fn forget(&self, caller: &Caller) {
        if let Some(token) = caller.token() {
            self.known.forget(&hash(token));
        }
    }

    /// Returns the id of a caller's token, if it is cached.
    pub fn token_id(&self, caller: &Caller) -> Option<String> {
        self.known.peek(&hash(caller.token()?))?.granted.token_id.clone()
    }

    fn granted_to(&self, token: &Token) -> Result<Arc<Granted>, Error> {
        let asked = hash(token);
        let now = Instant::now();
        if lock(&self.refused).get(&asked).is_some_and(|until| now < *until) {
            return Err(invalid_token());
        }
        let freshness = |known: &Known| match (now < known.due, now < known.said + LONGEST + GRACE)
        {
            (true, _) => Freshness::Fresh,
            // During the grace time, only the caller that makes the request waits.
            (false, true) if known.due > known.said + LONGEST => Freshness::Stale,
            (false, _) => Freshness::Gone,
        };
        let known = self.known.get(&asked, freshness, |old| match (self.fetch(token, old.as_ref()), old) {
            (Err(error), Some(old))
                if error.code() == Code::ControlPlaneUnavailable && Instant::now() + PAUSE < old.said + LONGEST + GRACE =>
            {
                log::warn!(user_id = old.granted.user_id.as_str(); "permissions of up to six minutes ago serve on: {error}");
                Ok(Known { due: Instant::now() + PAUSE, ..old })
            }
            (fetched, _) => fetched,
        });
        if let Err(error) = &known
            && error.code() == Code::InvalidToken
        {
            self.known.forget(&asked);
            self.remember_refused(asked);
        }
        Ok(known?.granted)
    }

    fn remember_refused(&self, token: TokenHash) {
        let (mut refused, now) = (lock(&self.refused), Instant::now());
        if refused.len() >= REFUSED {
            refused.retain(|_, until| now < *until);
        }
        if refused.len() < REFUSED {
            refused.insert(token, now + REFUSED_FOR);
        }
    }

    fn fetch(&self, token: &Token, old: Option<&Known>) -> Result<Known, Error> {
        let version = old.map(|old| old.granted.version.as_str());
        let answer = self.plane.ask(Function::Sieve, token, version, &json!({}))?;
        let said = Instant::now();
        let due = |ttl: u64| said + Duration::from_secs(ttl).min(LONGEST);
        match (answer.status, old) {
            (304, Some(old)) => {
                Ok(Known { granted: Arc::clone(&old.granted), said, due: due(a_minute()) })
            }
            (200, _) => {
                let told: Said = serde_json::from_slice(&answer.body)
                    .map_err(|_| garbled("list of permissions"))?;
                let ttl = told.ttl_s;
                Ok(Known { granted: Arc::new(self.granted_as(told)), said, due: due(ttl) })
            }
            // A user who was disabled after the token was issued.
            (403, _) => Err(invalid_token()),
            _ => Err(garbled("list of permissions")),
        }
    }

    fn granted_as(&self, said: Said) -> Granted {
        let mut names = lock(&self.names);
        if names.len() > NAMES {
            names.clear();
        }
        let mut name = |module: &str, tool: &str| -> Arc<str> {
            let published = format!("{module}_{tool}");
            names.get(published.as_str()).cloned().unwrap_or_else(|| {
                let published: Arc<str> = published.into();
                names.insert(Arc::clone(&published));
                published
            })
        };
        let tools = said
            .modules
            .iter()
            .flat_map(|(module, said)| said.tools.iter().map(move |tool| (module, tool)));
        let permissions =
            Permissions::only(tools.map(|(module, tool)| name(module, tool)).collect());
        // An unknown policy counts as the strictest one.
        let confirm = said.confirm.map(|word| word.parse().unwrap_or(ConfirmPolicy::Human));
        let permissions = Arc::new(permissions.confirmed_by(confirm));
        let accounts = said.modules.into_iter().filter(|(_, said)| !said.accounts.is_empty());
        let accounts = accounts.map(|(module, said)| (module, said.accounts)).collect();
        let token_id = said.token_id.filter(|id| is_uuid(id));
        Granted { user_id: said.user_id, version: said.version, token_id, permissions, accounts }
    }
}

/// Returns the SHA-256 of a token.
pub(super) fn hash(token: &Token) -> TokenHash {
    let (Token::Jwt(token) | Token::Api(token)) = token;
    Hash::hash(token.expose().as_bytes())
}

impl Sieve for ToolSieve {
    fn permissions(&self, caller: &Caller) -> Result<Arc<Permissions>, Error> {
        Ok(Arc::clone(&self.granted(caller)?.permissions))
    }
}
