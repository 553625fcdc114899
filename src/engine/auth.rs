//! How a service authenticates its callers, and the environment variables with local mode's credential.

use std::fmt;

use crate::access::Scheme;

/// How a service authenticates its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The accepted kinds of credential; the first whose variables are all set is used. There is at least one.
    pub ways: Vec<CredentialKind>,
    /// Whether the service also works without a credential.
    pub optional: bool,
}

/// One kind of credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialKind {
    /// The authentication scheme.
    pub scheme: Scheme,
    /// Local mode's environment variables: the token, or user and password.
    pub env: Vec<Variable>,
}

/// An environment variable and its alternatives: the first that is set is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable(pub(crate) Vec<String>);

impl Variable {
    /// Returns the names, the recommended one first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the recommended name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[0]
    }
}

/// Returns the variables to set: `JIRA_EMAIL and JIRA_API_TOKEN`.
impl fmt::Display for CredentialKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(Variable::name).collect();
        formatter.write_str(&names.join(" and "))
    }
}

/// Returns the variables to set: `either JIRA_EMAIL and JIRA_API_TOKEN, or JIRA_TOKEN`.
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
