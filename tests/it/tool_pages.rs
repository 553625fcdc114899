//! Documentation of the tools: `docs/tools.md`, written from the module files, and the pages about connecting, which name every
//! permission that a tool needs.

use std::fmt::Write;
use std::fs;

use mcpist::engine::schema::{Format, Kind, Range, Schema};
use mcpist::engine::{Condition, Module, Param, Presence, Publishes, Tool};
use serde_json::Value;

use crate::modules::{check_written, for_every_tool, registry, repository};

#[test]
fn the_reference_says_what_the_module_files_say() {
    let registry = registry();
    let modules = registry.modules();
    let of_all =
        |is: fn(&Tool) -> bool| modules.iter().map(|module| count(module, is)).sum::<usize>();
    let mut page = format!(
        "# Tools\n\n\
        {} tools of {} services, as `get_module_schema` and `mcpist tools` describe them. Written from the module files by\n\
        `UPDATE_SNAPSHOTS=1 cargo test reference`; [coverage.md](coverage.md) has them by what one wants to do.\n\n\
        - A tool *reads* or *writes*; one that *asks first* deletes, overwrites, costs money or reaches other people, and runs only after its user has agreed.\n\
        - *Permissions* are what the credential must allow, in the service's own words; [connect](connect) says where to set them.\n\
        - Clients that list tools by themselves see them with their module's name in front: `github_get_me`.\n\n\
        | module | tools | read | write | ask first |\n|---|--:|--:|--:|--:|\n",
        of_all(|_| true),
        modules.len()
    );
    for module in modules {
        let (all, reading, asking) = (
            module.tools.len(),
            count(module, Tool::is_read_only),
            count(module, Tool::may_need_confirmation),
        );
        write_line(
            &mut page,
            &format!(
                "| [{}](#{}) | {all} | {reading} | {} | {asking} |",
                module.title,
                anchor(&module.title),
                all - reading
            ),
        );
    }
    for module in modules {
        write_line(
            &mut page,
            &format!(
                "\n## {}\n\nModule `{}`. {}",
                module.title,
                module.name,
                plain(&module.description)
            ),
        );
        let links: Vec<_> = module
            .tools
            .iter()
            .map(|tool| format!("[{}](#{})", tool.name, tool.published_name))
            .collect();
        write_line(&mut page, &format!("\n{}", links.join(" · ")));
        for tool in &module.tools {
            write_tool(&mut page, module, tool);
        }
    }
    check_written(&repository("docs/tools.md"), &page);
}

fn count(module: &Module, is: fn(&Tool) -> bool) -> usize {
    module.tools.iter().filter(|tool| is(tool)).count()
}

/// The anchor that a heading gets on the usual hosts.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

fn write_line(page: &mut String, line: &str) {
    writeln!(page, "{line}").expect("a string takes all");
}

fn write_tool(page: &mut String, module: &Module, tool: &Tool) {
    write_line(page, &format!("\n### {}\n\n{}\n", tool.published_name, plain(&tool.description)));
    let mut facts = vec![does(tool)];
    if !tool.permissions.is_empty() {
        let permissions: Vec<_> =
            tool.permissions.iter().map(|permission| format!("`{permission}`")).collect();
        facts.push(format!("permissions: {}", permissions.join(", ")));
    }
    facts.push(format!("[{}'s page]({})", module.title, tool.docs));
    write_line(page, &facts.join(" · "));
    if !tool.rules.changes.is_empty() {
        let names: Vec<_> = tool.rules.changes.iter().map(|name| format!("`{name}`")).collect();
        write_line(page, &format!("\nChanges at least one of {}.", names.join(", ")));
    }
    if !tool.params.is_empty() {
        page.push('\n');
    }
    for param in &tool.params {
        write_param(page, param);
    }
}

fn does(tool: &Tool) -> String {
    let again = tool.annotations.idempotent == Some(true);
    let again = if again { ", can be repeated" } else { "" };
    let asks = match &tool.publishes {
        _ if tool.is_read_only() => return "Reads".to_owned(),
        Publishes::Always => ", asks first".to_owned(),
        _ if tool.is_destructive() => ", asks first".to_owned(),
        Publishes::Never => String::new(),
        Publishes::When(conditions) => {
            let when: Vec<_> = conditions
                .iter()
                .map(|(name, condition)| match condition {
                    Condition::Given => format!("`{name}`"),
                    Condition::OneOf(values) => {
                        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                        format!("`{name}` {}", values.join(" or "))
                    }
                })
                .collect();
            format!(", asks first with {}", when.join(", "))
        }
    };
    format!("Writes{asks}{again}")
}

