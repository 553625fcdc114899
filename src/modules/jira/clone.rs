//! Copies issues field by field, because Jira has no request for it.

use serde_json::{Map, Value, json};

use super::fields::browse_url;
use super::{issue_path, text};
use crate::engine::session::list;
use crate::engine::{Session, Upload, multipart};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

const API: [&str; 3] = ["rest", "api", "3"];

/// The maximum number of subtasks in one request, and of a copy.
const MAX_SUBTASKS: usize = 50;

/// The number of retries without the fields that Jira rejected.
const MAX_TRIES: usize = 5;

/// Fields that a copy must have; other fields are left out if Jira rejects the copy without naming a field.
const ESSENTIAL: [&str; 9] = [
    "project",
    "issuetype",
    "summary",
    "description",
    "parent",
    "priority",
    "labels",
    "assignee",
    "duedate",
];

/// Copies an issue with its fields, and on request its subtasks, links and attachments. Parts that cannot be copied are listed
/// in the result; they are not an error, because the copy exists already.
pub fn clone_issue(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let wants = |what: &str| arguments.get(what) != Some(&Value::Bool(false));
    let source = session.get(&issue_path(arguments, &[]), &[("fields", "*all")])?;
    let target = Target::of(session, arguments, &source)?;
    let mut left_out = Vec::new();
    let mut fields = target.fields(&source["fields"], &target.kind, &mut left_out)?;
    let summary = arguments.get("summary").cloned().unwrap_or_else(|| {
        format!("CLONE - {}", source["fields"]["summary"].as_str().unwrap_or_default()).into()
    });
    fields.insert("summary".to_owned(), summary);
    let created = create(session, fields, &mut left_out)?;
    let mut copy = Copy { session, source: &source, key: created["key"].clone(), left_out };
    let mut result =
        json!({"key": created["key"], "id": created["id"], "url": browse_url(&created)});
    if wants("subtasks") && list(&source["fields"]["subtasks"]).next().is_some() {
        result["subtasks"] = copy.subtasks(&target).into();
    }
    if wants("links") {
        result["links"] = copy.links().into();
    }
    if wants("attachments") {
        result["attachments"] = copy.attachments().into();
    }
    if !copy.left_out.is_empty() {
        result["not_copied"] = copy.left_out.into();
    }
    Ok(result)
}

/// Creates the copy, without the fields that Jira rejects.
fn create(
    session: &Session<'_>,
    mut fields: Object,
    left_out: &mut Vec<String>,
) -> Result<Value, Error> {
    let path = [&API[..], &["issue"]].concat();
    for _ in 0..MAX_TRIES {
        let error = match session.send(Method::Post, &path, &[], Some(&json!({"fields": fields}))) {
            Err(error) if error.code() == Code::InvalidParams => error,
            created => return created,
        };
        let is_essential = |id: &String| ESSENTIAL.contains(&id.as_str());
        let message = error.to_string();
        let mut refused: Vec<String> = fields
            .keys()
            .filter(|id| !is_essential(id) && message.contains(*id))
            .cloned()
            .collect();
        if refused.is_empty() {
            refused = fields.keys().filter(|id| !is_essential(id)).cloned().collect();
        }
        if refused.is_empty() {
            return Err(error);
        }
        for id in refused {
            fields.shift_remove(&id);
            left_out.push(format!("field {id}: Jira refuses it in the copy"));
        }
    }
    session.send(Method::Post, &path, &[], Some(&json!({"fields": fields})))
}

/// The destination of the copy.
struct Target<'a> {
    session: &'a Session<'a>,
    project: Value,
    /// The issue types of the destination.
    kinds: Vec<Value>,
    kind: Value,
}

