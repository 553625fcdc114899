//! Time zones from the IANA time zone database in compiled form (`TZif`, RFC 9636), which `build.rs` packs.

use std::fmt;
use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use super::date::Date;
use super::moment::{DAY, Moment};
use super::rules::Rules;

/// The release of the database, such as `2026f`.
pub const RELEASE: &str = env!("MCPIST_TIME_ZONES");

/// The database, compressed because few calls need it.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/time_zones"));

/// A time zone of the IANA database.
#[derive(Clone, Copy)]
pub struct Zone {
    name: &'static str,
    /// The position of its data in the database: the same for all names of a zone.
    place: &'static str,
    /// The times at which the clocks changed, 8 bytes each.
    times: &'static [u8],
    /// For each of these times, the index of the offset that begins.
    kinds: &'static [u8],
    /// The offsets and their properties, 6 bytes each.
    offsets: &'static [u8],
    /// The rules after the last of these times.
    rules: Option<Rules>,
}

/// The points in time at which the clocks of a zone show a clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// Exactly one.
    Once(i64),
    /// The clocks were set back over it: two.
    Twice(i64, i64),
    /// The clocks were set forward over it and never show it: that much before the gap, and that much after it.
    Never(i64, i64),
}

impl Zone {
    /// Returns the zone of an IANA name (`Europe/Berlin`, also an older name such as `Asia/Calcutta`) or of a Windows name
    /// (`Tokyo Standard Time`), in any case; `None` if the zone does not exist.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        let database = database();
        database.zone(name).or_else(|| {
            let (_, zones) =
                database.windows().find(|(windows, _)| windows.eq_ignore_ascii_case(name))?;
            database.zone(zones.split(' ').next()?)
        })
    }

    /// Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self::named("UTC").expect("the database has UTC")
    }

    /// Returns the IANA name, spelt as in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the Windows name of the zone (Unicode CLDR, `windowsZones`), if it has one.
    #[must_use]
    pub fn windows_name(&self) -> Option<&'static str> {
        // CLDR lists only one of the names of a zone.
        let same = || database().names().filter(|(_, place)| *place == self.place);
        let names = std::iter::once(self.name).chain(same().map(|(name, _)| name));
        names.into_iter().find_map(|name| {
            let has = |(_, zones): &(&str, &'static str)| zones.split(' ').any(|zone| zone == name);
            database().windows().find(has).map(|(windows, _)| windows)
        })
    }

    /// Returns whether this is the main zone of its Windows name: `Europe/Berlin`, not `Europe/Zurich`.
    #[must_use]
    pub fn is_first_of_windows_name(&self) -> bool {
        database().windows().any(|(_, zones)| zones.split(' ').next() == Some(self.name))
    }

    /// Returns the names of zones that end in a word: `Europe/Berlin` for `berlin`.
    pub fn named_after(word: &str) -> impl Iterator<Item = &'static str> {
        let word = word.trim().replace(' ', "_");
        database().names().map(|(name, _)| name).filter(move |name| {
            name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&word))
        })
    }

    /// Returns seconds east of UTC at a point in time, given in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn offset_at(&self, instant: i64) -> i64 {
        // The number of times up to the instant; the times are sorted.
        let count = self.kinds.len();
        let (mut from, mut to) = (0, count);
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.time(middle) <= instant {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        match (&self.rules, from) {
            (Some(rules), from) if from == count => rules.offset_at(instant),
            (_, 0) => self.offset(0),
            (_, from) => self.offset(usize::from(self.kinds[from - 1])),
        }
    }

    /// Returns when the zone's clocks show a clock time, in seconds since 1970-01-01 there.
    #[must_use]
    pub fn resolve(&self, local: i64) -> Resolved {
        // No zone changes its clocks twice within a day, or by more than a day.
        let (before, after) =
            (self.offset_at(local.saturating_sub(DAY)), self.offset_at(local.saturating_add(DAY)));
        let shown = |offset: i64| self.offset_at(local.saturating_sub(offset)) == offset;
        let at = |offset: i64| local.saturating_sub(offset);
        match (shown(before), shown(after)) {
            (true, true) if before != after => {
                Resolved::Twice(at(before).min(at(after)), at(before).max(at(after)))
            }
            (true, _) => Resolved::Once(at(before)),
            (false, true) => Resolved::Once(at(after)),
            (false, false) => Resolved::Never(at(after), at(before)),
        }
    }

    /// Returns the point in time of a clock time: the first of two, or the time after a gap (RFC 5545 §3.3.5).
    #[must_use]
    pub fn instant_of(&self, local: i64) -> i64 {
        match self.resolve(local) {
            Resolved::Once(instant) | Resolved::Twice(instant, _) | Resolved::Never(_, instant) => {
                instant
            }
        }
    }

    /// Returns a point in time with the zone's offset.
    #[must_use]
    pub fn moment(&self, instant: i64) -> Moment {
        Moment::Instant { seconds: instant, offset: self.offset_at(instant) }
    }

    /// Returns the date in the zone at a point in time.
    #[must_use]
    pub fn date(&self, instant: i64) -> Date {
        Date::from_days((instant + self.offset_at(instant)).div_euclid(DAY))
    }

    fn time(&self, at: usize) -> i64 {
        self.times[at * 8..]
            .first_chunk()
            .map_or(i64::MAX, |bytes: &[u8; 8]| i64::from_be_bytes(*bytes))
    }

    fn offset(&self, kind: usize) -> i64 {
        self.offsets
            .get(kind * 6..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |bytes: &[u8; 4]| i64::from(i32::from_be_bytes(*bytes)))
    }

    /// Reads the second part of a `TZif` file, which has 64-bit times (RFC 9636 §3).
    fn parse(name: &'static str, place: &'static str, data: &'static [u8]) -> Option<Self> {
        let [utc, standard, leaps, times, offsets, names] = counts(data)?;
        let first = HEADER + times * 5 + offsets * 6 + names + leaps * 8 + standard + utc;
        let second = data.get(first..)?;
        let [utc, standard, leaps, times, offsets, names] = counts(second)?;
        let rest = second.get(HEADER..)?;
        let (time_bytes, rest) = rest.split_at_checked(times * 8)?;
        let (kind_bytes, rest) = rest.split_at_checked(times)?;
        let (offset_bytes, rest) = rest.split_at_checked(offsets * 6)?;
        let footer = rest.get(names + leaps * 12 + standard + utc..)?;
        let footer = str::from_utf8(footer).ok()?.trim_matches('\n');
        Some(Self {
            name,
            place,
            times: time_bytes,
            kinds: kind_bytes,
            offsets: offset_bytes,
            rules: Rules::parse(footer),
        })
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Zone({})", self.name)
    }
}

