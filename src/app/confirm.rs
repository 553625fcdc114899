//! Confirmation before actions that cannot be undone, cost money or reach others. The policy decides whether a person confirms,
//! or a code that is sent back.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::deed::Deed;
use super::{App, Visible};
use crate::access::{Caller, ConfirmPolicy, ConfirmationPage, Decision, nobody_can_decide};
use crate::error::{Code, Error};
use crate::mcp::call::{Call, spent};
use crate::mcp::elicitation::Question;
use crate::mcp::handler::Interruption;
use crate::mcp::seal::Purpose;
use crate::random::random_id;

/// How long a code is valid: enough for a person to read and answer.
pub const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The confirmation policy and its means.
pub struct Confirmation {
    /// Who confirms; a role can require a stricter policy.
    pub policy: ConfirmPolicy,
    /// The page for clients without forms; `None` if there is no page.
    pub page: Option<Arc<dyn ConfirmationPage>>,
    /// How long a code is valid; normally [`CODE_LIFETIME`].
    pub code_lifetime: Duration,
}

impl Confirmation {
    /// Returns this policy without a page.
    #[must_use]
    pub const fn without_page(policy: ConfirmPolicy) -> Self {
        Self { policy, page: None, code_lifetime: CODE_LIFETIME }
    }

    /// Returns whether some caller may have to send a code back.
    pub(super) fn has_codes(&self) -> bool {
        self.policy < ConfirmPolicy::Human
    }
}

/// The content of a code.
#[derive(Serialize, Deserialize)]
struct Sealed {
    user: String,
    /// The digest of the action.
    deed: String,
    /// A random id, so that each code works only once.
    id: String,
}

impl App {
    /// Returns only when the action is confirmed. `code` is the code that the caller sent back, if any.
    ///
    /// # Errors
    /// A question to the client (modern era), [`Code::PermissionDenied`] if the user declines, [`Code::ConfirmationRequired`]
    /// with a code or with the link to a page, [`Code::InvalidParams`] for a code that belongs to another action, was already
    /// used, or is not accepted by the policy.
    pub(super) fn confirm(
        &self,
        call: &Call<'_>,
        visible: &Visible<'_>,
        deed: &Deed<'_>,
        code: Option<&str>,
    ) -> Result<(), Interruption> {
        match visible.confirm_policy() {
            ConfirmPolicy::Off => Ok(()),
            ConfirmPolicy::Code => self.confirm_by_code(call, deed, code),
            ConfirmPolicy::Human if code.is_some() => Err(Error::invalid_params(
                "`confirm` is not an argument here: a person decides, not a code",
            )
            .with_hint("Call without `confirm`.")
            .into()),
            ConfirmPolicy::Human => self.confirm_by_person(call, deed),
        }
    }

    fn confirm_by_code(
        &self,
        call: &Call<'_>,
        deed: &Deed<'_>,
        code: Option<&str>,
    ) -> Result<(), Interruption> {
        let caller = &call.context().caller;
        if let Some(code) = code {
            return Ok(self.check_code(caller, deed, code)?);
        }
        match ask_by_form(call, deed)? {
            Some(true) => Ok(()),
            Some(false) => Err(refused().into()),
            None => Err(self.ask_for_code(caller, deed).into()),
        }
    }

    fn confirm_by_person(&self, call: &Call<'_>, deed: &Deed<'_>) -> Result<(), Interruption> {
        let (caller, digest) = (&call.context().caller, deed.digest());
        let page = self.parts().confirmation.page.as_ref();
        let decision = page.map_or(Ok(Decision::Unknown), |page| page.take(caller, &digest));
        let decision = decision.unwrap_or_else(|error| {
            log::warn!(user_id = caller.user_id(); "a decision cannot be read: {error}");
            Decision::Unknown
        });
        let by_form = match decision {
            Decision::Yes => Some(true),
            Decision::No => Some(false),
            // The page has already asked, because the client has no working form.
            Decision::Pending => None,
            Decision::Unknown => ask_by_form(call, deed)?,
        };
        match by_form {
            Some(true) => return Ok(()),
            Some(false) => return Err(refused().into()),
            None => {}
        }
        let Some(page) = page else {
            return Err(nobody_can_decide("there is no page for it").into());
        };
        let link = page.ask(caller, &digest, deed.to_json())?;
        Err(Error::new(Code::ConfirmationRequired, "A person has to decide this on a page")
            .with_hint("Give the user the link below and wait until they have decided. Then call again with exactly the same arguments. (Where no person can open it: MCPIST_CONFIRM in MCPist's README.)")
            .with_data("confirm_url", link)
            .into())
    }

    fn ask_for_code(&self, caller: &Caller, deed: &Deed<'_>) -> Error {
        let lifetime = self.parts().confirmation.code_lifetime;
        let sealed =
            Sealed { user: caller.user_id().to_owned(), deed: deed.digest(), id: random_id() };
        let code = self.parts().seal.seal(Purpose::Confirmation, sealed, lifetime);
        Error::whole(Code::ConfirmationRequired, deed.question())
            .with_hint("Show this to the user. If they agree, call again with exactly the same arguments and `confirm` set to the code below, within five minutes. It is good once.")
            .with_data("confirm", code)
    }

    fn check_code(&self, caller: &Caller, deed: &Deed<'_>, code: &str) -> Result<(), Error> {
        let seal = &self.parts().seal;
        let sealed = seal
            .open::<Sealed>(Purpose::Confirmation, code)
            .filter(|sealed| sealed.user == caller.user_id() && sealed.deed == deed.digest());
        let sealed = sealed.ok_or_else(|| {
            Error::invalid_params(
                "`confirm` is not a code for exactly these arguments, or is older than five minutes",
            )
            .with_hint("Call without `confirm` for a new one.")
        })?;
        let lifetime = self.parts().confirmation.code_lifetime;
        spent(seal.spend(&sealed.id, lifetime), "the code in `confirm` was used before")
    }
}

/// Returns the user's answer in a form of the client. `None` if the client has no forms, cannot show the whole action in one,
/// or fails to ask: a JSON-RPC error, an invalid answer, or no answer in time.
fn ask_by_form(call: &Call<'_>, deed: &Deed<'_>) -> Result<Option<bool>, Interruption> {
    if !call.context().capabilities.elicitation_form || !deed.fits_a_form() {
        return Ok(None);
    }
    let schema = json!({
        "type": "object",
        "properties": {"confirm": {"type": "boolean", "title": "Do it", "description": "Whether to go on.", "default": false}},
        "required": ["confirm"]
    });
    let answer =
        match call.ask_sealed("confirm", Question::Form { message: deed.question(), schema }) {
            Ok(answer) => answer,
            // The page would be one more question.
            Err(Interruption::Failed(error)) if error.code() == Code::UserBusy => {
                return Err(error.into());
            }
            Err(Interruption::Failed(error)) if !call.cancelled() => {
                // The client's message may quote the question.
                log::info!(error = error.code().reply().name; "the client does not ask its user");
                return Ok(None);
            }
            Err(interruption) => return Err(interruption),
        };
    call.spend_state()?;
    Ok(answer.map(|answer| answer["action"] == "accept" && answer["content"]["confirm"] == true))
}

/// The error if the user declines.
pub(super) fn refused() -> Error {
    Error::new(Code::PermissionDenied, "the user did not confirm")
        .with_hint("Do not try again unless the user asks for it.")
}
