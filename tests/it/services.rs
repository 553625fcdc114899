//! Every place that a built-in service needs: the missing ones of a new service are listed.

use std::fs;
use std::path::Path;

use mcpist::modules::Registry;

/// A place that each service needs.
struct Mention {
    /// The file below the repository; `{module}` is the service's name.
    file: &'static str,
    /// The text that the file must contain; empty if the file only has to exist.
    contains: &'static str,
    /// The instruction.
    add: &'static str,
}

#[rustfmt::skip]
const PLACES: &[Mention] = &[
    Mention { file: "src/modules/{module}/module.json", contains: "", add: "the module file" },
    Mention { file: "src/modules/{module}/hooks.rs", contains: "HOOKS", add: "its hooks (`Hooks::NONE` for data alone)" },
    Mention { file: "src/modules/mod.rs", contains: "mod {module};", add: "the Rust module" },
    Mention { file: "src/modules/registry.rs", contains: "{module}", add: "its name in `built_in!`" },
    Mention { file: "tests/modules/{module}", contains: "", add: "a case for every tool" },
    Mention { file: "tests/coverage.json", contains: "\"{module}", add: "its jobs and their tools" },
    Mention { file: "docs/connect/{module}.md", contains: "", add: "how to connect it" },
    Mention { file: "docs/operations.md", contains: "{module}", add: "what an operator must know" },
    Mention { file: "supabase/functions/_shared/providers.ts", contains: "{module}", add: "its OAuth endpoints" },
    Mention { file: "supabase/functions/token-exchanger/probe.ts", contains: "{module}", add: "a harmless request that tests a credential" },
    Mention { file: "supabase/catalogue.sql", contains: "{module}", add: "its tools (node supabase/catalogue.mjs)" },
    Mention { file: "supabase/tests/stack/provider.mjs", contains: "{module}", add: "a double of its provider" },
    Mention { file: "admin/catalogue.json", contains: "{module}", add: "its tools (node admin/scripts/catalogue.mjs)" },
    Mention { file: "admin/lib/i18n/modules.ts", contains: "{module}", add: "its description in Japanese" },
];

#[test]
fn every_service_is_in_every_place_that_needs_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let registry = Registry::built_in().expect("the built-in modules are right");
    let mut missing = Vec::new();
    for module in registry.modules() {
        for place in PLACES {
            let named = |text: &str| text.replace("{module}", &module.name);
            let path = root.join(named(place.file));
            let found = if path.is_dir() || place.contains.is_empty() {
                path.exists()
            } else {
                fs::read_to_string(&path).is_ok_and(|text| text.contains(&named(place.contains)))
            };
            if !found {
                missing.push(format!("{}: {}: add {}", module.name, named(place.file), place.add));
            }
        }
    }
    assert!(missing.is_empty(), "services are not complete:\n{}", missing.join("\n"));
}
