//! What hooks reach of the network: a server on the building machine's loopback, which is nearer than any other.
//!
//! In: hooks on both sides of the chroot that look for the server, and declarations. Out: who found it. Never: another network
//! than the machine's own loopback.

use std::fs;
use std::io::Write;
use std::net::TcpListener;

use serde_json::Value;

use dibber_tests::workshop::{Told, USER, Workshop, run};

/// Exit codes of `docs/exit-codes.md`.
const INPUT: i32 = 3;
const HOOK: i32 = 5;

/// A server that says its name to whoever comes. It serves as long as this process lives. Its port is answered.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            // Who has gone already has seen enough.
            let _ = caller.write_all(b"the builder");
        }
    });
    port
}

/// Bash text that says, after a name, what there is of a network: the server, or none; a loopback of its own in each case.
fn look(name: &str, port: u16) -> String {
    format!(
        ": $IMAGE_NAME; if told=$(exec 2>&-; cat < /dev/tcp/127.0.0.1/{port}); then echo \"{name}: $told\"; else echo '{name}: nobody'; fi\n\
         exec 5<>/dev/udp/127.0.0.1/9 && echo '{name}: a loopback'"
    )
}

/// An element with a hook on each side of the chroot.
fn probe(shop: &Workshop, port: u16) {
    shop.hook("probe/extra-data.d/50-outside", &look("outside", port));
    shop.hook("probe/install.d/50-inside", &look("inside", port));
}

/// Builds an image of the probe, and answers whether the hook outside and the hook inside reached the server.
fn reached(shop: &Workshop, image: &str, network: &str, options: &[&str]) -> (bool, bool) {
    let keys = [("elements", "[tiny-os, probe]"), ("network", network)];
    let image = shop.image(image, &keys[..if network.is_empty() { 1 } else { 2 }]);
    let told = shop.build(&image, &[&["-v"], options].concat()).well();
    let all = format!("{}{}", told.out, told.err);
    let of = |name: &str| {
        assert!(all.contains(&format!("{name}: a loopback")), "{all}");
        let (found, not) = (format!("{name}: the builder"), format!("{name}: nobody"));
        assert!(all.contains(&found) != all.contains(&not), "{all}");
        all.contains(&found)
    };
    (of("outside"), of("inside"))
}

#[test]
fn the_network_is_whose_it_is_declared_to_be() {
    let port = server();
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        probe(&shop, port);
        let image = |name, network| reached(&shop, name, network, &[]);
        assert_eq!(image("default", ""), (true, true));
        assert_eq!(image("host", "host"), (true, true));
        assert_eq!(image("none", "none"), (false, false));
        assert_eq!(image("element", "{elements: {probe: none}}"), (false, false));
        assert_eq!(image("step", "{steps: {install.d/50-inside: none}}"), (true, false));
        assert_eq!(image("but", "{default: none, steps: {extra-data.d/50-outside: host}}"), (true, false));
        assert_eq!(reached(&shop, "offline", "host", &["--offline"]), (false, false));
        shop.write("probe/network-access", "# nothing to fetch\nnone\nhost extra-data.d/50-outside\n");
        assert_eq!(image("given-up", ""), (true, false));
        shop.write("probe/network-access", "host\nhost install.d/50-inside\n");
        assert_eq!(image("claimed", "none"), (false, false), "no element has what the image withholds");
    }
}

#[test]
fn a_declaration_is_an_input_and_offline_is_none() {
    let (shop, port) = (Workshop::new(), server());
    probe(&shop, port);
    let steps = |network: &str, options: &[&str]| {
        let image = shop.image("good", &[("elements", "[tiny-os, probe]"), ("network", network)]);
        let told = shop.build(&image, &[&["--json"], options].concat()).well();
        let reach = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_string();
            (event["event"] == "step-started").then(|| format!("{} {}", text("name"), text("network")))
        };
        told.out.lines().filter_map(reach).collect::<Vec<_>>()
    };
    assert_eq!(steps("host", &[]), ["10-tiny host", "50-outside host", "50-inside host", "00-fstab none"]);
    assert!(steps("host", &["--offline"]).is_empty(), "what is kept is taken");
    let inside = "{steps: {install.d/50-inside: none}}";
    assert_eq!(steps(inside, &["--offline"]), ["50-inside none", "00-fstab none"]);
    assert!(steps(inside, &[]).is_empty(), "the same without --offline");
    // The same said by the element is the same step: a line of that file is no data of other hooks.
    shop.write("probe/network-access", "none install.d/50-inside\n");
    assert!(steps("host", &[]).is_empty());
}

#[test]
fn a_failure_says_who_took_the_network_away() {
    let shop = Workshop::new();
    shop.hook("probe/install.d/50-fetch", "echo 'no such host' >&2; exit 4");
    let build = |network: &str, options: &[&str]| -> Told {
        let image = shop.image("bad", &[("elements", "[tiny-os, probe]"), ("network", network)]);
        shop.build(&image, options)
    };
    let here = "50-fetch of element probe failed with exit code 4";
    let yaml = shop.text("bad.yaml");
    build("none", &[])
        .refuses(HOOK, &[here, &format!("has no network (network: none at {yaml}:"), "no such host"]);
    build("host", &["--offline"]).refuses(HOOK, &[here, "; this step has no network (--offline)"]);
    let told = build("host", &[]);
    told.refuses(HOOK, &[here]);
    assert!(!told.err.contains("no network"), "{}", told.err);
    shop.write("probe/network-access", "\nnone\n");
    build("host", &[]).refuses(HOOK, &["has no network (network: none at", "probe/network-access:2)"]);
}

