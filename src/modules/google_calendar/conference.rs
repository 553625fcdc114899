//! The video conference of an event: a Meet link, or a conference of another provider.

use hmac_sha256::Hash;
use serde_json::{Map, Value, json};

use super::list;
use crate::engine::session::text;
use crate::error::Error;
use crate::json::Object;

/// Returns the address of the video conference, from any provider.
pub(super) fn video_url(event: &Value) -> Value {
    let entry = list(&event["conferenceData"]["entryPoints"])
        .find(|entry| entry["entryPointType"] == "video")
        .map(|entry| &entry["uri"]);
    event.get("hangoutLink").or(entry).cloned().into()
}

/// Returns a conference with all its entry points, in short form.
pub(super) fn conference(data: &Value) -> Value {
    let code = |entry: &Value| {
        ["pin", "passcode", "accessCode", "meetingCode", "password"]
            .into_iter()
            .find_map(|name| entry.get(name))
            .cloned()
    };
    let entry = |entry: &Value| {
        let mut brief = Map::new();
        brief.insert("type".to_owned(), entry["entryPointType"].clone());
        brief.insert("uri".to_owned(), entry["uri"].clone());
        brief.extend(code(entry).map(|code| ("pin".to_owned(), code)));
        brief.extend(entry.get("regionCode").map(|code| ("region".to_owned(), code.clone())));
        Value::from(brief)
    };
    let mut brief = Map::new();
    for (name, value) in [
        ("name", data["conferenceSolution"]["name"].clone()),
        ("id", data["conferenceId"].clone()),
        ("entries", list(&data["entryPoints"]).map(entry).collect()),
        ("notes", data["notes"].clone()),
        ("pending", is_pending(data).then_some(true).into()),
    ] {
        if !value.is_null() && value != json!([]) {
            brief.insert(name.to_owned(), value);
        }
    }
    if brief.is_empty() { Value::Null } else { brief.into() }
}

/// Returns the change of an event's conference by the arguments `meet` and `conference`; `None` if it stays unchanged.
pub(super) fn wanted(arguments: &Object, event: &Value) -> Result<Option<Value>, Error> {
    let meet = arguments.get("meet").and_then(Value::as_bool);
    match (meet, arguments.get("conference")) {
        (Some(true), Some(_)) => {
            Err(Error::invalid_params("`meet` and `conference` exclude each other.")
                .with_hint("An event has one conference."))
        }
        (_, Some(conference)) => other(conference).map(Some),
        (Some(true), None) if has_meet(event) => Ok(None),
        (Some(true), None) if has_conference(event) => Err(Error::invalid_params(format!(
            "The event has a conference of {} already.",
            event["conferenceData"]["conferenceSolution"]["name"]
                .as_str()
                .unwrap_or("another kind")
        ))
        .with_hint("Remove it first, with `meet` false.")),
        (Some(true), None) => Ok(Some(new_meet(&Value::from(arguments.clone())))),
        (Some(false), None) if has_conference(event) => Ok(Some(Value::Null)),
        (Some(false) | None, None) => Ok(None),
    }
}

/// Returns the conference of the new series after a split. It gets a new Meet link, because a link that events share shows
/// people who are not invited (<https://developers.google.com/workspace/calendar/api/v3/reference/events>, `conferenceData`). A
/// conference of another provider is kept.
pub(super) fn for_next_series(series: &Value) -> Option<Value> {
    let data = series.get("conferenceData")?;
    let is_meet = data["conferenceSolution"]["key"]["type"] == "hangoutsMeet" || is_pending(data);
    Some(if is_meet { new_meet(&series["id"]) } else { data.clone() })
}

/// Returns a request for a Meet link. Google creates one conference for each request id, so a retried call gets the same one.
fn new_meet(of: &Value) -> Value {
    let digest = Hash::hash(of.to_string().as_bytes());
    let id = digest.iter().take(8).fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    json!({"createRequest": {"requestId": format!("{id:016x}"), "conferenceSolutionKey": {"type": "hangoutsMeet"}}})
}

fn is_pending(data: &Value) -> bool {
    data["createRequest"]["status"]["statusCode"] == "pending"
}

fn has_meet(event: &Value) -> bool {
    let data = &event["conferenceData"];
    data["conferenceSolution"]["key"]["type"] == "hangoutsMeet"
        || is_pending(data)
        || data["conferenceSolution"].is_null() && event.get("hangoutLink").is_some()
}

fn has_conference(event: &Value) -> bool {
    has_meet(event) || list(&event["conferenceData"]["entryPoints"]).next().is_some()
}

