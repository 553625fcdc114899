//! Projects: people identify them by owner and number, their items by repository and number, fields and options by name.

use serde_json::{Map, Number, Value, json};

use super::{GRAPHQL, id, list, named, names, text};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::time::Date;

const PROJECT: &str = "query($owner: String!, $number: Int!, $with_fields: Boolean!) { repositoryOwner(login: $owner) { \
     ... on ProjectV2Owner { projectV2(number: $number) { id fields(first: 100) @include(if: $with_fields) { nodes { \
     ... on ProjectV2FieldCommon { id name dataType } \
     ... on ProjectV2SingleSelectField { options { id name } } \
     ... on ProjectV2IterationField { configuration { iterations { id title } completedIterations { id title } } } } } } } } }";

const CONTENT: &str = "query($owner: String!, $repo: String!, $number: Int!) { repository(owner: $owner, name: $repo) { \
     issueOrPullRequest(number: $number) { ... on Node { id } } } }";

const ITEMS_OF_CONTENT: &str = "query($owner: String!, $repo: String!, $number: Int!) { repository(owner: $owner, name: $repo) { \
     issueOrPullRequest(number: $number) { \
     ... on Issue { projectItems(first: 100, includeArchived: true) { nodes { id project { id } } } } \
     ... on PullRequest { projectItems(first: 100, includeArchived: true) { nodes { id project { id } } } } } } }";

const ADD: &str = "mutation($project: ID!, $content: ID!) { change: addProjectV2ItemById(input: {projectId: $project, contentId: $content}) { \
     item { id type content { ... on Issue { number title url } ... on PullRequest { number title url } } } } }";

const ADD_DRAFT: &str = "mutation($project: ID!, $title: String!, $body: String) { \
     change: addProjectV2DraftIssue(input: {projectId: $project, title: $title, body: $body}) { \
     item: projectItem { id type content { ... on DraftIssue { title } } } } }";

const SET: &str = "mutation($project: ID!, $item: ID!, $field: ID!, $value: ProjectV2FieldValue!) { \
     updateProjectV2ItemFieldValue(input: {projectId: $project, itemId: $item, fieldId: $field, value: $value}) { projectV2Item { id } } }";

const CLEAR: &str = "mutation($project: ID!, $item: ID!, $field: ID!) { \
     clearProjectV2ItemFieldValue(input: {projectId: $project, itemId: $item, fieldId: $field}) { projectV2Item { id } } }";

const ARCHIVE: &str = "mutation($project: ID!, $item: ID!) { \
     change: archiveProjectV2Item(input: {projectId: $project, itemId: $item}) { item { id isArchived } } }";

const UNARCHIVE: &str = "mutation($project: ID!, $item: ID!) { \
     change: unarchiveProjectV2Item(input: {projectId: $project, itemId: $item}) { item { id isArchived } } }";

const DELETE: &str = "mutation($project: ID!, $item: ID!) { \
     deleteProjectV2Item(input: {projectId: $project, itemId: $item}) { deletedItemId } }";

/// Adds an issue, a pull request or a new draft to a project.
pub(super) fn add_project_item(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let content = Content::of(arguments)?;
    let title = arguments.get("title");
    if content.is_some() == title.is_some() {
        return Err(Error::invalid_params(
            "An item is either an issue or pull request, or a new draft.",
        )
        .with_hint("Give `repository` and `number`, or `title`."));
    }
    let project = project(session, arguments, false)?;
    let added = if let Some(content) = content {
        let content = content.ask(session, CONTENT)?;
        session.graphql(
            GRAPHQL,
            ADD,
            &json!({"project": id(&project)?, "content": id(&content)?}),
        )?
    } else {
        let draft =
            json!({"project": id(&project)?, "title": title, "body": arguments.get("body")});
        session.graphql(GRAPHQL, ADD_DRAFT, &draft)?
    };
    let item = &added["change"]["item"];
    let mut result = json!({"id": item["id"], "type": lowercase(&item["type"])});
    for name in ["number", "title", "url"] {
        if let Some(value) = item["content"].get(name) {
            result[name] = value.clone();
        }
    }
    Ok(result)
}

