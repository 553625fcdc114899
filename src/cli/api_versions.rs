//! `mcpist api-versions`: the API version that each module speaks, and whether its service has a newer one.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Stop, print, setup};
use crate::app::App;
use crate::cancellation::Cancellation;
use crate::engine::{Module, Versions, VersionsAt};
use crate::error::{Code, Error};
use crate::telemetry::log::Output;
use crate::upstream::{HeaderMap, Method, UpstreamAnswer, UpstreamRequest};

/// The timeout for one service.
const PATIENCE: Duration = Duration::from_secs(10);

/// The maximum length of a version in bytes. A longer string is not a version, and must not be printed to a terminal or an
/// issue.
const MAX_VERSION: usize = 40;

/// The maximum number of unordered versions that are reported.
const MAX_SHOWN: usize = 3;

pub(super) fn run(names: &[String], check: bool) -> Result<(), Stop> {
    let setup::Product { app, .. } = setup::local(Output::Stderr)?;
    let visible = setup::visible(&app)?;
    let modules = match names {
        [] => visible.modules().collect(),
        names => {
            names.iter().map(|name| setup::module(&visible, name)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let mut failed = false;
    for module in modules {
        let ours = module.api_version.as_deref().unwrap_or("unversioned");
        let told = match &module.versions {
            _ if !check => String::new(),
            None => "; no public list of versions".to_owned(),
            Some(versions) => match offered(&app, module, versions) {
                Ok(offered) => compared(ours, &offered),
                Err(error) => {
                    failed = true;
                    format!("; not known: {}", error.to_string().trim_end_matches('.'))
                }
            },
        };
        let see = match &module.changelog {
            Some(page) if check && told != NOTHING_NEWER => format!("; see {page}"),
            _ => String::new(),
        };
        print(format_args!("{:16} {ours}{told}{see}", module.name))?;
    }
    if failed { Err(Stop::Reported) } else { Ok(()) }
}

const NOTHING_NEWER: &str = "; nothing newer";

/// Compares the service's versions, at least one, with ours.
fn compared(ours: &str, offered: &[String]) -> String {
    let ordered = Version::parse(ours).and_then(|ours| {
        let offered = offered.iter().filter_map(|text| Some((Version::parse(text)?, text)));
        let newest = offered
            .filter(|(version, _)| version.has_order_with(&ours))
            .max_by(|(one, _), (other, _)| one.cmp(other));
        newest.map(|(version, text)| (version.cmp(&ours), text))
    });
    match ordered {
        Some((Ordering::Greater, newest)) => format!("; {newest} is newer"),
        Some((Ordering::Equal, _)) => NOTHING_NEWER.to_owned(),
        // For versions without an order, the only question is whether ours is among them.
        None if offered.iter().any(|text| text == ours) => NOTHING_NEWER.to_owned(),
        Some((Ordering::Less, other)) => format!("; {other} is the newest there is"),
        None => format!("; {} is what there is", offered[..offered.len().min(MAX_SHOWN)].join(",")),
    }
}

/// A version that can be ordered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    /// `2022-11-28`.
    Date([u64; 3]),
    /// `3`, `v1.0`, `2.0.0`; trailing zeros are ignored.
    Numbers(Vec<u64>),
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        if let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] {
            let is_date = (year.len(), month.len(), day.len()) == (4, 2, 2);
            return is_date
                .then(|| Some(Self::Date([number(year)?, number(month)?, number(day)?])))
                .flatten();
        }
        let mut numbers: Vec<u64> =
            text.strip_prefix('v').unwrap_or(text).split('.').map(number).collect::<Option<_>>()?;
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Self::Numbers(numbers))
    }

    /// Returns whether one of the two is newer, or both are equal; a date and a number cannot be compared.
    fn has_order_with(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Date(_), Self::Date(_)) | (Self::Numbers(_), Self::Numbers(_))
        )
    }
}

