//! One call of a tool: credential, upstream, and the line that the log gets about it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::App;
use crate::auth::Caller;
use crate::broker::Credential;
use crate::error::{Code, Error};
use crate::mcp::context::ClientInfo;
use crate::mcp::message::Object;
use crate::modules::manifest::ACCOUNT;
use crate::modules::{Invocation, Module, Tool, invoke};
use crate::telemetry::audit::Event;

/// How long a call may take in all, retries included (DESIGN §8).
const CALL_TIME: Duration = Duration::from_secs(30);

/// A call that was found permitted.
pub struct Execution<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The module.
    pub module: &'a Module,
    /// The tool.
    pub tool: &'a Tool,
    /// The arguments, as the caller gave them; `account` among them says with which account.
    pub arguments: Object,
    /// The client program, for the log.
    pub client: Option<&'a ClientInfo>,
    /// Whether the caller still wants the result.
    pub cancelled: &'a dyn Fn() -> bool,
    /// W3C trace context, passed on to the service.
    pub trace_parent: Option<&'a str>,
}

impl App {
    /// Makes the call and logs it: names and times, never an argument's value or an answer.
    ///
    /// # Errors
    /// Why it failed, told so that a model can act on it.
    pub fn execute(&self, execution: Execution<'_>) -> Result<Value, Error> {
        self.execute_within(CALL_TIME, execution)
    }

    /// Makes a call that may take only so long, retries included.
    pub(super) fn execute_within(&self, time: Duration, execution: Execution<'_>) -> Result<Value, Error> {
        let started = Instant::now();
        let (module, tool, user) = (execution.module.name.as_str(), execution.tool.name.as_str(), execution.caller.user_id());
        let client = execution.client.map_or("", |client| &client.name);
        let (caller, client_name) = (execution.caller, execution.client.map(|client| client.name.clone()));
        let account = execution.arguments.get(ACCOUNT).and_then(Value::as_str).map(str::to_owned);
        let argument_names = execution.arguments.keys().cloned().collect();
        let outcome = self.execute_unlogged(execution, started + time);
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Ok(_) => log::info!(module, tool, user_id = user, client, duration_ms, success = true; "Tool executed"),
            Err(error) => {
                log::warn!(module, tool, user_id = user, client, duration_ms, success = false, error = error.code().reply().name; "Tool failed");
            }
        }
        if let Some(audit) = &self.parts.audit {
            let name = outcome.as_ref().map_or_else(|error| error.code().reply().name, |_| "success");
            audit.record(caller, Event { account, duration_ms, client: client_name, argument_names, ..Event::call(module, tool, name) });
        }
        outcome
    }

    fn execute_unlogged(&self, execution: Execution<'_>, deadline: Instant) -> Result<Value, Error> {
        let Execution { caller, module, tool, mut arguments, cancelled, trace_parent, .. } = execution;
        let account = match arguments.shift_remove(ACCOUNT) {
            None | Some(Value::Null) => None,
            Some(Value::String(account)) => Some(account),
            Some(_) => return Err(Error::invalid_params("`account` must be a string: the name of an account.")),
        };
        // A service that asks nobody who they are has nothing to connect.
        let asks = module.auth.is_some() || account.is_some();
        let credential = if asks { self.parts.broker.credential(caller, &module.name, account.as_deref())? } else { None };
        let base_url = self.connection(module, credential.as_ref()).map_err(|missing| {
            Error::new(Code::NotConnected, format!("{} is not connected", module.title))
                .with_hint(format!("Set {missing} and start MCPist again."))
        })?;
        let renew = |refused: &Credential| self.parts.broker.renewed(caller, &module.name, account.as_deref(), refused);
        let credential = credential.as_ref();
        let invocation = Invocation { module, tool, arguments, credential, renew: &renew, base_url, deadline, cancelled, trace_parent };
        invoke(&self.parts.upstream, invocation)
    }
}
