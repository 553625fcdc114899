//! Credentials for calls to services, and the brokers that provide them.

use super::Caller;
use crate::error::{Code, Error};
use crate::secret::Secret;

/// Provides credentials. Each mode has its own implementation.
pub trait Broker: Send + Sync {
    /// Returns the names of the caller's accounts of a service, in a fixed order; empty if the caller has connected no account.
    ///
    /// # Errors
    /// If the accounts cannot be read now.
    fn accounts(&self, caller: &Caller, service: &str) -> Result<Vec<String>, Error>;

    /// Returns the caller's credential for `account`, or for the only account; `None` if the caller has connected no account.
    ///
    /// # Errors
    /// [`Code::AccountRequired`] if there are several accounts and none is named; [`Code::InvalidParams`] for an unknown
    /// account; another error if the credential cannot be read now.
    fn credential(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
    ) -> Result<Option<Credential>, Error>;

    /// Returns whether every user connects services on their own.
    fn is_per_user(&self) -> bool {
        false
    }

    /// Returns a new credential to replace one that the service rejected; `None` if there is no other.
    ///
    /// # Errors
    /// As [`Broker::credential`].
    fn renewed(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
        rejected: &Credential,
    ) -> Result<Option<Credential>, Error> {
        let _ = (caller, service, account, rejected);
        Ok(None)
    }
}

/// Returns the error if a caller has several `accounts` and did not name one of them.
pub(crate) fn account_required(service: &str, named: Option<&str>, accounts: Vec<String>) -> Error {
    let error = match named {
        None => Error::new(
            Code::AccountRequired,
            format!("{service} has several accounts, and `account` names none."),
        ),
        Some(_) => {
            Error::invalid_params(format!("`account` is not one of the accounts of {service}."))
        }
    };
    match accounts.as_slice() {
        [] => error.with_hint("No account is connected: leave it out."),
        _ => error
            .with_hint(format!("Accounts: {}.", accounts.join(", ")))
            .with_data("accounts", accounts),
    }
}

/// The credential of one call to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// How the secret is written into the `Authorization` header.
    pub scheme: Scheme,
    /// The token, or `user:password` for [`Scheme::Basic`] (its base64 is made when it is sent).
    pub secret: Secret,
    /// The name of the account that the credential belongs to, if known.
    pub account: Option<String>,
    /// The service's address for this account, if each account has its own (a Jira site, a GitHub Enterprise server).
    pub base_url: Option<String>,
}

impl Credential {
    /// A token without an account, such as the public key of an app.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        let secret = Secret::new(token.to_owned());
        Self { scheme: Scheme::Bearer, secret, account: None, base_url: None }
    }
}

/// An HTTP authentication scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 7617.
    Basic,
}
