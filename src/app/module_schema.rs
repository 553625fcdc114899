//! The meta-tool `get_module_schema`: modules, groups and tools in steps, so that no answer is too large for a client.

use std::fmt::Write;

use serde_json::{Value, json};

use super::meta_tools::{names, refuse_unknown};
use super::tokens::estimated;
use super::visible::Visible;
use crate::engine::{Explained, Module, Tool};
use crate::error::{Code, Error, quoted};
use crate::json::Object;
use crate::mcp::handler::ToolResult;

/// Tokens up to which modules come whole; larger ones come as an index.
const WHOLE: usize = 4_000;
/// The most tokens of an answer.
const MOST: usize = 6_000;
/// Tokens that are kept for the names of what an answer leaves out.
const REST: usize = 600;
/// The most characters of a tool's first sentence in an index.
const SENTENCE: usize = 110;
/// What an index says first.
const WITHOUT: &str =
    "Without parameters: name `groups` or `tools` to get theirs, or use search_tools.\n";

/// Modules with those of their tools that are asked for.
type Selected<'a> = Vec<(&'a Module, Vec<&'a Tool>)>;

/// Runs `get_module_schema`.
pub(super) fn run(visible: &Visible<'_>, arguments: &Object) -> Result<ToolResult, Error> {
    refuse_unknown(arguments, &["modules", "module", "groups", "tools", "format"])?;
    let modules = match names(arguments, "modules")? {
        None => names(arguments, "module")?,
        modules => modules,
    };
    let (groups, tools) = (names(arguments, "groups")?, names(arguments, "tools")?);
    let as_json = match arguments.get("format").map(|format| format.as_str().unwrap_or_default()) {
        None | Some("text") => false,
        Some("json") => true,
        Some(_) => {
            return Err(Error::invalid_params("format is not known")
                .with_hint("Use \"text\" (the default) or \"json\" for JSON Schema."));
        }
    };
    if modules.is_none() && groups.is_none() && tools.is_none() {
        let text = if as_json { list_as_json(visible) } else { list(visible) };
        return Ok(ToolResult::text(text));
    }
    let is_named = groups.is_some() || tools.is_some();
    let selected = select(visible, modules.as_deref(), groups.as_deref(), tools.as_deref())?;
    Ok(ToolResult::text(match (as_json, is_named) {
        (true, _) => schemas(visible, &selected),
        (false, true) => signatures(visible, &selected),
        (false, false) => overview(visible, &selected),
    }))
}

/// The tools that are asked for.
fn select<'a>(
    visible: &Visible<'a>,
    modules: Option<&[String]>,
    groups: Option<&[String]>,
    tools: Option<&[String]>,
) -> Result<Selected<'a>, Error> {
    let within: Vec<&Module> = match modules {
        Some(modules) => {
            modules.iter().map(|name| visible.module(name)).collect::<Result<_, _>>()?
        }
        None => visible.modules().collect(),
    };
    let mut found: Vec<(&Module, &Tool)> = Vec::new();
    for group in groups.unwrap_or_default() {
        found.extend(of_group(visible, &within, group)?);
    }
    for name in tools.unwrap_or_default() {
        found.push(named(visible, &within, name)?);
    }
    let is_named = groups.is_some() || tools.is_some();
    let selected = within.into_iter().map(|module| {
        let tools = visible
            .tools_of(module)
            .filter(|tool| !is_named || found.iter().any(|(_, found)| std::ptr::eq(*found, *tool)));
        (module, tools.collect())
    });
    Ok(selected.filter(|(_, tools): &(_, Vec<_>)| !is_named || !tools.is_empty()).collect())
}

/// The tools of a group: `issues`, or `github.issues`.
fn of_group<'a>(
    visible: &Visible<'a>,
    within: &[&'a Module],
    name: &str,
) -> Result<Vec<(&'a Module, &'a Tool)>, Error> {
    let (module, group) =
        name.split_once('.').map_or((None, name), |(module, group)| (Some(module), group));
    let is_asked = |known: &&&Module| module.is_none_or(|module| module == known.name);
    let tools: Vec<_> = within
        .iter()
        .filter(is_asked)
        .flat_map(|module| visible.tools_of(module).map(|tool| (*module, tool)))
        .filter(|(_, tool)| tool.group() == group)
        .collect();
    if tools.is_empty() {
        let hint = within.iter().filter(is_asked).map(|module| {
            let groups = grouped(&visible.tools_of(module).collect::<Vec<_>>());
            let groups: Vec<&str> = groups.iter().map(|(group, _)| *group).collect();
            format!("{}: {}", module.name, groups.join(", "))
        });
        let hint = hint.take(8).collect::<Vec<_>>().join("; ");
        return Err(Error::new(Code::NotFound, format!("group {} does not exist", quoted(name)))
            .with_hint(format!("Groups of {hint}.")));
    }
    Ok(tools)
}

