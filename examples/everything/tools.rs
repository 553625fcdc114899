//! The tools.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use mcpist::error::Error;
use mcpist::json::Object;
use mcpist::mcp::call::Call;
use mcpist::mcp::context::Level;
use mcpist::mcp::elicitation::Question;
use mcpist::mcp::handler::{Interruption, Item, MirroredParameter, ToolResult};
use mcpist::mcp::subscriptions::{Change, Hub};
use serde_json::{Value, json};

use crate::content::{audio, embedded, image, text};
use crate::questions::{entered, form, said, sampling};
use crate::text_argument;

struct Tool {
    name: &'static str,
    description: &'static str,
    input_schema: fn() -> Value,
    run: Run,
}

type Run = fn(&Input<'_>) -> Result<ToolResult, Interruption>;

const fn tool(
    name: &'static str,
    description: &'static str,
    input_schema: fn() -> Value,
    run: Run,
) -> Tool {
    Tool { name, description, input_schema, run }
}

/// What a tool works with.
struct Input<'a> {
    call: &'a Call<'a>,
    arguments: &'a Object,
    hub: &'a Hub,
}

#[rustfmt::skip]
const TOOLS: &[Tool] = &[
    // Scenarios that need any tool take the first one, and call it without arguments.
    tool("test_simple_text", "Gives a text.", nothing, simple_text),
    tool("test_image_content", "Gives an image.", nothing, image_content),
    tool("test_audio_content", "Gives a sound.", nothing, audio_content),
    tool("test_embedded_resource", "Gives a resource.", nothing, embedded_resource),
    tool("test_multiple_content_types", "Gives a text, an image and a resource.", nothing, multiple_content_types),
    tool("test_error_handling", "Always fails.", nothing, error_handling),
    tool("test_tool_with_progress", "Reports progress three times.", nothing, with_progress),
    tool("test_tool_with_logging", "Logs three messages.", nothing, with_logging),
    tool("test_logging_tool", "Logs three messages.", nothing, with_logging),
    tool("json_schema_2020_12_tool", "Has a schema of many keywords.", many_keywords, simple_text),
    tool("test_mirrored_parameter", "Has a parameter that clients mirror into a header.", mirrored, simple_text),

    tool("test_elicitation", "Asks the user for name and address.", || strings(&["message"]), elicitation),
    tool("test_elicitation_sep1034_defaults", "Shows a form whose fields have defaults.", nothing, elicitation_defaults),
    tool("test_elicitation_sep1330_enums", "Shows a form with every kind of choice.", nothing, elicitation_enums),
    tool("test_sampling", "Asks the client's model.", || strings(&["prompt"]), ask_model),
    tool("test_missing_capability", "Needs the capability sampling.", nothing, ask_capital),
    tool("test_streaming_elicitation", "Reports progress, then asks for a name.", nothing, progress_then_name),

    tool("test_input_required_result_elicitation", "Asks for a name.", nothing, ask_name),
    tool("test_input_required_result_sampling", "Asks the client's model.", nothing, ask_capital),
    tool("test_input_required_result_list_roots", "Asks for the root folders.", nothing, ask_roots),
    tool("test_input_required_result_request_state", "Asks for a confirmation.", nothing, ask_confirmation),
    tool("test_input_required_result_tampered_state", "Asks for a confirmation.", nothing, ask_confirmation),
    tool("test_input_required_result_multiple_inputs", "Asks three things at once.", nothing, ask_three_things),
    tool("test_input_required_result_multi_round", "Asks two things in turn.", nothing, ask_in_turn),
    tool("test_input_required_result_capabilities", "Asks only what the client can answer.", nothing, ask_what_is_possible),

    tool("test_trigger_tool_change", "Tells that the list of tools changed.", nothing, |input| publish(input, &Change::Tools)),
    tool("test_trigger_prompt_change", "Tells that the list of prompts changed.", nothing, |input| publish(input, &Change::Prompts)),
];

pub fn items() -> Vec<Arc<Item>> {
    let definition = |tool: &Tool| json!({"name": tool.name, "description": tool.description, "inputSchema": (tool.input_schema)()});
    TOOLS.iter().map(|tool| Arc::new(Item::new(&definition(tool)))).collect()
}

pub fn call(
    call: &Call<'_>,
    hub: &Hub,
    name: &str,
    arguments: &Object,
) -> Result<ToolResult, Interruption> {
    let tool = find(name).ok_or_else(|| Error::invalid_params(format!("unknown tool {name:?}")))?;
    (tool.run)(&Input { call, arguments, hub })
}

pub fn mirrored_parameters(name: &str) -> Vec<MirroredParameter> {
    let schema = find(name).map(|tool| (tool.input_schema)()).unwrap_or_default();
    let header = |property: &Value| property["x-mcp-header"].as_str().map(str::to_owned);
    let mirrored = |(name, property): (&String, &Value)| {
        Some(MirroredParameter { header: header(property)?, path: vec![name.clone()] })
    };
    schema["properties"].as_object().into_iter().flatten().filter_map(mirrored).collect()
}

fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

fn nothing() -> Value {
    json!({"type": "object", "additionalProperties": false})
}

fn strings(names: &[&str]) -> Value {
    let properties: Object =
        names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn mirrored() -> Value {
    json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}, "additionalProperties": false})
}

fn many_keywords() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

fn simple_text(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    Ok(ToolResult::text("This is a simple text response for testing."))
}

fn image_content(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    Ok(ToolResult::blocks(vec![image()]))
}

fn audio_content(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    Ok(ToolResult::blocks(vec![audio()]))
}

