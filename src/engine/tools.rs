//! The tools of a module, which are read when one of them is first needed.
//!
//! Reading hundreds of tools would take most of the server's startup time and a third of its memory, for tools that most users
//! never call.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use super::module::Tool;

type Read = Box<dyn FnOnce() -> Vec<Tool> + Send>;

/// The tools of a module, in the file's order; those of a built-in module are read at the first access.
#[derive(Clone)]
pub struct Tools {
    count: usize,
    tools: Arc<LazyLock<Vec<Tool>, Read>>,
}

impl Tools {
    /// Wraps tools that are read already.
    pub(crate) fn ready(tools: Vec<Tool>) -> Self {
        let ready = Self::later(tools.len(), || tools);
        LazyLock::force(&ready.tools);
        ready
    }

    /// Promises this many tools, which are read at the first access.
    pub(crate) fn later(count: usize, read: impl FnOnce() -> Vec<Tool> + Send + 'static) -> Self {
        Self { count, tools: Arc::new(LazyLock::new(Box::new(read))) }
    }

    /// Returns their number, without reading them.
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
