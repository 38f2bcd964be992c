//! What a hand-written policy reads, found from its syntax.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::Value;
use vestibule_schema::{GalleryPath, SiteId};

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
        let mut open = vec![&tree];
        while let Some(node) = open.pop() {
            reads.look(node, site)?;
            match node {
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => open.extend(fields.values()),
                _ => {}
            }
        }
        Ok(reads)
    }

    fn look(&mut self, node: &Value, site: &SiteId) -> Result<(), Misuse> {
        if node.get("Var").and_then(Value::as_str) == Some("context") {
            self.context = true;
        }
        if reads_hidden(node) {
            return Err(Misuse {
                code: "custom::hidden",
                message: "`resource.hidden` can't be read by hand-written policies".into(),
                help: "who sees hidden items is said by `can_see_hidden`",
            });
        }
        if let Some((of, name)) = internal_attribute(node) {
            return Err(Misuse {
                code: "custom::attribute",
                message: format!("`{of}{name}` can't be read by hand-written policies"),
                help: "ask for a user, a role or a group: `principal == User::\"…\"`, \
                       `principal in Role::\"…\"`, `principal in Group::\"…\"`",
            });
        }
        if let Some(wrong) = compared_weekdays(node).find(|day| !WEEKDAYS.contains(day)) {
            return Err(Misuse {
                code: "custom::weekday",
                message: format!("`context.weekday` is never `{wrong}`"),
                help: "write the day in English: `\"Monday\"` … `\"Sunday\"`",
            });
        }
        let named = node.get("type").and_then(Value::as_str).zip(node.get("id"));
        match named {
            Some((kind::IMAGE, _)) => Err(Misuse {
                code: "custom::image",
                message: "a hand-written policy can't name a single image".into(),
                help: "name its folder, or hide it: `hidden_images` in the folder's `_folder.md`",
            }),
            Some((kind::FOLDER, id)) => self.name_folder(id.as_str().unwrap_or_default(), site),
            Some((kind::ROLE, id)) => {
                let folder = names::folder_of_role(site, id.as_str().unwrap_or_default());
                self.role_folders.extend(folder);
                Ok(())
            }
            _ => Ok(()),
        }
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

/// An attribute or tag that admission alone reads: of the principal, or of a block or role. What is
/// left is the context, `principal.account_role` and `resource.block`.
fn internal_attribute(node: &Value) -> Option<(&'static str, String)> {
    let tags = ["getTag", "hasTag"].iter().any(|call| node.get(*call).is_some());
    if tags {
        return Some(("principal.getTag", String::new()));
    }
    let access = node.get(".").or_else(|| node.get("has"))?;
    let name = access.get("attr").and_then(Value::as_str).unwrap_or_default();
    let (left, of) = (access.get("left")?, access.get("left")?.get("Var").and_then(Value::as_str));
    let (of, is_open) = match of {
        Some("context") => return None,
        Some("principal") => ("principal.", name == "account_role"),
        // `resource.hidden` has a word of its own
        Some(_) => ("resource.", matches!(name, "block" | "hidden")),
        // of a part of the context, which has none that are records
        None if left.get(".").is_none() && left.get("Value").is_none() => return None,
        None => ("….", false),
    };
    (!is_open).then(|| (of, name.to_owned()))
}

/// `resource.hidden`, or `resource has hidden`.
fn reads_hidden(node: &Value) -> bool {
    [node.get("."), node.get("has")].into_iter().flatten().any(|access| {
        let of = access.get("left").and_then(|left| left.get("Var"));
        of == Some(&Value::from("resource")) && access.get("attr") == Some(&Value::from("hidden"))
    })
}
