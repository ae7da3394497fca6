//! The chain of causes of an error.

use std::error::Error;

type Cause<'e> = &'e (dyn Error + 'static);

/// The error itself and its causes, outermost first. An I/O error that wraps another error hides it from `source`, so
/// what it wraps is looked up.
pub fn causes(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error), |error| below(*error))
}

fn below(error: Cause<'_>) -> Option<Cause<'_>> {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.map(|inner| inner as Cause<'_>).or_else(|| error.source())
}

/// The first error of a type among an error and its causes.
pub fn find<E: Error + 'static>(error: Cause<'_>) -> Option<&E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// The text of the innermost cause, which is usually the informative one.
pub fn innermost(error: Cause<'_>) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// The texts of an error and its causes, outermost first, without those that an earlier one contains: some layers
/// repeat the message of their cause.
pub fn texts(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    for cause in error.source().into_iter().flat_map(causes) {
        let text = cause.to_string();
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
    }
    texts
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn Error) -> String {
    texts(error).join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    }

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("the certificate is unknown")]
    struct Certificate;

    #[test]
    fn causes_behind_an_io_error_are_found() {
        let io = std::io::Error::other(std::io::Error::other(Certificate));
        let error = Layer { text: "could not connect", source: io.into() };
        assert_eq!(find::<Certificate>(&error), Some(&Certificate));
        assert_eq!(innermost(&error), "the certificate is unknown");
        assert_eq!(chain(&error), "could not connect: the certificate is unknown");
        assert!(find::<Layer>(&Certificate).is_none());
    }

    #[test]
    fn a_repeated_message_appears_once() {
        let inner = Layer { text: "no route", source: Certificate.into() };
        let error = Layer { text: "could not connect: no route", source: inner.into() };
        assert_eq!(chain(&error), "could not connect: no route: the certificate is unknown");
        assert_eq!(texts(&error).len(), 2);
    }
}
