//! What is remembered is found by keys: two questions share one exactly if nothing tells them
//! apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use vestibule_schema::document::Cascade;
use vestibule_schema::{GalleryPath, PathKind, RoleName, SiteId, Source};

use super::claims::Claims;
use super::mask::{Held, HeldKind, MaskKey, Variant};
use super::shape::{ChainId, Shapes};
use crate::cited::Way;
use crate::compile;
use crate::engine::Vocabulary;
use crate::model::{FolderRules, SiteModel};

fn vocabulary() -> Arc<Vocabulary> {
    thread_local! {
        static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
    }
    VOCABULARY.with(Arc::clone)
}

fn site(cascade: Cascade) -> Arc<SiteModel> {
    let source = Source::new("permissions.toml", "");
    let id = SiteId::parse("s").unwrap();
    let checked = crate::check::site(&id, cascade, &source, None, vocabulary().builtin());
    Arc::new(checked.unwrap().0)
}

/// Front matters that are alike in all but one thing each.
const BLOCKS: [&str; 10] = [
    "[permissions.roles.r]\npermissions = { can_view = true }\n",
    "[permissions.roles.r]\nname = \"R\"\npermissions = { can_view = true }\n\
     [[permissions.user_roles]]\nusername = \"ann\"\nroles = [\"r\"]\n",
    "[permissions]\npublic_role = \"r\"\n[permissions.roles.r]\npermissions = { can_view = true }\n",
    "[permissions.roles.q]\npermissions = { can_view = true }\n",
    "[permissions.roles.r]\npermissions = { can_view = true, can_use_zoom = true }\n",
    "[permissions.roles.r]\nupload = true\npermissions = { can_view = true }\n",
    "[permissions.roles.r]\npermissions = { owner_access = true }\n",
    "hide_technical_details = true\n[permissions.roles.r]\npermissions = { can_view = true }\n",
    "hide_technical_details = true\n",
    "[permission]\n",
];

/// A way of folders with these blocks, at paths of which no other way has one.
fn way(site: &Arc<SiteModel>, name: char, blocks: &[usize]) -> Way {
    let mut at = GalleryPath::root();
    let mut folders = Vec::new();
    for (level, block) in blocks.iter().enumerate() {
        at = at.join(&format!("{name}{level}{name}"), PathKind::Folder).unwrap();
        let text = format!("+++\n{}+++\n", BLOCKS[*block]);
        let source = Source::new(&format!("{at}_folder.md"), &text);
        let (rules, _) = crate::check::folder(&at, &source, vocabulary().builtin());
        folders.push((at.clone(), Arc::new(rules)));
    }
    Way { site: Arc::clone(site), at, folders }
}

/// The policies of a way, with each of its paths as `/1/`, `/1/2/` …, without places.
fn renamed(way: &Way) -> BTreeSet<String> {
    let governing = way.governing().map(|(level, ..)| level);
    let mut texts = BTreeSet::new();
    for (level, (path, rules)) in (1..).zip(&way.folders) {
        let mut policies = compile::folder_subtree(&way.site, path, rules);
        if governing == Some(level) {
            policies.extend(compile::folder_block(&way.site, path, rules));
        }
        texts.extend(policies.iter().map(|one| one.policy().unwrap().to_cedar().unwrap()));
    }
    let names = (1..).zip(&way.folders).map(|(level, (path, _))| {
        let canonical: String = (1..=level).map(|level| format!("/{level}")).collect();
        (path.as_str().to_owned(), format!("{canonical}/"))
    });
    let names: Vec<_> = names.collect();
    let rename = |text: String| {
        // the longest first: each is the beginning of those that follow
        let named = names.iter().rev().fold(text, |text, (from, to)| text.replace(from, to));
        let told = named.lines().filter(|line| !line.trim_start().starts_with("@source"));
        told.collect::<Vec<_>>().join("\n")
    };
    texts.into_iter().map(rename).collect()
}

fn blocks() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..BLOCKS.len(), 0..4)
}

fn role(number: u8) -> RoleName {
    RoleName::parse(&format!("r{number}")).unwrap()
}

