//! A module file as it is written: only the form, without further checks.
//!
//! Parts with several possible errors stay JSON here and are read one by one, so that each error has its own finding.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};

use crate::engine::resource::MediaType;
use crate::engine::schema::Format;
use crate::json::Object;
use crate::upstream::Method;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    pub module: String,
    pub title: String,
    pub description: String,
    pub base_url: String,
    #[serde(default)]
    pub origins: Vec<String>,
    pub base_url_env: Option<String>,
    #[serde(default)]
    pub base_url_required: bool,
    pub api_version: Option<String>,
    pub auth: Option<Value>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub pagination: Option<Value>,
    pub versions: Option<Value>,
    pub changelog: Option<String>,
    #[serde(default)]
    pub tools: Vec<Value>,
    #[serde(default)]
    pub resources: Vec<Value>,
    #[serde(default)]
    pub completions: Object,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    pub uri: String,
    pub name: String,
    pub title: Option<String>,
    pub description: String,
    #[serde(default)]
    pub mime_type: MediaType,
    pub tool: String,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub kind: AuthKind,
    pub env: Vec<String>,
    #[serde(default)]
    pub optional: bool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    Bearer,
    Basic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    pub kind: PaginationKind,
    pub link: Option<String>,
    pub token: Option<String>,
    pub token_as: Option<String>,
    pub start_as: Option<String>,
    pub total: Option<String>,
    pub last: Option<String>,
    pub limit_as: Option<String>,
    pub max_limit: Option<u32>,
    pub default_limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaginationKind {
    LinkHeader,
    NextLink,
    Token,
    Offset,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    pub url: String,
    pub path: Option<String>,
    pub header: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    pub group: Option<String>,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub description: String,
    pub docs: String,
    #[serde(default)]
    pub permissions: Vec<String>,
    pub annotations: Option<Value>,
    pub base_url: Option<String>,
    pub publishes: Option<Value>,
    pub request: Option<Value>,
    pub handler: Option<String>,
    /// Whether the handler returns a text or a document.
    #[serde(default)]
    pub text: bool,
    pub across_accounts: Option<Value>,
    /// The hook for all arguments.
    pub before: Option<String>,
    /// The hook for the result.
    pub after: Option<String>,
    #[serde(default)]
    pub hints: BTreeMap<String, String>,
    #[serde(default)]
    pub params: Object,
    pub one_of: Option<Value>,
    pub any_of: Option<Value>,
    pub needs: Option<Value>,
    pub at_most_one_of: Option<Value>,
    pub implies: Option<Value>,
    pub changes: Option<Value>,
    pub output: Option<Value>,
}

/// What the params of a tool say about each other: names, or `name=value`.
#[derive(Default)]
pub struct Rules {
    pub one_of: Vec<Vec<String>>,
    pub any_of: Vec<Vec<String>>,
    pub needs: BTreeMap<String, Vec<String>>,
    pub at_most_one_of: Vec<Vec<String>>,
    pub implies: BTreeMap<String, Vec<String>>,
    pub changes: Option<Changes>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Changes {
    All(bool),
    These(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrossAccounts {
    pub sort_by: Option<String>,
    #[serde(default)]
    pub together: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Annotations {
    pub read_only_hint: Option<bool>,
    pub destructive_hint: Option<bool>,
    pub idempotent_hint: Option<bool>,
    pub open_world_hint: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub page_in: Option<PageIn>,
    pub pagination: Option<Value>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub query: Object,
    pub body: Option<Object>,
    pub graphql: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageIn {
    Query,
    Body,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    #[serde(rename = "in")]
    pub place: In,
    #[serde(rename = "as")]
    pub upstream_name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Type,
    pub items: Option<Schema>,
    #[serde(default)]
    pub properties: Object,
    #[serde(default)]
    pub required_properties: Vec<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(rename = "enum", default)]
    pub choices: Vec<Value>,
    pub default: Option<Value>,
    #[serde(default)]
    pub nullable: bool,
    pub null_as: Option<String>,
    pub format: Option<Format>,
    pub minimum: Option<Number>,
    pub maximum: Option<Number>,
    pub max_length: Option<usize>,
    pub max_items: Option<usize>,
    pub description: Option<String>,
    pub join: Option<String>,
    #[serde(default)]
    pub slashes: bool,
    pub hook: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum In {
    Path,
    Query,
    Body,
    Variable,
    Local,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
}

/// The schema of an array's items or an object's member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    #[serde(rename = "type")]
    pub kind: Type,
    pub description: Option<String>,
    #[serde(rename = "enum", default)]
    pub choices: Vec<Value>,
    pub items: Option<Box<Self>>,
    #[serde(default)]
    pub properties: Object,
    #[serde(default)]
    pub required: Vec<String>,
    pub minimum: Option<Number>,
    pub maximum: Option<Number>,
    pub max_length: Option<usize>,
    pub max_items: Option<usize>,
    pub format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub items: Option<String>,
    pub item: Option<String>,
    pub fields: Option<Object>,
    pub summary: Option<Object>,
    pub text: Option<String>,
    pub document: Option<String>,
    pub hook: Option<String>,
    pub done: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Field {
    Path(String),
    Written(WrittenField),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenField {
    pub path: String,
    pub hook: Option<String>,
    pub when: Option<String>,
}
