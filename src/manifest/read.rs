//! Reads a module file to a module that is always valid, or to all findings.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Uri;

use super::location::{FILE, Location};
use super::params::{self, EngineParams};
use super::work::{self, Common};
use super::{Finding, Packed, auth, locate, origin, paging, raw, resources, rules, versions};
use crate::engine::hooks::{ArgumentsHook, ResultHook};
use crate::engine::module::scheme;
use crate::engine::output::Output;
use crate::engine::request::Template;
use crate::engine::rules::Rules;
use crate::engine::session::json_headers;
use crate::engine::{
    AcrossAccounts, Annotations, Condition, FieldHook, Hooks, MAX_TOOL_NAME, Module, OFFSET, Param,
    ParamHook, Publishes, Tool, Tools, Work,
};
use crate::error::{NOT_A_LIST, TOO_LARGE};
use crate::upstream::{HeaderMap, HeaderName, HeaderValue};

/// The maximum number of reported findings of a file: a person fixes them, and a log stores them.
pub const MAX_FINDINGS: usize = 100;

/// The most search words of a tool, and the most characters of one: they are for a search, not for a text.
pub const MAX_ALIASES: usize = 30;
pub const MAX_ALIAS: usize = 80;

/// Collects findings and used hooks while a file is read.
pub struct Reader<'a> {
    file: &'a str,
    hooks: &'a Hooks,
    found: Vec<Finding>,
    cited: BTreeSet<(&'static str, String)>,
}

/// Reads a whole file.
pub fn module(file: &str, text: &str, hooks: &Hooks) -> Result<Module, Vec<Finding>> {
    let mut reader = Reader::new(file, hooks);
    let mut raw = raw_module(file, text)?;
    let written = take(&mut raw.tools);
    if written.is_empty() {
        reader.add(FILE.member("tools"), "the file has no tools");
    }
    let uris: Vec<_> =
        raw.resources.iter().map(|written| written["uri"].as_str().map(str::to_owned)).collect();
    let (mut module, common) = reader.head(raw);
    let before = reader.findings();
    module.tools = Tools::ready(reader.tools(&common, written));
    // An invalid tool is left out, so places that name it would also be reported.
    if reader.findings() == before {
        resources::check(&mut reader, &module, &uris);
    }
    reader.uncited_hooks();
    if reader.found.is_empty() { Ok(module) } else { Err(locate::located(text, reader.found)) }
}

/// Reads a packed file, except its tools.
pub fn packed(
    file: &'static str,
    packed: Packed,
    hooks: &'static Hooks,
) -> Result<Module, Vec<Finding>> {
    let mut reader = Reader::new(file, hooks);
    let (mut module, common) = reader.head(raw_module(file, packed.head)?);
    module.tools =
        Tools::later(packed.count, move || Reader::new(file, hooks).tools(&common, packed.tools()));
    if reader.found.is_empty() { Ok(module) } else { Err(reader.found) }
}

fn raw_module(file: &str, text: &str) -> Result<raw::Module, Vec<Finding>> {
    serde_json::from_str(text).map_err(|error| vec![Finding::of_json(file, &error)])
}

