//! Accounts are found by issuer and subject, and by nothing else.

use vestibule_schema::{AccountRole, UserName};

use super::*;
use crate::engines::on_both;

on_both! {
    issuer_and_subject_together_find_the_account,
    a_name_that_is_taken_is_never_linked,
    groups_are_news_only_when_they_differ,
    an_account_may_have_several_and_loses_them_with_itself,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

fn subject(issuer: &str, id: &str) -> Subject {
    Subject { issuer: issuer.to_owned(), id: id.to_owned() }
}

fn groups(names: &[&str]) -> ProviderGroups {
    ProviderGroups::Known(names.iter().map(|name| MappedGroup::parse(name).unwrap()).collect())
}

fn at(provider: &str, subject: Subject, groups: ProviderGroups) -> NewIdentity {
    NewIdentity { provider: ProviderId::parse(provider).unwrap(), subject, groups }
}

fn named(name: &str) -> NewAccount {
    NewAccount::new(UserName::parse(name).unwrap(), AccountRole::default())
}

/// S23.
async fn issuer_and_subject_together_find_the_account(store: Store) {
    let identities = store.identities();
    let alice = at("a", subject("https://a.example", "1"), groups(&["Press", "cn=X, dc=y"]));
    let account = identities.add_account(named("alice@a"), &alice, NOW).await.unwrap();
    assert_eq!(identities.find(&alice.subject).await.unwrap().unwrap().id, account.id);
    for other in [
        subject("https://a.example/", "1"),
        subject("https://b.example", "1"),
        subject("https://a.example", "2"),
        subject("https://a.example", "1 "),
    ] {
        assert_eq!(identities.find(&other).await.unwrap(), None, "{other:?}");
    }
    let linked = identities.of_account(account.id).await.unwrap();
    assert_eq!(linked.len(), 1);
    assert_eq!(linked[0].groups, alice.groups, "as they were written");
    let again = identities.add_account(named("other"), &alice, NOW).await;
    assert!(matches!(again, Err(StoreError::IdentityTaken { .. })), "{again:?}");
    assert_eq!(store.accounts().list().await.unwrap().len(), 1, "nothing is left half-written");
}

async fn a_name_that_is_taken_is_never_linked(store: Store) {
    store.accounts().add(named("Alice"), NOW).await.unwrap();
    let alice = at("a", subject("https://a.example", "1"), ProviderGroups::Unsaid);
    let taken = store.identities().add_account(named("ALICE"), &alice, NOW).await;
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })), "{taken:?}");
    assert_eq!(store.identities().find(&alice.subject).await.unwrap(), None);
}

async fn groups_are_news_only_when_they_differ(store: Store) {
    let identities = store.identities();
    let alice = at("a", subject("https://a.example", "1"), groups(&["b", "a"]));
    let account = identities.add_account(named("alice"), &alice, NOW).await.unwrap();
    let changes = store.meta().changes().await.unwrap();
    let set = async |groups: &ProviderGroups| {
        identities.set_groups(&alice.subject, groups, NOW).await.unwrap()
    };
    assert!(!set(&groups(&["A", "b"])).await, "the same in another spelling");
    assert_eq!(store.meta().changes().await.unwrap(), changes);
    for next in [groups(&["a"]), groups(&[]), ProviderGroups::Unknown, ProviderGroups::Unsaid] {
        assert!(set(&next).await, "{next:?}");
        assert_eq!(identities.of_account(account.id).await.unwrap()[0].groups, next);
    }
    assert_eq!(store.meta().changes().await.unwrap(), changes + 4);
    assert!(!identities.set_groups(&subject("x", "y"), &groups(&["a"]), NOW).await.unwrap());
}

async fn an_account_may_have_several_and_loses_them_with_itself(store: Store) {
    let identities = store.identities();
    let account = store.accounts().add(named("alice"), NOW).await.unwrap();
    for provider in ["b", "a"] {
        let identity = at(provider, subject(provider, "1"), groups(&[provider]));
        identities.adopt(account.id, &identity, NOW).await.unwrap();
    }
    let linked = identities.of_account(account.id).await.unwrap();
    let providers: Vec<_> = linked.iter().map(|one| one.provider.as_str()).collect();
    assert_eq!(providers, ["a", "b"]);
    assert_eq!(linked[1].groups, groups(&["b"]));
    store.accounts().remove(account.id).await.unwrap();
    assert_eq!(identities.find(&subject("a", "1")).await.unwrap(), None);
}
