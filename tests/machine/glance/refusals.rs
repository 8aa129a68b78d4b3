//! Who we are, whom we trust, and what we are told when it is no.
//!
//! In: clouds.yaml and `OS_*`, a Keystone that is played, certificates of the test's own. Out: what Glance holds, or the message.
//! Never: a secret in a message.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use super::Place;
use super::cloud::Glance;
use dibber_tests::accepts;
use dibber_tests::workshop::run;

const PASSWORD: &str = "correct horse battery staple";

fn password() -> serde_json::Value {
    json!({
        "identity": { "methods": ["password"], "password": { "user": {
            "name": "maintainer", "domain": { "name": "Default" }, "password": PASSWORD } } },
        "scope": { "project": { "name": "images", "domain": { "id": "default" } } },
    })
}

fn clouds(port: u16, password: &str) -> String {
    format!(
        "clouds:\n  other: {{auth_type: none, auth: {{endpoint: 'http://127.0.0.1:9'}}}}\n  ours:\n    region_name: here\n    \
         auth:\n      auth_url: http://localhost:{port}/identity\n      username: maintainer\n      user_domain_name: Default\n      \
         password: {password}\n      project_name: images\n"
    )
}

#[test]
fn keystone_is_asked_as_clouds_yaml_says() {
    let (glance, place) = (Glance::start(), Place::new());
    // Tokens are good for four requests: the program logs in again on its way.
    let way = glance.way(json!({ "login": password(), "uses": 4 }));
    fs::write(place.home.path().join("clouds.yaml"), clouds(way.port, PASSWORD)).expect("write");
    run(&mut place.command(&["ironic-python-agent", "--os-cloud", "ours"], &[])).well();
    assert_eq!(glance.names().len(), 4);
    let logins = way.requests().iter().filter(|request| *request == "POST /identity/v3/auth/tokens").count();
    assert!(logins > 1, "{:?}", way.requests());

    // ~/.config/openstack, secure.yaml beside it, OS_CLOUD.
    fs::remove_file(place.home.path().join("clouds.yaml")).expect("remove");
    let config = place.home.path().join(".config/openstack");
    fs::create_dir_all(&config).expect("make a directory");
    fs::write(config.join("clouds.yaml"), clouds(way.port, "replaced")).expect("write");
    fs::write(config.join("secure.yaml"), format!("clouds: {{ours: {{auth: {{password: {PASSWORD}}}}}}}"))
        .expect("write");
    let told = run(&mut place.command(&["ironic-python-agent"], &[("OS_CLOUD", "ours")])).well();
    assert_eq!(told.out.matches("unchanged").count(), 4, "{}", told.out);
}

#[test]
fn an_application_credential_is_enough() {
    let (glance, place) = (Glance::start(), Place::new());
    let credential = json!({ "identity": { "methods": ["application_credential"],
        "application_credential": { "id": "credential", "secret": PASSWORD } } });
    let way = glance.way(json!({ "login": credential }));
    let url = format!("http://localhost:{}/identity/v3", way.port);
    let variables = [
        ("OS_AUTH_URL", url.as_str()),
        ("OS_AUTH_TYPE", "v3applicationcredential"),
        ("OS_APPLICATION_CREDENTIAL_ID", "credential"),
        ("OS_APPLICATION_CREDENTIAL_SECRET", PASSWORD),
        ("OS_REGION_NAME", "here"),
    ];
    run(&mut place.command(&["ironic-python-agent", "--arch", "x86_64"], &variables)).well();
    assert_eq!(glance.names(), ["bm-deploy-kernel", "bm-deploy-ramdisk"]);

    // Refused, by a Keystone that tells all it was told: the secret is not handed on.
    let wrong =
        variables.map(|(name, value)| if name.ends_with("_ID") { (name, "another") } else { (name, value) });
    let told = run(&mut place.command(&[], &wrong));
    told.refuses(
        9,
        &["log in (the OS_* variables)", "answered 401", "check user, password or application credential"],
    );
    assert!(!told.err.contains(PASSWORD) && told.err.contains("***"), "{}", told.err);
    // A region that the catalog has not.
    let nowhere = variables
        .map(|(name, value)| if name == "OS_REGION_NAME" { (name, "nowhere") } else { (name, value) });
    run(&mut place.command(&[], &nowhere))
        .refuses(3, &["no public image endpoint in region nowhere", "public in elsewhere, public in here"]);
}

