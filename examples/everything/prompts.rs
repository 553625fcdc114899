//! The prompts, and suggestions for what they and the resource template take.

use std::sync::Arc;

use mcpist::error::Error;
use mcpist::json::Object;
use mcpist::mcp::call::Call;
use mcpist::mcp::handler::{Completion, Interruption, Item, Reference};
use serde_json::{Value, json};

use crate::content::{embedded, image, text};
use crate::questions::{entered, form};
use crate::{resources, text_argument};

struct Prompt {
    name: &'static str,
    description: &'static str,
    /// The names of the arguments, all of them required.
    arguments: &'static [&'static str],
    run: Run,
}

/// What the user says: the content of a message each.
type Run = fn(&Call<'_>, &Object) -> Result<Vec<Value>, Interruption>;

const fn prompt(
    name: &'static str,
    description: &'static str,
    arguments: &'static [&'static str],
    run: Run,
) -> Prompt {
    Prompt { name, description, arguments, run }
}

const PROMPTS: &[Prompt] = &[
    prompt("test_simple_prompt", "A text.", &[], simple),
    prompt(
        "test_prompt_with_arguments",
        "A text with two arguments in it.",
        &["arg1", "arg2"],
        with_arguments,
    ),
    prompt(
        "test_prompt_with_embedded_resource",
        "A resource and a text.",
        &["resourceUri"],
        with_resource,
    ),
    prompt("test_prompt_with_image", "An image and a text.", &[], with_image),
    prompt(
        "test_input_required_result_prompt",
        "A text in the user's own words.",
        &[],
        with_question,
    ),
];

/// Values for every argument, so that completion has something to choose from.
const SUGGESTIONS: &[&str] = &["123", "paris", "park", "party", "test"];

pub fn items() -> Vec<Arc<Item>> {
    let definition = |prompt: &Prompt| {
        let argument = |name: &&str| json!({"name": name, "description": format!("The value of {name}."), "required": true});
        let arguments: Vec<_> = prompt.arguments.iter().map(argument).collect();
        json!({"name": prompt.name, "description": prompt.description, "arguments": arguments})
    };
    PROMPTS.iter().map(|prompt| Arc::new(Item::new(&definition(prompt)))).collect()
}

pub fn get(call: &Call<'_>, name: &str, arguments: &Object) -> Result<Object, Interruption> {
    let contents = (find(name)?.run)(call, arguments)?;
    let messages: Vec<_> =
        contents.into_iter().map(|content| json!({"role": "user", "content": content})).collect();
    Ok(Object::from_iter([("messages".to_owned(), json!(messages))]))
}

pub fn complete(completion: &Completion) -> Result<Vec<String>, Error> {
    let known = match &completion.reference {
        Reference::Prompt(name) => find(name)?.arguments.contains(&completion.argument.as_str()),
        Reference::Resource(uri) if *uri == resources::template_uri("{id}") => {
            completion.argument == "id"
        }
        Reference::Resource(uri) => {
            return Err(Error::invalid_params(format!("unknown resource template {uri:?}")));
        }
    };
    let fits = |suggestion: &&&str| known && suggestion.starts_with(&completion.value);
    Ok(SUGGESTIONS.iter().filter(fits).map(|suggestion| (*suggestion).to_owned()).collect())
}

fn find(name: &str) -> Result<&'static Prompt, Error> {
    PROMPTS
        .iter()
        .find(|prompt| prompt.name == name)
        .ok_or_else(|| Error::invalid_params(format!("unknown prompt {name:?}")))
}

fn simple(_: &Call<'_>, _: &Object) -> Result<Vec<Value>, Interruption> {
    Ok(vec![text("This is a simple prompt for testing.")])
}

fn with_arguments(_: &Call<'_>, arguments: &Object) -> Result<Vec<Value>, Interruption> {
    let (first, second) = (text_argument(arguments, "arg1")?, text_argument(arguments, "arg2")?);
    Ok(vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))])
}

fn with_resource(_: &Call<'_>, arguments: &Object) -> Result<Vec<Value>, Interruption> {
    let uri = text_argument(arguments, "resourceUri")?;
    Ok(vec![
        embedded(uri, "text/plain", "Embedded resource content for testing."),
        text("Please process the embedded resource above."),
    ])
}

fn with_image(_: &Call<'_>, _: &Object) -> Result<Vec<Value>, Interruption> {
    Ok(vec![image(), text("Please analyze the image above.")])
}

fn with_question(call: &Call<'_>, _: &Object) -> Result<Vec<Value>, Interruption> {
    let question = form(
        "What context should the prompt use?",
        &json!({"context": {"type": "string"}}),
        &["context"],
    );
    let answer = call.ask("user_context", question)?;
    Ok(vec![text(&format!("Work in this context: {}", entered(&answer, "context")))])
}
