//! Converts an `OpenAPI` description (3.0 or 3.1, JSON) to a module file that works at once and that its user can shorten.
//!
//! Source: <https://spec.openapis.org/oas/v3.1.1.html>.

mod auth;
mod output;
mod pages;
mod params;
mod schema;
mod text;
mod tool;

use std::collections::HashSet;

use schema::Schemas;
use serde_json::{Map, Value, json};

use crate::manifest::is_base_url;

/// The maximum length in characters of a module name that is made from a title.
const MAX_MODULE_NAME: usize = 30;

/// The methods whose operations become tools.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An API description.
pub struct Description(Value);

/// One of its operations.
pub struct Operation<'a> {
    /// Its `operationId`, or an id made from method and path.
    pub id: String,
    /// The method, in capitals.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: &'a str,
    /// Its summary, in one sentence.
    pub summary: String,
    /// The path item that contains it, for parameters that its operations share.
    item: &'a Value,
    described: &'a Value,
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    ///
    /// Why it is not a valid description.
    pub fn parse(text: &str) -> Result<Self, String> {
        let yaml = "YAML is not read: write it as JSON first, for example with: yq -o=json . openapi.yaml > openapi.json";
        let root: Value = serde_json::from_str(text)
            .map_err(|error| format!("it is not JSON: {error}; {yaml}"))?;
        match root["openapi"].as_str() {
            Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => Ok(Self(root)),
            Some(version) => Err(format!("it is OpenAPI {version}: 3.0 and 3.1 are read")),
            None if root["swagger"].is_string() => {
                Err("it is Swagger 2.0: convert it to OpenAPI 3 first, for example with swagger2openapi".to_owned())
            }
            None => Err("it has no member `openapi`: an OpenAPI 3 description begins with {\"openapi\": \"3.1.0\", …".to_owned()),
        }
    }

    /// Returns its operations, in the order of the text.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let schemas = Schemas(&self.0);
        let mut taken = HashSet::new();
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().into_iter().flatten() {
            let item = schemas.resolved(item);
            for method in METHODS {
                let described = &item[method];
                if !described.is_object() {
                    continue;
                }
                let id = described["operationId"].as_str().filter(|id| !id.trim().is_empty());
                let id = id.map_or_else(
                    || text::snake(&format!("{method} {path}")),
                    |id| id.trim().to_owned(),
                );
                let summary = ["summary", "description"]
                    .into_iter()
                    .find_map(|name| text::sentence(described[name].as_str()?));
                operations.push(Operation {
                    id: text::unique(&mut taken, &id, usize::MAX),
                    method: method.to_ascii_uppercase(),
                    path,
                    summary: summary
                        .unwrap_or_else(|| format!("{} {path}.", method.to_ascii_uppercase())),
                    item,
                    described,
                });
            }
        }
        operations
    }

    /// Returns a module name from the title.
    #[must_use]
    pub fn module_name(&self) -> String {
        text::cut(&text::snake(self.0["info"]["title"].as_str().unwrap_or("api")), MAX_MODULE_NAME)
    }

    /// Returns the module file with these operations as its tools, and notes about what is left out.
    ///
    /// # Errors
    ///
    /// Why no module file can be made.
    pub fn module(
        &self,
        operations: &[&Operation<'_>],
        name: &str,
        base_url: Option<&str>,
    ) -> Result<(Value, Vec<String>), String> {
        let (base_url, base_url_required) = self.base_url(base_url)?;
        let mut notes = Vec::new();
        let (info, variable) = (&self.0["info"], text::variable(name));
        let words = |name: &str| info[name].as_str().and_then(text::sentence);
        let title =
            info["title"].as_str().map(str::trim).filter(|title| !title.is_empty()).unwrap_or(name);
        let mut module = Map::new();
        module.insert("module".to_owned(), name.into());
        module.insert("title".to_owned(), title.into());
        module.insert(
            "description".to_owned(),
            words("description").unwrap_or_else(|| format!("{title}.")).into(),
        );
        module.insert("base_url".to_owned(), base_url.as_str().into());
        let address = format!("{}_API_URL", variable.trim_end_matches("_API"));
        module.insert("base_url_env".to_owned(), address.as_str().into());
        if base_url_required {
            module.insert("base_url_required".to_owned(), true.into());
            notes.push(format!("the server's address has parts of your own: set {address}"));
        }
        if let Some(version) = info["version"].as_str() {
            module.insert("api_version".to_owned(), version.into());
        }
        if let Some(auth) = auth::of(&self.0, operations, &variable, &mut notes) {
            module.insert("auth".to_owned(), auth);
        }
        let docs = self.0["externalDocs"]["url"]
            .as_str()
            .filter(|url| text::is_url(url))
            .unwrap_or(&base_url);
        let importer = tool::Importer { schemas: Schemas(&self.0), module: name, docs };
        let mut taken = HashSet::new();
        let mut tools = Vec::new();
        for operation in operations {
            match importer.tool(operation, &mut taken, &mut notes) {
                Ok(tool) => tools.push(tool),
                Err(why) => notes.push(format!("{} is left out: {why}", operation.id)),
            }
        }
        if tools.is_empty() {
            return Err(format!("none of these operations can be a tool: {}", notes.join("; ")));
        }
        module.insert("tools".to_owned(), tools.into());
        Ok((module.into(), notes))
    }

    /// Returns the service's address, and whether it is only an example.
    fn base_url(&self, given: Option<&str>) -> Result<(String, bool), String> {
        let server = &self.0["servers"][0];
        let mut url = given.or(server["url"].as_str()).unwrap_or_default().to_owned();
        let mut of_its_own = false;
        for (name, variable) in
            server["variables"].as_object().into_iter().flatten().filter(|_| given.is_none())
        {
            let (place, default) =
                (format!("{{{name}}}"), variable["default"].as_str().unwrap_or(name));
            of_its_own |= url.contains(&place);
            url = url.replace(&place, default);
        }
        if url.starts_with("//") {
            url.insert_str(0, "https:");
        }
        let url = url.trim_end_matches('/');
        if is_base_url(url) {
            Ok((url.to_owned(), of_its_own))
        } else {
            Err(format!(
                "the service's address is not known ({url:?}): give it with --base-url https://api.example.com/v1"
            ))
        }
    }
}

/// Returns the published hints that a method implies (RFC 9110 §9.2); the author of the file adds any other.
fn annotations(method: &str) -> Value {
    match method {
        "GET" => json!({"readOnlyHint": true, "openWorldHint": true}),
        "PUT" | "DELETE" => {
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": true})
        }
        _ => {
            json!({"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false, "openWorldHint": true})
        }
    }
}
