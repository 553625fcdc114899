//! A batch: any plan is refused whole or runs to an outcome for every line, with references into results that are made of
//! the input itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpist::batch::{Line, Outcome, Plan, run};
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for calls in [Value::from(text), serde_json::from_str(text).unwrap_or_default()] {
        let Ok(plan) = Plan::read(&calls) else { continue };
        // Gives its parameters back, so that references of other lines lead somewhere; a tool that begins with `f` fails.
        let echo = |line: &Line, params: Map<String, Value>| {
            if line.tool.starts_with('f') {
                Err(mcpist::error::Error::internal("failed"))
            } else {
                Ok(Value::Object(params))
            }
        };
        let outcomes = run(&plan, Vec::new(), &echo, &|_, _| {});
        assert_eq!(outcomes.len(), plan.lines().len());
        for (line, outcome) in plan.lines().iter().zip(&outcomes) {
            let needs_done =
                line.needs.iter().all(|need| matches!(outcomes[*need], Outcome::Done(_)));
            assert_eq!(
                matches!(outcome, Outcome::Skipped(_)),
                !needs_done,
                "a line is skipped exactly when one that it needs did not succeed"
            );
        }
    }
});
