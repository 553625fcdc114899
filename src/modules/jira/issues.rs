//! Writes issues: converts fields to Jira's forms, in one place for all tools that write issues.

use serde_json::{Value, json};

use super::{issue_path, list, params, present, text};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::modules::atlassian::adf;
use crate::upstream::Method;

const ISSUE: &[&str] = &["rest", "api", "3", "issue"];

/// Creates one issue.
pub fn create_issue(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let body = json!({"fields": fields(arguments, &Value::Null)?});
    Ok(brief(&session.send(Method::Post, ISSUE, &[], Some(&body))?))
}

/// Creates several issues in one request; rejected issues are reported by their position in the list.
pub fn create_issues(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let issues = arguments.get("issues").into_iter().flat_map(list).filter_map(Value::as_object);
    let updates = issues
        .map(|issue| Ok(json!({"fields": fields(issue, &Value::Null)?})))
        .collect::<Result<Vec<_>, Error>>()?;
    let answer = session.send(
        Method::Post,
        &[ISSUE, &["bulk"]].concat(),
        &[],
        Some(&json!({"issueUpdates": updates})),
    )?;
    let created: Vec<_> = list(&answer["issues"]).map(brief).collect();
    let mut result = json!({"items": created});
    let refused: Vec<_> = list(&answer["errors"]).map(refusal).collect();
    if !refused.is_empty() {
        result["errors"] = refused.into();
    }
    Ok(result)
}

fn brief(issue: &Value) -> Value {
    json!({"key": issue["key"], "id": issue["id"], "url": crate::modules::jira::fields::browse_url(issue)})
}

/// Returns which issue of the list was rejected, counted from 0, and why.
pub fn refusal(error: &Value) -> Value {
    let told = &error["elementErrors"];
    let by_field = told["errors"].as_object().into_iter().flatten();
    let by_field =
        by_field.map(|(field, why)| format!("{field}: {}", why.as_str().unwrap_or_default()));
    let why: Vec<_> = list(&told["errorMessages"])
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .chain(by_field)
        .collect();
    json!({"index": error["failedElementNumber"], "error": why.join("; ")})
}

/// Changes the given fields. Rich text is rewritten from its previous form, so that content that Markdown cannot express stays.
pub fn update_issue(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = issue_path(arguments, &[]);
    let rich = rich_texts(arguments);
    let before = if rich.is_empty() {
        Value::Null
    } else {
        session.get(&path, &[("fields", &rich.join(","))])?
    };
    let mut body = json!({});
    let fields = fields(arguments, &before["fields"])?;
    if !fields.is_empty() {
        body["fields"] = fields.into();
    }
    let labels = [("add_labels", "add"), ("remove_labels", "remove")];
    let labels = labels.iter().flat_map(|(argument, verb)| {
        arguments.get(*argument).into_iter().flat_map(list).map(move |label| json!({*verb: label}))
    });
    let labels: Vec<_> = labels.collect();
    if !labels.is_empty() {
        body["update"] = json!({"labels": labels});
    }
    session.send(Method::Put, &path, &[], Some(&body))?;
    Ok(json!({"message": "Issue updated."}))
}

/// Returns the ids of the fields that are given as Markdown.
fn rich_texts(arguments: &Object) -> Vec<&str> {
    let others = arguments.get("other_fields").and_then(Value::as_object).into_iter().flatten();
    let others =
        others.filter(|(_, value)| markdown_of(value).is_some()).map(|(id, _)| id.as_str());
    arguments.get("description").map(|_| "description").into_iter().chain(others).collect()
}

fn markdown_of(value: &Value) -> Option<&str> {
    value.as_object().filter(|members| members.len() == 1)?.get("markdown")?.as_str()
}

