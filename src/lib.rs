//! `MCPist`: one MCP endpoint for a person's or a small team's own services.
//!
//! `ARCHITECTURE.md` describes the modules ("rooms") and the invariants. The modules are listed from the top layer down.

pub mod cli;
pub mod config;

pub mod app;
pub mod batch;

pub mod hosted;
pub mod local;

pub mod page;

pub mod transport;

pub mod http;
pub mod mcp;

pub mod modules;
pub mod openapi;

pub mod manifest;

pub mod engine;
pub mod exporter;

pub mod upstream;

pub mod access;
pub mod recurrence;
pub mod telemetry;
pub mod toon;

pub mod cancellation;
pub mod error;
mod hex;
pub mod json;
mod names;
pub mod number;
pub mod os;
mod parallel;
pub mod random;
pub mod secret;
mod sync;
pub mod time;
