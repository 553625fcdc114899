//! Parts of Confluence's module that cannot be expressed as data.

use serde_json::{Map, Value, json};

use crate::engine::session::text;
use crate::engine::{Hooks, Session};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::modules::atlassian::adf;
use crate::upstream::Method;

mod content;
mod diff;
mod names;
mod properties;
mod states;
mod template;
mod upload;

/// The hooks that Confluence's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("as_text", as_text),
        ("download_url", download_url),
        ("headings", headings),
        ("markdown", markdown),
        ("page_width", properties::page_width),
        ("plain_match", plain_match),
        ("web_url", web_url),
    ],
    params: &[
        ("body", body),
        ("page_references", page_references),
        ("plain_description", plain_description),
        ("user_query", user_query),
    ],
    arguments: &[],
    results: &[
        ("page_urls", names::page_urls),
        ("people", names::people),
        ("people_and_urls", names::people_and_urls),
        ("principals", names::principals),
    ],
    handlers: &[
        ("add_labels", add_labels),
        ("add_restriction", add_restriction),
        ("append_to_page", content::append_to_page),
        ("compare_page_versions", content::compare_page_versions),
        ("create_page_from_template", template::create_page_from_template),
        ("delete_content_property", properties::delete_content_property),
        ("get_page_section", content::get_page_section),
        ("get_views", get_views),
        ("list_ancestors", list_ancestors),
        ("list_content_states", states::list_content_states),
        ("publish_draft", content::publish_draft),
        ("remove_restriction", remove_restriction),
        ("replace_page_text", content::replace_page_text),
        ("resolve_inline_comment", content::resolve_inline_comment),
        ("restore_page", content::restore_page),
        ("set_content_property", properties::set_content_property),
        ("set_content_state", states::set_content_state),
        ("set_page_width", properties::set_page_width),
        ("update_blog_post", content::update_blog_post),
        ("update_comment", content::update_comment),
        ("update_page", content::update_page),
        ("update_page_section", content::update_page_section),
        ("upload_attachment", upload::upload_attachment),
        ("watch_content", watch_content),
    ],
    explain: None,
};

/// Adds labels: the body is a list, which a module file has no form for.
fn add_labels(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let labels = arguments.get("labels").and_then(Value::as_array).into_iter().flatten();
    let body: Value = labels.map(|name| json!({"prefix": "global", "name": name})).collect();
    let answer = session.send(
        Method::Post,
        &v1(&["content", text(arguments, "content_id"), "label"]),
        &[],
        Some(&body),
    )?;
    let labels =
        answer["results"].as_array().into_iter().flatten().map(|label| label["name"].clone());
    Ok(json!({"labels": labels.collect::<Vec<_>>()}))
}

fn add_restriction(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change_restriction(session, arguments, Method::Put, "Restriction added.")
}

fn remove_restriction(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change_restriction(session, arguments, Method::Delete, "Restriction removed.")
}

/// Users and groups have separate endpoints.
fn change_restriction(
    session: &Session<'_>,
    arguments: &Object,
    method: Method,
    done: &str,
) -> Result<Value, Error> {
    let of = [
        "content",
        text(arguments, "content_id"),
        "restriction",
        "byOperation",
        text(arguments, "operation"),
    ];
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    match (given("user_id"), given("group_id")) {
        (Some(user), None) => session.send(
            method,
            &v1(&[&of[..], &["user"]].concat()),
            &[("accountId", user)],
            None,
        )?,
        (None, Some(group)) => {
            session.send(method, &v1(&[&of[..], &["byGroupId", group]].concat()), &[], None)?
        }
        _ => {
            return Err(Error::invalid_params("It must be one of `user_id` and `group_id`.")
                .with_hint("Give the id of one user or one group; call again for more."));
        }
    };
    Ok(json!({"message": done}))
}

/// Counts views and viewers, which are two requests.
fn get_views(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let since = arguments.get("since").and_then(Value::as_str).map(|since| ("fromDate", since));
    let count = |what: &str| {
        let answer = session.get(
            &v1(&["analytics", "content", text(arguments, "content_id"), what]),
            since.as_slice(),
        )?;
        Ok::<_, Error>(answer["count"].clone())
    };
    Ok(json!({"views": count("views")?, "viewers": count("viewers")?}))
}

