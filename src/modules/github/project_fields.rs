//! Projects: creating them, their status updates, and their fields with options and iterations.

use serde_json::{Map, Value, json};

use super::projects::{field, iterations, lowercase, project};
use super::{GRAPHQL, id, list, named, text};
use crate::engine::{Session, times};
use crate::error::Error;
use crate::json::Object;

const OWNER: &str = "query($owner: String!, $repo: String!, $with_repo: Boolean!) { repositoryOwner(login: $owner) { id } \
     repository(owner: $owner, name: $repo) @include(if: $with_repo) { id } }";

const CREATE: &str = "mutation($owner: ID!, $title: String!, $repository: ID) { \
     change: createProjectV2(input: {ownerId: $owner, title: $title, repositoryId: $repository}) { \
     project: projectV2 { number title url } } }";

const UPDATE: &str = "mutation($project: ID!, $title: String, $description: String, $readme: String, $closed: Boolean, $public: Boolean) { \
     change: updateProjectV2(input: {projectId: $project, title: $title, shortDescription: $description, readme: $readme, closed: $closed, \
     public: $public}) { project: projectV2 { number title shortDescription closed public url } } }";

const CREATE_STATUS: &str = "mutation($project: ID!, $body: String, $status: ProjectV2StatusUpdateStatus, $start: Date, $target: Date) { \
     change: createProjectV2StatusUpdate(input: {projectId: $project, body: $body, status: $status, startDate: $start, targetDate: $target}) { \
     statusUpdate { id status startDate targetDate createdAt } } }";

const CREATE_FIELD: &str = "mutation($project: ID!, $name: String!, $type: ProjectV2CustomFieldType!, \
     $options: [ProjectV2SingleSelectFieldOptionInput!], $iterations: ProjectV2IterationFieldConfigurationInput) { \
     change: createProjectV2Field(input: {projectId: $project, name: $name, dataType: $type, singleSelectOptions: $options, \
     iterationConfiguration: $iterations}) { field: projectV2Field { ...whole } } } ";

const UPDATE_FIELD: &str = "mutation($field: ID!, $name: String, $options: [ProjectV2SingleSelectFieldOptionInput!], \
     $iterations: ProjectV2IterationFieldConfigurationInput) { \
     change: updateProjectV2Field(input: {fieldId: $field, name: $name, singleSelectOptions: $options, \
     iterationConfiguration: $iterations}) { field: projectV2Field { ...whole } } } ";

const WHOLE_FIELD: &str = "fragment whole on ProjectV2FieldConfiguration { ... on ProjectV2FieldCommon { name dataType } \
     ... on ProjectV2SingleSelectField { options { name } } \
     ... on ProjectV2IterationField { configuration { iterations { title startDate duration } completedIterations { title startDate duration } } } }";

const OPTIONS: &str = "query($field: ID!) { node(id: $field) { ... on ProjectV2SingleSelectField { options { name color description } } } }";

const DELETE_FIELD: &str =
    "mutation($field: ID!) { deleteProjectV2Field(input: {fieldId: $field}) { clientMutationId } }";

/// Creates a project of a user or an organization, linked to a repository if one is named.
pub(super) fn create_project(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let repository = text(arguments, "repository");
    let asked = json!({"owner": arguments["owner"], "repo": repository, "with_repo": !repository.is_empty()});
    let found = session.graphql(GRAPHQL, OWNER, &asked)?;
    let mut project = json!({"owner": id(&found["repositoryOwner"])?, "title": arguments["title"]});
    if !repository.is_empty() {
        project["repository"] = id(&found["repository"])?.into();
    }
    let created = session.graphql(GRAPHQL, CREATE, &project)?;
    Ok(created["change"]["project"].clone())
}

/// Changes a project's texts and visibility, closes it or reopens it.
pub(super) fn update_project(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    const CHANGED: [&str; 5] = ["title", "description", "readme", "closed", "public"];
    let mut change = Map::new();
    for name in CHANGED {
        if let Some(value) = arguments.get(name) {
            change.insert(name.to_owned(), value.clone());
        }
    }
    let project = project(session, arguments, false)?;
    change.insert("project".to_owned(), id(&project)?.into());
    let changed = session.graphql(GRAPHQL, UPDATE, &change.into())?;
    let project = &changed["change"]["project"];
    Ok(json!({
        "number": project["number"], "title": project["title"], "description": project["shortDescription"], "closed": project["closed"], "public": project["public"],
        "url": project["url"],
    }))
}

