//! Runs a plan, at most four lines at once. When a line fails, the lines that need it do not run.

use serde_json::Value;

use super::plan::{Line, Plan};
use super::reference::resolve;
use crate::error::Error;
use crate::json::Object;
use crate::parallel;

/// The outcome of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It returned a result.
    Done(Value),
    /// It failed.
    Failed(Error),
    /// It did not run, because this line, which it depends on, did not succeed.
    Skipped(String),
}

/// Runs one line, with its parameters resolved.
pub type RunLine<'a> = &'a (dyn Fn(&Line, Object) -> Result<Value, Error> + Sync);

/// Runs a whole plan and returns what became of its lines, in their order. `known` is what became of some of them already,
/// by [`run_some`]; empty for nothing. `progress` (lines done, lines in all) is called from this thread alone.
#[must_use]
pub fn run(
    plan: &Plan,
    known: Vec<Option<Outcome>>,
    run_line: RunLine<'_>,
    progress: &dyn Fn(usize, usize),
) -> Vec<Outcome> {
    let outcomes = run_until(plan, known, &|_| true, run_line, progress);
    outcomes.into_iter().flatten().collect()
}

/// Runs only the lines whose positions `chosen` accepts; these must depend on no other line. Returns their outcomes, and `None`
/// for all other lines.
#[must_use]
pub fn run_some(
    plan: &Plan,
    chosen: &dyn Fn(usize) -> bool,
    run_line: RunLine<'_>,
    progress: &dyn Fn(usize, usize),
) -> Vec<Option<Outcome>> {
    run_until(plan, Vec::new(), chosen, run_line, progress)
}

fn run_until(
    plan: &Plan,
    mut outcomes: Vec<Option<Outcome>>,
    chosen: &dyn Fn(usize) -> bool,
    run_line: RunLine<'_>,
    progress: &dyn Fn(usize, usize),
) -> Vec<Option<Outcome>> {
    let lines = plan.lines();
    outcomes.resize(lines.len(), None);
    let mut reported = outcomes.iter().flatten().count();
    if reported == 0 {
        progress(0, lines.len());
    }
    parallel::run("batch", |calls| {
        let mut started = vec![false; lines.len()];
        loop {
            skip_what_cannot_run(lines, &mut outcomes, &started, chosen);
            for (place, line) in lines.iter().enumerate() {
                let free = chosen(place)
                    && !started[place]
                    && outcomes[place].is_none()
                    && line
                        .needs
                        .iter()
                        .all(|need| matches!(outcomes[*need], Some(Outcome::Done(_))));
                if free && calls.has_room() {
                    started[place] = true;
                    match resolved(lines, line, &outcomes) {
                        Ok(params) => {
                            calls.start(place, move || run_line(line, params));
                        }
                        Err(error) => outcomes[place] = Some(Outcome::Failed(error)),
                    }
                }
            }
            let done = outcomes.iter().flatten().count();
            if done > reported {
                reported = done;
                progress(done, lines.len());
            }
            if (0..lines.len()).all(|place| outcomes[place].is_some() || !chosen(place)) {
                break;
            }
            if let Some((place, result)) = calls.next() {
                outcomes[place] = Some(result.map_or_else(Outcome::Failed, Outcome::Done));
            }
        }
    });
    outcomes
}

fn skip_what_cannot_run(
    lines: &[Line],
    outcomes: &mut [Option<Outcome>],
    started: &[bool],
    chosen: &dyn Fn(usize) -> bool,
) {
    loop {
        let skipped = lines
            .iter()
            .enumerate()
            .filter(|(place, _)| chosen(*place) && !started[*place] && outcomes[*place].is_none())
            .find_map(|(place, line)| {
                let lost = |need: &&usize| {
                    matches!(outcomes[**need], Some(Outcome::Failed(_) | Outcome::Skipped(_)))
                };
                Some((place, lines[*line.needs.iter().find(lost)?].id.clone()))
            });
        match skipped {
            Some((place, needed)) => outcomes[place] = Some(Outcome::Skipped(needed)),
            None => return,
        }
    }
}

