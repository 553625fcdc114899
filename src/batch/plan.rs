//! The plan of a batch: its lines, checked whole before anything runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::reference::lines_in;
use crate::engine::ACCOUNT;
use crate::error::Error;
use crate::json::Object;

/// The maximum number of lines in a batch.
pub const MAX_LINES: usize = 20;

/// One call of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The id by which other lines refer to it.
    pub id: String,
    /// The module.
    pub module: String,
    /// The tool, with or without the module's prefix.
    pub tool: String,
    /// The tool's arguments, including the account; texts in them may contain references.
    pub params: Object,
    /// Whether the result is returned.
    pub output: bool,
    /// The positions of the lines that must succeed before this line: those in `after`, and those that its references name.
    pub needs: Vec<usize>,
    /// The lines among them whose results its parameters use.
    pub uses: Vec<usize>,
}

/// A batch with valid references and a valid order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    lines: Vec<Line>,
}

impl Plan {
    /// Reads `calls`: an array of objects, or the same as JSONL, one object a line.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] with all errors.
    pub fn read(calls: &Value) -> Result<Self, Error> {
        let entries = entries(calls)?;
        if entries.is_empty() || entries.len() > MAX_LINES {
            return Err(Error::invalid_params(format!(
                "calls has {} lines; a batch has 1 to {MAX_LINES}",
                entries.len()
            )));
        }
        let mut problems = Vec::new();
        let drafts: Vec<Draft> = entries
            .into_iter()
            .enumerate()
            .filter_map(|(position, entry)| {
                Draft::read(position, entry).map_err(|problem| problems.push(problem)).ok()
            })
            .collect();
        let mut places = HashMap::new();
        for (place, draft) in drafts.iter().enumerate() {
            if places.insert(draft.line.id.clone(), place).is_some() {
                problems.push(format!("two lines have the id {:?}", draft.line.id));
            }
        }
        let mut lines = Vec::new();
        for Draft { mut line, after, references } in drafts {
            line.uses = references.iter().filter_map(|id| places.get(id).copied()).collect();
            for needed in after.into_iter().chain(references) {
                match places.get(&needed) {
                    Some(place) if !line.needs.contains(place) => line.needs.push(*place),
                    Some(_) => {}
                    None => problems.push(format!(
                        "line {:?} needs {needed:?}, which is not a line of this batch",
                        line.id
                    )),
                }
            }
            lines.push(line);
        }
        if problems.is_empty() {
            problems.extend(cycle(&lines));
        }
        if problems.is_empty() {
            Ok(Self { lines })
        } else {
            Err(Error::invalid_params(problems.join("; ")).with_hint("Nothing has run."))
        }
    }

    /// Returns the lines in their given order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// A line whose dependencies are still names.
struct Draft {
    line: Line,
    after: Vec<String>,
    references: Vec<String>,
}

impl Draft {
    fn read(position: usize, entry: Value) -> Result<Self, String> {
        let number = position + 1;
        let Value::Object(mut members) = unquoted(entry, '{') else {
            return Err(format!("line {number} is not an object"));
        };
        let mut text = |name: &str| match members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("line {number}: {name} must be a string")),
        };
        let module = text("module")?;
        let tool = text("tool")?;
        let account = text("account")?;
        let id = match members.remove("id") {
            None | Some(Value::Null) => number.to_string(),
            Some(id) => line_id(id).ok_or_else(|| format!("line {number}: id must be a string"))?,
        };
        if id.is_empty() || id.contains(['.', '[', ']', '{', '}', '$']) {
            return Err(format!(
                "line {number}: the id {id:?} is empty or has one of . [ ] {{ }} $"
            ));
        }
        let missing = |name: &str| format!("line {number}: {name} is missing");
        let module = module.ok_or_else(|| missing("module"))?;
        let tool = tool.ok_or_else(|| missing("tool"))?;
        let mut params = params_of(members.remove("params"))
            .map_err(|problem| format!("line {number}: {problem}"))?;
        if let Some(account) = account {
            params.insert(ACCOUNT.to_owned(), account.into());
        }
        let output = match members.remove("output") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(output)) => output,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            Some(_) => return Err(format!("line {number}: output must be true or false")),
        };
        let after = match members.remove("after").map(|after| unquoted(after, '[')) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(several)) => several
                .into_iter()
                .map(|id| line_id(id).ok_or_else(|| format!("line {number}: after must hold ids")))
                .collect::<Result<_, _>>()?,
            Some(one) => {
                vec![line_id(one).ok_or_else(|| {
                    format!("line {number}: after must be an id or an array of ids")
                })?]
            }
        };
        if let Some(name) = members.keys().next() {
            return Err(format!(
                "line {number}: {name:?} is unknown; a line has id, module, tool, params, after, output, account"
            ));
        }
        let mut references = Vec::new();
        params
            .values()
            .try_for_each(|value| lines_in(value, &mut references))
            .map_err(|problem| format!("line {number}: {problem}"))?;
        let line = Line { id, module, tool, params, output, needs: Vec::new(), uses: Vec::new() };
        Ok(Self { line, after, references })
    }
}