/// Returns a conference of another provider.
fn other(conference: &Value) -> Result<Value, Error> {
    let Some(given) = conference.as_object() else { return Ok(Value::Null) };
    let url = text(given, "url");
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(Error::invalid_params(format!(
            "`conference.url` must be a web address, not `{url}`."
        ))
        .with_hint("For example https://zoom.us/j/123456789."));
    }
    let with_codes = |mut entry: Value| {
        for (name, member) in
            [("meeting_code", "meetingCode"), ("passcode", "passcode"), ("pin", "pin")]
        {
            if let Some(code) = given.get(name) {
                entry[member] = code.clone();
            }
        }
        entry
    };
    let label = url.split_once("://").map_or(url, |(_, rest)| rest);
    let label: String = label.chars().take(512).collect();
    let mut entries =
        vec![with_codes(json!({"entryPointType": "video", "uri": url, "label": label}))];
    if let Some(phone) = given.get("phone").and_then(Value::as_str) {
        let digits: String = phone
            .trim_start_matches("tel:")
            .chars()
            .filter(|letter| !letter.is_whitespace() && !"()-./".contains(*letter))
            .collect();
        if !digits.trim_start_matches('+').starts_with(|letter: char| letter.is_ascii_digit()) {
            return Err(Error::invalid_params(format!(
                "`conference.phone` is not a number: `{phone}`."
            ))
            .with_hint("For example +49 69 1234567."));
        }
        entries.push(with_codes(
            json!({"entryPointType": "phone", "uri": format!("tel:{digits}"), "label": phone}),
        ));
    }
    let mut data = json!({
        "conferenceSolution": {"key": {"type": "addOn"}, "name": given["name"]},
        "entryPoints": entries,
    });
    if let Some(notes) = given.get("notes") {
        data["notes"] = notes.clone();
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoom() -> Value {
        json!({
            "conferenceId": "1", "conferenceSolution": {"key": {"type": "addOn"}, "name": "Zoom Meeting"},
            "entryPoints": [
                {"entryPointType": "video", "uri": "https://zoom.us/j/1", "passcode": "42"},
                {"entryPointType": "phone", "uri": "tel:+491", "pin": "7", "regionCode": "DE"},
            ],
        })
    }

    fn meet() -> Value {
        json!({"conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"}, "entryPoints": [{"entryPointType": "video", "uri": "https://meet.google.com/a"}]})
    }

    #[test]
    fn every_provider_has_a_link_and_its_codes() {
        assert_eq!(
            video_url(&json!({"hangoutLink": "https://meet.google.com/a"})),
            "https://meet.google.com/a"
        );
        assert_eq!(video_url(&json!({"conferenceData": zoom()})), "https://zoom.us/j/1");
        assert_eq!(video_url(&json!({})), Value::Null);
        let expected = json!({"name": "Zoom Meeting", "id": "1", "entries": [
            {"type": "video", "uri": "https://zoom.us/j/1", "pin": "42"},
            {"type": "phone", "uri": "tel:+491", "pin": "7", "region": "DE"},
        ]});
        assert_eq!(conference(&zoom()), expected);
        let pending = json!({"createRequest": {"status": {"statusCode": "pending"}}});
        assert_eq!(conference(&pending), json!({"pending": true}));
        assert_eq!(conference(&Value::Null), Value::Null);
    }

    #[test]
    fn an_event_has_one_conference() {
        let check = |arguments: Value, event: Value, expected: Result<Option<&str>, &str>| {
            let given = arguments.as_object().expect("it is an object");
            let wanted = wanted(given, &event)
                .map(|data| {
                    data.map(|data| {
                        let kind = data["createRequest"]["conferenceSolutionKey"]["type"].as_str();
                        kind.or(data["conferenceSolution"]["name"].as_str())
                            .unwrap_or("removed")
                            .to_owned()
                    })
                })
                .map_err(|error| error.message().to_owned());
            match expected {
                Ok(expected) => {
                    assert_eq!(wanted, Ok(expected.map(str::to_owned)), "{arguments} {event}");
                }
                Err(part) => assert!(
                    wanted.is_err_and(|message| message.contains(part)),
                    "{arguments} {event}"
                ),
            }
        };
        let none = || json!({});
        check(json!({}), none(), Ok(None));
        check(json!({"meet": true}), none(), Ok(Some("hangoutsMeet")));
        check(json!({"meet": true}), json!({"hangoutLink": "x"}), Ok(None));
        check(json!({"meet": true}), json!({"conferenceData": meet()}), Ok(None));
        check(
            json!({"meet": true}),
            json!({"conferenceData": {"createRequest": {"status": {"statusCode": "pending"}}}}),
            Ok(None),
        );
        check(json!({"meet": true}), json!({"conferenceData": zoom()}), Err("Zoom Meeting"));
        check(json!({"meet": false}), none(), Ok(None));
        check(json!({"meet": false}), json!({"conferenceData": meet()}), Ok(Some("removed")));
        check(json!({"meet": false}), json!({"conferenceData": zoom()}), Ok(Some("removed")));
        let teams = json!({"name": "Teams", "url": "https://teams.example.com/1", "phone": "+49 (69) 12-34", "pin": "9"});
        check(json!({"conference": teams}), json!({"conferenceData": zoom()}), Ok(Some("Teams")));
        check(json!({"conference": teams, "meet": true}), none(), Err("exclude"));
        check(json!({"conference": {"name": "Teams", "url": "teams"}}), none(), Err("web address"));
        check(
            json!({"conference": {"name": "Teams", "url": "https://t.example", "phone": "call me"}}),
            none(),
            Err("phone"),
        );
        let data = other(&teams).expect("it is right");
        assert_eq!(
            data["entryPoints"][1],
            json!({"entryPointType": "phone", "uri": "tel:+49691234", "label": "+49 (69) 12-34", "pin": "9"})
        );
    }

    #[test]
    fn a_series_that_goes_on_gets_a_meet_link_of_its_own() {
        assert_eq!(for_next_series(&json!({})), None);
        assert_eq!(for_next_series(&json!({"conferenceData": zoom()})), Some(zoom()));
        let next =
            for_next_series(&json!({"id": "s", "conferenceData": meet()})).expect("it has one");
        assert_eq!(next["createRequest"]["conferenceSolutionKey"]["type"], "hangoutsMeet");
    }
}
