//! What a hand-written policy reads, found from its syntax.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::Value;
use vestibule_schema::{GalleryPath, GroupId, SiteId, UserName};

use crate::names::{self, kind};

/// What a policy reads, and the folders that it names.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) context: bool,
    pub(super) folders: BTreeSet<GalleryPath>,
    /// The folders of whose blocks it names a role.
    pub(super) role_folders: BTreeSet<GalleryPath>,
}

/// A policy that Cedar accepts, but that can't hold everywhere.
#[derive(Debug)]
pub(super) struct Misuse {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Reads {
    /// Walks the policy's syntax tree.
    ///
    /// # Errors
    /// If it speaks of what a listing or a ZIP can't be held to.
    pub(super) fn of(policy: &Policy, site: &SiteId) -> Result<Self, Misuse> {
        let tree = policy.to_json().map_err(|error| Misuse {
            code: "custom::invalid",
            message: error.to_string(),
            help: "write it in another way",
        })?;
        let mut reads = Self::default();
        reads.walk(&tree, site, Stand::Elsewhere)?;
        Ok(reads)
    }

    fn walk(&mut self, node: &Value, site: &SiteId, stand: Stand) -> Result<(), Misuse> {
        match node {
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, site, stand)),
            Value::Object(fields) => {
                self.look(node, site, stand)?;
                fields
                    .iter()
                    .try_for_each(|(name, value)| self.walk(value, site, stand.below(fields, name)))
            }
            _ => Ok(()),
        }
    }

    fn look(&mut self, node: &Value, site: &SiteId, stand: Stand) -> Result<(), Misuse> {
        if node.get("Var").and_then(Value::as_str) == Some("context") {
            self.context = true;
        }
        refuse_attribute(node)?;
        if let Some(wrong) = compared_weekdays(node).find(|day| !WEEKDAYS.contains(day)) {
            return Err(Misuse {
                code: "custom::weekday",
                message: format!("`context.weekday` is never `{wrong}`"),
                help: "write the day in English: `\"Monday\"` … `\"Sunday\"`",
            });
        }
        let named = node.get("type").and_then(Value::as_str);
        match named.zip(node.get("id").and_then(Value::as_str)) {
            Some((kind::IMAGE, _)) => Err(Misuse {
                code: "custom::image",
                message: "a hand-written policy can't name a single image".into(),
                help: "name its folder, or hide it: `hidden_images` in the folder's `_folder.md`",
            }),
            Some((kind::FOLDER, id)) if stand != Stand::In => Err(Misuse {
                code: "custom::folder_itself",
                message: format!("`Folder::\"{id}\"` stands where a folder alone would be meant"),
                help: "ask for the folder with all in it: `resource in Folder::\"…\"`",
            }),
            Some((kind::FOLDER, id)) => self.name_folder(id, site),
            Some((kind::ROLE, id)) => self.name_role(id, site),
            Some((kind, id)) => refuse_misspelt(kind, id),
            None => Ok(()),
        }
    }

    fn name_role(&mut self, id: &str, site: &SiteId) -> Result<(), Misuse> {
        let Some((folder, _)) = names::parts_of_role(site, id) else {
            return Err(Misuse {
                code: "custom::role",
                message: format!("`Role::\"{id}\"` can't be a role of this site"),
                help: "write `Role::\"SITE:#role\"` for a role of the site, \
                       `Role::\"SITE:/folder/#role\"` for one of a folder's block",
            });
        };
        self.role_folders.extend(folder);
        Ok(())
    }

    fn name_folder(&mut self, id: &str, site: &SiteId) -> Result<(), Misuse> {
        let path = id.strip_prefix(site.as_str()).and_then(|rest| rest.strip_prefix(':'));
        let path = path.and_then(|path| GalleryPath::from_decoded(path).ok());
        match path.filter(GalleryPath::is_folder) {
            Some(path) => {
                self.folders.insert(path);
                Ok(())
            }
            None => Err(Misuse {
                code: "custom::folder",
                message: format!("`Folder::\"{id}\"` is no folder of this site"),
                help: "write `Folder::\"SITE:/path/\"`, with the site's name and a slash at the end",
            }),
        }
    }
}