/// Who names a proxy does not want a password to go around it.
#[test]
fn a_proxy_that_cannot_be_used_is_refused() {
    let (glance, place) = (Glance::start(), Place::new());
    let way = glance.way(json!({}));
    let url = format!("http://localhost:{}/identity/v3", way.port);
    for proxy in ["socks5://127.0.0.1:9", "ht!tp://proxy:3128", "http//proxy:3128", "http://[::1", "http://"]
    {
        for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
            let variables = [
                ("OS_AUTH_URL", url.as_str()),
                ("OS_AUTH_TYPE", "v3applicationcredential"),
                ("OS_APPLICATION_CREDENTIAL_ID", "credential"),
                ("OS_APPLICATION_CREDENTIAL_SECRET", PASSWORD),
                (name, proxy),
            ];
            run(&mut place.command(&[], &variables)).refuses(3, &[name, "no proxy that can be used"]);
        }
    }
    drop(way);
}

/// An authority's certificate, a server's that it has signed, and the server's key.
fn certificates(dir: &Path) -> [String; 3] {
    let names = ["authority.pem", "server.pem", "server.key", "authority.key"];
    let [authority, server, key, authority_key] =
        names.map(|name| dir.join(name).to_str().expect("UTF-8").to_string());
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let make = |more: &[&str]| {
        let words: Vec<&str> = ["req", "-x509"].iter().chain(&curve).chain(more).copied().collect();
        accepts("openssl", &words);
    };
    make(&["-subj", "/CN=trial authority", "-keyout", &authority_key, "-out", &authority]);
    let signed =
        ["-CA", &authority, "-CAkey", &authority_key, "-addext", "basicConstraints=critical,CA:FALSE"];
    let its = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        &key,
        "-out",
        &server,
    ];
    make(&[&signed[..], &its[..]].concat());
    [authority, server, key]
}

#[test]
fn tls_is_trusted_only_with_its_authority() {
    let (glance, place) = (Glance::start(), Place::new());
    let [authority, server, key] = certificates(place.home.path());
    let way = glance.way(json!({ "tls": [server, key] }));
    let url = format!("https://localhost:{}", way.port);
    let chosen = ["ironic-python-agent", "--arch", "ppc64le"];
    let try_with = |more: &[(&str, &str)]| {
        let variables: Vec<(&str, &str)> =
            [("OS_ENDPOINT", url.as_str())].into_iter().chain(more.iter().copied()).collect();
        run(&mut place.command(&chosen, &variables))
    };
    try_with(&[]).refuses(3, &["no trust in its certificate", "cacert"]);
    let other = place.home.path().join("other");
    fs::create_dir(&other).expect("make a directory");
    let [other, ..] = certificates(&other);
    try_with(&[("OS_CACERT", &other)]).refuses(3, &["no trust in its certificate"]);
    try_with(&[("OS_CACERT", &key)]).refuses(3, &["there is no certificate in it"]);
    assert_eq!(way.requests(), [""; 0]);
    try_with(&[("OS_CACERT", &authority)]).well();
    assert_eq!(glance.names(), ["ppc64le-bm-deploy-kernel", "ppc64le-bm-deploy-ramdisk"]);
    let told = try_with(&[("OS_INSECURE", "true")]).well();
    assert!(told.err.contains("certificates are not checked"), "{}", told.err);
}

