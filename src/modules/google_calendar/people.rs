//! The guests of an event.

use serde_json::{Value, json};

use super::list;
use crate::error::Error;

/// Returns the guests with these addresses, without duplicates. Existing guests keep their response status.
///
/// An address is `ana@example.com` or `Ana Bell <ana@example.com>`; several in one text are separated by `,` or `;`.
pub(super) fn guests<'a>(
    addresses: impl Iterator<Item = &'a str>,
    before: &Value,
) -> Result<Vec<Value>, Error> {
    let mut guests: Vec<Value> = Vec::new();
    for address in addresses.flat_map(parts) {
        let (name, email) = parse(address).ok_or_else(|| {
            Error::invalid_params(format!("`attendees`: `{address}` is not an email address."))
                .with_hint("Write ana@example.com or Ana Bell <ana@example.com>.")
        })?;
        if guests.iter().any(|guest| is_of(guest, email)) {
            continue;
        }
        let known = list(&before["attendees"]).find(|guest| is_of(guest, email)).cloned();
        guests.push(known.unwrap_or_else(|| match name {
            Some(name) => json!({"email": email, "displayName": name}),
            None => json!({"email": email}),
        }));
    }
    Ok(guests)
}

/// Checks that no guests are omitted. Google Calendar omits guests of large events: sending our list would remove the guests
/// that it does not contain.
pub(super) fn refuse_omitted(event: &Value, what: &str) -> Result<(), Error> {
    if event["attendeesOmitted"] != true {
        return Ok(());
    }
    Err(Error::invalid_params(format!(
        "Google Calendar does not show all guests of this event, so {what} would remove those that it leaves out."
    ))
    .with_hint("Change the guests in Google Calendar itself."))
}

fn is_of(guest: &Value, email: &str) -> bool {
    guest["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email))
}

/// Returns the addresses in a text. A name in quotes may contain separators.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        !quoted && matches!(letter, ',' | ';' | '\n')
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// Returns the name and the address of `Ana Bell <ana@example.com>`, `mailto:ana@example.com` or `ana@example.com`.
fn parse(text: &str) -> Option<(Option<&str>, &str)> {
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').trim(), address.trim()),
        None => ("", text),
    };
    let address = match address.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest,
        _ => address,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
    let right = !local.is_empty()
        && !domain.is_empty()
        && address.chars().all(is_plain)
        && !local.contains(['@', '<', '>', '(', ')', ',', ';', ':', '"'])
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
        });
    right.then_some(((!name.is_empty()).then_some(name), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_usual_form_and_once() {
        let before =
            json!({"attendees": [{"email": "ana@example.com", "responseStatus": "accepted"}]});
        let check = |addresses: &[&str], expected: Value| {
            let guests = guests(addresses.iter().copied(), &before).map(Value::from);
            assert_eq!(guests.ok(), Some(expected), "{addresses:?}");
        };
        let ana = json!({"email": "ana@example.com", "responseStatus": "accepted"});
        let bo = json!({"email": "bo@example.com"});
        check(&[], json!([]));
        check(&["Ana@Example.com", "bo@example.com"], json!([ana, bo]));
        check(&["ana@example.com, bo@example.com;BO@example.com"], json!([ana, bo]));
        check(&["mailto:bo@example.com", " bo@example.com "], json!([bo]));
        check(&["<bo@example.com>"], json!([bo]));
        check(
            &["\"Bo, junior\" <bo@example.com>"],
            json!([{"email": "bo@example.com", "displayName": "Bo, junior"}]),
        );
        check(
            &["Jürgen Groß <j.gross+cal@büro.example.de>"],
            json!([{"email": "j.gross+cal@büro.example.de", "displayName": "Jürgen Groß"}]),
        );
        check(
            &["room-4@resource.calendar.google.com"],
            json!([{"email": "room-4@resource.calendar.google.com"}]),
        );
    }

    #[test]
    fn what_is_not_an_address_is_refused_by_name() {
        for wrong in [
            "Ana",
            "ana@",
            "@example.com",
            "ana@example..com",
            "a b@example.com",
            "ana@b@c.com",
            "Ana <ana>",
        ] {
            let error = guests([wrong].into_iter(), &Value::Null).expect_err(wrong);
            assert!(error.message().contains(wrong), "{error}");
        }
    }
}