/// Posts a status update of a project.
pub(super) fn create_project_status_update(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let mut update = json!({});
    for (name, variable) in [("start_date", "start"), ("target_date", "target")] {
        if let Some(written) = arguments.get(name) {
            update[variable] = date(name, written)?;
        }
    }
    if let Some(status) = arguments.get("status").and_then(Value::as_str) {
        update["status"] = status.to_uppercase().into();
    }
    if let Some(body) = arguments.get("body") {
        update["body"] = body.clone();
    }
    if update == json!({}) {
        return Err(Error::invalid_params("The status update says nothing.")
            .with_hint("Give `status`, `body` or both."));
    }
    update["project"] = id(&project(session, arguments, false)?)?.into();
    let created = session.graphql(GRAPHQL, CREATE_STATUS, &update)?;
    let created = &created["change"]["statusUpdate"];
    Ok(json!({
        "id": created["id"], "status": lowercase(&created["status"]), "start_date": created["startDate"], "target_date": created["targetDate"],
        "created_at": created["createdAt"],
    }))
}

/// Adds a field to a project.
pub(super) fn create_project_field(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let kind = text(arguments, "type");
    let mut made = json!({"name": arguments["name"], "type": kind.to_uppercase()});
    match (kind, arguments.get("options")) {
        ("single_select", Some(options)) if list(Some(options)).next().is_some() => {
            made["options"] = sent_options(options, &Value::Null);
        }
        ("single_select", _) => {
            return Err(Error::invalid_params("A single select needs `options`.")
                .with_hint("Give at least one, each with its `name`."));
        }
        (_, Some(_)) => {
            return Err(Error::invalid_params(format!(
                "`options` are for a single select, not for {kind}."
            ))
            .with_hint("Leave them out, or give `type` single_select."));
        }
        (_, None) => {}
    }
    let iterations = sent_iterations(arguments)?;
    match (kind, iterations) {
        ("iteration", Some(iterations)) => made["iterations"] = iterations,
        ("iteration", None) => {
            return Err(Error::invalid_params("An iteration field needs to know when it begins.")
                .with_hint("Give `start_date` with `days`, or `iterations`."));
        }
        (_, Some(_)) => {
            return Err(Error::invalid_params(format!(
                "`iterations`, `start_date` and `days` are for an iteration field, not for {kind}."
            ))
            .with_hint("Leave them out, or give `type` iteration."));
        }
        (_, None) => {}
    }
    made["project"] = id(&project(session, arguments, false)?)?.into();
    let created = session.graphql(GRAPHQL, &format!("{CREATE_FIELD}{WHOLE_FIELD}"), &made)?;
    Ok(shown(&created["change"]["field"]))
}

/// Renames a field, or changes its options or iterations.
pub(super) fn update_project_field(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let iterations = sent_iterations(arguments)?;
    let (name, options) = (arguments.get("new_name"), arguments.get("options"));
    let project = project(session, arguments, true)?;
    let field = field(&project["fields"]["nodes"], text(arguments, "field"))?;
    let refused = |what: &str, kind: &str| {
        let name = field["name"].as_str().unwrap_or_default();
        Error::invalid_params(format!("`{name}` has no {what}: it is not {kind} field."))
            .with_hint("list_project_fields shows the type of each field.")
    };
    let mut change = json!({"field": id(field)?});
    if let Some(name) = name {
        change["name"] = name.clone();
    }
    if let Some(options) = options {
        if field["dataType"] != "SINGLE_SELECT" {
            return Err(refused("options", "a single select"));
        }
        let present = session.graphql(GRAPHQL, OPTIONS, &json!({"field": id(field)?}))?;
        change["options"] = sent_options(options, &present["node"]["options"]);
    }
    if let Some(iterations) = iterations {
        if field["dataType"] != "ITERATION" {
            return Err(refused("iterations", "an iteration"));
        }
        change["iterations"] = iterations;
    }
    let changed = session.graphql(GRAPHQL, &format!("{UPDATE_FIELD}{WHOLE_FIELD}"), &change)?;
    Ok(shown(&changed["change"]["field"]))
}

/// Deletes a field with all its values.
pub(super) fn delete_project_field(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let project = project(session, arguments, true)?;
    let field = field(&project["fields"]["nodes"], text(arguments, "field"))?;
    session.graphql(GRAPHQL, DELETE_FIELD, &json!({"field": id(field)?}))?;
    Ok(json!({"message": format!("Field {} deleted.", field["name"])}))
}

