//! Reads the user's own module files: they have no hooks, and get checks that JSON parsing alone does not make.

use super::finding::Finding;
use super::location::FILE;
use super::read::MAX_FINDINGS;
use super::{locate, parse};
use crate::engine::{Hooks, Module};

/// Reads the text of a module file that the user wrote. `file` is its name in findings.
///
/// # Errors
///
/// All findings, in the order of their positions.
pub fn read(file: &str, text: &str) -> Result<Module, Vec<Finding>> {
    let module = parse(file, text, &Hooks::NONE);
    // Only valid JSON that is not nested deeper than `serde_json` allows can be walked.
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return module;
    }
    let mut findings: Vec<Finding> = locate::repeated(text, MAX_FINDINGS)
        .into_iter()
        .map(|(name, position)| {
            let problem =
                format!("`{name}` is here a second time: one of the two would be ignored");
            Finding { position: Some(position), ..Finding::new(file, FILE, problem) }
        })
        .collect();
    match module {
        Ok(module) if findings.is_empty() => Ok(module),
        Ok(_) => Err(findings),
        Err(mut others) => {
            findings.append(&mut others);
            findings.sort_by_key(|finding| finding.position);
            Err(findings)
        }
    }
}
