//! RSA keys for certificates and `genPrivateKey`.
//!
//! Keys are nearly all of the time that a chart with certificates takes, and searching their primes is nearly all of
//! that; `crypto-primes` is three times as fast at it as what `rsa` brings along.

use crypto_bigint::BoxedUint;
use crypto_primes::Flavor;
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use rsa::{BigUint, RsaPrivateKey};

/// The public exponent that everybody uses, Go included.
const EXPONENT: u32 = 65_537;

/// A key whose modulus has exactly so many bits.
///
/// # Errors
/// `bits` is too small for two primes.
pub(super) fn generate(bits: u32) -> Result<RsaPrivateKey, String> {
    let key = || {
        let primes = vec![prime(bits - bits / 2)?, prime(bits / 2)?];
        RsaPrivateKey::from_primes(primes, BigUint::from(EXPONENT)).map_err(|error| error.to_string())
    };
    // Once in 30,000 times the exponent does not go with a prime.
    key().or_else(|_| key()).or_else(|_| key())
}

/// A prime whose two highest bits are set, so that the product of two has all of its bits.
fn prime(bits: u32) -> Result<BigUint, String> {
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb);
    let sieve = sieve.map_err(|error| error.to_string())?;
    // The system's random numbers fail on no system that runs this.
    let found = crypto_primes::sieve_and_find(&mut UnwrapErr(SysRng), sieve, |_, candidate| {
        crypto_primes::is_prime(Flavor::Any, candidate)
    });
    let found = found.map_err(|error| error.to_string())?.ok_or("no prime was found")?;
    Ok(BigUint::from_bytes_be(&found.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

    use super::*;

    #[test]
    fn keys_are_of_their_size_and_sound() {
        for bits in [512, 1023, 2048] {
            let key = generate(bits).expect("a key");
            assert_eq!(key.n().bits(), usize::try_from(bits).expect("small"));
            assert_eq!(key.e(), &BigUint::from(65_537_u32));
            key.validate().expect("a sound key");
            assert_ne!(key.primes()[0], key.primes()[1]);
        }
        assert!(generate(2).is_err(), "too small for two primes");
    }
}
