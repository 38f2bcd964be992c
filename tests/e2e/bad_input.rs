//! Bad input, each item of the list: a clear message that names the place and the mend, and
//! nothing that opens.

use std::net::TcpListener;
use std::time::Duration;

use pretty_assertions::assert_eq;
use vestibule_tests::{ConfigDir, Gateway, Run, free_port, pictures, raw};

use crate::{demo, encoded};

const OPEN: &str = "public_role = \"all\"\n[roles.all]\npermissions = { can_view = true }\n\
                    [roles.down]\npermissions = { can_view = true, can_download_original = true }\n\
                    [[user_roles]]\nusername = \"jane\"\nroles = [\"down\"]\n";

/// Checks a site of which one document is wrong: the place, the words and the mend.
#[track_caller]
fn check(file: &str, text: impl AsRef<[u8]>, place: &str, words: &[&str]) {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let whole = match file.strip_prefix("gallery/") {
        Some(name) => {
            config.put("site", name, text);
            format!("gallery:{name}{place}")
        }
        None => {
            std::fs::write(config.at("config.d/sites/site").join(file), text).unwrap();
            format!("config.d/sites/site/{file}{place}")
        }
    };
    let run = config.run(&["check"]).expect(2);
    assert!(run.err.contains(&whole), "{whole}\n{}", run.err);
    for word in words {
        assert!(run.err.contains(word), "{word}\n{}", run.err);
    }
    let json = config.run(&["check", "--format", "json"]).expect(2).json();
    let problems = json["problems"].as_array().unwrap();
    assert!(problems.iter().any(|p| p["severity"] == "error" && p["line"].is_u64()), "{json}");
}

#[test]
fn an_unknown_permission_is_named_with_a_near_one() {
    let text = "[roles.a]\npermissions = { can_veiw = true }\n";
    check(
        "permissions.toml",
        text,
        ":2:17",
        &["unknown permission `can_veiw`", "did you mean `can_view`?"],
    );
    let text = "+++\n[permissions.roles.a.permissions]\ncan_downlod_large = true\n+++\n";
    check(
        "gallery/sub/_folder.md",
        text,
        ":3:1",
        &["can_downlod_large", "did you mean `can_download_large`?"],
    );
}

#[test]
fn an_unknown_role_is_named_with_a_near_one() {
    let text = "[roles.member]\n[[user_roles]]\nusername = \"jane\"\nroles = [\"membr\"]\n";
    check("permissions.toml", text, ":4:10", &["unknown role `membr`", "did you mean `member`?"]);
    let text = "[[grants]]\nuser = \"jane\"\nrole = \"vieweer\"\n";
    check("grants.toml", text, ":3:8", &["unknown role `vieweer`", "did you mean `viewer`?"]);
}

#[test]
fn an_inheritance_cycle_is_shown() {
    let text =
        "[roles.a]\ninherits = \"b\"\n[roles.b]\ninherits = \"c\"\n[roles.c]\ninherits = \"a\"\n";
    check("permissions.toml", text, ":", &["policy::inheritance_cycle", "`a`", "`b`", "`c`"]);
}

#[test]
fn a_duplicate_user_is_shown() {
    let text = "[[user_roles]]\nusername = \"jane\"\nroles = []\n[[user_roles]]\nusername = \"jane\"\nroles = [\"viewer\"]\n";
    check("permissions.toml", text, ":5:12", &["`jane`"]);
}

