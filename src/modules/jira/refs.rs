//! Returns the objects that a response refers to, with the ids for the next call.

use serde_json::{Map, Value};

use crate::engine::session::list;

/// Returns attachments with the ids for reading and deleting.
pub fn attachments(attachments: &Value) -> Value {
    let row = |file: &Value| {
        brief([("id", &file["id"]), ("filename", &file["filename"]), ("size", &file["size"])])
    };
    rows(attachments, row)
}

/// Returns an issue by its key and summary; null if there is no issue.
pub fn issue(issue: &Value) -> Value {
    if issue["key"].is_string() {
        brief([("key", &issue["key"]), ("summary", &issue["fields"]["summary"])])
    } else {
        Value::Null
    }
}

/// Returns subtasks by key, summary and status.
pub fn subtasks(subtasks: &Value) -> Value {
    let row = |task: &Value| {
        let fields = &task["fields"];
        brief([
            ("key", &task["key"]),
            ("summary", &fields["summary"]),
            ("status", &fields["status"]["name"]),
        ])
    };
    rows(subtasks, row)
}

/// Returns the current and past sprints of an issue, from all of its fields: the field's id differs on every site.
pub fn sprints(fields: &Value) -> Value {
    let found = fields.as_object().into_iter().flatten().find(|(_, value)| is_sprints(value));
    let row = |sprint: &Value| {
        brief([("id", &sprint["id"]), ("name", &sprint["name"]), ("state", &sprint["state"])])
    };
    found.map_or(Value::Null, |(_, sprints)| rows(sprints, row))
}

/// Returns whether a field's value is a list of sprints.
pub fn is_sprints(value: &Value) -> bool {
    let is_sprint = |sprint: &Value| sprint.get("boardId").is_some() && sprint["state"].is_string();
    list(value).next().is_some() && list(value).all(is_sprint)
}

/// Returns statuses with their ids and categories.
pub fn statuses(statuses: &Value) -> Value {
    rows(statuses, status)
}

/// Returns a status with its id and category.
pub fn status(status: &Value) -> Value {
    brief([
        ("id", &status["id"]),
        ("name", &status["name"]),
        ("category", &status["statusCategory"]["name"]),
    ])
}

/// Returns issue types with the ids for creating and moving.
pub fn issue_types(types: &Value) -> Value {
    let row = |kind: &Value| {
        brief([
            ("id", &kind["id"]),
            ("name", &kind["name"]),
            ("subtask", &kind["subtask"]),
            ("hierarchy", &kind["hierarchyLevel"]),
        ])
    };
    rows(types, row)
}

/// Returns objects with an id and a name.
pub fn named(things: &Value) -> Value {
    rows(things, |thing| brief([("id", &thing["id"]), ("name", &thing["name"])]))
}

/// Returns the last ten unreleased versions of a project.
pub fn open_versions(versions: &Value) -> Value {
    const SHOWN: usize = 10;
    if !versions.is_array() {
        return Value::Null;
    }
    let is_open = |version: &&Value| version["released"] != true && version["archived"] != true;
    let open: Vec<_> = list(versions).filter(is_open).collect();
    let last = &open[open.len().saturating_sub(SHOWN)..];
    let row = |version: &&Value| {
        brief([
            ("id", &version["id"]),
            ("name", &version["name"]),
            ("release_date", &version["releaseDate"]),
        ])
    };
    last.iter().map(row).collect()
}

/// Returns the completed cycles of an SLA.
pub fn completed_cycles(cycles: &Value) -> Value {
    let row = |cycle: &Value| {
        brief([
            ("started_at", &cycle["startTime"]["iso8601"]),
            ("stopped_at", &cycle["stopTime"]["iso8601"]),
            ("elapsed", &cycle["elapsedTime"]["friendly"]),
            ("breached", &cycle["breached"]),
        ])
    };
    rows(cycles, row)
}

/// Returns the approvers and their decisions.
pub fn approvers(approvers: &Value) -> Value {
    let row = |entry: &Value| {
        let approver = &entry["approver"];
        brief([
            ("account_id", &approver["accountId"]),
            ("name", &approver["displayName"]),
            ("decision", &entry["approverDecision"]),
        ])
    };
    rows(approvers, row)
}

fn rows(values: &Value, row: impl Fn(&Value) -> Value) -> Value {
    if values.is_array() { list(values).map(row).collect() } else { Value::Null }
}

/// Returns the members that have a value.
fn brief<const N: usize>(members: [(&str, &Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    members.map(|(name, value)| (name.to_owned(), value.clone())).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::FieldHook;

    fn check(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    #[test]
    fn references_have_the_ids_that_the_next_call_takes() {
        check(
            attachments,
            json!([{"id": "1", "filename": "a.txt", "size": 3, "mimeType": "text/plain"}]),
            json!([{"id": "1", "filename": "a.txt", "size": 3}]),
        );
        let fields = json!({"summary": "S", "status": {"name": "Open"}});
        check(
            issue,
            json!({"id": "2", "key": "ED-2", "fields": fields}),
            json!({"key": "ED-2", "summary": "S"}),
        );
        check(
            subtasks,
            json!([{"id": "2", "key": "ED-2", "fields": fields}]),
            json!([{"key": "ED-2", "summary": "S", "status": "Open"}]),
        );
        check(
            statuses,
            json!([{"id": "3", "name": "Done", "statusCategory": {"name": "Done"}}, {"id": "4"}]),
            json!([{"id": "3", "name": "Done", "category": "Done"}, {"id": "4"}]),
        );
        check(
            issue_types,
            json!([{"id": "1", "name": "Epic", "subtask": false, "hierarchyLevel": 1}]),
            json!([{"id": "1", "name": "Epic", "subtask": false, "hierarchy": 1}]),
        );
        check(
            named,
            json!([{"id": "1", "name": "API", "self": "x"}]),
            json!([{"id": "1", "name": "API"}]),
        );
        check(
            approvers,
            json!([{"approver": {"accountId": "5", "displayName": "Mia"}, "approverDecision": "pending"}]),
            json!([{"account_id": "5", "name": "Mia", "decision": "pending"}]),
        );
        check(
            completed_cycles,
            json!([{"stopTime": {"iso8601": "T"}, "elapsedTime": {"friendly": "1h"}, "breached": true}]),
            json!([{"stopped_at": "T", "elapsed": "1h", "breached": true}]),
        );
        for hook in
            [attachments, issue, subtasks, statuses, issue_types, named, open_versions, approvers]
        {
            check(hook, Value::Null, Value::Null);
        }
    }

    #[test]
    fn the_last_versions_that_are_open_are_shown() {
        let version = |id: u8, released: bool, archived: bool| json!({"id": id.to_string(), "name": "v", "released": released, "archived": archived});
        let mut versions = vec![version(100, true, false), version(101, false, true)];
        versions.extend((0..12).map(|id| version(id, false, false)));
        let shown = open_versions(&versions.into());
        let ids: Vec<_> = list(&shown).filter_map(|version| version["id"].as_str()).collect();
        assert_eq!(ids, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    }

    #[test]
    fn sprints_are_found_in_whatever_field_they_are() {
        let sprint =
            json!({"id": 7, "name": "Sprint 1", "state": "active", "boardId": 1, "goal": ""});
        check(
            sprints,
            json!({"customfield_10020": [sprint], "labels": ["a"], "customfield_1": [{"id": "1"}]}),
            json!([{"id": 7, "name": "Sprint 1", "state": "active"}]),
        );
        check(sprints, json!({"labels": ["a"], "customfield_1": []}), Value::Null);
    }
}