fn write_param(page: &mut String, param: &Param) {
    let presence = match &param.presence {
        Presence::Required => "**required**".to_owned(),
        Presence::Optional => String::new(),
        Presence::Default(value) => format!("default `{value}`"),
    };
    write_schema(page, 0, &param.name, &param.written(), &presence);
}

/// An argument or a member of one, with its own members below it.
fn write_schema(page: &mut String, depth: usize, name: &str, schema: &Schema, presence: &str) {
    let mut facts = vec![kind(&schema.kind)];
    if !schema.choices.is_empty() {
        facts.push(choices(schema));
    }
    facts.extend(schema.format.map(|format| match format {
        Format::Date => "date".to_owned(),
        Format::DateTime => "time with offset".to_owned(),
        Format::Instant => "date, or time with offset".to_owned(),
        Format::DateOrTime => "date or time".to_owned(),
        Format::TimeZone => "IANA time zone".to_owned(),
    }));
    facts.extend(schema.longest.map(|longest| match schema.kind {
        Kind::Array(_) => format!("at most {longest}"),
        _ => format!("at most {longest} characters"),
    }));
    facts.extend((!presence.is_empty()).then(|| presence.to_owned()));
    let description =
        schema.description.as_deref().map(|text| format!(": {}", plain(text))).unwrap_or_default();
    write_line(
        page,
        &format!("{}- `{name}` ({}){description}", "  ".repeat(depth), facts.join("; ")),
    );
    write_members(page, depth + 1, &schema.kind);
}

fn write_members(page: &mut String, depth: usize, kind: &Kind) {
    match kind {
        Kind::Array(items) => write_members(page, depth, &items.kind),
        Kind::Object { properties, required } => {
            for (name, schema) in properties {
                write_schema(
                    page,
                    depth,
                    name,
                    schema,
                    if required.contains(name) { "**required**" } else { "" },
                );
            }
        }
        Kind::String | Kind::Integer(_) | Kind::Number(_) | Kind::Boolean => {}
    }
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Integer(range) | Kind::Number(range) => format!("{}{}", kind.name(), bounds(range)),
        Kind::Array(items) if items.choices.is_empty() => {
            format!("array of {}s", items.kind.name())
        }
        Kind::Array(items) => format!("array of {}", choices(items)),
        Kind::String | Kind::Boolean | Kind::Object { .. } => kind.name().to_owned(),
    }
}

fn choices(schema: &Schema) -> String {
    let written =
        |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
    schema
        .choices
        .iter()
        .map(|choice| format!("`{}`", written(choice)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn bounds(range: &Range) -> String {
    match (&range.minimum, &range.maximum) {
        (Some(minimum), Some(maximum)) => format!(" {minimum} to {maximum}"),
        (Some(minimum), None) => format!(" from {minimum}"),
        (None, Some(maximum)) => format!(" up to {maximum}"),
        (None, None) => String::new(),
    }
}

/// A text as Markdown that shows it unchanged: text outside code keeps its angle brackets and stars.
fn plain(text: &str) -> String {
    let mut code = false;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        code ^= character == '`';
        if !code && matches!(character, '<' | '*' | '[') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[test]
fn every_permission_is_on_the_page_about_connecting() {
    for_every_tool(|module, tool| {
        let page = fs::read_to_string(repository(&format!("docs/connect/{}.md", module.name)))
            .unwrap_or_default();
        let missing = tool.permissions.iter().filter(|permission| !names(&page, permission));
        missing
            .map(|permission| {
                format!("docs/connect/{}.md does not name {permission:?}", module.name)
            })
            .collect()
    });
}

/// Returns whether the page names the permission itself, not as part of another name.
fn names(page: &str, permission: &str) -> bool {
    let goes_on =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | ':');
    page.match_indices(permission).any(|(at, _)| {
        let mut after = page[at + permission.len()..].chars();
        let ends = match after.next() {
            Some('.') => !after.next().is_some_and(goes_on),
            next => !next.is_some_and(goes_on),
        };
        ends && !page[..at].ends_with(|before| goes_on(before) || before == '.' || before == '/')
    })
}

#[test]
fn a_permission_is_not_found_within_another() {
    for (page, permission, found) in [
        ("`calendar.events`", "calendar.events", true),
        ("grant calendar.events.", "calendar.events", true),
        ("`calendar.events.readonly`", "calendar.events", false),
        ("`calendar.events_x`", "calendar.events", false),
        ("`my-calendar.events`", "calendar.events", false),
        ("`a.calendar.events` and `calendar.events`", "calendar.events", true),
        ("", "calendar.events", false),
    ] {
        assert_eq!(names(page, permission), found, "{permission} in {page}");
    }
}
