//! Passwords of proxies, mirrors, repositories and variables: in no argument of a process, message, log, event or file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use dibber_tests::accepts;
use dibber_tests::workshop::{Workshop, contents};

use super::server::{Request, Server, reply};
use super::{run, said};

const SECRETS: [&str; 4] = ["MIRRORPW7", "MIRROR%50W7", "PROXYPW7", "GITPW7"];

/// `u:GITPW7@x` and `m:MIRRORPW7`, as a server is told them (RFC 7617).
const GIT: &str = "Basic dTpHSVRQVzdAeA==";
const MIRROR: &str = "Basic bTpNSVJST1JQVzc=";

/// Arguments of processes of this machine that hold a secret of ours.
fn arguments() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("read /proc").flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if SECRETS.iter().any(|secret| words.contains(secret)) {
            found.push(words);
        }
    }
    found
}

/// A server that looks at the arguments of all processes at each request.
fn watching(
    answer: impl Fn(&Request, &mut std::net::TcpStream) + Send + Sync + 'static,
) -> (Server, Arc<Mutex<BTreeSet<String>>>) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let log = Arc::clone(&seen);
    let server = Server::start(move |request, stream| {
        log.lock().expect("no panic").extend(arguments());
        answer(request, stream);
    });
    (server, seen)
}

/// No secret in a text.
#[track_caller]
fn tells_none(text: &str, what: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} tells {secret}:\n{text}");
    }
}

/// No file below a directory tells one, nor a name.
#[track_caller]
fn keeps_none(dir: &Path) {
    for name in contents(dir).keys() {
        tells_none(name, "a name");
        let bytes = fs::read(dir.join(name)).unwrap_or_default();
        tells_none(&String::from_utf8_lossy(&bytes), name);
    }
}

#[test]
fn of_proxies_and_mirrors() {
    let shop = Workshop::new();
    let (server, arguments) = watching(|request, stream| match request.header("authorization") {
        Some(MIRROR) => reply(stream, "404 Not Found", b"m:MIRRORPW7 has nothing here"),
        _ => {
            let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(stream, head.as_bytes());
        }
    });
    let at = format!("127.0.0.1:{}", server.port);
    for (mirror, proxy) in [
        (format!("http://m:MIRRORPW7@{at}/debian"), None),
        (format!("http://m:MIRROR%50W7@{at}/debian"), None),
        (format!("http://m:MIRRORPW7@{at}/debian"), Some(format!("http://p:PROXYPW7@{at}"))),
        (format!("http://m:MIRRORPW7@{at}/debian"), Some(format!("p:PROXYPW7@{at}"))),
    ] {
        let mut keys = vec![
            ("elements", "[debian-minimal]"),
            ("release", "bookworm"),
            ("mirror", mirror.as_str()),
            ("security", "false"),
        ];
        keys.extend(proxy.iter().map(|proxy| ("proxy", proxy.as_str())));
        let image = shop.image("deb", &keys);
        let output = run(shop.dibber().args(shop.arguments(&image)).arg("--json"));
        assert_eq!(output.status.code(), Some(7), "{}", said(&output));
        tells_none(&said(&output), "the build");
        assert!(said(&output).contains("/debian/dists/bookworm/InRelease"), "{}", said(&output));
        let plan = run(shop.dibber().args(["plan", &image, "--elements-path", &shop.text("elements")]));
        tells_none(&said(&plan), "the plan");
        keeps_none(&shop.at("work"));
    }
    assert!(
        server.seen().iter().any(|request| request.header("authorization") == Some(MIRROR)),
        "{:?}",
        server.seen()
    );
    let proxied: Vec<_> =
        server.seen().into_iter().filter(|request| request.path().starts_with("http://")).collect();
    assert!(proxied.iter().any(|request| request.header("proxy-authorization").is_some()), "{proxied:?}");
    assert_eq!(*arguments.lock().expect("no panic"), BTreeSet::new());
}

