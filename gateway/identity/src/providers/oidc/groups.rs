//! The groups that a provider names, in the ID token and in userinfo together.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use vestibule_schema::{GroupId, ProviderId};
use vestibule_store::MappedGroup;

use crate::external::ProviderGroups;

/// How much of a group that is left out is written down.
const MAX_LOGGED: usize = 60;

/// Merges what the sources say under a claim: a list or a single text. What is no text is ignored;
/// what can't be a group is left out whole, for a part of it could be another group's name.
pub(super) fn merge(
    provider: &ProviderId,
    claim: &str,
    sources: &[&Map<String, Value>],
) -> ProviderGroups {
    if sources.iter().any(|source| is_overage(source, claim)) {
        tracing::warn!(
            provider = provider.as_str(),
            "the provider does not say which groups somebody is in, for they are too many: nobody \
             is admitted by group; let it send those groups alone that are used here"
        );
        return ProviderGroups::Unknown;
    }
    let mut said = false;
    // two spellings of one group are one, the first
    let mut groups: BTreeMap<GroupId, MappedGroup> = BTreeMap::new();
    for value in sources.iter().filter_map(|source| source.get(claim)) {
        let texts: Vec<&str> = match value {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => continue,
        };
        said = true;
        for group in texts.into_iter().filter_map(|text| read(provider, text)) {
            groups.entry(group.id().clone()).or_insert(group);
        }
    }
    if said {
        ProviderGroups::Known(groups.into_values().collect())
    } else {
        ProviderGroups::Unsaid
    }
}

fn read(provider: &ProviderId, text: &str) -> Option<MappedGroup> {
    match MappedGroup::parse(text) {
        Ok(group) => Some(group),
        Err(error) => {
            let begin: String = text.chars().take(MAX_LOGGED).collect();
            let provider = provider.as_str();
            tracing::warn!(provider, group = ?begin, %error, "a group is left out");
            None
        }
    }
}

/// Entra's ways to say that there are too many groups to name: a distributed claim, or a flag.
fn is_overage(source: &Map<String, Value>, claim: &str) -> bool {
    let distributed = source.get("_claim_names").and_then(Value::as_object);
    let flagged = match source.get("hasgroups") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(flag)) => flag.eq_ignore_ascii_case("true"),
        Some(_) | None => false,
    };
    distributed.is_some_and(|names| names.contains_key(claim)) || flagged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[&str], expected: &ProviderGroups) {
        let sources: Vec<Map<_, _>> =
            sources.iter().map(|source| serde_json::from_str(source).unwrap()).collect();
        let sources: Vec<_> = sources.iter().collect();
        let provider = ProviderId::parse("office").unwrap();
        assert_eq!(merge(&provider, "groups", &sources), *expected, "{sources:?}");
    }

    fn known(groups: &[&str]) -> ProviderGroups {
        ProviderGroups::Known(groups.iter().map(|g| MappedGroup::parse(g).unwrap()).collect())
    }

    /// S30: what was not said is not the same as none.
    #[test]
    fn absent_is_not_empty() {
        check(&[r#"{"sub": "1"}"#, "{}"], &ProviderGroups::Unsaid);
        check(&[r#"{"groups": null}"#], &ProviderGroups::Unsaid);
        check(&[r#"{"groups": {"family": true}}"#], &ProviderGroups::Unsaid);
        check(&[r#"{"groups": []}"#], &known(&[]));
    }

    #[test]
    fn both_sources_count_and_each_group_once() {
        check(
            &[r#"{"groups": ["family", "press"]}"#, r#"{"groups": ["Press ", "friends"]}"#],
            &known(&["family", "press", "friends"]),
        );
        check(&[r#"{"groups": "family"}"#, "{}"], &known(&["family"]));
        check(&[r#"{"groups": ["a", 1, null, ["b"], {"c": 1}]}"#], &known(&["a"]));
        check(&[r#"{"roles": ["admin"], "wids": ["x"]}"#], &ProviderGroups::Unsaid);
    }

    #[test]
    fn what_can_not_be_a_group_is_never_cut_to_one() {
        let long = format!(r#"{{"groups": ["family", "{}"]}}"#, "x".repeat(1025));
        check(&[&long], &known(&["family"]));
        check(&[r#"{"groups": ["", " ", "a\u001fb"]}"#], &known(&[]));
    }

    /// S30.
    #[test]
    fn too_many_to_name_is_unknown() {
        let overage = r#"{"_claim_names": {"groups": "src1"}, "groups": ["family"]}"#;
        check(&[overage], &ProviderGroups::Unknown);
        check(&[r#"{"groups": ["a"]}"#, r#"{"hasgroups": true}"#], &ProviderGroups::Unknown);
        check(&[r#"{"hasgroups": "true"}"#], &ProviderGroups::Unknown);
        check(&[r#"{"hasgroups": false}"#], &ProviderGroups::Unsaid);
        check(&[r#"{"_claim_names": {"roles": "src1"}}"#], &ProviderGroups::Unsaid);
    }
}
