//! Whether a host is the right one: its key, or its certificate, against what is known.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::Preferred;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::known_hosts::{self, Entry, Marker};
use super::settings::{Connection, HostKey, PORT, Trust, fingerprint};
use crate::host::error::{Fingerprint, Kind};

/// What is known about one host.
pub(super) struct Verifier {
    host: String,
    port: u16,
    known: Known,
}

enum Known {
    Keys(Vec<HostKey>),
    Entries { entries: Vec<Entry>, files: String },
    Any,
}

/// Types of keys in OpenSSH's order (`HostKeyAlgorithms`), without SHA-1.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

impl Verifier {
    /// Reads the files of known hosts.
    ///
    /// # Errors
    /// [`Kind::Configuration`] if a file exists and cannot be read.
    pub(super) async fn load(connection: &Connection) -> Result<Self, Kind> {
        let known = match &connection.trust {
            Trust::Keys(keys) => Known::Keys(keys.clone()),
            Trust::Any => Known::Any,
            Trust::KnownHosts(paths) => {
                let mut entries = Vec::new();
                for path in paths {
                    match tokio::fs::read(path).await {
                        Ok(bytes) => entries
                            .extend(known_hosts::parse(&String::from_utf8_lossy(&bytes), &path.display().to_string())),
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => {
                            let problem = format!("cannot read `{}`: {error}", path.display());
                            return Err(Kind::Configuration { argument: "known_hosts_path", problem });
                        }
                    }
                }
                let files = paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or ");
                Known::Entries { entries, files }
            }
        };
        Ok(Self { host: connection.host.clone(), port: connection.port, known })
    }

    fn name(&self) -> String {
        known_hosts::name(&self.host, self.port)
    }

    /// The entries about this host. As in OpenSSH, entries without a port count for other ports if nothing is known
    /// about the host's own one.
    fn entries(&self) -> Vec<&Entry> {
        let Known::Entries { entries, .. } = &self.known else { return Vec::new() };
        let about = |name: &str| entries.iter().filter(|entry| entry.is_about(name)).collect::<Vec<_>>();
        let own = about(&self.name());
        let is_known = own.iter().any(|entry| entry.marker == Marker::Key);
        if is_known || self.port == PORT {
            return own;
        }
        let mut all = own;
        all.extend(about(&known_hosts::name(&self.host, PORT)));
        all
    }

