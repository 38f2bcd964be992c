//! Grants: several per user and site, each once.

use vestibule_schema::AccountRole;

use super::*;
use crate::NewAccount;
use crate::engines::on_both;

on_both! {
    grants_are_given_once_and_come_back_whole,
    revoking_takes_what_is_named,
    a_stranger_gets_no_grant,
    one_that_can_not_be_read_hides_no_other,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

fn site(text: &str) -> SiteId {
    SiteId::parse(text).unwrap()
}

fn user(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn role(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

async fn add_two(store: &Store) {
    for name in ["jane", "mark"] {
        let new = NewAccount::new(user(name), AccountRole::default());
        store.accounts().add(new, NOW).await.unwrap();
    }
}

async fn grants_are_given_once_and_come_back_whole(store: Store) {
    add_two(&store).await;
    let grants = store.grants();
    let scoped = Access {
        role: Some(role("contributor")),
        base_path: Some(GalleryPath::from_decoded("/2026/Hochzeit Müller/").unwrap()),
        upload_path: Some(GalleryPath::from_decoded("/inbox/").unwrap()),
    };
    let before = store.meta().changes().await.unwrap();
    assert!(grants.grant(&site("family"), &user("JANE"), &scoped, NOW).await.unwrap());
    assert!(!grants.grant(&site("family"), &user("jane"), &scoped, NOW).await.unwrap());
    assert_eq!(store.meta().changes().await.unwrap(), before + 1, "the second changed nothing");
    let inherit = Access::default();
    assert!(grants.grant(&site("family"), &user("jane"), &inherit, NOW).await.unwrap());
    assert!(grants.grant(&site("work"), &user("mark"), &inherit, NOW).await.unwrap());

    let all = grants.list(&GrantFilter::default()).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].user.as_str(), &all[0].access), ("jane", &scoped));
    assert_eq!(all[1].access, inherit);
    let of_mark = GrantFilter { user: Some(user("Mark")), ..GrantFilter::default() };
    assert_eq!(grants.list(&of_mark).await.unwrap().len(), 1);
    let on_family = GrantFilter { site: Some(site("family")), ..GrantFilter::default() };
    assert_eq!(grants.list(&on_family).await.unwrap().len(), 2);
}

async fn revoking_takes_what_is_named(store: Store) {
    add_two(&store).await;
    let grants = store.grants();
    let (family, jane) = (site("family"), user("jane"));
    for access in [Access::default(), Access::role(role("viewer")), Access::role(role("user"))] {
        grants.grant(&family, &jane, &access, NOW).await.unwrap();
        grants.grant(&site("work"), &jane, &access, NOW).await.unwrap();
    }
    let viewer = role("viewer");
    let exactly = RoleChoice::Exactly(Some(&viewer));
    assert_eq!(grants.revoke(&family, &jane, exactly).await.unwrap(), 1);
    assert!(grants.revoke(&family, &jane, exactly).await.unwrap_err().is_not_found());
    assert_eq!(grants.revoke(&family, &jane, RoleChoice::Exactly(None)).await.unwrap(), 1);
    assert_eq!(grants.revoke(&family, &jane, RoleChoice::Any).await.unwrap(), 1);
    assert_eq!(grants.list(&GrantFilter::default()).await.unwrap().len(), 3, "on work");
}

async fn a_stranger_gets_no_grant(store: Store) {
    add_two(&store).await;
    let error = store
        .grants()
        .grant(&site("family"), &user("nobody"), &Access::default(), NOW)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no user `nobody`");
}

/// A later version's grant is left out and told of; what others lost is lost all the same.
async fn one_that_can_not_be_read_hides_no_other(store: Store) {
    add_two(&store).await;
    for (name, given) in [("jane", "viewer"), ("mark", "user")] {
        let access = Access::role(role(given));
        store.grants().grant(&site("family"), &user(name), &access, NOW).await.unwrap();
    }
    sqlx::query("UPDATE grants SET role = 'no role!' WHERE role = 'user'")
        .execute(&store.pool)
        .await
        .unwrap();
    assert!(store.grants().list(&GrantFilter::default()).await.is_err());
    let found = store.grants().readable().await.unwrap();
    assert_eq!(found.rows.iter().map(|grant| grant.user.as_str()).collect::<Vec<_>>(), ["jane"]);
    assert_eq!(found.unreadable.len(), 1);
    assert!(found.unreadable[0].id > 0);
    assert_eq!(found.unreadable[0].whom, Some((site("family"), user("mark"))));
}
