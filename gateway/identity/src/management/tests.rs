//! The verbs, on a store of their own.

use std::collections::BTreeSet;

use vestibule_policies::UserFacts;
use vestibule_policies::check;
use vestibule_schema::document::Cascade;
use vestibule_schema::problem::Source;
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{AccountId, AccountState, GrantFilter, RoleChoice, SessionId, Store};

use super::*;
use crate::clock::ManualClock;
use crate::credentials::Means;
use crate::{Secret, Settings};

const PERMISSIONS: &str = r#"
[roles.family]
permissions = { can_view = true }
[roles.owner]
permissions = { owner_access = true }
[[user_roles]]
username = "olivia"
roles = ["owner"]
"#;

const GRANTS: &str = r#"
[[grants]]
user = "fred"
role = "family"

[[groups]]
group = "staff"
role = "family"
"#;

fn site(text: &str) -> SiteId {
    SiteId::parse(text).unwrap()
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

struct Room {
    identity: Identity,
    cluster: Cluster,
    clock: Arc<ManualClock>,
}

impl Room {
    async fn new() -> Self {
        let store = Store::open_in_memory().await.unwrap();
        let begin = vestibule_store::UnixTime::from_seconds(1_000);
        let clock = Arc::new(ManualClock::at(begin));
        let settings = Settings::for_tests(clock.clone());
        let identity = Identity::open(store, settings).await.unwrap();
        for (user, role) in
            [("ada", AccountRole::CLUSTER_ADMIN), ("olivia", ""), ("fred", ""), ("jane", "")]
        {
            let role = AccountRole::parse(role).unwrap();
            let new = vestibule_store::NewAccount::new(name(user), role);
            identity.add_user(new, None).await.unwrap();
        }
        Self { cluster: cluster(), identity, clock }
    }

    fn as_operator(&self) -> By {
        By::Operator(Actor::Gateway)
    }

    fn verbs<'m>(&'m self, by: &'m By) -> Management<'m> {
        Management::new(&self.identity, &self.cluster, by, Mode::Do)
    }

    fn dry<'m>(&'m self, by: &'m By) -> Management<'m> {
        Management::new(&self.identity, &self.cluster, by, Mode::DryRun)
    }
}

fn cluster() -> Cluster {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let source = Source::new("permissions.toml", PERMISSIONS);
    let grants = Source::new("config.d/sites/family/grants.toml", GRANTS);
    let family = site("family");
    let builtin = vocabulary.builtin();
    let (model, _) =
        check::site(&family, Cascade::Restrict, &source, Some(&grants), builtin).unwrap();
    let model = Arc::new(model);
    let engine =
        SiteEngine::new(1, &vocabulary, Arc::clone(&model), Arc::default(), Arc::default());
    let node = Node {
        site: family,
        model: Some(model),
        engine: Some(Arc::new(engine)),
        mount: "photos.example.com".into(),
        origin: "https://photos.example.com".into(),
        adapter: "vestibule".into(),
        upstream: vec!["built-in".into()],
    };
    let issuers = BTreeMap::from([(ProviderId::parse("office").unwrap(), "ldap:office".into())]);
    Cluster { vocabulary, nodes: vec![node], issuers, adapters: vec!["vestibule".into()] }
}

fn signed_in(user: &str, role: &str) -> By {
    let facts = UserFacts {
        name: name(user),
        account_role: AccountRole::parse(role).unwrap(),
        groups: BTreeSet::new(),
    };
    let means = Means::Session { id: SessionId::from_number(1), parent: None };
    let end = vestibule_store::UnixTime::from_seconds(9_000);
    let who = SignedIn::new(facts, AccountId::from_number(1), means, end);
    let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into());
    By::SignedIn(Arc::new(who), origin)
}

fn kind<T>(result: &Result<T, ManageError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(ManageError::Denied { .. }) => "denied",
        Err(ManageError::NotFound(_)) => "not found",
        Err(ManageError::BadInput(_)) => "bad input",
        Err(ManageError::Conflict(_)) => "conflict",
        Err(_) => "failed",
    }
}