/// Returns the parameters of a line, with its references replaced by the results of other lines.
///
/// # Errors
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) naming the parameter whose reference leads nowhere.
pub fn resolved(
    lines: &[Line],
    line: &Line,
    outcomes: &[Option<Outcome>],
) -> Result<Object, Error> {
    let result_of = |id: &str| {
        let place = lines.iter().position(|line| line.id == id)?;
        match &outcomes[place] {
            Some(Outcome::Done(value)) => Some(value.clone()),
            _ => None,
        }
    };
    line.params
        .iter()
        .map(|(name, value)| {
            Ok((
                name.clone(),
                resolve(value, &result_of).map_err(|problem| format!("{name}: {problem}"))?,
            ))
        })
        .collect::<Result<_, String>>()
        .map_err(Error::invalid_params)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::error::Code;

    fn plan(lines: Value) -> Plan {
        Plan::read(&lines).unwrap()
    }

    /// Returns the parameters as the result; a tool named `fail` fails, one named `panic` panics.
    fn echo(line: &Line, params: Object) -> Result<Value, Error> {
        assert_ne!(line.tool, "panic", "a line that panics");
        if line.tool == "fail" {
            Err(Error::invalid_params("no"))
        } else {
            Ok(Value::Object(params))
        }
    }

    #[test]
    fn results_flow_along_references() {
        let plan = plan(json!([
            {"id": "c", "module": "m", "tool": "t", "params": {"sum": "${a.n} and ${b.n}"}},
            {"id": "a", "module": "m", "tool": "t", "params": {"n": 1}},
            {"id": "b", "module": "m", "tool": "t", "params": {"n": "${a.n}"}}
        ]));
        let outcomes = run(&plan, Vec::new(), &echo, &|_, _| {});
        assert_eq!(outcomes[0], Outcome::Done(json!({"sum": "1 and 1"})));
    }

    #[test]
    fn a_failed_line_skips_its_dependants_and_nothing_else() {
        let plan = plan(json!([
            {"id": "a", "module": "m", "tool": "fail"},
            {"id": "b", "module": "m", "tool": "t", "after": "a"},
            {"id": "c", "module": "m", "tool": "t", "after": ["b"]},
            {"id": "d", "module": "m", "tool": "t"},
            {"id": "e", "module": "m", "tool": "t", "params": {"x": "${d.gone}"}},
            {"id": "f", "module": "m", "tool": "panic"}
        ]));
        let outcomes = run(&plan, Vec::new(), &echo, &|_, _| {});
        assert!(matches!(&outcomes[0], Outcome::Failed(_)));
        assert_eq!(outcomes[1], Outcome::Skipped("a".to_owned()));
        assert_eq!(outcomes[2], Outcome::Skipped("b".to_owned()));
        assert_eq!(outcomes[3], Outcome::Done(json!({})));
        assert!(
            matches!(&outcomes[4], Outcome::Failed(error) if error.message().contains("no d.gone")),
            "{:?}",
            outcomes[4]
        );
        assert!(matches!(&outcomes[5], Outcome::Failed(error) if error.code() == Code::Internal));
    }

    #[test]
    fn some_lines_run_first_and_the_others_use_their_results_without_a_second_run() {
        let plan = plan(json!([
            {"id": "w", "module": "m", "tool": "t", "params": {"x": "${r.n}"}},
            {"id": "r", "module": "m", "tool": "t", "params": {"n": 7}},
            {"id": "f", "module": "m", "tool": "fail"}
        ]));
        let (ran, told) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let run_line = |line: &Line, params: Object| {
            ran.lock().unwrap().push(line.id.clone());
            echo(line, params)
        };
        let progress = |done, _| told.lock().unwrap().push(done);
        let first = run_some(&plan, &|place| place == 1, &run_line, &progress);
        assert_eq!(first, [None, Some(Outcome::Done(json!({"n": 7}))), None]);
        assert_eq!(
            Value::Object(resolved(plan.lines(), &plan.lines()[0], &first).unwrap()),
            json!({"x": 7})
        );
        let outcomes = run(&plan, first, &run_line, &progress);
        assert_eq!(outcomes[0], Outcome::Done(json!({"x": 7})));
        ran.lock().unwrap().sort();
        assert_eq!(*ran.lock().unwrap(), ["f", "r", "w"]);
        assert!(told.lock().unwrap().is_sorted_by(|earlier, later| earlier < later));
    }

    #[test]
    fn free_lines_run_side_by_side_but_no_more_than_four() {
        let lines: Vec<Value> = (0..12)
            .map(|number| json!({"id": format!("l{number}"), "module": "m", "tool": "t"}))
            .collect();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Each of the four waits for the others, so this passes only if four run at once.
        let barrier = std::sync::Barrier::new(4);
        let progress = Mutex::new(Vec::new());
        let run_line = |_: &Line, _: Object| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            barrier.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(Value::Null)
        };
        let outcomes = run(&plan(json!(lines)), Vec::new(), &run_line, &|done, of| {
            progress.lock().unwrap().push((done, of));
        });
        assert_eq!((outcomes.len(), most.load(Ordering::SeqCst)), (12, 4));
        assert_eq!(progress.lock().unwrap().last(), Some(&(12, 12)));
    }
}