/// Returns whether it is a name of letters, digits and `_` that starts with a letter.
pub fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, hooks: &'a Hooks) -> Self {
        Self { file, hooks, found: Vec::new(), cited: BTreeSet::new() }
    }

    /// Adds a finding.
    pub fn add(&mut self, place: Location<'_>, problem: impl Into<String>) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(Finding::new(self.file, place, problem));
        } else if self.found.len() == MAX_FINDINGS {
            self.found.push(Finding::new(self.file, FILE, "Too many errors; fix these first."));
        }
    }

    /// Returns the number of findings so far.
    pub fn findings(&self) -> usize {
        self.found.len()
    }

    /// Reads a part of the file in its form; `None` and a finding if it is invalid.
    pub fn part<T: DeserializeOwned>(&mut self, place: Location<'_>, value: Value) -> Option<T> {
        serde_json::from_value(value).map_err(|error| self.add(place, error.to_string())).ok()
    }

    /// A part that may be left out, or what stands for none.
    fn optional<T: DeserializeOwned + Default>(
        &mut self,
        place: Location<'_>,
        value: Option<Value>,
    ) -> T {
        value.and_then(|value| self.part(place, value)).unwrap_or_default()
    }

    /// The param hook that is cited.
    pub fn param_hook(&mut self, place: Location<'_>, name: &str) -> Option<ParamHook> {
        self.hook(place, "param", self.hooks.params, name)
    }

    /// Returns the named hook for all arguments.
    pub fn arguments_hook(&mut self, place: Location<'_>, name: &str) -> Option<ArgumentsHook> {
        self.hook(place, "arguments", self.hooks.arguments, name)
    }

    /// Returns the named hook for a result.
    pub fn result_hook(&mut self, place: Location<'_>, name: &str) -> Option<ResultHook> {
        self.hook(place, "result", self.hooks.results, name)
    }

    /// Returns the named field hook.
    pub fn field_hook(&mut self, place: Location<'_>, name: &str) -> Option<FieldHook> {
        self.hook(place, "field", self.hooks.fields, name)
    }

    fn hook<T: Copy>(
        &mut self,
        place: Location<'_>,
        kind: &'static str,
        hooks: &[(&str, T)],
        name: &str,
    ) -> Option<T> {
        self.cited.insert((kind, name.to_owned()));
        let hook = hooks.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook);
        if hook.is_none() {
            self.add(place.detail("hook"), format!("there is no {kind} hook `{name}`"));
        }
        hook
    }

    /// Reads the module without its tools, and the parts that their requests share.
    fn head(&mut self, raw: raw::Module) -> (Module, Common) {
        if !is_snake_case(&raw.module) {
            self.add(
                FILE.member("module"),
                format!(
                    "`{}` must be snake_case: letters, digits and `_`, a letter first",
                    raw.module
                ),
            );
        }
        for (place, text) in [("title", &raw.title), ("description", &raw.description)] {
            if text.trim().is_empty() {
                self.add(FILE.member(place), "is empty");
            }
        }
        if !is_base_url(&raw.base_url) {
            self.add(
                FILE.member("base_url"),
                "must be an http or https URL with a host, without query and slash at the end",
            );
        }
        let origins = origin::read(self, FILE.member("origins"), raw.origins);
        let headers = self.headers(FILE.member("headers"), &HeaderMap::new(), &raw.headers);
        let auth = raw.auth.and_then(|auth| auth::read(self, auth));
        let base_url_env = raw
            .base_url_env
            .and_then(|text| auth::variable(self, FILE.member("base_url_env"), &text));
        if raw.base_url_required && base_url_env.is_none() {
            self.add(FILE.member("base_url_required"), "needs `base_url_env`, the variable to set");
        }
        let pages = raw
            .pagination
            .and_then(|pagination| paging::read(self, FILE.member("pagination"), pagination));
        let versions = raw.versions.and_then(|versions| versions::read(self, versions));
        if raw.changelog.as_deref().is_some_and(|url| !is_page(url)) {
            self.add(FILE.member("changelog"), "must be the URL of the vendor's page");
        }
        let resources = resources::read(self, &scheme(&raw.module), raw.resources);
        let completions = resources::completions(self, raw.completions);
        let common = Common {
            module: raw.module.clone(),
            origins: origins.clone(),
            headers: Arc::new(headers.clone()),
            json_headers: Arc::new(json_headers(&headers)),
            pages,
        };
        let module = Module {
            name: raw.module,
            title: raw.title,
            description: raw.description,
            base_url: raw.base_url,
            origins,
            base_url_env,
            base_url_required: raw.base_url_required,
            api_version: raw.api_version,
            auth,
            headers,
            versions,
            changelog: raw.changelog,
            tools: Tools::ready(Vec::new()),
            resources,
            completions,
            explain: self.hooks.explain,
        };
        (module, common)
    }

    fn tools(&mut self, common: &Common, written: Vec<Value>) -> Vec<Tool> {
        let mut tools: Vec<Tool> = Vec::new();
        for (at, value) in written.into_iter().enumerate() {
            let name = value["name"].as_str().map(str::to_owned);
            let place = FILE.numbered("tool", "tools", at, name.as_deref());
            if let Some(tool) = self.tool(place, common, value) {
                if tools.iter().any(|other| other.name == tool.name) {
                    self.add(place.detail("name"), "another tool has the same name");
                }
                tools.push(tool);
            }
        }
        tools
    }

    /// Returns the headers `under`, overridden by those of the file.
    pub fn headers(
        &mut self,
        place: Location<'_>,
        under: &HeaderMap,
        raw: &BTreeMap<String, String>,
    ) -> HeaderMap {
        let mut headers = under.clone();
        for (written, value) in raw {
            match (written.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                (Ok(name), Ok(value)) if name != "authorization" => {
                    headers.insert(name, value);
                }
                (Ok(name), Ok(_)) => self.add(
                    place.detail(written),
                    format!("`{name}` is the credential's: it comes from `auth`"),
                ),
                _ => self.add(
                    place.detail(written),
                    format!("`{written}` is not a valid header name, or its value is not valid"),
                ),
            }
        }
        headers
    }

    fn tool(&mut self, place: Location<'_>, common: &Common, value: Value) -> Option<Tool> {
        let mut raw: raw::Tool = self.part(place, value)?;
        let published_name = self.checked_name(place, common, &raw);
        let annotations = self.annotations(place, raw.annotations.take());
        let params: Vec<Param> = raw
            .params
            .iter()
            .filter_map(|(name, value)| params::read(self, place, name, value))
            .collect();
        if raw.handler.is_some() && (raw.before.is_some() || raw.after.is_some()) {
            self.add(place, "`before` and `after` are for a request: a handler does it itself");
        }
        let before =
            raw.before.take().and_then(|hook| self.arguments_hook(place.member("before"), &hook));
        let after =
            raw.after.take().and_then(|hook| self.result_hook(place.member("after"), &hook));
        self.check_hints(place, &raw.hints);
        let publishes = self.publishes(place, raw.publishes.take(), annotations, &params);
        let written = self.written_rules(place, &mut raw, annotations);
        // A param that is wrong is not there: what names it would be reported, too.
        let mut rules = if params.len() == raw.params.len() {
            rules::read(self, place, written, &params)
        } else {
            Rules::default()
        };
        let (work, own) = match (raw.handler, raw.request, raw.output) {
            (Some(handler), None, None) => {
                for (name, _) in raw
                    .params
                    .iter()
                    .filter(|(_, param)| param["in"].as_str().is_some_and(|at| at != "local"))
                {
                    self.add(
                        place.entry("param", "params", name),
                        "a handler's params must be `in: local`",
                    );
                }
                let own = EngineParams { reads_on: raw.text, ..EngineParams::default() }.params();
                (self.hook(place, "handler", self.hooks.handlers, &handler).map(Work::Handler), own)
            }
            (None, Some(request), Some(output)) => {
                let template = work::template(self, place, common, request, &raw.params, &params);
                let output = work::output(self, place, output, &params);
                if raw.text {
                    self.add(
                        place,
                        "`text` is for handlers: an output says itself whether it is a text",
                    );
                }
                let own = self.own(place, template.as_ref(), output.as_ref()).params();
                if let Some(template) = &template {
                    params::check_places(self, place, &params, &own, template);
                }
                (
                    template
                        .zip(output)
                        .map(|(template, output)| Work::Request(Box::new(template), output)),
                    own,
                )
            }
            _ => {
                self.add(place, "needs either `request` and `output`, or `handler`");
                (None, Vec::new())
            }
        };
        let across_accounts = raw
            .across_accounts
            .and_then(|across| self.across_accounts(place, across, annotations, work.as_ref()));
        for own in own.iter().filter(|own| raw.params.contains_key(&own.name)) {
            self.add(
                place.entry("param", "params", &own.name),
                "this name is the engine's own here: choose another",
            );
        }
        let work = work?;
        if rules.changes.is_empty() {
            rules.changes = rules::changes_of(&work, &params);
        }
        let description = match rules.described() {
            sentences if sentences.is_empty() => raw.description,
            sentences => format!("{} {sentences}", raw.description.trim_end()),
        };
        Some(Tool {
            name: raw.name,
            published_name,
            group: raw.group.unwrap_or_default(),
            aliases: raw.aliases,
            description,
            docs: raw.docs,
            permissions: raw.permissions,
            annotations,
            base_url: raw.base_url,
            publishes,
            reads_on: own.iter().any(|param| param.name == OFFSET),
            params: params.into_iter().chain(own).collect(),
            rules,
            before,
            work,
            after,
            hints: raw.hints,
            across_accounts,
        })
    }

    /// The rules between a tool's params, as written.
    fn written_rules(
        &mut self,
        place: Location<'_>,
        raw: &mut raw::Tool,
        annotations: Annotations,
    ) -> raw::Rules {
        raw::Rules {
            one_of: self.optional(place.member("one_of"), raw.one_of.take()),
            any_of: self.optional(place.member("any_of"), raw.any_of.take()),
            needs: self.optional(place.member("needs"), raw.needs.take()),
            at_most_one_of: self
                .optional(place.member("at_most_one_of"), raw.at_most_one_of.take()),
            implies: self.optional(place.member("implies"), raw.implies.take()),
            changes: raw.changes.take().and_then(|changes| {
                if annotations.read_only == Some(true) {
                    self.add(
                        place.detail("changes"),
                        "`changes` is for a tool that changes something",
                    );
                }
                self.part(place.member("changes"), changes)
            }),
        }
    }

    /// Checks what the search and the index of a module use.
    fn check_search(&mut self, place: Location<'_>, raw: &raw::Tool) {
        if raw.group.as_deref().is_some_and(|group| !is_snake_case(group)) {
            self.add(
                place.detail("group"),
                "the group must be snake_case: letters, digits and `_`, a letter first",
            );
        }
        if raw.aliases.len() > MAX_ALIASES {
            self.add(place.detail("aliases"), format!("there can be at most {MAX_ALIASES}"));
        }
        let is_short = |alias: &str| (1..=MAX_ALIAS).contains(&alias.trim().chars().count());
        if let Some(alias) = raw.aliases.iter().find(|alias| !is_short(alias)) {
            self.add(
                place.detail("aliases"),
                format!("{alias:?} must have 1 to {MAX_ALIAS} characters"),
            );
        }
    }

    /// The tool's published name; checks its names, texts and origin.
    fn checked_name(&mut self, place: Location<'_>, common: &Common, raw: &raw::Tool) -> String {
        let published_name = format!("{}_{}", common.module, raw.name);
        self.check_search(place, raw);
        if !is_snake_case(&raw.name) {
            self.add(
                place.detail("name"),
                "the name must be snake_case: letters, digits and `_`, a letter first",
            );
        }
        if published_name.len() > MAX_TOOL_NAME {
            self.add(
                place.detail("name"),
                format!("`{published_name}` is longer than {MAX_TOOL_NAME} characters"),
            );
        }
        if raw.description.trim().is_empty() {
            self.add(place.detail("description"), "`description` is empty");
        }
        if !is_page(&raw.docs) {
            self.add(place.detail("docs"), "`docs` must be the URL of the vendor's page");
        }
        origin::check_base_url(self, place, raw, &common.origins);
        published_name
    }

    fn check_hints(&mut self, place: Location<'_>, hints: &BTreeMap<String, String>) {
        for reason in hints.keys().filter(|name| ![TOO_LARGE, NOT_A_LIST].contains(&name.as_str()))
        {
            self.add(
                place.entry("hint", "hints", reason),
                format!("there are hints for `{TOO_LARGE}` and `{NOT_A_LIST}`"),
            );
        }
    }

    fn publishes(
        &mut self,
        place: Location<'_>,
        value: Option<Value>,
        annotations: Annotations,
        params: &[Param],
    ) -> Publishes {
        let place = place.detail("publishes");
        let publishes = value.map_or(Ok(Publishes::Never), |value| publishes(&value, params));
        let publishes = publishes.unwrap_or_else(|problem| {
            self.add(place, problem);
            Publishes::Always
        });
        if publishes != Publishes::Never && annotations.read_only == Some(true) {
            self.add(place, "`publishes` is for a tool that changes something");
        }
        publishes
    }

    fn annotations(&mut self, place: Location<'_>, value: Option<Value>) -> Annotations {
        let place = place.member("annotations");
        let raw: raw::Annotations = self.optional(place, value);
        Annotations {
            read_only: raw.read_only_hint,
            destructive: raw.destructive_hint,
            idempotent: raw.idempotent_hint,
            open_world: raw.open_world_hint,
        }
    }

    /// Returns the params that the engine adds to a tool.
    fn own(
        &mut self,
        place: Location<'_>,
        template: Option<&Template>,
        output: Option<&Output>,
    ) -> EngineParams {
        let pages = template.and_then(|template| template.pages.clone());
        if pages.is_some() && output.is_some_and(|output| !matches!(output, Output::List { .. })) {
            self.add(place.detail("output"), "`page_in` needs an output with `items`");
        }
        let fields = match output {
            Some(Output::List { fields, .. }) => {
                fields.iter().map(|field| field.name.clone()).collect()
            }
            _ => Vec::new(),
        };
        let text = matches!(output, Some(Output::Text { .. }));
        EngineParams {
            pages,
            fields,
            text,
            reads_on: text || matches!(output, Some(Output::Document { .. })),
        }
    }

    fn across_accounts(
        &mut self,
        place: Location<'_>,
        value: Value,
        annotations: Annotations,
        work: Option<&Work>,
    ) -> Option<AcrossAccounts> {
        let place = place.member("across_accounts");
        let raw::AcrossAccounts { sort_by, together } = self.part(place, value)?;
        if annotations.read_only != Some(true) {
            self.add(
                place,
                "only what reads may do so with all accounts at once: it needs `readOnlyHint`",
            );
        }
        match (sort_by, together, work?) {
            (None, true, Work::Handler(_)) => Some(AcrossAccounts::Together),
            (_, true, _) => {
                self.add(
                    place,
                    "`together` is for handlers, which put their rows in order themselves",
                );
                None
            }
            (Some(field), false, Work::Request(_, output)) if !output.has_column(&field) => {
                self.add(place, format!("`sort_by`: there is no column `{field}`"));
                None
            }
            (sort_by, false, _) => Some(AcrossAccounts::Rows { sort_by }),
        }
    }

    fn uncited_hooks(&mut self) {
        let fields = self.hooks.fields.iter().map(|(name, _)| ("field", *name));
        let params = self.hooks.params.iter().map(|(name, _)| ("param", *name));
        let handlers = self.hooks.handlers.iter().map(|(name, _)| ("handler", *name));
        let arguments = self.hooks.arguments.iter().map(|(name, _)| ("arguments", *name));
        let results = self.hooks.results.iter().map(|(name, _)| ("result", *name));
        for (kind, name) in fields.chain(params).chain(arguments).chain(results).chain(handlers) {
            if !self.cited.contains(&(kind, name.to_owned())) {
                self.add(FILE, format!("nothing cites the {kind} hook `{name}`"));
            }
        }
    }
}

