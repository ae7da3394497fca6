//! Keys and X.509 certificates: RSA by RustCrypto, signatures by ring, certificates by rcgen.
//!
//! Each call makes new keys, so two renders of one chart differ here, as they do in Helm.

use super::encoding::decode_base64;
use super::random::random;
use super::rsa_key;
use crate::bytes;
use crate::go::quote;
use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Object, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::EncodePrivateKey as _;

pub(super) const TABLE: &[Function] = &[
    Function::new("genPrivateKey", &[Type::Text], |arguments| generate(&arguments.text(0))),
    Function::new("genCA", &[Type::Text, Type::Int], |arguments| {
        authority(&arguments, new_rsa(RSA_BITS)?).map_err(Failure::new)
    }),
    Function::new("genCAWithKey", &[Type::Text, Type::Int, Type::Text], |arguments| {
        authority(&arguments, given_key(&arguments.text(2))?).map_err(Failure::new)
    }),
    Function::new("genSelfSignedCert", &[Type::Text, Type::List, Type::List, Type::Int], |arguments| {
        self_signed(&arguments, new_rsa(RSA_BITS)?).map_err(Failure::new)
    }),
    Function::new(
        "genSelfSignedCertWithKey",
        &[Type::Text, Type::List, Type::List, Type::Int, Type::Text],
        |arguments| self_signed(&arguments, given_key(&arguments.text(4))?).map_err(Failure::new),
    ),
    Function::new("genSignedCert", &[Type::Text, Type::List, Type::List, Type::Int, Type::Certificate], |arguments| {
        let issuer = issuer(&arguments).map_err(Failure::new)?;
        signed(&arguments, new_rsa(RSA_BITS)?, &issuer).map_err(Failure::new)
    }),
    Function::new(
        "genSignedCertWithKey",
        &[Type::Text, Type::List, Type::List, Type::Int, Type::Certificate, Type::Text],
        |arguments| {
            let key = given_key(&arguments.text(5))?;
            let issuer = issuer(&arguments).map_err(Failure::new)?;
            signed(&arguments, key, &issuer).map_err(Failure::new)
        },
    ),
    Function::new("buildCustomCert", &[Type::Text, Type::Text], build),
];

const RSA_BITS: u32 = 2048;
const STANDALONE_RSA_BITS: u32 = 4096;

/// A private key with its PEM text in the form that sprig writes for its kind.
struct Key {
    pair: KeyPair,
    pem: String,
}

/// PEM with lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for start in (0..body.len()).step_by(64) {
        text.push_str(&body[start..body.len().min(start + 64)]);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The first PEM block of a text: its label and its content.
fn read_pem(text: &str) -> Option<(String, Vec<u8>)> {
    let start = text.find("-----BEGIN ")?;
    let rest = &text[start + "-----BEGIN ".len()..];
    let (label, rest) = rest.split_once("-----")?;
    let end = rest.find(&format!("-----END {label}-----"))?;
    // Headers such as `Proc-Type:` end with an empty line.
    let body = &rest[..end];
    let body = match body.split_once("\n\n") {
        Some((head, body)) if head.contains(':') => body,
        _ => body,
    };
    let compact: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Some((label.to_owned(), STANDARD.decode(compact).ok()?))
}

fn rsa_key(key: &RsaPrivateKey) -> Result<Key, String> {
    let pkcs8 = key.to_pkcs8_der().map_err(|error| error.to_string())?;
    let pkcs1 = key.to_pkcs1_der().map_err(|error| error.to_string())?;
    Ok(Key { pair: key_pair(pkcs8.as_bytes())?, pem: pem("RSA PRIVATE KEY", pkcs1.as_bytes()) })
}

fn key_pair(pkcs8: &[u8]) -> Result<KeyPair, String> {
    KeyPair::try_from(pkcs8).map_err(|error| error.to_string())
}

fn new_rsa(bits: u32) -> Result<Key, Failure> {
    rsa_key::generate(bits)
        .and_then(|key| rsa_key(&key))
        .map_err(|error| Failure::new(format!("error generating rsa key: {error}")))
}

/// DER of `tag` with `parts` inside.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    if body.len() < 0x80 {
        out.push(body.len() as u8);
    } else {
        let length: Vec<u8> = body.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | length.len() as u8);
        out.extend(length);
    }
    out.extend(body);
    out
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const BITS: u8 = 0x03;
/// Object identifier of the curve P-256.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Object identifier of keys on a named curve.
const EC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Object identifier of the extension that marks a certificate as an authority's.
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
/// Object identifier of Ed25519.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

