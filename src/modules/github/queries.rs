//! Searches: GitHub searches issues together with pull requests, and people together with organizations. Each tool returns only
//! its own kind.

use serde_json::Value;

use crate::error::Error;

/// The kind of results of a search tool.
struct Kind {
    /// The qualifier that limits a search to the kind.
    qualifier: &'static str,
    /// The keys of qualifiers that select a kind.
    keys: &'static [&'static str],
    /// The values that select this kind.
    own: &'static [&'static str],
    /// The values that select the other kind.
    other: &'static [&'static str],
    /// The name of the kind, for an error.
    finds: &'static str,
    /// The tool that finds the other kind.
    other_tool: &'static str,
}

const ISSUES: Kind = Kind {
    qualifier: "is:issue",
    keys: &["is", "type"],
    own: &["issue"],
    other: &["pr", "pull-request", "pullrequest"],
    finds: "issues",
    other_tool: "search_pull_requests",
};

const PULL_REQUESTS: Kind = Kind {
    qualifier: "is:pr",
    own: ISSUES.other,
    other: ISSUES.own,
    finds: "pull requests",
    other_tool: "search_issues",
    ..ISSUES
};

const ORGANIZATIONS: Kind = Kind {
    qualifier: "type:org",
    keys: &["type"],
    own: &["org", "organization"],
    other: &["user"],
    finds: "organizations",
    other_tool: "search_users",
};

/// Limits a query to issues.
pub(super) fn issue_query(query: &Value) -> Result<Value, Error> {
    ISSUES.only(query)
}

/// Limits a query to pull requests.
pub(super) fn pull_request_query(query: &Value) -> Result<Value, Error> {
    PULL_REQUESTS.only(query)
}

/// Limits a query to organizations.
pub(super) fn organization_query(query: &Value) -> Result<Value, Error> {
    ORGANIZATIONS.only(query)
}

impl Kind {
    fn only(&self, query: &Value) -> Result<Value, Error> {
        let query = query.as_str().unwrap_or_default().trim();
        let words = words(query);
        let (mut is_said, mut has_or, mut negated) = (false, false, false);
        for word in &words {
            if word == "OR" {
                has_or = true;
            }
            let is_negated =
                std::mem::replace(&mut negated, word == "NOT") || word.starts_with('-');
            let value = self.value_of(word.strip_prefix('-').unwrap_or(word));
            let is_own = value.as_deref().is_some_and(|value| self.own.contains(&value));
            let is_other = value.as_deref().is_some_and(|value| self.other.contains(&value));
            if is_own && is_negated || is_other && !is_negated {
                return Err(Error::invalid_params(format!(
                    "this tool finds {} alone, and `{word}` asks for something else",
                    self.finds
                ))
                .with_hint(format!("Leave it out, or use {}.", self.other_tool)));
            }
            is_said |= is_own;
        }
        Ok(match (query.is_empty(), has_or, is_said) {
            (true, ..) => self.qualifier.into(),
            // AND has a higher precedence than OR: without brackets, the qualifier would apply only to the last alternative.
            (_, true, _) => format!("({query}) {}", self.qualifier).into(),
            (_, false, true) => query.into(),
            (_, false, false) => format!("{query} {}", self.qualifier).into(),
        })
    }

    /// Returns the value of a qualifier that selects a kind, in lower case.
    fn value_of(&self, word: &str) -> Option<String> {
        let (key, value) = word.split_once(':')?;
        let is_key = self.keys.iter().any(|known| known.eq_ignore_ascii_case(key));
        is_key.then(|| value.trim_matches('"').to_ascii_lowercase())
    }
}

/// Returns the words of a query, without the brackets around them; text in quotes is part of one word.
fn words(query: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in query.chars() {
        quoted ^= character == '"';
        if !quoted && (character.is_whitespace() || matches!(character, '(' | ')')) {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(character);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::ParamHook;

    #[test]
    fn a_search_keeps_to_its_kind() {
        let check = |hook: ParamHook, query: &str, sent: &str| {
            assert_eq!(hook(&json!(query)).ok(), Some(json!(sent)), "{query}");
        };
        check(issue_query, "crash repo:o/r", "crash repo:o/r is:issue");
        check(issue_query, "is:issue crash", "is:issue crash");
        check(issue_query, "IS:Issue crash", "IS:Issue crash");
        check(issue_query, "type:issue crash", "type:issue crash");
        check(issue_query, "(is:issue) crash", "(is:issue) crash");
        check(issue_query, "type:Bug crash", "type:Bug crash is:issue");
        check(issue_query, "-is:pr crash", "-is:pr crash is:issue");
        check(issue_query, "crash NOT is:pr", "crash NOT is:pr is:issue");
        check(issue_query, "\"is:pr\" crash", "\"is:pr\" crash is:issue");
        check(issue_query, "label:\"is:pr (x) OR\"", "label:\"is:pr (x) OR\" is:issue");
        check(issue_query, "this:pr is:open", "this:pr is:open is:issue");
        check(issue_query, "label:a OR label:b", "(label:a OR label:b) is:issue");
        check(issue_query, "is:issue OR label:b", "(is:issue OR label:b) is:issue");
        check(issue_query, "this or that", "this or that is:issue");
        check(issue_query, " ", "is:issue");
        check(pull_request_query, "author:@me", "author:@me is:pr");
        check(pull_request_query, "TYPE:PR author:@me", "TYPE:PR author:@me");
        check(pull_request_query, "-is:issue", "-is:issue is:pr");
        check(pull_request_query, "-is:draft", "-is:draft is:pr");
        check(organization_query, "rust", "rust type:org");
        check(organization_query, "Type:Org rust", "Type:Org rust");
        check(organization_query, "rust is:user", "rust is:user type:org");
    }

    #[test]
    fn the_other_kind_is_refused_with_its_tool() {
        let check = |hook: ParamHook, query: &str, tool: &str| {
            let error = hook(&json!(query)).expect_err(query);
            assert!(error.hint().is_some_and(|hint| hint.contains(tool)), "{query}: {error}");
        };
        for query in [
            "IS:PR foo",
            "is:pr",
            "type:pr foo",
            "foo (is:pr)",
            "(is:issue OR is:pr) foo",
            "is:\"pr\"",
            "-is:issue foo",
            "-(is:pr)",
            "NOT is:issue",
            "Type:Pull-Request",
        ] {
            check(issue_query, query, "search_pull_requests");
        }
        for query in ["is:issue", "TYPE:issue", "-is:PR", "foo (IS:ISSUE)"] {
            check(pull_request_query, query, "search_issues");
        }
        for query in ["type:user rust", "-type:org"] {
            check(organization_query, query, "search_users");
        }
    }
}
