//! Icons (SEP-973): simple drawings of our own, and no vendor's logo.

use serde_json::{Value, json};

/// The drawing within a square of 24: strokes for a service's kind of thing, or MCPist's own.
fn drawing(module: Option<&str>) -> &'static str {
    match module {
        // A branch.
        Some("github") => "M7 5v14M17 9c0 5-10 2-10 7M7 5h.01M17 7h.01M7 20h.01",
        // A page with lines.
        Some("notion") => "M6 3h9l3 3v15H6zM9 10h6M9 14h6M9 18h4",
        // A board with columns.
        Some("jira") => "M4 4h16v16H4zM10 4v16M15 4v16M6 8h2M12 8h1M17 8h1",
        // An open book.
        Some("confluence") => {
            "M12 6c-2-2-5-2-8-1v13c3-1 6-1 8 1 2-2 5-2 8-1V5c-3-1-6-1-8 1zM12 6v13"
        }
        // A cylinder, as databases are drawn.
        Some("supabase") => {
            "M5 6c0-3 14-3 14 0v12c0 3-14 3-14 0zM5 6c0 3 14 3 14 0M5 12c0 3 14 3 14 0"
        }
        // A calendar's sheet.
        Some("google_calendar") => "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4M9 14h2M14 14h2",
        // A tick in a circle.
        Some("microsoft_todo") => "M12 3a9 9 0 1 0 .01 0zM8 12l3 3 5-6",
        // A hub with three spokes.
        _ => "M12 9a3 3 0 1 0 .01 0zM12 9V3M9.5 13.5L4 18M14.5 13.5L20 18",
    }
}

/// The icon of a module, or of the server, as a data URI of less than 1 KB (MCP `Icon`).
pub(super) fn of(module: Option<&str>) -> Value {
    let drawing = drawing(module);
    // Only what a URI cannot have as it is becomes encoded: `<`, `>`, `#` and quotation marks.
    let source = format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%232f6f4f' stroke-width='2' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='{drawing}'/%3E%3C/svg%3E"
    )
    .replace(' ', "%20");
    json!({"src": source, "mimeType": "image/svg+xml", "sizes": ["any"]})
}
