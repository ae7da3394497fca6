use super::*;
use crate::charts::stage::{Authority, Reply, Server, hasty, proxy};

fn http() -> Http {
    Http::new(Proxies::default(), None, hasty())
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("an address")
}

fn plain(url: &Url) -> Request<'_> {
    Request { url, accept: "", authorization: None, limit: 1 << 20, immutable: false }
}

fn authorization(url: &Url) -> Authorization {
    Authorization::new(url, "me", "Basic bWU6aHVudGVyMg==".to_owned().into())
}

#[tokio::test]
async fn a_content_is_fetched() {
    let server = Server::plain(|_| Reply::new(200, "content")).await;
    let url = url(&server.url("/a?b=c"));
    let answer = http().get(&Request { accept: "text/yaml", ..plain(&url) }).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..], &answer.url), (200, &b"content"[..], &url));
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "GET /a?b=c");
    assert_eq!(seen.header("host"), format!("127.0.0.1:{}", server.port));
    assert_eq!(seen.header("accept"), "text/yaml");
    assert!(seen.header("user-agent").starts_with("terraform-provider-ekshybrid/"));
}

#[tokio::test]
async fn a_passing_failure_is_retried() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = Server::plain(move |seen| match seen.number {
            0 | 1 => Reply::new(status, "busy").with("retry-after", "0"),
            _ => Reply::new(200, "content"),
        })
        .await;
        let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
        assert_eq!((&answer.body[..], server.lines().len()), (&b"content"[..], 3), "{status}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let errors = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down\n"}]}"#;
    let server = Server::plain(move |_| Reply::new(429, errors)).await;
    let error = http().get(&plain(&url(&server.url("/")))).await.expect_err("busy");
    assert!(
        matches!(&error, Error::Status { status: 429, attempts: 5, detail, .. } if detail == "slow down"),
        "{error:?}"
    );
    assert_eq!(server.lines().len(), 5);
}

