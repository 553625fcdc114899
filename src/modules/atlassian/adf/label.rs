//! The label of a placeholder, which describes the node to a reader.

use serde_json::Value;

use super::form::{content, kind};
use crate::time::{DAY, Date};

/// Returns one line without the characters that delimit a placeholder; empty if there is nothing to show.
pub(super) fn of(node: &Value) -> String {
    let attributes = &node["attrs"];
    let text = match kind(node) {
        "date" => attributes["timestamp"].as_str().and_then(iso_date).unwrap_or_default(),
        "media" | "mediaInline" => first(attributes, &["alt", "url", "id"]),
        "inlineCard" | "blockCard" | "embedCard" => first(attributes, &["url"]),
        "extension" | "inlineExtension" | "bodiedExtension" => {
            format!("{} {}", first(attributes, &["extensionKey"]), first(attributes, &["text"]))
        }
        "tableCell" | "tableHeader" => spans(attributes),
        "layoutColumn" => {
            number(attributes, "width").map_or_else(String::new, |w| format!("{w} %"))
        }
        // A mark has no content of its own and is identified by its attribute.
        _ => first(
            attributes,
            &[
                "text",
                "shortName",
                "title",
                "panelType",
                "state",
                "color",
                "type",
                "name",
                "href",
                "mode",
                "id",
            ],
        ),
    };
    let parts: Vec<String> = std::iter::once(text)
        .chain(std::iter::once(full_text(node)))
        .map(|part| one_line(&part))
        .collect();
    parts.join(" ").trim().to_owned()
}

/// Returns the label of a node whose content is shown separately.
pub(super) fn of_shell(node: &Value) -> String {
    of(&serde_json::json!({"type": node["type"], "attrs": node["attrs"]}))
}

/// Returns all text below a node, with spaces between blocks; a node without text returns its label.
pub(super) fn full_text(node: &Value) -> String {
    let mut text = node["text"].as_str().unwrap_or_default().to_owned();
    for child in content(node) {
        if kind(child) != "text" && content(child).is_empty() {
            text.push_str(&of(child));
        } else {
            if kind(child) != "text" && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&full_text(child));
        }
    }
    text
}

fn first(attributes: &Value, names: &[&str]) -> String {
    names
        .iter()
        .filter_map(|name| attributes[*name].as_str())
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// Returns how many columns and rows a cell spans, if more than one.
fn spans(attributes: &Value) -> String {
    let spans = ["colspan", "rowspan"].into_iter().filter_map(|name| {
        number(attributes, name).filter(|count| count != "1").map(|count| format!("{name} {count}"))
    });
    spans.collect::<Vec<_>>().join(", ")
}

fn number(attributes: &Value, name: &str) -> Option<String> {
    attributes[name].as_number().map(ToString::to_string)
}

fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    text.replace(['⟦', '⟧'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the day of a time in milliseconds since 1970.
fn iso_date(milliseconds: &str) -> Option<String> {
    let days = milliseconds.parse::<i64>().ok()?.div_euclid(1_000 * DAY);
    Date::from_days(0).plus(days).map(|date| date.to_string())
}