impl<'a> Target<'a> {
    fn of(session: &'a Session<'a>, arguments: &Object, source: &Value) -> Result<Self, Error> {
        let own = source["fields"]["project"]["key"].clone();
        let project = arguments.get("project").cloned().unwrap_or(own);
        let path = [
            &API[..],
            &["issue", "createmeta", project.as_str().unwrap_or_default(), "issuetypes"],
        ]
        .concat();
        let answer = session.get(&path, &[("maxResults", "200")])?;
        let kinds: Vec<Value> = list(&answer["issueTypes"]).cloned().collect();
        let wanted = match text(arguments, "type") {
            "" => source["fields"]["issuetype"]["name"].as_str().unwrap_or_default(),
            wanted => wanted,
        };
        let kind = named(&kinds, wanted).cloned().ok_or_else(|| {
            let names: Vec<_> = kinds.iter().filter_map(|kind| kind["name"].as_str()).collect();
            Error::invalid_params(format!("The project has no issue type `{wanted}`."))
                .with_hint(format!("Give one of these as `type`: {}.", names.join(", ")))
        })?;
        Ok(Self { session, project, kinds, kind })
    }

    /// Returns an issue's fields for creating an issue of this type. Fields that do not exist there are left out, and their
    /// names are returned.
    fn fields(
        &self,
        source: &Value,
        kind: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<Object, Error> {
        let id = kind["id"].as_str().unwrap_or_default();
        let project = self.project.as_str().unwrap_or_default();
        let path = [&API[..], &["issue", "createmeta", project, "issuetypes", id]].concat();
        let answer = self.session.get(&path, &[("maxResults", "200")])?;
        let is_id = project.bytes().all(|byte| byte.is_ascii_digit());
        let mut fields = Map::new();
        let project = json!({if is_id { "id" } else { "key" }: self.project});
        fields.insert("project".to_owned(), project);
        fields.insert("issuetype".to_owned(), json!({"id": kind["id"]}));
        for field in list(&answer["fields"]) {
            let Some(id) = field["fieldId"].as_str().or(field["key"].as_str()) else { continue };
            let value = &source[id];
            let own = matches!(id, "project" | "issuetype" | "summary" | "reporter");
            let apart = matches!(id, "attachment" | "issuelinks" | "subtasks");
            if own || apart || is_empty(value) {
                continue;
            }
            let name = field["name"].as_str().unwrap_or(id);
            match written(field, value) {
                Written::Value(value) => drop(fields.insert(id.to_owned(), value)),
                Written::Part(value, lost) => {
                    left_out.push(format!("{name}: {}", lost.join(", ")));
                    if !is_empty(&value) {
                        fields.insert(id.to_owned(), value);
                    }
                }
                Written::Nothing => {}
            }
        }
        Ok(fields)
    }
}

/// Returns an entry of a list by its id, or by its name in any case.
fn named<'a>(things: &'a [Value], wanted: &str) -> Option<&'a Value> {
    let is_named = |thing: &&Value| {
        thing["name"].as_str().is_some_and(|name| name.to_lowercase() == wanted.to_lowercase())
    };
    things.iter().find(|thing| thing["id"] == wanted).or_else(|| things.iter().find(is_named))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A field's value in the form for creation.
#[derive(Debug, PartialEq)]
enum Written {
    Value(Value),
    /// Without values that do not exist at the destination.
    Part(Value, Vec<String>),
    /// Fields that Jira sets itself.
    Nothing,
}

