//! Documentation for authors of module files: the reference and the examples are correct.

use std::fs;

use mcpist::manifest;
use serde_json::{Value, json};

use crate::command_line::ran;
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn reference() -> String {
    fs::read_to_string(format!("{ROOT}/docs/module-format.md")).expect("the reference is there")
}

#[test]
fn the_reference_names_every_member_and_every_kind() {
    let raw =
        fs::read_to_string(format!("{ROOT}/src/manifest/raw.rs")).expect("the source is there");
    let reference = reference();
    let (mut names, mut renamed, mut rule, mut is_enum) = (0, None, "", false);
    for line in raw.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("rename = \"") {
            renamed = rest.split('"').next();
        } else if let Some((_, rest)) = line.split_once("rename_all = \"") {
            rule = rest.split('"').next().unwrap_or_default();
        } else if line.starts_with("pub enum ") {
            is_enum = true;
        } else if line == "}" {
            (rule, is_enum) = ("", false);
        }
        let field =
            line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")).map(|(name, _)| name);
        let variant =
            line.strip_suffix(',').filter(|name| is_enum && name.chars().all(char::is_alphabetic));
        let Some(name) = field.or(variant) else { continue };
        let name = match (renamed.take(), rule) {
            (Some(renamed), _) => renamed.to_owned(),
            (None, "camelCase") => name
                .split('_')
                .enumerate()
                .map(|(at, word)| if at == 0 { word.to_owned() } else { capital(word) })
                .collect(),
            (None, "kebab-case") => snake(name).replace('_', "-"),
            (None, _) => snake(name),
        };
        assert!(
            reference.contains(&format!("`{name}`")),
            "`{name}` is not in docs/module-format.md"
        );
        names += 1;
    }
    for name in ["field", "after", "until"] {
        assert!(
            reference.contains(&format!("`{name}`")),
            "`{name}` of a completion is not in docs/module-format.md"
        );
    }
    assert!(names > 60, "only {names} names were found: raw.rs is written in another way now");
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// `LinkHeader` as `link_header`.
fn snake(name: &str) -> String {
    let words = name
        .chars()
        .enumerate()
        .map(|(at, c)| if c.is_uppercase() && at > 0 { format!("_{c}") } else { c.to_string() });
    words.collect::<String>().to_lowercase()
}

