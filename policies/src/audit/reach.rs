//! Who can do this, and what can this one do: many decisions at once, each made by the engine.
//!
//! A user's groups are known only when the user signs in. Without them a user is judged as a member
//! of none, and each group as somebody who is in that group alone and whom no rule names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vestibule_schema::{
    AccountRole, Action, GalleryPath, GroupId, PathKind, PermissionSet, RoleName, SourceRef,
    UserName,
};

use super::context::{permissions, shown_image};
pub use super::rights::Origin;
use super::rights::{self, Alike};
use crate::decision::{Decision, Need, PolicyRef};
use crate::engine::{HeldRole, Judge, SiteEngine};
use crate::model::Block;
use crate::principal::{Principal, UserFacts};

/// Of whom an auditor asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Somebody who has not signed in.
    Visitor,
    /// Somebody who has signed in, whom no rule names and who is in no group.
    SignedIn,
    /// A member of this group alone, whom no rule names.
    Member(GroupId),
    /// A user by name, as a member of no group.
    User(UserName),
}

impl Who {
    /// What kind of somebody this is, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::SignedIn => "signed_in",
            Self::Member(_) => "group",
            Self::User(_) => "user",
        }
    }

    /// The name of the user or the group.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Visitor | Self::SignedIn => None,
            Self::Member(group) => Some(group.to_string()),
            Self::User(name) => Some(name.to_string()),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Visitor => f.write_str("anonymous"),
            Self::SignedIn => f.write_str("any other account"),
            Self::Member(group) => write!(f, "group {group}"),
            Self::User(name) => name.fmt(f),
        }
    }
}

/// Somebody, and how the engine is asked about them.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who it is.
    pub who: Who,
    /// The principal that stands for them.
    pub principal: Principal,
}

/// Everybody of whom a site's rules can speak: the visitor, whoever else signs in, a member of each
/// group, the given users, and those that documents and grants name beside them.
#[must_use]
pub fn people(engine: &SiteEngine, users: impl IntoIterator<Item = UserFacts>) -> Vec<Person> {
    let named = engine.named_users().into_iter();
    let granted = engine.stored().grants.iter().map(|grant| grant.user.clone());
    let mut facts: BTreeMap<UserName, UserFacts> =
        named.chain(granted).map(|name| (name.clone(), unknown(name))).collect();
    facts.extend(users.into_iter().map(|user| (user.name.clone(), user)));
    let mut people = vec![Person { who: Who::Visitor, principal: Principal::Visitor }];
    if let Some(nobody) = unused_name(&facts) {
        let somebody = |groups: BTreeSet<GroupId>| {
            Principal::user(UserFacts { groups, ..unknown(nobody.clone()) })
        };
        people.push(Person { who: Who::SignedIn, principal: somebody(BTreeSet::new()) });
        let groups = rights::groups(engine).into_iter();
        people.extend(groups.map(|group| Person {
            principal: somebody(BTreeSet::from([group.clone()])),
            who: Who::Member(group),
        }));
    }
    people.extend(facts.into_values().map(|user| Person {
        who: Who::User(user.name.clone()),
        principal: Principal::user(user),
    }));
    people
}

/// A user of whom nothing but the name is known.
fn unknown(name: UserName) -> UserFacts {
    UserFacts { name, account_role: AccountRole::default(), groups: BTreeSet::new() }
}

/// A name that no rule and no account has.
fn unused_name(taken: &BTreeMap<UserName, UserFacts>) -> Option<UserName> {
    let numbered = (0..=taken.len()).map(|number| format!("somebody-else-{number}"));
    numbered.filter_map(|name| UserName::parse(&name).ok()).find(|name| !taken.contains_key(name))
}

/// How somebody comes to hold a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// The block's public role.
    Public,
    /// The block's default for who has signed in.
    Default,
    /// An entry of the block that names the user, or the group in a folder's block.
    Entry(SourceRef),
    /// A grant.
    Grant(Origin),
    /// A mapping of this group to a role of the site.
    Group(GroupId),
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public role"),
            Self::Default => f.write_str("default role"),
            Self::Entry(source) => source.fmt(f),
            Self::Grant(origin) => write!(f, "{} grant", origin.word()),
            Self::Group(group) => write!(f, "group {group}"),
        }
    }
}

/// A role that lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The folder whose block the role belongs to; the site's block has none.
    pub folder: Option<GalleryPath>,
    /// The role.
    pub role: RoleName,
    /// Where the role is defined.
    pub source: SourceRef,
    /// How it is held.
    pub through: Through,
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            None => write!(f, "{} ({})", self.role, self.through),
            Some(folder) => write!(f, "{} in {folder} ({})", self.role, self.through),
        }
    }
}

/// The roles that somebody holds where a path is judged.
#[must_use]
pub fn holdings(engine: &SiteEngine, principal: &Principal, path: &GalleryPath) -> Vec<Holding> {
    let held = engine.held_roles(principal, path).into_iter();
    held.map(|held| Holding {
        folder: held.block.folder.clone(),
        role: held.role.name.clone(),
        source: held.role.source.clone(),
        through: through(engine, principal, held),
    })
    .collect()
}