/// Returns an issue's fields in Jira's form. `before` are the current fields, for rich text; null for a new issue.
fn fields(arguments: &Object, before: &Value) -> Result<Object, Error> {
    let mut fields = other_fields(arguments, before)?;
    for (argument, value) in arguments {
        let (field, value) = match argument.as_str() {
            "project" => ("project", by_id_or("key", value)),
            "type" => ("issuetype", by_id_or("name", value)),
            "summary" => ("summary", value.clone()),
            "description" => {
                ("description", rich_text(text(arguments, "description"), &before["description"])?)
            }
            "parent" => ("parent", unless_none(value, |key| json!({"key": key}))),
            "assignee" => {
                ("assignee", unless_none(&params::assignee(value)?, |id| json!({"id": id})))
            }
            "priority" => ("priority", json!({"name": value})),
            "labels" => ("labels", value.clone()),
            "components" => ("components", named(value)),
            "fix_versions" => ("fixVersions", named(value)),
            "due_date" => ("duedate", unless_none(value, Value::clone)),
            _ => continue,
        };
        fields.insert(field.to_owned(), value);
    }
    Ok(fields)
}

/// Returns the fields without a param, with Markdown converted to documents.
fn other_fields(arguments: &Object, before: &Value) -> Result<Object, Error> {
    let others = arguments.get("other_fields").and_then(Value::as_object).into_iter().flatten();
    let written = others.map(|(id, value)| {
        let value = markdown_of(value)
            .map_or_else(|| Ok(value.clone()), |markdown| rich_text(markdown, &before[id]))?;
        Ok((id.clone(), value))
    });
    written.collect()
}

fn rich_text(markdown: &str, before: &Value) -> Result<Value, Error> {
    adf::from_markdown(markdown, present(before))
}

/// Digits are an id, anything else is a name.
fn by_id_or(word: &str, value: &Value) -> Value {
    let is_id = value
        .as_str()
        .is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    json!({if is_id { "id" } else { word }: value})
}

/// Returns null, which clears a field, for `none`.
fn unless_none(value: &Value, written: impl Fn(&Value) -> Value) -> Value {
    if value.is_null() || value == "none" { Value::Null } else { written(value) }
}

fn named(names: &Value) -> Value {
    list(names).map(|name| json!({"name": name})).collect()
}

/// Applies a transition, given by its id, its name or the status that it leads to.
pub fn transition_issue(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = issue_path(arguments, &["transitions"]);
    let answer = session.get(&path, &[])?;
    let transition = transition(&answer["transitions"], text(arguments, "transition"))?;
    let mut fields = other_fields(arguments, &Value::Null)?;
    if let Some(resolution) = arguments.get("resolution") {
        fields.insert("resolution".to_owned(), json!({"name": resolution}));
    }
    let mut body = json!({"transition": {"id": transition["id"]}});
    if !fields.is_empty() {
        body["fields"] = fields.into();
    }
    if let Some(comment) = arguments.get("comment").and_then(Value::as_str) {
        body["update"] =
            json!({"comment": [{"add": {"body": adf::from_markdown(comment, None)?}}]});
    }
    session.send(Method::Post, &path, &[], Some(&body))?;
    Ok(json!({"transition": transition["name"], "status": transition["to"]["name"]}))
}

/// Returns the transition with this id, else with this name, else the only one to this status.
pub fn transition<'a>(transitions: &'a Value, wanted: &str) -> Result<&'a Value, Error> {
    let is = |value: &Value| {
        value.as_str().is_some_and(|name| name.to_lowercase() == wanted.to_lowercase())
    };
    let mut to_status = list(transitions).filter(|transition| is(&transition["to"]["name"]));
    let to_status = to_status.next().filter(|_| to_status.next().is_none());
    let by_id = list(transitions).find(|transition| is(&transition["id"]));
    let by_name = || list(transitions).find(|transition| is(&transition["name"]));
    by_id.or_else(by_name).or(to_status).ok_or_else(|| {
        let open: Vec<_> =
            list(transitions).filter_map(|transition| transition["name"].as_str()).collect();
        Error::new(
            Code::InvalidParams,
            format!("The issue does not have exactly one transition `{wanted}` now."),
        )
        .with_hint(format!("Use one of these: {}.", open.join(", ")))
    })
}

