//! `policy explain` and `policy lint`, as they are typed and as programs read them.

use pretty_assertions::assert_eq;
use serde_json::Value;
use vestibule_tests::{ConfigDir, Run};

fn explain(config: &ConfigDir, user: &str, action: &str, path: &str, more: &[&str]) -> Run {
    let arguments = ["policy", "explain", "--site", "gallery", "--as", user, action, path];
    config.run(&[arguments.as_slice(), more].concat())
}

/// A change that is named is made, and the answer is the other one.
#[test]
fn the_smallest_change_holds_when_it_is_made() {
    let config = ConfigDir::demo();
    let ask = || explain(&config, "fred", "add_comments", "/welcome.jpg", &["--format", "json"]);
    let denied = ask().expect(3).json();
    assert_eq!(denied["decision"], "deny");
    assert_eq!(denied["missing"], "add_comments");
    assert_eq!(denied["cached"]["remembered"], true);
    assert_eq!(denied["context"], Value::Null);
    assert_eq!(denied["request"]["resource"], "Image::\"gallery:/welcome.jpg\"");
    let change = &denied["smallest_change"];
    assert_eq!(change["text"], "add `can_add_comments = true` to role `family`");
    let file = "config.d/sites/gallery/permissions.toml";
    let place = change["source"].as_str().unwrap();
    let line: usize = place.strip_prefix(&format!("{file}:")).unwrap().parse().unwrap();
    let text = std::fs::read_to_string(config.at(file)).unwrap();
    assert_eq!(text.lines().nth(line - 1), Some("[roles.family]"));
    let key = "[roles.family.permissions]\n";
    config.write(file, &text.replace(key, &format!("{key}can_add_comments = true\n")));
    let allowed = ask().expect(0).json();
    assert_eq!(allowed["decision"], "allow");
    // and back, by the entry that gives the role
    let entry = &allowed["smallest_change"];
    assert_eq!(entry["text"], "remove the user entry of `fred`");
    let text = std::fs::read_to_string(config.at(file)).unwrap();
    config.write(file, &text.replace("username = \"fred\"", "username = \"freda\""));
    ask().expect(3);
}

#[test]
fn an_explanation_reads_from_top_to_bottom() {
    let config = ConfigDir::demo();
    let run = explain(&config, "anonymous", "view", "/family/", &[]).expect(3);
    for line in [
        "principal  Visitor::\"\"",
        "resource   Folder::\"gallery:/family/\"",
        "decision   deny",
        "missing    view",
        "blocks on the way",
        "gallery:family/_folder.md:",
        "why not",
        "smallest change to allow",
    ] {
        assert!(run.out.contains(line), "{line}\n{}", run.out);
    }
    let typo = explain(&config, "fred", "downlod_large", "/", &[]).expect(2);
    assert!(typo.err.contains("did you mean `download_large`?"), "{}", typo.err);
    let elsewhere = ["policy", "explain", "--site", "galery", "--as", "fred", "view", "/"];
    assert!(config.run(&elsewhere).expect(3).err.contains("did you mean `gallery`?"));
    config.write("config.d/sites/gallery/permissions.toml", "public_role = 1\n");
    explain(&config, "fred", "view", "/", &[]).expect(2);
}

/// A grant of the store is an origin, and what takes it away is named.
#[test]
fn the_store_has_a_say_unless_it_is_left_out() {
    let config = ConfigDir::demo();
    let access = ["cluster", "users", "access", "grant", "--user", "carla", "--node", "gallery"];
    config.run(&[access.as_slice(), &["--role", "viewer"]].concat()).expect(0);
    let ask = |more: &[&str]| {
        let more = [&["--format", "json"], more].concat();
        explain(&config, "carla", "see_versions", "/welcome.jpg", &more)
    };
    let allowed = ask(&[]).expect(0).json();
    assert_eq!(allowed["roles"][0]["origins"][0]["kind"], "stored_grant");
    assert_eq!(allowed["smallest_change"]["text"], "revoke the stored grant of `carla`");
    assert_eq!(allowed["smallest_change"]["source"], Value::Null);
    ask(&["--documents-only"]).expect(3);
}

#[test]
fn the_demo_lints_clean() {
    let config = ConfigDir::demo();
    let run = config.run(&["policy", "lint"]).expect(0);
    assert_eq!(run.out, "0 findings in 1 site\n");
    let json = config.run(&["policy", "lint", "--format", "json"]).expect(0).json();
    assert_eq!(json, serde_json::json!({ "findings": [] }));
}

const ODD: &str = "public_role = \"viewer\"\n\n[roles.unused]\npermissions = { can_view = true }\n\n\
    [[user_roles]]\nusername = \"Olivia\"\nroles = [\"admin\"]\n";

#[test]
fn findings_say_place_and_mend() {
    let config = ConfigDir::new().with_site("odd", "hosts = [\"a.test\"]", ODD);
    let config = config.with_site("even", "hosts = [\"b.test\"]", "");
    let run = config.run(&["policy", "lint"]).expect(1);
    for part in [
        "lint::lost_by_signing_in",
        "lint::unassigned_role",
        "lint::unknown_user",
        "config.d/sites/odd/permissions.toml:7:12",
        "write `olivia`",
        "3 findings in 2 sites",
    ] {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
    config.run(&["policy", "lint", "--site", "even"]).expect(0);
    config.run(&["policy", "lint", "--site", "evn"]).expect(3);
    let codes = |more: &[&str]| -> Vec<String> {
        let lint = [&["policy", "lint", "--site", "odd", "--format", "json"], more].concat();
        let found = config.run(&lint).expect(1).json();
        let found = found["findings"].as_array().unwrap();
        found.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&[]).len(), 3);
    let documents = codes(&["--documents-only"]);
    assert_eq!(documents, ["lint::lost_by_signing_in", "lint::unassigned_role"]);
}