/// Sets or clears one field of an item.
pub(super) fn update_project_item(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let value = arguments.get("value").and_then(Value::as_str);
    let clear = arguments.get("clear") == Some(&Value::Bool(true));
    if value.is_some() == clear {
        return Err(Error::invalid_params("A field gets a value or is cleared.")
            .with_hint("Give `value`, or `clear` as true."));
    }
    let item = Item::of(arguments)?;
    let project = project(session, arguments, true)?;
    let field = field(&project["fields"]["nodes"], text(arguments, "field"))?;
    let value = value.map(|value| field_value(field, value)).transpose()?;
    let item = item.id(session, &project)?;
    let mut change = json!({"project": id(&project)?, "item": item, "field": id(field)?});
    let Some((value, name)) = value else {
        session.graphql(GRAPHQL, CLEAR, &change)?;
        return Ok(json!({"id": item, "field": field["name"], "cleared": true}));
    };
    change["value"] = value;
    session.graphql(GRAPHQL, SET, &change)?;
    Ok(json!({"id": item, "field": field["name"], "value": name}))
}

/// Archives an item, or restores it.
pub(super) fn archive_project_item(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let mutation = if arguments["archived"] == true { ARCHIVE } else { UNARCHIVE };
    let item = Item::of(arguments)?;
    let project = project(session, arguments, false)?;
    let item = item.id(session, &project)?;
    let changed =
        session.graphql(GRAPHQL, mutation, &json!({"project": id(&project)?, "item": item}))?;
    let changed = &changed["change"]["item"];
    Ok(json!({"id": changed["id"], "archived": changed["isArchived"]}))
}

/// Removes an item from a project.
pub(super) fn delete_project_item(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let item = Item::of(arguments)?;
    let project = project(session, arguments, false)?;
    let item = item.id(session, &project)?;
    session.graphql(GRAPHQL, DELETE, &json!({"project": id(&project)?, "item": item}))?;
    Ok(json!({"message": "Item deleted from the project."}))
}

/// Returns the project that the arguments name, with its fields if they are needed.
pub(super) fn project(
    session: &Session<'_>,
    arguments: &Object,
    with_fields: bool,
) -> Result<Value, Error> {
    let asked = json!({"owner": arguments["owner"], "number": arguments["project_number"], "with_fields": with_fields});
    Ok(session.graphql(GRAPHQL, PROJECT, &asked)?["repositoryOwner"]["projectV2"].take())
}

/// An issue or pull request, identified by repository and number.
struct Content<'a> {
    owner: &'a str,
    repo: &'a str,
    number: &'a Value,
}

impl<'a> Content<'a> {
    /// `None` if the arguments name neither repository nor number.
    fn of(arguments: &'a Object) -> Result<Option<Self>, Error> {
        let (repository, number) =
            match (arguments.get("repository").and_then(Value::as_str), arguments.get("number")) {
                (Some(repository), Some(number)) => (repository, number),
                (None, None) => return Ok(None),
                _ => {
                    return Err(Error::invalid_params(
                        "`repository` and `number` name an issue or pull request only together.",
                    )
                    .with_hint("Give both."));
                }
            };
        match repository.split_once('/') {
            Some((owner, repo)) if !owner.is_empty() && !repo.is_empty() && !repo.contains('/') => {
                Ok(Some(Self { owner, repo, number }))
            }
            _ => Err(Error::invalid_params("`repository` must be owner/name.")
                .with_hint("For example octocat/Hello-World.")),
        }
    }

    fn ask(&self, session: &Session<'_>, document: &str) -> Result<Value, Error> {
        let asked = json!({"owner": self.owner, "repo": self.repo, "number": self.number});
        Ok(session.graphql(GRAPHQL, document, &asked)?["repository"]["issueOrPullRequest"].take())
    }
}

/// An item of a project, by its own id or by its issue or pull request.
enum Item<'a> {
    Id(&'a str),
    Content(Content<'a>),
}

impl<'a> Item<'a> {
    fn of(arguments: &'a Object) -> Result<Self, Error> {
        match (arguments.get("item_id").and_then(Value::as_str), Content::of(arguments)?) {
            (Some(id), None) => Ok(Self::Id(id)),
            (None, Some(content)) => Ok(Self::Content(content)),
            _ => Err(Error::invalid_params("It must be clear which item is meant.").with_hint(
                "Give either `item_id`, or `repository` and `number` of the issue or pull request.",
            )),
        }
    }

    fn id(&self, session: &Session<'_>, project: &Value) -> Result<String, Error> {
        let content = match self {
            Self::Id(id) => return Ok((*id).to_owned()),
            Self::Content(content) => content,
        };
        let found = content.ask(session, ITEMS_OF_CONTENT)?;
        let item = list(Some(&found["projectItems"]["nodes"]))
            .find(|item| item["project"]["id"] == project["id"]);
        let absent = || {
            let Content { owner, repo, number } = content;
            Error::new(Code::NotFound, format!("{owner}/{repo}#{number} is not on this project."))
                .with_hint("add_project_item puts it there.")
        };
        id(item.ok_or_else(absent)?).map(str::to_owned)
    }
}

/// Returns the field with this name.
pub(super) fn field<'a>(fields: &'a Value, wanted: &str) -> Result<&'a Value, Error> {
    let unknown = || {
        Error::invalid_params(format!("This project has no field `{wanted}`."))
            .with_hint(format!("There are {}.", names(fields, "name")))
    };
    named(fields, "name", wanted).ok_or_else(unknown)
}

