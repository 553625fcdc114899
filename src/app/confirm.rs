//! Confirmation before what cannot be undone: by the client's user where the client can ask, else by a code that has to be
//! sent back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use crate::access::Caller;
use crate::error::{Code, Error};
use crate::mcp::call::Call;
use crate::mcp::elicitation::Question;
use crate::mcp::handler::Interruption;
use crate::mcp::seal::{Purpose, digest};

/// How long a code is good for: as long as a person needs to read and answer.
const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The most characters of one argument that a question shows.
const SHOWN: usize = 80;

/// What is about to be done: the published names of the tools with their arguments, in order.
pub(super) struct Deed<'a>(pub Vec<(&'a str, Value)>);

/// What a code holds.
#[derive(Serialize, Deserialize)]
struct Sealed {
    user: String,
    /// Digest of the tools and of their exact arguments.
    deed: String,
}

impl Deed<'_> {
    /// What a person is asked, with the arguments shortened.
    fn question(&self) -> String {
        let lines: Vec<_> = self
            .0
            .iter()
            .map(|(tool, arguments)| {
                let shown = arguments
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}: {}", shortened(value)));
                format!("{tool}({})", shown.collect::<Vec<_>>().join(", "))
            })
            .collect();
        format!("This may not be undone, or costs money:\n{}", lines.join("\n"))
    }

    fn digest(&self) -> String {
        let parts: Vec<_> =
            self.0.iter().map(|(tool, arguments)| json!([tool, arguments])).collect();
        let mut parts = Value::Array(parts);
        // A model may write the same arguments in another order when it calls again.
        parts.sort_all_objects();
        digest(&parts.to_string())
    }
}

impl App {
    /// Goes on only when the deed is confirmed. `code` is what the caller sent back, if anything.
    ///
    /// # Errors
    /// A question to the client (modern era), [`Code::PermissionDenied`] when the user says no,
    /// [`Code::ConfirmationRequired`] with a code where the client cannot ask, [`Code::InvalidParams`] for a code that is not
    /// for this deed.
    pub(super) fn confirm(
        &self,
        call: &Call<'_>,
        deed: &Deed<'_>,
        code: Option<&str>,
    ) -> Result<(), Interruption> {
        let caller = &call.context().caller;
        if let Some(code) = code {
            return Ok(self.check_code(caller, deed, code)?);
        }
        if !call.context().capabilities.elicitation_form {
            return Err(self.ask_for_code(caller, deed).into());
        }
        let schema = json!({
            "type": "object",
            "properties": {"confirm": {"type": "boolean", "title": "Do it", "description": "Whether to go on.", "default": false}},
            "required": ["confirm"]
        });
        let answer =
            call.ask_sealed("confirm", Question::Form { message: deed.question(), schema })?;
        if answer["action"] == "accept" && answer["content"]["confirm"] == true {
            return Ok(());
        }
        Err(Error::new(Code::PermissionDenied, "the user did not confirm")
            .with_hint("Do not try again unless the user asks for it.")
            .into())
    }

    fn ask_for_code(&self, caller: &Caller, deed: &Deed<'_>) -> Error {
        let sealed = Sealed { user: caller.user_id().to_owned(), deed: deed.digest() };
        let code = self.parts().seal.seal(Purpose::Confirmation, sealed, CODE_LIFETIME);
        Error::new(Code::ConfirmationRequired, deed.question())
            .with_hint("Show this to the user. If they agree, call again with exactly the same arguments and `confirm` set to the code below, within five minutes.")
            .with_data("confirm", code)
    }

    fn check_code(&self, caller: &Caller, deed: &Deed<'_>, code: &str) -> Result<(), Error> {
        let sealed = self.parts().seal.open::<Sealed>(Purpose::Confirmation, code);
        if sealed
            .is_some_and(|sealed| sealed.user == caller.user_id() && sealed.deed == deed.digest())
        {
            return Ok(());
        }
        Err(Error::invalid_params(
            "`confirm` is not a code for exactly these arguments, or is older than five minutes",
        )
        .with_hint("Call without `confirm` for a new one."))
    }
}

fn shortened(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_tool_and_its_arguments_shortened() {
        let deed = Deed(vec![(
            "github_delete_file",
            json!({"path": "a.txt", "message": "x".repeat(100), "n": 3}),
        )]);
        let question = deed.question();
        assert!(
            question.ends_with(&format!(
                "github_delete_file(path: a.txt, message: {}…, n: 3)",
                "x".repeat(80)
            )),
            "{question}"
        );
    }

    #[test]
    fn a_deed_is_told_by_its_tools_and_arguments_but_not_by_their_order_of_writing() {
        let digest = |tool, arguments| Deed(vec![(tool, arguments)]).digest();
        assert_eq!(
            digest("t", json!({"a": 1, "b": {"c": 2, "d": 3}})),
            digest("t", json!({"b": {"d": 3, "c": 2}, "a": 1}))
        );
        assert_ne!(digest("t", json!({"a": 1})), digest("t", json!({"a": 2})));
        assert_ne!(digest("t", json!({"a": 1})), digest("u", json!({"a": 1})));
    }
}