/// The element's own script, with a mmdebstrap that writes down what it is given.
#[test]
fn of_mirrors_in_the_bootstrap() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    fs::create_dir(at("bin")).expect("make a directory");
    fs::create_dir_all(at("tree/etc/apt/sources.list.d")).expect("make a directory");
    let fake = "#!/bin/bash\nprintf '%s\\n' \"$@\" > \"$HOME/arguments\"\nfor word; do\n  case $word in --setup-hook=install*) sh -c \"${word#--setup-hook=}\" hook \"$TARGET_ROOT\";; esac\ndone\n";
    fs::write(at("bin/mmdebstrap"), fake).expect("write");
    fs::set_permissions(at("bin/mmdebstrap"), PermissionsExt::from_mode(0o755)).expect("set a mode");
    let elements = concat!(env!("CARGO_MANIFEST_DIR"), "/../elements/debian-minimal");
    let script = format!(
        "set -eu; . {elements}/environment.d/10-debian-minimal.bash; exec {elements}/root.d/10-debian-minimal-bootstrap"
    );
    let bootstrap = |variables: &[(&str, &str)]| {
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env_clear().envs(variables.iter().copied()).env("HOME", home.path());
        bash.env("TARGET_ROOT", at("tree"))
            .env("ARCH", "amd64")
            .env("DIB_APT_LOCAL_CACHE", "0")
            .env("DIB_RELEASE", "bookworm");
        run(bash.env("PATH", format!("{}:/usr/bin:/bin", at("bin").display())))
    };
    let read = |name: &str| fs::read_to_string(at(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let logins = "tree/etc/apt/auth.conf.d/95dib-build.conf";
    let output = bootstrap(&[
        ("DIB_DISTRIBUTION_MIRROR", "http://m:MIRRORPW7@mirror:8080/debian"),
        ("DIB_DEBIAN_SECURITY_MIRROR", "https://t%40k:GITPW7%2f%25@mirror/security"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let given = read("arguments");
    tells_none(&given, "an argument");
    for source in
        ["deb http://mirror:8080/debian bookworm main", "deb https://mirror/security bookworm-security main"]
    {
        assert!(given.lines().any(|line| line == source), "{given}");
    }
    let listed = read(logins);
    let lines: Vec<&str> = listed.lines().collect();
    let mirror = "machine http://mirror:8080 login m password MIRRORPW7";
    assert_eq!(lines, [mirror, mirror, "machine https://mirror login t@k password GITPW7/%"]);
    let mode = fs::metadata(at(logins)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::remove_file(at(logins)).expect("remove");
    let output = bootstrap(&[(
        "DIB_APT_SOURCES_CONF",
        "one:deb http://m:MIRRORPW7@mirror/debian bookworm main\ntwo:deb http://plain/a@b x y",
    )]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tells_none(&read("arguments"), "an argument");
    assert_eq!(read("tree/etc/apt/sources.list.d/one.list"), "deb http://mirror/debian bookworm main\n");
    assert_eq!(read("tree/etc/apt/sources.list.d/two.list"), "deb http://plain/a@b x y\n");

    // Who names no user changes nothing; who has a space in a password is told.
    fs::remove_file(at(logins)).expect("remove");
    assert_eq!(bootstrap(&[]).status.code(), Some(0));
    assert!(!at(logins).exists() && !read("arguments").contains("auth.conf"));
    let output = bootstrap(&[("DIB_DISTRIBUTION_MIRROR", "http://m:MIRRORPW7%20x@mirror/debian")]);
    assert_eq!(output.status.code(), Some(1));
    tells_none(&said(&output), "the refusal");
}

#[test]
fn of_source_repositories() {
    let shop = Workshop::new();
    let origin = tempfile::tempdir().expect("a directory");
    let script = format!(
        "set -eu; cd {}; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
         git init -q -b main repo; cd repo; echo one > file; git add file; git commit -qm one; git update-server-info; cd ..; echo plain > plain",
        origin.path().display()
    );
    accepts("sh", &["-c", &script]);
    let root = origin.path().to_path_buf();
    // Files as they lie there: git's "dumb" protocol, for who says the right password.
    let (server, arguments) = watching(move |request, stream| {
        if request.header("authorization") != Some(GIT) {
            let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = std::io::Write::write_all(stream, head.as_bytes());
            return;
        }
        let path = request.path().split('?').next().unwrap_or_default().trim_start_matches('/');
        match fs::read(root.join(path)) {
            Ok(bytes) => reply(stream, "200 OK", &bytes),
            Err(_) => reply(stream, "404 Not Found", b""),
        }
    });
    let at = format!("http://u:GITPW7%40x@127.0.0.1:{}", server.port);
    shop.write(
        "e/source-repository-e",
        &format!("repo git /opt/repo {at}/repo/.git main\nplain file /opt/plain {at}/plain\n"),
    );
    shop.hook("e/install.d/50-read", "test \"$(cat /opt/repo/file /opt/plain)\" = $'one\\nplain'; cat /opt/repo/.git/config; cp -r /opt/repo/.git/config /config");
    let keys = [("elements", "[tiny-os, source-repositories, manifests, e]"), ("outputs", "[tar]")];
    let image = shop.image("good", &keys);
    let output = run(shop.dibber().args(shop.arguments(&image)).arg("--json"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tells_none(&said(&output), "the build");
    assert_eq!(*arguments.lock().expect("no panic"), BTreeSet::new());
    assert!(server.seen().iter().any(|request| request.path().starts_with("/repo/")), "{:?}", server.seen());
    let tar = shop.text("work/out/good.tar");
    for file in ["./config", "./etc/dib-manifests/dib-manifest-git-good"] {
        let text = accepts("tar", &["-xOf", &tar, file]);
        tells_none(&text, file);
        assert!(text.contains(&format!("http://127.0.0.1:{}/repo/.git", server.port)), "{text}");
    }
    for file in
        fs::read_dir(shop.out()).expect("read").flatten().filter(|file| file.file_name() != "good.tar")
    {
        tells_none(&String::from_utf8_lossy(&fs::read(file.path()).expect("read")), "an output");
    }
}

#[test]
fn of_variables() {
    let shop = Workshop::new();
    shop.hook(
        "loud/install.d/50-loud",
        "set -x; : $DIB_DEV_USER_PASSWORD; echo $DIB_DEV_USER_PASSWORD $DIB_OTHER; echo \"see $DIB_INDEX\"; test \"$DIB_DEV_USER_PASSWORD\" = 'MIRRORPW7$'; test $DIB_INDEX = http://u:GITPW7@127.0.0.1/",
    );
    let variables = "{DIB_DEV_USER_PASSWORD: 'MIRRORPW7$', DIB_X_TOKEN: abc, DIB_OTHER: 'with MIRRORPW7$', DIB_INDEX: 'http://u:GITPW7@127.0.0.1/', DIB_RELEASE: tiny}";
    let keys =
        [("elements", "[tiny-os, manifests, loud]"), ("outputs", "[tar, raw]"), ("environment", variables)];
    let image = shop.image("good", &keys);
    let output = run(shop.dibber().args(shop.arguments(&image)).arg("-v"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tells_none(&said(&output), "the build");
    assert!(said(&output).contains("see http://***@127.0.0.1/"), "{}", said(&output));
    let tar = shop.text("work/out/good.tar");
    let text = accepts("tar", &["-xOf", &tar, "./etc/dib-manifests/dib_environment"]);
    tells_none(&text, "the manifest");
    for line in [
        "declare -x DIB_X_TOKEN=\"***\"",
        "declare -x DIB_OTHER=\"with ***\"",
        "declare -x DIB_RELEASE=\"tiny\"",
    ] {
        assert!(text.lines().any(|there| there == line), "no {line} in {text}");
    }
    assert!(!text.contains("TOKEN=\\\"abc"), "{text}");
    let listed = accepts("tar", &["-tvf", &tar]);
    let manifests: Vec<&str> = listed.lines().filter(|line| line.contains("/dib-manifests/d")).collect();
    assert!(
        manifests.len() >= 2 && manifests.iter().all(|line| line.starts_with("-rw------- ")),
        "{manifests:?}"
    );
    for file in ["x86_64-good.log", "good.raw.json", "images.json", "good.tar.json"] {
        tells_none(&fs::read_to_string(shop.out().join(file)).expect(file), file);
    }
}
