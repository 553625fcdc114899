//! Prompts: common tasks that use several services, as instructions for the model.
//!
//! A prompt is a file: a JSON head, a line `---`, and the text. In the text, `{{name}}` is an argument (`{{today}}` always
//! exists), and `` `module.tool {"param": "…"}` `` is a call, which is written in the form that the caller's view uses. A line
//! is left out if it cites a tool that the caller may not use, or an argument that is missing. A param of a call is left out if
//! its argument is missing.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Visible, meta_tools};
use crate::engine::Module;
use crate::engine::resource::Completion;
use crate::error::Error;
use crate::json::Object;
use crate::mcp::handler::Item;
use crate::mcp::message::wrong_type;
use crate::time::rfc3339_now;

/// The files, in the order in which they are listed.
const FILES: &[&str] = &[
    include_str!("prompts/plan_day.md"),
    include_str!("prompts/weekly_report.md"),
    include_str!("prompts/tidy_notifications.md"),
    include_str!("prompts/triage_issues.md"),
    include_str!("prompts/review_pull_request.md"),
    include_str!("prompts/explain_failed_run.md"),
    include_str!("prompts/plan_sprint.md"),
    include_str!("prompts/summarize_page.md"),
    include_str!("prompts/check_database.md"),
];

/// The maximum length of an argument in characters. An argument can appear several times in a text.
const LONGEST_ARGUMENT: usize = 2_000;

/// Text before the prompt in views where tools are called through the meta-tools.
const HOW_TO_CALL: &str = "Text in backticks that begins with {\"module\": holds the arguments of the tool `call`; get_module_schema shows what \
else a tool takes. Make calls that do not wait for each other in one `batch`.\n\n";

static PROMPTS: LazyLock<Vec<Prompt>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|file| Prompt::parse(file).expect("a test holds that every file is right"))
        .collect()
});

struct Prompt {
    head: Head,
    text: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    title: String,
    description: String,
    /// The tools that the prompt needs; it is hidden without them. All of them are read-only. `a|b` needs one of the two.
    needs: Vec<String>,
    #[serde(default)]
    arguments: Vec<Argument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    name: String,
    description: String,
    #[serde(default)]
    required: bool,
    /// `module.completion`.
    complete: Option<String>,
}

impl Prompt {
    fn parse(file: &'static str) -> Result<Self, String> {
        let (head, text) = file.split_once("\n---\n").ok_or("there is no line `---`")?;
        Ok(Self { head: serde_json::from_str(head).map_err(|error| error.to_string())?, text })
    }

    fn definition(&self) -> Value {
        let Head { name, title, description, arguments, .. } = &self.head;
        let argument = |Argument { name, description, required, .. }: &Argument| json!({"name": name, "description": description, "required": required});
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        json!({"name": name, "title": title, "description": description, "arguments": arguments})
    }