/// A tool by its name in one of the modules, as `module.tool`, or by its published name.
fn named<'a>(
    visible: &Visible<'a>,
    within: &[&'a Module],
    name: &str,
) -> Result<(&'a Module, &'a Tool), Error> {
    if let Some((module, tool)) = name.split_once('.') {
        return visible.tool(module, tool);
    }
    let is_asked = |tool: &&Tool| tool.name == name || tool.published_name == name;
    let found =
        within.iter().find_map(|module| Some((*module, visible.tools_of(module).find(is_asked)?)));
    match (found, within) {
        (Some(found), _) => Ok(found),
        (None, [module]) => visible.tool(&module.name, name),
        (None, _) => Err(Error::new(Code::NotFound, format!("there is no tool {}", quoted(name)))
            .with_hint("Name its module, too, or find it with search_tools.")),
    }
}

/// The tools by group, in the order of the groups' first tools.
fn grouped<'a>(tools: &[&'a Tool]) -> Vec<(&'a str, Vec<&'a Tool>)> {
    let mut groups: Vec<(&str, Vec<&Tool>)> = Vec::new();
    for tool in tools {
        match groups.iter_mut().find(|(group, _)| *group == tool.group()) {
            Some((_, tools)) => tools.push(tool),
            None => groups.push((tool.group(), vec![tool])),
        }
    }
    groups
}

/// The modules, each with its groups.
fn list(visible: &Visible<'_>) -> String {
    let mut text = String::new();
    for module in visible.modules() {
        let tools: Vec<&Tool> = visible.tools_of(module).collect();
        let groups = grouped(&tools);
        let _ = write!(
            text,
            "{}: {} {} tools, {}.",
            module.name,
            module.description,
            tools.len(),
            visible.state(module)
        );
        if groups.len() > 1 {
            let groups: Vec<&str> = groups.iter().map(|(group, _)| *group).take(40).collect();
            let _ = write!(text, " Groups: {}.", groups.join(", "));
        }
        text.push('\n');
    }
    match text.trim_end() {
        "" => "No module is permitted here.".to_owned(),
        text => cut_lines(text, MOST),
    }
}

fn list_as_json(visible: &Visible<'_>) -> String {
    let modules: Vec<Value> = visible
        .modules()
        .map(|module| described(visible, module, json!(visible.tools_of(module).count())))
        .collect();
    json!({"modules": modules}).to_string()
}

/// Modules whole if they are small enough together, or else what they have.
fn overview(visible: &Visible<'_>, selected: &Selected<'_>) -> String {
    let whole = |module: &Module, tools: &[&Tool]| {
        let mut explained = Explained::default();
        let accounts = visible.accounts(module);
        let tools =
            tools.iter().map(|tool| tool.signature(&module.name, &accounts, &mut explained));
        tools.collect::<Vec<_>>().join("\n")
    };
    let head = |module: &Module, tools: &[&Tool]| {
        format!("# {}: {} tools, {}\n", module.name, tools.len(), visible.state(module))
    };
    let modules =
        selected.iter().map(|(module, tools)| head(module, tools) + &whole(module, tools));
    let text = modules.collect::<Vec<_>>().join("\n");
    if estimated(&text) <= WHOLE {
        return text;
    }
    let ways: [fn(&[&Tool]) -> String; 3] = [sentences, tool_names, counts];
    let mut text = String::new();
    for way in ways {
        let modules = selected
            .iter()
            .map(|(module, tools)| format!("{}{WITHOUT}{}", head(module, tools), way(tools)));
        text = modules.collect::<Vec<_>>().join("\n");
        if estimated(&text) <= MOST {
            return text;
        }
    }
    cut_lines(&text, MOST)
}

