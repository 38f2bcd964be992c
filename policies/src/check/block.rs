//! One block: its roles, their parents, and who has them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use vestibule_schema::document::{PermissionsDocument, RoleDocument, RoleRef, Spanned};
use vestibule_schema::problem::{self, Problem, Source};
use vestibule_schema::{Action, GalleryPath, PermissionSet, RoleName, SourceRef};

use super::builtin::BuiltinRoles;
use crate::model::{Assignment, Block, Role};

/// A block and its problems. With an error among them the block must not be used.
pub(super) struct Checked {
    pub(super) block: Block,
    pub(super) problems: Vec<Problem>,
}

/// Checks the block of the site (no folder) or of a folder.
pub(super) fn check(
    document: &PermissionsDocument,
    source: &Source,
    folder: Option<&GalleryPath>,
    builtin: &BuiltinRoles,
) -> Checked {
    let mut block = Block {
        folder: folder.cloned(),
        roles: BTreeMap::new(),
        user_roles: BTreeMap::new(),
        group_roles: BTreeMap::new(),
        public_role: None,
        default_role: None,
        source: source.reference(document.span.start),
    };
    let mut checker = Checker { source, builtin, problems: Vec::new() };
    checker.define(document, &mut block);
    checker.assign(document, &mut block);
    checker.lint(document, &block);
    Checked { block, problems: checker.problems }
}

/// The roles that may be named: those of the block, and the built-ins.
pub(super) struct Known<'a> {
    pub(super) block: &'a Block,
    pub(super) builtin: &'a BuiltinRoles,
}

/// The problem of a role that neither the block nor the built-ins have.
pub(super) fn unknown_role(
    source: &Source,
    role: &RoleName,
    span: &Range<usize>,
    known: &Known<'_>,
) -> Problem {
    let shipped = known.builtin.iter().map(|(role, _)| role.name.value.as_str());
    let names: Vec<&str> = known.block.roles.keys().map(RoleName::as_str).chain(shipped).collect();
    let problem = Problem::error("policy::unknown_role", format!("unknown role `{role}`")).at(
        source,
        span.clone(),
        "neither defined in this block nor built in",
    );
    match problem::nearest(role.as_str(), names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.block.folder.is_some() => problem.help(format!(
            "define it: `[permissions.roles.{role}]`; a folder's block does not know the roles of \
             the site"
        )),
        None => problem.help(format!("define it: `[roles.{role}]`")),
    }
}

struct Checker<'a> {
    source: &'a Source,
    builtin: &'a BuiltinRoles,
    problems: Vec<Problem>,
}

/// A role before its parents are resolved.
struct Draft<'a> {
    document: &'a RoleDocument,
    source: SourceRef,
    shipped: bool,
}

