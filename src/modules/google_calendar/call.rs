//! The context of a handler: a calendar, the arguments, and access to Google Calendar.

use std::cell::OnceCell;

use serde_json::Value;

use super::times::Time;
use crate::engine::Session;
use crate::engine::session::text;
use crate::engine::times::{moment, zone};
use crate::error::Error;
use crate::json::Object;
use crate::time::{Moment, Zone};
use crate::upstream::Method;

/// A calendar and the arguments of the call.
pub(super) struct CalendarCall<'a> {
    pub session: &'a Session<'a>,
    pub arguments: &'a Object,
    pub calendar: &'a str,
    zone: OnceCell<Zone>,
}

impl<'a> CalendarCall<'a> {
    pub fn of(session: &'a Session<'a>, arguments: &'a Object) -> Self {
        let calendar = text(arguments, "calendar_id");
        let calendar = if calendar.is_empty() { "primary" } else { calendar };
        Self { session, arguments, calendar, zone: OnceCell::new() }
    }

    /// Returns the path of an event of the calendar.
    pub fn get(&self, id: &str) -> Result<Value, Error> {
        self.session.get(&["calendars", self.calendar, "events", id], &[])
    }

    /// Sends a change below `/calendars/{id}/events`; guests are notified as the arguments say.
    pub fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let has = |member: &str| body.is_some_and(|body| body.get(member).is_some());
        let mut query = Vec::new();
        if has("conferenceData") {
            query.push(("conferenceDataVersion", "1"));
        }
        if has("attachments") {
            query.push(("supportsAttachments", "true"));
        }
        query.extend(self.argument("notify").map(|whom| ("sendUpdates", whom)));
        let path = [&["calendars", self.calendar, "events"], path].concat();
        self.session.send(method, &path, &query, body)
    }

    /// Returns the calendar's own time zone.
    pub fn time_zone(&self) -> Result<Zone, Error> {
        if let Some(zone) = self.zone.get() {
            return Ok(*zone);
        }
        let calendar = self.session.get(&["calendars", self.calendar], &[])?;
        let zone = zone(calendar["timeZone"].as_str().unwrap_or("UTC"))?;
        Ok(*self.zone.get_or_init(|| zone))
    }

    /// Returns an argument that is a text.
    pub fn argument(&self, name: &str) -> Option<&'a str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    /// Returns the time zone in an argument.
    pub fn zone_argument(&self, name: &str) -> Result<Option<Zone>, Error> {
        self.argument(name).map(zone).transpose()
    }

    /// Returns the moment in an argument.
    pub fn moment(&self, name: &str) -> Result<Option<Moment>, Error> {
        self.argument(name).map(|text| moment(name, text)).transpose()
    }

    /// Returns the time in an argument: in this zone, or in the calendar's zone if it needs one.
    pub fn time(&self, name: &str, moment: Moment, zone: Option<Zone>) -> Result<Time, Error> {
        let zone = match (moment, zone) {
            (Moment::Local(_), None) => Some(self.time_zone()?),
            (_, zone) => zone,
        };
        Time::of(name, moment, zone)
    }
}
