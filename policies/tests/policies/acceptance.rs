//! Every case of the contract's acceptance directories.

use std::path::Path;
use std::sync::Arc;

use vestibule_policies::Vocabulary;
use vestibule_policies::audit::cases::CaseFile;
use vestibule_schema::Source;

use crate::load;

#[test]
fn every_acceptance_case_holds() {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let config = entry.unwrap().path();
        let engine = load::site(&vocabulary, &config).unwrap();
        let name = config.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(config.join("cases.toml")).unwrap();
        let file = CaseFile::parse(&Source::new(&format!("{name}/cases.toml"), &text)).unwrap();
        for case in &file.cases {
            count += 1;
            let outcome = case.run(&engine);
            if !outcome.holds {
                wrong.push(format!("{name}:{} {:?} {:?}", case.line, case, outcome.policies));
            }
        }
    }
    assert!(count > 4_000, "only {count} cases were found");
    assert!(wrong.is_empty(), "{} of {count} don't hold:\n{}", wrong.len(), wrong.join("\n"));
}
