//! Stories that are told twice: to a store in a file, and to one in a database server.

/// Tells each story to a store in a file and to one in a database server.
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {
        mod in_a_file {
            use $crate::postgres::Kind;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(Kind::File).await;
            })+
        }
        mod in_a_database_server {
            use $crate::postgres::Kind;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(Kind::Server).await;
            })+
        }
    };
}

pub(crate) use on_both;