    /// Returns the text for a caller.
    fn write(
        &self,
        visible: &Visible<'_>,
        meta_tools: bool,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        let mut text = if meta_tools { HOW_TO_CALL.to_owned() } else { String::new() };
        for line in
            self.text.lines().filter_map(|line| write_line(line, visible, meta_tools, known))
        {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

/// Returns the prompts that exist for the caller.
fn prompts(visible: &Visible<'_>) -> impl Iterator<Item = &'static Prompt> {
    let permitted = |tool: &str| {
        let (module, name) = tool.split_once('.')?;
        visible.app.registry().module(module).map(|module| visible.permits(module, name))
    };
    let one_of = move |needed: &String| needed.split('|').any(|tool| permitted(tool) == Some(true));
    PROMPTS.iter().filter(move |prompt| prompt.head.needs.iter().all(one_of))
}

fn prompt(visible: &Visible<'_>, name: &str) -> Result<&'static Prompt, Error> {
    let unknown = || {
        Error::invalid_params(format!("unknown prompt {name:?}"))
            .with_hint("prompts/list names those that exist.")
    };
    prompts(visible).find(|prompt| prompt.head.name == name).ok_or_else(unknown)
}

/// Returns the definitions of the prompts that exist for the caller.
pub(super) fn list(visible: &Visible<'_>) -> Vec<Arc<Item>> {
    prompts(visible).map(|prompt| Arc::new(Item::new(&prompt.definition()))).collect()
}

/// Returns a prompt with its arguments filled in, as a `GetPromptResult`.
///
/// # Errors
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) that names the invalid prompt or argument.
pub(super) fn get(
    visible: &Visible<'_>,
    meta_tools: bool,
    name: &str,
    arguments: &Object,
) -> Result<Object, Error> {
    let prompt = prompt(visible, name)?;
    let names: Vec<_> =
        prompt.head.arguments.iter().map(|argument| argument.name.as_str()).collect();
    meta_tools::refuse_unknown(arguments, &names)?;
    for Argument { name, description, required, .. } in &prompt.head.arguments {
        match arguments.get(name) {
            Some(Value::String(text)) if text.chars().count() > LONGEST_ARGUMENT => {
                return Err(Error::invalid_params(format!(
                    "argument {name:?} is longer than {LONGEST_ARGUMENT} characters"
                )));
            }
            Some(Value::String(text)) if !text.trim().is_empty() => {}
            None | Some(Value::String(_) | Value::Null) if !required => {}
            None | Some(Value::String(_) | Value::Null) => {
                return Err(Error::invalid_params(format!("argument {name:?} is missing"))
                    .with_hint(description.clone()));
            }
            Some(other) => {
                return Err(wrong_type(&format!("params.arguments.{name}"), "a string", other));
            }
        }
    }
    let today = rfc3339_now();
    let known = |name: &str| match name {
        "today" => today.split('T').next().map(str::to_owned),
        name => arguments
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
    };
    let text = prompt.write(visible, meta_tools, &known);
    Ok(Object::from_iter([
        ("description".to_owned(), json!(prompt.head.description)),
        (
            "messages".to_owned(),
            json!([{"role": "user", "content": {"type": "text", "text": text}}]),
        ),
    ]))
}

/// Returns the completion for an argument; `None` if the argument has no completion.
///
/// # Errors
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a prompt or an argument that does not exist.
pub(super) fn completion<'a>(
    visible: &Visible<'a>,
    name: &str,
    argument: &str,
) -> Result<Option<(&'a Module, &'a Completion)>, Error> {
    let arguments = &prompt(visible, name)?.head.arguments;
    let found = arguments.iter().find(|known| known.name == argument).ok_or_else(|| {
        let names: Vec<_> = arguments.iter().map(|argument| argument.name.as_str()).collect();
        Error::invalid_params(format!("prompt {name:?} has no argument {argument:?}"))
            .with_hint(format!("It has: {}.", names.join(", ")))
    })?;
    Ok(found.complete.as_deref().and_then(|complete| {
        let (module, name) = complete.split_once('.')?;
        let module = visible.app.registry().module(module)?;
        Some((module, module.completions.get(name)?))
    }))
}

/// Returns a line with its arguments and calls filled in; `None` if one of them is missing.
fn write_line(
    line: &str,
    visible: &Visible<'_>,
    meta_tools: bool,
    known: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut written = String::new();
    for (at, piece) in line.split('`').enumerate() {
        match citation(piece).filter(|_| at % 2 == 1) {
            None if at % 2 == 1 => write!(written, "`{}`", filled_text(piece, known)?),
            None => write!(written, "{}", filled_text(piece, known)?),
            Some((tool, params)) => {
                let (module, tool) = visible.cited(tool)?;
                let params = params.as_ref().map(|params| {
                    params
                        .iter()
                        .filter_map(|(name, value)| Some((name.clone(), filled(value, known)?)))
                        .collect::<Object>()
                });
                match (meta_tools, params) {
                    (true, None) => {
                        write!(written, "`{}`", json!({"module": module.name, "tool": tool.name}))
                    }
                    (true, Some(params)) => write!(
                        written,
                        "`{}`",
                        json!({"module": module.name, "tool": tool.name, "params": params})
                    ),
                    (false, None) => write!(written, "`{}`", tool.published_name),
                    (false, Some(params)) => {
                        write!(written, "`{} {}`", tool.published_name, Value::Object(params))
                    }
                }
            }
        }
        .expect("a string takes everything");
    }
    Some(written)
}

/// Parses a call: the tool as `module.tool`, and its params. `None` if the text is not a call.
fn citation(text: &str) -> Option<(&str, Option<Object>)> {
    let (tool, params) =
        text.split_once(' ').map_or((text, None), |(tool, params)| (tool, Some(params)));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let (module, name) = tool.split_once('.')?;
    let params = params.map(|params| serde_json::from_str(params).ok());
    (is_name(module) && is_name(name) && params != Some(None)).then_some((tool, params.flatten()))
}

/// Returns the value with every `{{name}}` in its texts replaced; `None` if a name is unknown.
pub(super) fn filled(value: &Value, known: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    match value {
        Value::String(text) => filled_text(text, known).map(Value::from),
        Value::Array(values) => values
            .iter()
            .map(|value| filled(value, known))
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        other => Some(other.clone()),
    }
}

/// Returns the text with every `{{name}}` replaced; `None` if a name is unknown.
pub(super) fn filled_text(text: &str, known: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        written.push_str(before);
        written.push_str(&known(name)?);
        rest = after;
    }
    written.push_str(rest);
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Tool;
    use crate::modules::Registry;

    fn cited<'a>(registry: &'a Registry, citation: &str) -> Option<&'a Tool> {
        let (module, name) = citation.split_once('.')?;
        registry.module(module)?.tools.iter().find(|tool| tool.name == name)
    }

