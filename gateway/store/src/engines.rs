//! Every test of a table runs on both databases.

use vestibule_tests::postgres;

use crate::{PostgresUrl, Store};

/// An empty store, and what must live as long.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    _file: Option<tempfile::TempDir>,
}

/// An empty store in a file.
pub(crate) async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("vestibule.db")).await.unwrap();
    Fresh { store, _file: Some(folder) }
}

/// An empty store in a database of its own.
pub(crate) async fn postgresql() -> Fresh {
    let url = PostgresUrl::parse(&postgres().await.database()).unwrap();
    Fresh { store: Store::open_postgres(&url).await.unwrap(), _file: None }
}

/// Makes of each function over a store two tests, one for each database.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::engines::sqlite().await.store.clone()).await;
            })+
        }
        mod on_postgresql {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::engines::postgresql().await.store.clone()).await;
            })+
        }
    };
}

pub(crate) use on_both;
