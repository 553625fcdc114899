//! Local mode's page: where the person at this machine sees a whole deed and decides.
//!
//! The page itself is one static file that shows nothing. What it shows it asks for with a cookie that only a browser has
//! which came in by a one-time address ([`PageKey`]); `serve` prints one on a terminal, and `mcpist open` makes one. Links
//! in tool results lead to the page and permit nothing.

mod browser;
mod confirmations;
mod key;
mod questions;
mod site;

pub use browser::open_in_browser;
pub use confirmations::LocalConfirmations;
pub use key::{ENTRY_LIFETIME, KeySource, PageKey};
pub use questions::{Lifetimes, Questions};
pub use site::Page;
