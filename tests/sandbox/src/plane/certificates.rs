//! Certificates signed by a cluster's CA.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PublicKeyData};

use crate::eks::authority;

/// A certificate and its key, in PEM format.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The CA of one cluster.
pub struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// From the PEM of the key that [`authority::make`] created.
    pub fn of_key(key: &str) -> Result<Self, rcgen::Error> {
        let der = authority::der(key).ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        Ok(Self(Issuer::new(authority::parameters(), KeyPair::try_from(der)?)))
    }

    /// A server certificate for these names and addresses.
    pub fn server(&self, names: &[String]) -> Result<Pair, rcgen::Error> {
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&parameters)
    }

    /// A client certificate: the API server uses the common name as user and the organization as group.
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

/// A control plane's key pair for service account tokens, in PEM format: the public key, the signing key.
pub fn service_account_keys() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    Ok((
        authority::pem("PUBLIC KEY", &key.subject_public_key_info()),
        authority::pem("PRIVATE KEY", &key.serialize_der()),
    ))
}