/// Returns a value in the form of its field's type (GraphQL `ProjectV2FieldValue`), and in the form of the result.
fn field_value(field: &Value, value: &str) -> Result<(Value, Value), Error> {
    let name = field["name"].as_str().unwrap_or_default();
    let wrong = |wanted: &str| {
        Error::invalid_params(format!("`value` must be {wanted} for the field `{name}`."))
    };
    match field["dataType"].as_str().unwrap_or_default() {
        "TEXT" => Ok((json!({"text": value}), value.into())),
        "NUMBER" => {
            let number: Number = value.trim().parse().map_err(|_| wrong("a number"))?;
            Ok((json!({"number": number}), number.into()))
        }
        "DATE" => {
            let date = Date::read(value)
                .ok_or_else(|| wrong("a date that exists, YYYY-MM-DD"))?
                .to_string();
            Ok((json!({"date": date}), date.into()))
        }
        "SINGLE_SELECT" => {
            let options = &field["options"];
            let option = named(options, "name", value).ok_or_else(|| {
                wrong("the name of an option")
                    .with_hint(format!("There are {}.", names(options, "name")))
            })?;
            Ok((json!({"singleSelectOptionId": option["id"]}), option["name"].clone()))
        }
        "ITERATION" => {
            let configuration = &field["configuration"];
            let iterations = ["iterations", "completedIterations"]
                .map(|part| list(Some(&configuration[part])).cloned());
            let iterations: Value = iterations.into_iter().flatten().collect();
            let iteration = named(&iterations, "title", value).ok_or_else(|| {
                wrong("the title of an iteration")
                    .with_hint(format!("There are {}.", names(&iterations, "title")))
            })?;
            Ok((json!({"iterationId": iteration["id"]}), iteration["title"].clone()))
        }
        _ => Err(Error::invalid_params(format!(
            "`{name}` is not the project's to set: it belongs to the issue or pull request."
        ))
        .with_hint("update_issue changes titles, labels, assignees and milestones.")),
    }
}

/// Converts a GraphQL enum value to the REST API's form: `OPEN` becomes `open`.
pub(super) fn lowercase(word: &Value) -> Value {
    word.as_str().map(str::to_lowercase).into()
}

/// Returns the iterations of a field, the current and future ones first; null for a field without iterations.
pub(super) fn iterations(configuration: &Value) -> Value {
    let part = |name: &str, completed: bool| {
        let iteration = move |iteration: &Value| {
            json!({
                "title": iteration["title"], "start_date": iteration["startDate"], "days": iteration["duration"], "completed": completed,
            })
        };
        list(configuration.get(name)).map(iteration)
    };
    let all = || part("iterations", false).chain(part("completedIterations", true));
    if configuration.is_null() { Value::Null } else { all().collect() }
}

/// Returns whether the content of an item is open; null for a draft. GraphQL has a different name for each kind of state.
pub(super) fn item_state(content: &Value) -> Value {
    let states = ["issueState", "pullRequestState"].map(|name| lowercase(&content[name]));
    states.into_iter().find(|state| !state.is_null()).into()
}

/// Returns an item's values by the names of their fields, without its title.
pub(super) fn project_values(values: &Value) -> Value {
    // A value of a kind that the query does not request is an empty object.
    let named = list(Some(values)).filter(|value| value["field"]["dataType"] != "TITLE");
    let named = named.filter_map(|value| {
        Some((value["field"]["name"].as_str()?.to_owned(), content_of(value).clone()))
    });
    named.collect::<Map<_, _>>().into()
}