#[tokio::test]
async fn a_long_wait_is_reported_at_once() {
    let server = Server::plain(|_| Reply::new(503, "").with("retry-after", "3600")).await;
    let error = http().get(&plain(&url(&server.url("/")))).await.expect_err("busy");
    assert!(matches!(&error, Error::Status { status: 503, attempts: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("3600 s"), "{error}");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_lasting_failure_is_returned() {
    for status in [400, 401, 403, 404, 410, 501] {
        let server = Server::plain(move |_| Reply::new(status, "no")).await;
        let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
        assert_eq!((answer.status, server.lines().len()), (status, 1));
    }
}

#[tokio::test]
async fn a_cut_download_resumes_where_it_ended() {
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let whole = body.clone();
    let server = Server::plain(move |seen| {
        let start = seen.header("range").trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
        let (part, total) = (body[start..].to_vec(), body.len());
        let reply = match start {
            0 => Reply::new(200, part),
            _ => Reply::new(206, part).with("content-range", format!("bytes {start}-{}/{total}", total - 1)),
        };
        let reply = reply.with("etag", "\"one\"").with("accept-ranges", "bytes");
        if start < 300_000 { reply.cut(60_000) } else { reply }
    })
    .await;
    let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
    assert!(answer.body == whole, "{} bytes", answer.body.len());
    let ranges: Vec<String> = server.seen().iter().map(|seen| seen.header("range").to_owned()).collect();
    assert_eq!(ranges[..3], ["", "bytes=60000-", "bytes=120000-"]);
    // Each attempt made some way, so more than five are allowed.
    assert_eq!(ranges.len(), 6);
    assert_eq!(server.seen()[1].header("if-range"), "\"one\"");
}

#[tokio::test]
async fn a_changed_content_starts_over() {
    let server = Server::plain(|seen| match seen.number {
        0 => Reply::new(200, "old content").with("etag", "\"old\"").with("accept-ranges", "bytes").cut(4),
        _ => Reply::new(200, "new content").with("etag", "\"new\""),
    })
    .await;
    let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
    assert_eq!(answer.body, b"new content");
    assert_eq!(server.seen()[1].header("if-range"), "\"old\"");
}

#[tokio::test]
async fn a_range_that_does_not_fit_is_dropped() {
    let server = Server::plain(|seen| match (seen.number, seen.header("range")) {
        (0, _) => Reply::new(200, "old content").with("etag", "\"old\"").with("accept-ranges", "bytes").cut(4),
        (_, "") => Reply::new(200, "new"),
        _ => Reply::new(416, ""),
    })
    .await;
    let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
    assert_eq!(answer.body, b"new");
}

#[tokio::test]
async fn without_a_mark_of_the_content_nothing_is_patched_together() {
    for (name, value) in [("etag", "W/\"weak\""), ("x-none", "")] {
        let server = Server::plain(move |seen| {
            let reply = Reply::new(200, "content").with("accept-ranges", "bytes").with(name, value);
            if seen.number == 0 { reply.cut(3) } else { reply }
        })
        .await;
        let answer = http().get(&plain(&url(&server.url("/")))).await.expect("an answer");
        assert_eq!(answer.body, b"content");
        assert_eq!(server.seen()[1].header("range"), "", "{value}");
    }
}

#[tokio::test]
async fn a_connection_that_is_always_cut_ends_in_an_error() {
    // Always at the same place: the first attempt makes some way, the others only repeat it.
    let server = Server::plain(|_| Reply::new(200, "content").cut(3)).await;
    let error = http().get(&plain(&url(&server.url("/")))).await.expect_err("cut");
    assert!(matches!(error, Error::Cut { received: 3, expected: Some(7), attempts: 5, .. }), "{error:?}");
    let server = Server::plain(|_| Reply::new(200, "content").cut(0)).await;
    let error = http().get(&plain(&url(&server.url("/")))).await.expect_err("cut");
    assert!(matches!(error, Error::Cut { received: 0, expected: Some(7), attempts: 5, .. }), "{error:?}");
}

#[tokio::test]
async fn too_much_is_refused() {
    let announced = Server::plain(|_| Reply::new(200, "content")).await;
    // Without a length the end shows only when it comes.
    let unannounced = Server::plain(|_| {
        let body = "4\r\ncont\r\n3\r\nent\r\n0\r\n\r\n";
        Reply::new(200, body).with("transfer-encoding", "chunked").with("content-length", "")
    })
    .await;
    for server in [announced, unannounced] {
        let url = url(&server.url("/"));
        let limited = |limit| Request { limit, ..plain(&url) };
        let error = http().get(&limited(6)).await.expect_err("too much");
        assert!(matches!(error, Error::TooLarge { limit: 6, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let elsewhere = Server::plain(|_| Reply::new(200, "content")).await;
    let to = elsewhere.url("/blob?signature=hunter2");
    let server = Server::plain(move |seen| match seen.target() {
        "/" => Reply::redirect("/here"),
        _ => Reply::redirect(to.clone()),
    })
    .await;
    let url = url(&server.url("/"));
    let authorization = authorization(&url);
    let answer = http().get(&Request { authorization: Some(&authorization), ..plain(&url) }).await.expect("an answer");
    assert_eq!(answer.body, b"content");
    let shown: Vec<bool> = server.seen().iter().map(|seen| !seen.header("authorization").is_empty()).collect();
    assert_eq!(shown, [true, true]);
    assert_eq!(elsewhere.seen()[0].header("authorization"), "");
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    for (to, problem) in [("", "name a target"), ("ftp://h/", "neither"), ("/", "ten redirects")] {
        let server = Server::plain(move |_| Reply::redirect(to)).await;
        let error = http().get(&plain(&url(&server.url("/")))).await.expect_err("no way");
        assert!(matches!(&error, Error::Redirect { .. }) && error.to_string().contains(problem), "{error}");
    }
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).expect("written");
    let server = Server::tls(authority.server("localhost"), |_| Reply::redirect("http://localhost/?key=hunter2")).await;
    let http = Http::new(Proxies::default(), Some(folder.path().join("ca.pem")), hasty());
    let error = http.get(&plain(&url(&format!("https://localhost:{}/", server.port)))).await.expect_err("no way");
    assert!(error.to_string().contains("not encrypted"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_password_is_not_sent_in_the_clear() {
    let far = url("http://charts.example.com/");
    let authorization = authorization(&far);
    let error = http().get(&Request { authorization: Some(&authorization), ..plain(&far) }).await.expect_err("refused");
    assert!(matches!(&error, Error::PasswordInTheClear { username, .. } if username == "me"), "{error}");
}

#[tokio::test]
async fn an_authority_counts_for_its_host_alone() {
    let authority = Authority::new();
    let server = Server::tls(authority.server("localhost"), |_| Reply::new(200, "content")).await;
    let right = url(&format!("https://localhost:{}/", server.port));
    let trusting = |host: String, pem: &str| {
        let hosts = [(host, pem.to_owned())].into_iter().collect();
        Http::new(Proxies::default(), connect::Trusted { bundle: None, hosts }, hasty())
    };
    let own = trusting(format!("localhost:{}", server.port), &authority.pem);
    assert_eq!(own.get(&plain(&right)).await.expect("an answer").body, b"content");
    let error = trusting("localhost".to_owned(), &authority.pem).get(&plain(&right)).await.expect_err("another host");
    assert!(matches!(&error, Error::Unreachable { cause, .. } if cause.contains("UnknownIssuer")), "{error:?}");
    let error = trusting("localhost".to_owned(), "").get(&plain(&right)).await.expect_err("no certificate");
    assert!(matches!(&error, Error::Configuration { argument: "registries", .. }), "{error:?}");
}

#[tokio::test]
async fn certificates_are_checked() {
    let authority = Authority::new();
    let server = Server::tls(authority.server("localhost"), |_| Reply::new(200, "content")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        Some(path)
    };
    let trusting = |bundle| Http::new(Proxies::default(), bundle, hasty());
    let right = url(&format!("https://localhost:{}/", server.port));
    let answer = trusting(file("ca.pem", &authority.pem)).get(&plain(&right)).await.expect("an answer");
    assert_eq!(answer.body, b"content");

    let error = trusting(None).get(&plain(&right)).await.expect_err("not trusted");
    assert!(
        matches!(&error, Error::Unreachable { cause, attempts: 1, .. } if cause.contains("UnknownIssuer")),
        "{error:?}"
    );
    let other_name = url(&format!("https://127.0.0.1:{}/", server.port));
    let error = trusting(file("ca.pem", &authority.pem)).get(&plain(&other_name)).await.expect_err("another name");
    assert!(matches!(&error, Error::Unreachable { cause, .. } if cause.contains("not valid for name")), "{error:?}");

    for (name, text, problem) in [
        ("empty.pem", "", "holds no PEM certificate"),
        ("wrong.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate authority"),
    ] {
        let error = trusting(file(name, text)).get(&plain(&right)).await.expect_err(problem);
        assert!(
            matches!(&error, Error::Configuration { argument: "custom_ca_bundle", problem: said } if said.contains(problem)),
            "{error:?}"
        );
    }
    let error = trusting(Some(folder.path().join("none.pem"))).get(&plain(&right)).await.expect_err("no file");
    assert!(error.to_string().contains("none.pem"), "{error}");
}

#[tokio::test]
async fn proxies_are_used_with_their_passwords() {
    // Base64 of `me:hunter2`.
    const WORD: &str = "Basic bWU6aHVudGVyMg==";
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, &authority.pem).expect("written");
    let server = Server::tls(authority.server("charts.example.com"), |_| Reply::new(200, "by https")).await;
    let tunnel = proxy(server.port, WORD).await;
    let forward = Server::plain(|_| Reply::new(200, "by http")).await;
    let client = |https: String, http: &str, direct: &str| {
        let proxies = Proxies { http: Some(http.to_owned()), https: Some(https), direct: Some(direct.to_owned()) };
        Http::new(proxies, Some(bundle.clone()), hasty())
    };
    let with = |word: &str| format!("http://{word}127.0.0.1:{}", tunnel.port);
    let (https, http) = (url("https://charts.example.com/a"), url("http://charts.example.com/a"));
    let forwarding = format!("http://me:hunter2@127.0.0.1:{}", forward.port);

    let through = client(with("me:hunter2@"), &forwarding, "");
    assert_eq!(through.get(&plain(&https)).await.expect("an answer").body, b"by https");
    assert_eq!(tunnel.lines(), ["CONNECT charts.example.com:443"]);
    assert_eq!(server.seen()[0].header("proxy-authorization"), "");
    assert_eq!(through.get(&plain(&http)).await.expect("an answer").body, b"by http");
    assert_eq!(forward.lines(), ["GET http://charts.example.com/a"]);
    assert_eq!(forward.seen()[0].header("proxy-authorization"), WORD);

    let error = client(with("me:wrong@"), &forwarding, "").get(&plain(&https)).await.expect_err("refused");
    assert!(matches!(&error, Error::ProxyPassword { .. }), "{error:?}");
    assert_eq!(tunnel.lines().len(), 2, "once is enough");
    assert!(!error.to_string().contains("wrong"), "{error}");

    // This machine, and what the user excepts, are reached directly.
    let local = Server::plain(|_| Reply::new(200, "direct")).await;
    assert_eq!(through.get(&plain(&url(&local.url("/")))).await.expect("an answer").body, b"direct");
    let before = tunnel.lines().len();
    let excepted = client(with("me:hunter2@"), &forwarding, "invalid");
    excepted.get(&plain(&url("https://charts.invalid/"))).await.expect_err("a name that never exists");
    assert_eq!(tunnel.lines().len(), before);
}

#[tokio::test]
async fn addresses_of_proxies_are_checked() {
    for (http, https, argument) in
        [("not an address", "", "http_proxy"), ("", "me:hunter2@:", "https_proxy"), ("", "socks5://h", "https_proxy")]
    {
        let proxies = Proxies { http: Some(http.to_owned()), https: Some(https.to_owned()), direct: None };
        let client = Http::new(proxies, None, hasty());
        let error = client.get(&plain(&url("http://h/"))).await.expect_err("no proxy");
        assert!(matches!(&error, Error::Configuration { argument: named, .. } if *named == argument), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_missing_host_is_reported_after_three_attempts() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let error = http().get(&plain(&url(&format!("http://127.0.0.1:{port}/?key=hunter2")))).await.expect_err("nobody");
    assert!(matches!(&error, Error::Unreachable { attempts: 3, cause, .. } if cause.contains("refused")), "{error:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let authority = Authority::new();
    let plain = Server::plain(|_| Reply::new(200, "")).await;
    let tls = Server::tls(authority.server("localhost"), |_| Reply::new(200, "")).await;
    for (port, expected) in [(plain.port, true), (tls.port, false)] {
        let url = url(&format!("https://localhost:{port}/"));
        assert_eq!(http().is_plain(&url).await.expect("asked"), expected);
    }
}
