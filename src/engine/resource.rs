//! Resources: URIs that one of the module's tools reads (MCP, "Resources"), and completions of their variables.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::ACCOUNT;
use crate::json::Object;

/// A resource, or a resource template if its URI has variables.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The URI or the URI template (RFC 6570 level 1, and `{+name}` at the end).
    pub uri: String,
    /// The parts between the slashes after `://`.
    pub segments: Vec<Segment>,
    /// Its name.
    pub name: String,
    /// Its title for people.
    pub title: Option<String>,
    /// For the model: its content.
    pub description: String,
    /// Its media type.
    pub mime_type: MediaType,
    /// The name of the read-only tool of the module that reads it.
    pub tool: String,
}

/// The kind of a resource's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MediaType {
    /// A document.
    #[serde(rename = "text/markdown")]
    Markdown,
    /// A text.
    #[serde(rename = "text/plain")]
    Text,
    /// Anything else.
    #[default]
    #[serde(rename = "application/json")]
    Json,
}

/// A part of a URI between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Fixed text from the module file.
    Text(String),
    /// `{name}`: one part with any text.
    Variable {
        /// The name between the braces.
        name: String,
        /// The tool's param that gets its value.
        param: String,
    },
    /// `{+name}`: the whole rest, including slashes.
    Rest {
        /// The name between the braces.
        name: String,
        /// The tool's param that gets its value.
        param: String,
    },
}

/// A read-only tool that lists the values of a variable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The tool's name.
    pub tool: String,
    /// Its arguments; in texts, `{{name}}` is another variable, and `{{value}}` is the typed text.
    #[serde(default)]
    pub params: Object,
    /// The field of its items that holds the values.
    pub field: String,
    /// The text before the value in the field, with `{{name}}` as in `params`.
    pub after: Option<String>,
    /// The text after the value in the field.
    pub until: Option<String>,
}

/// A parsed URI that a client wants to read.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceUri<'a> {
    /// The scheme.
    pub scheme: &'a str,
    /// The account in `?account=`.
    pub account: Option<String>,
    segments: Vec<&'a str>,
}

impl Resource {
    /// Returns whether it is a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.variables().next().is_some()
    }

    /// Returns the names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Variable { name, .. } | Segment::Rest { name, .. } => Some(name.as_str()),
        })
    }

    /// Returns the params of the tool that its variables set.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Variable { param, .. } | Segment::Rest { param, .. } => Some(param.as_str()),
        })
    }

    /// Returns the tool's arguments in a URI of this resource; `None` if the URI does not match.
    #[must_use]
    pub fn arguments(&self, uri: &ResourceUri<'_>) -> Option<Object> {
        let mut arguments = Map::new();
        let mut left = uri.segments.as_slice();
        for segment in &self.segments {
            let (first, others) = left.split_first()?;
            let (param, text) = match segment {
                Segment::Text(text) if decoded(first)? == *text => {
                    left = others;
                    continue;
                }
                Segment::Text(_) => return None,
                Segment::Variable { param, .. } => (param, decoded(first)?),
                Segment::Rest { param, .. } => (param, decoded(&left.join("/"))?),
            };
            if text.is_empty() {
                return None;
            }
            arguments.insert(param.clone(), text.into());
            left = if matches!(segment, Segment::Rest { .. }) { &[] } else { others };
        }
        left.is_empty().then_some(arguments)
    }

    /// Returns how literal it is: if a URI matches two resources, the lower number wins.
    #[must_use]
    pub fn rank(&self) -> Vec<u8> {
        let openness = |segment: &Segment| match segment {
            Segment::Text(_) => 0,
            Segment::Variable { .. } => 1,
            Segment::Rest { .. } => 2,
        };
        self.segments.iter().map(openness).collect()
    }
}

