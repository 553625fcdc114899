//! The integration tests: one binary, so that it links once.

mod accounts;
mod call;
mod command_line;
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
mod legacy_sse;
mod module_files;
mod modules;
mod product;
mod prompts;
mod resources;
mod stdio;
mod tool_pages;
mod toon_fixtures;
mod upstream;
mod views;
mod wire;
mod wrong_input;
