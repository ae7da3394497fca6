//! Which proxy leads where, and why one does not.

use std::error::Error;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::Unusable;
use super::causes::causes;

/// The proxy of each scheme, and the hosts that are reached without one. Local hosts never use a proxy
/// ([`is_local`](super::local::is_local)). URLs may contain passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http`.
    pub http: Option<String>,
    /// For `https`.
    pub https: Option<String>,
    /// Hosts without a proxy, as in `NO_PROXY`.
    pub direct: Option<String>,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxies")
    }
}

/// The provider's arguments for proxies. An empty text means none, whatever the environment says.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// `http_proxy`.
    pub http: Option<&'a str>,
    /// `https_proxy`.
    pub https: Option<&'a str>,
    /// `no_proxy`.
    pub direct: Option<&'a str>,
}

impl Proxies {
    /// Arguments, then the usual environment variables. As in `hashicorp/aws`: an `http_proxy` argument applies to
    /// `https` too unless a proxy is set for that.
    pub fn new(given: Arguments<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let either =
            |names: [&str; 2]| names.into_iter().find_map(|name| variable(name).filter(|text| !text.trim().is_empty()));
        let set = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let https = match given.https {
            Some(_) => set(given.https),
            None => either(["HTTPS_PROXY", "https_proxy"]).or_else(|| set(given.http)),
        };
        let http = match given.http {
            Some(_) => set(given.http),
            None => either(["HTTP_PROXY", "http_proxy"]),
        };
        let direct = given.direct.map(str::to_owned).or_else(|| either(["NO_PROXY", "no_proxy"]));
        Self { http, https, direct }
    }

    /// Checks both URLs by the rule of whoever connects, so that an invalid one is reported by name and not as a failed
    /// connection.
    ///
    /// # Errors
    /// The argument at fault.
    pub fn check(&self, is_usable: impl Fn(&str) -> bool) -> Result<(), Unusable> {
        for (argument, address) in [("http_proxy", &self.http), ("https_proxy", &self.https)] {
            if address.as_deref().is_some_and(|address| !address.is_empty() && !is_usable(address)) {
                let problem = "it is not the address of a proxy, such as `http://proxy.example.com:3128`".to_owned();
                return Err(Unusable { argument, problem });
            }
        }
        Ok(())
    }

    /// Which proxy serves which address.
    ///
    /// # Errors
    /// The argument at fault.
    pub fn matcher(&self) -> Result<Matcher, Unusable> {
        self.check(is_proxy)?;
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let builder = Matcher::builder().http(given(&self.http)).https(given(&self.https));
        Ok(builder.no(given(&self.direct)).build())
    }
}

/// Whether a text is the address of an HTTP proxy.
fn is_proxy(address: &str) -> bool {
    let matcher = Matcher::builder().all(address.to_owned()).build();
    let target = Uri::from_static("https://host/");
    matcher.intercept(&target).is_some_and(|proxy| {
        matches!(proxy.uri().scheme_str(), Some("http" | "https"))
            && proxy.uri().host().is_some_and(|host| !host.is_empty())
    })
}

/// Why a proxy opened no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It wants a user and a password, or others (status 407).
    WantsPassword,
    /// Another status.
    Refuses,
    /// Anything else.
    Broken,
}

impl Refusal {
    /// `None` if no proxy is to blame. The tunnel's error has no public type, so its text is all there is. Source:
    /// `TunnelError` of hyper-util.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        causes(error).find_map(|error| {
            Some(match error.to_string().strip_prefix("tunnel error: ")? {
                "proxy authorization required" => Self::WantsPassword,
                "unsuccessful" => Self::Refuses,
                _ => Self::Broken,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_before_the_environment() {
        const ENVIRONMENT: &[(&str, &str)] =
            &[("HTTP_PROXY", "http://env"), ("https_proxy", "http://env-s"), ("NO_PROXY", "e.example")];
        let found = |http, https, direct, environment: &[(&str, &str)]| {
            let variable =
                |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let Proxies { http, https, direct } = Proxies::new(Arguments { http, https, direct }, &variable);
            [http, https, direct].map(Option::unwrap_or_default)
        };
        for (given, environment, expected) in [
            ((None, None, None), ENVIRONMENT, ["http://env", "http://env-s", "e.example"]),
            ((Some("http://a"), None, None), ENVIRONMENT, ["http://a", "http://env-s", "e.example"]),
            ((Some("http://a"), None, None), &[], ["http://a", "http://a", ""]),
            ((Some(""), Some(""), Some("")), ENVIRONMENT, ["", "", ""]),
            ((None, None, None), &[("HTTP_PROXY", " ")], ["", "", ""]),
        ] {
            assert_eq!(found(given.0, given.1, given.2, environment), expected, "{given:?}");
        }
    }

    #[test]
    fn addresses_are_checked_and_not_shown() {
        let matcher = |http: &str, https: &str| {
            Proxies { http: Some(http.to_owned()), https: Some(https.to_owned()), direct: None }.matcher()
        };
        for (http, https) in [("", ""), ("http://proxy:3128", "http://me:word@proxy:3128"), ("proxy:3128", "")] {
            assert!(matcher(http, https).is_ok(), "{http} {https}");
        }
        for (http, https, argument) in [
            ("not an address", "", "http_proxy"),
            ("", "me:hunter2@:", "https_proxy"),
            ("", "socks5://h", "https_proxy"),
        ] {
            let unusable = matcher(http, https).expect_err("refused");
            assert_eq!(unusable.argument, argument);
            assert!(!unusable.problem.contains("hunter2"));
        }
    }

    #[test]
    fn what_a_proxy_answers() {
        for (text, expected) in [
            ("tunnel error: proxy authorization required", Some(Refusal::WantsPassword)),
            ("tunnel error: unsuccessful", Some(Refusal::Refuses)),
            ("tunnel error: io error establishing tunnel", Some(Refusal::Broken)),
            ("connection refused", None),
        ] {
            let error = std::io::Error::other(std::io::Error::other(text));
            assert_eq!(Refusal::of(&error), expected, "{text}");
        }
    }
}