impl<'a> ResourceUri<'a> {
    /// Parses a URI; `None` if it cannot be a resource's: it has a fragment, or a query other than an account.
    #[must_use]
    pub fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://").filter(|_| !uri.contains('#'))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut account = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != ACCOUNT || account.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self { scheme, account, segments: path.split('/').collect() })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Hooks, Module};

    /// Returns a module whose tools take `a` and `b`, with these resources.
    fn module(resources: &Value) -> Result<Module, Vec<String>> {
        let param = json!({"in": "query", "type": "string", "required": true, "description": "D"});
        let tool = |name: &str, params: Value| {
            json!({
                "name": name, "description": "D", "docs": "https://m.example/docs", "annotations": {"readOnlyHint": name != "write"},
                "request": {"method": "POST", "path": "/things"}, "params": params, "output": {"items": "", "fields": {"id": "id"}},
            })
        };
        let file = json!({
            "module": "my_shop", "title": "M", "description": "D", "base_url": "https://m.example", "resources": resources["resources"],
            "completions": resources.get("completions").unwrap_or(&json!({})),
            "tools": [
                tool("none", json!({})), tool("one", json!({"a": param})), tool("two", json!({"a": param, "b": param})), tool("write", json!({})),
                tool("list", json!({"l": {"in": "body", "type": "array", "items": {"type": "string"}, "description": "D"}})),
            ],
        });
        crate::manifest::parse("m.json", &file.to_string(), &Hooks::NONE).map_err(|findings| {
            findings
                .iter()
                .map(|finding| format!("{}: {}", finding.place, finding.problem))
                .collect()
        })
    }

    fn resource(uri: &str, tool: &str) -> Value {
        json!({"uri": uri, "name": "n", "description": "D", "tool": tool})
    }