/// The tools by group, each with its first sentence.
fn sentences(tools: &[&Tool]) -> String {
    let groups = grouped(tools).into_iter().map(|(group, tools)| {
        let lines = tools
            .iter()
            .map(|tool| format!("\n{}: {}", tool.name, first_sentence(&tool.description)));
        format!("## {group}{}", lines.collect::<String>())
    });
    groups.collect::<Vec<_>>().join("\n")
}

/// The names of the tools by group.
fn tool_names(tools: &[&Tool]) -> String {
    let groups = grouped(tools).into_iter().map(|(group, tools)| {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        format!("{group}: {}", names.join(", "))
    });
    groups.collect::<Vec<_>>().join("\n")
}

/// The groups, each with how many tools it has.
fn counts(tools: &[&Tool]) -> String {
    let groups = grouped(tools).into_iter();
    let groups = groups.map(|(group, tools)| format!("{group} ({} tools)", tools.len()));
    groups.collect::<Vec<_>>().join("\n")
}

/// The signatures of named tools; the names of those that would make the answer too large.
fn signatures(visible: &Visible<'_>, selected: &Selected<'_>) -> String {
    let mut explained = Explained::default();
    let (mut text, mut rest) = (String::new(), Vec::new());
    let mut tokens = 0;
    for (module, tools) in selected {
        let accounts = visible.accounts(module);
        for tool in tools {
            if rest.is_empty() {
                let signature = tool.signature(&module.name, &accounts, &mut explained);
                tokens += estimated(&signature) + 1;
                if tokens <= MOST - REST {
                    text.push_str(&signature);
                    text.push('\n');
                    continue;
                }
            }
            rest.push(format!("{}.{}", module.name, tool.name));
        }
        if let Some(state) = visible.not_connected(module) {
            let _ = writeln!(text, "{}: {state}", module.name);
        }
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "{}", left_out(&rest));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The tools as JSON Schema; the names of those that would make the answer too large.
fn schemas(visible: &Visible<'_>, selected: &Selected<'_>) -> String {
    let mut tokens = 0;
    let mut is_full = false;
    let modules = selected.iter().map(|(module, tools)| {
        let accounts = visible.accounts(module);
        let (mut shown, mut rest) = (Vec::new(), Vec::new());
        for tool in tools {
            // The accounts stand beside the tools, but not every tool can read all of them at once.
            let accounts: &[String] = if tool.across_accounts.is_some() { &accounts } else { &[] };
            let mut published = tool.published(accounts);
            // Inside its module a tool goes by its short name: the prefix would cost tokens on every line.
            published["name"] = json!(tool.name);
            tokens += estimated(&published.to_string());
            is_full |= tokens > MOST - REST;
            if is_full { rest.push(tool.name.clone()) } else { shown.push(published) }
        }
        let mut described = described(visible, module, shown.into());
        if !rest.is_empty() {
            described["not_shown"] = left_out(&rest).into();
        }
        described
    });
    json!({"modules": modules.collect::<Vec<_>>()}).to_string()
}

/// A module with the accounts that its calls can choose from.
fn described(visible: &Visible<'_>, module: &Module, tools: Value) -> Value {
    let mut described = json!({"module": module.name, "description": module.description});
    let accounts = visible.accounts(module);
    if accounts.len() > 1 {
        described["accounts"] = accounts.into();
    }
    described["tools"] = tools;
    described
}

/// What says which tools an answer leaves out.
fn left_out(names: &[String]) -> String {
    let mut shown = names.len();
    loop {
        let more = names.len() - shown;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "Left out, to keep this short: {}{more}. Ask for them by `tools`.",
            names[..shown].join(", ")
        );
        if shown <= 1 || estimated(&text) <= REST {
            return text;
        }
        shown /= 2;
    }
}

/// The lines up to `most` tokens, and how many there are more.
fn cut_lines(text: &str, most: usize) -> String {
    let (mut kept, mut tokens) = (String::new(), 0);
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        tokens += estimated(line) + 1;
        if tokens > most - 20 {
            let _ = write!(kept, "… and {} lines more: use search_tools.", lines.len() - at);
            return kept;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// The first sentence of a description, not too long.
fn first_sentence(text: &str) -> String {
    let end = text.find(". ").map_or(text.len(), |end| end + 1);
    let sentence = text[..end].trim_end_matches(['.', ':']);
    match sentence.char_indices().nth(SENTENCE) {
        None => sentence.to_owned(),
        Some((end, _)) => {
            format!("{}…", &sentence[..sentence[..end].rfind(' ').unwrap_or(end)])
        }
    }
}
