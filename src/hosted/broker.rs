//! Hosted mode's broker: credentials from the control plane, cached until shortly before they expire.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use super::cache::{Cache, Freshness};
use super::control_plane::{garbled, invalid_token, said};
use super::sieve::{TokenHash, hash};
use super::{ControlPlane, Function, ToolSieve};
use crate::access::{Broker, Caller, Credential, Scheme, account_required};
use crate::error::{Code, Error};
use crate::hex::hex;
use crate::secret::Secret;
use crate::telemetry::token_refreshed;
use crate::time::timestamp;

/// The maximum number of cached credentials.
const CREDENTIALS: usize = 8_192;

/// A credential is not used for this long before it expires: a call takes up to half a minute.
const MARGIN: Duration = Duration::from_secs(60);

/// How long a credential without an expiry is cached.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Hosted mode's broker.
#[derive(Debug)]
pub struct TokenExchanger {
    plane: Arc<ControlPlane>,
    sieve: Arc<ToolSieve>,
    lent: Cache<Key, Lent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    token: TokenHash,
    service: String,
    account: Option<String>,
}

#[derive(Debug, Clone)]
struct Lent {
    credential: Credential,
    until: Instant,
    /// The version of the permissions that it was issued under: a user who disconnects an account or loses a role gets a new
    /// credential.
    version: String,
}

/// The response of `token-exchanger`.
#[derive(Deserialize)]
struct Said {
    access_token: String,
    token_type: String,
    expires_at: Option<String>,
    account: Option<String>,
    base_url: Option<String>,
}

impl TokenExchanger {
    /// Creates a broker with an empty cache.
    #[must_use]
    pub fn new(plane: Arc<ControlPlane>, sieve: Arc<ToolSieve>) -> Self {
        Self { plane, sieve, lent: Cache::new(CREDENTIALS) }
    }

    /// Returns the cached credential, or one that the control plane issues now. `rejected` is a credential that the service
    /// rejected.
    fn lend(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
        rejected: Option<&Credential>,
    ) -> Result<Credential, Error> {
        let version = &self.sieve.granted(caller)?.version;
        let key = Key {
            token: hash(caller.token().ok_or_else(invalid_token)?),
            service: service.to_owned(),
            account: account.map(str::to_owned),
        };
        let freshness = |lent: &Lent| {
            let refused =
                rejected.is_some_and(|rejected| rejected.secret == lent.credential.secret);
            if !refused && Instant::now() < lent.until && lent.version == *version {
                Freshness::Fresh
            } else {
                Freshness::Gone
            }
        };
        let lent = self.lent.get(&key, freshness, |old| {
            let fetched = self.fetch(caller, service, account, rejected, version);
            // A credential without a predecessor is fetched, not refreshed.
            let renewed = match &fetched {
                Ok(_) => (old.is_some() || rejected.is_some()).then_some(true),
                Err(error) => {
                    matches!(error.code(), Code::ReconnectRequired | Code::UpstreamUnavailable)
                        .then_some(false)
                }
            };
            if let Some(success) = renewed {
                token_refreshed(service, success);
            }
            fetched
        });
        Ok(lent?.credential)
    }

