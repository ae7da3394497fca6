use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::aws::error::Kind;

#[test]
fn proxy_addresses() {
    let proxies = |http: &str, https: &str| Proxies {
        http: (!http.is_empty()).then(|| http.to_owned()),
        https: (!https.is_empty()).then(|| https.to_owned()),
        direct: None,
    };
    assert!(check(&proxies("http://proxy:3128", "http://me:word@proxy:3128")).is_ok());
    for (given, argument) in
        [(proxies("not an address", ""), "http_proxy"), (proxies("", "me:hunter2@:"), "https_proxy")]
    {
        let error = check(&given).expect_err("refused");
        assert!(matches!(error.kind(), Kind::Configuration { argument: named, .. } if named == argument), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

fn target(attempt: u32, repeatable: bool) -> Target {
    Target { https: true, host: "h".to_owned(), address: "h:443".to_owned(), attempt, repeatable }
}

#[test]
fn requests_are_read() {
    let mut request = HttpRequest::empty();
    request.set_uri("https://ssm.us-west-2.amazonaws.com/").expect("address");
    request.headers_mut().insert("amz-sdk-request", "attempt=4; max=26");
    request.headers_mut().insert("x-amz-target", "AmazonSSM.CreateActivation");
    let read = Target::of(&request);
    assert!(read.https && !read.repeatable);
    assert_eq!((read.attempt, read.address.as_str()), (4, "ssm.us-west-2.amazonaws.com"));
    request.headers_mut().insert("x-amz-target", "AmazonSSM.DescribeActivations");
    assert!(Target::of(&request).repeatable);
}

#[test]
fn lost_answers_are_not_repeated_when_that_could_do_the_work_twice() {
    let reset = || ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
    let judged = target(1, false).judge(reset());
    assert!(!judged.is_io());
    assert!(find::<AnswerLost>(&judged).is_some());
    assert!(target(1, true).judge(reset()).is_io());
}

#[tokio::test]
async fn a_refused_connection_is_tried_six_times_at_most() {
    // A port that was free a moment ago, with no listener.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("port").port();
    let wiring = Arc::new(Wiring {
        proxies: Proxies::default(),
        ca_bundle: None,
        agent: String::new(),
        connectors: Mutex::default(),
    });
    let connector = OnDemand { wiring, connect: Some(CONNECT_TIMEOUT), read: None };
    for (attempt, again) in [(1, true), (5, true), (6, false)] {
        let mut request = HttpRequest::empty();
        request.set_uri(format!("http://127.0.0.1:{port}/")).expect("address");
        request.headers_mut().insert("amz-sdk-request", format!("attempt={attempt}; max=26"));
        let error = connector.call(request).await.expect_err("refused");
        assert_eq!(error.is_io(), again, "attempt {attempt}");
        let unreached = find::<Unreached>(&error).expect("marked");
        assert_eq!(unreached.address, format!("127.0.0.1:{port}"));
        assert!(unreached.cause.contains("refused"), "{}", unreached.cause);
    }
}

/// Responds to every request with 200 and records the first line and `Proxy-Authorization` of each.
async fn listener() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut first, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) && !line.trim().is_empty() {
                if first.is_empty() || line.to_ascii_lowercase().starts_with("proxy-authorization") {
                    first.push_str(&line);
                }
                line.clear();
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(first.replace("\r\n", "|"));
            let answer: &[u8] = if first.starts_with("CONNECT") {
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            };
            let _ = stream.get_mut().write_all(answer).await;
        }
    });
    (port, seen)
}

#[tokio::test]
async fn proxies_serve_their_scheme_and_never_this_machine() {
    let (proxy, at_proxy) = listener().await;
    let (server, at_server) = listener().await;
    let address = format!("http://me:word@127.0.0.1:{proxy}");
    let proxies =
        Proxies { http: Some(address.clone()), https: Some(address), direct: Some("direct.invalid".to_owned()) };
    let wiring = Arc::new(Wiring { proxies, ca_bundle: None, agent: String::new(), connectors: Mutex::default() });
    let connector = OnDemand { wiring, connect: Some(CONNECT_TIMEOUT), read: None };
    for (address, reached) in [
        ("http://far.invalid/path".to_owned(), true),
        ("https://far.invalid/path".to_owned(), false),
        ("http://direct.invalid/".to_owned(), false),
        (format!("http://127.0.0.1:{server}/here"), true),
    ] {
        let mut request = HttpRequest::empty();
        request.set_uri(address.as_str()).expect("address");
        assert_eq!(connector.call(request).await.is_ok(), reached, "{address}");
    }
    let seen = |list: &Mutex<Vec<String>>| list.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let at_proxy = seen(&at_proxy);
    assert_eq!(at_proxy.len(), 2, "{at_proxy:?}");
    assert!(at_proxy[0].starts_with("GET http://far.invalid/path HTTP/1.1|"), "{at_proxy:?}");
    assert!(at_proxy[1].starts_with("CONNECT far.invalid:443 HTTP/1.1|"), "{at_proxy:?}");
    // "me:word" in base64.
    assert!(
        at_proxy.iter().all(|one| one.to_ascii_lowercase().contains("proxy-authorization: basic bwu6d29yza==")),
        "{at_proxy:?}"
    );
    assert_eq!(seen(&at_server), ["GET /here HTTP/1.1|"]);
}

