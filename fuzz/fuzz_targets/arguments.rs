//! Arguments of the built-in tools are refused with a reason or make a request that goes where the module file says.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcpist::error::Code;
use mcpist::engine::arguments::check;
use mcpist::engine::{Tool, Work};
use mcpist::engine::request::{Piece, ParamTarget, Template};
use mcpist::modules::Registry;
use serde_json::{Map, Value};

const BASE_URL: &str = "https://service.example/base";

static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| Registry::built_in().expect("the module files are right"));

fuzz_target!(|input: (u16, &[u8])| {
    let (choice, bytes) = input;
    let Ok(arguments) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    let tools: Vec<&Tool> = REGISTRY.modules().iter().flat_map(|module| &module.tools).collect();
    let tool = tools[usize::from(choice) % tools.len()];
    let checked = match check(tool, arguments) {
        Ok(checked) => checked,
        Err(error) => {
            assert_eq!(error.code(), Code::InvalidParams);
            assert!(error.message().starts_with(&tool.name), "{error}");
            return;
        }
    };
    if tool.params.iter().all(|param| param.hook.is_none()) {
        assert_eq!(check(tool, checked.clone()).expect("valid arguments stay valid"), checked);
    }
    if let Work::Request(template, _) = &tool.work {
        check_request(tool, template, &checked);
    }
});

fn check_request(tool: &Tool, template: &Template, arguments: &Map<String, Value>) {
    let places = tool.params.iter().map(|param| (param.name.as_str(), &param.place));
    let Ok(built) = template.fill(BASE_URL, places, arguments) else { return };
    let rest = built.url.strip_prefix(BASE_URL).expect("the request goes to the module's service");
    assert!(rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{rest:?}");
    let path = rest.split('?').next().unwrap_or_default();
    assert!(
        path.starts_with('/') && !path.split('/').any(|segment| matches!(segment, "." | "..")),
        "{path:?}"
    );
    let may_part =
        tool.params.iter().any(|param| matches!(&param.place, ParamTarget::Path { slashes: true, .. }));
    let slashes: usize = template
        .path
        .iter()
        .map(|piece| if let Piece::Text(text) = piece { text.matches('/').count() } else { 0 })
        .sum();
    assert!(
        may_part || path.matches('/').count() == slashes,
        "an argument adds a segment to {path:?}"
    );
    if let Some(body) = built.body {
        assert!(
            serde_json::from_str::<Value>(&body).is_ok_and(|body| body.is_object()),
            "{body:?}"
        );
    }
}