#[test]
fn what_says_nothing_is_refused_by_place() {
    let shop = Workshop::new();
    shop.hook("probe/install.d/50-fetch", "true");
    let build = |network: &str| {
        let image = shop.image("bad", &[("elements", "[tiny-os, probe]"), ("network", network)]);
        shop.build(&image, &[])
    };
    build("off").refuses(INPUT, &["bad.yaml", "`off` is not one of none, host"]);
    build("{steps: {install.d/50-fecth: none}}").refuses(INPUT, &["did you mean `install.d/50-fetch`"]);
    build("{elements: {prob: none}}").refuses(INPUT, &["no element `prob`", "did you mean `probe`"]);
    build("{hooks: none}").refuses(INPUT, &["unknown key `hooks`"]);
    shop.write("probe/network-access", "none\nno install.d/50-fetch\n");
    build("host").refuses(INPUT, &["probe/network-access:2", "`no install.d/50-fetch` is no rule"]);
}

#[test]
fn a_plan_shows_who_has_it_where_that_is_not_all() {
    let shop = Workshop::new();
    probe(&shop, 9);
    let plan = |network: &str| {
        let image = shop.image("good", &[("elements", "[tiny-os, probe]"), ("network", network)]);
        let mut words = shop.arguments(&image);
        words[0] = "plan".to_string();
        run(shop.dibber().args(words)).well().out
    };
    assert!(!plan("host").contains("network"));
    let told = plan("{elements: {probe: none}}");
    assert!(told.contains("network (1 of 4 steps)\n  root/10-tiny\n"), "{told}");
    assert!(plan("none").contains("network (0 of 4 steps)\n  none\n"));
}

#[test]
fn environment_files_that_fetch_are_told_that_we_read_them_without() {
    let shop = Workshop::new();
    shop.write("probe/element-deps", "package-installs\n");
    shop.write("probe/package-installs.yaml", "a-package:\n");
    shop.write("probe/environment.d/10-fetch", "[ -n \"${TARGET_ROOT:-}\" ] || exit 6\n");
    let image = shop.image("bad", &[("elements", "[tiny-os, probe]")]);
    let told = shop.build(&image, &[]);
    told.refuses(
        HOOK,
        &["environment.d/10-fetch; this step has no network (dibber reads environment.d without)"],
    );
}

/// Network namespaces that were made, of a trace.
fn namespaces(trace: &str) -> usize {
    trace.lines().filter(|line| line.contains("CLONE_NEWNET") && line.ends_with("= 0")).count()
}

#[test]
fn our_own_steps_have_none_and_install_packages_has_it() {
    let (shop, port) = (Workshop::new(), server());
    shop.write("probe/element-deps", "package-installs\ninstall-bin\ninstall-static\n");
    shop.write("probe/static/etc/motd", "hello\n");
    // Installed only where environment.d, read by the program itself, found nobody.
    shop.write("probe/package-installs.yaml", "a-package:\n  when: FOUND = nobody\n");
    let found = format!("export FOUND=$(exec 2>&-; cat < /dev/tcp/127.0.0.1/{port} || echo nobody)\n");
    shop.write("probe/environment.d/10-look", &found);
    shop.hook("probe/bin/install-packages", &format!("echo \"installing $*\"\n{}", look("inside", port)));
    let image = shop.image("good", &[("elements", "[tiny-os, probe]")]);
    let log = shop.text("trace");
    let mut command = shop.wrapped(&["strace", "-f", "-q", "-o", &log, "-e", "trace=unshare"]);
    let told = run(command.args(shop.arguments(&image)).arg("-v")).well();
    let all = format!("{}{}", told.out, told.err);
    assert!(all.contains("installing a-package") && all.contains("inside: the builder"), "{all}");
    let trace = fs::read_to_string(log).expect("strace wrote a trace");
    // bin, environment.d for the packages, static, fstab.
    assert_eq!(namespaces(&trace), 4, "{all}\n{trace}");
}

#[test]
fn a_shell_has_what_its_step_has() {
    let (shop, port) = (Workshop::new(), server());
    shop.hook("probe/install.d/50-first", "true");
    // Where a hook failed, a shell has the files that the hook was given.
    shop.hook("probe/install.d/60-last", "test ! -e /tmp/in_target.d/look");
    let network = "{steps: {install.d/50-first: none}}";
    let image = shop.image("good", &[("elements", "[tiny-os, probe]"), ("network", network)]);
    shop.write("probe/look", &look("shell", port));
    let says = |point: &str, options: &[&str]| {
        let stop = ["-v", "--break", point, "--break-cmd", "bash /tmp/in_target.d/look"];
        let told = shop.build(&image, &[&stop, options].concat());
        assert_eq!(told.code, Some(HOOK), "{}", told.err);
        assert!(told.err.contains("shell: a loopback"), "{}", told.err);
        told.err.contains("shell: the builder")
    };
    assert!(!says("before-install", &[]), "as the next hook");
    assert!(says("after-error", &[]), "as the failed one");
    assert!(!says("after-error", &["--offline"]));
}
