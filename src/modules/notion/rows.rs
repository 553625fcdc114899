//! Rows of data sources, by the caller's filters or those of a view.

use serde_json::{Map, Value, json};

use super::readable::Names;
use super::{argument, ids, limits, list, lookup, pages, readable, writable};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::time::Moment;
use crate::upstream::Method;

/// Returns rows by the filter and the order in the arguments. A plain filter needs its column's type, which is read first.
pub fn query(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let source = argument(arguments, "data_source_id").unwrap_or_default();
    for name in ["filter_value", "filter_condition"] {
        // Alone they filter nothing: every row would look like an answer.
        if argument(arguments, name).is_some() && argument(arguments, "filter_property").is_none() {
            return Err(Error::invalid_params(format!("`{name}` needs `filter_property`."))
                .with_hint("Name the column, or give Notion's own `filter` alone."));
        }
    }
    let filter = match (argument(arguments, "filter_property"), arguments.get("filter")) {
        (Some(_), Some(_)) => return Err(either("filter_property", "filter")),
        (Some(property), None) => {
            Some(filter(property, arguments, || session.get(&["v1", "data_sources", source], &[]))?)
        }
        (None, raw) => raw.cloned(),
    };
    let sorts = match (argument(arguments, "sort_property"), arguments.get("sorts")) {
        (Some(_), Some(_)) => return Err(either("sort_property", "sorts")),
        (Some(property), None) => {
            let by = if is_timestamp(property) { "timestamp" } else { "property" };
            Some(json!([{by: property, "direction": arguments["sort_direction"]}]))
        }
        (None, raw) => raw.cloned(),
    };
    let columns = arguments.get("columns").filter(|columns| list(columns).next().is_some());
    let columns: Option<Vec<_>> =
        columns.map(|columns| list(columns).filter_map(Value::as_str).collect());
    rows(session, source, filter, sorts, columns.as_deref(), arguments)
}

/// Returns the rows of a view: Notion's own view queries return only ids, so the view's filter and sorts are used in a query.
pub fn query_view(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let view =
        session.get(&["v1", "views", argument(arguments, "view_id").unwrap_or_default()], &[])?;
    let source = view["data_source_id"].as_str().ok_or_else(|| {
        Error::invalid_params("A dashboard has no rows of its own.")
            .with_hint("Query the views on it: list_views names them.")
    })?;
    let shown =
        list(&view["configuration"]["properties"]).filter(|column| column["visible"] != false);
    let columns: Vec<_> = shown.filter_map(|column| column["property_name"].as_str()).collect();
    let columns = if columns.is_empty() { None } else { Some(&columns[..]) };
    let sorts = Some(view["sorts"].clone()).filter(|sorts| list(sorts).next().is_some());
    rows(session, source, view_filter(&view), sorts, columns, arguments)
}

/// Returns the views of a database or data source. Notion lists only their ids, so each view is read.
pub fn views(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let limit = arguments["limit"].to_string();
    if !["database_id", "data_source_id"].iter().any(|name| arguments.contains_key(*name)) {
        return Err(Error::invalid_params("`database_id` or `data_source_id` is missing.")
            .with_hint("Give one of them; search and get_database name data sources."));
    }
    let given = ["database_id", "data_source_id"]
        .map(|name| argument(arguments, name).map(|id| (name, id)));
    let cursor = argument(arguments, "cursor").map(|cursor| ("start_cursor", cursor));
    let query: Vec<_> =
        given.into_iter().chain([Some(("page_size", limit.as_str())), cursor]).flatten().collect();
    let page = session.get(&["v1", "views"], &query)?;
    let view = |reference: &Value| {
        let view =
            session.get(&["v1", "views", reference["id"].as_str().unwrap_or_default()], &[])?;
        Ok(json!({
            "id": view["id"], "name": view["name"], "type": view["type"], "data_source_id": view["data_source_id"], "url": view["url"],
        }))
    };
    let items: Result<Value, Error> = list(&page["results"]).map(view).collect();
    Ok(paged(items?, &page))
}

