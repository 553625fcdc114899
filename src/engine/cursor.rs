//! Cursors as callers see them: bound to the call that they belong to, so that one given to another tool, with other arguments or
//! to another account cannot return rows of something else.

use serde_json::{Value, json};

use super::output::Output;
use super::{OFFSET, ToolCall, Work};
use crate::error::Error;
use crate::json::Object;

/// The argument.
const CURSOR: &str = "cursor";

/// The member of a result.
const NEXT: &str = "next_cursor";

/// Arguments that may change between pages: they do not change which rows there are.
const FREE: [&str; 4] = [CURSOR, "limit", "fields", OFFSET];

/// What the cursors of a call begin with.
#[derive(Debug)]
pub(super) struct Binding(String);

impl Binding {
    /// The binding of a call; `None` if its tool has no cursors. `arguments` are the checked ones.
    pub(super) fn of(
        call: ToolCall<'_>,
        account: Option<&str>,
        arguments: &Object,
    ) -> Option<Self> {
        let tool = call.tool;
        let issues = match &tool.work {
            Work::Handler(_) => true,
            Work::Request(template, output) => {
                template.pages.is_some()
                    || matches!(output, Output::List { summary, .. } if summary.iter().any(|field| field.name == NEXT))
            }
        };
        if !issues || !tool.params.iter().any(|param| param.name == CURSOR) {
            return None;
        }
        let rest: Object = arguments
            .iter()
            .filter(|(name, _)| !FREE.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let bound = json!([tool.published_name, account, rest]).to_string();
        Some(Self(format!("{:08x}", checksum(bound.as_bytes()))))
    }

    /// Replaces the caller's cursor by the service's position in it, and returns that; `None` without a cursor.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a cursor of another call.
    pub(super) fn open(&self, arguments: &mut Object) -> Result<Option<String>, Error> {
        let Some(Value::String(cursor)) = arguments.get(CURSOR) else { return Ok(None) };
        match cursor.split_once('.') {
            Some((bound, position)) if bound == self.0 => {
                let position = position.to_owned();
                arguments.insert(CURSOR.to_owned(), position.clone().into());
                Ok(Some(position))
            }
            bound => {
                let is_ours = bound.is_some_and(|(bound, _)| {
                    bound.len() == 8 && bound.bytes().all(|byte| byte.is_ascii_hexdigit())
                });
                Err(Error::invalid_params(if is_ours {
                    "Invalid `cursor`: it belongs to another call."
                } else {
                    "Invalid `cursor`: this tool did not issue it."
                })
                .with_hint("Pass `next_cursor` as it is, with the same tool and the same other arguments, or leave it out for the first page."))
            }
        }
    }

    /// Binds the cursor of a result. A page that names itself as the next one is the last.
    pub(super) fn bind(&self, result: &mut Value, current: Option<&str>) {
        let Some(members) = result.as_object_mut() else { return };
        let Some(Value::String(next)) = members.get(NEXT) else { return };
        if Some(next.as_str()) == current {
            members.shift_remove(NEXT);
            members.insert(
                "note".to_owned(),
                "The service names this page as the next one, too: the list ends here, but may be incomplete.".into(),
            );
        } else {
            let bound = format!("{}.{next}", self.0);
            members.insert(NEXT.to_owned(), bound.into());
        }
    }
}

/// FNV-1a of 32 bits, which is the same in every build: it finds mistakes and is no protection.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