#[test]
fn a_mistyped_key_is_shown() {
    let site = ConfigDir::new().site_text("site", r#"host = ["localhost"]"#);
    check("site.toml", site, ":1:1", &["host", "did you mean `hosts`?"]);
    check(
        "permissions.toml",
        "publc_role = \"viewer\"\n",
        ":1:1",
        &["did you mean `public_role`?"],
    );
    check("permission.toml", "public_role = \"viewer\"\n", "", &["no document of a site"]);
}

#[test]
fn broken_front_matter_is_shown() {
    let folder = "gallery/sub/_folder.md";
    check(folder, "+++\n[permissions]\n", ":", &["+++"]);
    check(folder, "+++\n[permission]\npublic_role = \"viewer\"\n+++\n", ":2", &["permissions"]);
    check(folder, "+++\npermissions = 3\n+++\n", ":2", &["permissions"]);
    check(folder, "\n+++\n[permissions]\n+++\n", ":2", &["+++"]);
    check(folder, "---\npermissions:\n---\n", ":1", &["---"]);
    check(folder, "\u{feff}+++\n+++\n", ":1", &["byte-order mark"]);
    check(folder, b"+++\n# \xff\n+++\n", ":2", &["UTF-8"]);
    check("permissions.toml", "\u{feff}public_role = \"none\"\n", ":1", &["byte-order mark"]);
    check("permissions.toml", b"# \xff\n", ":1", &["UTF-8"]);
}

/// All mistakes at once, in the order of their places.
#[test]
fn all_mistakes_are_shown_at_once() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let text =
        "public_role = \"al\"\n[roles.all]\npermissions = { can_veiw = true, can_fly = true }\n";
    config.write("config.d/sites/site/permissions.toml", text);
    config.put("site", "x/_folder.md", "+++\n");
    let run = config.run(&["check"]).expect(2);
    let at = |word: &str| run.err.find(word).unwrap_or_else(|| panic!("{word}: {}", run.err));
    assert!(at("`al`") < at("can_veiw") && at("can_veiw") < at("can_fly"), "{}", run.err);
    // a site that is closed has no folders to judge; mended, they are
    config.write("config.d/sites/site/permissions.toml", OPEN);
    let run = config.run(&["check"]).expect(2);
    assert!(run.err.contains("gallery:x/_folder.md"), "{}", run.err);
}

