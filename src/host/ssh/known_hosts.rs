//! OpenSSH's `known_hosts`: which keys belong to a host, as `ssh` reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use base64::Engine as _;
use russh::keys::PublicKey;

/// What a line says about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It is the host's key.
    Key,
    /// It signs certificates of the host.
    Authority,
    /// It must not be used.
    Revoked,
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) marker: Marker,
    hosts: Hosts,
    pub(super) key: PublicKey,
    /// The file and the number of the line, for messages.
    pub(super) source: String,
}

#[derive(Clone, Debug)]
enum Hosts {
    /// Patterns, with whether each is negated.
    Patterns(Vec<(bool, String)>),
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

/// Reads the lines of a file. As in OpenSSH, a line that cannot be read, or has a key of an unknown type, is skipped.
pub(super) fn parse(text: &str, file: &str) -> Vec<Entry> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| entry(line.trim(), format!("`{file}` line {}", index + 1))).collect()
}

fn entry(line: &str, source: String) -> Option<Entry> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    let (marker, hosts) = match first {
        "@cert-authority" => (Marker::Authority, words.next()?),
        "@revoked" => (Marker::Revoked, words.next()?),
        _ if first.starts_with('@') => return None,
        hosts => (Marker::Key, hosts),
    };
    let (kind, base64) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {base64}")).ok()?;
    Some(Entry { marker, hosts: Hosts::parse(hosts)?, key, source })
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if let Some(hashed) = text.strip_prefix("|1|") {
            let decode = |part: &str| base64::engine::general_purpose::STANDARD.decode(part).ok();
            let (salt, hash) = hashed.split_once('|')?;
            return Some(Self::Hashed { salt: decode(salt)?, hash: decode(hash)? });
        }
        let pattern = |pattern: &str| match pattern.strip_prefix('!') {
            Some(rest) => (true, rest.to_ascii_lowercase()),
            None => (false, pattern.to_ascii_lowercase()),
        };
        Some(Self::Patterns(text.split(',').map(pattern).collect()))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Hashed { salt, hash } => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                ring::hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let is_hit =
                    |negated: bool| patterns.iter().any(|(not, pattern)| *not == negated && glob(pattern, name));
                is_hit(false) && !is_hit(true)
            }
        }
    }
}

impl Entry {
    /// Whether the line is about the host with this name, which is as [`name`] gives it.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.hosts.matches(name)
    }
}

/// The name under which a host is looked up: lowercase, with its port if that is not 22.
pub(super) fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == super::settings::PORT { host } else { format!("[{host}]:{port}") }
}

/// Whether `text` matches a pattern of `*`, `?` and literal characters.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` is, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    t = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMxWZqliIK8kHDJTu9DFX8jh32eFBKNsRP3jsA+fPk2h";

    fn is_known(hosts: &str, host: &str, port: u16) -> bool {
        parse(&format!("{hosts} {KEY}"), "f").iter().any(|entry| entry.is_about(&name(host, port)))
    }

    #[test]
    fn patterns() {
        for (hosts, host, port, expected) in [
            ("node-1", "node-1", 22, true),
            ("node-1", "NODE-1", 22, true),
            ("Node-1", "node-1", 22, true),
            ("node-1", "node-10", 22, false),
            ("node-1", "node-1", 2222, false),
            ("[node-1]:2222", "node-1", 2222, true),
            ("[node-1]:2222", "node-1", 22, false),
            ("10.80.0.?", "10.80.0.7", 22, true),
            ("10.80.0.?", "10.80.0.17", 22, false),
            ("*.example.com", "a.b.example.com", 22, true),
            ("*.example.com", "example.com", 22, false),
            ("[*.example.com]:2222", "a.example.com", 2222, true),
            ("*", "anything", 22, true),
            ("a,b,c", "b", 22, true),
            ("*.example.com,!bad.example.com", "good.example.com", 22, true),
            ("*.example.com,!bad.example.com", "bad.example.com", 22, false),
            ("!bad.example.com,*.example.com", "bad.example.com", 22, false),
            ("!bad.example.com", "good.example.com", 22, false),
            ("fd00::1", "fd00::1", 22, true),
        ] {
            assert_eq!(is_known(hosts, host, port), expected, "{hosts} and {host}:{port}");
        }
    }

    /// Written by `ssh-keygen -H` of OpenSSH 9.2, from `node-1` and from `[node-1]:2222`.
    #[test]
    fn hashed_names() {
        let plain = "|1|4kPYEEvIpCjcEbpR3borCLNtlHM=|sBha5prvD/IZqIX44G2ywGyo1OI=";
        let with_port = "|1|BpxPejCp97dFsTfoUgKtHn6lSEg=|IG0+lTxzRXj8eSZJdV8wXK7pIKM=";
        for (hosts, host, port, expected) in [
            (plain, "node-1", 22, true),
            (plain, "Node-1", 22, true),
            (plain, "node-2", 22, false),
            (plain, "node-1", 2222, false),
            (with_port, "node-1", 2222, true),
            (with_port, "node-1", 22, false),
        ] {
            assert_eq!(is_known(hosts, host, port), expected, "{hosts} and {host}:{port}");
        }
    }

    #[test]
    fn lines() {
        let text = format!(
            "# a comment\n\n  node-1 {KEY} comment with words\n@revoked * {KEY}\n@cert-authority *.example.com {KEY}\n\
             @unknown node-2 {KEY}\nnode-3 ssh-unknown AAAA\nnode-4 {KEY}x!\nnode-5\n|1|no|{KEY}\nnode-6 {KEY}\r\n"
        );
        let entries = parse(&text, "known_hosts");
        let found: Vec<_> = entries.iter().map(|entry| (entry.marker, entry.source.as_str())).collect();
        assert_eq!(
            found,
            [
                (Marker::Key, "`known_hosts` line 3"),
                (Marker::Revoked, "`known_hosts` line 4"),
                (Marker::Authority, "`known_hosts` line 5"),
                (Marker::Key, "`known_hosts` line 11"),
            ]
        );
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "", false),
            ("*a", "aaa", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} and {text}");
        }
    }
}
