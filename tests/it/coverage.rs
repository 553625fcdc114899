//! The jobs that users have with each service, and the tools for them: `tests/coverage.json` maps the jobs of the best other
//! server for a service (or of no server) to our tools, and `docs/coverage.md` is written from it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use mcpist::engine::Module;
use serde_json::{Map, Value};

use crate::modules::{check_written, registry, repository};

/// A job of a service: the tools that do it, or why there is no tool.
struct Job<'a> {
    area: &'a str,
    name: &'a str,
    tools: Result<Vec<&'a str>, &'a str>,
}

/// A module's entry in `tests/coverage.json`.
struct Coverage<'a> {
    /// The server of another project that has most tools for the service.
    other: &'a str,
    /// The number of those.
    their_tools: &'a str,
    jobs: Vec<Job<'a>>,
    /// Tools for which no job asks.
    beyond: Vec<&'a str>,
}

impl<'a> Coverage<'a> {
    fn of(module: &str, file: &'a Value) -> Self {
        let said = &file[module];
        let text =
            |name: &str| said[name].as_str().unwrap_or_else(|| panic!("{module} lacks {name:?}"));
        let object = |value: &'a Value| -> &'a Map<String, Value> {
            value.as_object().expect("jobs are objects in objects")
        };
        let jobs = object(&said["jobs"]).iter().flat_map(|(area, jobs)| {
            object(jobs).iter().map(move |(name, tools)| Job {
                area,
                name,
                tools: tools.as_str().map_or_else(|| Ok(names(tools)), Err),
            })
        });
        Self {
            other: text("other"),
            their_tools: text("their_tools"),
            jobs: jobs.collect(),
            beyond: names(&said["beyond"]),
        }
    }

    fn gaps(&self) -> impl Iterator<Item = (&Job<'a>, &str)> {
        self.jobs.iter().filter_map(|job| job.tools.as_ref().err().map(|why| (job, *why)))
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("tools are a list")
        .iter()
        .map(|name| name.as_str().expect("a tool is a name"))
        .collect()
}

fn file() -> Value {
    let text = fs::read_to_string(repository("tests/coverage.json")).expect("the file can be read");
    serde_json::from_str(&text).expect("the file is JSON")
}

#[test]
fn every_tool_has_a_job_and_every_job_has_tools() {
    let file = file();
    let mut complaints = Vec::new();
    for module in registry().modules() {
        let coverage = Coverage::of(&module.name, &file);
        let mut named: BTreeSet<&str> = coverage.beyond.iter().copied().collect();
        for job in &coverage.jobs {
            match &job.tools {
                Ok(tools) if tools.is_empty() => complaints
                    .push(format!("{}: no tool does {:?}: say why", module.name, job.name)),
                Ok(tools) => {
                    named.extend(tools);
                    complaints.extend(
                        tools.iter().filter(|tool| coverage.beyond.contains(tool)).map(|tool| {
                            format!(
                                "{}: {tool} does {:?}, so it is not beyond the jobs",
                                module.name, job.name
                            )
                        }),
                    );
                }
                Err(_) => {}
            }
        }
        let tools: BTreeSet<&str> = module.tools.iter().map(|tool| tool.name.as_str()).collect();
        complaints.extend(
            named
                .difference(&tools)
                .map(|tool| format!("{}: there is no tool {tool}", module.name)),
        );
        complaints.extend(
            tools
                .difference(&named)
                .map(|tool| format!("{}: {tool} is in no job and not beyond", module.name)),
        );
    }
    assert!(complaints.is_empty(), "tests/coverage.json:\n{}", complaints.join("\n"));
}

#[test]
fn the_coverage_page_says_what_the_file_says() {
    let (file, registry) = (file(), registry());
    let modules: Vec<(&Module, Coverage<'_>)> = registry
        .modules()
        .iter()
        .map(|module| (module, Coverage::of(&module.name, &file)))
        .collect();
    let mut page = "# Coverage\n\n\
        What one can do with each service: the jobs that the best other server for it has, or that no other has, and the tools\n\
        that do them. Written from `tests/coverage.json` by `UPDATE_SNAPSHOTS=1 cargo test coverage`; what each tool takes is in\n\
        [tools.md](tools.md). Other servers' tools were counted in their own sources, from August to November 2026; some of them\n\
        do several jobs with one tool.\n\n\
        | module | tools | best other server | its tools | jobs | covered | gaps |\n|---|--:|---|---|--:|--:|--:|\n"
        .to_owned();
    for (module, coverage) in &modules {
        let (tools, jobs, gaps) =
            (module.tools.len(), coverage.jobs.len(), coverage.gaps().count());
        let (other, theirs) = (coverage.other, coverage.their_tools);
        let link = module.title.to_lowercase().replace(' ', "-");
        let row = format!(
            "| [{}](#{link}) | {tools} | {other} | {theirs} | {jobs} | {} | {gaps} |",
            module.title,
            jobs - gaps
        );
        writeln!(page, "{row}").expect("a string takes all");
    }
    for (module, coverage) in &modules {
        page.push_str(&section(module, coverage));
    }
    check_written(&repository("docs/coverage.md"), &page);
}

fn section(module: &Module, coverage: &Coverage<'_>) -> String {
    let links = |tools: &[&str]| {
        let link = |tool: &&str| format!("[{tool}](tools.md#{}_{tool})", module.name);
        tools.iter().map(link).collect::<Vec<_>>().join(", ")
    };
    let mut rows = vec![format!("\n## {}\n\n| | job | tools |\n|---|---|---|", module.title)];
    let mut area = "";
    for job in &coverage.jobs {
        let tools = job.tools.as_deref().map_or_else(|_| "none, see below".to_owned(), links);
        rows.push(format!(
            "| {} | {} | {tools} |",
            if job.area == area { "" } else { job.area },
            job.name
        ));
        area = job.area;
    }
    if !coverage.beyond.is_empty() {
        rows.push(format!("\nBeyond these: {}.", links(&coverage.beyond)));
    }
    let gaps: Vec<_> =
        coverage.gaps().map(|(job, why)| format!("- {}, {}: {why}", job.area, job.name)).collect();
    rows.push(if gaps.is_empty() {
        "\nNo gaps.".to_owned()
    } else {
        format!("\nGaps:\n\n{}", gaps.join("\n"))
    });
    rows.join("\n") + "\n"
}
