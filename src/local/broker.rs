//! Local mode's broker: credentials from the environment, read once at startup.

use std::collections::HashMap;

use crate::access::{Broker, Caller, Credential, account_required};
use crate::error::Error;

/// Local mode's broker.
#[derive(Debug, Default)]
pub struct EnvironmentBroker(HashMap<String, Vec<Credential>>);

impl EnvironmentBroker {
    /// Creates a broker with the credentials of each service's accounts, by module name.
    #[must_use]
    pub const fn new(credentials: HashMap<String, Vec<Credential>>) -> Self {
        Self(credentials)
    }

    fn of(&self, service: &str) -> &[Credential] {
        self.0.get(service).map_or(&[], Vec::as_slice)
    }
}

impl Broker for EnvironmentBroker {
    fn accounts(&self, _caller: &Caller, service: &str) -> Result<Vec<String>, Error> {
        Ok(self.of(service).iter().filter_map(|credential| credential.account.clone()).collect())
    }

    fn credential(
        &self,
        caller: &Caller,
        service: &str,
        account: Option<&str>,
    ) -> Result<Option<Credential>, Error> {
        let credentials = self.of(service);
        let Some(account) = account else {
            return match credentials {
                [] => Ok(None),
                [only] => Ok(Some(only.clone())),
                _ => Err(account_required(service, None, self.accounts(caller, service)?)),
            };
        };
        let found =
            credentials.iter().find(|credential| credential.account.as_deref() == Some(account));
        found.cloned().map(Some).ok_or_else(|| {
            account_required(
                service,
                Some(account),
                self.accounts(caller, service).unwrap_or_default(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scheme;
    use crate::error::Code;
    use crate::secret::Secret;

    #[test]
    fn an_account_is_the_only_one_or_named() {
        let credential = |account: &str| Credential {
            scheme: Scheme::Bearer,
            secret: Secret::new(account.to_owned()),
            account: Some(account.to_owned()),
            base_url: None,
        };
        let two = vec![credential("default"), credential("work")];
        let broker = EnvironmentBroker::new(HashMap::from([
            ("two".to_owned(), two),
            ("one".to_owned(), vec![credential("default")]),
        ]));
        let check =
            |service: &str, account: Option<&str>, expected: Result<Option<&str>, (Code, &str)>| {
                let found = broker.credential(&Caller::local(), service, account);
                let found =
                    found.map(|credential| credential.and_then(|credential| credential.account));
                let found = found
                    .map_err(|error| (error.code(), error.hint().unwrap_or_default().to_owned()));
                assert_eq!(
                    found,
                    expected
                        .map(|account| account.map(str::to_owned))
                        .map_err(|(code, hint)| (code, hint.to_owned())),
                    "{service} {account:?}"
                );
            };
        check("none", None, Ok(None));
        check(
            "none",
            Some("work"),
            Err((Code::InvalidParams, "No account is connected: leave it out.")),
        );
        check("one", None, Ok(Some("default")));
        check("one", Some("default"), Ok(Some("default")));
        check("one", Some("work"), Err((Code::InvalidParams, "Accounts: default.")));
        check("two", None, Err((Code::AccountRequired, "Accounts: default, work.")));
        check("two", Some("work"), Ok(Some("work")));
        check("two", Some("WORK"), Err((Code::InvalidParams, "Accounts: default, work.")));
    }
}
