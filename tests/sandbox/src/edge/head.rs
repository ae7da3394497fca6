//! The head of an HTTP/1.1 request, read from a connection that carries one request.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest head that is read.
const LONGEST: usize = 32 * 1024;

pub struct Head {
    pub method: String,
    pub target: String,
    /// By name in lower case.
    headers: BTreeMap<String, String>,
}

impl Head {
    /// Reads up to the empty line; `None` for what is no HTTP/1.1.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut text = Vec::new();
        // One byte at a time: what follows belongs to somebody else.
        while !text.ends_with(b"\r\n\r\n") {
            text.push(stream.read_u8().await.ok()?);
            if text.len() > LONGEST {
                return None;
            }
        }
        Self::parse(std::str::from_utf8(&text).ok()?)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        if words.next() != Some("HTTP/1.1") || words.next().is_some() {
            return None;
        }
        let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Self { method, target, headers: headers.collect::<Option<_>>()? })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = Head::parse("GET /a?b HTTP/1.1\r\nHost: h\r\nX-A:  b: c \r\n\r\n").unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/a?b"));
        assert_eq!((head.header("host"), head.header("x-a"), head.header("x-b")), (Some("h"), Some("b: c"), None));
        for wrong in
            ["", "GET /\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1 x\r\n\r\n", "GET / HTTP/1.1\r\nx\r\n\r\n"]
        {
            assert!(Head::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
