//! Hosted mode's confirmation page: the console's page, through the function `confirmations`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::control_plane::{garbled, invalid_token, said};
use super::{ControlPlane, Function, ToolSieve};
use crate::access::{Caller, ConfirmationPage, Decision};
use crate::error::{Code, Error};
use crate::upstream::UpstreamAnswer;

/// Hosted mode's page. The control plane keeps the action for ten minutes and returns a decision only once, to any replica.
#[derive(Debug)]
pub struct ConsoleConfirmations {
    plane: Arc<ControlPlane>,
    sieve: Arc<ToolSieve>,
    console_url: String,
}

impl ConsoleConfirmations {
    /// Uses the page of the console at this address.
    #[must_use]
    pub const fn new(plane: Arc<ControlPlane>, sieve: Arc<ToolSieve>, console_url: String) -> Self {
        Self { plane, sieve, console_url }
    }

    fn send(&self, caller: &Caller, body: &Value) -> Result<UpstreamAnswer, Error> {
        let token = caller.token().ok_or_else(invalid_token)?;
        self.plane.ask(Function::Confirmations, token, None, body).inspect_err(|error| {
            if error.code() == Code::InvalidToken {
                self.sieve.forget(caller);
            }
        })
    }
}

impl ConfirmationPage for ConsoleConfirmations {
    fn ask(&self, caller: &Caller, digest: &str, deed: Value) -> Result<String, Error> {
        let answer =
            self.send(caller, &json!({"action": "ask", "digest": digest, "deed": deed}))?;
        match answer.status {
            200 => {
                let told = said(&answer);
                let id = told["id"].as_str().filter(|id| is_id(id));
                let id = id.ok_or_else(|| garbled("confirmation"))?;
                Ok(format!("{}/confirm/{id}", self.console_url))
            }
            413 => Err(too_large()),
            429 => Err(too_many()),
            404 => Err(Error::new(
                Code::ControlPlaneUnavailable,
                "the control plane has no function `confirmations`",
            )
            .with_hint("Deploy it, or set MCPIST_CONFIRM on the server.")),
            _ => Err(garbled("confirmation")),
        }
    }

    fn take(&self, caller: &Caller, digest: &str) -> Result<Decision, Error> {
        let answer = self.send(caller, &json!({"action": "take", "digest": digest}))?;
        match (answer.status, said(&answer)["decision"].as_str()) {
            (200, Some("yes")) => Ok(Decision::Yes),
            (200, Some("no")) => Ok(Decision::No),
            (200, Some("pending")) => Ok(Decision::Pending),
            (200, Some("unknown")) => Ok(Decision::Unknown),
            _ => Err(garbled("decision")),
        }
    }
}

/// Returns whether the text may be part of a link: it has only the characters of a UUID.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn too_large() -> Error {
    Error::invalid_params("the arguments are longer than a page can show (4 MiB)")
        .with_hint("Do it in smaller parts.")
}

fn too_many() -> Error {
    Error::new(Code::Busy, "eight questions wait for the user already")
        .with_hint("The user has to decide them first, or wait ten minutes.")
}