/// S85: each verb asks Cedar; who manages nothing does nothing, and is not told what there is.
#[tokio::test]
async fn who_manages_nothing_is_denied_everything() {
    let room = Room::new().await;
    for by in [signed_in("jane", ""), signed_in("eve", "admin")] {
        let verbs = room.verbs(&by);
        let (jane, nobody, family) = (name("jane"), name("nobody"), site("family"));
        assert_eq!(kind(&verbs.users().await), "denied");
        assert_eq!(kind(&verbs.user(&nobody).await), "denied");
        assert_eq!(kind(&verbs.remove_user(&jane).await), "denied");
        assert_eq!(kind(&verbs.modify_user(&jane, &UserChange::default()).await), "denied");
        assert_eq!(kind(&verbs.sessions(&jane, None).await), "denied");
        assert_eq!(kind(&verbs.grants(&GrantFilter::default()).await), "denied");
        let of = GrantRef { user: &jane, node: &family };
        assert_eq!(kind(&verbs.grant(of, AccessWanted::default()).await), "denied");
        assert_eq!(kind(&verbs.revoke(of, RoleChoice::Any).await), "denied");
        assert_eq!(kind(&verbs.mappings(Some(&site("elsewhere"))).await), "denied");
        assert_eq!(kind(&verbs.shares(None).await), "denied");
        assert_eq!(kind(&verbs.nodes().await), "denied");
        assert_eq!(kind(&verbs.join_tokens().await), "denied");
        assert_eq!(kind(&verbs.review(&ReviewFilter::default()).await), "denied");
    }
    assert_eq!(room.identity.users().await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_owner_reviews_their_site_alone() {
    let room = Room::new().await;
    let by = signed_in("olivia", "");
    let verbs = room.verbs(&by);
    let filter = ReviewFilter { node: Some(site("family")), ..ReviewFilter::default() };
    let rows = verbs.review(&filter).await.unwrap();
    let shown: Vec<_> =
        rows.iter().map(|row| format!("{} {}: {}", row.user, row.role, row.why)).collect();
    assert_eq!(
        shown,
        [
            "fred family: by a declared grant",
            "olivia owner: by the user entry (permissions.toml:6)"
        ]
    );
    assert_eq!(kind(&verbs.review(&ReviewFilter::default()).await), "denied");
    assert_eq!(kind(&verbs.users().await), "denied");
    assert_eq!(verbs.nodes().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_does_nothing() {
    let room = Room::new().await;
    let by = room.as_operator();
    let (jane, family) = (name("jane"), site("family"));
    let of = GrantRef { user: &jane, node: &family };
    let wanted = AccessWanted { role: Some("family"), ..AccessWanted::default() };
    let said = room.dry(&by).grant(of, wanted).await.unwrap();
    assert_eq!(said.summary, "would grant `jane` access to `family` as family");
    assert!(said.changed && said.dry_run);
    assert_eq!(room.identity.store().grants().list(&GrantFilter::default()).await.unwrap(), []);
    let done = room.verbs(&by).grant(of, wanted).await.unwrap();
    assert_eq!(done.item, said.item);
    let again = room.dry(&by).grant(of, wanted).await.unwrap();
    assert!(!again.changed, "{}", again.summary);
    let change = UserChange { state: Some(AccountState::Disabled), ..UserChange::default() };
    let tried = room.dry(&by).modify_user(&jane, &change).await.unwrap();
    assert_eq!(tried.item.unwrap().state, "disabled");
    assert_eq!(room.identity.user(&jane).await.unwrap().state, AccountState::Enabled);
    room.dry(&by).remove_user(&jane).await.unwrap();
    room.identity.user(&jane).await.unwrap();
}

#[tokio::test]
async fn what_a_file_declares_is_changed_there() {
    let room = Room::new().await;
    let by = room.as_operator();
    let verbs = room.verbs(&by);
    let (fred, family) = (name("fred"), site("family"));
    let of = GrantRef { user: &fred, node: &family };
    let wanted = AccessWanted { role: Some("family"), ..AccessWanted::default() };
    let error = verbs.grant(of, wanted).await.unwrap_err().to_string();
    assert!(error.contains("config.d/sites/family/grants.toml:2"), "{error}");
    assert_eq!(kind(&verbs.revoke(of, RoleChoice::Any).await), "conflict");
    let staff = vestibule_store::MappedGroup::parse("Staff").unwrap();
    let of = MappingRef { group: &staff, node: &family };
    assert_eq!(kind(&verbs.allow_group(of, wanted).await), "conflict");
    let grants = verbs.grants(&GrantFilter::default()).await.unwrap();
    assert_eq!(grants[0].managed_by, "config.d/sites/family/grants.toml:2");
}

#[tokio::test]
async fn the_last_administrator_stays_whichever_way() {
    let room = Room::new().await;
    let by = signed_in("ada", AccountRole::CLUSTER_ADMIN);
    let ada = name("ada");
    let demoted = UserChange { role: Some(AccountRole::default()), ..UserChange::default() };
    let disabled = UserChange { state: Some(AccountState::Disabled), ..UserChange::default() };
    for verbs in [room.verbs(&by), room.dry(&by)] {
        assert_eq!(kind(&verbs.modify_user(&ada, &demoted).await), "conflict");
        assert_eq!(kind(&verbs.modify_user(&ada, &disabled).await), "conflict");
        assert_eq!(kind(&verbs.remove_user(&ada).await), "conflict");
    }
}

#[tokio::test]
async fn an_account_is_adopted_once() {
    let room = Room::new().await;
    let by = room.as_operator();
    let verbs = room.verbs(&by);
    let adopt = |provider: &str| UserChange {
        adopt: Some(Adoption {
            provider: ProviderId::parse(provider).unwrap(),
            subject: "7f3a".into(),
        }),
        ..UserChange::default()
    };
    assert_eq!(kind(&verbs.modify_user(&name("jane"), &adopt("offic")).await), "not found");
    room.dry(&by).modify_user(&name("jane"), &adopt("office")).await.unwrap();
    assert!(verbs.modify_user(&name("jane"), &adopt("office")).await.unwrap().changed);
    assert!(!verbs.modify_user(&name("jane"), &adopt("office")).await.unwrap().changed);
    assert_eq!(kind(&verbs.modify_user(&name("fred"), &adopt("office")).await), "conflict");
    let detail = verbs.user(&name("jane")).await.unwrap();
    assert_eq!(detail.identities[0].issuer, "ldap:office");
}

#[tokio::test]
async fn passwords_are_held_against_the_rules() {
    let room = Room::new().await;
    let by = room.as_operator();
    let weak = Secret::new("password".to_owned());
    for verbs in [room.verbs(&by), room.dry(&by)] {
        assert_eq!(kind(&verbs.set_password(&name("jane"), &weak).await), "bad input");
        let wanted = UserWanted {
            name: name("new"),
            role: AccountRole::default(),
            display_name: "",
            password: Some(&weak),
        };
        assert_eq!(kind(&verbs.add_user(wanted).await), "bad input");
    }
}

#[tokio::test]
async fn a_link_stands_on_the_right_of_who_makes_it() {
    let room = Room::new().await;
    let family = site("family");
    let wanted = ShareWanted {
        node: &family,
        path: "/",
        role: "visitor",
        maker: None,
        label: "",
        password: None,
        expires: None,
        uses: None,
    };
    let olivia = signed_in("olivia", "");
    let made = room.verbs(&olivia).add_share(&wanted).await.unwrap().item.unwrap();
    let url = made.url.unwrap();
    assert!(url.expose().starts_with("https://photos.example.com/_vestibule/s/"));
    // the administrator owns nothing there, and nobody else speaks for somebody
    let ada = signed_in("ada", AccountRole::CLUSTER_ADMIN);
    assert_eq!(kind(&room.verbs(&ada).add_share(&wanted).await), "bad input");
    let fred = name("fred");
    let for_fred = ShareWanted { maker: Some(&fred), ..wanted };
    assert_eq!(kind(&room.verbs(&olivia).add_share(&for_fred).await), "denied");
    assert_eq!(room.verbs(&olivia).shares(None).await.unwrap().len(), 1);
    let id = vestibule_schema::ShareId::from_number(made.id);
    assert_eq!(kind(&room.verbs(&signed_in("jane", "")).revoke_share(id).await), "denied");
    room.verbs(&ada).revoke_share(id).await.unwrap();
    assert_eq!(kind(&room.verbs(&ada).revoke_share(id).await), "not found");
}

mod step_up;

/// What a file still gives is said where the store's own is taken away, and the account is named as
/// it is called.
#[tokio::test]
async fn what_a_file_still_gives_is_said() {
    let room = Room::new().await;
    let (operator, family) = (room.as_operator(), site("family"));
    let store = room.identity.store();
    let role = vestibule_schema::RoleName::parse("family").unwrap();
    let access = vestibule_store::Access { role: Some(role), base_path: None, upload_path: None };
    let now = room.identity.now();
    store.grants().grant(&family, &name("fred"), &access, now).await.unwrap();
    let of = GrantRef { user: &name("FRED"), node: &family };
    let done = room.verbs(&operator).revoke(of, RoleChoice::Any).await.unwrap();
    let place = "; still given by config.d/sites/family/grants.toml:";
    let begin = format!("revoked the access of `fred` to `family` (1){place}");
    assert!(done.summary.starts_with(&begin), "{}", done.summary);
    let staff = vestibule_store::MappedGroup::parse("staff").unwrap();
    store.group_mappings().allow(&family, &staff, &access, now).await.unwrap();
    let of = MappingRef { group: &staff, node: &family };
    let done = room.verbs(&operator).deny_group(of, RoleChoice::Any).await.unwrap();
    assert!(done.summary.contains(place), "{}", done.summary);
    store.grants().grant(&family, &name("jane"), &access, now).await.unwrap();
    let of = GrantRef { user: &name("jane"), node: &family };
    let done = room.verbs(&operator).revoke(of, RoleChoice::Any).await.unwrap();
    assert_eq!(done.summary, "revoked the access of `jane` to `family` (1)");
}
