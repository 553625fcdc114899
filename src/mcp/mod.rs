//! The Model Context Protocol, without any input or output of its own.
//!
//! A transport (`transport`, or memory in tests) passes [`message::Request`]s to a [`Server`] and carries its [`Answer`]s; an
//! application is a [`handler::Handler`]. Both eras of the protocol are implemented here ([`version::Version::is_modern`]):
//! only this module decides how they differ.

pub mod call;
pub mod channel;
pub mod context;
pub mod elicitation;
pub mod era;
pub mod handler;
pub mod headers;
pub mod message;
pub mod seal;
mod server;
pub mod session;
pub mod subscriptions;
pub mod version;

pub use server::{Answer, Server, refusal};
