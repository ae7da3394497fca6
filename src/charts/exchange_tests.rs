//! Requests of any kind to registries.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;

use super::*;
use crate::charts::registry::exchange::To;
use crate::charts::stage::{Reply as Answer, Server, hasty};

fn client(logins: Vec<Login>) -> Client {
    Client::build(Settings { logins, ..Settings::default() }, None, &|_| None, hasty())
}

fn host(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// HEAD of a manifest.
async fn head(client: &Client, server: &Server, repository: &str) -> Result<u16> {
    let (registry, scopes) = (host(server), format!("repository:{repository}:pull,push"));
    let to = To::Path("manifests/v1");
    let ask = Ask { registry: &registry, repository, scopes: &scopes, method: &Method::HEAD, to, headers: &[] };
    client.ask(&ask).await.map(|reply| reply.status)
}

fn heads(server: &Server) -> usize {
    server.lines().iter().filter(|line| line.starts_with("HEAD")).count()
}

#[tokio::test]
async fn a_registry_is_asked_once_how_it_authenticates() {
    let tokens = Server::plain(|seen| {
        let scope = seen.target().split("repository%3A").nth(1).unwrap_or_default().replace("%3Apull%2Cpush", "");
        Answer::new(200, format!("{{\"token\":\"for-{scope}\"}}"))
    })
    .await;
    let challenge = format!("Bearer realm=\"{}\",service=\"the registry\"", tokens.url("/token"));
    let server = Server::plain(move |seen| match (seen.target(), seen.header("authorization")) {
        ("/v2/a/manifests/v1", "Bearer for-a") | ("/v2/b/manifests/v1", "Bearer for-b") => Answer::new(200, ""),
        _ => Answer::new(401, "").with("www-authenticate", challenge.clone()),
    })
    .await;
    let client = client(Vec::new());
    for _ in 0..2 {
        for repository in ["a", "b"] {
            assert_eq!(head(&client, &server, repository).await.expect("an answer"), 200);
        }
    }
    // Nothing was refused, and each repository has taken one token.
    assert_eq!((heads(&server), tokens.lines().len()), (4, 2));
    assert_eq!(server.lines().iter().filter(|line| *line == "GET /v2/").count(), 1);
}

#[tokio::test]
async fn a_token_that_expired_is_renewed() {
    let issued = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&issued);
    let tokens = Server::plain(move |_| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        Answer::new(200, format!("{{\"token\":\"{number}\"}}"))
    })
    .await;
    let challenge = format!("Bearer realm=\"{}\",service=\"the registry\"", tokens.url("/token"));
    let server = Server::plain(move |seen| match seen.header("authorization") {
        "" | "Bearer 0" => Answer::new(401, "").with("www-authenticate", challenge.clone()),
        _ => Answer::new(200, ""),
    })
    .await;
    assert_eq!(head(&client(Vec::new()), &server, "a").await.expect("an answer"), 200);
    assert_eq!((heads(&server), issued.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test]
async fn a_password_is_sent_from_the_start_and_only_to_its_registry() {
    let other = Server::plain(|_| Answer::new(200, "")).await;
    let elsewhere = other.url("/storage");
    let server = Server::plain(move |seen| match (seen.target(), seen.header("authorization")) {
        ("/v2/a/manifests/v1", "Basic bWU6aHVudGVyMg==") => Answer::redirect(elsewhere.clone()),
        _ => Answer::new(401, "").with("www-authenticate", "Basic realm=\"r\""),
    })
    .await;
    let login = Login::with_password(host(&server), "me", "hunter2");
    let client = client(vec![login]);
    assert_eq!(head(&client, &server, "a").await.expect("an answer"), 200);
    assert_eq!(heads(&server), 1);
    assert_eq!(other.seen()[0].header("authorization"), "");
}

#[tokio::test]
async fn a_registry_that_greets_with_a_refusal_may_serve_anybody() {
    let server = Server::plain(|seen| match seen.target() {
        "/v2/" => Answer::new(401, "").with("www-authenticate", "Basic realm=\"r\""),
        _ => Answer::new(200, ""),
    })
    .await;
    assert_eq!(head(&client(Vec::new()), &server, "a").await.expect("an answer"), 200);
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = Server::plain(move |seen| match seen.line.as_str() {
            "GET /v2/" => Answer::new(200, ""),
            _ if seen.number < 4 => Answer::new(status, "").with("retry-after", "0"),
            _ => Answer::new(200, ""),
        })
        .await;
        assert_eq!(head(&client(Vec::new()), &server, "a").await.expect("an answer"), 200, "{status}");
    }
    // A registry that is full stays full.
    let server = Server::plain(|seen| Answer::new(if seen.target() == "/v2/" { 200 } else { 507 }, "")).await;
    assert_eq!(head(&client(Vec::new()), &server, "a").await.expect("an answer"), 507);
    assert_eq!(heads(&server), 1);
    // One that wants more patience than there is, is not asked again.
    let server = Server::plain(|seen| match seen.target() {
        "/v2/" => Answer::new(200, ""),
        _ => Answer::new(429, "").with("retry-after", "3600"),
    })
    .await;
    let error = head(&client(Vec::new()), &server, "a").await.expect_err("busy");
    assert!(matches!(&error, Error::Status { status: 429, attempts: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("3600 s"), "{error}");
}

/// Whatever a registry asks for, it gets the token itself, and no token server is asked.
#[tokio::test]
async fn a_token_is_for_the_registry_itself() {
    let tokens = Server::plain(|_| Answer::new(200, r#"{"token":"other"}"#)).await;
    for challenge in [format!("Bearer realm=\"{}\"", tokens.url("/token")), "Basic realm=\"r\"".to_owned()] {
        let server = Server::plain(move |seen| match seen.header("authorization") {
            "Bearer for-good" => Answer::new(200, ""),
            _ => Answer::new(401, "").with("www-authenticate", challenge.clone()),
        })
        .await;
        let known = client(vec![Login::with_token(host(&server), "for-good")]);
        assert_eq!(head(&known, &server, "a").await.expect("an answer"), 200);
        let wrong = client(vec![Login::with_token(host(&server), "swordfish")]);
        assert_eq!(head(&wrong, &server, "a").await.expect("an answer"), 401);
        assert!(!format!("{:?}", Login::with_token("h", "swordfish")).contains("swordfish"));
    }
    assert!(tokens.lines().is_empty());
}
