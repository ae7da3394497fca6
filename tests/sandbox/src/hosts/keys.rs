//! Keys with which tests log in, and the authorities of certificates: made once per process by `ssh-keygen`, for nothing
//! but the hosts of this process.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::run::run;

/// Name → type, bits and passphrase. All of them open every host, unless it says otherwise.
const CLIENT: [(&str, &str, &str, &str); 4] = [
    ("ed25519", "ed25519", "0", ""),
    ("ecdsa", "ecdsa", "256", ""),
    ("rsa", "rsa", "2048", ""),
    ("encrypted", "ed25519", "0", PASSPHRASE),
];
const PASSPHRASE: &str = "correct horse";
/// Signs the keys of users, and those of hosts.
const AUTHORITIES: [&str; 2] = ["user-authority", "host-authority"];

pub struct Keys(PathBuf);

impl Keys {
    pub async fn make(folder: PathBuf) -> Result<Self, String> {
        let made = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            for (name, kind, bits, passphrase) in CLIENT {
                generate(&folder.join(name), kind, bits, passphrase)?;
            }
            for name in AUTHORITIES {
                generate(&folder.join(name), "ed25519", "0", "")?;
            }
            Ok(Self(folder))
        });
        made.await.map_err(|error| error.to_string())?
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        CLIENT.iter().map(|(name, ..)| *name)
    }

    /// The line of `authorized_keys`.
    pub fn public(&self, name: &str) -> Result<String, String> {
        read(&self.0.join(format!("{name}.pub")))
    }

    /// Private keys, with the passphrase of the encrypted one.
    pub fn describe(&self) -> Result<Value, String> {
        let mut keys = Map::new();
        for name in Self::names() {
            keys.insert(name.to_owned(), read(&self.0.join(name))?.into());
        }
        Ok(json!({"private_keys": keys, "passphrase": PASSPHRASE}))
    }

    /// A certificate for a public key file: of a host for its address and name, of a user for accounts. Blocks.
    pub fn certify(&self, public: &Path, of_host: bool, principals: &str) -> Result<String, String> {
        let authority = self.0.join(AUTHORITIES[usize::from(of_host)]).display().to_string();
        let file = public.display().to_string();
        let kind: &[&str] = if of_host { &["-h"] } else { &[] };
        run("ssh-keygen", &[&["-q", "-s", &authority, "-I", "sandbox"], kind, &["-n", principals, &file]].concat())?;
        let path = file.strip_suffix(".pub").unwrap_or(&file);
        read(Path::new(&format!("{path}-cert.pub")))
    }

    /// Certificates of the client keys, by key. Blocks. `folder` is the host's own: keys are shared, principals are not.
    pub fn certificates(&self, folder: &Path, principals: &str) -> Result<Value, String> {
        let mut certificates = Map::new();
        for name in Self::names() {
            let public = folder.join(format!("{name}.pub"));
            std::fs::write(&public, self.public(name)?).map_err(|error| error.to_string())?;
            certificates.insert(name.to_owned(), self.certify(&public, false, principals)?.into());
        }
        Ok(certificates.into())
    }
}

/// Makes a key pair. Blocks.
pub fn generate(file: &Path, kind: &str, bits: &str, passphrase: &str) -> Result<(), String> {
    let file = file.display().to_string();
    let bits: &[&str] = if bits == "0" { &[] } else { &["-b", bits] };
    run("ssh-keygen", &[&["-q", "-t", kind], bits, &["-N", passphrase, "-C", "sandbox", "-f", &file]].concat())
        .map(drop)
}

pub fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}