fn generate(kind: &str) -> Outcome {
    let failed = |error: String| Failure::new(format!("failed to generate private key: {error}"));
    Ok(Value::text(match kind {
        "" | "rsa" => rsa_key::generate(STANDALONE_RSA_BITS).and_then(|key| rsa_key(&key)).map_err(failed)?.pem,
        "ecdsa" => {
            let pair =
                KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| failed(error.to_string()))?;
            let sec1 = sec1(&pair.serialize_der()).ok_or_else(|| failed("malformed key".to_owned()))?;
            pem("EC PRIVATE KEY", &sec1)
        }
        "ed25519" => {
            let seed: [u8; 32] = random()?;
            let algorithm = der(SEQUENCE, &[ED25519]);
            let inner = der(OCTETS, &[&seed]);
            pem("PRIVATE KEY", &der(SEQUENCE, &[&der(INTEGER, &[&[0]]), &algorithm, &der(OCTETS, &[&inner])]))
        }
        "dsa" => return Err(failed("DSA keys are not supported".to_owned())),
        other => format!("Unknown type {other}"),
    }))
}

/// The SEC 1 form of a P-256 key in PKCS #8, with the curve's name in it as Go writes it.
fn sec1(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let private = after(pkcs8, &[INTEGER, 1, 1, OCTETS, 32])?.get(..32)?;
    let public = after(pkcs8, &[BITS, 66, 0])?.get(..65)?;
    let bits = der(BITS, &[&[0], public]);
    Some(der(SEQUENCE, &[&der(INTEGER, &[&[1]]), &der(OCTETS, &[private]), &der(0xa0, &[P256]), &der(0xa1, &[&bits])]))
}

fn after<'d>(data: &'d [u8], marker: &[u8]) -> Option<&'d [u8]> {
    let at = data.windows(marker.len()).position(|window| window == marker)?;
    data.get(at + marker.len()..)
}

fn given_key(text: &str) -> Result<Key, Failure> {
    parse_key(text).map_err(|error| Failure::new(format!("parsing private key: {error}")))
}

fn parse_key(text: &str) -> Result<Key, String> {
    let Some((label, content)) = read_pem(text) else {
        return Err("no PEM data in input".to_owned());
    };
    match label.as_str() {
        "PRIVATE KEY" => {
            let wrong = |error: String| format!("decoding PEM as PKCS#8: {error}");
            if let Ok(key) = <RsaPrivateKey as rsa::pkcs8::DecodePrivateKey>::from_pkcs8_der(&content) {
                return rsa_key(&key).map_err(wrong);
            }
            let pair = key_pair(&content).map_err(wrong)?;
            let is_curve = pair.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256);
            let own = if is_curve { sec1(&pair.serialize_der()).map(|key| pem("EC PRIVATE KEY", &key)) } else { None };
            Ok(Key { pair, pem: own.unwrap_or_else(|| pem("PRIVATE KEY", &content)) })
        }
        "RSA PRIVATE KEY" => RsaPrivateKey::from_pkcs1_der(&content)
            .map_err(|error| error.to_string())
            .and_then(|key| rsa_key(&key))
            .map_err(|error| format!("parsing RSA private key from PEM: {error}")),
        "EC PRIVATE KEY" => {
            let algorithm = der(SEQUENCE, &[EC_KEY, P256]);
            let wrapped = der(SEQUENCE, &[&der(INTEGER, &[&[0]]), &algorithm, &der(OCTETS, &[&content])]);
            let pair = key_pair(&wrapped).map_err(|error| format!("parsing EC private key from PEM: {error}"))?;
            Ok(Key { pair, pem: pem("EC PRIVATE KEY", &content) })
        }
        "DSA PRIVATE KEY" => Err("parsing DSA private key from PEM: DSA keys are not supported".to_owned()),
        other => match other.strip_suffix(" PRIVATE KEY") {
            Some(kind) => Err(format!("invalid private key type {kind}")),
            None => Err(format!("no private key data in PEM block of type {other}")),
        },
    }
}

fn alternative_names(addresses: &Value, names: &Value) -> Result<Vec<SanType>, String> {
    let mut all = Vec::new();
    for name in names.items().unwrap_or_default() {
        let Value::Text(name) = &name else {
            return Err(format!("error processing alternate dns name: {} is not a string", format::plain(&name)));
        };
        let valid = (&**name).try_into().map_err(|_| {
            format!("error creating certificate: x509: {} cannot be encoded as an IA5String", quote(name))
        })?;
        all.push(SanType::DnsName(valid));
    }
    for address in addresses.items().unwrap_or_default() {
        let Value::Text(text) = &address else {
            return Err(format!("error parsing ip: {} is not a string", format::plain(&address)));
        };
        let parsed = text.parse().map_err(|_| format!("error parsing ip: {text}"))?;
        all.push(SanType::IpAddress(parsed));
    }
    Ok(all)
}

