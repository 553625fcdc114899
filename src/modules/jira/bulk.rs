//! Changes up to 1,000 issues at once; Jira makes the change in the background.

use serde_json::{Map, Value, json};

use super::{issues, text};
use crate::engine::Session;
use crate::engine::session::list;
use crate::engine::walk::walk;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

const BULK: [&str; 5] = ["rest", "api", "3", "bulk", "issues"];

/// The number of issues in one address, which would otherwise be too long.
const ASKED: usize = 100;

/// The maximum number of pages of fields or transitions.
const MAX_PAGES: usize = 20;

/// Moves issues: Jira requires the destination as the key of a mapping, and rules for fields and statuses.
pub fn move_issues(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let destination = ["project", "issue_type_id", "parent"].map(|name| text(arguments, name));
    let destination =
        destination.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
    let sources = json!({
        "issueIdsOrKeys": arguments.get("issues"), "inferFieldDefaults": true, "inferStatusDefaults": true,
        "inferSubtaskTypeDefault": true, "inferClassificationDefaults": true,
    });
    let body =
        json!({"sendBulkNotification": false, "targetToSourcesMapping": {destination: sources}});
    submit(session, "move", &body)
}

/// Changes the same fields of many issues.
pub fn update_issues(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut edit = Edit { session, arguments, fields: None, inputs: Map::new(), ids: Vec::new() };
    edit.add()?;
    let body = json!({
        "selectedIssueIdsOrKeys": arguments["issues"], "selectedActions": edit.ids,
        "editedFieldsInput": edit.inputs, "sendBulkNotification": false,
    });
    submit(session, "fields", &body)
}

/// Applies a transition to many issues, each in its own workflow.
pub fn transition_issues(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let wanted = text(arguments, "transition");
    let issues: Vec<&str> =
        arguments.get("issues").into_iter().flat_map(list).filter_map(Value::as_str).collect();
    let mut inputs: Vec<Value> = Vec::new();
    let mut skipped: Vec<Value> = Vec::new();
    for asked in issues.chunks(ASKED) {
        let query = [("issueIdsOrKeys", asked.join(","))];
        for workflow in pages(session, "transition", &query, "availableTransitions")? {
            match issues::transition(&renamed(&workflow["transitions"]), wanted) {
                Ok(transition) => inputs.push(json!({
                    "selectedIssueIdsOrKeys": workflow["issues"], "transitionId": transition["id"],
                })),
                Err(_) => skipped.push(json!({
                    "issues": workflow["issues"],
                    "transitions": list(&workflow["transitions"]).map(|transition| &transition["transitionName"]).collect::<Vec<_>>(),
                })),
            }
        }
    }
    if inputs.is_empty() {
        let mut open: Vec<_> = skipped
            .iter()
            .flat_map(|workflow| list(&workflow["transitions"]))
            .filter_map(Value::as_str)
            .collect();
        open.sort_unstable();
        open.dedup();
        let error = Error::new(
            Code::InvalidParams,
            format!(
                "None of the issues has the transition `{wanted}` now, or it asks for more fields."
            ),
        );
        return Err(if open.is_empty() {
            error.with_hint(
                "Use transition_issue, which can set the fields that a transition asks for.",
            )
        } else {
            error.with_hint(format!("Use one of these: {}.", open.join(", ")))
        });
    }
    let body = json!({"bulkTransitionInputs": inputs, "sendBulkNotification": false});
    let mut result = submit(session, "transition", &body)?;
    if !skipped.is_empty() {
        result["skipped"] = skipped.into();
    }
    Ok(result)
}

fn submit(session: &Session<'_>, what: &str, body: &Value) -> Result<Value, Error> {
    let path = [&BULK[..], &[what]].concat();
    let answer = session.send(Method::Post, &path, &[], Some(body))?;
    Ok(json!({"task_id": answer["taskId"]}))
}

/// Returns bulk transitions in the form of single-issue transitions.
fn renamed(transitions: &Value) -> Value {
    let one = |transition: &Value| {
        let id = &transition["transitionId"];
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        json!({"id": id, "name": transition["transitionName"], "to": {"name": transition["to"]["statusName"]}})
    };
    list(transitions).map(one).collect()
}

