//! The built-in services, with a folder each, and the user's own module files.

pub mod atlassian;
mod folder;
pub mod registry;

#[path = "confluence/hooks.rs"]
mod confluence;
#[path = "github/hooks.rs"]
mod github;
#[path = "google_calendar/hooks.rs"]
mod google_calendar;
#[path = "jira/hooks.rs"]
mod jira;
#[path = "microsoft_todo/hooks.rs"]
mod microsoft_todo;
#[path = "notion/hooks.rs"]
mod notion;
#[path = "supabase/hooks.rs"]
mod supabase;

pub use folder::{Folder, check, check_text};
pub use registry::Registry;
