//! Random hand-written policies, all of them accepted: `policies/docs/hand-written.md`.

use proptest::prelude::*;

const PRINCIPALS: [&str; 11] = [
    "principal",
    "principal == User::\"ann\"",
    "principal == User::\"bob\"",
    "principal is Visitor",
    "principal is User",
    "principal in Role::\"s:#r1\"",
    "principal in Role::\"s:#user\"",
    "principal in Role::\"s:/a/#r2\"",
    "principal in Role::\"s:/a/b/#own\"",
    "principal in Group::\"g1\"",
    "principal is User in Group::\"g2\"",
];

const ACTIONS: [&str; 14] = [
    "action",
    "action in Action::\"any\"",
    "action in Action::\"any\"",
    "action in Action::\"write\"",
    "action in Action::\"manage_images\"",
    "action == Action::\"manage_images\"",
    "action == Action::\"view\"",
    "action == Action::\"see_hidden\"",
    "action == Action::\"download_large\"",
    "action == Action::\"upload\"",
    "action == Action::\"see_technical_details\"",
    "action in [Action::\"view\", Action::\"download_large\"]",
    "action in [Action::\"download_original\", Action::\"download_raw\", Action::\"write\"]",
    "action in [Action::\"use_zoom\", Action::\"manage_images\"]",
];

/// What is permitted is worth nothing without `view`.
const PERMITTED: [&str; 3] = [
    "action in Action::\"any\"",
    "action in [Action::\"view\", Action::\"download_large\", Action::\"manage_images\"]",
    "action == Action::\"view\"",
];

const RESOURCES: [&str; 12] = [
    "resource",
    "resource",
    "resource is Image",
    "resource is Folder",
    "resource in Site::\"s\"",
    "resource in Folder::\"s:/\"",
    "resource in Folder::\"s:/a/\"",
    "resource in Folder::\"s:/a/b/\"",
    // folders that say nothing themselves
    "resource in Folder::\"s:/d/sub/\"",
    "resource is Image in Folder::\"s:/a/b/c/sub/\"",
    "resource is Folder in Folder::\"s:/d/\"",
    "resource is Image in Folder::\"s:/\"",
];

const CONDITIONS: [&str; 23] = [
    "context.mfa",
    "context.ip.isInRange(ip(\"192.0.2.0/24\"))",
    "context.ip.isLoopback()",
    "context.ip.isIpv6()",
    "context.weekday == \"Sunday\"",
    "[\"Saturday\", \"Sunday\"].contains(context.weekday)",
    "context.now < datetime(\"2027-01-01T00:00:00+0100\")",
    "context.time_of_day >= duration(\"18h\")",
    "context.method == \"GET\"",
    "context.site == \"s\"",
    "resource.block == Block::\"s:\"",
    "resource.block == Block::\"s:/a/\"",
    "resource.block == Block::\"s:/a/b/\"",
    "resource is Image",
    "resource in Folder::\"s:/a/\"",
    "resource in Folder::\"s:/d/sub/\"",
    "principal in Role::\"s:#r2\"",
    "principal in Role::\"s:/a/#r1\"",
    "principal in [Role::\"s:#viewer\", Role::\"s:/d/#r3\"]",
    "principal in Group::\"g1\"",
    "principal == User::\"cy\"",
    "(principal is User && principal has account_role && principal.account_role == \"viewer\")",
    "principal in Role::\"s:/a/b/#r2\"",
];

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(texts)
}

/// A condition with its sign, and what joins it to the next.
fn condition() -> impl Strategy<Value = (&'static str, bool, bool)> {
    (one_of(&CONDITIONS), any::<bool>(), any::<bool>())
}

/// One policy; a third of them permit.
pub(super) fn policy() -> impl Strategy<Value = String> {
    let actions = (one_of(&ACTIONS), one_of(&PERMITTED));
    let head = (one_of(&PRINCIPALS), actions, one_of(&RESOURCES));
    let conditions = proptest::collection::vec(condition(), 0..4);
    (0..3u8, head, conditions, any::<bool>()).prop_map(|(effect, head, conditions, when)| {
        let (principal, (forbidden, permitted), resource) = head;
        let permits = effect == 0;
        let effect = if permits { "permit" } else { "forbid" };
        let action = if permits { permitted } else { forbidden };
        let mut text = format!("{effect} ({principal}, {action}, {resource})");
        // `action` alone also means who holds a role, where there is no context to read
        let mut conditions = conditions.iter().filter(|_| action != "action").peekable();
        if conditions.peek().is_some() {
            text.push_str(if when { " when { " } else { " unless { " });
        }
        while let Some((condition, negated, and)) = conditions.next() {
            text.push_str(&format!("{}({condition})", if *negated { "!" } else { "" }));
            text.push_str(match (conditions.peek(), and) {
                (None, _) => " }",
                (Some(_), true) => " && ",
                (Some(_), false) => " || ",
            });
        }
        text.push_str(";\n");
        text
    })
}
