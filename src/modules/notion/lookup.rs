//! The names behind ids: titles of related pages, names of people, titles of data sources.
//!
//! Each costs a request, so there is a bound on them, and what Notion does not give (a page that is not shared, a capability
//! that is missing) stays an id.

use serde_json::{Map, Value};

use super::readable::{self, Names};
use super::{argument, list};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;

/// Most titles of data sources in one list.
const MAX_SOURCES: usize = 5;

/// Finds names, each once.
pub struct Lookup<'s> {
    session: &'s Session<'s>,
    /// Those that were found.
    pub names: Names,
}

/// How many related pages the caller wants to be named.
pub fn limit(arguments: &Object) -> usize {
    let limit = arguments.get("related_titles").and_then(Value::as_u64).unwrap_or_default();
    usize::try_from(limit).unwrap_or_default()
}

impl<'s> Lookup<'s> {
    /// With a call's own way to Notion.
    pub fn new(session: &'s Session<'s>) -> Self {
        Self { session, names: Names::default() }
    }

    /// The people of these properties, whom Notion names already.
    #[must_use]
    pub fn users_of(mut self, properties: &Value) -> Self {
        for property in properties.as_object().into_iter().flat_map(Map::values) {
            let kind = property["type"].as_str().unwrap_or_default();
            let value = &property[kind];
            for user in list(value).chain([value]) {
                if let (Some(id), Some(name)) = (user["id"].as_str(), user["name"].as_str()) {
                    self.names.insert(id, name);
                }
            }
        }
        self
    }

    /// A person or bot.
    #[must_use]
    pub fn user(mut self, id: &Value) -> Self {
        if let Some(id) = id.as_str().filter(|id| !self.names.has(id))
            && let Ok(user) = self.session.get(&["v1", "users", id], &[])
            && let Some(name) = user["name"].as_str()
        {
            self.names.insert(id, name);
        }
        self
    }

    /// The first pages that relations of these properties lead to.
    #[must_use]
    pub fn related(mut self, properties: &Value, limit: usize) -> Self {
        let mut ids: Vec<&str> = Vec::new();
        for property in properties.as_object().into_iter().flat_map(Map::values) {
            let relation = list(&property["relation"]).filter_map(|page| page["id"].as_str());
            ids.extend(relation.filter(|id| !self.names.has(id)));
        }
        let mut asked: Vec<&str> = Vec::new();
        for id in ids {
            if asked.len() == limit {
                break;
            }
            if !asked.contains(&id) {
                asked.push(id);
            }
        }
        for id in asked {
            // The id of every page's title property is `title`.
            if let Ok(page) =
                self.session.get(&["v1", "pages", id], &[("filter_properties", "title")])
                && let Some(title) = readable::title(&page).as_str()
            {
                self.names.insert(id, title);
            }
        }
        self
    }

    /// The titles of the first data sources of these.
    #[must_use]
    pub fn sources<'v>(mut self, ids: impl Iterator<Item = &'v str>) -> Self {
        let mut asked: Vec<&str> = Vec::new();
        for id in ids {
            if asked.len() < MAX_SOURCES && !asked.contains(&id) {
                asked.push(id);
                if let Ok(source) = self.session.get(&["v1", "data_sources", id], &[])
                    && let Some(title) = readable::title(&source).as_str()
                {
                    self.names.insert(id, title);
                }
            }
        }
        self
    }
}

/// Says what an id is the id of, where a tool got one of another kind: a database's where a data source is due, say.
pub fn explain(session: &Session<'_>, arguments: &Object, error: Error) -> Error {
    if error.code() != Code::NotFound {
        return error;
    }
    let sources = ["data_source_id", "to_data_source_id"];
    let databases = ["database_id", "to_database_id"];
    let pages = ["page_id", "to_page_id"];
    let given = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, argument(arguments, name)?)))
    };
    let found = [
        given(sources).and_then(|(name, id)| is_database(session, name, id, "a data source")),
        given(databases).and_then(|(name, id)| is_source(session, name, id, "a database")),
        given(pages).and_then(|(name, id)| {
            let database = is_database(session, name, id, "a page");
            database.or_else(|| is_source(session, name, id, "a page"))
        }),
    ];
    found.into_iter().flatten().next().unwrap_or(error)
}

fn is_database(session: &Session<'_>, argument: &str, id: &str, due: &str) -> Option<Error> {
    let database = session.get(&["v1", "databases", id], &[]).ok()?;
    let sources = list(&database["data_sources"]).filter_map(|source| {
        Some(format!(
            "{} (`{}`)",
            source["name"].as_str().unwrap_or_default(),
            source["id"].as_str()?
        ))
    });
    let sources = sources.collect::<Vec<_>>().join(", ");
    Some(
        Error::invalid_params(format!("`{argument}` is a database's id, and not that of {due}."))
            .with_hint(format!("Its data sources are {sources}.")),
    )
}

fn is_source(session: &Session<'_>, argument: &str, id: &str, due: &str) -> Option<Error> {
    let source = session.get(&["v1", "data_sources", id], &[]).ok()?;
    let database = source["parent"]["database_id"].as_str();
    let hint = match database.filter(|_| due == "a database") {
        Some(database) => format!("Its database is `{database}`."),
        None => "Use the tools for data sources: get_data_source, query_data_source.".to_owned(),
    };
    Some(
        Error::invalid_params(format!(
            "`{argument}` is a data source's id, and not that of {due}."
        ))
        .with_hint(hint),
    )
}
