//! Durations.

/// The units, largest first: our letter, and the words that people use.
const UNITS: [(char, &[&str]); 4] = [
    ('w', &["w", "wk", "wks", "week", "weeks"]),
    ('d', &["d", "day", "days"]),
    ('h', &["h", "hr", "hrs", "hour", "hours"]),
    ('m', &["m", "min", "mins", "minute", "minutes"]),
];

/// Returns a duration in the form `1w 2d 3h 20m`. Accepts that form, words (`3 hours 20 minutes`) and ISO 8601 (`PT3H20M`).
///
/// Each unit must come once, larger units first; units are never converted, because some teams count eight hours as a day.
/// `None` for anything else: a number without a unit, a repeated unit, an empty text, or fractions of a minute.
#[must_use]
pub fn duration_of(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let mut rest = match text.strip_prefix('p') {
        Some(iso) => iso.replacen('t', " ", 1),
        None => text,
    };
    let mut written: Vec<String> = Vec::new();
    let mut units = UNITS.iter();
    while !rest.trim().is_empty() {
        let part = rest.trim_start_matches([' ', ',']);
        let end = part.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = part.split_at(end);
        let after = after.trim_start();
        let end = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        number.parse::<f64>().ok()?;
        let (letter, _) = units.find(|(_, names)| names.contains(&unit))?;
        written.push(format!("{number}{letter}"));
        rest = after.to_owned();
    }
    (!written.is_empty()).then(|| written.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_in_every_usual_form() {
        for (text, written) in [
            ("3h 20m", Some("3h 20m")),
            ("1w 2d 3h 20m", Some("1w 2d 3h 20m")),
            ("1w2d", Some("1w 2d")),
            ("90m", Some("90m")),
            ("1.5h", Some("1.5h")),
            (" 2 Days, 4 hours ", Some("2d 4h")),
            ("1 hour 30 min", Some("1h 30m")),
            ("PT3H20M", Some("3h 20m")),
            ("P1W", Some("1w")),
            ("P1DT2H", Some("1d 2h")),
            ("0m", Some("0m")),
            ("", None),
            ("3", None),
            ("h", None),
            ("3x", None),
            ("30s", None),
            ("PT30S", None),
            ("20m 3h", None),
            ("3h 20h", None),
            ("-3h", None),
            ("1..5h", None),
            ("three hours", None),
            ("P", None),
        ] {
            assert_eq!(duration_of(text).as_deref(), written, "{text}");
        }
    }
}
