//! Questions to the client: forms and links for its user, its model, its root folders.
//!
//! A handler asks in the same way in both eras ([`crate::mcp::call::Call::ask`]). In the legacy era, the question is a request
//! from the server that waits for its answer. In the modern era, the call ends with the questions, and the client makes it
//! again with the answers (multi round-trip requests).

use serde_json::{Value, json};

use super::context::ClientCapabilities;
use super::version::Version;
use crate::error::{Code, Error};
use crate::json::Object;

/// A question to the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A form for the user: a message and a flat schema of its fields.
    Form {
        /// Why the input is needed.
        message: String,
        /// `requestedSchema`: an object of primitive properties.
        schema: Value,
    },
    /// A link for the user to open.
    Url {
        /// Why it should be opened.
        message: String,
        /// The link.
        url: String,
    },
    /// `sampling/createMessage` with these parameters.
    Sampling(Object),
    /// The client's root folders.
    Roots,
}

impl Question {
    /// Returns the JSON-RPC method of the question.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Form { .. } | Self::Url { .. } => "elicitation/create",
            Self::Sampling(_) => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// Returns the parameters of the question, in the form that `version` defines.
    #[must_use]
    pub fn params(&self, version: Version) -> Object {
        let params = match self {
            Self::Form { message, schema } if version < Version::V2025_11_25 => {
                json!({"message": message, "requestedSchema": schema})
            }
            Self::Form { message, schema } => {
                json!({"mode": "form", "message": message, "requestedSchema": schema})
            }
            // Only 2025-11-25 ties the link to a later `notifications/elicitation/complete` by an id.
            Self::Url { message, url } if version == Version::V2025_11_25 => {
                json!({"mode": "url", "message": message, "url": url, "elicitationId": crate::random::random_id()})
            }
            Self::Url { message, url } => json!({"mode": "url", "message": message, "url": url}),
            Self::Sampling(params) => return params.clone(),
            Self::Roots => json!({}),
        };
        match params {
            Value::Object(params) => params,
            _ => unreachable!("every arm above is an object"),
        }
    }

    /// Checks that a client with these capabilities can be asked.
    ///
    /// # Errors
    /// [`Code::MissingClientCapability`] with `requiredCapabilities`, as 2026-07-28 requires.
    pub fn check(&self, capabilities: ClientCapabilities) -> Result<(), Error> {
        let (declared, name, required) = match self {
            Self::Form { .. } => (
                capabilities.elicitation_form,
                "elicitation (form)",
                json!({"elicitation": {"form": {}}}),
            ),
            Self::Url { .. } => (
                capabilities.elicitation_url,
                "elicitation (url)",
                json!({"elicitation": {"url": {}}}),
            ),
            Self::Sampling(_) => (capabilities.sampling, "sampling", json!({"sampling": {}})),
            Self::Roots => (capabilities.roots, "roots", json!({"roots": {}})),
        };
        if declared {
            return Ok(());
        }
        Err(Error::new(
            Code::MissingClientCapability,
            format!("this needs the client capability {name}, which is not declared"),
        )
        .with_hint("Use a client that declares it.")
        .with_data("requiredCapabilities", required))
    }

    /// Returns whether `answer` is a valid answer to this question; the content of a form is checked against its schema.
    #[must_use]
    pub fn fits(&self, answer: &Value) -> bool {
        match self {
            Self::Form { schema, .. } => match answer.get("action").and_then(Value::as_str) {
                Some("accept") => {
                    answer.get("content").is_some_and(|content| form_fits(schema, content))
                }
                Some("decline" | "cancel") => true,
                _ => false,
            },
            Self::Url { .. } => matches!(
                answer.get("action").and_then(Value::as_str),
                Some("accept" | "decline" | "cancel")
            ),
            Self::Sampling(_) => answer
                .get("content")
                .is_some_and(|content| content.is_object() || content.is_array()),
            Self::Roots => answer.get("roots").is_some_and(Value::is_array),
        }
    }
}

/// Checks the content of a form against its schema: required fields must exist, and every known field must have its type.
fn form_fits(schema: &Value, content: &Value) -> bool {
    let Some(content) = content.as_object() else { return false };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let properties = schema["properties"].as_object();
    required.into_iter().all(|name| content.contains_key(name))
        && content.iter().all(|(name, value)| {
            match properties.and_then(|properties| properties.get(name)) {
                Some(property) => property_fits(property, value),
                None => true,
            }
        })
}

fn property_fits(property: &Value, value: &Value) -> bool {
    let of_type = match property["type"].as_str() {
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.as_array().is_some_and(|entries| {
            entries.iter().all(|entry| property_fits(&property["items"], entry))
        }),
        _ => true,
    };
    // Choices come with titles (`oneOf`, `anyOf` of an array's items) or without (`enum`).
    let titled = |keyword: &str| {
        property[keyword]
            .as_array()
            .is_none_or(|choices| choices.iter().any(|choice| choice["const"] == *value))
    };
    of_type
        && property["enum"].as_array().is_none_or(|choices| choices.contains(value))
        && titled("oneOf")
        && titled("anyOf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fits_only_its_question() {
        let schema = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "size": {"type": "string", "enum": ["s", "l"]}, "tags": {"type": "array", "items": {"type": "string", "anyOf": [{"const": "a"}, {"const": "b"}]}}}});
        let form = Question::Form { message: "Who?".to_owned(), schema };
        let url =
            Question::Url { message: "Open".to_owned(), url: "https://example.com".to_owned() };
        let check = |question: &Question, answer: Value, fits: bool| {
            assert_eq!(question.fits(&answer), fits, "{answer}");
        };
        check(&form, json!({"action": "accept", "content": {"name": "Ada", "age": 36}}), true);
        check(&form, json!({"action": "decline"}), true);
        check(&form, json!({"action": "accept"}), false);
        check(&form, json!({"action": "accept", "content": {"age": 36}}), false);
        check(&form, json!({"action": "accept", "content": {"name": 5}}), false);
        check(&form, json!({"action": "accept", "content": {"name": "Ada", "age": 1.5}}), false);
        check(&form, json!({"action": "accept", "content": {"name": "Ada", "size": "m"}}), false);
        check(
            &form,
            json!({"action": "accept", "content": {"name": "Ada", "tags": ["a", "b"]}}),
            true,
        );
        check(
            &form,
            json!({"action": "accept", "content": {"name": "Ada", "tags": ["a", 3]}}),
            false,
        );
        check(&form, json!(12345), false);
        check(&url, json!({"action": "accept"}), true);
        check(&url, json!({"action": "perhaps"}), false);
        check(&Question::Roots, json!({"roots": []}), true);
        check(&Question::Roots, json!({}), false);
        check(
            &Question::Sampling(Object::new()),
            json!({"content": {"type": "text", "text": "Paris"}}),
            true,
        );
        check(&Question::Sampling(Object::new()), json!({"content": "Paris"}), false);
    }

    #[test]
    fn the_parameters_take_the_form_of_the_version() {
        let url =
            Question::Url { message: "Open".to_owned(), url: "https://example.com".to_owned() };
        assert!(url.params(Version::V2025_11_25).contains_key("elicitationId"));
        assert!(!url.params(Version::V2026_07_28).contains_key("elicitationId"));
        let form = Question::Form { message: "Who?".to_owned(), schema: json!({}) };
        assert!(!form.params(Version::V2025_06_18).contains_key("mode"));
        assert_eq!(form.params(Version::V2026_07_28)["mode"], "form");
    }
}
