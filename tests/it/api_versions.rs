//! `mcpist api-versions --check` over services on loopback.

use serde_json::{Value, json};

use crate::command_line::ran;
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::module_files::Folder;
use crate::product::CANARY;

/// A module file with one tool; the rest is given.
fn module(name: &str, head: Value) -> String {
    let mut file = json!({
        "module": name, "title": name, "description": "D.", "base_url": "https://shop.invalid", "auth": {"kind": "bearer", "env": ["SHOP_TOKEN"]},
        "tools": [{
            "name": "look", "description": "Look.", "docs": "https://shop.invalid", "request": {"method": "GET", "path": "/look"},
            "output": {"fields": {"seen": "seen"}}
        }]
    });
    let Value::Object(head) = head else { panic!("the head is an object") };
    file.as_object_mut().expect("it is an object").extend(head);
    file.to_string()
}

/// Checks modules of these names and heads. Returns the exit code and what is said of each.
fn checked(folder: &str, modules: &[(&str, Value)]) -> (i32, Vec<String>) {
    let files: Vec<_> = modules
        .iter()
        .map(|(name, head)| (format!("{name}.json"), module(name, head.clone())))
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = Folder::new(folder, &files);
    let names = modules.iter().map(|(name, _)| *name);
    let arguments: Vec<_> = ["api-versions", "--check"].into_iter().chain(names).collect();
    let ran = ran(
        &arguments,
        &[
            ("MCPIST_MODULES_DIR", folder.0.to_str().expect("the path is text")),
            ("SHOP_TOKEN", CANARY),
        ],
    );
    (
        ran.code,
        ran.stdout
            .lines()
            .map(|line| line.split_once(' ').expect("a name and more").1.trim_start().to_owned())
            .collect(),
    )
}

