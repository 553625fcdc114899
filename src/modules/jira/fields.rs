//! Converts values in Jira's responses to readable forms.

use serde_json::{Map, Value, json};

use super::list;
use crate::modules::atlassian::adf;
use crate::time::Moment;

/// Returns a document in the Atlassian Document Format as Markdown; a text stays unchanged.
pub fn markdown(document: &Value) -> Value {
    if document.is_object() { adf::to_markdown(document).into() } else { document.clone() }
}

/// Returns the web address of the issue or project with this `self` and `key`.
///
/// Null if `self` is an address of the API gateway, which does not contain the site.
pub fn browse_url(thing: &Value) -> Value {
    let site =
        thing["self"].as_str().and_then(|url| url.split_once("/rest/")).map(|(site, _)| site);
    let site = site.filter(|site| !site.starts_with("https://api.atlassian.com"));
    site.zip(thing["key"].as_str()).map(|(site, key)| format!("{site}/browse/{key}")).into()
}

/// Returns the changes in one changelog entry: `status: To Do → Done`.
pub fn changes(items: &Value) -> Value {
    let side =
        |text: &Value| text.as_str().filter(|text| !text.is_empty()).unwrap_or("∅").to_owned();
    let change = |item: &Value| {
        let field = item["field"].as_str().unwrap_or_default();
        format!("{field}: {} → {}", side(&item["fromString"]), side(&item["toString"]))
    };
    list(items).map(change).collect()
}

/// Returns one issue's entries from a changelog of several issues.
pub fn history(entries: &Value) -> Value {
    let entry = |entry: &Value| {
        json!({
            "created_at": epoch_time(&entry["created"]), "author": entry["author"]["displayName"],
            "author_id": entry["author"]["accountId"], "changes": changes(&entry["items"]),
        })
    };
    list(entries).map(entry).collect()
}

/// Returns a time given as seconds or milliseconds since 1970 in ISO 8601; strings stay unchanged.
pub fn epoch_time(time: &Value) -> Value {
    // As seconds, this would be in the year 5138.
    const MILLISECONDS: i64 = 100_000_000_000;
    let Some(number) = time.as_i64() else { return time.clone() };
    let seconds = if number.abs() >= MILLISECONDS { number / 1_000 } else { number };
    Moment::utc(seconds).to_string().into()
}

/// Returns the choices of a field, in the words for setting it.
pub fn choices(allowed: &Value) -> Value {
    if !allowed.is_array() {
        return Value::Null;
    }
    let word = |choice: &Value| {
        // Service desks return a label for people and a `value` that is the id; elsewhere `value` is the word.
        match (choice.get("label"), choice.get("value")) {
            (Some(label), Some(value)) => json!(format!("{} = {}", plain(value), plain(label))),
            _ => simplified(choice),
        }
    };
    list(allowed).map(word).collect()
}

/// Returns a board's columns with their limits and statuses; the board has only the ids of statuses.
pub fn columns(columns: &Value) -> Value {
    let column = |column: &Value| {
        let statuses = super::refs::statuses(&column["statuses"]);
        let mut brief = json!({"name": column["name"], "statuses": statuses});
        for limit in ["min", "max"] {
            if let Some(value) = column.get(limit) {
                brief[limit] = value.clone();
            }
        }
        brief
    };
    list(columns).map(column).collect()
}

/// Returns the custom fields that have a value, by name and id.
pub fn custom_fields(issue: &Value) -> Value {
    let mut found = Map::new();
    for (id, value) in issue["fields"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(id, value)| id.starts_with("customfield_") && !super::refs::is_sprints(value))
    {
        let name = issue["names"][id].as_str().unwrap_or_default();
        let value = simplified(value);
        // A rank is a sort key without meaning for people.
        if !is_empty(&value) && name != "Rank" {
            found.insert(format!("{name} ({id})"), value);
        }
    }
    if found.is_empty() { Value::Null } else { found.into() }
}

