//! How a service knows its callers, and the environment variables that local mode takes the credential from.

use std::fmt;

use crate::access::Scheme;

/// How a service knows its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The kinds of credential that it takes; the first whose variables are all set is used. There is at least one.
    pub ways: Vec<CredentialKind>,
    /// Whether the service answers without a credential too.
    pub optional: bool,
}

/// One kind of credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialKind {
    /// The authentication scheme.
    pub scheme: Scheme,
    /// The environment variables of local mode: the token, or user and password.
    pub env: Vec<Variable>,
}

/// An environment variable, or those that stand in for it: the first that is set counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable(pub(crate) Vec<String>);

impl Variable {
    /// The names, the one to recommend first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name to recommend.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[0]
    }
}

/// What to set: `JIRA_EMAIL and JIRA_API_TOKEN`.
impl fmt::Display for CredentialKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(Variable::name).collect();
        formatter.write_str(&names.join(" and "))
    }
}

/// What to set: `either JIRA_EMAIL and JIRA_API_TOKEN, or JIRA_TOKEN`.
impl fmt::Display for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ways.as_slice() {
            [way] => way.fmt(formatter),
            ways => write!(
                formatter,
                "either {}",
                ways.iter().map(CredentialKind::to_string).collect::<Vec<_>>().join(", or ")
            ),
        }
    }
}