fn held(roles: &[(u8, u8, u8)]) -> Arc<[Held]> {
    let held = roles.iter().map(|(level, kind, name)| Held {
        level: usize::from(*level),
        role: match kind {
            0 => HeldKind::Role(role(*name)),
            1 => HeldKind::Upload(role(*name)),
            _ => HeldKind::Locked,
        },
    });
    held.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether a visitor asks, the roles (level, kind, name), the blocks on the way, and what is asked
/// about.
type MaskInput = (bool, Vec<(u8, u8, u8)>, Vec<usize>, u8);

fn mask_key(input: &MaskInput, chain: ChainId) -> MaskKey {
    let variant = [Variant::Folder, Variant::Image, Variant::HiddenImage];
    MaskKey {
        visitor: input.0,
        roles: held(&input.1),
        chain,
        variant: variant[usize::from(input.3)],
    }
}

fn mask_input() -> impl Strategy<Value = MaskInput> {
    (any::<bool>(), prop::collection::vec((0u8..2, 0u8..3, 0u8..2), 0..3), blocks(), 0u8..3)
}

proptest! {
    /// Ways have one chain exactly if their policies are the same under the names of levels.
    #[test]
    fn a_chain_is_its_policies(one in blocks(), other in blocks(), nearest in any::<bool>()) {
        let site = site(if nearest { Cascade::Nearest } else { Cascade::Restrict });
        let (one, other) = (way(&site, 'x', &one), way(&site, 'y', &other));
        let shapes = Shapes::default();
        let (first, second) = (shapes.chain(&one), shapes.chain(&other));
        let (one, other) = (renamed(&one), renamed(&other));
        if first == second {
            prop_assert_eq!(&one, &other);
        }
        // the way that stands for all of a chain has just these policies
        prop_assert_eq!(renamed(&shapes.standing_for(first, &site)), one);
        prop_assert_eq!(renamed(&shapes.standing_for(second, &site)), other);
    }

    #[test]
    fn keys_of_answers_are_equal_only_for_equal_questions(one in mask_input(), other in mask_input()) {
        let site = site(Cascade::Restrict);
        let shapes = Shapes::default();
        let chains = [&one.2, &other.2].map(|blocks| shapes.chain(&way(&site, 'x', blocks)));
        let keys = (mask_key(&one, chains[0]), mask_key(&other, chains[1]));
        let same = one.0 == other.0
            && held(&one.1) == held(&other.1)
            && renamed(&way(&site, 'x', &one.2)) == renamed(&way(&site, 'x', &other.2))
            && one.3 == other.3;
        // equal policies may come of different rules: those share less than they could
        prop_assert!(keys.0 != keys.1 || same, "{:?}", keys);
        prop_assert_eq!(mask_key(&one, chains[0]), keys.0);
    }

    /// Claims tell apart whatever a block can say of somebody: who shares them has the same roles.
    #[test]
    fn claims_are_all_that_counts(
        entry in prop::option::of(prop::collection::btree_set(0u8..3, 0..3)),
        groups in prop::option::of(prop::collection::btree_set(0u8..3, 0..3)),
        default in prop::option::of(0u8..3),
        locked in any::<bool>(),
    ) {
        let names = |roles: &BTreeSet<u8>| roles.iter().map(|one| role(*one)).collect::<BTreeSet<_>>();
        let claims = Claims::User {
            locked,
            named: entry.as_ref().map(names),
            grouped: groups.as_ref().map(names),
            default_role: default.map(role),
        };
        // `permissions.md` 4, rule 1: the entry; else all roles of the groups; else the default
        let expected: BTreeSet<RoleName> = match (locked, &entry, &groups, default) {
            (true, ..) => BTreeSet::new(),
            (_, Some(roles), ..) | (_, None, Some(roles), _) => names(roles),
            (_, None, None, default) => default.map(role).into_iter().collect(),
        };
        let found = claims.judge(&vocabulary()).unwrap();
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

/// A folder of each kind, so that the property has something to tell apart.
#[test]
fn blocks_differ_as_they_should() {
    let site = site(Cascade::Restrict);
    let shapes = Shapes::default();
    let chains: Vec<_> = (0..BLOCKS.len()).map(|b| shapes.chain(&way(&site, 'x', &[b]))).collect();
    assert_eq!(chains[0], chains[1], "people and the name that is shown are not policy");
    assert_eq!(chains[0], chains[2], "nor is who a stranger is");
    let different: BTreeSet<_> = chains.iter().map(|chain| format!("{chain:?}")).collect();
    assert_eq!(different.len(), BLOCKS.len() - 2);
    assert!(way(&site, 'x', &[9]).folders.iter().all(|(_, rules)| is_broken(rules)));
}

fn is_broken(rules: &FolderRules) -> bool {
    rules.broken.is_some()
}