fn rows(
    session: &Session<'_>,
    source: &str,
    filter: Option<Value>,
    sorts: Option<Value>,
    columns: Option<&[&str]>,
    arguments: &Object,
) -> Result<Value, Error> {
    let mut body = Map::new();
    for (name, value) in [("filter", &filter), ("sorts", &sorts)] {
        if let Some(value) = value {
            limits::check(name, value)?;
        }
    }
    let cursor = arguments.get("cursor").cloned();
    let limit = arguments.get("limit").cloned();
    for (name, value) in
        [("filter", filter), ("sorts", sorts), ("start_cursor", cursor), ("page_size", limit)]
    {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    let answer = session.send(
        Method::Post,
        &["v1", "data_sources", source, "query"],
        &[],
        Some(&body.into()),
    )?;
    let pages: Vec<_> = list(&answer["results"]).filter(|page| page["object"] == "page").collect();
    let shown = |page: &Value| match columns {
        None => page["properties"].clone(),
        Some(columns) => {
            let shown =
                columns.iter().filter_map(|column| pages::find(&page["properties"], column));
            shown.map(|(name, property)| (name.to_owned(), property.clone())).collect()
        }
    };
    let all: Value = pages
        .iter()
        .enumerate()
        .flat_map(|(at, page)| {
            let properties = shown(page);
            let properties = properties.as_object().cloned().unwrap_or_default();
            properties.into_iter().map(move |(name, property)| (format!("{at} {name}"), property))
        })
        .collect();
    let names =
        lookup::Lookup::new(session).users_of(&all).related(&all, lookup::limit(arguments)).names;
    let items = list(&answer["results"]).map(|page| row(page, columns, &names));
    Ok(paged(items.collect::<Result<Value, _>>()?, &answer))
}

/// Adds to the hits of a search the titles of the data sources that they are rows of, the first few of them.
pub fn with_sources(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let source = |hit: &Value| {
        let is_row = hit["parent_type"] == "data_source_id";
        is_row.then(|| hit["parent_id"].as_str().map(str::to_owned)).flatten()
    };
    let sources: Vec<_> = list(&result["items"]).filter_map(source).collect();
    let names = lookup::Lookup::new(session).sources(sources.iter().map(String::as_str)).names;
    for hit in result["items"].as_array_mut().into_iter().flatten() {
        if let Some(id) = source(hit) {
            hit["parent_id"] = names.named(&id.into());
        }
    }
    Ok(result)
}

fn paged(items: Value, answer: &Value) -> Value {
    let mut result = json!({"items": items});
    if answer["next_cursor"].is_string() {
        result["next_cursor"] = answer["next_cursor"].clone();
    }
    result
}

/// Returns a page as a row: its id, then its columns, the title first.
fn row(page: &Value, columns: Option<&[&str]>, names: &Names) -> Result<Value, Error> {
    let mut row = Map::new();
    row.insert("id".to_owned(), page["id"].clone());
    let properties = &page["properties"];
    if page["object"] != "page" {
        // A wiki's rows may be data sources, whose properties are columns and not values.
        row.insert("title".to_owned(), readable::title(page));
        return Ok(row.into());
    }
    let mut put = |name: &str, property: &Value| {
        // A column called `id` would hide the page's own.
        let name = if name == "id" { "id (column)" } else { name };
        row.insert(name.to_owned(), readable::cell(property, names));
    };
    if let Some(columns) = columns {
        for column in columns {
            let (name, property) = pages::find(properties, column)
                .ok_or_else(|| pages::unknown(column, properties))?;
            put(name, property);
        }
    } else {
        let all = || properties.as_object().into_iter().flatten();
        let is_title = |property: &Value| property["type"] == "title";
        let ordered = all()
            .filter(|(_, property)| is_title(property))
            .chain(all().filter(|(_, property)| !is_title(property)));
        ordered.for_each(|(name, property)| put(name, property));
    }
    Ok(row.into())
}

/// Returns a plain filter in the form of its column's type.
fn filter(
    property: &str,
    arguments: &Object,
    source: impl FnOnce() -> Result<Value, Error>,
) -> Result<Value, Error> {
    let given = argument(arguments, "filter_condition");
    let value = argument(arguments, "filter_value");
    if is_timestamp(property) {
        let condition = condition(property, "date", given, value)?;
        return Ok(json!({"timestamp": property, property: condition}));
    }
    let source = source()?;
    let (name, column) = pages::find(&source["properties"], property)
        .ok_or_else(|| pages::unknown(property, &source["properties"]))?;
    let kind = column["type"].as_str().unwrap_or_default();
    let condition = match kind {
        // Notion does not return the type of a formula's result, so the value decides.
        "formula" => {
            let result = formula_result(given, value);
            json!({result: condition(name, result, given, value)?})
        }
        "rollup" => {
            return Err(Error::invalid_params(format!("`{name}` is a rollup: its filter needs more than a condition."))
                .with_hint("Give Notion's own `filter`, e.g. {\"property\": \"…\", \"rollup\": {\"number\": {\"greater_than\": 1}}}."));
        }
        "verification" => match value {
            Some("verified" | "expired" | "none") => json!({"status": value}),
            _ => {
                return Err(Error::invalid_params(format!(
                    "`filter_value` must be verified, expired or none: `{name}` is of the type verification."
                )));
            }
        },
        _ => condition(name, kind, given, value)?,
    };
    Ok(json!({"property": name, kind: condition}))
}

/// Returns one condition: `{"equals": 5}`.
fn condition(
    name: &str,
    kind: &str,
    given: Option<&str>,
    value: Option<&str>,
) -> Result<Value, Error> {
    let allowed = conditions(kind);
    let condition =
        given.unwrap_or(if allowed.contains(&"equals") { "equals" } else { "contains" });
    if !allowed.contains(&condition) {
        return Err(Error::invalid_params(format!(
            "`filter_condition` cannot be {condition}: `{name}` is of the type {kind}."
        ))
        .with_hint(format!("It can be {}.", allowed.join(", "))));
    }
    let value = match condition {
        "is_empty" | "is_not_empty" => json!(true),
        _ if PERIODS.contains(&condition) => json!({}),
        _ => {
            let Some(text) = value else {
                return Err(Error::invalid_params("`filter_value` is missing.")
                    .with_hint("Give it, or the condition is_empty or is_not_empty."));
            };
            match kind {
                "relation" => ids::page_id(&text.into())?,
                "people" | "created_by" | "last_edited_by" => super::user_id(&text.into())?,
                _ => plain(kind, text).ok_or_else(|| {
                    let wanted = match kind {
                        "checkbox" => "true or false",
                        "number" | "unique_id" => "a number",
                        _ => "a date such as 2026-01-31, or today, tomorrow, yesterday, one_week_ago, one_week_from_now, one_month_ago, one_month_from_now",
                    };
                    Error::invalid_params(format!(
                        "`filter_value` must be {wanted}: `{name}` is of the type {kind}."
                    ))
                })?,
            }
        }
    };
    Ok(json!({condition: value}))
}

/// The value of a condition, where it is none for this type of column nothing.
fn plain(kind: &str, text: &str) -> Option<Value> {
    match kind {
        "number" => writable::number(&text.into()),
        // `TASK-12` is how it is shown.
        "unique_id" => writable::number(&text.rsplit('-').next().unwrap_or_default().into()),
        "checkbox" => writable::boolean(&text.into()),
        "date" | "created_time" | "last_edited_time" if RELATIVE_DAYS.contains(&text) => {
            Some(text.into())
        }
        "date" | "created_time" | "last_edited_time" => {
            Moment::read(text).map(|time| time.to_string().into())
        }
        _ => Some(text.into()),
    }
}

/// Days that Notion counts from today.
const RELATIVE_DAYS: [&str; 7] = [
    "today",
    "tomorrow",
    "yesterday",
    "one_week_ago",
    "one_week_from_now",
    "one_month_ago",
    "one_month_from_now",
];

/// Conditions that need no value.
const PERIODS: [&str; 7] =
    ["this_week", "past_week", "past_month", "past_year", "next_week", "next_month", "next_year"];

/// The conditions that a column of this type can have (`propertyFilter` in Notion's API description).
fn conditions(kind: &str) -> &'static [&'static str] {
    match kind {
        "title" | "rich_text" | "url" | "email" | "phone_number" | "string" => &[
            "equals",
            "does_not_equal",
            "contains",
            "does_not_contain",
            "starts_with",
            "ends_with",
            "is_empty",
            "is_not_empty",
        ],
        "number" | "unique_id" => &[
            "equals",
            "does_not_equal",
            "greater_than",
            "less_than",
            "greater_than_or_equal_to",
            "less_than_or_equal_to",
            "is_empty",
            "is_not_empty",
        ],
        "checkbox" => &["equals", "does_not_equal"],
        "select" | "status" => &["equals", "does_not_equal", "is_empty", "is_not_empty"],
        "multi_select" | "people" | "relation" | "created_by" | "last_edited_by" => {
            &["contains", "does_not_contain", "is_empty", "is_not_empty"]
        }
        "date" | "created_time" | "last_edited_time" => &[
            "equals",
            "before",
            "after",
            "on_or_before",
            "on_or_after",
            "this_week",
            "past_week",
            "past_month",
            "past_year",
            "next_week",
            "next_month",
            "next_year",
            "is_empty",
            "is_not_empty",
        ],
        _ => &["is_empty", "is_not_empty"],
    }
}