/// Returns a field in the form of the result.
fn shown(field: &Value) -> Value {
    let mut shown = json!({"name": field["name"], "type": lowercase(&field["dataType"])});
    if let Some(options) = field.get("options") {
        shown["options"] = list(Some(options)).map(|option| option["name"].clone()).collect();
    }
    if let Some(configuration) = field.get("configuration") {
        shown["iterations"] = iterations(configuration);
    }
    shown
}

/// Returns the options in GitHub's form. Properties of an existing option that are not given stay unchanged.
fn sent_options(options: &Value, present: &Value) -> Value {
    let option = |option: &Value| {
        let before = named(present, "name", option["name"].as_str().unwrap_or_default());
        let kept =
            |member: &str| before.map(|before| before[member].clone()).filter(Value::is_string);
        let color = option["color"].as_str().map(|color| Value::from(color.to_uppercase()));
        let description = option.get("description").cloned();
        json!({
            "name": option["name"],
            "color": color.or_else(|| kept("color")).unwrap_or_else(|| "GRAY".into()),
            "description": description.or_else(|| kept("description")).unwrap_or_else(|| "".into()),
        })
    };
    list(Some(options)).map(option).collect()
}

/// Returns the iterations in GitHub's form; `None` if the arguments do not contain any.
fn sent_iterations(arguments: &Object) -> Result<Option<Value>, Error> {
    const WEEKS: u64 = 14;
    let given: Vec<_> = list(arguments.get("iterations")).collect();
    let first = given.first();
    let Some(start) = arguments.get("start_date").or(first.map(|first| &first["start_date"]))
    else {
        return if arguments.contains_key("days") {
            Err(Error::invalid_params("`days` needs `start_date`.")
                .with_hint("Say when the first iteration begins."))
        } else {
            Ok(None)
        };
    };
    let days = |days: Option<&Value>| days.and_then(Value::as_u64);
    let duration = days(arguments.get("days"))
        .or_else(|| days(first.and_then(|first| first.get("days"))))
        .unwrap_or(WEEKS);
    let iteration = |iteration: &&Value| {
        Ok(json!({
            "title": iteration["title"], "startDate": date("start_date", &iteration["start_date"])?,
            "duration": days(iteration.get("days")).unwrap_or(duration),
        }))
    };
    let iterations: Vec<_> = given.iter().map(iteration).collect::<Result<_, Error>>()?;
    Ok(Some(json!({
        "startDate": date("start_date", start)?, "duration": duration, "iterations": iterations,
    })))
}

fn date(name: &str, written: &Value) -> Result<Value, Error> {
    let text = written.as_str().unwrap_or_default();
    times::day(name, text).map(|day| day.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_keeps_what_is_not_said_of_it() {
        let present = json!([{"name": "Todo", "color": "GREEN", "description": "Not begun"}]);
        let sent = sent_options(
            &json!([{"name": "todo"}, {"name": "Done", "color": "purple"}, {"name": "Todo", "description": ""}]),
            &present,
        );
        assert_eq!(
            sent,
            json!([
                {"name": "todo", "color": "GREEN", "description": "Not begun"},
                {"name": "Done", "color": "PURPLE", "description": ""},
                {"name": "Todo", "color": "GREEN", "description": ""},
            ])
        );
    }

    #[test]
    fn iterations_say_when_they_begin_and_how_long_they_are() {
        let check = |arguments: Value, expected: Result<Option<Value>, &str>| {
            let sent = sent_iterations(arguments.as_object().expect("it is an object"));
            let sent = sent.map_err(|error| error.message().to_owned());
            assert_eq!(sent, expected.map_err(str::to_owned), "{arguments}");
        };
        check(json!({}), Ok(None));
        check(
            json!({"start_date": "2026-11-30"}),
            Ok(Some(json!({"startDate": "2026-11-30", "duration": 14, "iterations": []}))),
        );
        check(
            json!({"iterations": [{"title": "S1", "start_date": "2026-11-30", "days": 7}, {"title": "S2", "start_date": "2026-12-07"}]}),
            Ok(Some(json!({"startDate": "2026-11-30", "duration": 7, "iterations": [
                {"title": "S1", "startDate": "2026-11-30", "duration": 7}, {"title": "S2", "startDate": "2026-12-07", "duration": 7},
            ]}))),
        );
        check(json!({"days": 7}), Err("`days` needs `start_date`."));
        check(
            json!({"start_date": "2026-02-30"}),
            Err("`start_date` must be a date that exists, written YYYY-MM-DD, not `2026-02-30`."),
        );
        check(
            json!({"iterations": [{"title": "S1", "start_date": "soon"}]}),
            Err("`start_date` must be a date that exists, written YYYY-MM-DD, not `soon`."),
        );
    }
}
