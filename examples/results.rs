//! What a service answers and what a model reads of it: one line of JSON for the case of every tool, for
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
    let registry = Registry::built_in().map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let mut output = io::stdout().lock();
    for module in registry.modules() {
        for tool in &module.tools {
            let file = format!("tests/modules/{}/{}.json", module.name, tool.name);
            let case: Value = serde_json::from_str(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file))?)?;
            // The tests hold that the tool makes this result of these answers.
            let Some(result) = case.get("result") else { continue };
            let answers = case["exchanges"].as_array().into_iter().flatten().map(|exchange| exchange["answer"].clone());
            let case = Shown { answers: answers.collect(), result: result.clone() };
            let line = json!({
                "module": module.name,
                "title": module.title,
                "tool": tool.name,
                "case": case.texts(),
                "page": case.page().map(|page| page.texts()),
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
    /// What the service sends, its JSON without blanks, and what a model reads.
    fn texts(&self) -> Value {
        let body = |answer: &Value| answer.get("body").map(ToString::to_string).unwrap_or_default();
        let sent = self.answers.iter().map(|answer| answer["text"].as_str().map_or_else(|| body(answer), str::to_owned));
        json!({"sent": sent.collect::<String>(), "read": render(self.result.clone(), Format::Toon).content[0]["text"]})
    }

    /// A list as a whole page shows it: a case has one or two records, so they are repeated, in the answer and in the result.
    /// None for what is no list, and where no list of the answer has as many records as the result.
    fn page(&self) -> Option<Self> {
        let records = self.result["items"].as_array().map(Vec::len).filter(|records| *records > 0)?;
        let mut page = Self { answers: self.answers.clone(), result: self.result.clone() };
        repeat(page.result["items"].as_array_mut()?);
        page.answers.iter_mut().find_map(|answer| list_of(&mut answer["body"], records)).map(repeat)?;
        Some(page)
    }
}

fn repeat(list: &mut Vec<Value>) {
    *list = list.iter().cloned().cycle().take(RECORDS).collect();
}

/// The outermost list of so many records.
fn list_of(value: &mut Value, records: usize) -> Option<&mut Vec<Value>> {
    match value {
        Value::Array(list) if list.len() == records => Some(list),
        Value::Object(members) => members.values_mut().find_map(|member| list_of(member, records)),
        _ => None,
    }
}
