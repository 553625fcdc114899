//! A built-in module file as `build.rs` packs it: its tools are read when somebody first asks for one.
//!
//! Reading hundreds of tools would be most of the time that the server takes to start, and a third of its memory, for tools
//! that most users never call.

use std::fmt;
use std::io::Read as _;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use flate2::read::DeflateDecoder;
use serde_json::Value;

use super::Tool;

/// A module file, packed.
#[derive(Debug, Clone, Copy)]
pub struct Packed {
    /// The file without its tools, as JSON.
    pub head: &'static str,
    /// The list of tools, as deflated JSON.
    pub tools: &'static [u8],
    /// How many tools there are.
    pub count: usize,
}

impl Packed {
    /// The tools as the file writes them.
    pub(super) fn tools(&self) -> Vec<Value> {
        let mut json = Vec::new();
        DeflateDecoder::new(self.tools).read_to_end(&mut json).expect("build.rs packed it");
        serde_json::from_slice(&json).expect("build.rs wrote it")
    }
}

type Read = Box<dyn FnOnce() -> Vec<Tool> + Send>;

/// The tools of a module, in the file's order; those of a built-in module are read at the first look.
#[derive(Clone)]
pub struct Tools {
    count: usize,
    tools: Arc<LazyLock<Vec<Tool>, Read>>,
}

impl Tools {
    /// Tools that were read already.
    pub(super) fn ready(tools: Vec<Tool>) -> Self {
        let ready = Self::later(tools.len(), || tools);
        LazyLock::force(&ready.tools);
        ready
    }

    /// As many tools, to be read when somebody asks for one.
    pub(super) fn later(count: usize, read: impl FnOnce() -> Vec<Tool> + Send + 'static) -> Self {
        Self { count, tools: Arc::new(LazyLock::new(Box::new(read))) }
    }

    /// How many there are; known without reading them.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }
}

impl Deref for Tools {
    type Target = [Tool];

    fn deref(&self) -> &[Tool] {
        &self.tools
    }
}

impl<'a> IntoIterator for &'a Tools {
    type Item = &'a Tool;
    type IntoIter = std::slice::Iter<'a, Tool>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} tools", self.count)
    }
}
