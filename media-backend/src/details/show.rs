//! Details as one caller may see them.

use jiff::civil::{DateTime, Time};
use serde::Serialize;
use vestibule_schema::{Action, PermissionSet};

use super::Details;
use crate::library::Sidecar;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Details freed of what the caller may not see. What is withheld is absent, not empty.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Shown {
    /// Pixels as shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    /// Pixels as shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    /// `2026-01-03T10:11:12`, with offset if it is known, or `January 2026`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<String>,
    /// The same for pages: `3 January 2026, 10:11:12`, in the place's own time.
    #[serde(skip)]
    pub(crate) taken_in_words: Option<String>,
    /// Where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<Location>,
    /// The same in words, as somebody wrote it beside the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// Camera, lens, exposure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) technical: Option<std::collections::BTreeMap<&'static str, String>>,
}

/// Coordinates in degrees.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Location {
    /// North is positive.
    pub(crate) latitude: f64,
    /// East is positive.
    pub(crate) longitude: f64,
}

impl Shown {
    /// What of the details a caller may see.
    pub(crate) fn new(details: &Details, sidecar: &Sidecar, may: PermissionSet) -> Self {
        // what the camera wrote comes before what somebody wrote beside it
        let offset = details.taken.and(details.offset.as_deref()).unwrap_or_default();
        let taken = details.taken.or(sidecar.taken);
        let is_exact = may.allows(Action::SeeExactDates);
        let location = details.location.filter(|_| may.allows(Action::SeeLocation));
        let technical = may.allows(Action::SeeTechnicalDetails) && !details.technical.is_empty();
        Self {
            width: details.measures.map(|(width, _)| width),
            height: details.measures.map(|(_, height)| height),
            taken: taken.map(|taken| match is_exact {
                true => format!("{taken}{offset}"),
                false => month_of(taken),
            }),
            taken_in_words: taken.map(|taken| match is_exact {
                // a bare date is midnight
                true if taken.time() == Time::midnight() => {
                    format!("{} {}", taken.day(), month_of(taken))
                }
                true => format!("{} {}, {}", taken.day(), month_of(taken), taken.time()),
                false => month_of(taken),
            }),
            place: sidecar.place.clone().filter(|_| may.allows(Action::SeeLocation)),
            location: location.map(|(latitude, longitude)| Location { latitude, longitude }),
            technical: technical.then(|| details.technical.iter().cloned().collect()),
        }
    }
}

/// The month in words: `January 2026`.
pub(crate) fn month_of(taken: DateTime) -> String {
    let month = usize::try_from(taken.month()).ok().and_then(|m| m.checked_sub(1));
    let name = month.and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
    format!("{name} {}", taken.year())
}
