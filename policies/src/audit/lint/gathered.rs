//! What reading the documents warns of already.

use vestibule_schema::problem::{Problem, Severity};

/// A warning as a finding. An error is none: what it concerns is closed.
pub(super) fn finding(warning: &Problem) -> Option<Problem> {
    if warning.severity == Severity::Error {
        return None;
    }
    let code = match warning.code {
        "policy::false_removes_nothing" => "lint::false_removes_nothing",
        "policy::default_owner" => "lint::default_owner",
        "policy::no_view" => "lint::unreachable_permission",
        "folder::hides_nothing" => "lint::hides_nothing",
        "custom::suspicious" if warning.message.contains("impossible") => "lint::never_matches",
        _ => "lint::warning",
    };
    let problem = Problem { code, ..warning.clone() };
    let lacks_help = problem.help.is_none() && code == "lint::never_matches";
    Some(if lacks_help {
        problem.help("correct the condition, or remove the policy")
    } else {
        problem
    })
}
