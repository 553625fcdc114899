//! The protocol versions and their two eras.

use std::fmt;

/// A revision of the Model Context Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05: sessions, HTTP+SSE.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, JSON-RPC batches.
    V2025_03_26,
    /// 2025-06-18: elicitation, structured content, the version header.
    V2025_06_18,
    /// 2025-11-25: URL elicitation; the last with a handshake.
    V2025_11_25,
    /// 2026-07-28: stateless; every request contains all information.
    V2026_07_28,
}

impl Version {
    /// Every supported version, newest first.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];

    /// The newest version that `initialize` can negotiate.
    pub const NEWEST_LEGACY: Self = Self::V2025_11_25;

    /// The first version with icons (SEP-973).
    pub const WITH_ICONS: Self = Self::V2025_11_25;

    /// Returns the version in the protocol's form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Returns the names of the versions that `chosen` selects, newest first, for messages.
    #[must_use]
    pub fn names(chosen: impl Fn(Self) -> bool) -> String {
        let names = Self::ALL.into_iter().filter(|version| chosen(*version)).map(Self::as_str);
        names.collect::<Vec<_>>().join(", ")
    }

    /// Reads the protocol's form; `None` for an unsupported version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// Returns whether every request carries its own version and capabilities (2026-07-28, "Terminology").
    #[must_use]
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Returns the version that `initialize` negotiates: the requested one if it is a supported legacy version, otherwise the
    /// newest legacy version.
    #[must_use]
    pub fn negotiate(requested: &str) -> Self {
        Self::parse(requested).filter(|version| !version.is_modern()).unwrap_or(Self::NEWEST_LEGACY)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn negotiation_keeps_a_known_legacy_version_and_offers_the_newest_legacy_one_otherwise() {
        for (requested, agreed) in [
            ("2024-11-05", "2024-11-05"),
            ("2025-06-18", "2025-06-18"),
            ("2026-07-28", "2025-11-25"),
            ("1999-01-01", "2025-11-25"),
            ("", "2025-11-25"),
        ] {
            assert_eq!(Version::negotiate(requested).as_str(), agreed, "{requested}");
        }
    }
}