/// Lists the ancestors: Confluence returns only their ids and types, so their titles are read separately.
fn list_ancestors(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let answer = session.get(
        &v2(&[text(arguments, "kind"), text(arguments, "id"), "ancestors"]),
        &[("limit", "100")],
    )?;
    let ancestors: Vec<(&str, &str)> = answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|ancestor| ancestor["id"].as_str().zip(ancestor["type"].as_str()))
        .collect();
    let pages: Vec<&str> =
        ancestors.iter().filter(|(_, kind)| *kind == "page").map(|(id, _)| *id).collect();
    let titled = if pages.is_empty() {
        Value::Null
    } else {
        session.get(&v2(&["pages"]), &[("id", &pages.join(",")), ("limit", "100")])?
    };
    let title = |id: &str, kind: &str| {
        if kind == "page" {
            let page =
                titled["results"].as_array().into_iter().flatten().find(|page| page["id"] == id);
            return Ok(page.map_or(Value::Null, |page| page["title"].clone()));
        }
        match session.get(&v2(&[&format!("{kind}s"), id]), &[]) {
            Ok(ancestor) => Ok(ancestor["title"].clone()),
            // Pages that the account may not see still stay in the path.
            Err(error) if matches!(error.code(), Code::NotFound | Code::PermissionDenied) => {
                Ok(Value::Null)
            }
            Err(error) => Err(error),
        }
    };
    let row =
        |(id, kind): &(&str, &str)| Ok(json!({"id": id, "type": kind, "title": title(id, kind)?}));
    Ok(json!({"items": ancestors.iter().map(row).collect::<Result<Vec<_>, Error>>()?}))
}

/// Starts or stops watching: these are two methods of one address.
fn watch_content(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let watch = arguments.get("watch") != Some(&Value::Bool(false));
    let method = if watch { Method::Post } else { Method::Delete };
    session.send(
        method,
        &v1(&["user", "watch", "content", text(arguments, "content_id")]),
        &[],
        None,
    )?;
    Ok(json!({"watching": watch}))
}

/// Returns a path of the REST API v1.
fn v1<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    [&["wiki", "rest", "api"], segments].concat()
}

/// Returns a path of the REST API v2.
fn v2<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    [&["wiki", "api", "v2"], segments].concat()
}

/// Returns a result with the members that have a value.
fn record<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

/// Returns the document in a body's `value`, which is JSON in a string; `None` for any other value. An empty body is an empty
/// document.
fn document(value: &Value) -> Option<Value> {
    match value.as_str()?.trim() {
        "" => Some(json!({"type": "doc", "version": 1, "content": []})),
        value => serde_json::from_str(value).ok().filter(Value::is_object),
    }
}

/// Returns a body's `value` as Markdown.
fn markdown(value: &Value) -> Value {
    document(value).map(|document| adf::to_markdown(&document)).into()
}

/// Returns the headings of a body's `value`, each as a line of Markdown.
fn headings(value: &Value) -> Value {
    document(value).map(|document| adf::headings(&document)).into()
}

/// Returns a title or excerpt in one line, without the marks that search puts around the matched words.
fn plain_match(excerpt: &Value) -> Value {
    let plain = |text: &str| text.replace("@@@hl@@@", "").replace("@@@endhl@@@", "");
    excerpt.as_str().map(|text| plain(text).split_whitespace().collect::<Vec<_>>().join(" ")).into()
}

/// Returns an id as text: the older API returns some ids as numbers; they are strings everywhere else.
fn as_text(id: &Value) -> Value {
    id.as_u64().map_or_else(|| id.clone(), |id| id.to_string().into())
}

/// Returns the web address from a response's `_links`.
fn web_url(links: &Value) -> Value {
    joined(links, "webui")
}

/// Returns the download address of an attachment, from its `_links`.
fn download_url(links: &Value) -> Value {
    joined(links, "download")
}

fn joined(links: &Value, name: &str) -> Value {
    let base = links["base"].as_str().unwrap_or_default();
    links[name].as_str().map(|path| format!("{base}{path}")).into()
}

