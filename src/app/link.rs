//! Links that a person must open, to connect a service or to confirm an action. The client opens them if it can.

use super::confirm::refused;
use crate::error::{Code, Error};
use crate::mcp::call::Call;
use crate::mcp::handler::Interruption;

/// A kind of link: the error detail that holds it, the key of the question, and the text for the user.
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
        what: "Open the link to see all of it and to decide. Then make the call again with exactly the same arguments.",
    },
];

/// Asks the client to open the link in `error`, if there is one. Returns an error if the user declined to confirm. Returns
/// `None` if the client cannot open links or was already asked: `error` itself then shows the link as text.
///
/// # Errors
/// The question (modern era), or the error that makes a client of 2025-11-25 open the link and call again.
pub(super) fn ask_to_open(call: &Call<'_>, error: &Error) -> Result<Option<Error>, Interruption> {
    let link = |kind: &'static Kind| Some((kind, error.data()?.get(kind.detail)?.as_str()?));
    let Some((kind, url)) = KINDS.iter().find_map(link) else { return Ok(None) };
    let message = format!("{}. {}", error.message(), kind.what);
    // The user answered, so the link was open, and the action is still not done.
    let answer = call.ask_to_open(kind.key, message, url)?;
    let is_no = answer
        .is_some_and(|answer| matches!(answer["action"].as_str(), Some("decline" | "cancel")));
    Ok((is_no && error.code() == Code::ConfirmationRequired).then(refused))
}
