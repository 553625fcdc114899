//! With which credential a call is made (the specification's Token Broker).

use super::Caller;
use crate::error::{Code, Error};
use crate::secret::Secret;

/// Lends credentials. Local mode and hosted mode each have one.
pub trait Broker: Send + Sync {
    /// The names of the caller's accounts of a service, in a fixed order; none if the caller has connected none.
    ///
    /// # Errors
    /// When they cannot be known now.
    fn accounts(&self, caller: &Caller, service: &str) -> Result<Vec<String>, Error>;

    /// The caller's credential for an account of a service, or for the only one; `None` if the caller has connected none.
    ///
    /// # Errors
    /// [`Code::AccountRequired`] where there are several and none is named,
    /// [`Code::InvalidParams`] for one that does not exist, or when it cannot be known
    /// now.
    fn credential(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
    ) -> Result<Option<Credential>, Error>;

    /// Whether every user connects services by themselves.
    fn is_per_user(&self) -> bool {
        false
    }

    /// Another credential in place of one that the service refused; `None` if there is no other.
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

/// The error where a caller has several `accounts` and `named` is none of them.
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

/// What one call proves itself with to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// How the secret is written into the `Authorization` header.
    pub scheme: Scheme,
    /// The token, or `user:password` for [`Scheme::Basic`] (its base64 is made when it is sent).
    pub secret: Secret,
    /// The name of the account that the credential belongs to, where it is known.
    pub account: Option<String>,
    /// The service's address for this account, where each has its own (a Jira site, a GitHub Enterprise server).
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
