//! Local mode's page: the person at this machine sees the whole action and confirms or declines it.
//!
//! The page itself is one static file without data. It loads its data with a cookie that only a browser gets which opened a
//! one-time address ([`PageKey`]); `serve` prints such an address on a terminal, and `mcpist open` creates one. Links in tool
//! results lead to the page and give no access.

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
