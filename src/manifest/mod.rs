//! Module files: reads JSON to a [`Module`] that is always valid, or to a list of all findings.

mod auth;
mod finding;
mod locate;
mod location;
mod origin;
mod own;
mod packed;
mod paging;
mod params;
mod raw;
mod read;
mod resources;
mod rules;
mod versions;
mod work;

pub use finding::{Finding, Position};
pub(crate) use locate::located;
pub(crate) use location::FILE;
pub use packed::Packed;
pub(crate) use read::{is_base_url, is_snake_case};
pub(crate) use work::fits_path;

use crate::engine::{Hooks, Module};

/// Reads a module file. `file` is its name in findings, `hooks` are the hooks that it may name.
///
/// # Errors
/// All findings.
pub fn parse(file: &str, text: &str, hooks: &Hooks) -> Result<Module, Vec<Finding>> {
    read::module(file, text, hooks)
}

/// Reads a built-in module; its tools are read when they are first needed, and a test checks that they are valid.
///
/// # Errors
/// All findings, except those in its tools.
pub fn built_in(
    file: &'static str,
    packed: Packed,
    hooks: &'static Hooks,
) -> Result<Module, Vec<Finding>> {
    read::packed(file, packed, hooks)
}

/// Reads the text of a user's own module file: without hooks, and without duplicate members.
///
/// # Errors
/// All findings.
pub fn parse_own(file: &str, text: &str) -> Result<Module, Vec<Finding>> {
    own::read(file, text)
}
