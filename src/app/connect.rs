//! A service that has to be connected: the link goes to the user by the client, where the client can open links.

use serde_json::{Value, json};

use crate::error::{Code, Error};
use crate::mcp::call::Call;
use crate::mcp::elicitation::Question;
use crate::mcp::handler::Interruption;
use crate::mcp::version::Version;

/// Asks the client to open the link that `error` has, if it has one.
///
/// # Errors
/// The question (modern era), or the error that tells a client of 2025-11-25 to open the link and call again. Nothing where the
/// client cannot open links or was asked before: `error` itself has the link as text.
pub(super) fn ask(call: &Call<'_>, error: &Error) -> Result<(), Interruption> {
    let url = error.data().and_then(|data| data.get("connect_url")).and_then(Value::as_str);
    let context = call.context();
    let (Some(url), true) = (url, context.capabilities.elicitation_url) else { return Ok(()) };
    let question = Question::Url {
        message: format!("{}. Open the link to connect it.", error.message()),
        url: url.to_owned(),
    };
    if context.version.is_modern() {
        // Answered already: the user has been there, and the service is still not connected.
        return call.ask_sealed("connect", question).map(drop);
    }
    if context.version == Version::V2025_11_25 {
        let elicitation = Value::Object(question.params(context.version));
        return Err(Error::new(Code::UrlElicitationRequired, error.message())
            .with_data("elicitations", json!([elicitation]))
            .into());
    }
    Ok(())
}
