//! Markdown and the Atlassian Document Format against other people's parsers and schema. Their cases are not part of this
//! repository: `make markdown` makes them, and `MARKDOWN_CASES` names their folder.

use std::path::Path;
use std::{env, fs};

use mcpist::modules::atlassian::adf::{from_markdown, to_markdown};
use serde_json::{Value, json};

/// A leaf block of a document in the words of `tests/markdown/oracle.mjs`: its kind, the lists and quotes that hold it, and its
/// text with the names of its marks.
fn leaves(document: &Value) -> Vec<Value> {
    let mut leaves = Vec::new();
    collect(&document["content"], &[], &mut leaves);
    leaves
}

fn collect(blocks: &Value, path: &[String], leaves: &mut Vec<Value>) {
    for block in list(blocks) {
        let content = &block["content"];
        let below = |step: String| [path, &[step]].concat();
        match block["type"].as_str().unwrap_or_default() {
            "paragraph" => leaf("paragraph", path, content, leaves),
            "heading" => {
                leaf(&format!("heading {}", block["attrs"]["level"]), path, content, leaves);
            }
            "codeBlock" => {
                let language = block["attrs"]["language"].as_str().unwrap_or_default();
                leaf(format!("code {language}").trim_end(), path, content, leaves);
            }
            "rule" => leaf("rule", path, content, leaves),
            "blockquote" => collect(content, &below("quote".to_owned()), leaves),
            "bulletList" => {
                for (at, item) in list(content).enumerate() {
                    collect(&item["content"], &below(format!("item {at} bullet")), leaves);
                }
            }
            "orderedList" => {
                let order = block["attrs"]["order"].as_u64().unwrap_or(1);
                for (at, item) in list(content).enumerate() {
                    let from = if at == 0 { format!(" from {order}") } else { String::new() };
                    collect(&item["content"], &below(format!("item {at} ordered{from}")), leaves);
                }
            }
            "taskList" => tasks(content, path, leaves),
            "table" => {
                for (at, row) in list(content).enumerate() {
                    for cell in list(&row["content"]) {
                        let kind = if cell["type"] == "tableHeader" { "header" } else { "cell" };
                        let text = &cell["content"][0]["content"];
                        leaf(kind, &below(format!("row {at}")), text, leaves);
                    }
                }
            }
            kind => panic!("Markdown made a block that it has no words for: {kind}"),
        }
    }
}

/// A list in a task list belongs to the task before it.
fn tasks(items: &Value, path: &[String], leaves: &mut Vec<Value>) {
    let mut step = Vec::new();
    let mut at = 0;
    for item in list(items) {
        if item["type"] == "taskList" {
            tasks(&item["content"], &step, leaves);
        } else {
            step = [path, &[format!("item {at} task")]].concat();
            let state = item["attrs"]["state"].as_str().unwrap_or_default();
            leaf(&format!("task {state}"), &step, &item["content"], leaves);
            at += 1;
        }
    }
}

fn leaf(kind: &str, path: &[String], content: &Value, leaves: &mut Vec<Value>) {
    let mut runs: Vec<(String, Vec<String>)> = Vec::new();
    for node in list(content) {
        let (text, marks) = match node["type"].as_str().unwrap_or_default() {
            "hardBreak" => ("\n".to_owned(), Vec::new()),
            "inlineCard" => (format!("<{}>", text(&node["attrs"]["url"])), Vec::new()),
            _ => (text(&node["text"]).to_owned(), marks(&node["marks"])),
        };
        match runs.last_mut() {
            Some((before, same)) if *same == marks => before.push_str(&text),
            _ => runs.push((text, marks)),
        }
    }
    if !runs.is_empty() || kind != "paragraph" {
        leaves.push(json!({"kind": kind, "path": path, "runs": runs}));
    }
}

fn marks(marks: &Value) -> Vec<String> {
    let name = |mark: &Value| match (mark["type"].as_str(), &mark["attrs"]["title"]) {
        (Some("link"), Value::Null) => format!("link {}", text(&mark["attrs"]["href"])),
        (Some("link"), title) => format!("link {} {title}", text(&mark["attrs"]["href"])),
        (kind, _) => kind.unwrap_or_default().to_owned(),
    };
    let mut names: Vec<_> = list(marks).map(name).collect();
    names.sort();
    names
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The cases of a file in `MARKDOWN_CASES`; `None` where it is not set.
fn cases(file: &str) -> Option<Vec<Value>> {
    let Some(folder) = env::var_os("MARKDOWN_CASES") else {
        eprintln!("skipped: MARKDOWN_CASES does not name a folder; `make markdown` makes one");
        return None;
    };
    let text = fs::read_to_string(Path::new(&folder).join(file)).expect("the file is there");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect())
}

