//! The folder with the user's own module files, which may change while the server runs.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::registry::Registry;
use crate::engine::Module;
use crate::manifest::{self, FILE, Finding};

/// The maximum size of a file in bytes: 40 times the largest built-in file.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// A folder of module files (`*.json`), and their known state.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The state of the folder when it was read.
    seen: Option<Vec<Stamp>>,
    /// The last valid version of each file, so that a file that is being edited removes no tool.
    right: HashMap<PathBuf, Module>,
    /// The findings of the last read, so that none is reported twice.
    told: Vec<Finding>,
}

/// Identifies a version of a file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
    is_file: bool,
}

impl Folder {
    /// Creates the folder, not read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: None, right: HashMap::new(), told: Vec::new() }
    }

    /// Returns whether a file was added, removed or changed since the folder was read.
    #[must_use]
    pub fn changed(&self) -> bool {
        stamps(&self.path).ok() != self.seen
    }

    /// Adds the modules of the folder to a registry, in the order of the files' names. Returns the new findings.
    ///
    /// An invalid file is left out, or keeps its last valid version. Such files have no hooks.
    #[must_use]
    pub fn add_to(&mut self, registry: &mut Registry) -> Vec<Finding> {
        let mut findings = Vec::new();
        // Taken before the files are read, so that a change in the meantime is noticed the next time.
        match stamps(&self.path) {
            Ok(stamps) => {
                self.right.retain(|path, _| stamps.iter().any(|stamp| stamp.path == *path));
                for stamp in &stamps {
                    self.add_file(stamp, registry, &mut findings);
                }
                self.seen = Some(stamps);
            }
            Err(error) => {
                self.seen = None;
                findings.push(Finding::new(
                    &self.path.display().to_string(),
                    FILE,
                    format!("cannot be read: {error}"),
                ));
                let mut right: Vec<_> = self.right.iter().collect();
                right.sort_by_key(|(path, _)| *path);
                for (path, module) in right {
                    findings.extend(
                        registry
                            .take(&path.display().to_string(), module.clone())
                            .err()
                            .into_iter()
                            .flatten(),
                    );
                }
            }
        }
        let new = findings.iter().filter(|finding| !self.told.contains(finding)).cloned().collect();
        self.told = findings;
        new
    }

    fn add_file(&mut self, stamp: &Stamp, registry: &mut Registry, findings: &mut Vec<Finding>) {
        match read(stamp).and_then(|(text, module)| {
            add(&stamp.path.display().to_string(), &text, module, registry)
        }) {
            Ok(module) => drop(self.right.insert(stamp.path.clone(), module)),
            Err(wrong) => {
                findings.extend(wrong);
                if let Some(last) = self.right.get(&stamp.path) {
                    // The reason for leaving it out is already reported above.
                    let _ = registry.take("", last.clone());
                }
            }
        }
    }
}

/// Returns a single module file, checked as if it were next to the built-in modules.
///
/// # Errors
///
/// All findings.
pub fn check(path: &Path) -> Result<Module, Vec<Finding>> {
    let text = text_of(path).map_err(|finding| vec![finding])?;
    check_text(&path.display().to_string(), &text, Registry::built_in()?)
}

/// Reads the text of a module file, checked against the modules of `registry`.
///
/// # Errors
///
/// All findings.
pub fn check_text(file: &str, text: &str, mut registry: Registry) -> Result<Module, Vec<Finding>> {
    let module = manifest::parse_own(file, text)?;
    add(file, text, module, &mut registry)
}

fn read(stamp: &Stamp) -> Result<(String, Module), Vec<Finding>> {
    let file = stamp.path.display().to_string();
    if !stamp.is_file {
        // Reading a pipe would block.
        return Err(vec![Finding::new(&file, FILE, "is not a file")]);
    }
    let text = text_of(&stamp.path).map_err(|finding| vec![finding])?;
    let module = manifest::parse_own(&file, &text)?;
    Ok((text, module))
}

fn add(
    file: &str,
    text: &str,
    module: Module,
    registry: &mut Registry,
) -> Result<Module, Vec<Finding>> {
    let taken = registry.take(file, module.clone());
    taken.map(|()| module).map_err(|findings| manifest::located(text, findings))
}

/// Returns the text of a module file.
///
/// # Errors
///
/// Why it cannot be read.
fn text_of(path: &Path) -> Result<String, Finding> {
    let wrong = |problem: String| Finding::new(&path.display().to_string(), FILE, problem);
    let unreadable = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(wrong(format!("is larger than {} MiB", MAX_FILE >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text".to_owned()))
}

/// Returns the folder's module files in the order of their names.
fn stamps(folder: &Path) -> std::io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        // A file that is gone by now, or a broken link, is reported when it is read.
        let metadata = fs::metadata(&path).ok();
        stamps.push(Stamp {
            modified: metadata.as_ref().and_then(|metadata| metadata.modified().ok()),
            size: metadata.as_ref().map_or(0, fs::Metadata::len),
            is_file: metadata.is_none_or(|metadata| metadata.is_file()),
            path,
        });
    }
    stamps.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(stamps)
}
