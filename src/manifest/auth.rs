//! Reads a module's `auth`.

use serde_json::Value;

use super::location::{FILE, Location};
use super::raw::{self, AuthKind};
use super::read::Reader;
use crate::access::Scheme;
use crate::engine::{Auth, CredentialKind, Variable};

/// Reads a module's `auth`, an object or a list of alternatives; `None` if its form is invalid.
pub fn read(reader: &mut Reader<'_>, value: Value) -> Option<Auth> {
    let place = FILE.member("auth");
    let alternatives = match value {
        Value::Array(alternatives) => alternatives,
        one => vec![one],
    };
    if alternatives.is_empty() {
        reader.add(
            place,
            "there is no alternative in the list: leave `auth` out if the service needs no credential",
        );
    }
    let raw: Vec<raw::Auth> =
        alternatives.into_iter().filter_map(|value| reader.part(place, value)).collect();
    let optional = raw.iter().any(|auth| auth.optional);
    let ways: Vec<CredentialKind> =
        raw.into_iter().filter_map(|auth| way(reader, place, &auth)).collect();
    (!ways.is_empty()).then_some(Auth { ways, optional })
}

fn way(reader: &mut Reader<'_>, place: Location<'_>, raw: &raw::Auth) -> Option<CredentialKind> {
    let (scheme, count, what) = match raw.kind {
        AuthKind::Bearer => (Scheme::Bearer, 1, "bearer needs one variable, the token"),
        AuthKind::Basic => (Scheme::Basic, 2, "basic needs two variables, user and password"),
    };
    if raw.env.len() != count {
        reader.add(place, format!("`env`: {what}"));
        return None;
    }
    let env = raw.env.iter().map(|text| variable(reader, place, text)).collect::<Option<_>>()?;
    Some(CredentialKind { scheme, env })
}

/// Reads a variable with its alternatives, as written: `CONFLUENCE_EMAIL|JIRA_EMAIL`.
pub fn variable(reader: &mut Reader<'_>, place: Location<'_>, text: &str) -> Option<Variable> {
    let names: Vec<String> = text.split('|').map(str::to_owned).collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            // Two underscores separate the name of an account.
            && !name.contains("__")
    };
    if names.iter().all(is_name) {
        return Some(Variable(names));
    }
    reader.add(place, format!("`{text}` names no variable: capitals, digits and single `_`; `|` before one that stands in for it"));
    None
}
