//! Several calls in one: a graph of lines, in which a line can use the results of earlier lines.
//!
//! The whole plan is checked before anything runs; then independent lines run in parallel. This module does not decide what a
//! line may do: its caller makes the same checks for each line as for a single call.

mod plan;
mod reference;
mod run;

pub use plan::{Line, MAX_LINES, Plan, params_of};
pub use run::{Outcome, resolved, run, run_some};
