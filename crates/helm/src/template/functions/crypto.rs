//! Checksums and symmetric encryption.

use super::encoding::decode_base64;
use super::random::random;
use crate::bytes;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;
use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

pub(super) const TABLE: &[Function] = &[
    Function::new("sha1sum", &[Type::Text], |arguments| {
        Ok(Value::text(hex::encode(Sha1::digest(bytes::of_text(&arguments.text(0))))))
    }),
    Function::new("sha256sum", &[Type::Text], |arguments| {
        Ok(Value::text(hex::encode(Sha256::digest(bytes::of_text(&arguments.text(0))))))
    }),
    Function::new("sha512sum", &[Type::Text], |arguments| {
        Ok(Value::text(hex::encode(Sha512::digest(bytes::of_text(&arguments.text(0))))))
    }),
    Function::new("adler32sum", &[Type::Text], |arguments| {
        Ok(Value::text(adler32(&bytes::of_text(&arguments.text(0))).to_string()))
    }),
    Function::new("encryptAES", &[Type::Text, Type::Text], encrypt),
    Function::new("decryptAES", &[Type::Text, Type::Text], decrypt),
];

fn adler32(data: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1, 0);
    for byte in data {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    b << 16 | a
}

/// The password's first 32 bytes, with zeros behind a shorter one.
fn key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(bytes::of_text(password).iter()) {
        *place = *byte;
    }
    key
}

fn encrypt(arguments: Arguments) -> Outcome {
    let plain = arguments.text(1);
    if plain.is_empty() {
        return Ok(Value::text(""));
    }
    let vector: [u8; 16] = random()?;
    let cipher = cbc::Encryptor::<Aes256>::new(&key(&arguments.text(0)).into(), &vector.into());
    let encrypted = cipher.encrypt_padded_vec_mut::<Pkcs7>(&bytes::of_text(&plain));
    Ok(Value::text(STANDARD.encode([vector.as_slice(), &encrypted].concat())))
}

fn decrypt(arguments: Arguments) -> Outcome {
    let encoded = arguments.text(1);
    if encoded.is_empty() {
        return Ok(Value::text(""));
    }
    let data = decode_base64(&encoded).map_err(Failure::new)?;
    let Some((vector, encrypted)) = data.split_first_chunk::<16>() else {
        let length = encoded.len() / 4 * 3;
        return Err(Failure::new(format!("runtime error: slice bounds out of range [:16] with capacity {length}")));
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&key(&arguments.text(0)).into(), vector.into());
    let decrypted = cipher
        .decrypt_padded_vec_mut::<NoPadding>(encrypted)
        .map_err(|_| Failure::new("crypto/cipher: input not full blocks"))?;
    // The last byte is the number of bytes to drop.
    let Some(padding) = decrypted.last().copied() else {
        return Err("runtime error: index out of range [-1]".into());
    };
    let Some(length) = decrypted.len().checked_sub(usize::from(padding)) else {
        let end = decrypted.len() as i64 - i64::from(padding);
        return Err(Failure::new(format!("runtime error: slice bounds out of range [:{end}]")));
    };
    Ok(Value::text(bytes::to_text(&decrypted[..length])))
}