fn content_of(value: &Value) -> &Value {
    let members = ["text", "number", "date", "name", "title"].map(|name| &value[name]);
    members.into_iter().find(|member| !member.is_null()).unwrap_or(&value["milestone"]["title"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FieldHook;

    #[test]
    fn a_value_takes_the_form_of_its_field() {
        let status = json!({"name": "Status", "dataType": "SINGLE_SELECT", "options": [{"id": "o1", "name": "Todo"}, {"id": "o2", "name": "todo"}]});
        let sprint = json!({"name": "Sprint", "dataType": "ITERATION", "configuration": {
            "iterations": [{"id": "i3", "title": "Sprint 3"}], "completedIterations": [{"id": "i2", "title": "Sprint 2"}],
        }});
        let plain = |kind: &str| json!({"name": "Field", "dataType": kind});
        let check = |field: &Value, value: &str, sent: Value, shown: Value| {
            assert_eq!(
                field_value(field, value).expect("it is a good one"),
                (sent, shown),
                "{field} {value}"
            );
        };
        check(&plain("TEXT"), " 7 ", json!({"text": " 7 "}), json!(" 7 "));
        check(&plain("NUMBER"), " 7", json!({"number": 7}), json!(7));
        check(&plain("NUMBER"), "-2.5", json!({"number": -2.5}), json!(-2.5));
        check(&plain("DATE"), "2024-02-29", json!({"date": "2024-02-29"}), json!("2024-02-29"));
        check(&status, "todo", json!({"singleSelectOptionId": "o2"}), json!("todo"));
        check(&status, "TODO ", json!({"singleSelectOptionId": "o1"}), json!("Todo"));
        check(&sprint, "Sprint 3", json!({"iterationId": "i3"}), json!("Sprint 3"));
        check(&sprint, "sprint 2", json!({"iterationId": "i2"}), json!("Sprint 2"));

        let refused = |field: &Value, value: &str, part: &str| {
            let error = field_value(field, value).expect_err("it is a bad one");
            let told = format!("{} {}", error.message(), error.hint().unwrap_or_default());
            assert!(told.contains(part), "{field} {value}: {told}");
        };
        refused(&plain("NUMBER"), "many", "a number for the field `Field`");
        refused(&plain("DATE"), "2023-02-29", "YYYY-MM-DD");
        refused(&status, "Done", "There are `Todo`, `todo`.");
        refused(&sprint, "Sprint 4", "There are `Sprint 3`, `Sprint 2`.");
        refused(&plain("LABELS"), "bug", "update_issue");
    }

    #[test]
    fn an_unknown_field_is_told_with_those_that_there_are() {
        let fields = json!([{"name": "Title"}, {"name": "Status"}]);
        assert_eq!(field(&fields, "status").expect("it is there")["name"], "Status");
        let unknown = field(&fields, "State").expect_err("there is none");
        assert_eq!(unknown.hint(), Some("There are `Title`, `Status`."));
    }

    #[test]
    fn an_item_is_named_in_one_way() {
        let named = |arguments: Value| {
            let arguments = arguments.as_object().expect("it is an object");
            Item::of(arguments).map(|item| match item {
                Item::Id(id) => id.to_owned(),
                Item::Content(content) => {
                    format!("{} {} {}", content.owner, content.repo, content.number)
                }
            })
        };
        assert_eq!(named(json!({"item_id": "PVTI_1"})), Ok("PVTI_1".to_owned()));
        assert_eq!(named(json!({"repository": "o/r", "number": 7})), Ok("o r 7".to_owned()));
        for (arguments, part) in [
            (json!({}), "which item"),
            (json!({"item_id": "PVTI_1", "repository": "o/r", "number": 7}), "which item"),
            (json!({"repository": "o/r"}), "only together"),
            (json!({"item_id": "PVTI_1", "number": 7}), "only together"),
            (json!({"repository": "r", "number": 7}), "owner/name"),
            (json!({"repository": "/r", "number": 7}), "owner/name"),
            (json!({"repository": "o/", "number": 7}), "owner/name"),
            (json!({"repository": "https://github.com/o/r", "number": 7}), "owner/name"),
        ] {
            let error = named(arguments.clone()).expect_err("it is not clear");
            assert!(error.message().contains(part), "{arguments}: {error}");
        }
    }

    #[test]
    fn what_has_no_state_or_iterations_has_none() {
        let check = |hook: FieldHook, value: Value, expected: Value| {
            assert_eq!(hook(&value), expected, "{value}");
        };
        check(item_state, json!({"issueState": "OPEN"}), json!("open"));
        check(item_state, json!({"pullRequestState": "MERGED"}), json!("merged"));
        check(item_state, json!({"title": "a draft"}), Value::Null);
        check(item_state, Value::Null, Value::Null);
        check(iterations, Value::Null, Value::Null);
        check(iterations, json!({"iterations": [], "completedIterations": []}), json!([]));
        check(lowercase, Value::Null, Value::Null);
        check(project_values, Value::Null, json!({}));
        check(
            project_values,
            json!([{}, {"text": null, "field": {"name": "Notes", "dataType": "TEXT"}}]),
            json!({"Notes": null}),
        );
    }
}