    #[test]
    fn a_uri_is_read_as_its_most_literal_resource_has_it() {
        let module = module(&json!({"resources": [
            resource("my-shop://{+a}", "one"), resource("my-shop://{a}/{b}", "two"), resource("my-shop://all", "none"),
            resource("my-shop://order/{a}", "one"), resource("my-shop://order/{a}/part/{+b}", "two"),
        ]}));
        let module = module.unwrap();
        let check = |uri: &str, expected: Option<(&str, Value)>| {
            let parsed = ResourceUri::parse(uri);
            let fitting = module
                .resources
                .iter()
                .filter_map(|known| Some((known, known.arguments(parsed.as_ref()?)?)));
            let found = fitting.min_by_key(|(known, _)| known.rank());
            let found =
                found.map(|(known, arguments)| (known.uri.as_str(), Value::Object(arguments)));
            assert_eq!(found, expected, "{uri}");
        };
        check("my-shop://all", Some(("my-shop://all", json!({}))));
        check("my-shop://al%6C", Some(("my-shop://all", json!({}))));
        check("my-shop://other", Some(("my-shop://{+a}", json!({"a": "other"}))));
        check("my-shop://order/7", Some(("my-shop://order/{a}", json!({"a": "7"}))));
        check("my-shop://order/7?account=work", Some(("my-shop://order/{a}", json!({"a": "7"}))));
        check("my-shop://other/7", Some(("my-shop://{a}/{b}", json!({"a": "other", "b": "7"}))));
        check(
            "my-shop://a%2Fb/%E2%82%AC",
            Some(("my-shop://{a}/{b}", json!({"a": "a/b", "b": "€"}))),
        );
        check(
            "my-shop://order/7/part/a/b%3Fc",
            Some(("my-shop://order/{a}/part/{+b}", json!({"a": "7", "b": "a/b?c"}))),
        );
        // The tool checks which paths are valid.
        check(
            "my-shop://order/7/part/../%2e%2e",
            Some(("my-shop://order/{a}/part/{+b}", json!({"a": "7", "b": "../.."}))),
        );
        check(
            "my-shop://order/7/part/a//b",
            Some(("my-shop://order/{a}/part/{+b}", json!({"a": "7", "b": "a//b"}))),
        );
        check("my-shop://a/b/c", Some(("my-shop://{+a}", json!({"a": "a/b/c"}))));
        check("my-shop://order/", Some(("my-shop://{+a}", json!({"a": "order/"}))));
        for none in [
            "my-shop://",
            "my-shop:all",
            "",
            "my-shop://all#a",
            "my-shop://all?b=c",
            "my-shop://all?account=a&account=b",
            "my-shop://%FF",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn a_resource_that_its_tool_cannot_read_is_told() {
        let check = |resource: Value, expected: &str| {
            let told = module(&json!({"resources": [resource]})).expect_err("a finding");
            assert!(told.len() == 1 && told[0].contains(expected), "{resource}: {told:?}");
        };
        check(resource("shop://all", "none"), "must begin with `my-shop://`");
        check(resource("my-shop://", "none"), "is not a resource URI");
        check(resource("my-shop://a/../b", "none"), "is not a resource URI");
        check(resource("my-shop://a?b", "none"), "is not a resource URI");
        check(resource("my-shop://{+a}/b", "one"), "is not a resource URI");
        check(resource("my-shop://x{a}", "one"), "is not a resource URI");
        check(resource("my-shop://{a}/{a}", "one"), "has `a` twice");
        check(
            resource("my-shop://all", "unheard_of"),
            "is not a tool of this module that only reads",
        );
        check(resource("my-shop://all", "write"), "is not a tool of this module that only reads");
        check(resource("my-shop://{a}", "two"), "the tool needs `b`");
        let text = json!({"uri": "my-shop://all", "name": "n", "description": "D", "tool": "none", "mime_type": "text/plain"});
        check(text, "`mime_type` must be \"application/json\"");
        check(resource("my-shop://{c}", "none"), "the tool has no param `c`");
        check(resource("my-shop://{l}", "list"), "`l` is a list or an object");
        check(
            json!({"uri": "my-shop://all", "name": "n", "description": " ", "tool": "none"}),
            "`name` and `description` must say something",
        );
        check(
            json!({"uri": "my-shop://{x}", "name": "n", "description": "D", "tool": "one", "params": {"x": "a", "y": "b"}}),
            "the URI has no variable `y`",
        );
        let mapped = json!({"uri": "my-shop://{x}", "name": "n", "description": "D", "tool": "one", "params": {"x": "a"}});
        assert!(module(&json!({"resources": [mapped]})).is_ok());
        let same = json!({"uri": "my-shop://o/{x}", "name": "n", "description": "D", "tool": "one", "params": {"x": "a"}});
        let told =
            module(&json!({"resources": [resource("my-shop://o/{a}", "one"), same]})).unwrap_err();
        assert!(
            told.iter().any(|told| told.contains("fits the same URIs as `my-shop://o/{a}`")),
            "{told:?}"
        );
    }

    #[test]
    fn a_completion_that_its_tool_cannot_give_is_told() {
        let check = |completion: Value, expected: &str| {
            let told = module(&json!({"resources": [], "completions": {"x": completion}}))
                .expect_err("a finding");
            assert!(told.len() == 1 && told[0].contains(expected), "{completion}: {told:?}");
        };
        check(
            json!({"tool": "write", "field": "id"}),
            "is not a tool of this module that only reads",
        );
        check(json!({"tool": "one", "field": "id"}), "the tool needs `a`");
        check(
            json!({"tool": "none", "field": "id", "params": {"c": 1}}),
            "the tool has no param `c`",
        );
        check(json!({"tool": "one", "field": "id", "params": {"a": 1}}), "`a` cannot be 1");
        check(json!({"tool": "none", "field": "name"}), "is not a field of the tool's items");
        let right = json!({"tool": "one", "field": "id", "params": {"a": "{{value}}"}});
        assert!(module(&json!({"resources": [], "completions": {"x": right}})).is_ok());
    }
}
