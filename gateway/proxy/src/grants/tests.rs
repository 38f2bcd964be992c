use std::fmt::Write as _;

use vestibule_adapters::RouteMap;
use vestibule_grant::{GrantKey, KeyRing};
use vestibule_policies::model::{Folders, Rights};
use vestibule_policies::{Decision, Need, RequestContext, SiteEngine, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, SiteId, Sizes, Source};

use super::*;
use crate::sites::Mount;
use crate::world::SiteState;
use crate::{HostName, Upstreams};

const SECRET: [u8; 32] = [7; 32];
const SITE: &str = "photos";

/// A site with so many folders that have rules of their own, under names that don't compress well.
fn engine(folders: u32) -> SiteEngine {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let permissions = Source::new("permissions.toml", "public_role = \"viewer\"\n");
    let id = SiteId::parse(SITE).unwrap();
    let checked = check::site(&id, Cascade::Restrict, &permissions, None, vocabulary.builtin());
    let front = "+++\nhide_technical_details = true\n+++\n";
    let mut rules = Folders::new();
    for number in 0..folders {
        let mut name = String::new();
        write!(name, "/{:x}/", u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap();
        let path = GalleryPath::from_decoded(&name).unwrap();
        let front = Source::new(&format!("gallery:{name}_folder.md"), front);
        rules.insert(path.clone(), Arc::new(check::folder(&path, &front, vocabulary.builtin()).0));
    }
    let rights = Arc::new(Rights::default());
    SiteEngine::new(1, &vocabulary, Arc::new(checked.unwrap().0), Arc::new(rules), rights)
}

fn site() -> Arc<SiteRuntime> {
    Arc::new(SiteRuntime {
        app_passwords: true,
        id: SiteId::parse(SITE).unwrap(),
        mount: Mount::at_hosts(vec![HostName::parse("localhost").unwrap()]),
        upstreams: Upstreams::resolve(&["http://127.0.0.1:9".to_owned()]).unwrap(),
        adapter: Arc::new(RouteMap::built_in("vestibule").unwrap()),
        sizes: Sizes::default(),
        grant_key: Arc::new(GrantKey::from_secret("test", SECRET)),
        raw_keeps_metadata: false,
        asserts: false,
        identity_headers: None,
        state: SiteState::Open,
    })
}

/// Asks for the grant of the root, so many seconds after the first.
fn grants_of(engine: &SiteEngine, span: Span, seconds: &[u64]) -> Vec<HeaderValue> {
    let (site, cache) = (site(), GrantCache::default());
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let root = GalleryPath::root();
    let need = Need::one(Action::View);
    let Decision::Allow(permit) = engine.decide(&Principal::Visitor, need, &root) else {
        panic!("a visitor may view the root");
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let context = RequestContext { ip: None, now, mfa: false, method: "GET" };
    let ask = |seconds: &u64| {
        let request = GrantRequest {
            permit: &permit,
            site: &site,
            judge: engine.on(&context),
            world: 1,
            method: "GET",
            target: "/browse/",
            span,
        };
        cache.token(request, begin + Duration::from_secs(*seconds)).unwrap()
    };
    let tokens: Vec<_> = seconds.iter().map(ask).collect();
    let ring = KeyRing::new(vec![GrantKey::from_secret("test", SECRET)]);
    let binding = Binding { site: SITE, method: "GET", target: "/browse/" };
    let claims = ring.verify(tokens[0].to_str().unwrap(), &binding, begin).unwrap();
    let all = engine.folders().len();
    let told = match span {
        Span::One => (0, Some(0)),
        Span::Children | Span::Listing => (all, Some(LISTED.levels)),
        Span::Tree => (all, None),
    };
    assert_eq!((claims.below.len(), claims.reach), told);
    tokens
}

#[test]
fn a_grant_is_used_again_for_a_third_of_its_life() {
    let third = REUSE.as_secs();
    let cases = [(1, Span::Tree, false), (400, Span::Tree, true), (400, Span::Listing, true)];
    for (folders, span, is_long) in cases {
        let engine = engine(folders);
        let grants = grants_of(&engine, span, &[0, third - 1, third, 0]);
        assert_eq!(grants[0].len() > LONG_BYTES, is_long, "{}", grants[0].len());
        assert_eq!(grants[0], grants[1]);
        assert_ne!(grants[1], grants[2]);
        // a clock that was set back
        assert_ne!(grants[2], grants[3]);
    }
}

#[test]
fn who_shows_one_resource_is_told_nothing_of_what_lies_beneath() {
    let engine = engine(400);
    let grants = grants_of(&engine, Span::One, &[0]);
    assert!(grants[0].len() < LONG_BYTES, "{}", grants[0].len());
}