/// Returns Markdown as a body for writing.
fn body(markdown: &Value) -> Result<Value, Error> {
    adf::from_markdown(markdown.as_str().unwrap_or_default(), None)
        .map(|document| content::body(&document))
}

/// Returns ids as the numbered references that archiving requires.
fn page_references(ids: &Value) -> Result<Value, Error> {
    let reference = |id: &Value| {
        let number = id.as_str().and_then(|id| id.parse::<u64>().ok());
        number.map(|id| json!({"id": id})).ok_or_else(|| {
            Error::invalid_params(format!(
                "`page_ids` has {id}, which is not a page id: give digits"
            ))
        })
    };
    ids.as_array().into_iter().flatten().map(reference).collect()
}

/// Returns a text as a space's description.
fn plain_description(description: &Value) -> Result<Value, Error> {
    Ok(json!({"plain": {"value": description, "representation": "plain"}}))
}

/// Returns the CQL that finds users by name.
fn user_query(name: &Value) -> Result<Value, Error> {
    let name = name.as_str().unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("user.fullname ~ \"{name}\"").into())
}

/// Returns the error for a response without the expected content.
fn unexpected() -> Error {
    Error::new(
        Code::UpstreamUnavailable,
        "Confluence answers in a form that this tool does not know.",
    )
    .with_hint("The service may have changed: look for a newer version of MCPist.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{FieldHook, ParamHook};

    fn check_field(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    fn check_param(hook: ParamHook, value: Value, expected: Value) {
        assert_eq!(hook(&value).expect("the value is a good one"), expected, "{value}");
    }

    #[test]
    fn a_body_is_json_in_a_string() {
        let body = r#"{"type":"doc","version":1,"content":[{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Why"}]}]}"#;
        check_field(markdown, json!(body), json!("## Why"));
        check_field(headings, json!(body), json!(["## Why"]));
        check_field(markdown, json!(""), json!(""));
        check_field(headings, json!(""), json!([]));
        for broken in [Value::Null, json!("<p>Why</p>"), json!("[1]"), json!({"type": "doc"})] {
            check_field(markdown, broken.clone(), Value::Null);
            check_field(headings, broken, Value::Null);
        }
    }

    #[test]
    fn an_excerpt_loses_the_marks_of_search() {
        check_field(
            plain_match,
            json!("To @@@hl@@@roll@@@endhl@@@\n back,  \tdeploy"),
            json!("To roll back, deploy"),
        );
        check_field(plain_match, json!(""), json!(""));
        check_field(plain_match, Value::Null, Value::Null);
    }

    #[test]
    fn an_id_is_always_a_text() {
        check_field(as_text, json!(65009), json!("65009"));
        check_field(as_text, json!("65009"), json!("65009"));
        check_field(as_text, Value::Null, Value::Null);
    }

    #[test]
    fn links_are_whole_where_the_answer_has_their_base() {
        let links = json!({"base": "https://acme.atlassian.net/wiki", "webui": "/spaces/OPS", "download": "/download/a.csv?version=1"});
        check_field(web_url, links.clone(), json!("https://acme.atlassian.net/wiki/spaces/OPS"));
        check_field(
            download_url,
            links,
            json!("https://acme.atlassian.net/wiki/download/a.csv?version=1"),
        );
        check_field(web_url, json!({"webui": "/spaces/OPS"}), json!("/spaces/OPS"));
        check_field(web_url, json!({"base": "https://acme.atlassian.net/wiki"}), Value::Null);
        check_field(web_url, Value::Null, Value::Null);
    }

    #[test]
    fn only_digits_refer_to_a_page() {
        check_param(page_references, json!(["98765", "1"]), json!([{"id": 98765}, {"id": 1}]));
        for id in ["", "att1", "-1", "1.5"] {
            let error = page_references(&json!(["1", id])).expect_err("it is not a page id");
            assert!(error.message().contains(&format!("{id:?}")), "{error}");
        }
    }

    #[test]
    fn a_name_stays_inside_its_query() {
        check_param(user_query, json!("Ann"), json!(r#"user.fullname ~ "Ann""#));
        check_param(
            user_query,
            json!(r#"a" or type = user or "\"#),
            json!(r#"user.fullname ~ "a\" or type = user or \"\\""#),
        );
    }
}
