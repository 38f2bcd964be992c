//! Findings in SARIF 2.1.0, which code scanners and editors read.

use serde_json::{Value, json};
use vestibule_policies::audit::lint::{RULES, Rule};
use vestibule_schema::problem::{Problem, Severity};

use super::lint::Finding;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// How the names of the gallery's documents begin.
const GALLERY: &str = "gallery:";

/// The whole log: one run of one tool.
pub(super) fn log(findings: &[Finding]) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "vestibule policy lint",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                "CONFIG": { "description": { "text": "the configuration directory" } },
                "GALLERY": { "description": { "text": "the gallery of the result's site" } },
            },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": rule.title },
        "help": { "text": rule.help },
        "defaultConfiguration": { "level": "warning" },
    })
}

fn result(finding: &Finding) -> Value {
    let problem = &finding.problem;
    let text = match &problem.help {
        Some(help) => format!("{}. {help}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "ruleId": problem.code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == problem.code),
        "level": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": { "text": text },
        "locations": [{ "physicalLocation": location(problem) }],
        "properties": { "site": finding.site.as_str() },
    })
}

fn location(problem: &Problem) -> Value {
    let name = problem.source.name();
    // a problem without its text may name the line beside the file
    let named = name.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    let (file, region) = match named {
        Some((file, line)) if problem.source.text().is_empty() => {
            let line: u32 = line;
            (file, json!({ "startLine": line.max(1) }))
        }
        _ => (name, region(problem)),
    };
    let (base, path) = match file.strip_prefix(GALLERY) {
        Some(path) => ("GALLERY", path),
        None => ("CONFIG", file),
    };
    let artifact = json!({ "uri": encoded(path.trim_start_matches('/')), "uriBaseId": base });
    json!({ "artifactLocation": artifact, "region": region })
}

fn region(problem: &Problem) -> Value {
    let (line, column) = problem.line_column();
    let (end_line, end_column) = problem.source.line_column(problem.span.end);
    json!({
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    })
}

/// A path as a relative reference: what is not unreserved is written in percent.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use vestibule_schema::{SiteId, Source};

    use super::*;

    fn finding(problem: Problem) -> Finding {
        Finding { site: SiteId::parse("family").unwrap(), problem }
    }

    #[test]
    fn a_result_says_rule_and_region() {
        let source = Source::new("gallery:für alle/_folder.md", "+++\n[permissions]\n+++\n");
        let problem = Problem::warning("lint::unused_block", "it changes nothing");
        let problem = problem.at(&source, 5..16, "here").help("remove it");
        let log = log(&[finding(problem)]);
        let run = &log["runs"][0];
        let result = &run["results"][0];
        assert_eq!(result["message"]["text"], "it changes nothing. remove it");
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], "lint::unused_block");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"],
            json!({ "uri": "f%C3%BCr%20alle/_folder.md", "uriBaseId": "GALLERY" })
        );
        assert_eq!(
            place["region"],
            json!({ "startLine": 2, "startColumn": 2, "endLine": 2, "endColumn": 13 })
        );
    }

    #[test]
    fn a_line_without_text_is_a_region_too() {
        let problem = Problem::warning("lint::warning", "it is").in_file("config.d/a.toml:7");
        let log = log(&[finding(problem)]);
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "config.d/a.toml");
        assert_eq!(place["region"], json!({ "startLine": 7 }));
    }

    #[test]
    fn every_rule_is_explained() {
        for rule in &RULES {
            assert!(rule.code.starts_with("lint::") && rule.help.ends_with('.'), "{}", rule.code);
        }
    }
}