fn embedded_resource(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    Ok(ToolResult::blocks(vec![embedded(
        "test://embedded-resource",
        "text/plain",
        "This is an embedded resource content.",
    )]))
}

fn multiple_content_types(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    let data = embedded(
        "test://mixed-content-resource",
        "application/json",
        r#"{"test":"data","value":123}"#,
    );
    Ok(ToolResult::blocks(vec![text("Multiple content types test:"), image(), data]))
}

fn error_handling(_: &Input<'_>) -> Result<ToolResult, Interruption> {
    Ok(ToolResult {
        is_error: true,
        ..ToolResult::text("This tool intentionally returns an error for testing")
    })
}

/// Time between two messages, so that they arrive one by one and not with the result.
fn pause() {
    sleep(Duration::from_millis(50));
}

fn with_progress(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    input.call.progress(0.0, Some(100.0), None);
    pause();
    input.call.progress(50.0, Some(100.0), None);
    pause();
    input.call.progress(100.0, Some(100.0), None);
    Ok(ToolResult::text("Progress was reported three times."))
}

fn with_logging(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let log = |message: &str| input.call.log(Level::Info, "everything", &json!(message));
    log("Tool execution started");
    pause();
    log("Tool processing data");
    pause();
    log("Tool execution completed");
    Ok(ToolResult::text("Three messages were logged."))
}

fn elicitation(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let fields = json!({
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    });
    let question =
        form(text_argument(input.arguments, "message")?, &fields, &["username", "email"]);
    let answer = input.call.ask("user", question)?;
    Ok(ToolResult::text(format!("User response: {}", outcome(&answer))))
}

fn elicitation_defaults(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let fields = json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    });
    let answer = input.call.ask("person", form("Please check the person's data.", &fields, &[]))?;
    Ok(ToolResult::text(format!("Elicitation completed: {}", outcome(&answer))))
}

fn elicitation_enums(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let options = ["option1", "option2", "option3"];
    let titled = |words: [&str; 3]| -> Vec<Value> {
        words
            .iter()
            .enumerate()
            .map(|(index, word)| json!({"const": format!("value{}", index + 1), "title": word}))
            .collect()
    };
    let fields = json!({
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"])},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled(["First Choice", "Second Choice", "Third Choice"])}},
    });
    let answer = input.call.ask("choices", form("Please choose.", &fields, &[]))?;
    Ok(ToolResult::text(format!("Elicitation completed: {}", outcome(&answer))))
}

fn outcome(answer: &Value) -> String {
    format!(
        "action={}, content={}",
        answer["action"].as_str().unwrap_or_default(),
        answer["content"]
    )
}

fn ask_model(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answer = input.call.ask("prompt", sampling(text_argument(input.arguments, "prompt")?))?;
    Ok(ToolResult::text(format!("LLM response: {}", said(&answer))))
}

fn ask_capital(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answer = input.call.ask("capital_question", sampling("What is the capital of France?"))?;
    Ok(ToolResult::text(said(&answer)))
}

fn name_form(message: &str) -> Question {
    form(message, &json!({"name": {"type": "string"}}), &["name"])
}

fn ask_name(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answer = input.call.ask("user_name", name_form("What is your name?"))?;
    Ok(ToolResult::text(format!("Hello, {}!", entered(&answer, "name"))))
}

fn progress_then_name(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    input.call.progress(50.0, Some(100.0), Some("One question is left."));
    ask_name(input)
}

fn ask_roots(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answer = input.call.ask("client_roots", Question::Roots)?;
    Ok(ToolResult::text(format!("The root folders are {}", answer["roots"])))
}

fn ask_confirmation(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answer = input
        .call
        .ask("confirm", form("Please confirm", &json!({"ok": {"type": "boolean"}}), &["ok"]))?;
    // The protocol has checked the state before the tool ran: with a state that is not ours the call never comes here.
    Ok(ToolResult::text(format!("state-ok, {}", outcome(&answer))))
}

fn ask_three_things(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let answers = input.call.ask_all(vec![
        ("user_name".to_owned(), name_form("What is your name?")),
        ("greeting".to_owned(), sampling("Generate a greeting")),
        ("client_roots".to_owned(), Question::Roots),
    ])?;
    let [name, greeting, roots] = answers.as_slice() else {
        unreachable!("there is an answer to each question")
    };
    Ok(ToolResult::text(format!(
        "{} says {}; the root folders are {}",
        entered(name, "name"),
        said(greeting),
        roots["roots"]
    )))
}

fn ask_in_turn(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let name = input.call.ask("step1", name_form("Step 1: What is your name?"))?;
    let color = form(
        "Step 2: What is your favorite color?",
        &json!({"color": {"type": "string"}}),
        &["color"],
    );
    let color = input.call.ask("step2", color)?;
    Ok(ToolResult::text(format!("{} likes {}", entered(&name, "name"), entered(&color, "color"))))
}

fn ask_what_is_possible(input: &Input<'_>) -> Result<ToolResult, Interruption> {
    let capabilities = input.call.context().capabilities;
    let questions = [
        ("user_name", name_form("What is your name?")),
        ("greeting", sampling("Generate a greeting")),
        ("client_roots", Question::Roots),
    ];
    let possible =
        questions.into_iter().filter(|(_, question)| question.check(capabilities).is_ok());
    let answers =
        input.call.ask_all(possible.map(|(key, question)| (key.to_owned(), question)).collect())?;
    Ok(ToolResult::text(format!("The client answered {} questions.", answers.len())))
}

fn publish(input: &Input<'_>, change: &Change) -> Result<ToolResult, Interruption> {
    input.hub.publish(change);
    Ok(ToolResult::text("The change was told."))
}
