//! JSON's numbers with every digit that they were written with.
//!
//! `serde_json` keeps the text of a number (its feature `arbitrary_precision`), so a decimal, an integer beyond 64 bits and
//! `1e400` pass through unchanged. What two texts mean is compared here, without a float between them.

use std::borrow::Cow;

use serde_json::{Number, Value};

/// The powers of ten that are written in full: from 1e-6 up to, but not including, 1e21.
const PLAIN: std::ops::RangeInclusive<i64> = -6..=20;

/// The one text of all that mean this number: no exponent from 1e-6 up to, but not including, 1e21, no zeros that say
/// nothing, and no minus before zero. An integer that was written in full stays so, however long it is.
///
/// This is the canonical form of TOON 4.0 (section 2) and that of ECMAScript's `Number::toString`, with all digits.
#[must_use]
pub fn canonical(number: &Number) -> Cow<'_, str> {
    let text = number.as_str();
    match text {
        "-0" => Cow::Borrowed("0"),
        _ if is_plain_integer(text) => Cow::Borrowed(text),
        _ => Cow::Owned(decimal(text)),
    }
}

/// Whether a number is an integer, also one written as `5.0` or `1e3`.
#[must_use]
pub fn is_integer(number: &Number) -> bool {
    is_plain_integer(&canonical(number))
}

/// Whether a number is written without a fraction and an exponent.
#[must_use]
pub fn is_written_as_integer(number: &Number) -> bool {
    is_plain_integer(number.as_str())
}

/// Whether two values are equal where `1`, `1.0` and `1e0` are the same number. Numbers within lists and objects are
/// compared as they are written.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => canonical(one) == canonical(other),
        _ => one == other,
    }
}

fn is_plain_integer(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The canonical form of a number with a fraction or an exponent.
fn decimal(text: &str) -> String {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let from_first = all.trim_start_matches('0');
    let digits = from_first.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let zeros_before = all.len() - from_first.len();
    // The power of ten of the first digit; no text is as long as an `i64`, but an exponent may be any number.
    let power = exponent.parse::<i64>().ok().and_then(|exponent| {
        exponent
            .checked_add(i64::try_from(whole.len()).ok()? - 1)?
            .checked_sub(i64::try_from(zeros_before).ok()?)
    });
    let Some(power) = power else { return text.to_owned() };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let unsigned = match usize::try_from(power) {
        Ok(before) if PLAIN.contains(&power) => match digits.split_at_checked(before + 1) {
            Some((whole, "")) => whole.to_owned(),
            Some((whole, fraction)) => [whole, ".", fraction].concat(),
            None => [digits, &"0".repeat(before + 1 - digits.len())].concat(),
        },
        Ok(_) => format!("{first}{point}{rest}e+{power}"),
        Err(_) if PLAIN.contains(&power) => {
            let zeros = usize::try_from(-power - 1).unwrap_or_default();
            ["0.", &"0".repeat(zeros), digits].concat()
        }
        Err(_) => format!("{first}{point}{rest}e{power}"),
    };
    [sign, &unsigned].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).expect("it is a number")
    }

    #[test]
    fn all_texts_of_a_number_have_one_canonical_form() {
        for (texts, canonical_text) in [
            (&["0", "-0", "0.0", "-0.00", "0e5", "0E-99999999999999999999"][..], "0"),
            (&["1", "1.0", "1e0", "10e-1", "0.1E+1"], "1"),
            (&["-1000", "-1e3", "-1000.000", "-0.001e6"], "-1000"),
            (&["12.5", "12.50", "1.25e1", "1250E-2"], "12.5"),
            (&["0.000001", "1e-6", "0.1e-5"], "0.000001"),
            (&["1e-7", "0.0000001", "10e-8"], "1e-7"),
            (&["0.00000012", "1.2e-7"], "1.2e-7"),
            (&["100000000000000000000", "1e20", "1.0e+20"], "100000000000000000000"),
            (&["1e21", "1.0E+21", "10e20"], "1e+21"),
            (&["1e400", "1E+400", "10.0e399"], "1e+400"),
            (&["-1.5e-400"], "-1.5e-400"),
            (&["0.30000000000000000000000000004"], "0.30000000000000000000000000004"),
            (&["18446744073709551616"], "18446744073709551616"),
            (
                &["-170141183460469231731687303715884105729"],
                "-170141183460469231731687303715884105729",
            ),
            (&["1234567890123456789012.5"], "1.2345678901234567890125e+21"),
            (&["1e99999999999999999999"], "1e+99999999999999999999"),
        ] {
            for text in texts {
                assert_eq!(canonical(&number(text)), canonical_text, "{text}");
                assert!(same(&Value::Number(number(text)), &Value::Number(number(texts[0]))));
            }
        }
    }

    #[test]
    fn the_canonical_form_means_the_same_number() {
        // A float that is printed in its shortest form is the oracle for what floats can hold.
        let mut state = 1_u64;
        for _ in 0..2_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let float = f64::from_bits(state);
            if let Some(given) = Number::from_f64(float) {
                let text = canonical(&given).into_owned();
                assert_eq!(text.parse::<f64>().ok(), Some(float), "{given} {text}");
                assert_eq!(canonical(&number(&text)), text, "{given}");
            }
        }
    }

    #[test]
    fn integers_are_known_however_they_are_written() {
        for (text, integer, written) in [
            ("5", true, true),
            ("-5", true, true),
            ("5.0", true, false),
            ("1e3", true, false),
            ("18446744073709551616", true, true),
            ("5.00000000000000000001", false, false),
            ("1e-1", false, false),
            ("1e400", false, false),
        ] {
            assert_eq!(
                (is_integer(&number(text)), is_written_as_integer(&number(text))),
                (integer, written),
                "{text}"
            );
        }
    }

    #[test]
    fn equal_numbers_are_the_same_and_others_are_not() {
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
        for (one, other, expected) in [
            ("1", "1.0", true),
            ("1", "1.1", false),
            ("1", "\"1\"", false),
            ("\"a\"", "\"a\"", true),
            ("0.1", "1e-1", true),
        ] {
            assert_eq!(same(&value(one), &value(other)), expected, "{one} {other}");
        }
    }
}