    /// The algorithms to offer: the types of keys that are known for the host first, as in OpenSSH, so that a server
    /// with several keys presents one that can be verified.
    pub(super) fn preferred(&self) -> Preferred {
        let (known, certificates): (Vec<Algorithm>, bool) = match &self.known {
            Known::Any => (Vec::new(), false),
            Known::Keys(keys) => {
                let types = keys.iter().filter_map(|key| match key {
                    HostKey::Key(key) => Some(key.algorithm()),
                    HostKey::Fingerprint(_) => None,
                });
                // The key may be the one of an authority, whose type says nothing about the host's.
                (types.collect(), true)
            }
            Known::Entries { .. } => {
                let entries = self.entries();
                let of = |marker| entries.iter().filter(move |entry| entry.marker == marker);
                (of(Marker::Key).map(|entry| entry.key.algorithm()).collect(), of(Marker::Authority).count() > 0)
            }
        };
        let is_known = |algorithm: &Algorithm| {
            known.iter().any(|known| match (known, algorithm) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (known, algorithm) => known == algorithm,
            })
        };
        let mut order = ALGORITHMS.to_vec();
        order.sort_by_key(|algorithm| !is_known(algorithm));
        let host_key_certificates = if certificates { Cow::Borrowed(&ALGORITHMS[..]) } else { Cow::Borrowed(&[][..]) };
        Preferred { key: Cow::Owned(order), host_key_certificates, ..Preferred::DEFAULT }
    }

    /// Whether the host is the right one.
    ///
    /// # Errors
    /// The kinds about host keys.
    pub(super) fn verify(&self, offered: &PublicKeyOrCertificate) -> Result<(), Kind> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.verify_at(offered, now)
    }

    fn verify_at(&self, offered: &PublicKeyOrCertificate, now: u64) -> Result<(), Kind> {
        let key = offered.public_key();
        match &self.known {
            Known::Any => Ok(()),
            Known::Keys(keys) => {
                if keys.iter().any(|expected| expected.is(&key)) {
                    return Ok(());
                }
                if let Some(certificate) = offered.certificate()
                    && keys.iter().any(|expected| expected.is(&authority(certificate)))
                {
                    return self.check_certificate(certificate, now);
                }
                Err(Kind::HostKeyChanged {
                    offered: fingerprint(&key),
                    known: keys.iter().map(HostKey::fingerprint).collect(),
                    source_of_keys: "`host_key`".to_owned(),
                })
            }
            Known::Entries { files, .. } => self.verify_known(offered, &key, files, now),
        }
    }

    fn verify_known(
        &self,
        offered: &PublicKeyOrCertificate,
        key: &PublicKey,
        files: &str,
        now: u64,
    ) -> Result<(), Kind> {
        let entries = self.entries();
        let with = |marker| entries.iter().filter(move |entry| entry.marker == marker);
        let is = |entry: &Entry, key: &PublicKey| entry.key.key_data() == key.key_data();
        let signer = offered.certificate().map(authority);
        for revoked in with(Marker::Revoked) {
            if let Some(bad) = [Some(key), signer.as_ref()].into_iter().flatten().find(|key| is(revoked, key)) {
                return Err(Kind::HostKeyRevoked { offered: fingerprint(bad), source_of_keys: revoked.source.clone() });
            }
        }
        if let (Some(certificate), Some(signer)) = (offered.certificate(), &signer)
            && with(Marker::Authority).any(|entry| is(entry, signer))
        {
            return self.check_certificate(certificate, now);
        }
        if with(Marker::Key).any(|entry| is(entry, key)) {
            return Ok(());
        }
        let same_type: Vec<_> = with(Marker::Key).filter(|entry| entry.key.algorithm() == key.algorithm()).collect();
        if same_type.is_empty() {
            return Err(Kind::HostKeyUnknown {
                name: self.name(),
                offered: fingerprint(key),
                known: with(Marker::Key).map(|entry| fingerprint(&entry.key)).collect(),
                source_of_keys: files.to_owned(),
            });
        }
        let mut sources: Vec<_> = same_type.iter().map(|entry| entry.source.clone()).collect();
        sources.dedup();
        Err(Kind::HostKeyChanged {
            offered: fingerprint(key),
            known: same_type.iter().map(|entry| fingerprint(&entry.key)).collect::<Vec<Fingerprint>>(),
            source_of_keys: sources.join(", "),
        })
    }

    /// Checks a certificate of a trusted authority: kind, name, dates, signature.
    fn check_certificate(&self, certificate: &Certificate, now: u64) -> Result<(), Kind> {
        let refused = |problem: String| Err(Kind::HostCertificate { id: certificate.key_id().to_owned(), problem });
        if !certificate.cert_type().is_host() {
            return refused("it is a user's certificate".to_owned());
        }
        let host = self.host.to_ascii_lowercase();
        let principals = certificate.valid_principals();
        if !principals.iter().any(|principal| known_hosts::glob(&principal.to_ascii_lowercase(), &host)) {
            let names = principals.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no host".to_owned() } else { names };
            return refused(format!("it is for {names}, not for `{host}`"));
        }
        if let Some((option, _)) = certificate.critical_options().iter().next() {
            return refused(format!("it has the critical option `{option}`, which hosts' certificates never have"));
        }
        if now < certificate.valid_after() {
            return refused("it is not valid yet; compare the clocks of this machine and of the authority".to_owned());
        }
        if now >= certificate.valid_before() {
            return refused("it has expired".to_owned());
        }
        let signer = authority(certificate).fingerprint(HashAlg::Sha256);
        match certificate.validate_at(now, [&signer]) {
            Ok(()) => Ok(()),
            Err(error) => refused(format!("its signature is not valid: {error}")),
        }
    }
}

/// The key that signed a certificate.
fn authority(certificate: &Certificate) -> PublicKey {
    PublicKey::new(certificate.signature_key().clone(), "")
}

#[cfg(test)]
mod tests {
    use russh::keys::PrivateKey;
    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::certificate::{Builder, CertType};

    use super::*;
    use crate::host::ssh::Login;

    const NOW: u64 = 1_800_000_000;