/// Returns the fields of a search's row that have no column.
pub fn extra_fields(fields: &Value) -> Value {
    const COLUMNS: [&str; 10] = [
        "summary",
        "status",
        "issuetype",
        "priority",
        "assignee",
        "labels",
        "parent",
        "duedate",
        "created",
        "updated",
    ];
    let extra =
        fields.as_object().into_iter().flatten().filter(|(id, _)| !COLUMNS.contains(&id.as_str()));
    let extra: Map<_, _> = extra
        .map(|(id, value)| (id.clone(), simplified(value)))
        .filter(|(_, value)| !is_empty(value))
        .collect();
    if extra.is_empty() { Value::Null } else { extra.into() }
}

/// Returns an issue's links: the relation, the other issue, and the id for removing the link.
pub fn issue_links(links: &Value) -> Value {
    let link = |link: &Value| {
        let (relation, other) = match link.get("outwardIssue") {
            Some(other) => (&link["type"]["outward"], other),
            None => (&link["type"]["inward"], &link["inwardIssue"]),
        };
        json!({
            "id": link["id"], "relation": relation, "key": other["key"], "summary": other["fields"]["summary"],
            "status": other["fields"]["status"]["name"],
        })
    };
    list(links).map(link).collect()
}

/// Returns the answers of a request's form by question.
pub fn request_answers(values: &Value) -> Value {
    let answers =
        list(values).map(|answer| (plain(&answer["label"]), simplified(&answer["value"])));
    answers.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>().into()
}

/// Returns the fields that a transition requires, as `id (name)`.
pub fn required_fields(fields: &Value) -> Value {
    let required =
        fields.as_object().into_iter().flatten().filter(|(_, field)| field["required"] == true);
    required.map(|(id, field)| format!("{id} ({})", plain(&field["name"]))).collect()
}

/// Returns a suggestion without the tags around the matched letters.
pub fn without_tags(name: &Value) -> Value {
    name.as_str().map(|name| name.replace("<b>", "").replace("</b>", "")).into()
}

