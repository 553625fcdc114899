//! The transports: Streamable HTTP, HTTP+SSE of 2024-11-05, and standard input and output.

mod cors;
mod http_sse;
mod origin;
mod pages;
mod router;
pub mod stdio;
mod streamable;
mod view;

pub use origin::Origins;
pub use pages::{PageService, Pages, page};
pub use router::{FAILURES_PER_SECOND, Router, Site, refusal};
pub use view::read as read_view;