/// Bytes of the header of each part of a `TZif` file.
const HEADER: usize = 44;

/// Returns the counts in a header: UTC and standard-time indicators, leap seconds, times, offsets, bytes of abbreviations.
fn counts(part: &[u8]) -> Option<[usize; 6]> {
    let header = part.get(..HEADER).filter(|header| header.starts_with(b"TZif"))?;
    let mut counts = [0; 6];
    for (count, bytes) in counts.iter_mut().zip(header[20..].chunks_exact(4)) {
        *count = usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()?;
    }
    Some(counts)
}

/// The unpacked database: a line for each name, a line for each Windows name, and the data of the zones.
struct Database {
    /// `name<TAB>start<TAB>end` of the zone's data.
    names: &'static str,
    /// `Windows name<TAB>IANA names`, the main one first.
    windows: &'static str,
    data: &'static [u8],
}

fn database() -> &'static Database {
    static DATABASE: OnceLock<Database> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let mut all = Vec::new();
        DeflateDecoder::new(PACKED).read_to_end(&mut all).expect("build.rs has packed it");
        let all: &'static [u8] = all.leak();
        let part = |from: usize| {
            let end = all[from..].windows(2).position(|pair| pair == b"\n\n");
            let end = from + end.expect("build.rs ends each part with an empty line");
            (str::from_utf8(&all[from..end]).expect("the names are ASCII"), end + 2)
        };
        let (names, next) = part(0);
        let (windows, next) = part(next);
        Database { names, windows, data: &all[next..] }
    })
}