fn formula_result(condition: Option<&str>, value: Option<&str>) -> &'static str {
    let text = Value::from(value.unwrap_or_default());
    match condition {
        Some("before" | "after" | "on_or_before" | "on_or_after") => "date",
        Some(condition) if PERIODS.contains(&condition) => "date",
        Some("contains" | "does_not_contain" | "starts_with" | "ends_with") => "string",
        _ if writable::boolean(&text).is_some() => "checkbox",
        _ if writable::number(&text).is_some() => "number",
        _ => "string",
    }
}

fn is_timestamp(property: &str) -> bool {
    matches!(property, "created_time" | "last_edited_time")
}

/// Returns the filters of a view: its own and those pinned to its bar, which must all match.
fn view_filter(view: &Value) -> Option<Value> {
    let pinned = view["quick_filters"].as_object().into_iter().flatten();
    let pinned: Vec<_> = pinned
        .filter_map(|(property, condition)| {
            let mut filter = condition.as_object()?.clone();
            filter.insert("property".to_owned(), property.as_str().into());
            Some(Value::from(filter))
        })
        .collect();
    let own = &view["filter"];
    let mut all = match own["and"].as_array() {
        // Notion allows two levels of nesting, so the pinned filters are added to the existing list.
        Some(filters) => filters.clone(),
        None => Some(own.clone()).filter(Value::is_object).into_iter().collect(),
    };
    all.extend(pinned);
    match all.len() {
        0 => None,
        1 => all.pop(),
        _ => Some(json!({"and": all})),
    }
}

