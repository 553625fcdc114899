//! The meta-tool `batch`: every line passes the same checks as a call by itself.

use serde_json::{Map, Value, json};

use super::confirm::Deed;
use super::render::{Format, render, reported, start_of};
use super::{App, Visible, meta_tools};
use crate::batch::{Line, Outcome, Plan, run};
use crate::engine::{Module, Tool};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::mcp::call::Call;
use crate::mcp::handler::{Interruption, ToolResult};
use crate::telemetry::trace::Scope;

impl App {
    /// Runs `batch`.
    ///
    /// # Errors
    /// Before anything runs: a plan that is wrong, a tool that does not exist for the caller, a confirmation that is missing.
    pub(super) fn run_batch(
        &self,
        call: &Call<'_>,
        visible: &Visible<'_>,
        arguments: Object,
    ) -> Result<ToolResult, Interruption> {
        meta_tools::refuse_unknown(&arguments, &["calls", "confirm"])?;
        let calls =
            arguments.get("calls").ok_or_else(|| Error::invalid_params("calls is missing"))?;
        let plan = Plan::read(calls)?;
        let tools = tools(&plan, visible, |line| {
            self.record_denied(call.context(), &line.module, &line.tool)
        })?;
        let destructive =
            plan.lines().iter().zip(&tools).filter(|(_, (_, tool))| tool.is_destructive());
        let deed = Deed(
            destructive
                .map(|(line, (_, tool))| {
                    (tool.published_name.as_str(), Value::Object(line.params.clone()))
                })
                .collect(),
        );
        if !deed.0.is_empty() {
            self.confirm(call, &deed, arguments.get("confirm").and_then(Value::as_str))?;
        }
        let context = call.context();
        let trace_parent = call.trace_parent();
        let scope = Scope::current();
        let run_line =
            |line: &Line, arguments: Map<String, Value>, cancelled: &dyn Fn() -> bool| {
                let _entered = scope.enter();
                let place =
                    plan.lines().iter().position(|known| known.id == line.id).unwrap_or_default();
                let call = self.tool_call(context, trace_parent, tools[place]);
                self.call(call, arguments, cancelled)
            };
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most twenty lines")]
        let progress = |done: usize, of: usize| call.progress(done as f64, Some(of as f64), None);
        let outcomes = run(&plan, &run_line, &|| call.cancelled(), &progress);
        Ok(told(&plan, &tools, &outcomes, Format::of(&context.view)))
    }
}

/// The tools of the lines; all that do not exist are told at once.
fn tools<'a>(
    plan: &Plan,
    visible: &Visible<'a>,
    denied: impl Fn(&Line),
) -> Result<Vec<(&'a Module, &'a Tool)>, Error> {
    let mut problems = Vec::new();
    let found: Vec<_> = plan
        .lines()
        .iter()
        .filter_map(|line| {
            let found = visible.tool(&line.module, &line.tool).inspect_err(|_| denied(line));
            found.map_err(|error| problems.push(format!("line {:?}: {error}", line.id))).ok()
        })
        .collect();
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(Error::new(Code::NotFound, problems.join("; ")).with_hint("Nothing has run."))
    }
}

/// What became of every line, then the results of those that were to give them.
fn told(
    plan: &Plan,
    tools: &[(&Module, &Tool)],
    outcomes: &[Outcome],
    format: Format,
) -> ToolResult {
    let status: Vec<Value> = plan
        .lines()
        .iter()
        .zip(outcomes)
        .map(|(line, outcome)| match outcome {
            Outcome::Done(_) => json!({"id": line.id, "status": "done", "detail": null}),
            Outcome::Failed(error) => json!({"id": line.id, "status": error.code().reply().name, "detail": error.to_string()}),
            Outcome::Skipped(needed) => json!({"id": line.id, "status": "skipped", "detail": format!("line {needed:?} did not succeed")}),
        })
        .collect();
    let results: Vec<(&Line, &Tool, &Value)> = plan
        .lines()
        .iter()
        .zip(tools)
        .zip(outcomes)
        .filter_map(|((line, (_, tool)), outcome)| match outcome {
            Outcome::Done(value) if line.output => Some((line, *tool, value)),
            _ => None,
        })
        .collect();
    let is_error = outcomes.iter().all(|outcome| !matches!(outcome, Outcome::Done(_)));
    if format == Format::Json {
        let results: Object = results
            .into_iter()
            .map(|(line, _, value)| (line.id.clone(), reported(value.clone())))
            .collect();
        return ToolResult {
            is_error,
            ..render(json!({"lines": status, "results": results}), format, None)
        };
    }
    // A block a result, so that a text or a document stays what it is.
    let mut content = render(json!({"lines": status}), format, None).content;
    for (line, tool, value) in results {
        for block in render(value.clone(), format, start_of(tool, &line.params)).content {
            let text = format!("{}:\n{}", line.id, block["text"].as_str().unwrap_or_default());
            content.push(json!({"type": "text", "text": text}));
        }
    }
    ToolResult { is_error, ..ToolResult::blocks(content) }
}
