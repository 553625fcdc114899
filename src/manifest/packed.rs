//! A built-in module file as `build.rs` packs it.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use serde_json::Value;

/// A module file, packed.
#[derive(Debug, Clone, Copy)]
pub struct Packed {
    /// The file without its tools, as JSON.
    pub head: &'static str,
    /// The list of tools, as deflated JSON.
    pub tools: &'static [u8],
    /// The number of tools.
    pub count: usize,
}

impl Packed {
    /// Returns the tools in the form of the file.
    pub(super) fn tools(&self) -> Vec<Value> {
        let mut json = Vec::new();
        DeflateDecoder::new(self.tools).read_to_end(&mut json).expect("build.rs packed it");
        serde_json::from_slice(&json).expect("build.rs wrote it")
    }
}