fn written(field: &Value, value: &Value) -> Written {
    let schema = &field["schema"];
    let custom = schema["custom"].as_str().unwrap_or_default();
    if custom.ends_with(":gh-lexo-rank") || custom.ends_with(":rankfield") {
        return Written::Nothing;
    }
    if super::refs::is_sprints(value) {
        // A sprint field takes the number of a sprint that has not ended.
        let open = list(value).filter(|sprint| sprint["state"] != "closed").last();
        return open.map_or(Written::Nothing, |sprint| Written::Value(sprint["id"].clone()));
    }
    if schema["type"] == "timetracking" {
        let estimate = &value["originalEstimate"];
        return if estimate.is_null() {
            Written::Nothing
        } else {
            Written::Value(json!({"originalEstimate": estimate}))
        };
    }
    let allowed = field["allowedValues"].as_array();
    match value {
        Value::Array(values) => {
            let mut lost = Vec::new();
            let kept = values.iter().filter_map(|value| {
                let kept = reference(value, allowed);
                if kept.is_none() {
                    lost.push(name_of(value));
                }
                kept
            });
            let kept: Value = kept.collect();
            if lost.is_empty() { Written::Value(kept) } else { Written::Part(kept, lost) }
        }
        value => match reference(value, allowed) {
            Some(value) => Written::Value(value),
            None => Written::Part(Value::Null, vec![name_of(value)]),
        },
    }
}

/// Returns a reference to a value: people, options and similar values by id. `None` if the value is not allowed.
fn reference(value: &Value, allowed: Option<&Vec<Value>>) -> Option<Value> {
    let Some(members) = value.as_object() else { return Some(value.clone()) };
    if let Some(account) = members.get("accountId") {
        return Some(json!({"id": account}));
    }
    if members.get("type").is_some_and(|kind| kind == "doc") {
        return Some(value.clone());
    }
    if let Some(key) = members.get("key").filter(|_| members.contains_key("fields")) {
        return Some(json!({"key": key}));
    }
    let Some(id) = members.get("id").filter(|id| !id.is_null()) else {
        return Some(match members.get("name") {
            Some(name) => json!({"name": name}),
            None => value.clone(),
        });
    };
    let id = match allowed {
        Some(allowed) => {
            let same = allowed.iter().find(|one| one["id"] == *id);
            let alike = || allowed.iter().find(|one| name_of(one) == name_of(value));
            same.or_else(alike)?["id"].clone()
        }
        None => id.clone(),
    };
    Some(match members.get("child") {
        Some(child) => json!({"id": id, "child": {"id": child["id"]}}),
        None => json!({"id": id}),
    })
}

fn name_of(value: &Value) -> String {
    ["name", "value", "key", "id"]
        .iter()
        .find_map(|name| value[*name].as_str())
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A copy that exists and gets further parts.
struct Copy<'a> {
    session: &'a Session<'a>,
    source: &'a Value,
    key: Value,
    /// The parts that could not be copied, and why.
    left_out: Vec<String>,
}