fn either(one: &str, other: &str) -> Error {
    Error::invalid_params(format!("`{one}` and `{other}` exclude each other."))
        .with_hint("Give the one or the other.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::too_many_lines)]
    fn a_plain_filter_takes_the_form_of_its_column() {
        let kinds = "title relation number checkbox status multi_select people date unique_id \
            formula rollup verification";
        let columns: Map<_, _> =
            kinds.split(' ').map(|kind| (kind.to_owned(), json!({"type": kind}))).collect();
        let source = json!({"properties": columns});
        let made = |property: &str, condition: &str, value: &str| {
            let mut arguments = Map::new();
            for (name, text) in [("filter_condition", condition), ("filter_value", value)] {
                if !text.is_empty() {
                    arguments.insert(name.to_owned(), text.into());
                }
            }
            filter(property, &arguments, || Ok(source.clone()))
        };
        let check = |property: &str, condition: &str, value: &str, expected: Value| {
            let column = property.to_lowercase();
            let expected = json!({"property": column, column: expected});
            let made = made(property, condition, value).expect("it is a good one");
            assert_eq!(made, expected, "{property} {condition} {value}");
        };
        check("TITLE", "contains", "road", json!({"contains": "road"}));
        let address = "https://www.notion.so/A-195de9221179449fab8075a27c979105";
        check("title", "", address, json!({"equals": address}));
        let id = "195de9221179449fab8075a27c979105";
        check("relation", "", address, json!({"contains": id}));
        check("number", "greater_than", "5", json!({"greater_than": 5}));
        check("checkbox", "", "true", json!({"equals": true}));
        check("status", "", "Done", json!({"equals": "Done"}));
        check("multi_select", "", "a", json!({"contains": "a"}));
        check("people", "is_empty", "", json!({"is_empty": true}));
        check("people", "", "me", json!({"contains": "me"}));
        check("people", "", &format!("Ada ({id})"), json!({"contains": id}));
        check("date", "before", "today", json!({"before": "today"}));
        check("date", "past_week", "", json!({"past_week": {}}));
        check("unique_id", "", "7", json!({"equals": 7}));
        check("unique_id", "", "TASK-7", json!({"equals": 7}));
        check("formula", "", "true", json!({"checkbox": {"equals": true}}));
        check("formula", "contains", "5", json!({"string": {"contains": "5"}}));
        check("formula", "less_than", "3", json!({"number": {"less_than": 3}}));
        check("formula", "after", "2026-01-31", json!({"date": {"after": "2026-01-31"}}));
        check("formula", "", "x", json!({"string": {"equals": "x"}}));
        check("verification", "", "verified", json!({"status": "verified"}));
        assert_eq!(
            made("created_time", "past_week", "").expect("it is a good one"),
            json!({"timestamp": "created_time", "created_time": {"past_week": {}}})
        );

        let refused = |property: &str, value: &str, part: &str| {
            let error = made(property, "", value).expect_err("it is a bad one");
            assert!(error.to_string().contains(part), "{property} {value}: {error}");
        };
        refused("number", "many", "a number");
        refused("checkbox", "yes", "true or false");
        refused("status", "", "`filter_value` is missing");
        refused("rollup", "1", "`filter`");
        refused("nobody", "1", "`checkbox`");
        refused("date", "soon", "2026-01-31");
        refused("date", "2026-02-30", "2026-01-31");
        refused("relation", "Road map", "195de922");
        refused("verification", "maybe", "verified, expired or none");
        let conditioned = |property: &str, condition: &str, part: &str| {
            let error = made(property, condition, "5").expect_err("it is a bad one");
            assert!(error.to_string().contains(part), "{property} {condition}: {error}");
        };
        conditioned("number", "contains", "greater_than");
        conditioned("checkbox", "is_empty", "does_not_equal");
        conditioned("status", "starts_with", "is_not_empty");
        conditioned("title", "before", "ends_with");
    }

    #[test]
    fn a_views_filters_all_hold() {
        let check = |filter: Value, pinned: Value, expected: Option<Value>| {
            assert_eq!(
                view_filter(&json!({"filter": filter, "quick_filters": pinned})),
                expected,
                "{filter} {pinned}"
            );
        };
        let (a, b) = (
            json!({"property": "A", "checkbox": {"equals": true}}),
            json!({"select": {"equals": "x"}, "property": "B"}),
        );
        let pinned = json!({"B": {"select": {"equals": "x"}}});
        check(Value::Null, Value::Null, None);
        check(a.clone(), Value::Null, Some(a.clone()));
        check(Value::Null, pinned.clone(), Some(b.clone()));
        check(a.clone(), pinned.clone(), Some(json!({"and": [a, b]})));
        check(json!({"and": [a, a]}), pinned.clone(), Some(json!({"and": [a, a, b]})));
        check(json!({"or": [a, a]}), pinned, Some(json!({"and": [{"or": [a, a]}, b]})));
        check(json!({"or": [a, a]}), json!({}), Some(json!({"or": [a, a]})));
    }

    #[test]
    fn a_row_begins_with_its_id_and_title() {
        let page = json!({"object": "page", "id": "p1", "properties": {
            "Cost": {"type": "number", "number": 5}, "id": {"type": "unique_id", "unique_id": {"prefix": "T", "number": 1}},
            "Name": {"type": "title", "title": [{"plain_text": "A"}]},
        }});
        let check = |columns: Option<&[&str]>, expected: &str| {
            assert_eq!(
                row(&page, columns, &Names::default()).expect("the columns are there").to_string(),
                expected,
                "{columns:?}"
            );
        };
        check(None, r#"{"id":"p1","Name":"A","Cost":5,"id (column)":"T-1"}"#);
        check(Some(&["cost"]), r#"{"id":"p1","Cost":5}"#);
        assert!(
            row(&page, Some(&["Price"]), &Names::default())
                .expect_err("there is none")
                .to_string()
                .contains("`Cost`")
        );
        let source = json!({"object": "data_source", "id": "d1", "title": [{"plain_text": "Wiki"}], "properties": {}});
        assert_eq!(
            row(&source, Some(&["Cost"]), &Names::default()).expect("it has none"),
            json!({"id": "d1", "title": "Wiki"})
        );
    }
}