impl Database {
    /// Returns the names with the positions of their data.
    fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.names.lines().filter_map(|line| line.split_once('\t'))
    }

    /// Returns the Windows names with their zones.
    fn windows(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.windows.lines().filter_map(|line| line.split_once('\t'))
    }

    /// Returns the zone of an IANA name.
    fn zone(&self, name: &str) -> Option<Zone> {
        let (name, place) = self.names().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Zone::parse(name, place, self.data(place)?)
    }

    fn data(&self, place: &str) -> Option<&'static [u8]> {
        let (start, end) = place.split_once('\t')?;
        self.data.get(start.parse().ok()?..end.parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap_or_else(|| panic!("{name} is not known"))
    }

    fn instant(text: &str) -> i64 {
        Moment::read(text).expect("it is a moment").instant(&Zone::utc())
    }

    #[test]
    fn clocks_are_set_when_each_zone_sets_them() {
        let check = |name: &str, at: &str, local: &str| {
            assert_eq!(zone(name).moment(instant(at)).to_string(), local, "{name} {at}");
        };
        check("UTC", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z");
        check("Asia/Kolkata", "2026-07-01T12:00:00Z", "2026-07-01T17:30:00+05:30");
        check("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00");
        check("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00");
        check("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00");
        check("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00");
        check("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00");
        check("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00");
        check("Europe/Dublin", "2026-07-01T12:00:00Z", "2026-07-01T13:00:00+01:00");
        check("Europe/Dublin", "2026-12-01T12:00:00Z", "2026-12-01T12:00:00Z");
        check("Australia/Sydney", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00+11:00");
        check("Australia/Sydney", "2026-07-01T00:00:00Z", "2026-07-01T10:00:00+10:00");
        check("America/Nuuk", "2026-03-29T01:00:00Z", "2026-03-29T00:00:00-01:00");
        // In the far future, the current rules apply.
        check("Europe/Berlin", "2199-07-01T12:00:00Z", "2199-07-01T14:00:00+02:00");
        // Half an hour of summer time.
        check("Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00+11:00");
        check("Australia/Lord_Howe", "2026-07-01T00:00:00Z", "2026-07-01T10:30:00+10:30");
        check("Pacific/Chatham", "2026-01-01T00:00:00Z", "2026-01-01T13:45:00+13:45");
        // The rules of that time apply: no summer time in Sao Paulo since 2019, other weeks in New York until 2006.
        check("America/Sao_Paulo", "2018-12-01T12:00:00Z", "2018-12-01T10:00:00-02:00");
        check("America/Sao_Paulo", "2026-12-01T12:00:00Z", "2026-12-01T09:00:00-03:00");
        check("America/New_York", "2006-03-20T12:00:00Z", "2006-03-20T07:00:00-05:00");
        // Morocco sets its clocks back for Ramadan.
        check("Africa/Casablanca", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z");
        check("Africa/Casablanca", "2026-05-01T12:00:00Z", "2026-05-01T13:00:00+01:00");
        // Samoa skipped a day.
        check("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T23:59:59-10:00");
        check("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn local_times_are_once_twice_or_never() {
        let check = |name: &str, local: &str, expected: &[&str]| {
            let Some(Moment::Local(local)) = Moment::read(local) else { panic!("{local}") };
            let found = match zone(name).resolve(local) {
                Resolved::Once(instant) => vec![instant],
                Resolved::Twice(first, second) | Resolved::Never(first, second) => {
                    vec![first, second]
                }
            };
            let found: Vec<_> = found.iter().map(|at| zone(name).moment(*at).to_string()).collect();
            assert_eq!(found, expected, "{name}");
        };
        check("Europe/Berlin", "2026-11-30T09:00", &["2026-11-30T09:00:00+01:00"]);
        check("Europe/Berlin", "2026-03-29T01:59", &["2026-03-29T01:59:00+01:00"]);
        check("Europe/Berlin", "2026-03-29T03:00", &["2026-03-29T03:00:00+02:00"]);
        let gap = ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"];
        check("Europe/Berlin", "2026-03-29T02:30", &gap);
        let both = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"];
        check("Europe/Berlin", "2026-10-25T02:30", &both);
        check("Europe/Berlin", "2026-10-25T03:00", &["2026-10-25T03:00:00+01:00"]);
        check("America/Los_Angeles", "2026-03-08T08:00", &["2026-03-08T08:00:00-07:00"]);
        check("Australia/Sydney", "2026-12-31T23:00", &["2026-12-31T23:00:00+11:00"]);
        let lord_howe = ["2026-10-04T01:45:00+10:30", "2026-10-04T02:45:00+11:00"];
        check("Australia/Lord_Howe", "2026-10-04T02:15", &lord_howe);
        let midnight = ["2026-09-05T23:00:00-04:00", "2026-09-06T01:00:00-03:00"];
        check("America/Santiago", "2026-09-06T00:00", &midnight);
        let missing_day = ["2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"];
        check("Pacific/Apia", "2011-12-30T12:00", &missing_day);
        check("UTC", "2026-03-29T02:30", &["2026-03-29T02:30:00Z"]);
    }

    #[test]
    fn zones_are_found_by_each_of_their_names() {
        let check = |given: &str, name: &str, windows: Option<&str>| {
            let found = zone(given);
            assert_eq!((found.name(), found.windows_name()), (name, windows), "{given}");
        };
        check("Europe/Berlin", "Europe/Berlin", Some("W. Europe Standard Time"));
        check("europe/berlin", "Europe/Berlin", Some("W. Europe Standard Time"));
        check("Europe/Zurich", "Europe/Zurich", Some("W. Europe Standard Time"));
        check("W. Europe Standard Time", "Europe/Berlin", Some("W. Europe Standard Time"));
        check("tokyo standard time", "Asia/Tokyo", Some("Tokyo Standard Time"));
        check("Asia/Kolkata", "Asia/Kolkata", Some("India Standard Time"));
        check("Asia/Calcutta", "Asia/Calcutta", Some("India Standard Time"));
        check("Europe/Kyiv", "Europe/Kyiv", Some("FLE Standard Time"));
        check("US/Pacific", "US/Pacific", Some("Pacific Standard Time"));
        check("UTC", "UTC", Some("UTC"));
        check("Pacific/Niue", "Pacific/Niue", Some("UTC-11"));
        check("America/Nuuk", "America/Nuuk", Some("Greenland Standard Time"));
        for unknown in ["", "Europe/Atlantis", "Berlin", "GMT+9", "Mars Standard Time"] {
            assert_eq!(Zone::named(unknown), None, "{unknown}");
        }
        assert_eq!(Zone::named_after("new york").collect::<Vec<_>>(), ["America/New_York"]);
        assert!(zone("Europe/Berlin").is_first_of_windows_name());
        assert!(!zone("Europe/Zurich").is_first_of_windows_name());
    }

    #[test]
    fn every_zone_of_the_database_is_read() {
        for (name, _) in database().names() {
            let zone = zone(name);
            assert!(zone.rules.is_some(), "{name} has no rules for the future");
            assert!((-12 * 3_600..=14 * 3_600).contains(&zone.offset_at(instant("2026-11-30"))));
        }
        for (windows, zones) in database().windows() {
            assert!(Zone::named(windows).is_some(), "{windows}");
            for name in zones.split(' ') {
                assert_eq!(zone(name).windows_name(), Some(windows), "{name}");
            }
        }
        assert!(RELEASE >= "2026f", "{RELEASE}");
    }
}
