//! `disable_features`: what a cluster or a site does without.

use super::reader::Table;
use crate::problem::Problem;

/// What a site can do without.
const OF_SITES: [&str; 1] = ["app-passwords"];
/// What the whole cluster can do without: the same, and what is the portal's.
const OF_THE_CLUSTER: [&str; 2] = ["app-passwords", "passkeys"];

/// The features that are switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DisabledFeatures {
    /// Passwords for single programs.
    pub app_passwords: bool,
    /// Signing in by passkeys.
    pub passkeys: bool,
}

/// Reads `disable_features` of the cluster.
pub fn disabled(table: &mut Table<'_, '_>) -> DisabledFeatures {
    read(table, &OF_THE_CLUSTER)
}

/// Reads `disable_features` of a site.
pub(super) fn disabled_at_site(table: &mut Table<'_, '_>) -> DisabledFeatures {
    read(table, &OF_SITES)
}

/// What nobody knows is an error: it would seem to be off and is not.
fn read(table: &mut Table<'_, '_>, known: &[&str]) -> DisabledFeatures {
    let reader = table.reader();
    let mut disabled = DisabledFeatures::default();
    for feature in table.strings("disable_features").unwrap_or_default() {
        let name = feature.value.as_str();
        let problem = match name {
            _ if known.contains(&name) => None,
            "passkeys" => {
                let problem = Problem::error(
                    "config::feature_of_the_cluster",
                    "people sign in at the portal: no site can do without passkeys".to_owned(),
                );
                Some(problem.help("write it in vestibule.toml, where it holds for all"))
            }
            other => {
                let message = format!("there is no feature `{other}`");
                let problem = Problem::error("config::unknown_feature", message);
                Some(problem.suggest(other, known.iter().copied()))
            }
        };
        if let Some(problem) = problem {
            reader.report(problem.at(reader.source(), feature.span.clone(), "not known here"));
            continue;
        }
        disabled.app_passwords |= name == "app-passwords";
        disabled.passkeys |= name == "passkeys";
    }
    disabled
}
