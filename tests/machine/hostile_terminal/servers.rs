//! A Glance that lies: where it sends us, how much it says, and what it calls things.

use std::io::Write;
use std::net::TcpStream;
use std::process::Output;
use std::time::{Duration, Instant};

use dibber_tests::workshop::Workshop;

use super::server::{Request, Server, reply};
use super::{run, said};

const TOKEN: &str = "SECRETTOKEN9";
/// A cloud that refused, or did not answer.
const CLOUD: i32 = 9;

fn shop() -> Workshop {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    shop
}

fn upload(shop: &Workshop, server: &Server) -> Output {
    let mut command = shop.dibber();
    command.args(["upload", "--in", &shop.text("work/out"), "--retries", "0"]);
    command.env("OS_AUTH_TYPE", "token_endpoint").env("OS_TOKEN", TOKEN);
    command.env("OS_ENDPOINT", format!("http://127.0.0.1:{}", server.port));
    run(&mut command)
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(CLOUD), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in {said}");
    }
    assert!(!said.contains(TOKEN), "{said}");
}

/// The first page, with this `next`; every other path is an empty page.
fn page(next: String) -> impl Fn(&Request, &mut TcpStream) {
    move |request, stream| {
        let next = serde_json::to_string(&next).expect("JSON");
        let first = request.path().contains("limit=100");
        let page =
            if first { format!("{{\"images\": [], \"next\": {next}}}") } else { "{\"images\": []}".into() };
        reply(stream, "200 OK", page.as_bytes());
    }
}

#[test]
fn a_next_page_and_a_redirect_stay_on_the_server() {
    let shop = shop();
    let other = Server::start(|_, stream| reply(stream, "200 OK", b"{\"images\": []}"));
    let port = other.port;
    for next in [
        format!("@127.0.0.1:{port}/x"),
        format!("//127.0.0.1:{port}/x"),
        format!("http://127.0.0.1:{port}/x"),
        format!("http://u:p@127.0.0.1:{port}/x"),
        format!("\\\\127.0.0.1:{port}/x"),
        format!("/\\127.0.0.1:{port}/x"),
        format!(".127.0.0.1:{port}/x"),
        format!("{port}/x"),
        format!("/v2/images\r\nHost: 127.0.0.1:{port}"),
        "/v2/images\u{9b}".to_string(),
        String::new(),
    ] {
        let server = Server::start(page(next.clone()));
        refused(&upload(&shop, &server), &["its next page is not on the same server"]);
    }
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let server = Server::start(move |_, stream| {
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{port}/x\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        });
        refused(&upload(&shop, &server), &["redirects are not followed"]);
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[test]
fn pages_bodies_and_headers_end() {
    let shop = shop();
    let start = Instant::now();
    let round = Server::start(|request, stream| {
        let next = if request.path().ends_with("marker=a") { "b" } else { "a" };
        let page = format!("{{\"images\": [], \"next\": \"/v2/images?marker={next}\"}}");
        reply(stream, "200 OK", page.as_bytes());
    });
    refused(&upload(&shop, &round), &["one that it has given already"]);
    let counted = std::sync::atomic::AtomicUsize::new(0);
    let more = Server::start(move |_, stream| {
        let n = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(
            stream,
            "200 OK",
            format!("{{\"images\": [], \"next\": \"/v2/images?marker={n}\"}}").as_bytes(),
        );
    });
    refused(&upload(&shop, &more), &["its pages have no end"]);
    for head in ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let endless = Server::start(move |_, stream| {
            let part = match head.contains("chunked") {
                true => format!("10000\r\n{}\r\n", "x".repeat(65536)),
                false => format!("X-More: {}\r\n", "y".repeat(1000)),
            };
            let mut sent = stream.write_all(head.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(part.as_bytes());
            }
        });
        refused(&upload(&shop, &endless), &["look for image good"]);
    }
    for deep in
        ["[".repeat(500_000), format!("{{\"images\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))]
    {
        let server = Server::start(move |_, stream| reply(stream, "200 OK", deep.as_bytes()));
        refused(&upload(&shop, &server), &["cannot be read"]);
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn ids_are_ids_and_words_are_shown() {
    let shop = shop();
    for id in ["\u{1b}]0;owned\u{7}", "../../v2/images/victim", "a b", "", "\u{e9}", "x?y", "a%2fb"] {
        let server = Server::start(move |request, stream| match request.line.split(' ').next() {
            Some("GET") => reply(stream, "200 OK", b"{\"images\": []}"),
            _ => reply(
                stream,
                "201 Created",
                serde_json::json!({"id": id, "status": "queued"}).to_string().as_bytes(),
            ),
        });
        let output = upload(&shop, &server);
        refused(&output, &["an image's id is no UUID"]);
        assert!(!said(&output).contains('\u{1b}'));
        let asked: Vec<String> = server.seen().iter().map(|request| request.line.clone()).collect();
        assert_eq!(
            asked
                .iter()
                .filter(|line| !line.starts_with("GET /v2/images?") && !line.starts_with("POST "))
                .count(),
            0,
            "{asked:?}"
        );
    }
    let words = Server::start(|_, stream| {
        let body = serde_json::json!({"message": format!("no\u{1b}]0;owned\u{7}\u{9b}2J\u{202e} {TOKEN}")});
        reply(stream, "403 Forbidden", body.to_string().as_bytes());
    });
    let output = upload(&shop, &words);
    refused(&output, &["403"]);
    assert!(!said(&output).contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{}", said(&output));
}
