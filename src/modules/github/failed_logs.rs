//! Why a workflow run failed: the ends of the logs of its failed jobs.

use serde_json::Value;

use super::jobs::failed_steps;
use super::{Repository, has_failed, list};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;

/// The maximum number of failed jobs that are shown with their log.
const MAX_LOGS: usize = 10;

/// The maximum total size of the logs in bytes; a result has space for a little more.
const MAX_TEXT: usize = 50_000;

/// The maximum number of pages of a hundred jobs each; one matrix has at most 256 jobs.
const MAX_PAGES: u64 = 10;

/// Returns one text: for each failed job of the run's latest attempt, its name, its failed steps and its log's last lines.
pub fn get_failed_job_logs(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let repository = Repository::of(session, arguments);
    let number = |name: &str| arguments.get(name).and_then(Value::as_u64).unwrap_or_default();
    let jobs = jobs(&repository, number("run_id"))?;
    let failed: Vec<_> = jobs.iter().filter(|job| has_failed(job)).collect();
    if failed.is_empty() {
        let running = jobs.iter().filter(|job| job["status"] != "completed").count();
        return Ok(format!(
            "No job of the run has failed. Jobs: {}, not finished: {running}.",
            jobs.len()
        )
        .into());
    }
    let each = MAX_TEXT / failed.len().min(MAX_LOGS);
    let mut sections = Vec::new();
    for job in failed.iter().take(MAX_LOGS) {
        let log = repository
            .session
            .get_text(&repository.segments(&format!("actions/jobs/{}/logs", job["id"])), &[]);
        let shown = match log {
            Ok(log) => end(&log, number("tail"), each),
            // GitHub deletes logs after some time, and a log may be too large to download; the other logs are still useful.
            Err(error)
                if matches!(
                    error.code(),
                    Code::NotFound | Code::UpstreamUnavailable | Code::InvalidParams
                ) =>
            {
                format!("(Its log cannot be read. {})\n", error.message())
            }
            Err(error) => return Err(error),
        };
        sections.push(heading(job) + &shown);
    }
    if let Some(more) = failed.len().checked_sub(MAX_LOGS).filter(|more| *more > 0) {
        sections.push(format!("Failed jobs not shown: {more}. list_workflow_jobs names them, get_job_log gives their logs.\n"));
    }
    Ok(sections.join("\n").into())
}

/// Returns all jobs of the run's latest attempt.
fn jobs(repository: &Repository<'_>, run: u64) -> Result<Vec<Value>, Error> {
    let mut jobs = Vec::new();
    for page in 1..=MAX_PAGES {
        let path = format!("actions/runs/{run}/jobs");
        let query = [("filter", "latest"), ("per_page", "100"), ("page", &page.to_string())];
        let answer = repository.session.get(&repository.segments(&path), &query)?;
        let before = jobs.len();
        jobs.extend(list(answer.get("jobs")).cloned());
        let total = answer["total_count"].as_u64().and_then(|total| usize::try_from(total).ok());
        if jobs.len() == before || total.is_none_or(|total| jobs.len() >= total) {
            break;
        }
    }
    Ok(jobs)
}

/// `## build (job 7, failed in: cargo test)`
fn heading(job: &Value) -> String {
    let steps = failed_steps(&job["steps"]);
    let steps: Vec<_> = list(Some(&steps)).filter_map(Value::as_str).collect();
    let failed =
        if steps.is_empty() { String::new() } else { format!(", failed in: {}", steps.join(", ")) };
    format!("## {} (job {}{failed})\n", job["name"].as_str().unwrap_or_default(), job["id"])
}

/// Returns the last lines, up to a maximum number of bytes, without the time that GitHub puts before each.
fn end(log: &str, count: u64, bytes: usize) -> String {
    let lines: Vec<_> = log.trim_start_matches('\u{feff}').lines().map(without_time).collect();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let end = lines[lines.len().saturating_sub(count)..].join("\n") + "\n";
    let too_many = end.len().saturating_sub(bytes);
    let cut = (too_many..end.len()).find(|at| end.is_char_boundary(*at)).unwrap_or(end.len());
    if cut == 0 { end } else { format!("[…]{}", &end[cut..]) }
}

/// Removes the time from `2026-01-31T12:00:00.0000000Z text`.
fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, text))
            if time.len() == 28 && time.ends_with('Z') && time.as_bytes()[10] == b'T' =>
        {
            text
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_by_its_end() {
        let check = |log: &str, count, expected: &str| {
            assert_eq!(end(log, count, 40), expected, "{log:?} {count}");
        };
        check(
            "\u{feff}2026-01-31T12:00:00.0000000Z one\n2026-01-31T12:00:00.0000000Z  two\n",
            5,
            "one\n two\n",
        );
        check("one\n2026-01-31T12:00:00Z two\nthree", 2, "2026-01-31T12:00:00Z two\nthree\n");
        check("", 5, "\n");
        check(&"ü".repeat(40), 1, &format!("[…]{}\n", "ü".repeat(19)));
    }
}