    fn fetch(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
        rejected: Option<&Credential>,
        version: &str,
    ) -> Result<Lent, Error> {
        let token = caller.token().ok_or_else(invalid_token)?;
        let mut wanted = json!({"service": service});
        if let Some(account) = account {
            wanted["account"] = account.into();
        }
        if let Some(rejected) = rejected {
            let digest = hmac_sha256::Hash::hash(rejected.secret.expose().as_bytes());
            wanted["rejected"] = hex(&digest).into();
        }
        let answer =
            self.plane.ask(Function::Broker, token, None, &wanted).inspect_err(|error| {
                if error.code() == Code::InvalidToken {
                    self.sieve.forget(caller);
                }
            })?;
        if answer.status != 200 {
            return Err(self.refused(caller, service, account, &said(&answer)["error"]));
        }
        let said: Said = serde_json::from_slice(&answer.body).map_err(|_| garbled("credential"))?;
        let scheme = match said.token_type.to_ascii_lowercase().as_str() {
            "bearer" => Scheme::Bearer,
            "basic" => Scheme::Basic,
            _ => return Err(garbled("credential")),
        };
        let until = Instant::now()
            + said
                .expires_at
                .as_deref()
                .and_then(left)
                .map_or(LONGEST, |left| left.saturating_sub(MARGIN).min(LONGEST));
        let secret = Secret::new(said.access_token);
        Ok(Lent {
            credential: Credential {
                scheme,
                secret,
                account: said.account,
                base_url: said.base_url,
            },
            until,
            version: version.to_owned(),
        })
    }

    /// Converts an error of `token-exchanger`.
    fn refused(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
        error: &Value,
    ) -> Error {
        let connect = |code, message: String| {
            let error_with = Error::new(code, message);
            match error["connect_url"].as_str() {
                Some(url) => error_with
                    .with_hint(format!("Ask the user to open {url}, then call again."))
                    .with_data("connect_url", url),
                None => error_with
                    .with_hint("Ask the user to connect it in the console, then call again."),
            }
        };
        let accounts: Vec<_> = error["accounts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        match error["code"].as_str().unwrap_or_default() {
            // The service is connected, but not the named account.
            "not_connected" if account.is_some() && !accounts.is_empty() => {
                account_required(service, account, accounts)
            }
            "not_connected" => connect(Code::NotConnected, format!("{service} is not connected")),
            "reconnect_required" => {
                connect(Code::ReconnectRequired, format!("{service} must be connected again"))
            }
            "account_required" => account_required(service, None, accounts),
            "user_disabled" => invalid_token(),
            "not_permitted" => {
                // According to the cached permissions, it was permitted a moment ago.
                self.sieve.forget(caller);
                Error::new(Code::PermissionDenied, format!("{service} is not permitted any more"))
                    .with_hint("Ask an admin for a role that has it.")
            }
            "provider_unavailable" => Error::new(
                Code::UpstreamUnavailable,
                format!("{service} does not renew its credential now"),
            )
            .with_hint("Try again in a minute."),
            _ => garbled("credential"),
        }
    }
}

/// Returns the time until an RFC 3339 time; `None` if the text is not valid.
fn left(text: &str) -> Option<Duration> {
    Some(timestamp(text)?.duration_since(SystemTime::now()).unwrap_or_default())
}

impl Broker for TokenExchanger {
    fn accounts(&self, caller: &Caller, service: &str) -> Result<Vec<String>, Error> {
        Ok(self.sieve.granted(caller)?.accounts(service).to_vec())
    }

    fn credential(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
    ) -> Result<Option<Credential>, Error> {
        let granted = self.sieve.granted(caller)?;
        let accounts = granted.accounts(service);
        match account {
            None if accounts.len() > 1 => {
                return Err(account_required(service, None, accounts.to_vec()));
            }
            // An account that was connected a moment ago may be missing here; the control plane knows it.
            Some(account)
                if accounts.len() > 1 && !accounts.iter().any(|known| known == account) =>
            {
                self.sieve.forget(caller);
            }
            _ => {}
        }
        self.lend(caller, service, account, None).map(Some)
    }

    fn is_per_user(&self) -> bool {
        true
    }

    fn renewed(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
        rejected: &Credential,
    ) -> Result<Option<Credential>, Error> {
        let renewed = self.lend(caller, service, account, Some(rejected))?;
        if renewed.secret == rejected.secret {
            // The control plane has tested the credential; the service rejected only this call.
            return Err(Error::new(
                Code::PermissionDenied,
                format!("{service} refuses this call, although the stored credential is valid"),
            )
            .with_hint("It may lack a permission (scope): connect an account that has it."));
        }
        Ok(Some(renewed))
    }
}