/// What SARIF 2.1.0 requires of a log, and what code scanners read of it.
#[test]
fn findings_are_sarif() {
    let config = ConfigDir::new().with_site("odd", "hosts = [\"a.test\"]", ODD);
    let log = config.run(&["policy", "lint", "--format", "sarif"]).expect(1).json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(rules[index]["help"]["text"].as_str().unwrap().len() > 20);
        assert_eq!(result["level"], "warning");
        assert!(result["message"]["text"].is_string());
        assert_eq!(result["properties"]["site"], "odd");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "config.d/sites/odd/permissions.toml");
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(place["region"]["startColumn"].as_u64().unwrap() >= 1);
    }
}

/// A configuration with an error is no finding.
#[test]
fn a_mistake_is_bad_input() {
    let config = ConfigDir::new().with_site("odd", "hosts = [\"a.test\"]", "public_rol = 1\n");
    let run = config.run(&["policy", "lint"]).expect(2);
    assert!(run.err.contains("did you mean `public_role`?"), "{}", run.err);
    let config = ConfigDir::demo();
    config.put("gallery", "broken/_folder.md", "+++\n[permission]\n+++\n");
    config.run(&["policy", "lint"]).expect(2);
}

const OFFICE: &str = "\
@id(\"office\")
forbid (principal, action == Action::\"download_large\", resource)
unless { context.ip.isInRange(ip(\"192.0.2.0/24\")) };
@id(\"sundays\")
forbid (principal, action == Action::\"use_zoom\", resource)
when { context.weekday == \"Sunday\" };
";

/// The demo, with hand-written policies.
fn with_policies(text: &str) -> ConfigDir {
    let config = ConfigDir::demo();
    let folder = config.at("config.d/sites/gallery/policies");
    std::fs::create_dir_all(folder).unwrap();
    config.write("config.d/sites/gallery/policies/own.cedar", text);
    config
}

/// The question's context decides; what it leaves out is named, and what would be otherwise.
#[test]
fn hand_written_policies_are_judged_with_the_context_of_the_question() {
    let config = with_policies(OFFICE);
    let check = |action: &str, more: &[&str]| {
        let arguments = ["policy", "check", "--site", "gallery", "--as", "olivia", action, "/"];
        config.run(&[arguments.as_slice(), more].concat())
    };
    let unsaid = check("download_large", &[]).expect(3).out;
    assert!(unsaid.contains("it can't be decided"), "{unsaid}");
    let place = "policy gallery:policies/office (config.d/sites/gallery/policies/own.cedar:2)";
    assert!(unsaid.contains(&format!("{place} reads context.ip: say --ip")), "{unsaid}");
    let office = check("download_large", &["--ip", "192.0.2.7", "--format", "json"]).expect(0);
    let office = office.json();
    assert_eq!(office["context"]["ip"], "192.0.2.7");
    assert_eq!(office["context"]["method"], "GET");
    assert_eq!(office["unsaid"], serde_json::json!([]));
    check("download_large", &["--ip", "198.51.100.7"]).expect(3);
    check("use_zoom", &["--at", "2026-11-22T12:00"]).expect(3);
    check("use_zoom", &["--at", "2026-11-23T12:00:00Z", "--mfa", "--method", "post"]).expect(0);
    check("use_zoom", &["--at", "noon"]).expect(2);
    check("use_zoom", &["--ip", "office"]).expect(2);
    let run = explain(&config, "olivia", "download_large", "/", &["--ip", "198.51.100.7"]);
    let out = run.expect(3).out;
    for line in [
        "context    ip 198.51.100.7",
        "cached     asked anew each time: config.d/sites/gallery/policies/own.cedar:2 reads context.ip",
        "    forbid gallery:policies/office (config.d/sites/gallery/policies/own.cedar:2)",
        "ask from 192.0.2.0/24",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let sunday = ["--at", "2026-11-22T12:00", "--format", "json"];
    let denied = explain(&config, "olivia", "use_zoom", "/", &sunday).expect(3).json();
    assert_eq!(denied["context"]["weekday"], "Sunday");
    assert_eq!(denied["smallest_change"]["text"], "ask on a Monday");
    assert_eq!(denied["smallest_change"]["reach"], "request");
}

#[test]
fn a_policy_that_never_matches_is_found() {
    let policy = "forbid (principal == User::\"olivai\", action == Action::\"view\", resource);\n\
                  forbid (principal, action == Action::\"view\", resource in Folder::\"gallery:/no/\");\n";
    let config = with_policies(policy);
    let run = config.run(&["policy", "lint"]).expect(1);
    for part in
        ["lint::never_matches", "did you mean `olivia`?", "the gallery has no folder `/no/`"]
    {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
    let log = config.run(&["policy", "lint", "--format", "sarif"]).expect(1).json();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "lint::never_matches");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "config.d/sites/gallery/policies/own.cedar");
    assert_eq!(place["region"]["startLine"], 1);
}