/// A site with an error is closed at start, says so, and the others run.
#[tokio::test]
async fn a_site_with_an_error_is_closed_and_the_others_run() {
    let config = ConfigDir::new()
        .with_site("good", r#"hosts = ["good.localhost"]"#, OPEN)
        .with_site("bad", r#"hosts = ["bad.localhost"]"#, "public_role = \"nobody-knows\"\n");
    for id in ["good", "bad"] {
        config.put(id, "a.jpg", pictures::jpeg(40, 30));
    }
    let gateway = Gateway::start(config).await;
    let target = "/image/a.jpg?size=thumbnail";
    gateway.client_at("good.localhost").get(target).await.expect(200);
    let bad = gateway.client_at("bad.localhost");
    bad.get(target).await.expect(503);
    let page = bad.open("/").await.expect(503);
    assert!(!page.text().contains("nobody-knows"), "the mistake is for the log alone");
    assert!(gateway.log().contains("unknown role `nobody-knows`"), "{}", gateway.log());
    assert!(gateway.log().contains("the site is closed"), "{}", gateway.log());
}

/// Paths that two programs could read differently are nobody's.
#[tokio::test]
async fn ambiguous_paths_are_400() {
    let gateway = demo().await;
    let fred = gateway.client();
    fred.sign_in("fred").await;
    let session = format!("Cookie: {}", fred.enter("/").await.cookie("vestibule.gallery"));
    for part in [
        "../welcome.jpg",
        "./welcome.jpg",
        "landscapes/../welcome.jpg",
        "landscapes/..",
        "%2e%2e/welcome.jpg",
        "%2E%2E/welcome.jpg",
        ".%2e/welcome.jpg",
        "%2e/welcome.jpg",
        "landscapes%2fstill-lake.jpg",
        "landscapes%2Fstill-lake.jpg",
        "landscapes%5cstill-lake.jpg",
        "landscapes\\still-lake.jpg",
        "/welcome.jpg",
        "landscapes//still-lake.jpg",
        "welcome.jpg%00",
        "%00",
        "welcome%00.jpg",
        "%c0%ae%c0%ae/welcome.jpg",
        "%c0%afwelcome.jpg",
        "%e0%80%af",
        "%f0%80%80%af",
        "%ff",
        "%ed%a0%80",
        "a%0d%0ab.jpg",
        "%7f.jpg",
        "%",
        "%2",
        "%zz",
        "%252e%252e",
        "%252e%252e%252fwelcome.jpg",
    ] {
        for (start, end) in [
            ("/browse/", "/"),
            ("/image/", "?size=thumbnail"),
            ("/view/", ""),
            ("/api/folders/", "/"),
            ("/zip/", "/"),
        ] {
            let target = format!("{start}{part}{end}");
            for lines in [vec![], vec![session.as_str()], vec!["Accept: text/html"]] {
                let reply = raw::tcp(gateway.address(), &raw::get(&target, &lines)).await;
                assert_eq!(reply.status, 400, "{target}: {}", reply.text);
                assert!(!reply.text.contains("welcome"), "a path is echoed: {}", reply.text);
            }
        }
    }
    // bytes that are no text at all
    for bytes in
        [b"/browse/\x00/".as_slice(), b"/browse/\xc0\xae/", b"/browse/\xff/", b"/browse/\t/"]
    {
        let reply = raw::tcp(gateway.address(), &raw::get(bytes, &[])).await;
        assert!(matches!(reply.status, 0 | 400), "{bytes:?}: {}", reply.text);
    }
    fred.get("/image/welcome.jpg?size=thumbnail").await.expect(200);
}

/// Files that are not what they promise: a clear error each, and the gateway serves on.
#[tokio::test]
async fn damaged_pictures_are_a_clear_error() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let whole = pictures::jpeg(1200, 800);
    let bomb = pictures::png_bomb(20_000, 20_000);
    assert!(bomb.len() < 70_000, "{}", bomb.len());
    config.put("site", "whole.jpg", &whole);
    config.put("site", "cut.jpg", &whole[..whole.len() / 2]);
    config.put("site", "bomb.png", &bomb);
    config.put("site", "empty.jpg", "");
    config.put("site", "text.jpg", "<script>alert(1)</script>");
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    for (name, status) in
        [("cut.jpg", 422), ("bomb.png", 422), ("empty.jpg", 415), ("text.jpg", 415)]
    {
        for size in ["thumbnail", "gallery", "thumbnail@2x"] {
            let target = format!("/image/{name}?size={size}");
            let asked = visitor.get(&target);
            let reply = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
            let reply = reply.expect(status);
            assert_eq!(reply.header("content-type"), "application/json");
            assert!(reply.json()["message"].as_str().unwrap().len() > 10, "{}", reply.text());
        }
        visitor.open(&format!("/view/{name}")).await.expect(200);
    }
    let listing = visitor.get("/api/folders/").await.expect(200).json();
    assert_eq!(listing["total"], 5);
    visitor.get("/image/whole.jpg?size=gallery").await.expect(200);
    // who may have the file gets it as it is, never as a page
    let jane = gateway.signed_in("jane").await;
    let text = jane.get("/image/text.jpg?size=original").await;
    assert_ne!(text.header("content-type"), "text/html");
    assert!(matches!(text.status, 403 | 415 | 422), "what can't be redacted: {}", text.status);
}

/// Eight bombs at once take neither the memory nor everybody's time.
#[tokio::test]
async fn many_bombs_at_once_leave_the_gateway_alive() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let bomb = pictures::png_bomb(20_000, 20_000);
    for number in 0..8 {
        config.put("site", &format!("{number}.png"), &bomb);
    }
    config.put("site", "good.jpg", pictures::jpeg(600, 400));
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    let bombs = (0..8).map(|number| {
        let visitor = visitor.clone();
        async move { visitor.get(&format!("/image/{number}.png?size=gallery")).await.status }
    });
    let statuses = futures_util::future::join_all(bombs);
    let good = visitor.get("/image/good.jpg?size=gallery");
    let (statuses, good) =
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(statuses, good) })
            .await
            .unwrap();
    assert!(statuses.iter().all(|status| matches!(status, 422 | 503)), "{statuses:?}");
    good.expect(200);
}

