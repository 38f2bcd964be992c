use proptest::prelude::*;
use vestibule_schema::{GalleryPath, Permission, PermissionSet};

use super::*;
use crate::{Below, KnownRules, Subject};

const BINDING: Binding<'static> =
    Binding { site: "family", method: "GET", target: "/browse/trip/" };

fn key() -> GrantKey {
    GrantKey::from_secret("k1", [3; 32])
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn claims(below: usize) -> Claims {
    let view = PermissionSet::EMPTY.with(Permission::View);
    let folder = |i| GalleryPath::from_decoded(&format!("/trip/{i:05}/")).unwrap();
    Claims {
        subject: Subject::Visitor,
        base: "/i/family".into(),
        permissions: view,
        above: vec![folder(0).parent().unwrap()],
        below: (0..below)
            .map(|i| Below {
                folder: folder(i),
                permissions: PermissionSet::EMPTY,
                rules: KnownRules::Block,
            })
            .collect(),
        reach: None,
        raw_keeps_metadata: false,
    }
}

fn verify(token: &str, binding: &Binding<'_>, now: SystemTime) -> Result<Claims, GrantError> {
    KeyRing::new(vec![key()]).verify(token, binding, now)
}

#[test]
fn a_grant_is_good_for_its_request_only() {
    let token = key().sign(&BINDING, &claims(3), now()).unwrap();
    assert_eq!(verify(&token, &BINDING, now()), Ok(claims(3)));
    for other in [
        Binding { site: "other", ..BINDING },
        Binding { method: "POST", ..BINDING },
        Binding { target: "/browse/", ..BINDING },
        Binding { target: "/browse/trip/?sort=date", ..BINDING },
    ] {
        assert_eq!(verify(&token, &other, now()), Err(GrantError::Binding));
    }
}

#[test]
fn a_grant_expires() {
    let token = key().sign(&BINDING, &claims(0), now()).unwrap();
    let late = now() + LIFETIME + SKEW + Duration::from_secs(1);
    assert_eq!(verify(&token, &BINDING, late), Err(GrantError::Expired));
    let early = now() - SKEW - Duration::from_secs(1);
    assert_eq!(verify(&token, &BINDING, early), Err(GrantError::Expired));
}

#[test]
fn a_key_that_is_not_on_the_ring_is_not_believed() {
    let stranger = GrantKey::from_secret("k1", [4; 32]);
    let token = stranger.sign(&BINDING, &claims(0), now()).unwrap();
    assert_eq!(verify(&token, &BINDING, now()), Err(GrantError::Signature));
    let unnamed = GrantKey::from_secret("k2", [3; 32]);
    let token = unnamed.sign(&BINDING, &claims(0), now()).unwrap();
    assert_eq!(verify(&token, &BINDING, now()), Err(GrantError::Signature));
}

#[test]
fn ten_thousand_folders_fit_in_a_header() {
    let token = key().sign(&BINDING, &claims(10_000), now()).unwrap();
    assert_eq!(verify(&token, &BINDING, now()).unwrap().below.len(), 10_000);
}

#[test]
fn the_nearest_listed_folder_counts() {
    let claims = claims(2);
    let at = |path: &str| claims.permissions_at(&GalleryPath::from_decoded(path).unwrap());
    assert!(at("/trip/a.jpg").holds(Permission::View));
    assert!(at("/trip/00001/x/a.jpg").is_empty());
    let known = |path: &str| claims.known_rules(&GalleryPath::from_decoded(path).unwrap());
    assert_eq!(known("/trip/00001/"), KnownRules::Block);
    assert_eq!(known("/trip/00001/x/"), KnownRules::None);
}

#[test]
fn the_text_form_comes_back_and_debug_tells_nothing() {
    let key = key();
    let again = GrantKey::from_text(&key.to_text()).unwrap();
    assert_eq!(*again.secret, *key.secret);
    assert_eq!(format!("{key:?}"), "GrantKey(k1, ***)");
    for bad in ["", "k1", ":AAAA", "k1:AAAA", "k.1:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"] {
        assert!(GrantKey::from_text(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_changed_token_never_verifies(at in 0usize..200, with in "[A-Za-z0-9_.-]") {
        let token = key().sign(&BINDING, &claims(1), now()).unwrap();
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != token);
        // the last character of a base64 text has bits that mean nothing
        prop_assert!(verify(&changed, &BINDING, now()).is_err() || at + 1 == token.len());
    }

    #[test]
    fn any_text_is_refused(text in ".{0,80}") {
        prop_assert!(verify(&text, &BINDING, now()).is_err());
    }
}
