//! The JSON API of management, held against its OpenAPI document by schemathesis.

use std::process::Command;

use reqwest::Method;
use vestibule_tests::{Client, Gateway, Reply, Run, installed};

use crate::api::managed;

/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    positive_data_acceptance,missing_required_header,ignored_auth";

/// The same for methods that nobody takes. The tool sends `GET` with the body of a `PUT`, which is
/// no request for the gateway's front, so that this is not asked of those that end sessions.
const METHODS: &str = ",unsupported_method,allow_header_conformance";

/// What ends sessions: the tool reads names from lists, and finds the administrator whose session
/// it has. They can't be removed, disabled or demoted, for they are the last one.
const ENDING: [&str; 3] = ["setPassword", "endSessions", "endSession"];

/// Every operation with generated requests, good and bad ones, the same each time.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_to_its_document() {
    let gateway = Gateway::start(managed()).await;
    let ada = gateway.client().at_portal();
    let cookie = ada.sign_in("ada").await.cookie("vestibule");
    let token = cookie.split_once('=').unwrap().1;
    // what is well-formed may still name nothing, or be no name after all
    let settings = format!(
        "[auth.openapi.plainSession]\napi_key = \"{token}\"\n\
         [checks.positive_data_acceptance]\n\
         expected-statuses = [\"2xx\", \"400\", \"401\", \"403\", \"404\", \"409\", \"422\", \"429\"]\n"
    );
    gateway.config.write("schemathesis.toml", &settings);
    run(&gateway, &ada, ("--exclude-operation-id", METHODS)).await;
    let still_there = ada.request(Method::GET, "/_vestibule/api/v1/users");
    Reply::to(still_there).await.expect(200);
    run(&gateway, &ada, ("--include-operation-id", "")).await;
}

/// All operations but those that end sessions, or these alone.
async fn run(gateway: &Gateway, ada: &Client, (which, more): (&str, &str)) {
    let document = format!("{}/_vestibule/api/v1/openapi.json", ada.origin());
    let mut command = Command::new(installed("schemathesis"));
    command
        .current_dir(gateway.config.path())
        .args(["run", &document, "--checks", &format!("{CHECKS}{more}")])
        .args(["--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-examples", "25"])
        .args(["--generation-database", "none", "--no-color", "--warnings", "off"])
        .args(ENDING.iter().flat_map(|operation| [which, operation]));
    let run = tokio::task::spawn_blocking(move || Run::of(&mut command, "")).await.unwrap();
    assert_eq!(run.code, 0, "{}\n{}", run.out, run.err);
}
