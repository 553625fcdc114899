//! Creates pages from templates, which are in Confluence's storage format (XHTML with extra elements).

use serde_json::{Map, Value, json};

use super::{record, text, unexpected, v1, v2, web_url};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Creates a page with a template's body, its variables filled in.
pub fn create_page_from_template(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let template = session
        .get(&v1(&["template", text(arguments, "template_id")]), &[("expand", "body.storage")])?;
    let storage = template["body"]["storage"]["value"].as_str().ok_or_else(unexpected)?;
    let nothing = Map::new();
    let variables = arguments.get("variables").and_then(Value::as_object).unwrap_or(&nothing);
    let storage = filled(storage, variables)?;
    let mut page = json!({
        "spaceId": arguments["space_id"], "title": arguments["title"],
        "body": {"representation": "storage", "value": storage},
    });
    if let Some(parent) = arguments.get("parent_id") {
        page["parentId"] = parent.clone();
    }
    let created = session.send(Method::Post, &v2(&["pages"]), &[], Some(&page))?;
    let fields = [
        ("id", created["id"].clone()),
        ("title", created["title"].clone()),
        ("status", created["status"].clone()),
        ("space_id", created["spaceId"].clone()),
        ("parent_id", created["parentId"].clone()),
        ("version", created["version"]["number"].clone()),
        ("created_at", created["createdAt"].clone()),
        ("url", web_url(&created["_links"])),
    ];
    Ok(record(fields))
}

/// Returns the body without the declarations of its variables, and with each `<at:var at:name="…"/>` replaced by its text.
///
/// A value for an unknown variable is rejected, because it would be lost.
fn filled(storage: &str, variables: &Object) -> Result<String, Error> {
    let mut known: Vec<&str> = Vec::new();
    let mut page = String::with_capacity(storage.len());
    let mut rest = storage;
    while let Some(at) = rest.find("<at:") {
        page.push_str(&rest[..at]);
        let from = &rest[at..];
        rest = if from.starts_with("<at:declarations") {
            after(from, "</at:declarations>")
        } else {
            let end = from.find('>').map_or(from.len(), |end| end + 1);
            let (element, rest) = from.split_at(end);
            if let Some(name) = element.strip_prefix("<at:var").and_then(variable_name) {
                if !known.contains(&name) {
                    known.push(name);
                }
                page.push_str(&escaped(variables.get(name).unwrap_or(&Value::Null)));
            }
            // `<at:var …></at:var>` is the same as `<at:var …/>`.
            rest.strip_prefix("</at:var>").unwrap_or(rest)
        };
    }
    page.push_str(rest);
    let Some(unknown) = variables.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(page);
    };
    let hint = if known.is_empty() {
        "It has none.".to_owned()
    } else {
        format!("It has `{}`.", known.join("`, `"))
    };
    Err(Error::invalid_params(format!("The template has no variable `{unknown}`.")).with_hint(hint))
}

/// Returns the text after the mark; empty if the mark is missing.
fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

fn variable_name(attributes: &str) -> Option<&str> {
    let (_, value) = attributes.split_once("at:name=\"")?;
    value.split_once('"').map(|(name, _)| name)
}

/// Returns a value as XHTML text.
fn escaped(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_templates_variables_are_filled_in() {
        let check = |storage: &str, variables: Value, expected: &str| {
            let variables = variables.as_object().expect("they are an object");
            assert_eq!(
                filled(storage, variables).expect("it has these variables"),
                expected,
                "{storage}"
            );
        };
        let declared = "<at:declarations><at:string at:name=\"Who\" /><at:list at:name=\"What\"></at:list></at:declarations>";
        check(
            &format!("{declared}<p>Hi <at:var at:name=\"Who\" />!</p>"),
            json!({"Who": "A & <B>"}),
            "<p>Hi A &amp; &lt;B&gt;!</p>",
        );
        check(
            "<p><at:var at:name=\"Who\"></at:var>, <at:var at:name=\"Who\"/></p>",
            json!({"Who": 7}),
            "<p>7, 7</p>",
        );
        check("<p><at:var at:name=\"Who\"/></p>", json!({}), "<p></p>");
        check("<p>No variables.</p>", json!({}), "<p>No variables.</p>");
        check("<at:declarations>cut off", json!({}), "");
    }

    #[test]
    fn a_variable_that_the_template_lacks_is_refused() {
        let variables = json!({"Whom": "x"});
        let error =
            filled("<at:var at:name=\"Who\"/>", variables.as_object().expect("they are an object"))
                .expect_err("it would be lost");
        assert!(error.message().contains("`Whom`"), "{error}");
        assert_eq!(error.hint(), Some("It has `Who`."));
    }
}
