//! The command line, as people and scripts type it: exit codes, JSON, and what is left behind.

use std::fs;
use std::time::Duration;

use pretty_assertions::assert_eq;
use rustix::process::Signal;
use vestibule_tests::{
    Client, ConfigDir, Gateway, Run, demo_permissions, eventually, free_port, password, pictures,
    repository, start_process, temp_folder,
};

fn acceptance() -> Vec<std::path::PathBuf> {
    let folder = repository().join("policies/tests/acceptance");
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn every_acceptance_case_holds() {
    let folders = acceptance();
    assert!(folders.len() >= 8, "{folders:?}");
    for folder in folders {
        let (config, cases) = (folder.to_str().unwrap(), folder.join("cases.toml"));
        let test = ["policy", "test", "--config", config, cases.to_str().unwrap()];
        let run = Run::vestibule(&test, "").expect(0);
        assert!(run.out.contains("cases hold, 0 don't"), "{}", run.out);
        let json = Run::vestibule(&[test.as_slice(), &["--format", "json"]].concat(), "").expect(0);
        let rows = json.json();
        let rows = rows.as_array().unwrap();
        assert!(rows.len() > 50 && rows.iter().all(|row| row["holds"] == true), "{config}");
    }
}

#[test]
fn a_case_that_does_not_hold_is_shown() {
    let config = ConfigDir::demo();
    let cases = "site = \"gallery\"\n[[case]]\nas = \"anonymous\"\naction = \"view\"\n\
                 path = \"/family/\"\nexpect = \"allow\"\n";
    config.write("cases.toml", cases);
    let file = config.at("cases.toml");
    let run = config.run(&["policy", "test", file.to_str().unwrap()]).expect(1);
    assert!(run.out.contains("cases.toml:2: anonymous view /family/"), "{}", run.out);
    assert!(run.out.contains("expected allow, got deny"), "{}", run.out);
    assert!(run.out.contains("0 cases hold, 1 don't"), "{}", run.out);
}

#[test]
fn one_question_has_one_answer() {
    let config = ConfigDir::demo();
    let ask = |user: &str, action: &str, path: &str| {
        let arguments = ["policy", "check", "--site", "gallery", "--as", user, action, path];
        config.run(&[arguments.as_slice(), &["--format", "json"]].concat())
    };
    let yes = ask("fred", "download_original", "/landscapes/still-lake.jpg").expect(0).json();
    assert_eq!(yes["decision"], "allow");
    let source = yes["policies"][0]["source"].as_str().unwrap();
    assert!(source.starts_with("config.d/sites/gallery/permissions.toml:"), "{yes}");
    let no = ask("anonymous", "view", "/family/").expect(3).json();
    assert_eq!(no["decision"], "deny");
    let typo = ask("fred", "downlod_large", "/").expect(2);
    assert!(typo.err.contains("did you mean `download_large`?"), "{}", typo.err);
    ask("fred", "view", "/a/../b").expect(2);
    ask("", "view", "/").expect(2);
    let elsewhere = config.run(&["policy", "check", "--site", "galery", "--as", "x", "view", "/"]);
    assert!(elsewhere.expect(3).err.contains("there is no site `galery`"));
}

#[test]
fn accounts_come_and_go() {
    let config = ConfigDir::new();
    let folder = config.path().to_str().unwrap().to_owned();
    let add = |name: &str, word: &str| {
        let arguments = ["users", "add", name, "--password-stdin", "--config", &folder];
        Run::vestibule(&arguments, word)
    };
    add("zoë.müller", "a long enough pass phrase").expect(0);
    let names = || {
        let list = config.run(&["users", "ls", "--format", "json"]).expect(0).json();
        let rows = list.as_array().unwrap().clone();
        rows.iter().map(|row| row["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names().contains(&"zoë.müller".to_owned()));
    let twice = add("zoë.müller", "a long enough pass phrase").expect(1);
    assert!(twice.err.contains("zoë.müller"), "{}", twice.err);
    assert!(add("kim", "short").expect(2).err.contains("password"));
    assert!(!names().contains(&"kim".to_owned()));
    add("", "a long enough pass phrase").expect(2);
    let csv = config.run(&["users", "ls", "--format", "csv"]).expect(0);
    assert!(csv.out.starts_with("user,name,role,state\n"), "{}", csv.out);
    // without a terminal nothing is asked and nothing is done
    let unasked = config.run(&["users", "rm", "zoë.müller"]);
    assert_eq!(unasked.code, 2, "{}", unasked.err);
    config.run(&["users", "rm", "zoë.müller", "--yes", "--dry-run"]).expect(0);
    assert!(names().contains(&"zoë.müller".to_owned()));
    config.run(&["users", "rm", "zoë.müller", "--yes"]).expect(0);
    assert!(!names().contains(&"zoë.müller".to_owned()));
    let gone = config.run(&["users", "rm", "zoë.müller", "--yes"]).expect(3);
    assert!(gone.err.contains("zoë.müller"), "{}", gone.err);
}

/// While the gateway serves, an account that is removed or gets another password is out at once.
#[tokio::test]
async fn an_account_that_is_removed_is_signed_out() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let target = "/image/family/garden.jpg?size=thumbnail";
    let fred = gateway.signed_in("fred").await;
    fred.get(target).await.expect(200);
    let folder = gateway.config.path().to_str().unwrap();
    let passwd = ["users", "passwd", "fred", "--password-stdin", "--config", folder];
    Run::vestibule(&passwd, &format!("another {}", password("fred"))).expect(0);
    fred.get(target).await.expect(401);
    let olivia = gateway.signed_in("olivia").await;
    olivia.get(target).await.expect(200);
    gateway.config.run(&["users", "rm", "olivia", "--yes"]).expect(0);
    olivia.get(target).await.expect(401);
}

#[test]
fn grants_are_listed_as_they_were_given() {
    let config = ConfigDir::demo();
    let access =
        |arguments: &[&str]| config.run(&[&["cluster", "users", "access"], arguments].concat());
    let jane = ["--user", "jane", "--node", "gallery"];
    let scoped = ["--role", "guest", "--base-path", "/people/"];
    access(&[&["grant"], jane.as_slice(), &scoped].concat()).expect(0);
    access(&[["grant"].as_slice(), &["--user", "mia", "--node", "gallery"]].concat()).expect(0);
    let list = access(&["ls", "--format", "json"]).expect(0).json();
    let rows = list.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    let row = rows.iter().find(|row| row["user"] == "jane").unwrap();
    assert_eq!((&row["role"], &row["base_path"]), (&"guest".into(), &"/people/".into()));
    let dry = access(&[&["revoke", "--dry-run"], jane.as_slice()].concat()).expect(0);
    assert!(dry.out.contains("would revoke"), "{}", dry.out);
    access(&[&["revoke", "--yes"], jane.as_slice()].concat()).expect(0);
    assert_eq!(access(&["ls", "--user", "jane", "--format", "json"]).expect(0).out.trim(), "[]");
    let unknown = access(&["grant", "--user", "jane", "--node", "galery", "--role", "viewer"]);
    assert_ne!(unknown.code, 0, "{}", unknown.out);
    let typo = access(&[&["grant"], jane.as_slice(), &["--role", "vieuwer"]].concat());
    assert_eq!(typo.code, 2, "{}", typo.err);
    assert!(typo.err.contains("viewer"), "{}", typo.err);
}

/// A gallery of one's own in one command, and it serves.
#[tokio::test]
async fn init_makes_a_gateway_that_works() {
    let folder = temp_folder();
    let (pictures, config) = (folder.at("Meine Bilder"), folder.at("gateway"));
    fs::create_dir(&pictures).unwrap();
    fs::write(pictures.join("a.jpg"), pictures::jpeg(60, 40)).unwrap();
    let init = [
        "init",
        "--config",
        config.to_str().unwrap(),
        "--gallery",
        pictures.to_str().unwrap(),
        "--site",
        "family",
        "--owner",
        "jane",
        "--password-stdin",
        "--public",
        "nobody",
    ];
    let made = Run::vestibule(&init, &password("jane")).expect(0);
    assert!(made.out.contains("vestibule serve --config"), "{}", made.out);
    let checked = ["check", "--config", config.to_str().unwrap()];
    Run::vestibule(&checked, "").expect(0);
    // what it says to type can be typed
    let mut lines = made.out.lines().map(str::trim);
    let grant = lines.find(|line| line.starts_with("vestibule cluster")).unwrap();
    let grant = grant.replace("NAME", "jane");
    let grant: Vec<_> = grant.split(' ').skip(1).collect();
    Run::vestibule(&grant, "").expect(0);
    let port = free_port();
    let file = config.join("vestibule.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("8080", &port.to_string())).unwrap();
    let serve = ["serve", "--config", config.to_str().unwrap()];
    let mut process = start_process(&serve, &folder.at("log"));
    let client = Client::new(&format!("http://localhost:{port}"));
    answers(port).await;
    client.open("/").await.expect(303);
    client.sign_in("jane").await;
    client.open("/").await.expect(200);
    client.get("/image/a.jpg?size=original").await.expect(200);
    assert_eq!(process.end(Signal::TERM).unwrap().code(), Some(0));
    // a second time: nothing is overwritten
    let before = fs::read(&file).unwrap();
    let again = Run::vestibule(&init, &password("jane")).expect(2);
    assert!(again.err.contains("holds a configuration already"), "{}", again.err);
    assert_eq!(fs::read(&file).unwrap(), before);
}

async fn answers(port: u16) {
    eventually(Duration::from_secs(60), "the gateway answers", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)
    })
    .await;
}

#[test]
fn init_says_what_is_missing() {
    let folder = temp_folder();
    let config = folder.at("gateway");
    let init = ["init", "--config", config.to_str().unwrap()];
    let asked = Run::vestibule(&init, "").expect(2);
    assert!(asked.err.contains("there is no terminal"), "{}", asked.err);
    let none = [init.as_slice(), &["--gallery", "/no/such/folder"]].concat();
    assert!(Run::vestibule(&none, "").expect(2).err.contains("`/no/such/folder` is no folder"));
    assert!(!config.exists(), "half a configuration is left behind");
}

/// A Tenrankai `config.d` is taken over as it is.
#[tokio::test]
async fn init_imports_permissions_byte_for_byte() {
    let folder = temp_folder();
    let gallery = pictures::sample_gallery().to_str().unwrap();
    let permissions = format!("# kept: äöü\r\n\n{}", demo_permissions());
    for site in ["main", "second"] {
        let old = folder.at("tenrankai/config.d/sites").join(site);
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("permissions.toml"), &permissions).unwrap();
        fs::write(old.join("gallery.toml"), "name = \"x\"\n").unwrap();
    }
    let config = folder.at("gateway");
    let (from, to) = (folder.at("tenrankai/config.d"), config.to_str().unwrap());
    let init = ["init", "--config", to, "--gallery", gallery, "--import", from.to_str().unwrap()];
    Run::vestibule(&init, "").expect(0);
    for site in ["main", "second"] {
        let file = config.join("config.d/sites").join(site).join("permissions.toml");
        assert_eq!(fs::read(file).unwrap(), permissions.as_bytes());
    }
    let check = ["policy", "check", "--config", to, "--site", "second", "--as", "fred"];
    Run::vestibule(&[check.as_slice(), &["see_location", "/welcome.jpg"]].concat(), "").expect(0);
    Run::vestibule(&[check.as_slice(), &["manage_images", "/"]].concat(), "").expect(3);
    let file = config.join("vestibule.toml");
    let port = free_port();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("8080", &port.to_string())).unwrap();
    let process = start_process(&["serve", "--config", to], &folder.at("log"));
    answers(port).await;
    let visitor = Client::new(&format!("http://localhost:{port}"));
    visitor.get("/i/main/image/welcome.jpg?size=thumbnail").await.expect(200);
    visitor.get("/i/second/image/family/garden.jpg?size=thumbnail").await.expect(401);
    drop(process);
}

