//! One call of a tool: rate limit, account, credential, and its entries in the log and the audit trail.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::App;
use crate::access::audit::ARGUMENT_NAMES;
use crate::access::{AuditEvent, Caller, Credential};
use crate::cancellation::Cancellation;
use crate::engine::{self, ACCOUNT, ALL_ACCOUNTS, Accounts, Connection, Module, Tool, ToolCall};
use crate::error::{Code, Error};
use crate::json::{Object, memory_of};
use crate::mcp::context::Context;
use crate::telemetry::{self, spans};
use crate::upstream::AnswerShare;

/// The maximum duration of a call, retries included.
pub const CALL_TIME: Duration = Duration::from_secs(30);

/// What a call gave.
#[derive(Debug)]
pub struct Called {
    /// The result.
    pub value: Value,
    /// The result's part of the memory that all answers share, to be kept as long as the result.
    pub held: AnswerShare,
}

impl App {
    /// Returns the facts of a call, taken from its request.
    pub(super) fn tool_call<'a>(
        &self,
        context: &'a Context,
        trace_parent: Option<&'a str>,
        (module, tool): (&'a Module, &'a Tool),
    ) -> ToolCall<'a> {
        ToolCall {
            caller: &context.caller,
            client: context.client.as_ref().map(|client| client.name.as_str()),
            module,
            tool,
            deadline: Instant::now() + self.parts.call_time,
            trace_parent,
        }
    }

    /// Makes the call and logs it: names and durations, never the value of an argument or a result. The argument `account`
    /// names the account.
    ///
    /// # Errors
    /// The reason of the failure, in a form that a model can act on.
    pub fn call(
        &self,
        call: ToolCall<'_>,
        arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Called, Error> {
        let only_reads = call.tool.is_read_only();
        let value = self.logged(call, arguments, cancelled)?;
        let held = self.parts.upstream.share();
        // Once as a value, once as the text that is made of it. What was done is never refused.
        match held.grow(memory_of(&value).saturating_mul(2)) {
            Err(error) if only_reads => Err(error),
            _ => Ok(Called { value, held }),
        }
    }

    fn logged(
        &self,
        call: ToolCall<'_>,
        arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Value, Error> {
        let started = Instant::now();
        let (module, tool) = (call.module.name.as_str(), call.tool.name.as_str());
        let user_id = call.caller.user_id();
        let account = arguments.get(ACCOUNT).and_then(Value::as_str).map(str::to_owned);
        let (names, characters) = ARGUMENT_NAMES;
        let argument_names = arguments
            .keys()
            .take(names)
            .map(|name| name.chars().take(characters).collect())
            .collect();
        let mut span = spans::tool(module, &call.tool.published_name);
        let rates = self.parts.rates.as_ref();
        let permitted = rates.map_or(Ok(()), |rates| rates.tool_calls.count(user_id, started));
        let outcome = permitted.and_then(|()| self.with_account(call, arguments, cancelled));
        span.ended(&outcome);
        let error = outcome.as_ref().err().map(|error| error.code().reply().name);
        telemetry::tool_called(module, tool, started.elapsed(), error);
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let client = call.client.unwrap_or_default();
        match error {
            None => {
                log::info!(module, tool, user_id, client, duration_ms, success = true; "Tool executed");
            }
            Some(error) => {
                log::warn!(module, tool, user_id, client, duration_ms, success = false, error; "Tool failed");
            }
        }
        if let Some(audit) = &self.parts.audit {
            let event = AuditEvent::call(module, tool, error.unwrap_or("success"));
            let client = call.client.map(str::to_owned);
            audit.record(
                call.caller,
                AuditEvent { account, duration_ms, client, argument_names, ..event },
            );
        }
        outcome
    }

    /// Records in the audit trail that a caller asked for a tool that does not exist, or not for this caller.
    pub(super) fn record_denied(&self, context: &Context, module: &str, tool: &str) {
        /// The name can be any text, because a model wrote it.
        const LONGEST: usize = 100;
        let Some(audit) = &self.parts.audit else { return };
        let short = |name: &str| name.chars().take(LONGEST).collect::<String>();
        let client = context.client.as_ref().map(|client| client.name.clone());
        audit.record(
            &context.caller,
            AuditEvent { client, ..AuditEvent::call(&short(module), &short(tool), "denied") },
        );
    }

    /// Makes the call with the account that the arguments name, or with all accounts.
    fn with_account(
        &self,
        call: ToolCall<'_>,
        mut arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Value, Error> {
        let account = match arguments.shift_remove(ACCOUNT) {
            None | Some(Value::Null) => None,
            Some(Value::String(account)) => Some(account),
            Some(_) => {
                return Err(Error::invalid_params(
                    "`account` must be a string: the name of an account.",
                ));
            }
        };
        let Some(how) = &call.tool.across_accounts else {
            return self.call_one(call, account.as_deref(), arguments, cancelled);
        };
        if account.as_deref() == Some(ALL_ACCOUNTS) {
            let accounts = self.parts.broker.accounts(call.caller, &call.module.name)?;
            // An account may be called exactly that.
            if !accounts.iter().any(|account| account == ALL_ACCOUNTS) {
                return match accounts.as_slice() {
                    [] | [_] => self.call_one(call, None, arguments, cancelled),
                    accounts => self.across(call, how, accounts, arguments, cancelled),
                };
            }
        }
        self.call_one(call, account.as_deref(), arguments, cancelled).map_err(|error| {
            match error.hint() {
                Some(hint) if error.code() == Code::AccountRequired => {
                    let hint = format!("{hint} `{ALL_ACCOUNTS}` reads every one.");
                    error.with_hint(hint)
                }
                _ => error,
            }
        })
    }

    /// Makes the call with one account: the named one, or the only one.
    pub(super) fn call_one(
        &self,
        call: ToolCall<'_>,
        account: Option<&str>,
        arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Value, Error> {
        let ToolCall { caller, module, .. } = call;
        // A service without authentication needs no connection.
        let asks = module.auth.is_some() || account.is_some();
        let credential = if asks { self.credential(caller, module, account)? } else { None };
        let first = self.connected(module, credential.as_ref())?;
        let renew = |refused: &Credential| self.renewed(caller, module, account, refused);
        let accounts = Accounts { first, others: &[], renew: &renew };
        engine::call(&self.parts.upstream, call, accounts, arguments, cancelled)
    }

    /// Makes the single call of a tool that reads all accounts on its own.
    pub(super) fn call_together(
        &self,
        call: ToolCall<'_>,
        accounts: &[String],
        arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Value, Error> {
        let credentials =
            accounts.iter().map(|account| self.credential(call.caller, call.module, Some(account)));
        let credentials: Vec<_> = credentials.collect::<Result<_, _>>()?;
        let connections =
            credentials.iter().map(|credential| self.connected(call.module, credential.as_ref()));
        let connections: Vec<_> = connections.collect::<Result<_, _>>()?;
        let [first, others @ ..] = connections.as_slice() else {
            return self.call_one(call, None, arguments, cancelled);
        };
        let renew = |refused: &Credential| {
            let account = accounts
                .iter()
                .zip(&credentials)
                .find(|(_, credential)| credential.as_ref() == Some(refused));
            self.renewed(
                call.caller,
                call.module,
                account.map(|(account, _)| account.as_str()),
                refused,
            )
        };
        let accounts = Accounts { first: *first, others, renew: &renew };
        engine::call(&self.parts.upstream, call, accounts, arguments, cancelled)
    }

    pub(super) fn credential(
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

    /// Returns the error that asks the user to connect the service.
    pub(super) fn connected<'a>(
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
}
