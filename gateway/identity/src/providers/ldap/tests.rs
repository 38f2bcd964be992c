use super::*;

/// S44.
#[test]
fn the_directorys_own_domain_may_stand_before_a_name() {
    let check = |typed, expected: Option<&str>| {
        let name = meant(typed, Some("EXAMPLE"));
        assert_eq!(name.as_ref().map(UserName::as_str), expected, "{typed}");
    };
    check("jane", Some("jane"));
    check("EXAMPLE\\jane", Some("jane"));
    check("example\\jane", Some("jane"));
    check("OTHER\\jane", Some("OTHER\\jane"));
    check("jane@ad.example.com", Some("jane@ad.example.com"));
    check("", None);
    check(" jane", None);
    check("EXAMPLE\\", None);
    check("a\0b", None);
}

/// The library panics where an answer is no LDAP.
#[tokio::test]
async fn a_panic_is_no_more_than_a_directory_that_can_not_be_used() {
    let result: Result<(), _> = contained(async { panic!("no LDAP") }).await;
    assert!(matches!(result, Err(LdapError::Unreadable)));
}
