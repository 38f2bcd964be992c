//! What the head of a policy says of actions: which of the 28 it can apply to.

use cedar_policy::{ActionConstraint, EntityUid, Policy};
use vestibule_schema::Action;

/// A set of actions, as the requests ask them: no group among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionMask(u32);

impl ActionMask {
    /// No action.
    pub(crate) const NONE: Self = Self(0);
    /// All of them.
    pub(crate) const ALL: Self = Self((1 << Action::ALL.len()) - 1);

    /// The actions that a policy can apply to.
    pub(crate) fn of(policy: &Policy) -> Self {
        match policy.action_constraint() {
            ActionConstraint::Any => Self::ALL,
            ActionConstraint::Eq(action) => Self::one_of(&action),
            ActionConstraint::In(actions) => {
                actions.iter().map(Self::members_of).fold(Self::NONE, Self::or)
            }
        }
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, action: Action) -> bool {
        self.0 & (1 << action.index()) != 0
    }

    fn all_that(holds: impl Fn(Action) -> bool) -> Self {
        let bits = Action::ALL.iter().filter(|action| holds(**action));
        Self(bits.fold(0, |bits, action| bits | 1 << action.index()))
    }

    fn one_of(action: &EntityUid) -> Self {
        Self::all_that(|one| one.name() == action.id().unescaped())
    }

    /// The action itself, and the members of an action group (`gallery.cedarschema`).
    fn members_of(action: &EntityUid) -> Self {
        match action.id().unescaped() {
            "any" => Self::ALL,
            "write" => Self::all_that(Action::is_write),
            "manage_images" => Self::all_that(|one| {
                matches!(one, Action::ManageImages | Action::Upload | Action::Organize)
            }),
            _ => Self::one_of(action),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(head: &str) -> ActionMask {
        let policy = format!("forbid (principal, {head}, resource);");
        ActionMask::of(&policy.parse().unwrap())
    }

    /// The groups here are those of the schema, whatever it says.
    #[test]
    fn groups_are_those_of_the_schema() {
        let (schema, _) =
            cedar_policy::Schema::from_cedarschema_str(vestibule_schema::CEDAR_SCHEMA).unwrap();
        let actions = schema.action_entities().unwrap();
        for group in ["any", "write", "manage_images"] {
            let found = mask(&format!("action in Action::\"{group}\""));
            let uid: EntityUid = format!("Action::\"{group}\"").parse().unwrap();
            for action in Action::ALL {
                let one: EntityUid = format!("Action::\"{}\"", action.name()).parse().unwrap();
                let is_member = one == uid || actions.is_ancestor_of(&uid, &one);
                assert_eq!(found.has(*action), is_member, "{group} {action}");
            }
        }
    }

    #[test]
    fn a_head_names_one_several_or_all() {
        assert_eq!(mask("action"), ActionMask::ALL);
        let view = mask("action == Action::\"view\"");
        assert!(view.has(Action::View) && !view.has(Action::Upload));
        let two = mask("action in [Action::\"view\", Action::\"upload\"]");
        assert!(two.has(Action::View) && two.has(Action::Upload) && !two.has(Action::Organize));
        // a group is none of its members by `==`
        let group = mask("action == Action::\"manage_images\"");
        assert!(group.has(Action::ManageImages) && !group.has(Action::Upload));
    }
}
