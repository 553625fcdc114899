//! Parts of Jira's module that cannot be expressed as data.

mod bulk;
mod clone;
mod development;
mod fields;
mod issues;
mod params;
mod refs;
mod results;
mod versions;

use serde_json::{Value, json};

use crate::engine::session::{list, text};
use crate::engine::{Hooks, Session, Upload, multipart, times};
use crate::error::Error;
use crate::json::Object;
use crate::modules::atlassian::adf;
use crate::upstream::Method;

/// The hooks that Jira's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("approvers", refs::approvers),
        ("attachments", refs::attachments),
        ("browse_url", fields::browse_url),
        ("changes", fields::changes),
        ("choices", fields::choices),
        ("columns", fields::columns),
        ("completed_cycles", refs::completed_cycles),
        ("custom_fields", fields::custom_fields),
        ("epoch_time", fields::epoch_time),
        ("extra_fields", fields::extra_fields),
        ("history", fields::history),
        ("issue_links", fields::issue_links),
        ("issue_ref", refs::issue),
        ("issue_types", refs::issue_types),
        ("markdown", fields::markdown),
        ("named", refs::named),
        ("open_versions", refs::open_versions),
        ("request_answers", fields::request_answers),
        ("required_fields", fields::required_fields),
        ("sprints", refs::sprints),
        ("statuses", refs::statuses),
        ("subtasks", refs::subtasks),
        ("without_tags", fields::without_tags),
    ],
    params: &[
        ("adf", params::adf),
        ("assignee", params::assignee),
        ("duration", times::duration_hook),
        ("internal_comment", params::internal_comment),
        ("jira_time", params::jira_time),
        ("role_visibility", params::role_visibility),
    ],
    arguments: &[],
    results: &[
        ("bulk_progress", results::bulk_progress),
        ("issue_keys", results::issue_keys),
        ("status_names", results::status_names),
    ],
    handlers: &[
        ("add_attachment", add_attachment),
        ("add_watcher", add_watcher),
        ("clone_issue", clone::clone_issue),
        ("create_issue", issues::create_issue),
        ("create_issues", issues::create_issues),
        ("create_request", issues::create_request),
        ("get_development", development::get_development),
        ("list_edit_fields", list_edit_fields),
        ("move_issues", bulk::move_issues),
        ("transition_issue", issues::transition_issue),
        ("transition_issues", bulk::transition_issues),
        ("update_comment", update_comment),
        ("update_issue", issues::update_issue),
        ("update_issues", bulk::update_issues),
        ("update_version", versions::update_version),
        ("update_worklog", update_worklog),
    ],
    explain: None,
};

/// Rewrites a comment from its previous form, so that content that Markdown cannot express stays; its visibility stays too.
fn update_comment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = issue_path(arguments, &["comment", text(arguments, "comment_id")]);
    let before = session.get(&path, &[])?;
    let mut body =
        json!({"body": adf::from_markdown(text(arguments, "body"), Some(&before["body"]))?});
    keep_visibility(&mut body, &before);
    let after = session.send(Method::Put, &path, &[], Some(&body))?;
    Ok(json!({"id": after["id"], "updated_at": after["updated"]}))
}

/// Changes a time log; its comment is handled as in [`update_comment`].
fn update_worklog(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = issue_path(arguments, &["worklog", text(arguments, "worklog_id")]);
    let mut body = json!({});
    for (argument, member) in [("time_spent", "timeSpent"), ("started_at", "started")] {
        if let Some(value) = arguments.get(argument) {
            body[member] = value.clone();
        }
    }
    let comment = arguments.get("comment").and_then(Value::as_str);
    let before = session.get(&path, &[])?;
    if let Some(comment) = comment {
        body["comment"] = adf::from_markdown(comment, present(&before["comment"]))?;
    }
    keep_visibility(&mut body, &before);
    let after = session.send(Method::Put, &path, &[], Some(&body))?;
    Ok(json!({"id": after["id"], "time_spent": after["timeSpent"], "started_at": after["started"]}))
}

/// Keeps the visibility: an update without it could make restricted content public.
fn keep_visibility(body: &mut Value, before: &Value) {
    if let Some(visibility) = present(&before["visibility"]) {
        body["visibility"] = visibility.clone();
    }
}

/// Adds a watcher to an issue: the body is only the account id, or empty for the caller.
fn add_watcher(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    session.send(
        Method::Post,
        &issue_path(arguments, &["watchers"]),
        &[],
        arguments.get("account_id"),
    )?;
    Ok(json!({"message": "Watcher added."}))
}

/// Returns the fields that can be changed; Jira returns them as an object by id.
fn list_edit_fields(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let answer = session.get(&issue_path(arguments, &["editmeta"]), &[])?;
    let row = |(id, field): (&String, &Value)| {
        json!({
            "id": id, "name": field["name"], "required": field["required"], "type": field["schema"]["type"],
            "items": field["schema"]["items"], "choices": fields::choices(&field["allowedValues"]),
        })
    };
    let rows: Vec<_> = answer["fields"].as_object().into_iter().flatten().map(row).collect();
    Ok(json!({"items": rows}))
}

/// Uploads one file.
fn add_attachment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let bytes = match (arguments.get("content"), arguments.get("content_base64")) {
        (Some(Value::String(content)), None) => content.clone().into_bytes(),
        (None, Some(Value::String(encoded))) => params::bytes_of(encoded)?,
        _ => {
            return Err(Error::invalid_params(
                "The file needs either `content` or `content_base64`.",
            )
            .with_hint("Give text as `content`, any other bytes as `content_base64`."));
        }
    };
    // Jira detects the type by the name.
    let content_type = "application/octet-stream";
    let form = multipart(
        &[],
        Upload {
            field: "file",
            file_name: text(arguments, "filename"),
            content_type,
            bytes: &bytes,
        },
    )?;
    let path = issue_path(arguments, &["attachments"]);
    let answer = session.send_bytes(Method::Post, &path, &[], &form.content_type, &form.body)?;
    let attachment = &answer[0];
    Ok(
        json!({"id": attachment["id"], "filename": attachment["filename"], "size": attachment["size"]}),
    )
}

/// Returns the path of the issue in `issue`, or a path below it.
fn issue_path<'a>(arguments: &'a Object, below: &[&'a str]) -> Vec<&'a str> {
    [&["rest", "api", "3", "issue", text(arguments, "issue")], below].concat()
}

fn present(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}