#[test]
fn a_refusal_is_told_with_its_cause_and_mend() {
    let (glance, place) = (Glance::start(), Place::new());
    let refusing = |method: &str, status: u16, text: &str| {
        let way = glance.way(json!({ "refuse": [method, status, text] }));
        place.upload(way.port, &["ironic-python-agent", "--retries", "0"])
    };
    refusing("POST", 403, "<html><body><h1>403 Forbidden</h1>You are not authorized.</body></html>").refuses(
        9,
        &[
            "create image bm-deploy-kernel",
            "answered 403: 403 Forbidden You are not authorized;",
            "ask for the role",
        ],
    );
    refusing("PUT", 413, "Image exceeds the storage quota")
        .refuses(9, &["upload bm-deploy-kernel", "413", "storage quota", "remove old images"]);
    refusing("PUT", 409, "").refuses(9, &["409", "somebody else"]);
    refusing("GET", 503, "").refuses(9, &["look for image bm-deploy-kernel", "503", "--retries"]);
    refusing("GET", 302, "").refuses(9, &["302", "redirects are not followed"]);
    refusing("GET", 401, "").refuses(9, &["401"]);
    // Whatever was refused, nothing is left.
    assert_eq!((glance.images(), glance.stored()), (vec![], 0));

    // Glance's own refusal: who has no role may not publish.
    place.upload(glance.port, &["--public"]).refuses(
        9,
        &[
            "create image overcloud-full",
            "403: You are not authorized to complete publicize_image action;",
            "leave out --visibility public",
        ],
    );
    assert_eq!((glance.images(), glance.stored()), (vec![], 0));
    let told = place.upload(1, &[]);
    told.refuses(9, &["look for image", "did not answer", "http://localhost:1/"]);
    let told = run(&mut place.command(&[], &[("OS_ENDPOINT", "http://no-such-host.invalid:9292")]));
    told.refuses(9, &["look for image overcloud-full: http://no-such-host.invalid:9292/v2/images did not answer (failed to lookup address"]);
    let told = run(&mut place.command(&[], &[("OS_ENDPOINT", "glance")]));
    told.refuses(3, &["glance", "http://"]);
}

/// A service that answers every request with a page of a listing, and names a next one.
fn endless(images: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for (n, connection) in listener.incoming().enumerate() {
            let mut connection = connection.expect("a connection");
            let head = BufReader::new(&connection).lines().map_while(Result::ok);
            assert!(head.take_while(|line| !line.is_empty()).count() > 0);
            let page = format!("{{\"images\": [{images}], \"next\": \"/v2/images?marker={n}\"}}");
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", page.len());
            // Whoever asked may have had enough.
            let _ = connection.write_all((head + &page).as_bytes());
        }
    });
    port
}

#[test]
fn a_listing_without_end_is_refused() {
    let place = Place::new();
    let image = r#"{"id": "a", "name": "bm-deploy-kernel", "status": "active", "other": [0]}"#;
    let told = place.upload(endless(vec![image; 100].join(",")), &["ironic-python-agent"]);
    told.refuses(9, &["look for image bm-deploy-kernel", "too many images have one name"]);
    let stranger =
        format!(r#"{{"id": "a", "name": "b", "status": "active", "o": "{}"}}"#, "x".repeat(4_000_000));
    let told = place.upload(endless(stranger), &["ironic-python-agent"]);
    told.refuses(9, &["look for image bm-deploy-kernel", "its pages are longer than any listing"]);
}

#[test]
fn a_set_that_is_not_what_it_says_is_not_sent() {
    let (glance, place) = (Glance::start(), Place::new());
    let way = glance.way(json!({}));
    let upload = |arguments: &[&str]| place.upload(way.port, arguments);
    upload(&["overcloud-ful"]).refuses(3, &["has no overcloud-ful", "overcloud-full (p9-ppc64le)"]);
    upload(&["--arch", "aarch64"]).refuses(3, &["nothing in it is for that target"]);
    upload(&["--arch", "sparc"]).refuses(2, &["sparc"]);
    run(&mut place.command(&[], &[])).refuses(3, &["clouds.yaml", "OS_AUTH_URL"]);

    let kernel = place.dir().join("x86_64-ironic-python-agent.kernel");
    dibber_tests::flip_bit(&kernel, 5);
    upload(&["ironic-python-agent"])
        .refuses(3, &["x86_64-ironic-python-agent.kernel", "its content is not what images.json says"]);
    fs::write(&kernel, "short").expect("write");
    upload(&["ironic-python-agent"]).refuses(3, &["5 bytes long", "1048576"]);
    fs::remove_file(&kernel).expect("remove");
    upload(&["ironic-python-agent"]).refuses(3, &["x86_64-ironic-python-agent.kernel"]);
    fs::write(place.dir().join("images.json"), "{}").expect("write");
    upload(&[]).refuses(3, &["images.json"]);
    fs::remove_file(place.dir().join("images.json")).expect("remove");
    upload(&[]).refuses(3, &["there is no images.json"]);
    assert_eq!(way.changes(), [""; 0]);
}
