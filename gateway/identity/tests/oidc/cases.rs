//! All cases of signing in.

mod answer;
mod claims;
mod discovery;
mod signature;
mod user_info;

use serde_json::Value;

use crate::case::Case;
use crate::keys::Signing;
use crate::provider::{Deviation, Raw};

/// Every case, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    [discovery::all(), answer::all(), signature::all(), claims::all(), user_info::all()]
        .into_iter()
        .flatten()
        .collect()
}

fn discovery(discovery: Value) -> Deviation {
    Deviation { discovery, ..Deviation::default() }
}

fn header(header: Value) -> Deviation {
    Deviation { header, ..Deviation::default() }
}

fn claims(claims: Value) -> Deviation {
    Deviation { claims, ..Deviation::default() }
}

fn tokens(tokens: Value) -> Deviation {
    Deviation { tokens, ..Deviation::default() }
}

fn signed(signing: Signing) -> Deviation {
    Deviation { signing, ..Deviation::default() }
}

fn redirect() -> Option<Raw> {
    let location = Some("https://elsewhere.example/");
    Some(Raw { status: 302, kind: "application/json", body: "{}".to_owned(), location })
}

/// S20 to S25, S30, S31: every case of the table.
#[tokio::test]
async fn every_case_comes_out_as_listed() {
    let mut wrong = Vec::new();
    for case in all() {
        let (outcome, _) = case.run().await;
        if outcome != case.outcome {
            wrong
                .push(format!("{}:\n  expected {}\n  but      {outcome}", case.name, case.outcome));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