impl Copy<'_> {
    fn failed(&mut self, what: &str, error: &Error) {
        self.left_out.push(format!("{what}: {}", error.message()));
    }

    fn send(&self, method: Method, path: &[&str], body: &Value) -> Result<Value, Error> {
        self.session.send(method, &[&API[..], path].concat(), &[], Some(body))
    }

    /// Copies the subtasks. Returns the keys of the copies.
    fn subtasks(&mut self, target: &Target<'_>) -> Vec<Value> {
        let keys: Vec<_> =
            list(&self.source["fields"]["subtasks"]).map(|task| &task["key"]).collect();
        if keys.len() > MAX_SUBTASKS {
            self.left_out.push(format!("{} of {} subtasks", keys.len() - MAX_SUBTASKS, keys.len()));
        }
        let keys = &keys[..keys.len().min(MAX_SUBTASKS)];
        self.subtasks_of(keys, target).unwrap_or_else(|error| {
            self.failed("subtasks", &error);
            Vec::new()
        })
    }

    fn subtasks_of(&mut self, keys: &[&Value], target: &Target<'_>) -> Result<Vec<Value>, Error> {
        let body = json!({"issueIdsOrKeys": keys, "fields": ["*all"]});
        let answer = self.send(Method::Post, &["issue", "bulkfetch"], &body)?;
        let mut updates = Vec::new();
        let mut names = Vec::new();
        for task in list(&answer["issues"]) {
            let fields = &task["fields"];
            let name = name_of(task);
            let wanted = fields["issuetype"]["name"].as_str().unwrap_or_default();
            let Some(kind) = named(&target.kinds, wanted) else {
                self.left_out.push(format!("{name}: the project has no issue type `{wanted}`"));
                continue;
            };
            let mut copied = target.fields(fields, kind, &mut self.left_out)?;
            copied.insert("summary".to_owned(), fields["summary"].clone());
            copied.insert("parent".to_owned(), json!({"key": self.key}));
            updates.push(json!({"fields": copied}));
            names.push(name);
        }
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        let answer =
            self.send(Method::Post, &["issue", "bulk"], &json!({"issueUpdates": updates}))?;
        for error in list(&answer["errors"]) {
            let refusal = super::issues::refusal(error);
            let at = refusal["index"].as_u64().and_then(|at| usize::try_from(at).ok());
            let name = at.and_then(|at| names.get(at)).map_or("subtask", String::as_str);
            let why = refusal["error"].as_str().unwrap_or_default();
            self.left_out.push(format!("{name}: {why}"));
        }
        Ok(list(&answer["issues"]).map(|issue| issue["key"].clone()).collect())
    }

    /// Copies the links to other issues and the web links, and links the copy with its source. Returns the number of links.
    fn links(&mut self) -> usize {
        let mut count = 0;
        let source = self.source;
        let mut links: Vec<Value> = list(&source["fields"]["issuelinks"])
            .map(|link| {
                // As in link_issues: the inward issue "blocks" the outward issue.
                let (inward, outward) = match link.get("outwardIssue") {
                    Some(other) => (&self.key, &other["key"]),
                    None => (&link["inwardIssue"]["key"], &self.key),
                };
                json!({"type": {"id": link["type"]["id"]}, "inwardIssue": {"key": inward}, "outwardIssue": {"key": outward}})
            })
            .collect();
        links.extend(self.cloners());
        for link in links {
            match self.send(Method::Post, &["issueLink"], &link) {
                Ok(_) => count += 1,
                Err(error) => {
                    let ends = [&link["inwardIssue"]["key"], &link["outwardIssue"]["key"]];
                    let other = ends.iter().find(|key| ***key != self.key).copied();
                    self.failed(&format!("link with {}", name_of(&json!({"key": other}))), &error);
                }
            }
        }
        count + self.web_links()
    }

    /// Returns the link type that Jira's own clones use, if the site has it.
    fn cloners(&mut self) -> Option<Value> {
        let types = match self.session.get(&[&API[..], &["issueLinkType"]].concat(), &[]) {
            Ok(types) => types,
            Err(error) => {
                self.failed("link with the source", &error);
                return None;
            }
        };
        let id =
            list(&types["issueLinkTypes"]).find(|kind| kind["name"] == "Cloners")?["id"].clone();
        Some(
            json!({"type": {"id": id}, "inwardIssue": {"key": self.key}, "outwardIssue": {"key": self.source["key"]}}),
        )
    }

    fn web_links(&mut self) -> usize {
        let source = self.source["key"].as_str().unwrap_or_default();
        let key = self.key.as_str().unwrap_or_default().to_owned();
        let path = [&API[..], &["issue", source, "remotelink"]].concat();
        let links = match self.session.get(&path, &[]) {
            Ok(links) => links,
            Err(error) => {
                self.failed("web links", &error);
                return 0;
            }
        };
        let mut count = 0;
        for link in list(&links) {
            let mut body = json!({"object": link["object"]});
            for member in ["application", "relationship", "globalId"] {
                if let Some(value) = link.get(member).filter(|value| !value.is_null()) {
                    body[member] = value.clone();
                }
            }
            match self.send(Method::Post, &["issue", &key, "remotelink"], &body) {
                Ok(_) => count += 1,
                Err(error) => self.failed(&format!("web link {}", link["object"]["url"]), &error),
            }
        }
        count
    }

    /// Copies the attachments. Returns their number.
    fn attachments(&mut self) -> usize {
        let mut count = 0;
        for file in list(&self.source["fields"]["attachment"]) {
            match self.attachment(file) {
                Ok(()) => count += 1,
                Err(error) => {
                    let name = file["filename"].as_str().unwrap_or_default();
                    self.failed(&format!("attachment {name}"), &error);
                }
            }
        }
        count
    }

    fn attachment(&self, file: &Value) -> Result<(), Error> {
        let id = file["id"].as_str().unwrap_or_default();
        let path = [&API[..], &["attachment", "content", id]].concat();
        let answer = self.session.answer(&path, &[("redirect", "false")], "*/*")?;
        let upload = Upload {
            field: "file",
            file_name: file["filename"].as_str().unwrap_or_default(),
            content_type: file["mimeType"].as_str().unwrap_or("application/octet-stream"),
            bytes: &answer.body,
        };
        let form = multipart(&[], upload)?;
        let key = self.key.as_str().unwrap_or_default();
        let path = [&API[..], &["issue", key, "attachments"]].concat();
        self.session.send_bytes(Method::Post, &path, &[], &form.content_type, &form.body)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_creating_takes_it() {
        let check = |field: Value, value: Value, expected: Written| {
            assert_eq!(written(&field, &value), expected, "{field} {value}");
        };
        let any = || json!({"schema": {"type": "any"}});
        for (value, expected) in [
            (json!("text"), json!("text")),
            (json!(3.5), json!(3.5)),
            (json!(["a", "b"]), json!(["a", "b"])),
            (json!({"accountId": "5b", "displayName": "Mia"}), json!({"id": "5b"})),
            (json!([{"accountId": "5b"}]), json!([{"id": "5b"}])),
            (json!({"id": "1", "name": "High"}), json!({"id": "1"})),
            (
                json!({"id": "1", "value": "EU", "child": {"id": "2", "value": "Berlin"}}),
                json!({"id": "1", "child": {"id": "2"}}),
            ),
            (json!({"key": "ED-1", "id": "9", "fields": {}}), json!({"key": "ED-1"})),
            (json!({"name": "staff", "self": "x"}), json!({"name": "staff"})),
            (
                json!({"type": "doc", "version": 1, "content": []}),
                json!({"type": "doc", "version": 1, "content": []}),
            ),
        ] {
            check(any(), value, Written::Value(expected));
        }
        let sprint =
            |id: u64, state: &str| json!({"id": id, "name": "S", "state": state, "boardId": 1});
        check(any(), json!([sprint(1, "closed"), sprint(2, "active")]), Written::Value(json!(2)));
        check(any(), json!([sprint(1, "closed")]), Written::Nothing);
        let rank =
            json!({"schema": {"type": "any", "custom": "com.pyxis.greenhopper.jira:gh-lexo-rank"}});
        check(rank, json!("0|i00:"), Written::Nothing);
        let tracking = json!({"schema": {"type": "timetracking"}});
        check(
            tracking,
            json!({"originalEstimate": "1d", "timeSpent": "2h"}),
            Written::Value(json!({"originalEstimate": "1d"})),
        );
    }

    #[test]
    fn what_the_other_project_does_not_have_is_named() {
        let field = json!({"schema": {"type": "array", "items": "version"}, "allowedValues": [{"id": "21", "name": "1.0"}]});
        assert_eq!(
            written(&field, &json!([{"id": "11", "name": "1.0"}, {"id": "12", "name": "2.0"}])),
            Written::Part(json!([{"id": "21"}]), vec!["2.0".to_owned()]),
        );
        let field =
            json!({"schema": {"type": "option"}, "allowedValues": [{"id": "21", "value": "Blue"}]});
        assert_eq!(
            written(&field, &json!({"id": "11", "value": "Red"})),
            Written::Part(Value::Null, vec!["Red".to_owned()]),
        );
        assert_eq!(
            written(&field, &json!({"id": "11", "value": "Blue"})),
            Written::Value(json!({"id": "21"})),
        );
    }
}
