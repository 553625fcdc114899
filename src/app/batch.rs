//! The meta-tool `batch`: every line passes the same checks as a single call.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::deed::{Deed, DeedCall};
use super::render::{Format, render, reported, start_of};
use super::{App, Called, Visible, check_arguments, clean, meta_tools};
use crate::access::ConfirmPolicy;
use crate::batch::{Line, Outcome, Plan, resolved, run, run_some};
use crate::engine::{Module, Tool};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::mcp::call::Call;
use crate::mcp::handler::{Interruption, ToolResult};
use crate::sync::lock;
use crate::telemetry::trace::Scope;

/// A line's place in the plan.
type LineIndex = usize;

impl App {
    /// Runs `batch`, or `read` with several calls (`readers_only`). If lines need confirmation, the read-only lines that depend on
    /// no writing line run first, so that their results can be filled into the arguments that the user confirms. No writing line
    /// runs before the confirmation.
    ///
    /// # Errors
    /// Before anything is written: an invalid plan, a tool that does not exist for the caller, a line whose arguments cannot be
    /// known before the question, a missing confirmation.
    pub(super) fn run_batch(
        &self,
        call: &Call<'_>,
        visible: &Visible<'_>,
        mut arguments: Object,
        readers_only: bool,
    ) -> Result<ToolResult, Interruption> {
        meta_tools::refuse_unknown(&arguments, &["calls", "confirm"])?;
        let code = meta_tools::code(arguments.shift_remove("confirm"))?;
        let calls =
            arguments.get("calls").ok_or_else(|| Error::invalid_params("calls is missing"))?;
        let plan = Plan::read(calls)?;
        let tools = tools(&plan, visible, |line| {
            self.record_denied(call.context(), &line.module, &line.tool);
        })?;
        if readers_only {
            let writes = plan.lines().iter().zip(&tools).filter(|(_, (_, tool))| !tool.is_reader());
            let writes: Vec<&str> = writes.map(|(line, _)| line.id.as_str()).collect();
            if !writes.is_empty() {
                return Err(Error::invalid_params(format!(
                    "read takes only tools that read: not those of the lines {}",
                    writes.join(", ")
                ))
                .with_hint("Nothing has run. Use batch for them.")
                .into());
            }
        }
        let context = call.context();
        let trace_parent = call.trace_parent();
        let scope = Scope::current();
        // The lines' results are needed until the whole result has been written.
        let held = Mutex::new(Vec::new());
        let cancelled = call.cancellation();
        let run_line = |line: &Line, arguments: Object| {
            let _entered = scope.enter();
            let place =
                plan.lines().iter().position(|known| known.id == line.id).unwrap_or_default();
            let call = self.tool_call(context, trace_parent, tools[place]);
            let Called { value, held: share } = self.call(call, arguments, cancelled)?;
            lock(&held).push(share);
            Ok(value)
        };
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most twenty lines")]
        let progress = |done: usize, of: usize| call.progress(done as f64, Some(of as f64), None);

        let review = Review { lines: plan.lines(), tools: &tools };
        let asked = match visible.confirm_policy() {
            ConfirmPolicy::Off => Vec::new(),
            ConfirmPolicy::Code | ConfirmPolicy::Human => review.to_confirm(),
        };
        let mut known = Vec::new();
        if !asked.is_empty() {
            let first = review.readable_first();
            review.refuse_unknowable(&asked, &first)?;
            let is_first = |place: LineIndex| first.contains(&place);
            known = run_some(&plan, &is_first, &run_line, &progress);
            if call.cancelled() {
                return Err(Error::new(Code::Cancelled, "the client went away").into());
            }
            let deed = review.deed(&asked, &mut known);
            if !deed.0.is_empty() {
                self.confirm(call, visible, &deed, code.as_deref())?;
            } else if code.is_some() || call.is_later_round() {
                // The user answered a different question, so this answer must not cause any write.
                return Err(Error::new(
                    Code::Conflict,
                    "the actions to confirm have changed since the question",
                )
                .with_hint("Nothing was written. Call again without `confirm`.")
                .into());
            }
        }
        let outcomes = run(&plan, known, &run_line, &progress);
        // A batch that only reads returns every result, unless a line says which.
        let gives_all = readers_only && plan.lines().iter().all(|line| !line.output);
        Ok(clean::untrusted(told(&plan, &tools, &outcomes, gives_all, Format::of(&context.view))))
    }
}

/// The lines of a plan that need confirmation, and the lines whose results can be known before.
struct Review<'a> {
    lines: &'a [Line],
    tools: &'a [(&'a Module, &'a Tool)],
}

