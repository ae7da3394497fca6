//! Certificates that a cluster's authority signs.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PublicKeyData};

use crate::eks::authority;

/// PEM of a certificate and of its key.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The authority of one cluster.
pub struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// From the PEM of the key that [`authority::make`] made.
    pub fn of_key(key: &str) -> Result<Self, rcgen::Error> {
        let der = authority::der(key).ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        Ok(Self(Issuer::new(authority::parameters(), KeyPair::try_from(der)?)))
    }

    /// For a server under these names and addresses.
    pub fn server(&self, names: &[String]) -> Result<Pair, rcgen::Error> {
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&parameters)
    }

    /// For a client: the API server takes the common name for the user and the organization for its group.
    pub fn client(&self, user: &str, group: &str) -> Result<Pair, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, user);
        parameters.distinguished_name.push(DnType::OrganizationName, group);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&parameters)
    }

    fn sign(&self, parameters: &CertificateParams) -> Result<Pair, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.0)?;
        Ok(Pair {
            certificate: authority::pem("CERTIFICATE", certificate.der()),
            key: authority::pem("PRIVATE KEY", &key.serialize_der()),
        })
    }
}

/// The keys of a control plane for the tokens of service accounts, as PEM: the public one, the one that signs.
pub fn service_account_keys() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    Ok((
        authority::pem("PUBLIC KEY", &key.subject_public_key_info()),
        authority::pem("PRIVATE KEY", &key.serialize_der()),
    ))
}