#[test]
fn what_the_texts_show_is_right() {
    let blocks = |text: &str| {
        text.split("```json\n")
            .skip(1)
            .map(|block| block.split("\n```").next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let example: Value = serde_json::from_str(
        &fs::read_to_string(format!("{ROOT}/examples/modules/gitlab.json")).expect("it is there"),
    )
    .expect("it is JSON");
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).expect("it is there");
    let mut files = 0;
    for block in blocks(&readme).into_iter().chain(blocks(&reference())) {
        let whole = if block.starts_with('{') { block.clone() } else { format!("{{{block}}}") };
        let mut shown: Value =
            serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {block}"));
        if shown["tools"].is_array() {
            manifest::parse_own("text", &block)
                .unwrap_or_else(|findings| panic!("{}", findings[0]));
            files += 1;
        } else if shown["request"].is_object() {
            let mut file = example.clone();
            file["tools"] = json!([shown.take()]);
            for name in ["resources", "completions"] {
                file.as_object_mut().expect("it is an object").remove(name);
            }
            manifest::parse_own("tool", &file.to_string())
                .unwrap_or_else(|findings| panic!("{}", findings[0]));
        } else if !block.starts_with('{') || shown["resources"].is_array() {
            for (name, value) in shown.as_object().expect("it is an object") {
                assert_eq!(&example[name], value, "{name} is another one in the example");
            }
        }
    }
    assert_eq!(files, 2);
}

#[test]
fn every_example_is_right() {
    let examples = fs::read_dir(format!("{ROOT}/examples/modules")).expect("there are examples");
    for path in examples.map(|entry| entry.expect("the folder can be read").path()) {
        let checked = ran(&["tools", "--check", path.to_str().expect("the path is text")], &[]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}

#[test]
fn the_example_of_gitlab_does_what_its_walk_through_says() {
    let issue = json!({
        "id": 76, "iid": 6, "project_id": 8, "title": "Consequatur vero maxime", "description": "Ratione *dolores*.\n", "state": "opened",
        "labels": ["bug"], "author": {"id": 1, "username": "root"}, "assignees": [{"id": 2, "username": "ada"}], "milestone": null,
        "updated_at": "2026-01-04T15:31:51.081Z", "web_url": "https://gitlab.example/my/project/issues/6"
    });
    let path = "/projects/my%2Fproject";
    let next = format!(
        "<https://gitlab.example/api/v4{path}/issues?page=2&per_page=1&state=opened>; rel=\"next\""
    );
    let upstream = FakeUpstream::new([
        Exchange::new(
            "GET",
            &format!("{path}/issues?state=opened&labels=bug%2Cui&per_page=1"),
            Answer::new(200, &[("link", &next)], json!([issue]).to_string()),
        )
        .with_header("authorization", "Bearer glpat"),
        Exchange::new(
            "GET",
            &format!("{path}/issues?page=2&per_page=1&state=opened"),
            Answer::new(200, &[], "[]"),
        ),
        Exchange::new("GET", &format!("{path}/issues/6"), Answer::new(200, &[], issue.to_string())),
        Exchange {
            body: Some(json!({"title": "New", "description": "Text", "labels": ["bug"]})),
            ..Exchange::new(
                "POST",
                &format!("{path}/issues"),
                Answer::new(201, &[], issue.to_string()),
            )
        },
        Exchange {
            body: Some(json!({"state_event": "close"})),
            ..Exchange::new(
                "PUT",
                &format!("{path}/issues/6"),
                Answer::new(200, &[], issue.to_string()),
            )
        },
        Exchange::new(
            "GET",
            &format!("{path}/repository/files/src%2Fmain.rs/raw?ref=HEAD"),
            Answer::new(200, &[], "one\ntwo\n"),
        ),
        Exchange::new(
            "DELETE",
            &format!("{path}/repository/branches/feat%2Fx"),
            Answer::new(204, &[], ""),
        ),
    ]);
    let url = upstream.url();
    let variables = [
        ("MCPIST_MODULES_DIR", &*format!("{ROOT}/examples/modules")),
        ("GITLAB_API_URL", &*url),
        ("GITLAB_TOKEN", "glpat"),
    ];
    let call = |tool: &str, mut arguments: Value| {
        arguments["project"] = "my/project".into();
        let called =
            ran(&["call", "gitlab", tool, &arguments.to_string(), "--json", "--yes"], &variables);
        assert_eq!(called.code, 0, "{called:?}");
        called.stdout.trim_end().to_owned()
    };
    let json = |text: String| serde_json::from_str::<Value>(&text).expect("JSON was asked for");
    let page = json(call(
        "list_issues",
        json!({"labels": ["bug", "ui"], "limit": 1, "fields": ["number", "assignees"]}),
    ));
    assert_eq!(page["items"], json!([{"number": 6, "assignees": ["ada"]}]));
    let last =
        json(call("list_issues", json!({"labels": ["bug", "ui"], "cursor": page["next_cursor"]})));
    assert_eq!(last, json!({"items": []}));
    let document = json(call("get_issue", json!({"number": 6})));
    assert_eq!(
        (&document["document"], &document["author"]),
        (&json!("Ratione *dolores*.\n"), &json!("root"))
    );
    assert_eq!(
        json(call("create_issue", json!({"title": "New", "text": "Text", "labels": "bug"})))["number"],
        6
    );
    assert_eq!(json(call("close_issue", json!({"number": "6"})))["state"], "opened");
    assert!(call("get_file", json!({"file": "src/main.rs", "tail": 1})).contains("two"));
    assert!(call("delete_branch", json!({"branch": "feat/x"})).contains("Branch deleted."));
}
