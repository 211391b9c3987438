//! Threads of posts, one a language: how they are told of in a receipt, and found there again.

use super::Receipt;

/// What is told of a thread: `post 17`, `posts 17, 18`.
pub(super) fn receipt(posts: &[String]) -> Receipt {
    let one = if posts.len() == 1 { "post" } else { "posts" };
    Receipt(format!("{one} {}", posts.join(", ")))
}

/// The first post of a thread in its receipt.
pub(super) fn first(receipt: &str) -> Option<&str> {
    let posts = receipt.strip_prefix("posts ").or_else(|| receipt.strip_prefix("post "))?;
    posts.split(", ").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_thread_is_found_in_what_was_told_of_it() {
        for posts in [vec!["17".to_owned()], vec!["17".to_owned(), "18".to_owned()]] {
            assert_eq!(first(&receipt(&posts).0), Some("17"));
        }
        assert_eq!(first("200 OK: ok"), None);
    }
}