#[tokio::test]
async fn names_of_all_kinds_are_listed_and_fetched() {
    let names = [
        "a b.jpg",
        "it's \"quoted\".jpg",
        "<b>&amp;.jpg",
        "100%.jpg",
        "a+b=c&d.jpg",
        "q?x#y.jpg",
        "🏔️ peak.jpg",
        "日本語.jpg",
        "שלום.jpg",
        "semi;colon,comma.jpg",
        "back`tick$(x).jpg",
        "trailing space .jpg",
        "UPPER.JPG",
    ];
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    for name in names {
        config.put("site", &format!("folder {name}/{name}"), pictures::jpeg(60, 40));
    }
    let gateway = Gateway::start(config).await;
    let (visitor, jane) = (gateway.client(), gateway.signed_in("jane").await);
    let listing = visitor.get("/api/folders/").await.expect(200).json();
    let mut listed: Vec<_> = listing["folders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|folder| folder["name"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<_> = names.iter().map(|n| format!("folder {n}")).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for name in expected.iter().map(|folder| folder.strip_prefix("folder ").unwrap()) {
        let path = encoded(&format!("/folder {name}/{name}"));
        let page = visitor.open(&format!("/browse{}", encoded(&format!("/folder {name}/")))).await;
        let page = page.expect(200);
        assert!(!page.text().contains("<b>&amp;.jpg"), "a name is not escaped");
        visitor.open(&format!("/view{path}")).await.expect(200);
        visitor.get(&format!("/image{path}?size=thumbnail")).await.expect(200);
        let saved = jane.get(&format!("/image{path}?size=original&download=1")).await.expect(200);
        let disposition = saved.header("content-disposition");
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert!(!disposition.contains('\n') && disposition.is_ascii(), "{disposition}");
    }
}

/// A name as long as the file system allows.
#[tokio::test]
async fn a_name_of_255_bytes_is_listed_and_fetched() {
    let long = format!("{}x.jpg", "é".repeat(125));
    assert_eq!(long.len(), 255);
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    std::fs::write(config.gallery("site").join(&long), pictures::jpeg(60, 40)).unwrap();
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    let listing = visitor.get("/api/folders/").await.expect(200).json();
    assert_eq!(listing["images"][0]["name"], long.as_str());
    let link = listing["images"][0]["links"]["thumbnail"].as_str().unwrap();
    visitor.get(link).await.expect(200);
    visitor.open(listing["images"][0]["links"]["page"].as_str().unwrap()).await.expect(200);
}

#[test]
fn a_port_in_use_is_named() {
    let port = free_port();
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let config = ConfigDir::demo();
    let listen = format!("listen = [\"127.0.0.1:{port}\"]\n");
    std::fs::write(config.at("vestibule.toml"), listen).unwrap();
    let run = config.run(&["serve"]).expect(1);
    assert!(run.err.contains(&format!("127.0.0.1:{port}")), "{}", run.err);
    assert!(!run.err.contains("panicked"), "{}", run.err);
    let address = format!("127.0.0.1:{port}");
    let gallery = pictures::sample_gallery().to_str().unwrap();
    let demo = ["demo", "--small", "--gallery", gallery, "--listen", &address];
    let run = Run::vestibule(&demo, "").expect(1);
    assert!(run.err.contains(&address) && run.err.contains("--listen"), "{}", run.err);
}

#[test]
fn a_state_directory_that_can_not_be_written_is_named() {
    let config = ConfigDir::demo().with_gateway("state_dir = \"occupied\"\n");
    std::fs::write(config.at("occupied"), "a file").unwrap();
    for arguments in [vec!["serve"], vec!["users", "ls"]] {
        let run = config.run(&arguments).expect(1);
        assert!(
            run.err.contains("the state directory") && run.err.contains("occupied"),
            "{}",
            run.err
        );
        assert!(run.err.contains("state_dir"), "names the mend: {}", run.err);
        assert!(!run.err.contains("panicked"), "{}", run.err);
    }
}

/// A second gateway would answer with another's grants.
#[tokio::test]
async fn a_state_directory_has_one_gateway() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let file = gateway.config.at("vestibule.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = text.replace(&gateway.port.to_string(), &free_port().to_string());
    std::fs::write(&file, other).unwrap();
    let run = gateway.config.run(&["serve"]).expect(1);
    assert!(run.err.contains("another gateway"), "{}", run.err);
    gateway.client().get("/image/welcome.jpg?size=thumbnail").await.expect(200);
}