/// Returns the versions that the service names.
fn offered(app: &App, module: &Module, versions: &Versions) -> Result<Vec<String>, Error> {
    let url = if versions.url.starts_with('/') {
        let base_url = app.base_url(module).ok_or_else(|| {
            Error::new(Code::NotConnected, format!("{} has no address", module.title))
        })?;
        format!("{base_url}{}", versions.url)
    } else {
        versions.url.clone()
    };
    let request = UpstreamRequest {
        service: &module.title,
        method: Method::Get,
        url: &url,
        headers: &HeaderMap::new(),
        body: None,
        credential: None,
        trace_parent: None,
    };
    let answer =
        app.parts().upstream.send(&request, Instant::now() + PATIENCE, &Cancellation::default())?;
    let named = if (200..300).contains(&answer.status) {
        named_in(&answer, &versions.at)
    } else {
        Vec::new()
    };
    if named.is_empty() {
        return Err(Error::new(
            Code::UpstreamUnavailable,
            format!("{url} names no version (HTTP {})", answer.status),
        ));
    }
    Ok(named)
}

fn named_in(answer: &UpstreamAnswer, at: &VersionsAt) -> Vec<String> {
    let texts = match at {
        VersionsAt::Header(name) => answer
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect(),
        VersionsAt::Body(path) => {
            match path.find(&serde_json::from_slice(&answer.body).unwrap_or_default()) {
                Value::String(text) => vec![text],
                Value::Array(values) => {
                    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            }
        }
    };
    texts.into_iter().filter(|text| is_version(text)).collect()
}

/// Returns whether the text can be a version: it comes from a third party, and is printed to a terminal and to an issue.
fn is_version(text: &str) -> bool {
    (1..=MAX_VERSION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{compared, is_version};

    #[test]
    fn a_version_is_newer_where_the_order_is_known_and_another_one_elsewhere() {
        let check = |ours: &str, offered: &[&str], told: &str| {
            let offered: Vec<_> = offered.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(compared(ours, &offered), format!("; {told}"), "{ours} and {offered:?}");
        };
        check("2022-11-28", &["2026-03-10", "2022-11-28"], "2026-03-10 is newer");
        check("2026-03-10", &["2022-11-28", "2026-03-10"], "nothing newer");
        check("2026-03-10", &["2021-01-01", "2022-11-28"], "2022-11-28 is the newest there is");
        check("v3", &["v3"], "nothing newer");
        check("v9", &["v10", "v9"], "v10 is newer");
        check("v1", &["1.0.0"], "nothing newer");
        check("v1", &["1.0.1"], "1.0.1 is newer");
        check("v1.0", &["v1.0", "beta"], "nothing newer");
        check("v3", &["v4beta1", "v3"], "nothing newer");
        check("v3", &["v4beta1"], "v4beta1 is what there is");
        check("v1", &["2026-03-10"], "2026-03-10 is what there is");
        check("2022-11-28", &["2022-11-28-preview"], "2022-11-28-preview is what there is");
        check("2022-11-28", &["2O22-12-01"], "2O22-12-01 is what there is");
        check("spring", &["spring", "summer"], "nothing newer");
        check("spring", &["summer", "autumn"], "summer,autumn is what there is");
        check("a", &["b", "c", "d", "e", "f"], "b,c,d is what there is");
        check("unversioned", &["1"], "1 is what there is");
        check("1", &["99999999999999999999999"], "99999999999999999999999 is what there is");
    }

    #[test]
    fn what_could_do_harm_where_it_is_shown_is_no_version() {
        for wrong in [
            "",
            "2 0",
            "1\n2",
            "\u{1b}[31m",
            "@everyone",
            "<b>",
            "[a](b)",
            "2026\u{2011}01",
            &"1".repeat(41),
        ] {
            assert!(!is_version(wrong), "{wrong:?}");
        }
        assert!(
            is_version("2026-03-11") && is_version("v1.0") && is_version("1001.0.0-SNAPSHOT_a+b")
        );
    }
}
