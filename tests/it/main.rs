//! The integration tests: one binary, so that it links once.

mod documents;
mod engine;
mod fake_upstream;
mod front_door;
mod front_door_load;
mod front_door_malformed;
mod front_door_streams;
mod module_files;
mod modules;
mod toon_fixtures;
mod upstream;
mod wire;
