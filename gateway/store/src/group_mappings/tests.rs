//! Group mappings: one group, however it is spelt.

use vestibule_schema::RoleName;

use super::*;
use crate::engines::on_both;

on_both! {
    a_group_is_mapped_once_in_any_spelling,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

async fn a_group_is_mapped_once_in_any_spelling(store: Store) {
    let mappings = store.group_mappings();
    let family = SiteId::parse("family").unwrap();
    let access = Access::role(RoleName::parse("user").unwrap());
    let typed = MappedGroup::parse(" CN=Photographers, OU=Groups, DC=Example ").unwrap();
    let again = MappedGroup::parse("cn=photographers,ou=groups,dc=example").unwrap();
    assert!(mappings.allow(&family, &typed, &access, NOW).await.unwrap());
    assert!(!mappings.allow(&family, &again, &access, NOW).await.unwrap());

    let listed = mappings.list(Some(&family)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].group.typed(), "CN=Photographers, OU=Groups, DC=Example");
    assert_eq!(listed[0].group.id(), again.id());
    assert_eq!(listed[0].access, access);
    assert_eq!(mappings.list(Some(&SiteId::parse("work").unwrap())).await.unwrap(), []);

    assert_eq!(mappings.deny(&family, again.id(), RoleChoice::Any).await.unwrap(), 1);
    let error = mappings.deny(&family, again.id(), RoleChoice::Any).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(mappings.list(None).await.unwrap(), []);
    assert_eq!(store.meta().changes().await.unwrap(), 2);
}