/// Checks that both parsers read every text alike, and that there are at least this many texts.
fn check_reading(file: &str, least: usize) {
    let Some(cases) = cases(file) else { return };
    let plain = cases.iter().filter(|case| case["html"] == false).count();
    println!("{file}: {} texts, {plain} of them without HTML", cases.len());
    let mut differences = Vec::new();
    for case in &cases {
        let read = from_markdown(text(&case["markdown"]), None);
        let difference = match (&read, case["refused"].as_str()) {
            (Err(_), Some(_)) => continue,
            (Err(error), None) => error.to_string(),
            (Ok(_), Some(why)) => format!("read, though a document cannot hold {why}"),
            (Ok(document), None) => {
                let (read, expected) = (leaves(document), &case["leaves"]);
                let expected = expected.as_array().expect("it is a list");
                let same =
                    read.iter().zip(expected).take_while(|(one, other)| one == other).count();
                if same == read.len() && same == expected.len() {
                    continue;
                }
                let shown =
                    |leaf: Option<&Value>| leaf.map_or("nothing".to_owned(), Value::to_string);
                format!(
                    "leaf {same}:\n  expected {}\n  read     {}",
                    shown(expected.get(same)),
                    shown(read.get(same))
                )
            }
        };
        differences.push(format!("{}: {difference}", case["name"]));
    }
    let count = differences.len();
    assert!(count == 0, "{count} of {} differ:\n{}", cases.len(), differences.join("\n"));
    assert!(cases.len() >= least, "only {} texts in {file}", cases.len());
}

#[test]
fn the_examples_of_commonmark_are_read_as_another_parser_reads_them() {
    check_reading("commonmark.jsonl", 652);
}

#[test]
fn readme_files_are_read_as_another_parser_reads_them() {
    check_reading("readme.jsonl", 300);
}

#[test]
fn documents_of_the_schema_come_back_unchanged_edited_and_appended() {
    let Some(cases) = cases("adf.jsonl") else { return };
    let mut edits = 0;
    let mut differences = Vec::new();
    for case in &cases {
        let document = &case["document"];
        let markdown = to_markdown(document);
        let mut check = |what: &str, markdown: &str, expected: &Value| {
            let read = from_markdown(markdown, Some(document));
            let read = read.unwrap_or_else(|error| error.to_string().into());
            if let Some(place) = difference(&read, expected) {
                differences.push(format!("{} {what}, {place}\n{markdown}", case["name"]));
            }
        };
        check("unchanged", &markdown, document);

        let mut appended = document.clone();
        let blocks = appended["content"].as_array_mut().expect("it is a list");
        blocks.push(json!({"type": "paragraph", "content": [{"type": "text", "text": "More."}]}));
        check("appended", &format!("{markdown}\n\nMore."), &appended);

        for word in words(document).iter().filter(|word| is_editable(&markdown, word)) {
            let edited = document.to_string().replace(word.as_str(), "edited");
            let edited: Value = serde_json::from_str(&edited).expect("it is JSON");
            check(&format!("{word} edited"), &markdown.replace(word.as_str(), "edited"), &edited);
            edits += 1;
        }
    }
    println!("adf.jsonl: {} documents, {edits} edits", cases.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n\n"));
    assert!(cases.len() >= 400 && edits >= 400, "{} documents, {edits} edits", cases.len());
}

/// Returns where two values first differ, and how; `None` if they are equal.
fn difference(read: &Value, expected: &Value) -> Option<String> {
    if read == expected {
        return None;
    }
    let below = match (read, expected) {
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(at, (one, other))| Some(format!("/{at}{}", difference(one, other)?)))
        }
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let mut pairs = one.iter().zip(other.values());
            pairs.find_map(|((at, one), other)| Some(format!("/{at}{}", difference(one, other)?)))
        }
        _ => None,
    };
    below.or_else(|| Some(format!("\n  expected {expected}\n  read     {read}")))
}

/// The words that a document has once, in a text: `w1x`, `w2x`, …
fn words(document: &Value) -> Vec<String> {
    let text = document.to_string();
    let is_word = |word: &&str| {
        let digits = word.strip_prefix('w').and_then(|word| word.strip_suffix('x'));
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(is_word)
        .map(str::to_owned)
        .collect()
}

/// Returns whether a word is in text that can be edited, and not in a placeholder's label.
fn is_editable(markdown: &str, word: &str) -> bool {
    let mut places = markdown.match_indices(word);
    let (Some((at, _)), None) = (places.next(), places.next()) else { return false };
    let before = &markdown[..at];
    before.rfind('⟦') <= before.rfind('⟧')
}
