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

/// A decision that both came to.
struct Held {
    action: String,
    allowed: bool,
    /// What the official command says, with the policies that decided.
    said: String,
}

/// Exports a site and holds every sampled decision against the official command's.
fn prove(config: &Path, site: &str, samples: &str) -> Vec<Held> {
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
        authorize.arg("--verbose").arg("--entities").arg(out.join("entities.json"));
        let run = Run::of(authorize.arg("--request-json").arg(&file), "");
        let decision = match run.code {
            ALLOW => "allow",
            DENY => "deny",
            _ => "error",
        };
        let request = std::fs::read_to_string(&file).unwrap();
        assert_eq!(sample["decision"], decision, "{site}: {request}\n{}{}", run.out, run.err);
        let request: Value = serde_json::from_str(&request).unwrap();
        let action = request["action"].as_str().unwrap().to_owned();
        Held { action, allowed: decision == "allow", said: run.out + &run.err }
    };
    // a process each: on all the processors there are
    let held: Vec<Held> = std::thread::scope(|scope| {
        let parts = expected.chunks(expected.len().div_ceil(4));
        let ask = &ask;
        let parts = parts.map(|part| scope.spawn(move || part.iter().map(ask).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let allowed = held.iter().filter(|held| held.allowed).count();
    assert!(allowed > 5 && allowed + 5 < held.len(), "one-sided samples: {allowed} allowed");
    held
}

#[test]
fn cedar_itself_decides_as_the_gateway_does_about_folders() {
    let config = repository().join("policies/tests/acceptance/folders");
    let held = prove(&config, "folders", "220");
    assert!(held.len() >= 200, "{}", held.len());
    let actions: BTreeSet<_> = held.iter().map(|held| &held.action).collect();
    assert!(actions.len() > 10, "{actions:?}");
}

#[test]
fn cedar_itself_decides_as_the_gateway_does_about_the_demo() {
    let held = prove(ConfigDir::demo().path(), "gallery", "60");
    assert!(held.len() >= 50, "{}", held.len());
}

/// All examples of the documentation and a permit: each policy decides some of the samples, and
/// some of the same action come out the other way.
#[test]
fn cedar_itself_decides_as_the_gateway_does_about_hand_written_policies() {
    let permissions = "public_role = \"all\"\n[roles.all]\npermissions = { can_view = true, \
        can_download_large = true, can_download_original = true, can_download_gallery = true }\n\
        [[user_roles]]\nusername = \"olivia\"\nroles = [\"admin\"]\n";
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, permissions);
    let site = config.site_text("site", r#"hosts = ["localhost"]"#);
    let more = "custom_permits = true\ntimezone = \"Europe/Berlin\"\n";
    config.write("config.d/sites/site/site.toml", &format!("{site}{more}"));
    let policies = "config.d/sites/site/policies";
    std::fs::create_dir(config.at(policies)).unwrap();
    for entry in std::fs::read_dir(repository().join("policies/docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        config.write(&format!("{policies}/{name}"), &text);
    }
    config.write(
        &format!("{policies}/permit.cedar"),
        "@id(\"accounts-see-the-wedding\")\n\
         permit (principal is User, action in Action::\"any\", \
         resource in Folder::\"site:/wedding/\")\n\
         when { context.method == \"GET\" };\n",
    );
    config.put("site", "wedding/_folder.md", "+++\nhide_technical_details = true\n+++\n");
    let held = prove(config.path(), "site", "400");
    assert_eq!(held.len(), 400);
    for (policy, allows) in [
        ("office-network", false),
        ("until-new-year", false),
        ("downloads-need-a-second-factor", false),
        ("no-originals-on-sundays", false),
        ("accounts-see-the-wedding", true),
    ] {
        let decided: Vec<_> = held.iter().filter(|held| held.said.contains(policy)).collect();
        assert!(decided.iter().any(|held| held.allowed == allows), "{policy} decides nothing");
        let actions: BTreeSet<_> = decided.iter().map(|held| &held.action).collect();
        let other = |held: &&Held| actions.contains(&held.action) && held.allowed != allows;
        assert!(held.iter().any(|held| other(&held)), "{policy}: always the same answer");
    }
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