/// A service that answers one question, asked without a credential.
fn service(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> FakeUpstream {
    FakeUpstream::new(answers.into_iter().map(|(target, answer)| {
        Exchange::new("GET", target, answer).with_header("authorization", "")
    }))
}

#[test]
fn every_module_has_its_version_and_only_modules_that_exist_are_asked_for() {
    let all = ran(&["api-versions"], &[]);
    assert_eq!(all.code, 0);
    assert!(
        all.stdout.starts_with("github           2022-11-28\n")
            && all.stdout.contains("\nnotes            unversioned\n"),
        "{all:?}"
    );
    let some = ran(&["api-versions", "vault", "--check", "notes"], &[]);
    let told = ["vault", "notes"]
        .map(|name| format!("{name:16} unversioned; no public list of versions\n"))
        .concat();
    assert_eq!((some.code, some.stdout), (0, told));
    let wrong = ran(&["api-versions", "github", "nothing"], &[]);
    assert!(
        wrong.code == 2
            && wrong.stdout.is_empty()
            && wrong.stderr.contains("module \"nothing\" does not exist. Modules: github, "),
        "{wrong:?}"
    );
}

#[test]
fn versions_are_read_from_a_list_a_member_and_a_header() {
    let upstream = service([
        ("/versions", Answer::new(200, &[], r#"["2022-11-28","2026-03-10"]"#)),
        ("/list?name=a&preferred=true", Answer::new(200, &[], r#"{"items":[{"version":"v3"}]}"#)),
        ("/description", Answer::new(200, &[], r#"{"info":{"version":"2.0.0"}}"#)),
        ("/other", Answer::new(200, &[("x-version", "spring")], "<p>Hello</p>")),
        ("/moved", Answer::new(302, &[("location", "/here")], "")),
        ("/here", Answer::new(200, &[], r#"{"version":"7"}"#)),
    ]);
    let url = upstream.url();
    let page = "https://shop.invalid/changes";
    let modules = [
        (
            "a",
            json!({"api_version": "2022-11-28", "base_url": url, "changelog": page, "versions": {"url": "/versions", "path": ""}}),
        ),
        (
            "b",
            json!({"api_version": "v3", "versions": {"url": format!("{url}/list?name=a&preferred=true"), "path": "items[].version"}, "changelog": page}),
        ),
        (
            "c",
            json!({"api_version": "v1", "versions": {"url": format!("{url}/description"), "path": "info.version"}}),
        ),
        (
            "d",
            json!({"api_version": "winter", "base_url": url, "versions": {"url": "/other", "header": "X-Version"}}),
        ),
        (
            "e",
            json!({"api_version": "7", "base_url": url, "versions": {"url": "/moved", "path": "version"}}),
        ),
        ("f", json!({"api_version": "3", "changelog": page})),
        ("g", json!({})),
    ];
    let told = [
        "2022-11-28; 2026-03-10 is newer; see https://shop.invalid/changes",
        "v3; nothing newer",
        "v1; 2.0.0 is newer",
        "winter; spring is what there is",
        "7; nothing newer",
        "3; no public list of versions; see https://shop.invalid/changes",
        "unversioned; no public list of versions",
    ];
    assert_eq!(checked("versions_read", &modules), (0, told.map(str::to_owned).to_vec()));
    drop(upstream);
}

#[test]
fn an_answer_that_names_no_version_fails_its_module_alone() {
    let html =
        || Answer::new(200, &[("content-type", "text/html")], "<!doctype html><title>1.2</title>");
    let huge = format!("\"{}\"", "9".repeat(11 * 1024 * 1024));
    let upstream = service([
        ("/html", html()),
        ("/error", Answer::new(500, &[], r#"["2099-01-01"]"#)),
        ("/huge", Answer::new(200, &[], huge)),
        ("/long", Answer::new(200, &[], json!(["9".repeat(41), "2 0", "<b>"]).to_string())),
        ("/kinds", Answer::new(200, &[], r#"[{"v":1},3,null]"#)),
        ("/empty", Answer::new(200, &[], "[]")),
        ("/header", html()),
        ("/right", Answer::new(200, &[], r#""4""#)),
    ]);
    let url = upstream.url();
    let list = |path: &str| json!({"api_version": "3", "base_url": url, "versions": {"url": path, "path": ""}});
    let header = json!({"api_version": "3", "base_url": url, "versions": {"url": "/header", "header": "x-version"}});
    let nowhere =
        json!({"api_version": "3", "versions": {"url": "http://127.0.0.1:1/versions", "path": ""}});
    let modules = [
        ("html", list("/html")),
        ("error", list("/error")),
        ("huge", list("/huge")),
        ("long", list("/long")),
        ("kinds", list("/kinds")),
        ("empty", list("/empty")),
        ("header", header),
        ("nowhere", nowhere),
        ("right", list("/right")),
    ];
    let (code, told) = checked("versions_wrong", &modules);
    assert_eq!((code, told.len()), (1, modules.len()), "{told:?}");
    for (said, status) in [(0, 200), (1, 500), (3, 200), (4, 200), (5, 200), (6, 200)] {
        let path = modules[said].0;
        assert_eq!(
            told[said],
            format!("3; not known: {url}/{path} names no version (HTTP {status})")
        );
    }
    for said in [2, 7] {
        assert!(told[said].starts_with("3; not known: "), "{}", told[said]);
    }
    assert_eq!(told[8], "3; 4 is newer");
}

#[test]
fn the_built_in_modules_read_what_their_services_publish() {
    // The parts of the vendors' public documents that are read, in their shape.
    let published = [
        ("github", "/versions", json!(["2026-03-10", "2022-11-28"]), "; 2026-03-10 is newer"),
        (
            "notion",
            "/openapi.json",
            json!({"openapi": "3.1.0", "info": {"version": "1.0.0"}, "components": {"parameters": {"notionVersion": {
                "name": "Notion-Version", "in": "header", "required": true, "schema": {"enum": ["2026-03-11"]}}}}}),
            "; nothing newer",
        ),
        (
            "supabase",
            "/api/v1-json",
            json!({"openapi": "3.0.0", "info": {"title": "Supabase API (v1)", "version": "1.0.0"}}),
            "; nothing newer",
        ),
        (
            "google_calendar",
            "/discovery/v1/apis?name=calendar&preferred=true",
            json!({"kind": "discovery#directoryList", "items": [{"id": "calendar:v3", "name": "calendar", "version": "v3", "preferred": true}]}),
            "; nothing newer",
        ),
    ];
    let mut pages = 0;
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/modules"))
        .expect("the modules are there");
    for file in folders
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("module.json")).ok())
    {
        let head: Value = serde_json::from_str(&file).expect("it is a module file");
        let name = head["module"].as_str().expect("it has a name");
        assert!(
            head["changelog"].as_str().is_some_and(|page| page.starts_with("https://")),
            "{name} says where to look"
        );
        pages += 1;
        let Some((_, target, answer, told)) = published.iter().find(|(module, ..)| *module == name)
        else {
            assert_eq!(head["versions"], Value::Null, "{name} has no example here");
            continue;
        };
        let upstream = service([(*target, Answer::new(200, &[], answer.to_string()))]);
        let mut versions = head["versions"].clone();
        let url = versions["url"].as_str().expect("it has a URL");
        let path = url
            .strip_prefix("https://")
            .map_or(url, |rest| &rest[rest.find('/').expect("it has a path")..]);
        assert_eq!(path, *target);
        versions["url"] = format!("{}{path}", upstream.url()).into();
        let ours = head["api_version"].as_str().expect("it has a version");
        let (code, said) = checked(
            &format!("versions_of_{name}"),
            &[("other", json!({"api_version": ours, "versions": versions}))],
        );
        assert_eq!((code, &*said[0]), (0, &*format!("{ours}{told}")), "{name}");
    }
    assert_eq!(pages, 7);
}