/// The parameters of a call: an object, or the same as a string of JSON, which is how some models write one.
///
/// # Errors
/// What is wrong.
pub fn params_of(params: Option<Value>) -> Result<Object, String> {
    match params {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(params)) => Ok(params),
        Some(Value::String(text)) => serde_json::from_str(&text).map_err(|error| {
            format!("params must be an object; as a string it is not the JSON of one: {error}")
        }),
        Some(_) => Err("params must be an object".to_owned()),
    }
}

/// An id of a line: a string, or an integer, which stands for its digits.
fn line_id(id: Value) -> Option<String> {
    match id {
        Value::String(id) => Some(id),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(id.to_string()),
        _ => None,
    }
}

/// What a string of JSON that begins with this character holds; any other value is returned as it is.
fn unquoted(value: Value, begins_with: char) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(begins_with) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => other,
    }
}

fn entries(calls: &Value) -> Result<Vec<Value>, Error> {
    match calls {
        Value::Array(entries) => Ok(entries.clone()),
        // One call needs no array.
        Value::Object(_) => Ok(vec![calls.clone()]),
        // Some models write the whole array as text, in either form.
        Value::String(text) if text.trim_start().starts_with('[') => serde_json::from_str(text)
            .map_err(|error| {
                Error::invalid_params(format!("calls is not a JSON array: {error}"))
            }),
        Value::String(text) => {
            if let one @ Value::Object(_) = unquoted(calls.clone(), '{') {
                return Ok(vec![one]);
            }
            text.lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty())
                .map(|(number, line)| {
                    serde_json::from_str(line).map_err(|error| {
                        Error::invalid_params(format!(
                            "calls: line {} is not JSON: {error}",
                            number + 1
                        ))
                    })
                })
                .collect()
        }
        _ => Err(Error::invalid_params("calls must be an array of objects, or the same as JSONL")
            .with_hint("Such as [{\"id\": \"a\", \"module\": \"github\", \"tool\": \"get_me\", \"output\": true}].")),
    }
}