/// Returns whether it is the URL of a page for people.
fn is_page(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && !url.contains(char::is_whitespace)
}

/// Returns whether requests can be made below this URL.
pub fn is_base_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    !rest.starts_with('/')
        && !rest.ends_with('/')
        && !rest.contains(['?', '#', '@'])
        && url.parse::<Uri>().is_ok()
}
/// Reads when a tool publishes: `true`, or an object of params, each with the values that publish or `"given"`.
fn publishes(value: &Value, params: &[Param]) -> Result<Publishes, String> {
    const RIGHT: &str = "`publishes` must be true, or an object of params: `{\"public\": [true]}` lists the values that publish, `{\"attendees\": \"given\"}` is any that is not empty";
    let conditions = match value {
        Value::Bool(true) => return Ok(Publishes::Always),
        Value::Object(conditions) if !conditions.is_empty() => conditions,
        _ => return Err(RIGHT.to_owned()),
    };
    conditions
        .iter()
        .map(|(name, condition)| {
            if !params.iter().any(|param| param.name == *name) {
                return Err(format!(
                    "`publishes` names {name:?}, which is not a param of the tool"
                ));
            }
            let condition = match condition {
                Value::String(word) if word == "given" => Condition::Given,
                Value::Array(values) if !values.is_empty() => Condition::OneOf(values.clone()),
                _ => return Err(RIGHT.to_owned()),
            };
            Ok((name.clone(), condition))
        })
        .collect::<Result<_, _>>()
        .map(Publishes::When)
}
