//! The local policy file: which modules and tools exist.

use std::collections::HashSet;

use serde::Deserialize;

use crate::access::Permissions;

/// A policy file (`MCPIST_POLICY`): `{"allow": ["github"], "deny": ["github_delete_*"], "read_only": false}`.
///
/// An entry is a module (`github`), a tool's published name (`github_get_me`), or a prefix (`github_delete_*`). Without
/// `allow`, everything is allowed; `deny` overrides `allow`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    // `null` is rejected: it is not a list, and would allow everything.
    #[serde(default, deserialize_with = "list")]
    allow: Option<Vec<String>>,
    #[serde(default)]
    deny: Vec<String>,
    #[serde(default)]
    read_only: bool,
}

/// A tool as the policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The module's name.
    pub module: String,
    /// The tool's published name.
    pub tool: String,
    /// Whether it is read-only.
    pub read_only: bool,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong, with its line and an example.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |problem: String| {
            format!(
                "{problem}; a policy looks like {{\"allow\": [\"github\"], \"deny\": [\"github_delete_*\"], \"read_only\": false}}"
            )
        };
        // serde would accept an array as the members in their order, so `[]` would allow everything.
        if !text.trim_start().starts_with('{') {
            return Err(wrong("it is not a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))
    }

    /// Returns the entries that match no subject; they are most likely misspelt.
    #[must_use]
    pub fn unmatched(&self, subjects: &[Subject]) -> Vec<&str> {
        let entries = self.allow.iter().flatten().chain(&self.deny);
        entries
            .filter(|entry| !subjects.iter().any(|subject| matches(entry, subject)))
            .map(String::as_str)
            .collect()
    }

    /// Returns the permissions for `subjects`.
    #[must_use]
    pub fn permissions(&self, subjects: &[Subject]) -> Permissions {
        let named = |entries: &[String], subject: &Subject| {
            entries.iter().any(|entry| matches(entry, subject))
        };
        let allowed = |subject: &&Subject| {
            self.allow.as_ref().is_none_or(|allow| named(allow, subject))
                && !named(&self.deny, subject)
                && (subject.read_only || !self.read_only)
        };
        Permissions::only(
            subjects
                .iter()
                .filter(allowed)
                .map(|subject| subject.tool.as_str().into())
                .collect::<HashSet<_>>(),
        )
    }
}

fn list<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

fn matches(entry: &str, subject: &Subject) -> bool {
    match entry.strip_suffix('*') {
        Some(beginning) => subject.tool.starts_with(beginning),
        None => entry == subject.module || entry == subject.tool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Vec<Subject> {
        let subject = |module: &str, tool: &str, read_only| Subject {
            module: module.to_owned(),
            tool: tool.to_owned(),
            read_only,
        };
        vec![
            subject("github", "github_get_me", true),
            subject("github", "github_delete_file", false),
            subject("github", "github_delete_branch", false),
            subject("notion", "notion_search", true),
        ]
    }

    #[test]
    fn a_policy_allows_what_it_names_and_denial_wins() {
        let check = |policy: &str, expected: &[&str]| {
            let permissions = Policy::parse(policy).unwrap().permissions(&subjects());
            let allowed: Vec<_> = subjects()
                .into_iter()
                .map(|subject| subject.tool)
                .filter(|tool| permissions.allow(tool))
                .collect();
            assert_eq!(allowed, expected, "{policy}");
        };
        check(
            "{}",
            &["github_get_me", "github_delete_file", "github_delete_branch", "notion_search"],
        );
        check(
            r#"{"allow": ["github"]}"#,
            &["github_get_me", "github_delete_file", "github_delete_branch"],
        );
        check(r#"{"allow": ["github"], "deny": ["github_delete_*"]}"#, &["github_get_me"]);
        check(
            r#"{"allow": ["notion_search", "github_get_me"], "deny": ["github"]}"#,
            &["notion_search"],
        );
        check(r#"{"read_only": true}"#, &["github_get_me", "notion_search"]);
        check(r#"{"allow": []}"#, &[]);
    }

    #[test]
    fn a_broken_policy_is_told_with_its_line() {
        assert!(Policy::parse("{\n \"alow\": []}").unwrap_err().contains("line 2"));
        for text in [
            "[]",
            r#"[["github"], [], true]"#,
            r#""github""#,
            "null",
            "true",
            "7",
            "",
            "[{}]",
            "{} {}",
            r#"{"allow": null}"#,
            r#"{"deny": null}"#,
            r#"{"deny": "github"}"#,
            r#"{"read_only": "true"}"#,
            r#"{"readonly": true}"#,
            r#"{"deny": ["github"], "deny": []}"#,
            r#"{"policy": {"deny": []}}"#,
        ] {
            let problem = Policy::parse(text).expect_err(text);
            assert!(problem.contains("a policy looks like"), "{text}: {problem}");
        }
        let policy =
            Policy::parse(r#"{"allow": ["githbu"], "deny": ["notion_*", "jira_*"]}"#).unwrap();
        assert_eq!(policy.unmatched(&subjects()), ["githbu", "jira_*"]);
    }
}
