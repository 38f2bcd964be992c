//! Proof from outside: the official `cedar` command reads what `policy export` writes, and decides
//! as the gateway does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_tests::{ConfigDir, Run, cedar, repository, temp_folder};

/// What `cedar authorize` ends with.
const ALLOW: i32 = 0;
const DENY: i32 = 2;

/// Exports a site and holds every sampled decision against the official command's. Returns how
/// many were held, and the actions that they were about.
fn prove(config: &Path, site: &str, samples: &str) -> (usize, BTreeSet<String>) {
    let folder = temp_folder();
    let out = folder.at("audit");
    let config = config.to_str().unwrap();
    let export = ["policy", "export", "--config", config, "--site", site, "--samples", samples];
    let export = [export.as_slice(), &["--out", out.to_str().unwrap()]].concat();
    Run::vestibule(&export, "").expect(0);
    let documents = |verb: &str| {
        let mut command = Command::new(cedar());
        command.arg(verb).arg("--schema").arg(out.join("schema.cedarschema"));
        command.arg("--policies").arg(out.join("policies.cedar"));
        command
    };
    let mut validate = documents("validate");
    let valid = Run::of(validate.arg("--deny-warnings"), "").expect(0);
    assert!(valid.out.contains("validation passed") || valid.err.contains("validation passed"));
    let expected = std::fs::read_to_string(out.join("expected.json")).unwrap();
    let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    let ask = |sample: &Value| {
        let file = out.join(sample["request"].as_str().unwrap());
        let mut authorize = documents("authorize");
        authorize.arg("--entities").arg(out.join("entities.json"));
        let run = Run::of(authorize.arg("--request-json").arg(&file), "");
        let decision = match run.code {
            ALLOW => "allow",
            DENY => "deny",
            _ => "error",
        };
        let request = std::fs::read_to_string(&file).unwrap();
        assert_eq!(sample["decision"], decision, "{site}: {request}\n{}{}", run.out, run.err);
        let request: Value = serde_json::from_str(&request).unwrap();
        request["action"].as_str().unwrap().to_owned()
    };
    // a process each: on all the processors there are
    let actions = std::thread::scope(|scope| {
        let parts = expected.chunks(expected.len().div_ceil(4));
        let ask = &ask;
        let parts = parts.map(|part| scope.spawn(move || part.iter().map(ask).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let allowed = expected.iter().filter(|sample| sample["decision"] == "allow").count();
    assert!(allowed > 5 && allowed + 5 < expected.len(), "one-sided samples: {allowed} allowed");
    (expected.len(), actions)
}

#[test]
fn cedar_itself_decides_as_the_gateway_does_about_folders() {
    let config = repository().join("policies/tests/acceptance/folders");
    let (count, actions) = prove(&config, "folders", "220");
    assert!(count >= 200, "{count}");
    assert!(actions.len() > 10, "{actions:?}");
}

#[test]
fn cedar_itself_decides_as_the_gateway_does_about_the_demo() {
    let (count, _) = prove(ConfigDir::demo().path(), "gallery", "60");
    assert!(count >= 50, "{count}");
}

/// The same site is exported in the same bytes, and nothing is overwritten.
#[test]
fn an_export_is_the_same_every_time() {
    let config = repository().join("policies/tests/acceptance/inheritance");
    let folder = temp_folder();
    let export = |name: &str| {
        let out = folder.at(name);
        let arguments = ["policy", "export", "--site", "inheritance", "--samples", "5", "--config"];
        let arguments = [arguments.as_slice(), &[config.to_str().unwrap(), "--out"]].concat();
        Run::vestibule(&[arguments.as_slice(), &[out.to_str().unwrap()]].concat(), "")
    };
    export("one").expect(0);
    export("two").expect(0);
    for file in ["schema.cedarschema", "policies.cedar", "entities.json", "expected.json"] {
        let read = |name: &str| std::fs::read_to_string(folder.at(name).join(file)).unwrap();
        assert_eq!(read("one"), read("two"));
        assert!(read("one").len() > 100, "{file} is empty");
    }
    let again = export("one").expect(2);
    assert!(again.err.contains("is not an empty folder"), "{}", again.err);
}
