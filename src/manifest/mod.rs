//! Module files: from JSON to a [`Module`] that cannot be wrong, or to everything that is wrong with it.

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
mod versions;
mod work;

pub use finding::{Finding, Position};
pub(crate) use locate::located;
pub(crate) use location::FILE;
pub use packed::Packed;
pub(crate) use read::{is_base_url, is_snake_case};
pub(crate) use work::fits_path;

use crate::engine::{Hooks, Module};

/// Reads a module file. `file` is its name in findings, `hooks` what it may cite.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(file: &str, text: &str, hooks: &Hooks) -> Result<Module, Vec<Finding>> {
    read::module(file, text, hooks)
}

/// A built-in module; its tools are read when they are first asked for, and a test holds that they can be.
///
/// # Errors
/// Everything that is wrong with the file but for its tools.
pub fn built_in(
    file: &'static str,
    packed: Packed,
    hooks: &'static Hooks,
) -> Result<Module, Vec<Finding>> {
    read::packed(file, packed, hooks)
}

/// Reads the text of a module file of the user's own: one without hooks, where no object has a name twice.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_own(file: &str, text: &str) -> Result<Module, Vec<Finding>> {
    own::read(file, text)
}