fn through(engine: &SiteEngine, principal: &Principal, held: HeldRole<'_>) -> Through {
    let Some(user) = principal.as_user() else {
        return Through::Public;
    };
    let (block, role) = (held.block, &held.role.name);
    if let Some(entry) = block.user_roles.get(&user.name).filter(|e| e.roles.contains(role)) {
        return Through::Entry(entry.source.clone());
    }
    if block.folder.is_some() {
        return by_group(block, user, role).map_or(Through::Default, Through::Entry);
    }
    if let Some((_, origin)) = rights::grants_of(engine, &user.name).first() {
        return Through::Grant(*origin);
    }
    let mut mappings = rights::mappings(engine).map(|(mapping, _)| mapping);
    let mapping = mappings.find(|m| m.role == *role && user.groups.contains(&m.group));
    mapping.map_or(Through::Default, |mapping| Through::Group(mapping.group.clone()))
}

/// The entry of a folder's block by which a group has a role.
fn by_group(block: &Block, user: &UserFacts, role: &RoleName) -> Option<SourceRef> {
    let mut entries = user.groups.iter().filter_map(|group| block.group_roles.get(group));
    entries.find(|entry| entry.roles.contains(role)).map(|entry| entry.source.clone())
}

/// Somebody who may, and why.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Who.
    pub who: Who,
    /// The roles held there.
    pub roles: Vec<Holding>,
    /// The policies that allow it.
    pub policies: Vec<PolicyRef>,
}

/// Those of these people who may do an action at a path.
#[must_use]
pub fn who_can(
    judge: Judge<'_>,
    people: &[Person],
    action: Action,
    path: &GalleryPath,
) -> Vec<Reach> {
    let alike = Alike::new(judge.engine());
    let mut known = BTreeMap::new();
    let allowed = people.iter().filter_map(|person| {
        let ask = || reached(judge, &person.principal, action, path);
        let (roles, policies) = match alike.facts(&person.principal) {
            None => ask(),
            Some(facts) => known.entry(facts).or_insert_with(ask).clone(),
        }?;
        Some(Reach { who: person.who.clone(), roles, policies })
    });
    allowed.collect()
}

/// The roles and the policies by which somebody may.
fn reached(
    judge: Judge<'_>,
    principal: &Principal,
    action: Action,
    path: &GalleryPath,
) -> Option<(Vec<Holding>, Vec<PolicyRef>)> {
    match judge.decide(principal, Need::one(action), path) {
        Decision::Deny(_) => None,
        Decision::Allow(permit) => {
            Some((holdings(judge.engine(), principal, path), permit.policies().to_vec()))
        }
    }
}

/// What somebody may do at a place, and below it up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A folder, or the one image that was asked about.
    pub path: GalleryPath,
    /// What may be done there.
    pub permissions: PermissionSet,
    /// What may be done with the folder's images, where that differs.
    pub images: Option<PermissionSet>,
    /// What may be done with the images that the folder hides, where that differs.
    pub hidden_images: Option<PermissionSet>,
}

/// What somebody may do at a path and at every folder below it where that can change, sorted.
#[must_use]
pub fn what_can(judge: Judge<'_>, principal: &Principal, path: &GalleryPath) -> Vec<Place> {
    if !path.is_folder() {
        let permissions = permissions(judge, principal, path);
        return vec![Place { path: path.clone(), permissions, images: None, hidden_images: None }];
    }
    let engine = judge.engine();
    let mut folders = rights::places(engine, [principal], path);
    let hiding = engine.folders().iter().filter(|(_, rules)| !rules.hidden_images.is_empty());
    folders.extend(hiding.map(|(folder, _)| folder.clone()).filter(|f| f.is_within(path)));
    folders.into_iter().map(|folder| place(judge, principal, folder)).collect()
}

fn place(judge: Judge<'_>, principal: &Principal, path: GalleryPath) -> Place {
    let hidden = judge.engine().folders().get(&path).map(|rules| &rules.hidden_images);
    let with = |name: &str| path.join(name, PathKind::Image).ok();
    let hidden = hidden.into_iter().flat_map(|names| names.iter()).find_map(with);
    let may = |image: GalleryPath| permissions(judge, principal, &image);
    let permissions = permissions(judge, principal, &path);
    let images = shown_image(judge.engine(), &path).map(may).filter(|set| *set != permissions);
    let hidden_images = hidden.map(may).filter(|set| *set != images.unwrap_or(permissions));
    Place { path, permissions, images, hidden_images }
}

/// The places without those that say the same as the place above them.
#[must_use]
pub fn collapsed(places: &[Place]) -> Vec<Place> {
    let said: BTreeMap<&str, &Place> =
        places.iter().map(|place| (place.path.as_str(), place)).collect();
    let says_the_same = |place: &Place| {
        let above = place.path.ancestors().skip(1).find_map(|folder| said.get(folder));
        place.hidden_images.is_none()
            && above.is_some_and(|above| {
                (above.permissions, above.images) == (place.permissions, place.images)
            })
    };
    places.iter().filter(|place| !says_the_same(place)).cloned().collect()
}

/// A set of permissions for people: what `manage_images` contains is not repeated.
#[must_use]
pub fn words(set: PermissionSet) -> String {
    let names = |set: PermissionSet| {
        let parts = [Action::ManageImages, Action::Upload, Action::Organize];
        let [whole, upload, organize] = parts.map(|action| set.allows(action));
        let repeated = |action: &Action| {
            whole && upload && organize && matches!(action, Action::Upload | Action::Organize)
        };
        let names = set.actions().filter(|action| !repeated(action)).map(Action::name);
        names.collect::<Vec<_>>().join(", ")
    };
    let lacking: PermissionSet = Action::ALL.iter().copied().filter(|a| !set.allows(*a)).collect();
    match (set.is_empty(), lacking.actions().count()) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => "everything".to_owned(),
        (false, 1..=6) => format!("everything but {}", names(lacking)),
        (false, _) => names(set),
    }
}
