//! `mcpist import-openapi`: from a description of an API to a module file that runs at once.

use std::path::PathBuf;
use std::process::Stdio;

use mcpist::manifest;
use mcpist::openapi::Description;
use serde_json::{Value, json};

use crate::command_line::{File, ran};
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::module_files::Folder;

fn at(name: &str) -> String {
    format!("{}/tests/it/openapi/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn everything_that_a_description_says_becomes_a_module_file() {
    let made = ran(&["import-openapi", &at("library.json"), "--operations", "all"], &[]);
    assert_eq!(made.code, 0, "{made:?}");
    let expected = PathBuf::from(at("library.module.json"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        std::fs::write(&expected, &made.stdout).expect("the folder can be written to");
    }
    let expected = std::fs::read_to_string(&expected).expect("UPDATE_SNAPSHOTS=1 writes it");
    assert_eq!(made.stdout, expected, "UPDATE_SNAPSHOTS=1 writes what is made now");
    let notes: Vec<_> = made.stderr.lines().collect();
    let expected = [
        "note: the server's address has parts of your own: set LIBRARY_API_URL",
        "note: listBooks: the object in the query `filter` is left out",
        "note: listBooks: the header `X-Trace` is left out",
        "note: listBooks: the cookie `visit` is left out",
        "note: createBook: the header `X-Trace` is left out",
        "note: createBook: the cookie `visit` is left out",
        "note: getCover is left out: its answer is image/png, which is not text",
        "note: setCover is left out: its body is not JSON",
        "note: searchTheWholeLibraryForEverythingThatSomebodyMightEverHaveWritten: the body's member `a.b` is left out",
        "note: odd is left out: its path has `{One}` twice",
        "note: odd_2 is left out: its path \"/very odd\" is not valid",
        "note: many is left out: its body is not an object whose members are described",
    ];
    assert_eq!(notes, expected);
    let check = ran(&["tools", "--check", &at("library.module.json")], &[]);
    assert!(
        check.code == 0
            && check
                .stdout
                .contains("module library_api is right; 12 tools: list_books, create_book"),
        "{check:?}"
    );
}

#[test]
fn a_module_file_that_was_made_can_be_called() {
    let folder = Folder::new("imported", &[]);
    let file = std::fs::File::create(folder.0.join("books.json")).expect("the folder was made");
    let mut import = crate::product::mcpist(&[
        "import-openapi",
        &at("library.json"),
        "--operations",
        "listBooks, createBook",
        "--module",
        "books",
    ]);
    assert!(
        import.stdout(file).stderr(Stdio::null()).status().expect("the binary starts").success()
    );
    let page = json!({"books": [{"id": 1, "title": "Emma", "authors": [{"name": "Austen"}]}], "meta": {"next_cursor": "c2"}});
    let book = json!({"id": 7, "title": "Emma", "publisher": {"name": "Murray", "town": "London"}, "notes": {"a": "b"}});
    let new = json!({"title": "Emma", "author": {"name": "Austen"}});
    let upstream = FakeUpstream::new([
        Exchange::new(
            "GET",
            "/books?fields=id%2Ctitle&shelf%5B%5D=1&shelf%5B%5D=2&limit=1",
            Answer::new(200, &[], page.to_string()),
        )
        .with_header("library-version", "2026-01-01")
        .with_header("authorization", "Bearer reader"),
        Exchange {
            body: Some(new.clone()),
            ..Exchange::new("POST", "/books", Answer::new(201, &[], book.to_string()))
        },
    ]);
    let url = upstream.url();
    let variables = [
        ("MCPIST_MODULES_DIR", folder.0.to_str().expect("the path is text")),
        ("BOOKS_API_URL", &url),
        ("BOOKS_TOKEN", "reader"),
    ];
    let call = |tool: &str, arguments: Value| {
        let called = ran(&["call", "books", tool, &arguments.to_string(), "--json"], &variables);
        assert_eq!(called.code, 0, "{called:?}");
        serde_json::from_str::<Value>(&called.stdout).expect("JSON was asked for")
    };
    let list = call(
        "list_books",
        json!({"query_fields": ["id", "title"], "shelf": [1, 2], "limit": 1, "fields": ["title", "authors"]}),
    );
    assert_eq!(list["items"], json!([{"title": "Emma", "authors": ["Austen"]}]));
    assert!(list["next_cursor"].is_string(), "{list}");
    assert_eq!(
        call("create_book", new),
        json!({"id": 7, "title": "Emma", "publisher_name": "Murray", "notes": {"a": "b"}})
    );
}

#[test]
fn operations_are_listed_and_chosen_by_their_ids() {
    let file = at("library.json");
    let all = ran(&["import-openapi", &file], &[]);
    assert!(
        all.code == 0 && all.stderr.starts_with("17 operations; choose with --operations"),
        "{all:?}"
    );
    for line in [
        "listBooks  GET /books  Lists the books of the library.\n",
        "get_readers  GET /readers  List the readers.\n",
        "odd_2  GET /very odd  ",
    ] {
        assert!(all.stdout.contains(line), "{line:?} is not in {all:?}");
    }
    let check = |arguments: &[&str], code: i32, says: &str| {
        let ran = ran(&[&["import-openapi"], arguments].concat(), &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        assert!(ran.stderr.contains(says), "{says} is not in {ran:?}");
    };
    check(&[&file, "--operations", "listBook"], 2, "Did you mean listBooks?");
    check(&[&file, "--operations", ","], 2, "--operations names none");
    check(
        &[&file, "--operations", "all", "--module", "github"],
        2,
        "not the name of a built-in module",
    );
    check(&[&file, "--operations", "all", "--module", "Books"], 2, "letters, digits");
    check(&[&file, "--operations", "all", "--base-url", "library"], 1, "give it with --base-url");
    check(&[&file, "--operations", "getCover,many"], 1, "none of these operations can be a tool: ");
    check(&[], 2, "file");
    check(&["/nowhere/openapi.json"], 1, "cannot be read");
    let described = |name: &str, text: &str, says: &str| {
        let file = File::new(name, text);
        check(&[file.path()], 1, says);
    };
    described(
        "api.yaml",
        "openapi: 3.0.0\n",
        "YAML is not read: write it as JSON first, for example with: yq -o=json",
    );
    described("swagger.json", "{\"swagger\": \"2.0\"}", "Swagger 2.0: convert it");
    described("new.json", "{\"openapi\": \"4.0.0\"}", "3.0 and 3.1 are read");
    described("none.json", "[]", "it has no member `openapi`");
    described("deep.json", &"[".repeat(100_000), "recursion limit exceeded");
}

/// A description with one operation.
fn described(changes: Value) -> Value {
    let mut description = json!({
        "openapi": "3.0.3", "info": {"title": "Odd", "version": "1"}, "servers": [{"url": "https://odd.invalid"}],
        "paths": {"/things": {"get": {"operationId": "list", "responses": {"200": {"description": "Done."}}}}}
    });
    for (name, value) in changes.as_object().expect("changes have names") {
        description[name] = value.clone();
    }
    description
}

#[test]
fn an_odd_description_never_makes_a_wrong_file() {
    let check = |changes: Value| {
        let text = described(changes).to_string();
        let description = Description::parse(&text).expect("it is OpenAPI");
        let operations = description.operations();
        let made = description.module(
            &operations.iter().collect::<Vec<_>>(),
            &description.module_name(),
            None,
        );
        let Ok((module, _)) = made else { return };
        if let Err(findings) = manifest::parse_own("odd.json", &module.to_string()) {
            panic!("{text} makes {module:#}: {findings:#?}");
        }
    };
    let operation = |operation: Value| {
        check(json!({"paths": {"/things/{id}": {"post": operation}}}));
        check(json!({"paths": {"/things/{id}": {"get": operation}}}));
    };
    let parameter =
        |parameter: Value| operation(json!({"parameters": [parameter], "responses": {}}));
    let schema = |schema: Value| {
        let content = json!({"application/json": {"schema": schema}});
        let member = json!({"application/json": {"schema": {"type": "object", "properties": {"p": schema}}}});
        operation(
            json!({"requestBody": {"required": true, "content": content}, "responses": {"200": {"content": member}}}),
        );
        operation(
            json!({"requestBody": {"content": member}, "responses": {"200": {"content": content}}}),
        );
        for place in ["path", "query", "header"] {
            parameter(json!({"name": "id", "in": place, "required": true, "schema": schema}));
        }
    };
    for paths in [
        json!(null),
        json!([]),
        json!({"/a": null}),
        json!({"": {"get": {}}}),
        json!({"a}{b": {"get": {}}}),
        json!({"/a/../b": {"get": {}}}),
    ] {
        check(json!({"paths": paths}));
    }
    for info in [
        json!(null),
        json!({"title": ""}),
        json!({"title": " 日本 ", "description": "**"}),
        json!({"title": "x".repeat(300)}),
    ] {
        check(json!({"info": info}));
    }
    for servers in [
        json!([]),
        json!([{"url": "/v1"}]),
        json!([{"url": "//a.invalid/{x}/"}]),
        json!([{"url": "https://a.invalid?b"}]),
    ] {
        check(json!({"servers": servers}));
    }
    for name in
        ["", "id", "account", "fields", "a.b", "A-B", "$x", "[]", "日本", "{}", "\n", "__", "1"]
    {
        for place in ["path", "query", "header", "cookie", "body", ""] {
            parameter(
                json!({"name": name, "in": place, "required": true, "schema": {"type": "string", "default": "a\nb"}}),
            );
        }
        schema(
            json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name, "no"]}),
        );
        operation(
            json!({"operationId": name, "summary": name, "description": name, "externalDocs": {"url": name}}),
        );
    }
    let mut deep = json!({"type": "string"});
    for _ in 0..30 {
        deep = json!({"type": "object", "properties": {"a": deep, "b": {"type": "array", "items": {}}}});
    }
    let refer = json!({"$ref": "#/components/schemas/loop"});
    for odd in [
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!({"type": []}),
        json!({"type": ["null"]}),
        json!({"type": "file"}),
        json!({"type": 5}),
        json!({"type": "array"}),
        json!({"type": "array", "items": []}),
        json!({"type": "string", "enum": [1, null, {}]}),
        json!({"enum": [[1]]}),
        json!({"type": "integer", "enum": [1.5, 2], "minimum": 3, "maximum": "x"}),
        json!({"const": null}),
        json!({"const": {"a": 1}}),
        json!({"oneOf": []}),
        json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"allOf": [refer, refer]}),
        json!({"$ref": "#"}),
        json!({"$ref": "#/paths/~1things"}),
        json!({"$ref": 5}),
        json!({"$ref": "%ff"}),
        refer.clone(),
        deep,
        json!({"type": "object", "properties": []}),
        json!({"type": "object", "properties": {"p": {"type": "object", "properties": {"q": refer}}}}),
    ] {
        schema(odd);
    }
    let looped = json!({"schemas": {"loop": {"type": "object", "properties": {"next": refer, "list": {"type": "array", "items": refer}}, "allOf": [refer]}}});
    let content = json!({"application/json": {"schema": refer}});
    let get = json!({"operationId": "get", "requestBody": {"content": content}, "responses": {"200": {"content": content}}});
    check(json!({"components": looped, "paths": {"/loop": {"post": get}}}));
}