    #[test]
    fn every_prompt_cites_only_what_exists() {
        let registry = Registry::built_in().expect("the built-in files are right");
        let mut complaints = Vec::new();
        for file in FILES {
            let Prompt { head, text } =
                Prompt::parse(file).unwrap_or_else(|problem| panic!("{problem}: {file}"));
            let mut complain = |what: String| complaints.push(format!("{}: {what}", head.name));
            for tool in head.needs.iter().flat_map(|needed| needed.split('|')) {
                if !cited(&registry, tool).is_some_and(Tool::is_read_only) || !text.contains(tool) {
                    complain(format!("needs {tool}, which does not exist, writes or is not cited"));
                }
            }
            for complete in head.arguments.iter().filter_map(|argument| argument.complete.as_ref())
            {
                let known = complete
                    .split_once('.')
                    .and_then(|(module, name)| registry.module(module)?.completions.get(name));
                if known.is_none() {
                    complain(format!("nothing completes {complete}"));
                }
            }
            for argument in &head.arguments {
                if !text.contains(&format!("{{{{{}}}}}", argument.name)) {
                    complain(format!("does not use its argument {}", argument.name));
                }
            }
            for name in text
                .split("{{")
                .skip(1)
                .filter_map(|rest| rest.split_once("}}"))
                .map(|(name, _)| name)
            {
                if name != "today" && !head.arguments.iter().any(|argument| argument.name == name) {
                    complain(format!("has no argument {name}"));
                }
            }
            for line in text.lines() {
                let spans: Vec<_> = line.split('`').skip(1).step_by(2).collect();
                let tools: Vec<_> = spans.iter().filter_map(|span| citation(span)).collect();
                for (name, params) in &tools {
                    let Some(tool) = cited(&registry, name) else {
                        complain(format!("cites {name}, which does not exist"));
                        continue;
                    };
                    for (name, value) in params.iter().flatten() {
                        match tool.params.iter().find(|param| param.name == *name) {
                            None => complain(format!("{} has no param {name}", tool.name)),
                            Some(param)
                                if !value.to_string().contains("{{")
                                    && !param.schema.accepts(value) =>
                            {
                                complain(format!("{}: {name} cannot be {value}", tool.name));
                            }
                            Some(_) => {}
                        }
                    }
                }
                // A name next to a call must be one of its params.
                let is_param = |name: &str| {
                    tools
                        .iter()
                        .filter_map(|(tool, _)| cited(&registry, tool))
                        .any(|tool| tool.params.iter().any(|param| param.name == name))
                };
                let names = spans.iter().filter(|span| {
                    span.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                });
                for name in names.filter(|name| !tools.is_empty() && !is_param(name)) {
                    complain(format!("no call of the line has a param {name}: {line}"));
                }
                if spans.iter().any(|span| citation(span).is_none() && span.contains('{'))
                    || line.matches('`').count() % 2 == 1
                {
                    complain(format!("no call can be read from: {line}"));
                }
            }
        }
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn a_text_is_filled_or_left_out() {
        let known = |name: &str| (name == "a").then(|| "{{b}}".to_owned());
        assert_eq!(filled_text("x {{a}} y {{a}}", &known).as_deref(), Some("x {{b}} y {{b}}"));
        assert_eq!(filled_text("x {{b}}", &known), None);
        assert_eq!(filled_text("x {{ {a} }", &known).as_deref(), Some("x {{ {a} }"));
        assert_eq!(filled(&json!(["{{a}}", 1]), &known), Some(json!(["{{b}}", 1])));
        assert_eq!(filled(&json!(["{{b}}"]), &known), None);
    }
}
