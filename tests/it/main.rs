//! The integration tests: one binary, so that it links once.

#![allow(clippy::too_many_lines, reason = "a table of cases is one function")]

mod accounts;
mod api_versions;
mod architecture;
mod author;
mod call;
mod clean;
mod collector;
mod command_line;
mod confirm;
mod control_plane;
mod coverage;
mod documents;
mod engine;
mod eras;
mod fake_upstream;
mod front_door;
mod front_door_load;
mod front_door_malformed;
mod front_door_streams;
mod github;
mod github_arguments;
mod github_files;
mod hosted;
mod hostile_arguments;
mod hostile_upstream;
mod legacy_sse;
mod module_files;
mod modules;
mod openapi;
mod product;
mod prompts;
mod resources;
mod services;
mod stdio;
mod strangers;
mod telemetry;
mod tool_pages;
mod toon_fixtures;
mod upstream;
mod user_limits;
mod views;
mod wire;
mod wrong_input;