/// Returns all rows of a list that is paged by `startingAfter`.
fn pages(
    session: &Session<'_>,
    what: &str,
    query: &[(&str, String)],
    rows: &str,
) -> Result<Vec<Value>, Error> {
    let path = [&BULK[..], &[what]].concat();
    let mut found = Vec::new();
    walk(MAX_PAGES, |position| {
        let pairs = query.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<_> =
            pairs.chain(position.map(|position| ("startingAfter", position))).collect();
        let answer = session.get(&path, &pairs)?;
        found.extend(list(&answer[rows]).cloned());
        let next = answer["startingAfter"].as_str().map(str::to_owned);
        Ok(next.filter(|_| list(&answer[rows]).next().is_some()))
    })?;
    Ok(found)
}

/// A bulk edit that is being built.
struct Edit<'a> {
    session: &'a Session<'a>,
    arguments: &'a Object,
    /// The fields that all issues share, with their options; read when a name needs an id.
    fields: Option<Vec<Value>>,
    inputs: Object,
    /// The ids of the changed fields.
    ids: Vec<String>,
}

impl<'a> Edit<'a> {
    fn add(&mut self) -> Result<(), Error> {
        for name in ["labels", "components", "fix_versions"] {
            let ways = [format!("add_{name}"), format!("remove_{name}"), name.to_owned()];
            if ways.iter().filter(|way| self.arguments.contains_key(*way)).count() > 1 {
                return Err(Error::invalid_params(format!(
                    "Only one of `{}` is possible at once.",
                    ways.join("`, `")
                ))
                .with_hint("Make one call for each."));
            }
        }
        self.labels();
        self.several("components", "multiselectComponents", "components", "componentId")?;
        self.several("fixVersions", "multipleVersionPickerFields", "fix_versions", "versionId")?;
        if let Some(priority) = self.given("priority") {
            let id = self.id_of("priority", priority)?;
            self.set("priority", "priority", json!({"priorityId": id}));
        }
        if let Some(id) = self.given("issue_type_id") {
            self.set("issuetype", "issueType", json!({"issueTypeId": id}));
        }
        if let Some(assignee) = self.given("assignee") {
            let user = match assignee {
                "none" => Value::Null,
                "auto" => json!({"accountId": "-1"}),
                id => json!({"accountId": id}),
            };
            let field = json!([{"fieldId": "assignee", "user": user}]);
            self.set("assignee", "singleSelectClearableUserPickerFields", field);
        }
        if let Some(date) = self.arguments.get("due_date") {
            let date = date.as_str().map(numeric).unwrap_or_default();
            let field = json!([{"fieldId": "duedate", "date": {"formattedDate": date}}]);
            self.set("duedate", "datePickerFields", field);
        }
        let others = self.arguments.get("other_fields").and_then(Value::as_object);
        for (kind, value) in others.into_iter().flatten() {
            let ids: Vec<_> = list(value)
                .chain([value])
                .filter_map(|field| field["fieldId"].as_str())
                .map(str::to_owned)
                .collect();
            if ids.is_empty() {
                return Err(Error::invalid_params(format!("`other_fields.{kind}` names no field."))
                    .with_hint("Write it as Jira's bulk edit has it: {\"clearableNumberFields\": [{\"fieldId\": \"customfield_10016\", \"value\": 3}]}."));
            }
            match (self.inputs.get_mut(kind), value) {
                (Some(Value::Array(before)), Value::Array(more)) => {
                    before.extend(more.iter().cloned());
                }
                _ => drop(self.inputs.insert(kind.clone(), value.clone())),
            }
            self.ids.extend(ids);
        }
        Ok(())
    }

