//! The response of a service and the result for the model: one line of JSON for the case of every tool, for
//! `scripts/measure-tokens.sh`.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use mcpist::app::{Format, render};
use mcpist::modules::Registry;
use serde_json::{Value, json};

/// Records in a page: the default of most tools.
const RECORDS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::built_in().map_err(|findings| {
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    let mut output = io::stdout().lock();
    for module in registry.modules() {
        let written = read(&format!("src/modules/{}/module.json", module.name))?;
        for (tool, written) in
            module.tools.iter().zip(written["tools"].as_array().into_iter().flatten())
        {
            let case = read(&format!("tests/modules/{}/{}.json", module.name, tool.name))?;
            // The tests hold that the tool makes this result of these answers.
            let Some(result) = case.get("result") else { continue };
            let answers = case["exchanges"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|exchange| exchange["answer"].clone());
            let case = Shown { answers: answers.collect(), result: result.clone() };
            let line = json!({
                "module": module.name,
                "title": module.title,
                "tool": tool.name,
                "case": case.texts(),
                "list": case.result["items"].is_array(),
                "page": case.page(&written["output"]["items"]).map(|page| page.texts()),
            });
            writeln!(output, "{line}")?;
        }
    }
    Ok(())
}

/// Answers of a service and the result that a tool makes of them.
struct Shown {
    answers: Vec<Value>,
    result: Value,
}

impl Shown {
    /// The service's response, its JSON without spaces, and the result for the model.
    fn texts(&self) -> Value {
        let body = |answer: &Value| answer.get("body").map(ToString::to_string).unwrap_or_default();
        let sent = self
            .answers
            .iter()
            .map(|answer| answer["text"].as_str().map_or_else(|| body(answer), str::to_owned));
        json!({"sent": sent.collect::<String>(), "read": render(self.result.clone(), Format::Toon, None).content[0]["text"]})
    }

    /// A list of the size of a whole page: a case has one or two records, so they are repeated, in the response and in the
    /// result. `None` for other results, and for a handler's list, whose place in the response is unknown.
    fn page(mut self, items: &Value) -> Option<Self> {
        let path = items.as_str()?;
        let place =
            if path.is_empty() { String::new() } else { format!("/{}", path.replace('.', "/")) };
        repeat(self.result["items"].as_array_mut()?);
        repeat(self.answers.first_mut()?["body"].pointer_mut(&place)?.as_array_mut()?);
        Some(self)
    }
}

fn repeat(list: &mut Vec<Value>) {
    *list = list.iter().cloned().cycle().take(RECORDS).collect();
}

/// A file of the repository.
fn read(path: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path),
    )?)?)
}
