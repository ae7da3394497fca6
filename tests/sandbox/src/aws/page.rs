//! Paging: cuts a list into pages and makes tokens that only fit the query that they came from.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A page of `items` and the token of the next one. Items must be in the order of their keys; the token names
/// the last key of the page, so that objects that come and go between two pages never shift the others.
///
/// `query` identifies operation and filters, `secret` is the sandbox's. `None` = the token is not of this query.
pub fn page<T>(
    items: Vec<(String, T)>,
    size: usize,
    token: Option<&str>,
    query: &str,
    secret: &str,
) -> Option<(Vec<T>, Option<String>)> {
    let start = match token {
        Some(token) => {
            let last = open(token, query, secret)?;
            items.iter().position(|(key, _)| *key > last).unwrap_or(items.len())
        }
        None => 0,
    };
    let total = items.len();
    let mut page = Vec::new();
    let mut last = String::new();
    for (key, item) in items.into_iter().skip(start).take(size) {
        last = key;
        page.push(item);
    }
    let next = (start + page.len() < total).then(|| seal(&last, query, secret));
    Some((page, next))
}

fn seal(last: &str, query: &str, secret: &str) -> String {
    let text = format!("{}\n{last}", stamp(last, query, secret));
    URL_SAFE_NO_PAD.encode(text)
}

fn open(token: &str, query: &str, secret: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (found, last) = text.split_once('\n')?;
    (found == stamp(last, query, secret)).then(|| last.to_owned())
}

fn stamp(last: &str, query: &str, secret: &str) -> String {
    hex::encode(Sha256::digest(format!("{secret}\n{query}\n{last}")))
}

/// A key that sorts numbers as numbers.
pub fn key(order: u64) -> String {
    format!("{order:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(numbers: &[u64]) -> Vec<(String, u64)> {
        numbers.iter().map(|number| (key(*number), *number)).collect()
    }

    #[test]
    fn pages_join_to_the_list() {
        for size in 1..=6 {
            let mut token: Option<String> = None;
            let mut seen = Vec::new();
            let mut pages = 0;
            loop {
                let (page, next) = page(items(&[1, 2, 3, 9, 10]), size, token.as_deref(), "q", "s").unwrap();
                assert!(page.len() <= size);
                seen.extend(page);
                pages += 1;
                token = next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(seen, [1, 2, 3, 9, 10]);
            assert_eq!(pages, 5_usize.div_ceil(size), "no empty last page at size {size}");
        }
    }

    #[test]
    fn objects_that_go_do_not_shift_the_rest() {
        let (_, token) = page(items(&[1, 2, 3, 4]), 2, None, "q", "s").unwrap();
        let (rest, end) = page(items(&[3, 4]), 2, token.as_deref(), "q", "s").unwrap();
        assert_eq!(rest, [3, 4]);
        assert_eq!(end, None);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let (_, token) = page(items(&[1, 2]), 1, None, "q", "s").unwrap();
        let token = token.unwrap();
        assert!(page(items(&[1, 2]), 1, Some(&token), "q", "s").is_some());
        assert!(page(items(&[1, 2]), 1, Some(&token), "another query", "s").is_none());
        assert!(page(items(&[1, 2]), 1, Some(&token), "q", "another secret").is_none());
        assert!(page(items(&[1, 2]), 1, Some("AAAA"), "q", "s").is_none());
        assert!(page(items(&[1, 2]), 1, Some("not base64!"), "q", "s").is_none());
    }
}