    fn given(&self, name: &str) -> Option<&'a str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    fn set(&mut self, id: &str, kind: &str, value: Value) {
        self.inputs.insert(kind.to_owned(), value);
        self.ids.push(id.to_owned());
    }

    /// Returns the action for a list, and its values.
    fn change(&self, name: &str) -> Option<(&'static str, Vec<&'a str>)> {
        [
            ("ADD", format!("add_{name}")),
            ("REMOVE", format!("remove_{name}")),
            ("REPLACE", name.to_owned()),
        ]
        .into_iter()
        .find_map(|(option, argument)| {
            let values = self.arguments.get(&argument)?.as_array()?;
            let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            // Replacing with nothing means removing all.
            let option = if values.is_empty() { "REMOVE_ALL" } else { option };
            (option != "REMOVE_ALL" || argument == name).then_some((option, values))
        })
    }

    fn labels(&mut self) {
        let Some((option, labels)) = self.change("labels") else { return };
        let labels: Vec<_> = labels.iter().map(|label| json!({"name": label})).collect();
        let field = json!([{"fieldId": "labels", "bulkEditMultiSelectFieldOption": option, "labels": labels}]);
        self.set("labels", "labelsFields", field);
    }

    /// Returns components or versions, given by their names or ids.
    fn several(&mut self, field: &str, kind: &str, name: &str, member: &str) -> Result<(), Error> {
        let Some((option, values)) = self.change(name) else { return Ok(()) };
        let mut ids = Vec::new();
        for value in values {
            let id = self.id_of(field, value)?;
            // Here, versions have string ids and components have numeric ids.
            let number = id.parse::<u64>().ok().filter(|_| member == "componentId");
            ids.push(json!({member: number.map_or_else(|| json!(id), |number| json!(number))}));
        }
        let list = if field == "components" { "components" } else { "versions" };
        let entry = json!({"fieldId": field, "bulkEditMultiSelectFieldOption": option, list: ids});
        // There may be several version fields, but only one component field.
        let value = if field == "components" { entry } else { json!([entry]) };
        self.set(field, kind, value);
        Ok(())
    }

    /// Returns the id of an option of a field; digits are already an id.
    fn id_of(&mut self, field: &str, name: &str) -> Result<String, Error> {
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(name.to_owned());
        }
        if self.fields.is_none() {
            let issues = self.arguments.get("issues").into_iter().flat_map(list);
            let issues: Vec<_> = issues.filter_map(Value::as_str).take(ASKED).collect();
            let query = [("issueIdsOrKeys", issues.join(","))];
            self.fields = Some(pages(self.session, "fields", &query, "fields")?);
        }
        let fields = self.fields.as_deref().unwrap_or_default();
        let options = fields.iter().filter(|known| known["id"] == field);
        let options: Vec<_> = options.flat_map(|known| list(&known["fieldOptions"])).collect();
        let found = options.iter().find(|option| option_name(option).eq_ignore_ascii_case(name));
        if let Some(option) = found {
            let id = &option["id"];
            return Ok(id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        }
        let names: Vec<_> = options.iter().map(|option| option_name(option)).collect();
        let error =
            Error::invalid_params(format!("These issues have no `{field}` named `{name}`."));
        Err(if names.is_empty() {
            error.with_hint("Give its id: list_priorities, list_components, list_versions.")
        } else {
            error.with_hint(format!("They have {}.", names.join(", ")))
        })
    }
}

/// Returns an option's name, whose member differs between fields (`priority`, `name`, `value`).
fn option_name(option: &Value) -> &str {
    let members = option.as_object().into_iter().flatten();
    let is_name = |name: &str| !matches!(name, "id" | "description" | "color" | "iconUrl" | "self");
    members
        .filter(|(name, _)| is_name(name))
        .find_map(|(_, value)| value.as_str())
        .unwrap_or_default()
}

/// Returns a day in the form of bulk edits: `30-11-2026`.
fn numeric(date: &str) -> String {
    date.rsplit('-').collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_known_by_its_name_whatever_member_has_it() {
        for (option, name) in [
            (json!({"description": "Blocks.", "id": "1", "priority": "Highest"}), "Highest"),
            (json!({"id": 7, "name": "API"}), "API"),
            (json!({"id": "8", "value": "Blue"}), "Blue"),
            (json!({"id": "9"}), ""),
        ] {
            assert_eq!(option_name(&option), name, "{option}");
        }
    }

    #[test]
    fn a_day_is_written_as_bulk_edit_takes_it() {
        assert_eq!(numeric("2026-11-30"), "30-11-2026");
    }
}
