//! `MCPist`: one MCP endpoint for a person's or a small team's own services.
//!
//! `ARCHITECTURE.md` says how the parts fit together and what always holds.

pub mod auth;
pub mod error;
pub mod http;
pub mod mcp;
pub mod secret;
pub mod time;
pub mod toon;
