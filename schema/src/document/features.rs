//! `disable_features`: what a cluster or a site does without.

use super::reader::Table;
use crate::problem::Problem;

/// What can be switched off.
const FEATURES: [&str; 1] = ["app-passwords"];

/// The features that are switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DisabledFeatures {
    /// Passwords for single programs.
    pub app_passwords: bool,
}

/// Reads `disable_features`. What nobody knows is an error: it would seem to be off and is not.
pub fn disabled(table: &mut Table<'_, '_>) -> DisabledFeatures {
    let reader = table.reader();
    let mut disabled = DisabledFeatures::default();
    for feature in table.strings("disable_features").unwrap_or_default() {
        match feature.value.as_str() {
            "app-passwords" => disabled.app_passwords = true,
            other => reader.report(
                Problem::error("config::unknown_feature", format!("there is no feature `{other}`"))
                    .at(reader.source(), feature.span.clone(), "not known")
                    .suggest(other, FEATURES),
            ),
        }
    }
    disabled
}
