//! The integration tests: one binary, so that it links once.

mod engine;
mod fake_upstream;
mod module_files;
mod modules;
mod toon_fixtures;
mod upstream;
