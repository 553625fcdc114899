//! Module files of the user's own: read with a limit, without hooks, and with what JSON itself lets pass.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::finding::Finding;
use super::place::FILE;
use super::read::MAX_FINDINGS;
use super::{Module, locate};
use crate::modules::hooks::Hooks;

/// Most bytes of a file: the largest that is built in has a fortieth of it.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The text of a module file.
///
/// # Errors
///
/// Why it cannot be read.
pub fn text(path: &Path) -> Result<String, Finding> {
    let wrong = |problem: String| Finding::new(&path.display().to_string(), FILE, problem);
    let unreadable = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(wrong(format!("is larger than {} MiB", MAX_FILE >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| wrong("is no UTF-8 text".to_owned()))
}

/// The module that the text of such a file describes.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn read(file: &str, text: &str) -> Result<Module, Vec<Finding>> {
    let module = Module::parse(file, text, &Hooks::NONE);
    // Only what is JSON, and no deeper than `serde_json` reads it into values, can be walked.
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