/// Creates a customer request. Documents are used only if there is rich text, because then all of it must be documents.
pub fn create_request(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut answers = other_fields(arguments, &Value::Null)?;
    answers.insert("summary".to_owned(), text(arguments, "summary").into());
    if let Some(description) = arguments.get("description").and_then(Value::as_str) {
        answers.insert("description".to_owned(), adf::from_markdown(description, None)?);
    }
    let mut body = json!({
        "serviceDeskId": arguments["service_desk_id"], "requestTypeId": arguments["request_type_id"],
        "requestFieldValues": answers, "isAdfRequest": !rich_texts(arguments).is_empty(),
    });
    for (argument, member) in
        [("on_behalf_of", "raiseOnBehalfOf"), ("participants", "requestParticipants")]
    {
        if let Some(value) = arguments.get(argument) {
            body[member] = value.clone();
        }
    }
    let request =
        session.send(Method::Post, &["rest", "servicedeskapi", "request"], &[], Some(&body))?;
    Ok(
        json!({"key": request["issueKey"], "status": request["currentStatus"]["status"], "url": request["_links"]["web"]}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_take_jiras_forms() {
        let check = |given: Value, expected: Value| {
            let fields = fields(given.as_object().expect("it is an object"), &Value::Null)
                .expect("they are right");
            assert_eq!(Value::from(fields), expected, "{given}");
        };
        check(
            json!({"project": "ED", "type": "Bug"}),
            json!({"project": {"key": "ED"}, "issuetype": {"name": "Bug"}}),
        );
        check(
            json!({"project": "10000", "type": "3"}),
            json!({"project": {"id": "10000"}, "issuetype": {"id": "3"}}),
        );
        check(json!({"assignee": "5b10"}), json!({"assignee": {"id": "5b10"}}));
        check(json!({"assignee": "none"}), json!({"assignee": null}));
        check(json!({"assignee": "auto"}), json!({"assignee": {"id": "-1"}}));
        check(
            json!({"parent": "ED-1", "due_date": "2026-01-31"}),
            json!({"parent": {"key": "ED-1"}, "duedate": "2026-01-31"}),
        );
        check(
            json!({"parent": "none", "due_date": "none"}),
            json!({"parent": null, "duedate": null}),
        );
        check(
            json!({"components": ["API"], "fix_versions": ["1.0"]}),
            json!({"components": [{"name": "API"}], "fixVersions": [{"name": "1.0"}]}),
        );
        check(
            json!({"other_fields": {"customfield_1": {"value": "Blue"}, "customfield_2": null}}),
            json!({"customfield_1": {"value": "Blue"}, "customfield_2": null}),
        );
    }

    #[test]
    fn rich_texts_are_found_wherever_they_are() {
        let others = json!({"customfield_1": {"markdown": "M"}, "customfield_2": {"markdown": "M", "x": 1}, "customfield_3": "M"});
        let given = json!({"description": "D", "other_fields": others});
        assert_eq!(
            rich_texts(given.as_object().expect("it is an object")),
            ["description", "customfield_1"]
        );
    }

    #[test]
    fn a_transition_has_an_id_a_name_or_a_status() {
        let transitions = json!([
            {"id": "2", "name": "Close", "to": {"name": "Done"}}, {"id": "3", "name": "Start", "to": {"name": "In Progress"}},
            {"id": "4", "name": "Resume", "to": {"name": "In Progress"}},
        ]);
        let check = |wanted: &str, expected: Option<&str>| {
            let found = transition(&transitions, wanted)
                .map(|transition| transition["id"].as_str().unwrap_or_default());
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{wanted}");
            if let Err(error) = found {
                assert!(
                    error.hint().is_some_and(|hint| hint.contains("Close, Start, Resume")),
                    "{error}"
                );
            }
        };
        check("2", Some("2"));
        check("close", Some("2"));
        check("Done", Some("2"));
        check("In Progress", None);
        check("Reopen", None);
    }

    #[test]
    fn a_refusal_has_its_place_and_every_reason() {
        let told = json!({"errorMessages": ["No."], "errors": {"summary": "Is missing."}});
        let error = json!({"failedElementNumber": 1, "status": 400, "elementErrors": told});
        assert_eq!(refusal(&error), json!({"index": 1, "error": "No.; summary: Is missing."}));
    }
}
