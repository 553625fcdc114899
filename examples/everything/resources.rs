//! The resources, and the one template.

use std::sync::Arc;

use mcpist::error::Error;
use mcpist::mcp::handler::{Item, resource_not_found};
use serde_json::{Value, json};

use crate::content::PNG;

struct Resource {
    uri: &'static str,
    name: &'static str,
    description: &'static str,
    mime_type: &'static str,
    /// `text` or `blob`.
    member: &'static str,
    content: &'static str,
}

#[rustfmt::skip]
const RESOURCES: &[Resource] = &[
    Resource {
        uri: "test://static-text", name: "static_text", description: "A text that never changes.",
        mime_type: "text/plain", member: "text", content: "This is the content of the static text resource.",
    },
    Resource {
        uri: "test://static-binary", name: "static_binary", description: "An image that never changes.",
        mime_type: "image/png", member: "blob", content: PNG,
    },
    Resource {
        uri: "test://watched-resource", name: "watched_resource", description: "A text to subscribe to.",
        mime_type: "text/plain", member: "text", content: "This is the content of the watched resource.",
    },
];

/// The URI template `test://template/{id}/data`, in the two parts around its variable.
const TEMPLATE: (&str, &str) = ("test://template/", "/data");

pub fn items() -> Vec<Arc<Item>> {
    let definition = |resource: &Resource| {
        let Resource { uri, name, description, mime_type, .. } = resource;
        json!({"uri": uri, "name": name, "description": description, "mimeType": mime_type})
    };
    RESOURCES.iter().map(|resource| Arc::new(Item::new(&definition(resource)))).collect()
}

pub fn templates() -> Vec<Arc<Item>> {
    vec![Arc::new(Item::new(&json!({
        "uriTemplate": template_uri("{id}"), "name": "template", "description": "The data of an id.", "mimeType": "application/json",
    })))]
}

pub fn template_uri(id: &str) -> String {
    format!("{}{id}{}", TEMPLATE.0, TEMPLATE.1)
}

pub fn read(uri: &str) -> Result<Vec<Value>, Error> {
    if let Some(resource) = RESOURCES.iter().find(|resource| resource.uri == uri) {
        return Ok(vec![
            json!({"uri": uri, "mimeType": resource.mime_type, resource.member: resource.content}),
        ]);
    }
    let id = uri
        .strip_prefix(TEMPLATE.0)
        .and_then(|rest| rest.strip_suffix(TEMPLATE.1))
        .filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| resource_not_found(uri))?;
    let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
    Ok(vec![json!({"uri": uri, "mimeType": "application/json", "text": data.to_string()})])
}
