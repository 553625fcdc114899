//! One call of a tool: credential, upstream, and the line that the log gets about it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::App;
use crate::access::audit::ARGUMENT_NAMES;
use crate::access::{AuditEvent, Caller, Credential};
use crate::engine::call::Renew;
use crate::engine::{ACCOUNT, ALL_ACCOUNTS, Connection, Invocation, Module, Tool, invoke};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::mcp::context::ClientInfo;
use crate::telemetry::{self, spans};

/// How long a call may take in all, retries included (DESIGN §8).
pub const CALL_TIME: Duration = Duration::from_secs(30);

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

/// What a call is, whichever account it is made with.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    caller: &'a Caller,
    module: &'a Module,
    tool: &'a Tool,
    deadline: Instant,
    trace_parent: Option<&'a str>,
}

impl App {
    /// Makes the call and logs it: names and times, never an argument's value or an answer.
    ///
    /// # Errors
    /// Why it failed, told so that a model can act on it.
    pub fn execute(&self, execution: Execution<'_>) -> Result<Value, Error> {
        self.execute_within(self.parts.call_time, execution)
    }

    /// Makes a call that may take only so long, retries included.
    pub(super) fn execute_within(
        &self,
        time: Duration,
        execution: Execution<'_>,
    ) -> Result<Value, Error> {
        let started = Instant::now();
        let (module, tool, user) = (
            execution.module.name.as_str(),
            execution.tool.name.as_str(),
            execution.caller.user_id(),
        );
        let client = execution.client.map_or("", |client| &client.name);
        let (caller, client_name) =
            (execution.caller, execution.client.map(|client| client.name.clone()));
        let account = execution.arguments.get(ACCOUNT).and_then(Value::as_str).map(str::to_owned);
        let (names, characters) = ARGUMENT_NAMES;
        let argument_names = execution
            .arguments
            .keys()
            .take(names)
            .map(|name| name.chars().take(characters).collect())
            .collect();
        let mut span = spans::tool(module, &execution.tool.published_name);
        let permitted = self
            .parts
            .rates
            .as_ref()
            .map_or(Ok(()), |rates| rates.tool_calls.count(caller.user_id(), started));
        let outcome = permitted.and_then(|()| self.execute_unlogged(execution, started + time));
        span.ended(&outcome);
        telemetry::tool_called(
            module,
            tool,
            started.elapsed(),
            outcome.as_ref().err().map(|error| error.code().reply().name),
        );
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Ok(_) => {
                log::info!(module, tool, user_id = user, client, duration_ms, success = true; "Tool executed")
            }
            Err(error) => {
                log::warn!(module, tool, user_id = user, client, duration_ms, success = false, error = error.code().reply().name; "Tool failed");
            }
        }
        if let Some(audit) = &self.parts.audit {
            let name =
                outcome.as_ref().map_or_else(|error| error.code().reply().name, |_| "success");
            audit.record(
                caller,
                AuditEvent {
                    account,
                    duration_ms,
                    client: client_name,
                    argument_names,
                    ..AuditEvent::call(module, tool, name)
                },
            );
        }
        outcome
    }

    fn execute_unlogged(
        &self,
        execution: Execution<'_>,
        deadline: Instant,
    ) -> Result<Value, Error> {
        let Execution { caller, module, tool, mut arguments, cancelled, trace_parent, .. } =
            execution;
        let account = match arguments.shift_remove(ACCOUNT) {
            None | Some(Value::Null) => None,
            Some(Value::String(account)) => Some(account),
            Some(_) => {
                return Err(Error::invalid_params(
                    "`account` must be a string: the name of an account.",
                ));
            }
        };
        let order = Order { caller, module, tool, deadline, trace_parent };
        let Some(how) = &tool.across_accounts else {
            return self.call_one(order, account.as_deref(), arguments, cancelled);
        };
        if account.as_deref() == Some(ALL_ACCOUNTS) {
            let accounts = self.parts.broker.accounts(caller, &module.name)?;
            // An account may have this very name.
            if !accounts.iter().any(|account| account == ALL_ACCOUNTS) {
                return match accounts.as_slice() {
                    [] | [_] => self.call_one(order, None, arguments, cancelled),
                    accounts => self.across(order, how, accounts, arguments, cancelled),
                };
            }
        }
        self.call_one(order, account.as_deref(), arguments, cancelled).map_err(|error| match error
            .hint()
        {
            Some(hint) if error.code() == Code::AccountRequired => {
                let hint = format!("{hint} `{ALL_ACCOUNTS}` reads every one.");
                error.with_hint(hint)
            }
            _ => error,
        })
    }

    /// The call with one account: the named one, or the only one.
    pub(super) fn call_one(
        &self,
        order: Order<'_>,
        account: Option<&str>,
        arguments: Object,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Value, Error> {
        let Order { caller, module, .. } = order;
        // A service that asks nobody who they are has nothing to connect.
        let asks = module.auth.is_some() || account.is_some();
        let credential = if asks { self.credential(caller, module, account)? } else { None };
        let connection = self.connected(module, credential.as_ref())?;
        let renew = |refused: &Credential| self.renewed(caller, module, account, refused);
        self.invoke(order, connection, &[], &renew, arguments, cancelled)
    }

    /// The one call of a tool that asks all accounts by itself.
    pub(super) fn call_together(
        &self,
        order: Order<'_>,
        accounts: &[String],
        arguments: Object,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Value, Error> {
        let credentials = accounts
            .iter()
            .map(|account| self.credential(order.caller, order.module, Some(account)));
        let credentials: Vec<_> = credentials.collect::<Result<_, _>>()?;
        let connections =
            credentials.iter().map(|credential| self.connected(order.module, credential.as_ref()));
        let connections: Vec<_> = connections.collect::<Result<_, _>>()?;
        let [first, others @ ..] = connections.as_slice() else {
            return self.call_one(order, None, arguments, cancelled);
        };
        let renew = |refused: &Credential| {
            let account = accounts
                .iter()
                .zip(&credentials)
                .find(|(_, credential)| credential.as_ref() == Some(refused));
            self.renewed(
                order.caller,
                order.module,
                account.map(|(account, _)| account.as_str()),
                refused,
            )
        };
        self.invoke(order, *first, others, &renew, arguments, cancelled)
    }

    fn credential(
        &self,
        caller: &Caller,
        module: &Module,
        account: Option<&str>,
    ) -> Result<Option<Credential>, Error> {
        let mut span = spans::token_fetch(&module.name);
        let fetched = self.parts.broker.credential(caller, &module.name, account);
        span.ended(&fetched);
        fetched
    }

    fn renewed(
        &self,
        caller: &Caller,
        module: &Module,
        account: Option<&str>,
        refused: &Credential,
    ) -> Result<Option<Credential>, Error> {
        let mut span = spans::token_fetch(&module.name);
        let renewed = self.parts.broker.renewed(caller, &module.name, account, refused);
        span.ended(&renewed);
        renewed
    }

    /// The connection that a credential makes.
    fn connected<'a>(
        &'a self,
        module: &'a Module,
        credential: Option<&'a Credential>,
    ) -> Result<Connection<'a>, Error> {
        let base_url = self.connection(module, credential).map_err(|missing| {
            let account = credential.and_then(|credential| credential.account.as_ref());
            let account =
                account.map_or_else(String::new, |account| format!(" with account {account}"));
            Error::new(Code::NotConnected, format!("{} is not connected{account}", module.title))
                .with_hint(format!("Set {missing} and start MCPist again."))
        })?;
        Ok(Connection { credential, base_url })
    }

    fn invoke(
        &self,
        order: Order<'_>,
        connection: Connection<'_>,
        others: &[Connection<'_>],
        renew: Renew<'_>,
        arguments: Object,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Value, Error> {
        let Order { module, tool, deadline, trace_parent, .. } = order;
        let invocation = Invocation {
            module,
            tool,
            arguments,
            connection,
            others,
            renew,
            deadline,
            cancelled,
            trace_parent,
        };
        invoke(&self.parts.upstream, invocation)
    }
}