/// The demo starts with nothing, and Ctrl-C leaves nothing but its pictures.
#[tokio::test]
async fn the_demo_starts_and_ends_cleanly() {
    let folder = temp_folder();
    let (temporary, gallery) = (folder.at("tmp"), folder.at("pictures"));
    fs::create_dir(&temporary).unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let temporary_arg = temporary.to_str().unwrap();
    let arguments =
        ["demo", "--small", "--listen", &listen, "--gallery", gallery.to_str().unwrap()];
    let mut process = vestibule_tests::start_process_with(
        &arguments,
        &folder.at("log"),
        &[("TMPDIR", temporary_arg)],
    );
    let client = Client::new(&format!("http://localhost:{port}"));
    answers(port).await;
    client.open("/").await.expect(200);
    for name in ["olivia", "fred", "carla"] {
        Client::new(&format!("http://localhost:{port}")).sign_in(name).await;
    }
    let said = process.log();
    assert!(said.contains(&format!("http://localhost:{port}")), "{said}");
    for name in ["olivia", "fred", "carla"] {
        assert!(said.contains(&password(name)), "{said}");
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    assert_eq!(process.end(Signal::INT).unwrap().code(), Some(0), "{}", process.log());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "a temporary folder is left behind");
    assert!(gallery.join("welcome.jpg").is_file());
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

/// What is asked of programs in pipelines: help is no mistake, a typo is.
#[test]
fn exit_codes_are_as_documented() {
    for (arguments, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["policy", "--help"], 0),
        (vec!["serv"], 2),
        (vec![], 2),
        (vec!["serve", "--config", "/no/such/folder"], 2),
        (vec!["check", "--config", "/no/such/folder"], 2),
        (vec!["users", "ls", "--config", "/no/such/folder"], 2),
    ] {
        let run = Run::vestibule(&arguments, "");
        assert_eq!(run.code, code, "{arguments:?}: {}{}", run.out, run.err);
    }
}