impl Checker<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn error(&mut self, code: &'static str, message: String, span: &Range<usize>, label: &str) {
        self.report(Problem::error(code, message).at(self.source, span.clone(), label));
    }

    /// Resolves the roles: the block's own, and of the built-ins those it uses (all, in a site).
    fn define(&mut self, document: &PermissionsDocument, block: &mut Block) {
        let builtin = self.builtin.clone();
        let mut drafts: BTreeMap<RoleName, Draft<'_>> = BTreeMap::new();
        for (role, source) in builtin.iter() {
            let draft = Draft { document: role, source: source.clone(), shipped: true };
            drafts.insert(role.name.value.clone(), draft);
        }
        for role in &document.roles {
            let source = self.source.reference(role.name.span.start);
            drafts
                .insert(role.name.value.clone(), Draft { document: role, source, shipped: false });
        }
        let used = used_roles(document, &drafts, block.folder.is_none());
        for (name, draft) in &drafts {
            if used.contains(name) {
                let role = self.resolve(name, draft, &drafts, block.folder.is_some());
                block.roles.insert(name.clone(), role);
            }
        }
    }

    fn resolve(
        &mut self,
        name: &RoleName,
        draft: &Draft<'_>,
        drafts: &BTreeMap<RoleName, Draft<'_>>,
        in_folder: bool,
    ) -> Role {
        let mut all = PermissionSet::EMPTY;
        let mut owner = false;
        let mut seen = BTreeSet::new();
        let mut current = Some((name.clone(), draft));
        while let Some((at, step)) = current {
            if !seen.insert(at.clone()) {
                // a role that only leads into a circle is not part of it
                if at == *name {
                    self.report_cycle(draft.document, &seen);
                }
                break;
            }
            all = all.union(step.document.permissions);
            owner |= step.document.owner_access.is_some();
            current = match &step.document.inherits {
                None => None,
                Some(parent) => match drafts.get(&parent.value) {
                    Some(next) => Some((parent.value.clone(), next)),
                    None => {
                        // reported once, at the role that names the unknown parent
                        if std::ptr::eq(step, draft) {
                            self.report_unknown(parent, drafts.keys());
                        }
                        break;
                    }
                },
            };
        }
        if owner {
            all = PermissionSet::ALL;
        }
        let scoped = draft.document.scoped && !in_folder;
        if scoped && owner {
            let span = draft.document.name.span.clone();
            let message = format!("the scoped role `{name}` has `owner_access`");
            self.error("policy::scoped_owner", message, &span, "an owner has no scope");
        }
        Role {
            name: name.clone(),
            display_name: draft.document.display_name.clone(),
            own: draft.document.permissions,
            all,
            own_owner: draft.document.owner_access.is_some(),
            owner,
            parent: draft.document.inherits.as_ref().map(|parent| parent.value.clone()),
            rank: self.rank(name, draft),
            scoped,
            source: draft.source.clone(),
        }
    }

    /// A built-in's rank stays, also when a block redefines the role.
    fn rank(&self, name: &RoleName, draft: &Draft<'_>) -> i64 {
        let shipped = self.builtin.get(name).and_then(|(role, _)| role.rank.as_ref());
        shipped.or(draft.document.rank.as_ref()).map_or(0, |rank| rank.value)
    }

    fn report_cycle(&mut self, role: &RoleDocument, seen: &BTreeSet<RoleName>) {
        let Some(parent) = &role.inherits else { return };
        let names: Vec<_> = seen.iter().map(|name| format!("`{name}`")).collect();
        let problem = Problem::error(
            "policy::inheritance_cycle",
            format!("the role `{}` inherits from itself", role.name.value),
        )
        .at(self.source, parent.span.clone(), "closes the circle")
        .help(format!("cut it between {}", names.join(", ")));
        self.report(problem);
    }

    fn report_unknown<'n>(
        &mut self,
        role: &Spanned<RoleName>,
        known: impl Iterator<Item = &'n RoleName>,
    ) {
        let word = role.value.as_str();
        let problem = Problem::error("policy::unknown_role", format!("unknown role `{word}`"))
            .at(self.source, role.span.clone(), "neither defined in this block nor built in")
            .suggest(word, known.map(RoleName::as_str).filter(|name| *name != word));
        self.report(problem);
    }

    fn assign(&mut self, document: &PermissionsDocument, block: &mut Block) {
        let mut first: BTreeMap<_, u32> = BTreeMap::new();
        for entry in &document.user_roles {
            let user = entry.user.value.clone();
            let line = self.source.line_column(entry.user.span.start).0;
            if let Some(earlier) = first.get(&user) {
                let problem = Problem::error(
                    "policy::duplicate_user",
                    format!("`{user}` has two `[[user_roles]]` entries"),
                )
                .at(self.source, entry.user.span.clone(), format!("first in line {earlier}"))
                .help("name all roles in one entry");
                self.report(problem);
                continue;
            }
            first.insert(user.clone(), line);
            let roles = self.known(&entry.roles, block);
            let source = self.source.reference(entry.span.start);
            block.user_roles.insert(user, Assignment { roles, source });
        }
        for entry in &document.group_roles {
            let roles = self.known(&entry.roles, block);
            let source = self.source.reference(entry.span.start);
            let assignment = Assignment { roles: BTreeSet::new(), source };
            let group = block.group_roles.entry(entry.group.value.clone()).or_insert(assignment);
            group.roles.extend(roles);
        }
        block.public_role = self.single(document.public_role.as_ref(), block);
        block.default_role = self.single(document.default_role.as_ref(), block);
    }

    fn known(&mut self, roles: &[Spanned<RoleRef>], block: &Block) -> BTreeSet<RoleName> {
        let mut known = BTreeSet::new();
        for role in roles {
            let RoleRef::Named(name) = &role.value else { continue };
            if block.roles.contains_key(name) {
                known.insert(name.clone());
            } else {
                let known = Known { block, builtin: self.builtin };
                self.report(unknown_role(self.source, name, &role.span, &known));
            }
        }
        known
    }

    fn single(&mut self, role: Option<&Spanned<RoleRef>>, block: &Block) -> Option<RoleName> {
        let role = role?;
        self.known(std::slice::from_ref(role), block).pop_first()
    }

    fn lint(&mut self, document: &PermissionsDocument, block: &Block) {
        self.lint_owner_roles(document, block);
        for role in &document.roles {
            let Some(checked) = block.roles.get(&role.name.value) else { continue };
            for denied in &role.denied {
                if checked.all.holds(denied.value) {
                    let key = denied.value.key();
                    let problem = Problem::warning(
                        "policy::false_removes_nothing",
                        format!(
                            "`{key} = false` does not remove what `{}` inherits",
                            role.name.value
                        ),
                    )
                    .at(self.source, denied.span.clone(), "without effect")
                    .help("a role's permissions are a union: inherit from a smaller role");
                    self.report(problem);
                }
            }
            let holds_something = !checked.own.is_empty() && !checked.owner;
            if holds_something && block.holders(Action::View).is_empty() {
                let problem = Problem::warning(
                    "policy::no_view",
                    format!(
                        "`{}` opens nothing: no role of this block has `can_view`",
                        role.name.value
                    ),
                )
                .at(self.source, role.name.span.clone(), "`can_view` is needed for everything")
                .help("add `can_view = true`");
                self.report(problem);
            }
        }
    }

    fn lint_owner_roles(&mut self, document: &PermissionsDocument, block: &Block) {
        let is_owner = |role: &Option<RoleName>| {
            role.as_ref().and_then(|name| block.roles.get(name)).is_some_and(|role| role.owner)
        };
        if let Some(role) = document.public_role.as_ref().filter(|_| is_owner(&block.public_role)) {
            let problem =
                Problem::error("policy::public_owner", "the public role has `owner_access`")
                    .at(self.source, role.span.clone(), "would make every stranger an owner")
                    .help("give visitors a role of their own, with `can_view = true`");
            self.report(problem);
        }
        let is_scoped = |role: &Option<RoleName>| {
            role.as_ref().and_then(|name| block.roles.get(name)).is_some_and(|role| role.scoped)
        };
        let help = "name a role that counts everywhere, or define one that inherits this one's";
        if let Some(role) = document.public_role.as_ref().filter(|_| is_scoped(&block.public_role))
        {
            let problem = Problem::error(
                "policy::public_scoped",
                "the public role counts only where a grant says so, and a visitor has none",
            );
            self.report(problem.at(self.source, role.span.clone(), "a scoped role").help(help));
        }
        if let Some(role) =
            document.default_role.as_ref().filter(|_| is_scoped(&block.default_role))
        {
            let problem = Problem::warning(
                "policy::default_scoped",
                "the default role counts only where a grant says so: it opens nothing",
            );
            self.report(problem.at(self.source, role.span.clone(), "a scoped role").help(help));
        }
        if let Some(role) = document.default_role.as_ref().filter(|_| is_owner(&block.default_role))
        {
            let problem =
                Problem::warning("policy::default_owner", "the default role has `owner_access`")
                    .at(self.source, role.span.clone(), "makes everybody who signs in an owner")
                    .help("name the owners in `[[user_roles]]`");
            self.report(problem);
        }
    }
}

/// The roles that a block needs: all that it defines and names, with their ancestors; in a site
/// every built-in.
fn used_roles(
    document: &PermissionsDocument,
    drafts: &BTreeMap<RoleName, Draft<'_>>,
    whole: bool,
) -> BTreeSet<RoleName> {
    let mut open: Vec<RoleName> = Vec::new();
    let named = |role: &Spanned<RoleRef>| match &role.value {
        RoleRef::Named(name) => Some(name.clone()),
        RoleRef::None => None,
    };
    open.extend(drafts.iter().filter(|(_, d)| whole || !d.shipped).map(|(name, _)| name.clone()));
    open.extend(document.user_roles.iter().flat_map(|entry| entry.roles.iter().filter_map(named)));
    open.extend(document.group_roles.iter().flat_map(|entry| entry.roles.iter().filter_map(named)));
    open.extend(document.public_role.iter().filter_map(named));
    open.extend(document.default_role.iter().filter_map(named));
    let mut used = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(draft) = drafts.get(&name) else { continue };
        if used.insert(name) {
            open.extend(draft.document.inherits.as_ref().map(|parent| parent.value.clone()));
        }
    }
    used
}
