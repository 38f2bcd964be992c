//! regorus: the rules as Rego over a data document. Blocks are found by their path, as the
//! document is a map: the best form that the language has for it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use regorus::{Engine, Value};
use vestibule_schema::PermissionSet;

use super::super::measures::Measure;
use super::super::rules::{BlockRules, Rules};
use super::super::subject::Question;
use super::Rival;

const POLICY: &str = r#"package vestibule

import rego.v1

default allow := false

way := [block | some folder in input.folders; block := data.site.folders[folder]]

allow if {
    count(way) > 0
    every block in way {
        granted(block, "view")
        granted(block, input.action)
    }
}

allow if {
    count(way) == 0
    granted(data.site.block, "view")
    granted(data.site.block, input.action)
}

granted(block, action) if {
    some role in roles(block)
    block.roles[role][action]
}

roles(block) := block.public if {
    input.user == ""
} else := block.users[input.user] if {
    block.users[input.user]
} else := block.default
"#;
const RULE: &str = "data.vestibule.allow";

/// A prepared engine, and inputs.
pub(super) struct Regorus {
    engine: Engine,
    inputs: Vec<Value>,
}

impl Regorus {
    pub(super) fn new(rules: &Rules) -> anyhow::Result<Self> {
        let folders = rules.folders.iter();
        let folders = folders.map(|(path, rules)| (Value::from(path.as_str()), block(rules)));
        let folders = Value::from(folders.collect::<BTreeMap<_, _>>());
        let site = object([("block", block(&rules.site)), ("folders", folders)]);
        let mut engine = Engine::new();
        engine.add_policy("site.rego".to_owned(), POLICY.to_owned())?;
        engine.add_data(object([("site", site)]))?;
        Ok(Self { engine, inputs: Vec::new() })
    }
}

impl Rival for Regorus {
    fn measure(&self) -> Measure {
        Measure::Regorus
    }

    fn prepare(&mut self, questions: &[Question]) -> anyhow::Result<()> {
        self.inputs = questions.iter().map(input).collect();
        Ok(())
    }

    fn decide(&mut self, at: usize) -> anyhow::Result<bool> {
        let input = self.inputs.get(at).context("no such request")?;
        self.engine.set_input(input.clone());
        Ok(*self.engine.eval_rule(RULE.to_owned())?.as_bool()?)
    }
}

fn input(question: &Question) -> Value {
    let user = question.principal.user_name().map_or("", |name| name.as_str());
    let folders: Vec<_> = question.image.ancestors().map(Value::from).collect();
    object([
        ("user", Value::from(user)),
        ("action", Value::from(question.action.name())),
        ("folders", Value::from(folders)),
    ])
}

fn block(rules: &BlockRules) -> Value {
    let names = |names: &mut dyn Iterator<Item = &String>| {
        Value::from(names.map(|name| Value::from(name.as_str())).collect::<Vec<_>>())
    };
    let roles = rules.roles.iter().map(|(name, held)| (Value::from(name.as_str()), actions(*held)));
    let users = rules.users.iter();
    let users = users.map(|(user, roles)| (Value::from(user.as_str()), names(&mut roles.iter())));
    object([
        ("roles", Value::from(roles.collect::<BTreeMap<_, _>>())),
        ("users", Value::from(users.collect::<BTreeMap<_, _>>())),
        ("default", names(&mut rules.default.iter())),
        ("public", names(&mut rules.public.iter())),
    ])
}

fn actions(held: PermissionSet) -> Value {
    let actions = held.actions().map(|action| (Value::from(action.name()), Value::from(true)));
    Value::from(actions.collect::<BTreeMap<_, _>>())
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::from(BTreeMap::from(pairs.map(|(key, value)| (Value::from(key), value))))
}
