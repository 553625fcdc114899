//! What the server tells of itself.

pub mod audit;
pub mod log;
