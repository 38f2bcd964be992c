//! What is remembered is what would be answered anew: over reloads, grants and revocations, from
//! several threads, and in every order of the steps of a reload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use proptest::prelude::*;
use vestibule_policies::model::{Folders, Grant, Rights};
use vestibule_policies::principal::Share;
use vestibule_policies::{Decision, Need, Principal, SiteEngine, UserFacts, Vocabulary};
use vestibule_schema::document::Cascade;
use vestibule_schema::{
    AccountRole, Action, GalleryPath, GroupId, RoleName, ShareId, SiteId, UserName,
};

use crate::load::Written;

const SITE: &str = "default_authenticated_role = \"some\"\n\
    [roles.some]\npermissions = { can_view = true }\n\
    [roles.more]\ninherits = \"some\"\npermissions = { can_download_large = true }\n\
    [roles.boss]\npermissions = { owner_access = true }\n\
    [[user_roles]]\nusername = \"olivia\"\nroles = [\"boss\"]\n";

/// Two albums that are the same but for their names and people, one inside another, and a plain one.
const ALBUM: &str = "[permissions.roles.friends]\npermissions = { can_view = true }\n\
    [permissions.roles.family]\ninherits = \"friends\"\n\
    permissions = { can_download_large = true, can_see_location = true }\n";

fn named(user: &str, role: &str) -> String {
    format!("[[permissions.user_roles]]\nusername = \"{user}\"\nroles = [\"{role}\"]\n")
}

/// The states that a site goes through: who is named where, what is granted, what is broken.
fn states() -> Vec<SiteEngine> {
    let ann_at_a = format!("{ALBUM}{}", named("ann", "family"));
    let bob_at_a = format!("{ALBUM}{}", named("bob", "friends"));
    let group_at_b = format!(
        "{ALBUM}[[permissions.group_roles]]\ngroup = \"staff\"\nroles = [\"family\"]\n{}",
        named("bob", "friends")
    );
    let other = "public_role = \"friends\"\n[permissions.roles.friends]\n\
        permissions = { can_view = true, can_use_zoom = true }\n";
    let public = format!("[permissions]\n{other}");
    let hidden = format!("hidden_images = [\"h.jpg\"]\nhide_technical_details = true\n{ann_at_a}");
    /// Folders with their rules, and users with their grants.
    type State<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);
    let states: [State<'_>; 7] = [
        (&[("/a/", &ann_at_a), ("/b/", &group_at_b)], &[]),
        (&[("/a/", &bob_at_a), ("/b/", &group_at_b)], &[]),
        (&[("/a/", &ann_at_a), ("/b/", &group_at_b)], &[("cy", "more")]),
        (&[("/a/", &hidden), ("/a/x/", &public), ("/b/", &bob_at_a)], &[("cy", "more")]),
        (&[("/a/", &public), ("/a/x/", &ann_at_a)], &[("ann", "none")]),
        (&[("/a/", "[permission]"), ("/b/", &ann_at_a)], &[]),
        (&[("/", &group_at_b), ("/b/", &bob_at_a)], &[]),
    ];
    let built = states.iter().map(|(folders, grants)| {
        let written = Written { permissions: SITE, front_matters: folders, ..Written::default() };
        let engine = written.engine(Cascade::Restrict).unwrap().0;
        let grants = grants.iter().map(|(user, role)| Grant {
            user: UserName::parse(user).unwrap(),
            // an empty grant of somebody whose account has no role locks out
            role: RoleName::parse(role).ok(),
            base_path: None,
            upload_path: None,
        });
        let stored = Rights { grants: grants.collect(), groups: Vec::new() };
        again(&engine, stored)
    });
    built.collect()
}

/// An engine of the same documents that remembers nothing.
fn fresh(engine: &SiteEngine) -> SiteEngine {
    again(engine, (**engine.stored()).clone())
}

fn again(engine: &SiteEngine, stored: Rights) -> SiteEngine {
    thread_local! {
        static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
    }
    let (model, folders) = (Arc::clone(engine.model()), Arc::clone(engine.folders()));
    let vocabulary = VOCABULARY.with(Arc::clone);
    SiteEngine::new(1, &vocabulary, model, folders, Arc::new(stored))
}

