//! Converts addresses of GitHub's API to web pages: the API needs a token and shows JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::list;

/// Splits an API address into its site, `https://github.com`, and the parts of the path after `repos`.
fn taken_apart(address: &str) -> Option<(String, Vec<&str>)> {
    let (scheme, rest) = address.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    // Enterprise Server has the API at a path of its site; the other sites have it at a separate host.
    let (host, path) = match path.strip_prefix("api/v3/") {
        Some(path) => (host, path),
        None => (host.strip_prefix("api.")?, path),
    };
    let parts: Vec<_> = path.strip_prefix("repos/")?.split('/').collect();
    (parts.len() >= 2).then(|| (format!("{scheme}://{host}"), parts))
}

/// Returns the web page of an API address; `None` if the page cannot be derived from the address.
fn page(address: &str) -> Option<String> {
    let (site, parts) = taken_apart(address)?;
    let (owner, repo) = (parts[0], parts[1]);
    let page = match parts[2..] {
        [] => String::new(),
        ["issues", number] if is_number(number) => format!("/issues/{number}"),
        ["pulls", number] if is_number(number) => format!("/pull/{number}"),
        ["pulls", number, "reviews", review] => {
            format!("/pull/{number}#pullrequestreview-{review}")
        }
        ["commits", sha] => format!("/commit/{sha}"),
        ["discussions", number] => format!("/discussions/{number}"),
        // The address has the release's id, but its page needs the tag.
        ["releases", _] => "/releases".to_owned(),
        _ => return None,
    };
    Some(format!("{site}/{owner}/{repo}{page}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the `owner/name` from a repository's API address, which a search returns in place of the repository.
pub(super) fn repository_of_url(address: &Value) -> Value {
    let parts = address.as_str().and_then(taken_apart).map(|(_, parts)| parts);
    parts.map(|parts| format!("{}/{}", parts[0], parts[1])).into()
}

/// Returns the page of a notification; the repository's page if the notification names none.
pub(super) fn notification_url(notification: &Value) -> Value {
    let (subject, repository) = (&notification["subject"], &notification["repository"]["html_url"]);
    if let Some(page) = subject["url"].as_str().and_then(page) {
        return page.into();
    }
    let Some(repository) = repository.as_str() else { return Value::Null };
    let below = match subject["type"].as_str().unwrap_or_default() {
        "CheckSuite" | "WorkflowRun" => "/actions",
        "Discussion" => "/discussions",
        "Release" => "/releases",
        "RepositoryDependabotAlertsThread" => "/security/dependabot",
        "RepositoryVulnerabilityAlert" => "/security",
        _ => "",
    };
    format!("{repository}{below}").into()
}

/// Returns the page of an artifact, from which a browser downloads it.
pub(super) fn artifact_url(artifact: &Value) -> Value {
    let address = artifact["archive_download_url"].as_str().or(artifact["url"].as_str());
    let found = address.and_then(taken_apart).zip(artifact["workflow_run"]["id"].as_u64());
    found
        .map(|((site, parts), run)| {
            format!(
                "{site}/{}/{}/actions/runs/{run}/artifacts/{}",
                parts[0], parts[1], artifact["id"]
            )
        })
        .into()
}

/// Returns the page where a secret was found: the lines of a file at its commit, or a text. Returns the API's address if the
/// page cannot be derived.
pub(super) fn location_url(details: &Value) -> Value {
    if let Some(page) = details["html_url"].as_str().or(details["page_url"].as_str()) {
        return page.into();
    }
    let members = details.as_object().into_iter().flatten();
    let addresses: Vec<_> = members
        .filter(|(name, _)| name.ends_with("_url"))
        .filter_map(|(_, address)| address.as_str())
        .collect();
    let file = addresses.iter().find_map(|address| file_page(address, details));
    let page = file.or_else(|| addresses.iter().find_map(|address| page(address)));
    page.or_else(|| addresses.first().map(|address| (*address).to_owned())).into()
}

/// Returns the page with lines of a file at a commit.
fn file_page(address: &str, details: &Value) -> Option<String> {
    let (site, parts) = taken_apart(address)?;
    let (path, commit) = (details["path"].as_str()?, details["commit_sha"].as_str()?);
    let path = path.trim_start_matches('/');
    let mut page = format!("{site}/{}/{}/blob/{commit}/{path}", parts[0], parts[1]);
    if let Some(start) = details["start_line"].as_u64() {
        let _ = write!(page, "#L{start}");
        if let Some(end) = details["end_line"].as_u64().filter(|end| *end != start) {
            let _ = write!(page, "-L{end}");
        }
    }
    Some(page)
}

/// Returns the files of a release.
pub(super) fn assets(assets: &Value) -> Value {
    const KEPT: [&str; 6] = ["id", "name", "size", "content_type", "download_count", "digest"];
    let asset = |asset: &Value| {
        let kept = KEPT.iter().map(|name| ((*name).to_owned(), asset[*name].clone()));
        let mut kept: Map<_, _> = kept.filter(|(_, value)| !value.is_null()).collect();
        kept.insert("url".to_owned(), asset["browser_download_url"].clone());
        Value::Object(kept)
    };
    list(Some(assets)).map(asset).collect()
}

/// Returns who may approve deployments to an environment: logins, and slugs of teams.
pub(super) fn environment_reviewers(rules: &Value) -> Value {
    let reviewers = list(Some(rules)).flat_map(|rule| list(rule.get("reviewers"))).cloned();
    self::reviewers(&reviewers.collect())
}

/// Returns the logins of people and the slugs of teams among reviewers.
pub(super) fn reviewers(reviewers: &Value) -> Value {
    let name = |reviewer: &Value| {
        let reviewer = &reviewer["reviewer"];
        [&reviewer["login"], &reviewer["slug"]].into_iter().find(|name| name.is_string()).cloned()
    };
    list(Some(reviewers)).filter_map(name).collect()
}

/// Returns the wait in minutes before a deployment to an environment.
pub(super) fn wait_minutes(rules: &Value) -> Value {
    list(Some(rules)).find_map(|rule| rule.get("wait_timer").cloned()).into()
}

/// Returns whether the person who starts a deployment may not approve it.
pub(super) fn prevents_self_review(rules: &Value) -> Value {
    list(Some(rules)).find_map(|rule| rule.get("prevent_self_review").cloned()).into()
}

/// Returns the branches that may be deployed to an environment.
pub(super) fn branch_policy(policy: &Value) -> Value {
    let of = |name: &str| policy[name] == true;
    match (policy.is_object(), of("protected_branches"), of("custom_branch_policies")) {
        (false, ..) => "all",
        (_, true, _) => "protected",
        (_, _, true) => "selected",
        _ => "none",
    }
    .into()
}

/// Returns the replies to a discussion's comment.
pub(super) fn replies(replies: &Value) -> Value {
    let reply = |reply: &Value| json!({"id": reply["id"], "author": reply["author"]["login"], "body": reply["body"], "created_at": reply["createdAt"]});
    list(Some(replies)).map(reply).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FieldHook;

    fn check(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    #[test]
    fn an_address_of_the_api_has_a_page() {
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(page(address).as_deref(), expected, "{address}");
        };
        check(
            "https://api.github.com/repos/o/r/issues/12",
            Some("https://github.com/o/r/issues/12"),
        );
        check("https://api.github.com/repos/o/r/pulls/7", Some("https://github.com/o/r/pull/7"));
        check(
            "https://api.github.com/repos/o/r/commits/6dcb09b",
            Some("https://github.com/o/r/commit/6dcb09b"),
        );
        check(
            "https://api.github.com/repos/o/r/releases/7",
            Some("https://github.com/o/r/releases"),
        );
        check(
            "https://api.github.com/repos/o/r/discussions/7",
            Some("https://github.com/o/r/discussions/7"),
        );
        check(
            "https://api.github.com/repos/o/r/pulls/7/reviews/80",
            Some("https://github.com/o/r/pull/7#pullrequestreview-80"),
        );
        check(
            "https://git.example.com/api/v3/repos/o/r/issues/1",
            Some("https://git.example.com/o/r/issues/1"),
        );
        check("https://api.example.ghe.com/repos/o/r", Some("https://example.ghe.com/o/r"));
        for address in [
            "https://api.github.com/repos/o/r/issues/comments/7",
            "https://api.github.com/repos/o/r/check-suites/7",
            "https://api.github.com/users/o",
            "https://github.com/o/r",
            "o/r",
            "",
        ] {
            check(address, None);
        }
    }

    #[test]
    fn a_found_issue_names_its_repository() {
        check(
            repository_of_url,
            json!("https://api.github.com/repos/octo/hello"),
            json!("octo/hello"),
        );
        check(repository_of_url, json!("https://git.example.com/api/v3/repos/o/r"), json!("o/r"));
        check(repository_of_url, Value::Null, Value::Null);
    }

    #[test]
    fn a_notification_leads_to_its_subject_or_its_repository() {
        let notification = |url: Value, kind: &str| json!({"subject": {"url": url, "type": kind}, "repository": {"html_url": "https://github.com/o/r"}});
        let issue = json!("https://api.github.com/repos/o/r/issues/1");
        check(
            notification_url,
            notification(issue, "Issue"),
            json!("https://github.com/o/r/issues/1"),
        );
        check(
            notification_url,
            notification(Value::Null, "CheckSuite"),
            json!("https://github.com/o/r/actions"),
        );
        check(
            notification_url,
            notification(Value::Null, "Discussion"),
            json!("https://github.com/o/r/discussions"),
        );
        check(
            notification_url,
            notification(Value::Null, "Unheard"),
            json!("https://github.com/o/r"),
        );
        check(notification_url, json!({}), Value::Null);
    }

    #[test]
    fn an_artifact_is_downloaded_from_its_run() {
        let artifact = json!({
            "id": 11, "archive_download_url": "https://api.github.com/repos/o/r/actions/artifacts/11/zip", "workflow_run": {"id": 7},
        });
        check(artifact_url, artifact, json!("https://github.com/o/r/actions/runs/7/artifacts/11"));
        check(artifact_url, json!({"id": 11, "workflow_run": null}), Value::Null);
    }

    #[test]
    fn a_place_of_a_secret_has_a_page() {
        let api = "https://api.github.com/repos/o/r";
        let commit = |more: Value| {
            let mut details = json!({"path": "/a/b.txt", "start_line": 1, "end_line": 3, "commit_sha": "abc", "blob_url": format!("{api}/git/blobs/def"), "commit_url": format!("{api}/git/commits/abc")});
            details
                .as_object_mut()
                .expect("it is an object")
                .extend(more.as_object().cloned().unwrap_or_default());
            details
        };
        check(location_url, commit(json!({"html_url": "https://c"})), json!("https://c"));
        check(
            location_url,
            commit(json!({})),
            json!("https://github.com/o/r/blob/abc/a/b.txt#L1-L3"),
        );
        check(
            location_url,
            commit(json!({"end_line": 1})),
            json!("https://github.com/o/r/blob/abc/a/b.txt#L1"),
        );
        check(
            location_url,
            json!({"path": "/Home.md", "page_url": "https://p", "commit_url": "https://c"}),
            json!("https://p"),
        );
        check(
            location_url,
            json!({"issue_title_url": format!("{api}/issues/7")}),
            json!("https://github.com/o/r/issues/7"),
        );
        check(
            location_url,
            json!({"pull_request_body_url": format!("{api}/pulls/7")}),
            json!("https://github.com/o/r/pull/7"),
        );
        check(
            location_url,
            json!({"pull_request_review_url": format!("{api}/pulls/7/reviews/80")}),
            json!("https://github.com/o/r/pull/7#pullrequestreview-80"),
        );
        check(
            location_url,
            json!({"discussion_comment_url": "https://github.com/o/r/discussions/3#discussioncomment-4"}),
            json!("https://github.com/o/r/discussions/3#discussioncomment-4"),
        );
        let comment = format!("{api}/issues/comments/9");
        check(location_url, json!({"issue_comment_url": comment}), json!(comment));
        check(location_url, json!({"path": "a"}), Value::Null);
        check(location_url, Value::Null, Value::Null);
    }

    #[test]
    fn a_release_tells_of_its_files() {
        let asset = json!({
            "id": 1, "name": "a.zip", "size": 5, "content_type": "application/zip", "download_count": 3, "digest": null,
            "browser_download_url": "https://b", "uploader": {"login": "octocat"},
        });
        let kept = json!([{"id": 1, "name": "a.zip", "size": 5, "content_type": "application/zip", "download_count": 3, "url": "https://b"}]);
        check(assets, json!([asset]), kept);
        check(assets, Value::Null, json!([]));
    }

    #[test]
    fn an_environment_tells_who_approves_and_from_where() {
        let rules = json!([
            {"type": "wait_timer", "wait_timer": 30},
            {"type": "required_reviewers", "prevent_self_review": false, "reviewers": [
                {"type": "User", "reviewer": {"login": "octocat"}}, {"type": "Team", "reviewer": {"slug": "ops", "name": "Ops"}},
            ]},
            {"type": "branch_policy"},
        ]);
        check(environment_reviewers, rules.clone(), json!(["octocat", "ops"]));
        check(wait_minutes, rules.clone(), json!(30));
        check(prevents_self_review, rules, json!(false));
        check(environment_reviewers, Value::Null, json!([]));
        check(wait_minutes, json!([{"type": "branch_policy"}]), Value::Null);
        check(branch_policy, Value::Null, json!("all"));
        check(
            branch_policy,
            json!({"protected_branches": true, "custom_branch_policies": false}),
            json!("protected"),
        );
        check(
            branch_policy,
            json!({"protected_branches": false, "custom_branch_policies": true}),
            json!("selected"),
        );
    }
}