/// Returns a line that waits for itself, with the chain of lines between.
fn cycle(lines: &[Line]) -> Option<String> {
    // Repeatedly removes lines whose dependencies are all removed. Lines that remain wait for themselves.
    let mut left: Vec<usize> = (0..lines.len()).collect();
    loop {
        let before = left.len();
        let now = left.clone();
        left.retain(|place| lines[*place].needs.iter().any(|needed| now.contains(needed)));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            let ids: Vec<_> = left.iter().map(|place| format!("{:?}", lines[*place].id)).collect();
            return Some(format!(
                "these lines wait for each other in a circle: {}",
                ids.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_come_as_an_array_or_as_jsonl() {
        let array = json!([{"id": "a", "module": "m", "tool": "t"}, {"module": "m", "tool": "u", "params": {"x": "${a.y}"}, "output": true}]);
        let text = "{\"id\": \"a\", \"module\": \"m\", \"tool\": \"t\"}\n\n{\"module\": \"m\", \"tool\": \"u\", \"params\": {\"x\": \"${a.y}\"}, \"output\": true}\n";
        let plan = Plan::read(&array).unwrap();
        assert_eq!(plan, Plan::read(&json!(text)).unwrap());
        assert_eq!(plan, Plan::read(&json!(array.to_string())).unwrap());
        assert_eq!(
            (plan.lines()[1].id.as_str(), plan.lines()[1].needs.as_slice()),
            ("2", &[0][..])
        );
    }

    #[test]
    fn what_means_the_same_is_the_same_plan() {
        let line =
            json!({"id": "1", "module": "m", "tool": "t", "params": {"x": 1}, "output": true});
        let then = json!({"id": "2", "module": "m", "tool": "t", "params": {"x": "${1.y}"}, "after": ["1"]});
        let same = |calls: Value, plan: &Value| {
            assert_eq!(Plan::read(&calls), Plan::read(plan), "{calls}");
        };
        let one = json!([line]);
        assert!(Plan::read(&one).is_ok());
        same(line.clone(), &one);
        same(json!(line.to_string()), &one);
        same(json!(serde_json::to_string_pretty(&line).unwrap()), &one);
        same(json!([line.to_string()]), &one);
        let changed = |name: &str, value: Value| {
            let mut line = line.clone();
            line[name] = value;
            json!([line])
        };
        same(changed("id", json!(1)), &one);
        same(changed("params", json!("{\"x\": 1}")), &one);
        same(changed("output", json!("true")), &one);
        same(changed("params", json!("{}")), &changed("params", json!({})));
        let two = json!([line, then]);
        assert!(Plan::read(&two).is_ok());
        for after in [json!(1), json!("1"), json!([1]), json!("[1]"), json!("[\"1\"]")] {
            let mut then = then.clone();
            (then["id"], then["after"]) = (json!(2), after);
            then["params"] = json!("{\"x\": \"${1.y}\"}");
            same(json!([line, then]), &two);
        }
        for wrong in [
            changed("id", json!(1.5)),
            changed("id", json!(true)),
            changed("params", json!("[1]")),
            changed("params", json!("{")),
            changed("params", json!(7)),
            changed("output", json!("yes")),
            changed("after", json!([true])),
        ] {
            assert!(Plan::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_plan_is_refused_whole_with_everything_that_is_wrong() {
        let line =
            |id: &str, after: Value| json!({"id": id, "module": "m", "tool": "t", "after": after});
        let check = |calls: Value, says: &[&str]| {
            let error = Plan::read(&calls).unwrap_err().to_string();
            assert!(says.iter().all(|part| error.contains(part)), "{calls}: {error}");
        };
        check(
            json!([
                line("a", json!("b")),
                line("b", json!(["c"])),
                line("c", json!("a")),
                line("d", json!([]))
            ]),
            &["circle: \"a\", \"b\", \"c\"."],
        );
        check(json!([line("a", json!("a"))]), &["circle"]);
        check(json!([line("a", json!("x"))]), &["needs \"x\""]);
        check(
            json!([{"id": "a", "module": "m", "tool": "t", "params": {"p": "${gone.id}"}}]),
            &["needs \"gone\""],
        );
        check(
            json!([line("a", json!([])), line("a", json!([]))]),
            &["two lines have the id \"a\""],
        );
        check(
            json!([{"id": "a.b", "module": "m", "tool": "t"}, {"id": "c"}, 7]),
            &["\"a.b\"", "line 2: module is missing", "line 3 is not an object"],
        );
        check(json!([{"module": "m", "tool": "t", "parms": {}}]), &["\"parms\" is unknown"]);
        check(json!([{"module": "m", "tool": "t", "params": {"x": "${a"}}]), &["nothing closes"]);
        check(json!([]), &["0 lines"]);
        check(json!(vec![line("a", json!([])); 21]), &["21 lines"]);
        check(json!("{\"module\":\n"), &["line 1 is not JSON"]);
        check(json!(5), &["must be an array"]);
    }
}
