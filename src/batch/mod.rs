//! Several calls in one: a graph of lines, where a line can use what an earlier one gave.
//!
//! The plan is checked whole before anything runs; then independent lines run side by side. What a line may do is not
//! decided here: anyone who runs a line asks the same questions as for a single call.

mod plan;
mod reference;
mod run;

pub use plan::{Line, MAX_LINES, Plan, params_of};
pub use run::{Outcome, resolved, run, run_some};