fn people() -> Vec<Principal> {
    let user = |name: &str, groups: &[&str]| {
        let groups: BTreeSet<_> =
            groups.iter().map(|group| GroupId::parse(group).unwrap()).collect();
        let name = UserName::parse(name).unwrap();
        Principal::user(UserFacts { name, account_role: AccountRole::default(), groups })
    };
    let share = |at: &str, maker: &str| {
        Arc::new(Share {
            id: ShareId::from_number(1),
            site: SiteId::parse("s").unwrap(),
            path: GalleryPath::from_decoded(at).unwrap(),
            role: RoleName::visitor(),
            maker: user(maker, &[]),
        })
    };
    vec![
        Principal::Visitor,
        // the same number of another share, and another maker: all of it counts
        Principal::Visitor.with_shares([share("/a/", "olivia")]),
        Principal::Visitor.with_shares([share("/b/", "olivia")]),
        Principal::Visitor.with_shares([share("/a/", "ann")]),
        user("bob", &[]).with_shares([share("/a/", "olivia")]),
        user("ann", &[]),
        user("bob", &[]),
        user("cy", &["staff"]),
        user("olivia", &[]),
        // another one of the same name: a session that began before a change of groups
        user("bob", &["staff"]),
    ]
}

const NEEDS: [Need; 4] = [
    Need::one(Action::View),
    Need::one(Action::SeeTechnicalDetails),
    Need::one(Action::AddComments),
    Need::either(Action::DownloadLarge, Action::UseZoom),
];

fn places() -> Vec<GalleryPath> {
    let texts = [
        "/",
        "/p.jpg",
        "/a/",
        "/a/p.jpg",
        "/a/h.jpg",
        "/a/x/",
        "/a/x/p.jpg",
        "/b/p.jpg",
        "/b/deep/er/p.jpg",
        "/ab/p.jpg",
    ];
    texts.iter().map(|text| GalleryPath::from_decoded(text).unwrap()).collect()
}

/// Decision, what is missing, and the lines that say so.
fn told(decision: &Decision) -> String {
    let policies: Vec<_> = decision.policies().iter().map(ToString::to_string).collect();
    match decision {
        Decision::Allow(permit) => format!("{} by {policies:?}", permit.action()),
        Decision::Deny(denial) => {
            assert_eq!(denial.fault(), None);
            format!("no {:?} by {policies:?}", denial.missing())
        }
    }
}

struct Questions {
    people: Vec<Principal>,
    places: Vec<GalleryPath>,
}

impl Questions {
    fn all() -> Self {
        Self { people: people(), places: places() }
    }

    fn count(&self) -> usize {
        self.people.len() * self.places.len() * NEEDS.len()
    }

    fn ask(&self, engine: &SiteEngine, number: usize) -> Decision {
        let (rest, need) = (number / NEEDS.len(), NEEDS[number % NEEDS.len()]);
        let place = &self.places[rest % self.places.len()];
        engine.decide(&self.people[rest / self.places.len()], need, place)
    }
}

/// A sequence of numbers that looks like none.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*, Vigna 2016
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % bound
    }
}

/// What is answered anew, to each question in each state.
fn anew(states: &[SiteEngine], questions: &Questions) -> Vec<Vec<String>> {
    let of_state = |state: &SiteEngine| {
        let answer = |number| told(&questions.ask(&fresh(state), number));
        (0..questions.count()).map(answer).collect()
    };
    states.iter().map(of_state).collect()
}

/// A million requests, from four threads, while a fifth reloads: each engine takes over from the
/// one before, and each request holds the one that it began with.
#[test]
fn a_million_requests_are_answered_as_if_nothing_were_remembered() {
    const THREADS: u64 = 4;
    const EACH: usize = 250_000;
    let (states, questions) = (states(), Questions::all());
    let expected = anew(&states, &questions);
    let differing: BTreeSet<_> = expected.iter().collect();
    assert_eq!(differing.len(), states.len(), "each state answers something of its own");
    let current = RwLock::new((Arc::new(fresh(&states[0])), 0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            let (mut dice, mut reloads) = (Dice(7), 0u32);
            while !done.load(Ordering::Relaxed) {
                let state = dice.below(states.len());
                let before = Arc::clone(&current.read().unwrap().0);
                let next = fresh(&states[state]).after(&before);
                *current.write().unwrap() = (Arc::new(next), state);
                reloads += 1;
            }
            reloads
        });
        let askers: Vec<_> = (1..=THREADS)
            .map(|seed| {
                let (current, questions, expected) = (&current, &questions, &expected);
                scope.spawn(move || {
                    let mut dice = Dice(seed);
                    for _ in 0..EACH {
                        let (engine, state) = current.read().unwrap().clone();
                        let number = dice.below(questions.count());
                        let answer = told(&questions.ask(&engine, number));
                        assert_eq!(answer, expected[state][number], "{number} in {state}");
                    }
                })
            })
            .collect();
        for asker in askers {
            asker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reloads.join().unwrap() > 100);
    });
}