impl<'a> Review<'a> {
    /// Returns the lines that need confirmation, or may need it once their references are resolved.
    fn to_confirm(&self) -> Vec<LineIndex> {
        let has_to = |place: &LineIndex| {
            let (line, tool) = (&self.lines[*place], self.tools[*place].1);
            tool.needs_confirmation(&line.params)
                || tool.may_need_confirmation() && !line.uses.is_empty()
                || !tool.is_reader() && !self.sources(*place).is_empty()
        };
        (0..self.lines.len()).filter(has_to).collect()
    }

    /// Returns the other modules whose results reach a line, directly or through other lines.
    fn sources(&self, place: LineIndex) -> Vec<&'a str> {
        let own = self.tools[place].0.name.as_str();
        let (mut sources, mut seen, mut open) = (Vec::new(), vec![place], vec![place]);
        while let Some(next) = open.pop() {
            for used in &self.lines[next].uses {
                let module = self.tools[*used].0.name.as_str();
                if module != own && !sources.contains(&module) {
                    sources.push(module);
                }
                if !seen.contains(used) {
                    seen.push(*used);
                    open.push(*used);
                }
            }
        }
        sources.sort_unstable();
        sources
    }

    /// Returns the read-only lines that depend on no writing line.
    fn readable_first(&self) -> Vec<LineIndex> {
        let mut first: Vec<LineIndex> =
            (0..self.lines.len()).filter(|place| self.tools[*place].1.is_reader()).collect();
        loop {
            let before = first.clone();
            first.retain(|place| self.lines[*place].needs.iter().all(|need| before.contains(need)));
            if first.len() == before.len() {
                return first;
            }
        }
    }

    /// Rejects a line that needs confirmation and whose arguments would be known only after another line has written.
    fn refuse_unknowable(&self, asked: &[LineIndex], first: &[LineIndex]) -> Result<(), Error> {
        let unknowable = asked.iter().find_map(|place| {
            let used = self.lines[*place].uses.iter().find(|used| !first.contains(used))?;
            Some((&self.lines[*place].id, &self.lines[*used].id))
        });
        match unknowable {
            None => Ok(()),
            Some((line, used)) => Err(Error::invalid_params(format!(
                "line {line:?} must be confirmed with all its arguments, and uses the result of line {used:?}, which is known only after something was written"
            ))
            .with_hint("Nothing has run. Make two batches: the second with the values that the first returned.")),
        }
    }

    /// Returns the action to confirm, with every reference resolved. A line that cannot run, because of its arguments or of a
    /// line that it needs, is left out of the question; its failure becomes its outcome.
    fn deed(&self, asked: &[LineIndex], known: &mut [Option<Outcome>]) -> Deed<'a> {
        let mut calls = Vec::new();
        for place in asked.iter().copied() {
            let (line, (module, tool)) = (&self.lines[place], self.tools[place]);
            let failed = |need: &&LineIndex| {
                matches!(known[**need], Some(Outcome::Failed(_) | Outcome::Skipped(_)))
            };
            if let Some(need) = line.needs.iter().find(failed) {
                known[place] = Some(Outcome::Skipped(self.lines[*need].id.clone()));
                continue;
            }
            let checked = resolved(self.lines, line, known).and_then(|arguments| {
                check_arguments(tool, &arguments)?;
                Ok(arguments)
            });
            let arguments = match checked {
                Ok(arguments) => arguments,
                Err(error) => {
                    known[place] = Some(Outcome::Failed(error));
                    continue;
                }
            };
            let sources = self.sources(place);
            if tool.needs_confirmation(&arguments) || !sources.is_empty() {
                let line = Some(line.id.as_str());
                calls.push(DeedCall { line, module, tool, arguments, sources });
            }
        }
        Deed(calls)
    }
}

/// Returns the tools of the lines. All unknown tools are reported at once.
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

/// Reports the outcome of every line, then the results of the lines that return one.
fn told(
    plan: &Plan,
    tools: &[(&Module, &Tool)],
    outcomes: &[Outcome],
    gives_all: bool,
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
            Outcome::Done(value) if line.output || gives_all => Some((line, *tool, value)),
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
    // One content block for each result, so that a text or a document keeps its form.
    let mut content = render(json!({"lines": status}), format, None).content;
    for (line, tool, value) in results {
        for block in render(value.clone(), format, start_of(tool, &line.params)).content {
            content.push(match block["text"].as_str() {
                Some(text) => json!({"type": "text", "text": format!("{}:\n{text}", line.id)}),
                None => block,
            });
        }
    }
    ToolResult { is_error, ..ToolResult::blocks(content) }
}
