use super::*;
use crate::NewAccount;

const NOW: UnixTime = UnixTime::from_seconds(1_000);
const LATER: UnixTime = UnixTime::from_seconds(2_000);

async fn store_with(name: &str) -> (Store, AccountId) {
    let store = Store::open_in_memory().await.unwrap();
    let id = account(&store, name).await;
    (store, id)
}

async fn account(store: &Store, name: &str) -> AccountId {
    let name = UserName::parse(name).unwrap();
    store.accounts().add(NewAccount::new(name.clone(), AccountRole::default()), NOW).await.unwrap();
    store.accounts().find(&name).await.unwrap().unwrap().id
}

fn token(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

fn new(maker: AccountId, uses: Option<u32>, expires: Option<UnixTime>) -> NewShare {
    NewShare {
        token: token(1),
        site: SiteId::parse("family").unwrap(),
        path: GalleryPath::from_decoded("/a/x.jpg").unwrap(),
        role: RoleName::visitor(),
        maker,
        label: "for Ann".into(),
        password: Some(PasswordHash::from_phc("phc".into())),
        created: NOW,
        expires,
        uses,
    }
}

#[tokio::test]
async fn what_was_kept_is_what_is_found() {
    let (store, maker) = store_with("olga").await;
    let share = new(maker, Some(3), Some(LATER));
    let id = store.shares().insert(&share).await.unwrap();
    let found = store.shares().find(&share.token).await.unwrap().unwrap();
    assert_eq!((found.id, &found.path, &found.role), (id, &share.path, &share.role));
    assert_eq!((found.uses_left, found.opened, found.expires), (Some(3), 0, Some(LATER)));
    assert!(found.is_current(NOW) && !found.is_current(LATER));
    assert_eq!((found.maker_name.as_str(), found.password), ("olga", share.password));
    assert_eq!(store.shares().find(&token(9)).await.unwrap(), None);
    assert_eq!(store.shares().list(Some(&share.site)).await.unwrap().len(), 1);
    let other = SiteId::parse("other").unwrap();
    assert_eq!(store.shares().list(Some(&other)).await.unwrap(), []);
}

/// Twenty at once, on a store of five connections: five get in, and none is left.
#[tokio::test]
async fn no_more_open_it_than_there_are_openings_left() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store.sqlite")).await.unwrap();
    let maker = account(&store, "olga").await;
    let id = store.shares().insert(&new(maker, Some(5), None)).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store.shares().open(id, &Opener::Browser(token(number)), NOW).await.unwrap()
            })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        opened += usize::from(task.await.unwrap());
    }
    assert_eq!(opened, 5);
    let row = store.shares().find(&token(1)).await.unwrap().unwrap();
    assert_eq!((row.uses_left, row.opened), (Some(0), 5));
    let mut holding = 0;
    for number in 0..20 {
        let opener = Opener::Browser(token(number));
        holding += store.shares().opened_by(&opener).await.unwrap().len();
    }
    assert_eq!(holding, 5, "who was turned away holds nothing");
}

#[tokio::test]
async fn who_opened_it_before_opens_it_again_for_nothing() {
    let (store, maker) = store_with("olga").await;
    let id = store.shares().insert(&new(maker, Some(1), Some(LATER))).await.unwrap();
    let ann = Opener::Account(account(&store, "ann").await);
    for _ in 0..2 {
        assert!(store.shares().open(id, &ann, NOW).await.unwrap());
    }
    assert!(!store.shares().open(id, &Opener::Browser(token(2)), NOW).await.unwrap(), "used up");
    assert!(!store.shares().open(id, &ann, LATER).await.unwrap(), "its time is over");
    let row = &store.shares().opened_by(&ann).await.unwrap()[0];
    assert_eq!((row.uses_left, row.opened), (Some(0), 1));
}

#[tokio::test]
async fn an_expired_one_is_not_opened() {
    let (store, maker) = store_with("olga").await;
    let id = store.shares().insert(&new(maker, None, Some(LATER))).await.unwrap();
    let browser = Opener::Browser(token(2));
    assert!(!store.shares().open(id, &browser, LATER).await.unwrap());
    assert_eq!(store.shares().opened_by(&browser).await.unwrap(), []);
    assert!(store.shares().open(id, &browser, NOW).await.unwrap());
    store.shares().delete_expired(LATER).await.unwrap();
    assert_eq!(store.shares().opened_by(&browser).await.unwrap(), []);
}

#[tokio::test]
async fn whatever_ends_it_ends_its_openings() {
    let (store, maker) = store_with("olga").await;
    let browser = Opener::Browser(token(2));
    let id = store.shares().insert(&new(maker, None, None)).await.unwrap();
    assert!(store.shares().open(id, &browser, NOW).await.unwrap());
    let changes = store.meta().changes().await.unwrap();
    assert!(store.shares().remove(id).await.unwrap() && !store.shares().remove(id).await.unwrap());
    assert!(store.meta().changes().await.unwrap() > changes, "other processes notice");
    assert_eq!(store.shares().opened_by(&browser).await.unwrap(), []);
    assert!(!store.shares().open(id, &browser, NOW).await.unwrap());
}

/// What other gateways remember of a browser is not true any more when it opens another link. Of one
/// that opens its first they remember nothing: a link that many open empties no memory.
#[tokio::test]
async fn another_opening_is_told_to_other_processes() {
    let (store, maker) = store_with("olga").await;
    let first = store.shares().insert(&new(maker, None, None)).await.unwrap();
    let another = NewShare { token: token(2), ..new(maker, None, None) };
    let second = store.shares().insert(&another).await.unwrap();
    let browser = Opener::Browser(token(3));
    let mut changes = store.meta().changes().await.unwrap();
    for (id, opener, is_told) in
        [(first, &browser, false), (second, &browser, true), (first, &Opener::Account(maker), true)]
    {
        assert!(store.shares().open(id, opener, NOW).await.unwrap());
        let now = store.meta().changes().await.unwrap();
        assert_eq!(now > changes, is_told, "{id} {opener:?}");
        changes = now;
    }
    assert!(store.shares().open(second, &browser, NOW).await.unwrap());
    assert_eq!(store.meta().changes().await.unwrap(), changes, "it is open already");
}