fn parameters(name: &str, names: Vec<SanType>, days: i64, is_authority: bool) -> Result<CertificateParams, String> {
    let mut parameters = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    if !name.is_empty() {
        subject.push(DnType::CommonName, name);
    }
    parameters.distinguished_name = subject;
    parameters.subject_alt_names = names;
    let serial: [u8; 16] = random().map_err(|failure| failure.what)?;
    // A leading zero keeps the number positive.
    parameters.serial_number = Some(SerialNumber::from_slice(&[&[0], serial.as_slice()].concat()));
    let now = time_now();
    parameters.not_before = now;
    let span = days.checked_mul(86_400).and_then(|seconds| now.unix_timestamp().checked_add(seconds));
    parameters.not_after = span
        .and_then(rcgen_time)
        .ok_or_else(|| "error creating certificate: the validity ends beyond the year 9999".to_owned())?;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    // A leaf certificate is marked as such and has no key identifier, which rcgen would add.
    parameters.is_ca = IsCa::NoCa;
    if is_authority {
        parameters.key_usages.push(KeyUsagePurpose::KeyCertSign);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    } else {
        let mut constraints = CustomExtension::from_oid_content(BASIC_CONSTRAINTS, der(SEQUENCE, &[]));
        constraints.set_criticality(true);
        parameters.custom_extensions.push(constraints);
    }
    Ok(parameters)
}

type Moment = time::OffsetDateTime;

fn time_now() -> Moment {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    rcgen_time(seconds).unwrap_or(Moment::UNIX_EPOCH)
}

fn rcgen_time(seconds: i64) -> Option<Moment> {
    Moment::from_unix_timestamp(seconds).ok().filter(|moment| (0..=9999).contains(&moment.year()))
}

fn certificate(certificate: String, key: String) -> Value {
    Value::object(Object::Certificate { certificate: certificate.into(), key: key.into() })
}

fn created(error: rcgen::Error) -> String {
    format!("error creating certificate: {error}")
}

fn authority(arguments: &Arguments, key: Key) -> Result<Value, String> {
    let parameters = parameters(&arguments.text(0), Vec::new(), arguments.int(1), true)?;
    let made = parameters.self_signed(&key.pair).map_err(created)?;
    Ok(certificate(pem("CERTIFICATE", made.der()), key.pem))
}

fn self_signed(arguments: &Arguments, key: Key) -> Result<Value, String> {
    let names = alternative_names(arguments.value(1), arguments.value(2))?;
    let parameters = parameters(&arguments.text(0), names, arguments.int(3), false)?;
    let made = parameters.self_signed(&key.pair).map_err(created)?;
    Ok(certificate(pem("CERTIFICATE", made.der()), key.pem))
}

fn issuer(arguments: &Arguments) -> Result<Issuer<'static, KeyPair>, String> {
    let Value::Object(object) = arguments.value(4) else { return Err("unable to decode certificate".to_owned()) };
    let Object::Certificate { certificate, key } = &**object else {
        return Err("unable to decode certificate".to_owned());
    };
    let Some((_, content)) = read_pem(certificate) else {
        return Err("unable to decode certificate".to_owned());
    };
    let key = parse_key(key).map_err(|error| format!("error parsing private key: {error}"))?;
    Issuer::from_ca_cert_der(&content.into(), key.pair)
        .map_err(|error| format!("error parsing certificate: decodedSignerCert.Bytes: {error}"))
}

fn signed(arguments: &Arguments, key: Key, issuer: &Issuer<'static, KeyPair>) -> Result<Value, String> {
    let names = alternative_names(arguments.value(1), arguments.value(2))?;
    let mut parameters = parameters(&arguments.text(0), names, arguments.int(3), false)?;
    parameters.use_authority_key_identifier_extension = true;
    let made = parameters.signed_by(&key.pair, issuer).map_err(created)?;
    Ok(certificate(pem("CERTIFICATE", made.der()), key.pem))
}

fn build(arguments: Arguments) -> Outcome {
    let decoded = |index: usize| decode_base64(&arguments.text(index)).map(|data| bytes::to_text(&data));
    let own = decoded(0).map_err(|_| Failure::new("unable to decode base64 certificate"))?;
    let key = decoded(1).map_err(|_| Failure::new("unable to decode base64 private key"))?;
    let Some((_, content)) = read_pem(&own) else {
        return Err("unable to decode certificate".into());
    };
    let key_of = parse_key(&key).map_err(|error| Failure::new(format!("error parsing private key: {error}")));
    // Reading it as an issuer is the way to have the certificate's form checked.
    let probe = KeyPair::generate().map_err(|error| Failure::new(error.to_string()))?;
    if let Err(error) = Issuer::from_ca_cert_der(&content.into(), probe) {
        return Err(Failure::new(format!("error parsing certificate: decodedCert.Bytes: {error}")));
    }
    key_of?;
    Ok(certificate(own, key))
}