/// The protocol of a reload, step by step in many orders: whoever begins after a revocation was
/// published is denied, whoever began before is answered by one generation in all.
#[test]
fn a_revocation_is_in_force_for_whoever_begins_after_it() {
    let states = Arc::new(states());
    let questions = Arc::new(Questions::all());
    // ann may see the album in the first state, and not in the second
    let number = (0..questions.count()).find(|number| {
        let answers = [0, 1].map(|state| questions.ask(&states[state], *number).is_allow());
        answers == [true, false]
    });
    let number = number.unwrap();
    shuttle::check_random(
        move || {
            let current = Arc::new(shuttle::sync::RwLock::new(Arc::new(fresh(&states[0]))));
            let published = Arc::new(shuttle::sync::atomic::AtomicBool::new(false));
            let mut threads = Vec::new();
            for _ in 0..3 {
                let (current, published) = (Arc::clone(&current), Arc::clone(&published));
                let questions = Arc::clone(&questions);
                threads.push(shuttle::thread::spawn(move || {
                    for _ in 0..2 {
                        let is_after = published.load(Ordering::SeqCst);
                        let engine = Arc::clone(&current.read().unwrap());
                        shuttle::thread::yield_now();
                        let first = questions.ask(&engine, number).is_allow();
                        shuttle::thread::yield_now();
                        let second = questions.ask(&engine, number).is_allow();
                        assert_eq!(first, second, "one generation for one request");
                        assert!(!(is_after && first), "a revocation that is published holds");
                    }
                }));
            }
            let before = Arc::clone(&current.read().unwrap());
            let next = Arc::new(fresh(&states[1]).after(&before));
            shuttle::thread::yield_now();
            *current.write().unwrap() = next;
            published.store(true, Ordering::SeqCst);
            for thread in threads {
                thread.join().unwrap();
            }
        },
        300,
    );
}

/// Folders that stand for each other, and folders that nearly do: each is judged by its own rules.
#[test]
fn what_folders_share_is_only_what_is_the_same() {
    let role = |name: &str, keys: &str| {
        format!("[permissions.roles.{name}]\npermissions = {{ {keys} }}\n")
    };
    let assigned = named("ann", "r");
    let blocks = [
        role("r", "can_view = true"),
        role("r", "can_view = true, can_use_zoom = true"),
        format!("{}inherits = \"r\"\n", role("s", "can_view = true"))
            + &role("r", "can_use_zoom = true"),
        role("r", "can_view = true") + &role("s", "can_use_zoom = true"),
        role("r", "owner_access = true"),
        format!("hide_technical_details = true\n{}", role("r", "owner_access = true")),
    ];
    let texts: Vec<_> = blocks.iter().map(|block| format!("{block}{assigned}")).collect();
    let mut folders: BTreeMap<String, &str> = BTreeMap::new();
    for (outer, outside) in texts.iter().enumerate() {
        folders.insert(format!("/{outer}/"), outside);
        for (inner, inside) in texts.iter().enumerate() {
            folders.insert(format!("/{outer}/{inner}/"), inside);
        }
    }
    let front_matters: Vec<_> = folders.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    for cascade in [Cascade::Restrict, Cascade::Nearest] {
        let written =
            Written { permissions: SITE, front_matters: &front_matters, ..Written::default() };
        let engine = written.engine(cascade).unwrap().0;
        let people = people();
        for path in folders.keys() {
            let image = GalleryPath::from_decoded(&format!("{path}p.jpg")).unwrap();
            // alone, with what is above it: no other folder can be taken for it
            let mut alone: Folders = (**engine.folders()).clone();
            alone.retain(|folder, _| image.is_within(folder));
            let alone = SiteEngine::new(
                1,
                &Arc::new(Vocabulary::load().unwrap()),
                Arc::clone(engine.model()),
                Arc::new(alone),
                Arc::default(),
            );
            for who in &people {
                let (all, own) = (engine.permissions(who, &image), alone.permissions(who, &image));
                assert_eq!(all, own, "{who:?} at {path}");
                let need = Need::one(Action::UseZoom);
                let all = told(&engine.decide(who, need, &image));
                assert_eq!(all, told(&alone.decide(who, need, &image)), "{who:?} at {path}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A few of everything, in an order that nobody thought of.
    #[test]
    fn any_order_of_states_and_questions(steps in prop::collection::vec((0usize..7, prop::collection::vec(0usize..400, 1..12)), 1..8)) {
        let (states, questions) = (states(), Questions::all());
        let mut engine = fresh(&states[0]);
        for (state, numbers) in steps {
            engine = fresh(&states[state]).after(&engine);
            for number in numbers {
                let expected = told(&questions.ask(&fresh(&states[state]), number));
                prop_assert_eq!(told(&questions.ask(&engine, number)), expected);
            }
        }
    }
}
