//! Nodes: who may register, and with what they come back.

use super::*;
use crate::engines::on_both;
use crate::{NewJoinToken, StoreError};

on_both! {
    a_token_admits_new_nodes_while_it_has_uses,
    a_credential_is_replaced_by_its_owner_alone,
    a_node_is_changed_and_removed,
}

const NOW: UnixTime = UnixTime::from_seconds(1_000);

fn hash(byte: u8) -> TokenHash {
    TokenHash::from_bytes([byte; 32])
}

fn new(name: &str, credential: u8) -> NewNode {
    NewNode {
        name: SiteId::parse(name).unwrap(),
        adapter: "vestibule".into(),
        upstream: "http://127.0.0.1:8090".into(),
        credential: hash(credential),
        state: NodeState::Pending,
    }
}

async fn a_token_admits_new_nodes_while_it_has_uses(store: Store) {
    let token = |byte, uses, expires| NewJoinToken {
        token: hash(byte),
        label: "the attic".into(),
        expires: UnixTime::from_seconds(expires),
        uses,
    };
    let tokens = store.join_tokens();
    tokens.add(&token(1, Some(2), 2_000), NOW).await.unwrap();
    tokens.add(&token(2, None, 1_000), NOW).await.unwrap();
    let nodes = store.nodes();
    let refused = |result: Result<RegisteredNode, StoreError>| {
        assert!(matches!(result, Err(StoreError::NoSuchToken)), "{result:?}");
    };
    refused(nodes.join(&hash(9), &new("attic", 11), NOW).await);
    // over
    refused(nodes.join(&hash(2), &new("attic", 11), NOW).await);
    nodes.join(&hash(1), &new("attic", 11), NOW).await.unwrap();
    // a name that is taken uses nothing up
    let taken = nodes.join(&hash(1), &new("attic", 12), NOW).await.unwrap_err();
    assert!(taken.is_conflict(), "{taken}");
    assert_eq!(tokens.list().await.unwrap()[0].uses_left, Some(1));
    nodes.join(&hash(1), &new("cellar", 12), NOW).await.unwrap();
    refused(nodes.join(&hash(1), &new("garden", 13), NOW).await);
    let known = tokens.list().await.unwrap();
    assert_eq!((known[0].uses_left, known[0].used), (Some(0), 2));
    assert!(tokens.remove(known[0].id).await.unwrap());
    assert!(!tokens.remove(known[0].id).await.unwrap());
    assert_eq!(nodes.list().await.unwrap().len(), 2);
}

async fn a_credential_is_replaced_by_its_owner_alone(store: Store) {
    let nodes = store.nodes();
    nodes.add(&new("attic", 11), NOW).await.unwrap();
    nodes.add(&new("cellar", 12), NOW).await.unwrap();
    let attic = SiteId::parse("attic").unwrap();
    for wrong in [12, 13] {
        let refused = nodes.rotate(&attic, (Some(&hash(wrong)), &hash(20)), NOW).await;
        assert!(refused.unwrap_err().is_not_found());
    }
    nodes.rotate(&attic, (Some(&hash(11)), &hash(20)), NOW).await.unwrap();
    let old = nodes.rotate(&attic, (Some(&hash(11)), &hash(21)), NOW).await;
    assert!(old.unwrap_err().is_not_found(), "the old credential still counts");
    nodes.rotate(&attic, (None, &hash(22)), NOW).await.unwrap();
}

async fn a_node_is_changed_and_removed(store: Store) {
    let nodes = store.nodes();
    let added = nodes.add(&new("attic", 11), NOW).await.unwrap();
    assert_eq!(added.state, NodeState::Pending);
    let change = NodeChange { state: Some(NodeState::Active), ..NodeChange::default() };
    let later = UnixTime::from_seconds(2_000);
    let changed = nodes.modify(&added.name, &change, later).await.unwrap();
    let expected = RegisteredNode { state: NodeState::Active, changed: later, ..added.clone() };
    assert_eq!(changed, expected);
    assert_eq!(nodes.find(&added.name).await.unwrap(), Some(expected));
    nodes.remove(&added.name).await.unwrap();
    assert!(nodes.remove(&added.name).await.unwrap_err().is_not_found());
    assert!(nodes.modify(&added.name, &change, later).await.unwrap_err().is_not_found());
}
