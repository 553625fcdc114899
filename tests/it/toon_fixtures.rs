//! The encoder, tested with the TOON project's own fixtures. They are not part of this repository: `TOON_FIXTURES` names the
//! folder `tests/fixtures` of a checkout of <https://github.com/toon-format/spec> or of the npm package `@toon-format/spec`.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

/// Cases of the fixtures before 4.0 whose form 4.0 changed: an object inside of a table's row is a group of columns now.
const CHANGED_IN_4_0: [&str; 1] = ["uses list format for objects with nested values"];

/// How many cases even the smallest set leaves to run: 3.3.2 leaves 120, and 4.0.0 leaves 150.
const LEAST_CASES: usize = 100;

#[test]
fn the_fixtures_of_the_toon_project_are_met() {
    let Some(folder) = env::var_os("TOON_FIXTURES") else {
        eprintln!("skipped: TOON_FIXTURES does not name a folder with the TOON project's fixtures");
        return;
    };
    let folder = Path::new(&folder).join("encode");
    let mut ran = 0;
    let mut mismatches = Vec::new();
    for entry in fs::read_dir(&folder).expect("TOON_FIXTURES has a folder `encode`") {
        let path = entry.expect("the folder can be listed").path();
        let text = fs::read(&path).expect("a fixture file can be read");
        let file: Value = serde_json::from_slice(&text).expect("a fixture file is JSON");
        let before_4_0 = file["version"].as_str().expect("a file has a version") < "4";
        for case in file["tests"].as_array().expect("a file has tests") {
            let name = case["name"].as_str().expect("a case has a name");
            if !is_default(&case["options"]) || before_4_0 && CHANGED_IN_4_0.contains(&name) {
                continue;
            }
            ran += 1;
            let encoded = mcpist::toon::encode(&case["input"]);
            if case["expected"] != encoded {
                mismatches.push(format!(
                    "{}: {name}\n  input    {}\n  expected {}\n  encoded  {}",
                    path.display(),
                    case["input"],
                    case["expected"],
                    Value::from(encoded),
                ));
            }
        }
    }
    assert!(
        mismatches.is_empty(),
        "{} of {ran} cases:\n{}",
        mismatches.len(),
        mismatches.join("\n")
    );
    assert!(ran >= LEAST_CASES, "only {ran} cases in {}", folder.display());
}

/// Whether a case's options are all absent or what they are by default; `indent` became `indentSize` in 4.0.
fn is_default(options: &Value) -> bool {
    let defaults = json!({ "delimiter": ",", "indent": 2, "indentSize": 2, "keyFolding": "off" });
    options
        .as_object()
        .is_none_or(|options| options.iter().all(|(name, value)| defaults.get(name) == Some(value)))
}