/// What `context.weekday` may be.
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The texts that `context.weekday` is compared with in a node: a policy that compares it with
/// what it never is would forbid nothing, in silence.
fn compared_weekdays(node: &Value) -> impl Iterator<Item = &str> {
    let is_weekday = |side: &Value| {
        side.get(".").and_then(|access| access.get("attr")) == Some(&Value::from("weekday"))
    };
    let sides = ["==", "!=", "contains"].into_iter().filter_map(|operator| node.get(operator));
    let sides = sides.filter_map(|sides| sides.get("left").zip(sides.get("right")));
    sides.flat_map(move |(left, right)| match (is_weekday(left), is_weekday(right)) {
        (true, false) => texts(right),
        (false, true) => texts(left),
        _ => Vec::new(),
    })
}

/// A text, or those of a set.
fn texts(value: &Value) -> Vec<&str> {
    let text = |value: &'_ Value| value.get("Value").and_then(Value::as_str).is_some();
    let items = value.get("Set").and_then(Value::as_array);
    let of_set = items.into_iter().flatten().filter(|item| text(item));
    let alone = Some(value).filter(|value| text(value));
    let all = of_set.chain(alone);
    all.filter_map(|item| item.get("Value").and_then(Value::as_str)).collect()
}

/// Where a name stands: a folder may be named only where all that is in it is meant, too. A
/// folder that is named is judged by itself, with everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// On the right of `in`, or in the head's `in`.
    In,
    Elsewhere,
    /// Among the fields of a record, which may have any name.
    Record,
}

impl Stand {
    /// Of a field of a node of Cedar's JSON form.
    fn below(self, node: &serde_json::Map<String, Value>, field: &str) -> Self {
        if self == Self::Record {
            return Self::Elsewhere;
        }
        let is_head = node.get("op").and_then(Value::as_str);
        match (field, is_head) {
            // `resource in F`, `resource is Image in F` of a head
            ("entity" | "entities", Some("in")) | ("in", Some("is")) => Self::In,
            ("entity", None) | ("Value" | "__entity" | "Set", _) => self,
            // the operands of an operator: `right` is that of `in` alone
            ("right", _) if self == Self::In => Self::In,
            ("in", None) => Self::In,
            ("Record", _) => Self::Record,
            _ => Self::Elsewhere,
        }
    }
}

/// Attributes and tags that may be read: all of the context, `principal.account_role` and
/// `resource.block`. What admission reads, and what is hidden, is not for hand-written policies.
fn refuse_attribute(node: &Value) -> Result<(), Misuse> {
    let access = node.get(".").or_else(|| node.get("has"));
    let has_tag = ["getTag", "hasTag"].iter().any(|call| node.get(*call).is_some());
    let (of, name) = match access {
        None if has_tag => ("principal", "getTag"),
        None => return Ok(()),
        Some(access) => {
            let of = access.get("left").and_then(|left| left.get("Var")).and_then(Value::as_str);
            let name = access.get("attr").and_then(Value::as_str);
            (of.unwrap_or("…"), name.unwrap_or("…"))
        }
    };
    match (of, name) {
        ("context", _) | ("principal", "account_role") | ("resource", "block") => Ok(()),
        ("resource", "hidden") => Err(Misuse {
            code: "custom::hidden",
            message: "`resource.hidden` can't be read by hand-written policies".into(),
            help: "who sees hidden items is said by `can_see_hidden`",
        }),
        _ => Err(Misuse {
            code: "custom::attribute",
            message: format!("`{of}.{name}` can't be read by hand-written policies"),
            help: "ask for a user, a role or a group: `principal == User::\"…\"`, \
                   `principal in Role::\"…\"`, `principal in Group::\"…\"`",
        }),
    }
}

/// Names that nobody has as they are written: such a policy would forbid nothing, in silence.
fn refuse_misspelt(kind: &str, id: &str) -> Result<(), Misuse> {
    let known = match kind {
        kind::GROUP => GroupId::from_key(id).ok().map(|group| group.as_str().to_owned()),
        kind::USER => UserName::parse(id).ok().map(|user| user.as_str().to_owned()),
        kind::ACTION if id == names::ASSUME_ROLE => None,
        _ => return Ok(()),
    };
    match known {
        Some(known) if known == id => Ok(()),
        Some(known) => Err(Misuse {
            code: "custom::spelling",
            message: format!("`{kind}::\"{id}\"` is written `{kind}::\"{known}\"`"),
            help: "names of groups are in lower case, distinguished names without blanks",
        }),
        None => Err(Misuse {
            code: "custom::spelling",
            message: format!("`{kind}::\"{id}\"` is nothing that a request can have"),
            help: "such a policy would never apply",
        }),
    }
}
