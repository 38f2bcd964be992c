//! What takes more than a session (S85), and what nodes are told that show something wrong.

use std::time::Duration;

use super::*;
use crate::Attempt;
use crate::management::{NodeWanted, UserChange, WhichSessions};

fn origin() -> RequestOrigin {
    RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 1].into())
}

/// A session of somebody who has just signed in.
async fn signed_in_now(room: &Room, user: &str) -> By {
    let password = Secret::from("a long enough password");
    room.identity.set_password(&name(user), &password).await.unwrap();
    let attempt = Attempt { name: user, password: &password, user_agent: "test" };
    let step = room.identity.sign_in(&origin(), &attempt).await.unwrap();
    By::SignedIn(step.session().unwrap().signed_in, origin())
}

fn role(text: &str) -> UserChange {
    UserChange { role: Some(AccountRole::parse(text).unwrap()), ..UserChange::default() }
}

/// A browser that was left open gives nobody power over accounts, and nobody gets around the page
/// of their own account, which asks for the password.
#[tokio::test]
async fn power_over_accounts_takes_a_sign_in_of_a_moment_ago() {
    let room = Room::new().await;
    let ada = signed_in_now(&room, "ada").await;
    let (verbs, new) = (room.verbs(&ada), Secret::from("another long password"));
    verbs.set_password(&name("jane"), &new).await.unwrap();
    let own = verbs.set_password(&name("ada"), &new).await;
    assert!(matches!(own, Err(ManageError::Conflict(_))), "{own:?}");
    room.clock.advance(Duration::from_secs(15 * 60 + 1));
    let late = |what: &str, again: bool| assert!(again, "{what}");
    let is_again =
        |result: &Result<_, ManageError>| matches!(result, Err(ManageError::SignInAgain));
    late("a password", is_again(&verbs.set_password(&name("jane"), &new).await));
    let admin = role(AccountRole::CLUSTER_ADMIN);
    late("an administrator", is_again(&verbs.modify_user(&name("jane"), &admin).await));
    verbs.modify_user(&name("jane"), &role("viewer")).await.unwrap();
    room.verbs(&room.as_operator()).set_password(&name("jane"), &new).await.unwrap();
}

/// S82 and S13: what admits no node is limited for each address; and a token admits new nodes, none
/// that a file declares.
#[tokio::test]
async fn what_admits_no_node_is_limited() {
    let room = Room::new().await;
    let operator = room.as_operator();
    let expires = room.identity.now().plus(Duration::from_secs(3600));
    let wanted = JoinTokenWanted { label: "", expires, uses: Some(2) };
    let made = room.verbs(&operator).add_join_token(wanted).await.unwrap();
    let told = serde_json::to_string(&made).unwrap();
    let shown = format!("{made:?}");
    let token = made.item.unwrap().token.unwrap();
    assert!(told.contains(token.expose().as_str()), "it is told once");
    assert!(!shown.contains(token.expose().as_str()), "S84");
    let upstream = "http://192.0.2.9:2283";
    let family = NodeWanted { name: site("family"), adapter: "vestibule", upstream };
    let declared = room.identity.register_node(&origin(), (&token, &family), &room.cluster).await;
    assert_eq!(kind(&declared), "not found");
    let other = NodeWanted { name: site("other"), adapter: "vestibule", upstream };
    let wrong = Secret::from("no such token");
    for _ in 0..9 {
        let none = room.identity.register_node(&origin(), (&wrong, &other), &room.cluster).await;
        assert_eq!(kind(&none), "not found");
    }
    let held = room.identity.register_node(&origin(), (&token, &other), &room.cluster).await;
    assert!(matches!(held, Err(ManageError::TooMany { .. })));
    room.clock.advance(Duration::from_secs(60));
    let made = room.identity.register_node(&origin(), (&token, &other), &room.cluster).await;
    let made = made.unwrap();
    assert!(!format!("{made:?}").contains(made.credential.expose().as_str()), "S84");
}

/// Whoever has no join token learns nothing, whatever they ask for, and each try is counted. Whoever
/// has one uses it up by what is right alone.
#[tokio::test]
async fn the_join_token_is_looked_at_first() {
    let room = Room::new().await;
    let operator = room.as_operator();
    let expires = room.identity.now().plus(Duration::from_secs(3600));
    let wanted = JoinTokenWanted { label: "", expires, uses: Some(1) };
    let made = room.verbs(&operator).add_join_token(wanted).await.unwrap();
    let token = made.item.unwrap().token.unwrap();
    let upstream = "http://192.0.2.9:2283";
    let other = NodeWanted { name: site("other"), adapter: "vestibule", upstream };
    let odd = NodeWanted { adapter: "x", ..other.clone() };
    let family = NodeWanted { name: site("family"), ..other.clone() };
    let register = async |token: &Secret<String>, node: &NodeWanted<'_>| {
        room.identity.register_node(&origin(), (token, node), &room.cluster).await
    };
    for _ in 0..20 {
        assert_eq!(kind(&register(&token, &odd).await), "bad input", "and not counted");
    }
    let guess = Secret::from("A".repeat(43).as_str());
    for node in [&odd, &family, &other].into_iter().cycle().take(10) {
        assert_eq!(kind(&register(&guess, node).await), "not found");
    }
    assert!(matches!(register(&guess, &odd).await, Err(ManageError::TooMany { .. })));
    room.clock.advance(Duration::from_secs(60));
    register(&token, &other).await.unwrap();
}

/// Whoever lets a disabled administrator in again gives power as much as whoever makes one.
#[tokio::test]
async fn to_let_an_administrator_in_again_takes_a_sign_in_of_a_moment_ago() {
    let room = Room::new().await;
    let ada = signed_in_now(&room, "ada").await;
    let verbs = room.verbs(&ada);
    let state = |state| UserChange { state: Some(state), ..UserChange::default() };
    let (off, on) = (state(AccountState::Disabled), state(AccountState::Enabled));
    verbs.modify_user(&name("fred"), &role(AccountRole::CLUSTER_ADMIN)).await.unwrap();
    verbs.modify_user(&name("fred"), &off).await.unwrap();
    verbs.modify_user(&name("jane"), &off).await.unwrap();
    room.clock.advance(Duration::from_secs(15 * 60 + 1));
    let again = verbs.modify_user(&name("fred"), &on).await;
    assert!(matches!(again, Err(ManageError::SignInAgain)), "{again:?}");
    verbs.modify_user(&name("jane"), &on).await.unwrap();
    let less = UserChange { role: Some(AccountRole::default()), ..on };
    verbs.modify_user(&name("fred"), &less).await.unwrap();
}

/// All sessions of somebody are all, also those that are over by the times of whoever ends them:
/// another process may go by other ones.
#[tokio::test]
async fn all_sessions_are_all() {
    let room = Room::new().await;
    let By::SignedIn(jane, _) = signed_in_now(&room, "jane").await else { panic!("a session") };
    room.clock.advance(Duration::from_secs(8 * 24 * 3600));
    let sessions = room.identity.store().sessions();
    assert_eq!(room.identity.sessions(jane.account).await.unwrap().len(), 0, "unused for a week");
    assert_eq!(sessions.of_account(jane.account).await.unwrap().len(), 1);
    let operator = room.as_operator();
    let all = WhichSessions::All;
    let ended = room.verbs(&operator).end_sessions(&name("jane"), all, None).await.unwrap();
    assert!(ended.changed);
    assert_eq!(sessions.of_account(jane.account).await.unwrap(), []);
}
