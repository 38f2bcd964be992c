//! Who manages what, as Cedar says it.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{ValidationMode, Validator};
use vestibule_schema::document::Cascade;
use vestibule_schema::problem::Source;
use vestibule_schema::{AccountRole, UserName};

use super::*;
use crate::check;
use crate::model::Rights;

const SITE: &str = r#"
[roles.admin]
permissions = { owner_access = true }

[[user_roles]]
username = "olivia"
roles = ["admin"]

[[user_roles]]
username = "max"
roles = ["manager"]

[[user_roles]]
username = "jane"
roles = ["user"]
"#;

fn site() -> (Arc<Vocabulary>, SiteEngine) {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let id = SiteId::parse("family").unwrap();
    let source = Source::new("permissions.toml", SITE);
    let checked = check::site(&id, Cascade::Restrict, &source, None, vocabulary.builtin());
    let (model, _) = checked.unwrap();
    let engine = SiteEngine::new(
        1,
        &vocabulary,
        Arc::new(model),
        Arc::default(),
        Arc::new(Rights::default()),
    );
    (vocabulary, engine)
}

fn user(name: &str, role: &str) -> Principal {
    Principal::user(UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::parse(role).unwrap(),
        groups: BTreeSet::new(),
    })
}

/// The actions that somebody may do on the cluster, and on the site.
fn may(principal: &Principal) -> [Vec<&'static str>; 2] {
    let (vocabulary, engine) = site();
    let node = Managed::Node { site: engine.id(), engine: Some(&engine), at: None };
    [Managed::Cluster, node].map(|managed| {
        let all = ManagementAction::ALL.into_iter();
        let manager = Manager::Principal(principal);
        all.filter(|action| vocabulary.may_manage(manager, *action, managed))
            .map(ManagementAction::name)
            .collect()
    })
}

#[test]
fn the_policies_are_valid() {
    let vocabulary = Vocabulary::load().unwrap();
    let validator = Validator::new(vocabulary.schema().clone());
    let result = validator.validate(vocabulary.manage(), ValidationMode::Strict);
    assert!(result.validation_passed_without_warnings(), "{result}");
}

/// S85: management is Cedar's word, and nobody else has it by being signed in.
#[test]
fn who_manages_what() {
    let everything = ManagementAction::ALL.map(ManagementAction::name).to_vec();
    let admin = user("ada", AccountRole::CLUSTER_ADMIN);
    assert_eq!(may(&admin), [everything.clone(), everything]);
    let reviews = vec!["review_access", "end_sessions"];
    assert_eq!(may(&user("max", "")), [vec![], reviews.clone()]);
    let shares = [reviews, vec!["manage_shares"]].concat();
    assert_eq!(may(&user("olivia", "")), [vec![], shares]);
    for nobody in [user("jane", ""), user("eve", "admin"), Principal::Visitor] {
        assert_eq!(may(&nobody), [Vec::<&str>::new(), vec![]], "{nobody:?}");
    }
}

#[test]
fn the_operator_manages_everything() {
    let (vocabulary, engine) = site();
    let node = Managed::Node { site: engine.id(), engine: None, at: None };
    for action in ManagementAction::ALL {
        assert!(vocabulary.may_manage(Manager::Operator, action, Managed::Cluster), "{action}");
        assert!(vocabulary.may_manage(Manager::Operator, action, node), "{action}");
    }
}

/// `cluster_admin` opens no site by it.
#[test]
fn managing_opens_nothing() {
    let (_, engine) = site();
    let admin = user("ada", AccountRole::CLUSTER_ADMIN);
    assert!(!engine.may_enter(&admin));
    assert!(engine.permissions(&admin, &GalleryPath::root()).is_empty());
}