#[tokio::test]
async fn a_silent_server_is_asked_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    let wiring = Arc::new(Wiring {
        proxies: Proxies::default(),
        ca_bundle: None,
        agent: String::new(),
        connectors: Mutex::default(),
    });
    let connector = OnDemand { wiring, connect: Some(CONNECT_TIMEOUT), read: Some(Duration::from_millis(20)) };
    for (attempt, again) in [(1, true), (2, false)] {
        let mut request = HttpRequest::empty();
        request.set_uri(format!("http://127.0.0.1:{port}/")).expect("address");
        request.headers_mut().insert("amz-sdk-request", format!("attempt={attempt}; max=26"));
        let error = connector.call(request).await.expect_err("no answer");
        assert_eq!(error.is_timeout(), again, "attempt {attempt}");
        assert!(find::<Unreached>(&error).is_some_and(|unreached| unreached.cause.contains("no answer")), "{error:?}");
    }
}

/// A TLS server for `localhost` that responds with 200; returns its port and its CA certificate in PEM format.
async fn tls_server() -> (u16, String) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority_key = rcgen::KeyPair::generate().expect("key");
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_text = STANDARD.encode(authority.self_signed(&authority_key).expect("authority").der());
    let authority_pem = format!("-----BEGIN CERTIFICATE-----\n{authority_text}\n-----END CERTIFICATE-----\n");
    let key = rcgen::KeyPair::generate().expect("key");
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|names| names.signed_by(&key, &rcgen::Issuer::new(authority, authority_key)))
        .expect("certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("key");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("identity");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut line = String::new();
                let mut reader = BufReader::new(&mut stream);
                while reader.read_line(&mut line).await.is_ok_and(|read| read > 2) {}
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (port, authority_pem)
}

#[tokio::test]
async fn a_bundle_is_trusted_beside_the_system_and_an_unknown_authority_is_refused_at_once() {
    let (port, authority) = tls_server().await;
    let folder = tempfile::tempdir().expect("folder");
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, authority).expect("written");
    for ca_bundle in [Some(bundle), None] {
        let trusted = ca_bundle.is_some();
        let wiring = Arc::new(Wiring {
            proxies: Proxies::default(),
            ca_bundle,
            agent: String::new(),
            connectors: Mutex::default(),
        });
        let connector = OnDemand { wiring, connect: Some(CONNECT_TIMEOUT), read: None };
        let mut request = HttpRequest::empty();
        request.set_uri(format!("https://localhost:{port}/")).expect("address");
        match connector.call(request).await {
            Ok(response) => assert!(trusted && response.status().as_u16() == 200),
            Err(error) => {
                assert!(!trusted && !error.is_io(), "{error:?}");
                let unreached = find::<Unreached>(&error).expect("marked");
                assert!(unreached.cause.contains("UnknownIssuer"), "{}", unreached.cause);
            }
        }
    }
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_is_told_by_name() {
    let wiring = Wiring {
        proxies: Proxies::default(),
        ca_bundle: Some("/no/such/ca.pem".into()),
        agent: String::new(),
        connectors: Mutex::default(),
    };
    let connector = OnDemand { wiring: Arc::new(wiring), connect: None, read: None };
    let mut request = HttpRequest::empty();
    request.set_uri("https://localhost:1/").expect("address");
    let error = connector.call(request).await.expect_err("no bundle");
    let own = find::<Error>(&error).expect("one of ours");
    assert!(own.to_string().contains("/no/such/ca.pem"), "{own}");
}

#[test]
fn products_follow_the_sdk_s_own() {
    for (own, agent, whole) in [
        (Some("aws-sdk-rust/1"), "team/7 (edge)", Some("aws-sdk-rust/1 team/7 (edge)")),
        (Some("aws-sdk-rust/1"), "", Some("aws-sdk-rust/1")),
        (None, "team/7", Some("team/7")),
        (Some("aws-sdk-rust/1"), "line\nbreak", Some("aws-sdk-rust/1")),
    ] {
        let mut request = HttpRequest::empty();
        if let Some(own) = own {
            request.headers_mut().insert("user-agent", own);
        }
        append_agent(&mut request, agent);
        assert_eq!(request.headers().get("user-agent"), whole);
    }
}
