//! `MCPist`: one MCP endpoint for a person's or a small team's own services.
//!
//! `ARCHITECTURE.md` says how the parts fit together and what always holds.

pub mod adf;
pub mod app;
pub mod auth;
pub mod batch;
pub mod broker;
mod cache;
pub mod cli;
pub mod config;
pub mod control_plane;
pub mod error;
pub mod http;
pub mod mcp;
pub mod modules;
pub mod recurrence;
pub mod secret;
pub mod sieve;
pub mod stdio;
mod sync;
pub mod telemetry;
pub mod time;
pub mod toon;
pub mod upstream;