    fn private_key() -> PrivateKey {
        PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).expect("a key")
    }

    fn verifier(host: &str, port: u16, known_hosts: &str) -> Verifier {
        let known = Known::Entries { entries: known_hosts::parse(known_hosts, "f"), files: "`f`".to_owned() };
        Verifier { host: host.to_owned(), port, known }
    }

    fn text(key: &PrivateKey) -> String {
        PublicKey::from(key).to_openssh().expect("a text")
    }

    /// Certifies a key of its own for `node-1` for an hour around now, unless `change` says otherwise.
    fn certificate(signer: &PrivateKey, kind: CertType, (after, before): (u64, u64), names: &[&str]) -> Certificate {
        let mut builder =
            Builder::new_with_random_nonce(&mut safe_rng(), PublicKey::from(&private_key()), after, before)
                .expect("dates in order");
        builder.cert_type(kind).expect("once").key_id("id-1").expect("once");
        for name in names {
            builder.valid_principal(*name).expect("a name");
        }
        builder.sign(signer).expect("it is complete")
    }

    fn problem(certificate: Certificate, verifier: &Verifier) -> String {
        match verifier.verify_at(&PublicKeyOrCertificate::Certificate(certificate), NOW) {
            Ok(()) => "none".to_owned(),
            Err(Kind::HostCertificate { problem, .. }) => problem,
            Err(kind) => kind.to_string(),
        }
    }

    #[test]
    fn certificates_of_a_trusted_authority() {
        let authority = private_key();
        let verifier = verifier("Node-1", 2222, &format!("@cert-authority [node-*]:2222 {}", text(&authority)));
        let valid = (NOW - 1800, NOW + 1800);
        for (kind, dates, names, expected) in [
            (CertType::Host, valid, &["node-1"][..], "none"),
            (CertType::Host, valid, &["other", "NODE-?"], "none"),
            (CertType::Host, valid, &["other", "node-10"], "it is for `other`, `node-10`, not for `node-1`"),
            (CertType::User, valid, &["node-1"], "it is a user's certificate"),
            (CertType::Host, (NOW + 60, NOW + 120), &["node-1"], "it is not valid yet"),
            (CertType::Host, (NOW - 120, NOW), &["node-1"], "it has expired"),
        ] {
            let found = problem(certificate(&authority, kind, dates, names), &verifier);
            assert!(found.starts_with(expected), "{found} instead of {expected}");
        }
        let foreign = certificate(&private_key(), CertType::Host, valid, &["node-1"]);
        assert!(problem(foreign, &verifier).contains("is not known"));
        // Nobody can put another key under a signature.
        let (mut one, other) = (
            certificate(&authority, CertType::Host, valid, &["node-1"]).to_bytes().expect("bytes"),
            certificate(&authority, CertType::Host, valid, &["node-1"]).to_bytes().expect("bytes"),
        );
        let signature = one.len() - 64;
        one[signature..].copy_from_slice(&other[signature..]);
        // Either it cannot be read, or it is refused.
        if let Ok(forged) = Certificate::from_bytes(&one) {
            assert!(problem(forged, &verifier).contains("signature"));
        }
    }

    #[test]
    fn a_port_without_keys_of_its_own_has_those_of_the_host() {
        let (one, other) = (private_key(), private_key());
        let offered = |key: &PrivateKey| PublicKeyOrCertificate::from(PublicKey::from(key));
        let both = format!("node-1 {}\n[node-1]:2222 {}", text(&one), text(&other));
        for (known, key, fits) in [
            (format!("node-1 {}", text(&one)), &one, true),
            (format!("[node-1]:22 {}", text(&one)), &one, false),
            (both.clone(), &other, true),
            (both, &one, false),
        ] {
            let verdict = verifier("node-1", 2222, &known).verify_at(&offered(key), NOW);
            assert_eq!(verdict.is_ok(), fits, "{known}: {verdict:?}");
        }
    }

    #[test]
    fn known_types_of_keys_come_first() {
        let key = private_key();
        let order = |known_hosts: &str| {
            let preferred = verifier("node-1", 22, known_hosts).preferred();
            (preferred.key[0].clone(), preferred.host_key_certificates.len())
        };
        let ecdsa = "node-1 ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        assert_eq!(order(ecdsa), (Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }, 0));
        assert_eq!(order(&format!("node-1 {}", text(&key))), (Algorithm::Ed25519, 0));
        assert_eq!(order(""), (Algorithm::Ed25519, 0));
        assert_eq!(order(&format!("{ecdsa}\n@cert-authority * {}", text(&key))).1, ALGORITHMS.len());
        assert!(verifier("node-1", 22, "").preferred().key.iter().all(|kind| *kind != Algorithm::Rsa { hash: None }));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let user = certificate(&private_key(), CertType::User, (NOW, NOW + 60), &["ann"]).to_openssh().expect("a text");
        let host = certificate(&private_key(), CertType::Host, (NOW, NOW + 60), &["h"]).to_openssh().expect("a text");
        assert!(Login::check_certificate(&user).is_ok());
        assert!(Login::default().agent().certificate(&user).is_ok());
        for (text, expected) in
            [(user.as_str(), "it certifies another key"), (host.as_str(), "a host's certificate"), ("x", "it is not")]
        {
            let why = Login::default().certificate(text).expect_err(expected);
            assert!(why.contains(expected), "{why}");
        }
    }
}
