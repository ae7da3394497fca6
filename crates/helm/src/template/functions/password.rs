//! Passwords: bcrypt, htpasswd, and the Master Password derivation.

use crate::bytes;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

pub(super) const TABLE: &[Function] = &[
    Function::new("bcrypt", &[Type::Text], |arguments| Ok(Value::text(hash(&arguments.text(0))))),
    Function::new("htpasswd", &[Type::Text, Type::Text], |arguments| {
        let user = arguments.text(0);
        if user.contains(':') {
            return Ok(Value::text(format!("invalid username: {user}")));
        }
        Ok(Value::text(format!("{user}:{}", hash(&arguments.text(1)))))
    }),
    Function::new("derivePassword", &[Type::Uint32, Type::Text, Type::Text, Type::Text, Type::Text], derive),
];

/// Cost of bcrypt in Go's library.
const COST: u32 = 10;
/// Longest password that bcrypt takes.
const MAX_LENGTH: usize = 72;

fn hash(password: &str) -> String {
    let password = bytes::of_text(password);
    if password.len() > MAX_LENGTH {
        return format!("failed to encrypt string with bcrypt: bcrypt: password length exceeds {MAX_LENGTH} bytes");
    }
    let failed = |error: String| format!("failed to encrypt string with bcrypt: {error}");
    match super::random::random().map_err(|error| error.what) {
        Ok(salt) => match bcrypt::hash_with_salt(password, COST, salt) {
            Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
            Err(error) => failed(error.to_string()),
        },
        Err(error) => failed(error),
    }
}

const SEED: &str = "com.lyndir.masterpassword";

fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive(arguments: Arguments) -> Outcome {
    let counter = arguments.int(0) as u32;
    let [kind, password, user, site] = [1, 2, 3, 4].map(|index| arguments.text(index));
    let Some(templates) = templates(&kind) else {
        return Ok(Value::text(format!("cannot find password template {kind}")));
    };
    let seeded = |name: &str| {
        let name = bytes::of_text(name).into_owned();
        [SEED.as_bytes(), &(name.len() as u32).to_be_bytes(), &name].concat()
    };
    let failed = |error: String| Failure::new(format!("failed to derive password: {error}"));
    let parameters = scrypt::Params::new(15, 8, 2, 64).map_err(|error| failed(error.to_string()))?;
    let mut key = [0; 64];
    scrypt::scrypt(&bytes::of_text(&password), &seeded(&user), &parameters, &mut key)
        .map_err(|error| failed(error.to_string()))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| failed(error.to_string()))?;
    mac.update(&seeded(&site));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let derived: String = template
        .bytes()
        .zip(&seed[1..])
        .map(|(class, byte)| {
            let choices = characters(class);
            char::from(choices[usize::from(*byte) % choices.len()])
        })
        .collect();
    Ok(Value::text(derived))
}
