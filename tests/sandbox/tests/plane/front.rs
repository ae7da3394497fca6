//! The endpoint in front of an API server: both versions of HTTP, streams, faults.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use serde_json::{Value, json};

use crate::{
    sandbox::{Cluster, has_kubectl, programs, shared, text, wait_for},
    token::Token,
};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A TLS connection to the endpoint, verified against the cluster's CA.
fn connect(cluster: &Cluster<'_>, protocols: &[&str]) -> std::io::Result<Stream> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let told = cluster.account.eks("GET", &format!("/clusters/{}", cluster.name), &Value::Null);
    let pem = STANDARD.decode(text(&told["cluster"]["certificateAuthority"]["data"])).unwrap();
    let lines: String = String::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    let mut roots = RootCertStore::empty();
    roots.add(STANDARD.decode(lines).unwrap().into()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let address = cluster.endpoint.strip_prefix("https://").unwrap();
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(std::time::Duration::from_mins(1)))?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Sends an HTTP/1.1 request and leaves the response to be read.
fn send(cluster: &Cluster<'_>, token: &str, path: &str) -> std::io::Result<Stream> {
    let mut stream = connect(cluster, &["http/1.1"])?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: api\r\nuser-agent: by-hand/1\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )?;
    Ok(stream)
}

/// The response with its headers, as text.
fn get(cluster: &Cluster<'_>, token: &str, path: &str) -> std::io::Result<String> {
    let mut answer = String::new();
    send(cluster, token, path)?.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn the_endpoint_speaks_both_versions_of_http_and_passes_streams_on() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    let cluster = account.cluster("workshop");
    let token = Token::usual(&account.key, "workshop").text();
    let by_hand = get(&cluster, &token, "/version").unwrap();
    assert!(by_hand.starts_with("HTTP/1.1 200") && by_hand.contains("v1.34.3"), "{by_hand}");
    assert_eq!(connect(&cluster, &["h2", "http/1.1"]).unwrap().conn.alpn_protocol(), Some(&b"h2"[..]));
    // kubectl uses HTTP/2 if it can. A large response and a large request.
    let large = "x".repeat(700_000);
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"text": large},
    });
    let file = std::path::Path::new(&cluster.kubeconfig).with_file_name("large.json");
    std::fs::write(&file, map.to_string()).unwrap();
    cluster.kubectl_with(&token, &["create", "--filename", file.to_str().unwrap()]).unwrap();
    let got = cluster.kubectl_with(&token, &["get", "configmap", "large", "--output", "json"]).unwrap();
    let got: Value = serde_json::from_str(&got).unwrap();
    assert_eq!(got["data"], map["data"]);

    // A watch delivers events while it is open.
    let mut watch =
        send(&cluster, &token, "/api/v1/namespaces/default/configmaps?watch=true&allowWatchBookmarks=false").unwrap();
    let mut seen = Vec::new();
    let mut read_until = |what: &str| {
        while !String::from_utf8_lossy(&seen).contains(what) {
            let mut buffer = [0; 8192];
            let count = watch.read(&mut buffer).unwrap();
            assert!(count > 0, "the watch has ended");
            seen.extend(&buffer[..count]);
        }
    };
    read_until("\"large\"");
    cluster.kubectl(&["create", "configmap", "later", "--namespace", "default"], "").unwrap();
    read_until("\"later\"");

    // When the API server ends, so do its connections, and clients are reset until it is ready again.
    let restarted = std::thread::scope(|scope| {
        let restart =
            scope.spawn(|| cluster.done("POST", "control-plane/restart", &json!({"down_milliseconds": 1000})));
        let mut buffer = [0; 8192];
        let error = loop {
            match watch.read(&mut buffer) {
                Ok(0) => panic!("an orderly end"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = get(&cluster, &token, "/version").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        restart.join().unwrap()
    });
    assert_eq!(restarted["endpoint"], cluster.endpoint);
    assert!(get(&cluster, &token, "/version").is_ok());

    // A paused API server closes nothing: requests are answered when it resumes.
    let silence = std::time::Duration::from_secs(1);
    let body = json!({"milliseconds": u64::try_from(silence.as_millis()).unwrap()});
    std::thread::scope(|scope| {
        let pause = scope.spawn(|| cluster.done("POST", "control-plane/pause", &body));
        let mut longest = std::time::Duration::ZERO;
        while !pause.is_finished() {
            let begun = std::time::Instant::now();
            assert!(get(&cluster, &token, "/version").unwrap().starts_with("HTTP/1.1 200"));
            longest = longest.max(begun.elapsed());
        }
        assert!(longest > silence / 2, "{longest:?}");
        assert_eq!(pause.join().unwrap()["endpoint"], cluster.endpoint);
    });
}

#[test]
fn faults_of_an_api_server_are_seen_as_they_are_named() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    let cluster = account.cluster("workshop");
    let token = Token::usual(&account.key, "workshop").text();
    let ask = || get(&cluster, &token, "/api/v1/namespaces/default/configmaps");
    let fault = |wanted: Value| text(&cluster.done("POST", "faults", &wanted)["id"]);
    assert!(ask().unwrap().starts_with("HTTP/1.1 200"));

    for (kind, start, part) in [
        ("throttling", "HTTP/1.1 429", "retry-after: 7"),
        ("http_500", "HTTP/1.1 500", "\"reason\":\"InternalError\""),
        ("http_503", "HTTP/1.1 503", "\"reason\":\"ServiceUnavailable\""),
    ] {
        let mut wanted = json!({"kind": kind, "times": 1, "verbs": ["list"], "user_agent": "by-hand"});
        if kind == "throttling" {
            wanted["retry_after_seconds"] = 7.into();
        }
        let id = fault(wanted);
        // A fault does not affect requests that it does not match.
        assert!(get(&cluster, &token, "/version").unwrap().starts_with("HTTP/1.1 200"));
        cluster.kubectl_with(&token, &["get", "configmaps", "--namespace", "default"]).unwrap();
        let answer = ask().unwrap();
        assert!(answer.starts_with(start) && answer.contains(part), "{answer}");
        assert!(ask().unwrap().starts_with("HTTP/1.1 200"), "{kind} was to hit once");
        let all = cluster.done("GET", "faults", &Value::Null)["faults"].clone();
        let found = all.as_array().unwrap().iter().find(|fault| fault["id"] == id.as_str()).unwrap();
        assert_eq!(found["hits"], 1);
        cluster.done("DELETE", &format!("faults/{id}"), &Value::Null);
    }

    // Broken connections: before processing, after it, in the middle of the response.
    let has_served = |path: &str| {
        let log = cluster.done("GET", "requests", &Value::Null)["log"].clone();
        log.as_array().unwrap().iter().any(|request| request["path"] == path)
    };
    for (kind, error, is_done) in [
        ("reset", ErrorKind::ConnectionReset, false),
        ("drop_after_work", ErrorKind::ConnectionReset, true),
        ("cut", ErrorKind::UnexpectedEof, true),
    ] {
        // A unique path, to identify it in the log.
        let path = format!("/api/v1/namespaces/default/configmaps?labelSelector={kind}");
        fault(json!({"kind": kind, "times": 1}));
        let seen = get(&cluster, &token, &path).unwrap_err();
        assert_eq!(seen.kind(), error, "{kind}: {seen}");
        let later = format!("{path}-later");
        assert!(get(&cluster, &token, &later).unwrap().starts_with("HTTP/1.1 200"));
        wait_for("the later request in the log", || has_served(&later).then_some(()));
        if is_done {
            wait_for("the request in the log", || has_served(&path).then_some(()));
        } else {
            assert!(!has_served(&path), "{kind}");
        }
    }

    // kubectl sees them over HTTP/2: it waits as long as the server asks, and reports what it cannot fix.
    let get_maps = || cluster.kubectl_with(&token, &["get", "configmaps", "--namespace", "default"]);
    let id = fault(json!({"kind": "throttling", "times": 1, "verbs": ["list"]}));
    get_maps().unwrap();
    let told = cluster.done("GET", "faults", &Value::Null);
    assert_eq!(told["faults"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap()["hits"], 1);
    fault(json!({"kind": "http_503", "times": 1, "path_prefix": "/api/v1/namespaces/default/configmaps"}));
    let refused = get_maps().unwrap_err();
    assert!(refused.contains("ServiceUnavailable") || refused.contains("unable to handle"), "{refused}");
    fault(json!({"kind": "cut", "seconds": 600, "verbs": ["list"]}));
    get_maps().unwrap_err();
    cluster.done("DELETE", "faults", &Value::Null);
    get_maps().unwrap();
    let begun = std::time::Instant::now();
    fault(json!({"kind": "slow", "times": 1, "verbs": ["list"], "milliseconds": 700}));
    get_maps().unwrap();
    assert!(begun.elapsed().as_millis() >= 700);

    for wrong in
        [json!({"kind": "none", "times": 1}), json!({"kind": "reset"}), json!({"kind": "reset", "times": 1, "x": 1})]
    {
        let path = format!("accounts/{}/clusters/workshop/faults", account.id);
        assert_eq!(account.sandbox.control("POST", &path, &wrong).0, 400, "{wrong}");
    }
}
