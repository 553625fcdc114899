//! Local mode's authentication: every client that reaches the loopback address is the person at this machine; with
//! `MCPIST_LOCAL_TOKEN`, every client that sends the token.

use hmac_sha256::Hash;

use crate::access::{Authenticator, Caller, Evidence};
use crate::error::{Code, Error};
use crate::secret::Secret;

/// Authentication by the listener's address, `Host` and `Origin` (`transport::origin`), so clients need no token.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalAuthenticator;

impl Authenticator for LocalAuthenticator {
    fn authenticate(&self, _evidence: Evidence<'_>) -> Result<Caller, Error> {
        Ok(Caller::local())
    }

    fn remembered(&self, _evidence: Evidence<'_>) -> Option<Caller> {
        Some(Caller::local())
    }
}

/// Authentication by a token; then the server may listen on addresses other than loopback.
#[derive(Debug, Clone)]
pub struct LocalTokenAuthenticator {
    /// SHA-256 of the token, so that the comparison always has the same length.
    digest: [u8; 32],
}

impl LocalTokenAuthenticator {
    /// Creates an authenticator that accepts `token`.
    #[must_use]
    pub fn new(token: &Secret) -> Self {
        Self { digest: Hash::hash(token.expose().as_bytes()) }
    }
}

impl Authenticator for LocalTokenAuthenticator {
    fn authenticate(&self, evidence: Evidence<'_>) -> Result<Caller, Error> {
        const HINT: &str = "Send the value of MCPIST_LOCAL_TOKEN as Authorization: Bearer …";
        let missing =
            || Error::new(Code::Unauthenticated, "this server needs a token").with_hint(HINT);
        let (scheme, token) =
            evidence.authorization.and_then(|shown| shown.split_once(' ')).ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        // Compares every byte, so that the time does not reveal the position of the first difference.
        let shown = Hash::hash(token.trim().as_bytes());
        let difference =
            shown.iter().zip(&self.digest).fold(0, |difference, (a, b)| difference | (a ^ b));
        if difference == 0 {
            Ok(Caller::local())
        } else {
            Err(Error::new(Code::InvalidToken, "the token is not this server's").with_hint(HINT))
        }
    }

    /// The check costs as much as looking a token up.
    fn remembered(&self, evidence: Evidence<'_>) -> Option<Caller> {
        self.authenticate(evidence).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = "0123456789abcdef0123456789abcdef";
        let authenticator = LocalTokenAuthenticator::new(&Secret::new(token.to_owned()));
        let check = |authorization: Option<&str>, expected: Result<(), Code>| {
            let told = authenticator.authenticate(Evidence { authorization });
            assert_eq!(told.map(drop).map_err(|error| error.code()), expected, "{authorization:?}");
        };
        check(Some(&format!("Bearer {token}")), Ok(()));
        check(Some(&format!("bearer  {token} ")), Ok(()));
        check(None, Err(Code::Unauthenticated));
        check(Some(token), Err(Code::Unauthenticated));
        check(Some(&format!("Basic {token}")), Err(Code::Unauthenticated));
        for wrong in ["", "0", &token[1..], &token.to_uppercase(), &format!("{token}0")] {
            check(Some(&format!("Bearer {wrong}")), Err(Code::InvalidToken));
        }
    }
}