/// Returns a field's value without technical members: people and options by name, documents as Markdown.
fn simplified(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(simplified).collect(),
        Value::Object(members) if members.get("type").is_some_and(|kind| kind == "doc") => {
            markdown(value)
        }
        Value::Object(members) => {
            let name = ["displayName", "value", "name", "key"]
                .iter()
                .find_map(|name| members.get(*name)?.as_str());
            match (name, members.get("child")) {
                (Some(name), Some(child)) => {
                    format!("{name} / {}", plain(&simplified(child))).into()
                }
                (Some(name), None) => name.into(),
                (None, _) => value.clone(),
            }
        }
        _ => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "{}",
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FieldHook;

    fn check(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    #[test]
    fn an_address_for_people_comes_from_the_sites_own() {
        let thing = |url: &str| json!({"self": url, "key": "ED-1"});
        check(
            browse_url,
            thing("https://x.atlassian.net/rest/api/3/issue/10002"),
            json!("https://x.atlassian.net/browse/ED-1"),
        );
        check(
            browse_url,
            thing("https://jira.example/jira/rest/agile/1.0/issue/1"),
            json!("https://jira.example/jira/browse/ED-1"),
        );
        check(
            browse_url,
            thing("https://api.atlassian.com/ex/jira/0c1/rest/api/3/issue/1"),
            Value::Null,
        );
        check(browse_url, json!({"key": "ED-1"}), Value::Null);
    }

    #[test]
    fn a_time_of_the_epoch_is_written_as_iso() {
        for (time, expected) in [
            (json!(1_788_242_750), json!("2026-09-01T06:05:50Z")),
            (json!(1_788_242_750_123_i64), json!("2026-09-01T06:05:50Z")),
            (json!(0), json!("1970-01-01T00:00:00Z")),
            (json!("2026-09-01T06:05:50.000+0000"), json!("2026-09-01T06:05:50.000+0000")),
            (Value::Null, Value::Null),
        ] {
            check(epoch_time, time, expected);
        }
    }

    #[test]
    fn changes_name_both_sides() {
        let change = |field: &str, from: Value, to: Value| json!({"field": field, "fromString": from, "toString": to});
        let items = json!([
            change("status", json!("To Do"), json!("Done")),
            change("labels", json!(""), json!("a")),
            change("assignee", json!("Mia"), Value::Null),
        ]);
        check(
            changes,
            items,
            json!(["status: To Do → Done", "labels: ∅ → a", "assignee: Mia → ∅"]),
        );
        check(changes, Value::Null, json!([]));
    }

    #[test]
    fn choices_are_the_words_that_setting_takes() {
        check(
            choices,
            json!([{"id": "1", "name": "High"}, {"id": "2", "value": "Blue"}, "red"]),
            json!(["High", "Blue", "red"]),
        );
        check(
            choices,
            json!([{"label": "Wine", "value": "10000", "children": []}]),
            json!(["10000 = Wine"]),
        );
        check(choices, Value::Null, Value::Null);
    }

    #[test]
    fn values_are_simplified() {
        let check =
            |value: Value, expected: Value| assert_eq!(simplified(&value), expected, "{value}");
        check(json!({"displayName": "Mia", "name": "", "accountId": "1"}), json!("Mia"));
        check(
            json!({"value": "EU", "id": "1", "child": {"value": "Berlin", "id": "2"}}),
            json!("EU / Berlin"),
        );
        check(json!([{"id": 7, "name": "Sprint 1", "state": "active"}]), json!(["Sprint 1"]));
        check(json!({"key": "ED-1"}), json!("ED-1"));
        check(json!({"progress": 0, "total": 0}), json!({"progress": 0, "total": 0}));
        check(json!(5.0), json!(5.0));
    }

    #[test]
    fn only_custom_fields_with_a_value_are_shown() {
        let issue = json!({
            "names": {"customfield_1": "Points", "customfield_2": "Empty", "customfield_3": "Rank", "summary": "Summary"},
            "fields": {"customfield_1": 5.0, "customfield_2": null, "customfield_3": "0|i00:", "customfield_4": [], "summary": "S"},
        });
        check(custom_fields, issue, json!({"Points (customfield_1)": 5.0}));
        check(custom_fields, json!({"fields": {"summary": "S"}}), Value::Null);
    }

    #[test]
    fn extra_fields_leave_the_columns_out() {
        check(
            extra_fields,
            json!({"summary": "S", "labels": ["a"], "customfield_1": 5, "environment": null}),
            json!({"customfield_1": 5}),
        );
        check(extra_fields, json!({"summary": "S"}), Value::Null);
    }

    #[test]
    fn a_link_reads_from_the_issue_that_has_it() {
        let kind = json!({"outward": "blocks", "inward": "is blocked by"});
        let other = json!({"key": "ED-2", "fields": {"summary": "S", "status": {"name": "Open"}}});
        let row = |relation: &str| json!([{"id": "1", "relation": relation, "key": "ED-2", "summary": "S", "status": "Open"}]);
        check(
            issue_links,
            json!([{"id": "1", "type": kind, "outwardIssue": other}]),
            row("blocks"),
        );
        check(
            issue_links,
            json!([{"id": "1", "type": kind, "inwardIssue": other}]),
            row("is blocked by"),
        );
        check(issue_links, Value::Null, json!([]));
    }

    #[test]
    fn a_column_has_limits_only_where_they_are_set() {
        let columns_given = json!([{"name": "To Do", "statuses": [{"id": "1"}]}, {"name": "Doing", "min": 2, "max": 4, "statuses": []}]);
        check(
            columns,
            columns_given,
            json!([{"name": "To Do", "statuses": [{"id": "1"}]}, {"name": "Doing", "statuses": [], "min": 2, "max": 4}]),
        );
    }

    #[test]
    fn a_suggestion_loses_only_its_marks() {
        check(
            without_tags,
            json!("Atlassian Connect (<b>AC</b>) <i>"),
            json!("Atlassian Connect (AC) <i>"),
        );
        check(without_tags, Value::Null, Value::Null);
    }

    #[test]
    fn only_required_fields_of_a_transition_are_named() {
        let fields = json!({"resolution": {"name": "Resolution", "required": true}, "assignee": {"name": "Assignee", "required": false}});
        check(required_fields, fields, json!(["resolution (Resolution)"]));
    }
}
