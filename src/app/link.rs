//! Links that a person has to open, to connect a service or to decide: they go to the user by the client, where the client
//! can open links.

use super::confirm::refused;
use crate::error::{Code, Error};
use crate::mcp::call::Call;
use crate::mcp::handler::Interruption;

/// A kind of link: the detail of an error that holds it, the key of the question, what the user is told.
struct Kind {
    detail: &'static str,
    key: &'static str,
    what: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind { detail: "connect_url", key: "connect", what: "Open the link to connect it." },
    Kind {
        detail: "confirm_url",
        key: "confirm_page",
        what: "Open the link to see all of it and to decide. Then the call has to be made again with exactly the same arguments.",
    },
];

/// Asks the client to open the link that `error` has, if it has one. Returns the error for a user who does not want to
/// decide; else `None`, where the client cannot open links or was asked before: `error` itself has the link as text.
///
/// # Errors
/// The question (modern era), or the error that makes a client of 2025-11-25 open the link and call again.
pub(super) fn ask_to_open(call: &Call<'_>, error: &Error) -> Result<Option<Error>, Interruption> {
    let link = |kind: &'static Kind| Some((kind, error.data()?.get(kind.detail)?.as_str()?));
    let Some((kind, url)) = KINDS.iter().find_map(link) else { return Ok(None) };
    let message = format!("{}. {}", error.message(), kind.what);
    // An answer: the user has been there, and it is still not done.
    let answer = call.ask_to_open(kind.key, message, url)?;
    let is_no = answer
        .is_some_and(|answer| matches!(answer["action"].as_str(), Some("decline" | "cancel")));
    Ok((is_no && error.code() == Code::ConfirmationRequired).then(refused))
}
