//! Each rule with an element that breaks it, the places that are told, and one that does not.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use dibber_plan::ElementSource;

use crate::rule::RULES;
use crate::testing::{element, places};

type Files<'a> = &'a [(&'a str, &'a str)];

/// A rule, an element that breaks it, where, and one that does not.
struct Case {
    rule: &'static str,
    bad: Files<'static>,
    told: &'static [&'static str],
    good: Files<'static>,
}

const HEAD: &str = "#!/bin/bash\nset -eu -o pipefail\n[ \"${DIB_DEBUG_TRACE:-0}\" = 0 ] || set -x\n";

const fn case(
    rule: &'static str,
    bad: Files<'static>,
    told: &'static [&'static str],
    good: Files<'static>,
) -> Case {
    Case { rule, bad, told, good }
}

const HOOK: &str = "#!/bin/sh\n";
const INSTALL: &str = "!install.d/10-x";
const AT: &str = "e/a/install.d/10-x";

const CASES: &[Case] = &[
    case("hook-name", &[("!install.d/10-x.sh", HOOK)], &["e/a/install.d/10-x.sh"], &[(INSTALL, HOOK)]),
    case(
        "hook-name",
        &[("!install.d/10 x\n\u{1b}[31m", HOOK)],
        &["e/a/install.d/10 x\n\u{1b}[31m"],
        &[(INSTALL, HOOK)],
    ),
    case("hook-mode", &[("install.d/10-x", HOOK)], &[AT], &[("install.d/unit.service", "")]),
    case("phase-directory", &[("!install-d/10-x", HOOK)], &["e/a/install-d"], &[("!modprobe.d/x", "")]),
    case("phase-directory", &[("!post-install/10-x", HOOK)], &["e/a/post-install"], &[("!boot.d/x", "")]),
    case("phase-directory", &[("!pre_install.d/10-x", HOOK)], &["e/a/pre_install.d"], &[("!files/x", "")]),
    case(
        "file-name",
        &[("package-installs.yml", "")],
        &["e/a/package-installs.yml"],
        &[("package-installs.yaml", "")],
    ),
    case("file-name", &[("element-dep", "")], &["e/a/element-dep"], &[("block-device-arm64.yaml", "[]")]),
    case("file-name", &[("pkg-map.json", "{}")], &["e/a/pkg-map.json"], &[("requirements.txt", "")]),
    case(
        "file-name",
        &[("source-repositories-x", "")],
        &["e/a/source-repositories-x"],
        &[("source-repository-x", "")],
    ),
    case("line-ends", &[(INSTALL, "#!/bin/sh\r\n")], &["e/a/install.d/10-x:1"], &[("static/x", "a\r\n")]),
    case(
        "line-ends",
        &[("environment.d/1-x", "A=1\nB=2\r\n")],
        &["e/a/environment.d/1-x:2"],
        &[("environment.d/1-x", "A=1\n")],
    ),
    case(
        "line-ends",
        &[("source-repository-x", "x git /x http://x\r\n")],
        &["e/a/source-repository-x:1"],
        &[("source-repository-x", "x git /x http://x\n")],
    ),
    case(
        "line-ends",
        &[("!bin/x", "#!/bin/sh\necho\r\n"), ("install.d/10-x", "#!/bin/sh\r\n")],
        &["e/a/bin/x:2", "e/a/install.d/10-x:1"],
        &[("!bin/x", "#!/usr/bin/python3\nprint()\r\n")],
    ),
    case(
        "byte-order-mark",
        &[(INSTALL, "\u{feff}#!/bin/sh\n")],
        &["e/a/install.d/10-x:1"],
        &[(INSTALL, HOOK)],
    ),
    case(
        "link",
        &[("install.d/10-x@", "../../b/x")],
        &[AT],
        &[("install.d/10-x@", "../files/x"), ("!files/x", "")],
    ),
    case("link", &[("install.d/10-x@", "../files/y")], &[AT], &[("install.d/10-x@", "/usr/bin/true")]),
    case(
        "environment-name",
        &[("environment.d/10-x~", "")],
        &["e/a/environment.d/10-x~"],
        &[("environment.d/10-x.bash", "")],
    ),
    case(
        "environment-exit",
        &[("environment.d/1-x", "[ -n \"$A\" ] || exit\n")],
        &["e/a/environment.d/1-x:1"],
        &[("environment.d/1-x", "# exit\nA=exit\n")],
    ),
    case(
        "environment-exit",
        &[("environment.d/1-x", "if x; then\n  exit 0\nfi\n")],
        &["e/a/environment.d/1-x:2"],
        &[("environment.d/1-x", "return\n")],
    ),
    case(
        "environment-veto",
        &[("environment.d/1-x", "x || exit 1\n")],
        &["e/a/environment.d/1-x:1"],
        &[("environment.d/1-x", "x || return 1\necho why\nexit 1\nx && { echo why; exit 1; }\n")],
    ),
    case(
        "environment-trace",
        &[("environment.d/1-x", "set -eux\n")],
        &["e/a/environment.d/1-x:1"],
        &[("environment.d/1-x", "set -e\n")],
    ),
    case(
        "environment-mode",
        &[("!environment.d/1-x", "A=1\n")],
        &["e/a/environment.d/1-x"],
        &[("environment.d/1-x", "A=1\n")],
    ),
    case(
        "element-name",
        &[("element-deps", "base # always\n")],
        &["e/a/element-deps:1"],
        &[("element-deps", "base\n")],
    ),
    case(
        "element-name",
        &[("element-deps", "# comment\nbase\n")],
        &["e/a/element-deps:1"],
        &[("element-deps", "\nbase\n")],
    ),
    case(
        "deps-unknown",
        &[("element-deps", "nosuchthing\n")],
        &["e/a/element-deps:1"],
        &[("element-deps", "package-installs\nyum\n")],
    ),
    case(
        "deps-implied",
        &[("package-installs.yaml", "vim:\n")],
        &["e/a/package-installs.yaml"],
        &[("package-installs.yaml", "vim:\n"), ("element-deps", "package-installs\n")],
    ),
    case(
        "deps-plumbing",
        &[("static/etc/x", "")],
        &["e/a/static"],
        &[("static/etc/x", ""), ("element-deps", "install-static\n")],
    ),
    case(
        "package-list",
        &[("package-installs.yaml", "- vim\n")],
        &["e/a/package-installs.yaml:1"],
        &[("package-installs.yaml", "vim:\n")],
    ),
    case(
        "package-list",
        &[("package-installs.yaml", "vim:\n  when: A\n")],
        &["e/a/package-installs.yaml:2"],
        &[("package-installs.yaml", "vim:\n  when: A = b\n")],
    ),
    case(
        "package-key",
        &[("package-installs.yaml", "vim:\n  phaze: x\n")],
        &["e/a/package-installs.yaml:2"],
        &[("package-installs.yaml", "vim:\n  phase: install.d\n")],
    ),
    case(
        "package-phase",
        &[("package-installs.yaml", "vim:\n  phase: instal.d\n")],
        &["e/a/package-installs.yaml:2"],
        &[("package-installs.yaml", "vim:\n  phase: pre-install.d\n")],
    ),
    case(
        "package-flag",
        &[("package-installs.yaml", "vim:\n  uninstall: false\n")],
        &["e/a/package-installs.yaml:2"],
        &[("package-installs.yaml", "vim:\n  uninstall: true\n")],
    ),
    case(
        "package-arch",
        &[("package-installs.yaml", "vim:\n  arch: a, b\n")],
        &["e/a/package-installs.yaml:2"],
        &[("package-installs.yaml", "vim:\n  arch: a,b\n")],
    ),
    case(
        "pkg-map",
        &[("pkg-map", "{\n,}")],
        &["e/a/pkg-map:2"],
        &[("pkg-map", "{\"default\": {\"a\": \"b\"}}")],
    ),
    case(
        "pkg-map-section",
        &[("pkg-map", "{\"familly\": {}}")],
        &["e/a/pkg-map:1"],
        &[("pkg-map", "{\"family\": {\"suse\": {}}}")],
    ),
    case(
        "pkg-map-section",
        &[("pkg-map", "{\"family\":\n{\"rhel\": {}}}")],
        &["e/a/pkg-map:2"],
        &[("pkg-map", "{\"distro\": {\"rhel\": {}}}")],
    ),
    case(
        "svc-map",
        &[("svc-map", "ntp: ntpd\n")],
        &["e/a/svc-map:1"],
        &[("svc-map", "ntp:\n  default: ntpd\n")],
    ),
    case(
        "repository-line",
        &[("source-repository-x", "x git /x http://x a b\n")],
        &["e/a/source-repository-x:1"],
        &[("source-repository-x", "x git /x $X\n")],
    ),
    case(
        "repository-line",
        &[("source-repository-x", "# x\nx svn /x http://x\n")],
        &["e/a/source-repository-x:2"],
        &[("source-repository-x", "x package\n")],
    ),
    case(
        "repository-newline",
        &[("source-repository-x", "x git /x http://x")],
        &["e/a/source-repository-x:1"],
        &[("source-repository-x", "")],
    ),
    case(
        "block-device",
        &[(
            "block-device-default.yaml",
            "- local_loop:\n    name: image0\n- partitionin:\n    base: image0\n",
        )],
        &["e/a/block-device-default.yaml:3:3"],
        &[("block-device-x.yaml", "[")],
    ),
    case(
        "required-variables",
        &[("required-variables", "DIB_A\n")],
        &["e/a/required-variables:1"],
        &[("required-variables", "DIB_A x\n")],
    ),
    case(
        "network-access",
        &[("network-access", "all\n")],
        &["e/a/network-access:1"],
        &[("network-access", "none\n")],
    ),
    case("deps-circle", &[("element-deps", "a\n")], &["e/a/element-deps:1"], &[("element-deps", "yum\n")]),
    case(
        "deps-twice",
        &[("element-deps", "yum\nyum\n")],
        &["e/a/element-deps:2"],
        &[("element-deps", "yum\n")],
    ),
    case(
        "deps-order",
        &[("element-deps", "yum\n# c\nbase\n")],
        &["e/a/element-deps:3"],
        &[("element-deps", "base\nyum\n")],
    ),
    case(
        "distro-name",
        &[("element-provides", "operating-system\n")],
        &["e/a/element-provides"],
        &[("element-provides", "operating-system\n"), ("environment.d/1-x", "export DISTRO_NAME=x\n")],
    ),
    case(
        "required-variable",
        &[(INSTALL, "#!/bin/bash\nset -eu\necho $DIB_X ${DIB_Y:-}\n")],
        &["e/a/install.d/10-x:3"],
        &[
            (INSTALL, "#!/bin/bash\nset -eu\necho $DIB_X $DIB_RELEASE\n"),
            ("environment.d/1-x", "export DIB_X=${DIB_X:-1}\n"),
        ],
    ),
    case(
        "required-variable",
        &[(INSTALL, "#!/bin/bash\nset -eu\n: ${DIB_X:?}\n")],
        &["e/a/install.d/10-x:3"],
        &[(INSTALL, "#!/bin/bash\nset -eu\n: ${DIB_X:?}\n"), ("required-variables", "DIB_X 1\n")],
    ),
    case("no-interpreter", &[(INSTALL, "echo\n")], &["e/a/install.d/10-x:1"], &[(INSTALL, "")]),
    case(
        "executable",
        &[("bin/x", HOOK)],
        &["e/a/bin/x:1"],
        &[("!bin/x", HOOK), ("environment.d/1-x", HOOK)],
    ),
    case(
        "bash-path",
        &[(INSTALL, "#!/usr/bin/env bash\n")],
        &["e/a/install.d/10-x:1"],
        &[(INSTALL, "#!/bin/bash\n")],
    ),
    case("set-e", &[(INSTALL, "#!/bin/bash\n")], &["e/a/install.d/10-x:1"], &[(INSTALL, HEAD)]),
    case("set-u", &[(INSTALL, "#!/bin/bash\nset -e\n")], &["e/a/install.d/10-x:1"], &[(INSTALL, HEAD)]),
    case(
        "set-pipefail",
        &[(INSTALL, "#!/bin/bash\nset -eu\n")],
        &["e/a/install.d/10-x:1"],
        &[(INSTALL, HEAD)],
    ),
    case("debug-trace", &[(INSTALL, "#!/bin/bash\n")], &["e/a/install.d/10-x:1"], &[(INSTALL, HEAD)]),
    case(
        "indent",
        &[(INSTALL, "#!/bin/sh\nif x; then\n  y\n   z\nfi\n")],
        &["e/a/install.d/10-x:3"],
        &[(INSTALL, "#!/bin/sh\nif x; then\n    y\nfi\n")],
    ),
    case(
        "indent",
        &[(INSTALL, "#!/bin/sh\n# dib-lint: disable=set\n  y\n")],
        &["e/a/install.d/10-x:3"],
        &[(INSTALL, "#!/bin/sh\n# dib-lint: disable=setu indent\n  y\n")],
    ),
    case("tabs", &[(INSTALL, "#!/bin/sh\n\tx\n")], &["e/a/install.d/10-x:2"], &[("static/x", "\tx\n")]),
    case(
        "final-newline",
        &[("element-deps", "yum")],
        &["e/a/element-deps:1"],
        &[("static/x", "x"), ("element-deps", "")],
    ),
    case(
        "export-command",
        &[(INSTALL, "#!/bin/sh\nexport A=$(x)\n")],
        &["e/a/install.d/10-x:2"],
        &[(INSTALL, "#!/bin/sh\nexport A=$((1 + 1))\n")],
    ),
    case(
        "unsafe-sudo",
        &[("!cleanup.d/10-x", "#!/bin/sh\nsudo rm -rf \\\n    /etc\n")],
        &["e/a/cleanup.d/10-x:2"],
        &[(
            "!cleanup.d/10-x",
            "#!/bin/sh\nsudo rm -rf \\\n    $TARGET_ROOT/etc\nsudo x # dib-lint: safe_sudo\n",
        )],
    ),
    case(
        "sudo-in-chroot",
        &[(INSTALL, "#!/bin/sh\nsudo x\n")],
        &["e/a/install.d/10-x:2"],
        &[(INSTALL, "#!/bin/sh\ninstall-packages sudo\n")],
    ),
    case(
        "which",
        &[(INSTALL, "#!/bin/sh\nif which x; then y; fi\n")],
        &["e/a/install.d/10-x:2"],
        &[(INSTALL, "#!/bin/sh\necho which\n")],
    ),
    case("hook-number", &[("!install.d/x", HOOK)], &["e/a/install.d/x"], &[(INSTALL, HOOK)]),
    case("readme", &[("element-deps", "")], &["e/a"], &[("README.rst", "")]),
    case("markdown", &[("README.md", "")], &["e/a/README.md"], &[("README.rst", "")]),
    case("yaml", &[("vars.yaml", "a: [\n")], &["e/a/vars.yaml:1:4"], &[("vars.yaml", "a: b\n")]),
    case("unreadable", &[("element-deps@", "/etc/passwd")], &["e/a/element-deps"], &[("element-deps", "")]),
];

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    for Case { rule, bad, told, good } in CASES {
        assert_eq!(&places(rule, &[element("a", bad)]), told, "{rule}: {bad:?}");
        assert_eq!(places(rule, &[element("a", good)]), [""; 0], "{rule}: {good:?}");
    }
}

#[test]
fn rules_between_elements() {
    let pair = |a: Files<'_>, b: Files<'_>| -> [ElementSource; 2] { [element("a", a), element("b", b)] };
    let hook: (&str, &str) = (INSTALL, HOOK);
    let apart = pair(&[hook], &[hook]);
    assert_eq!(places("same-file", &apart), ["e/b/install.d/10-x"]);
    assert_eq!(places("duplicate-hook", &apart), [""; 0]);
    let together = pair(&[hook, ("element-deps", "b\n")], &[hook]);
    assert_eq!(places("duplicate-hook", &together), ["e/b/install.d/10-x"]);
    assert_eq!(places("same-file", &together), [""; 0]);
    let system = ("element-provides", "operating-system\n");
    let alternatives = pair(&[hook, system], &[hook, system]);
    assert_eq!(places("same-file", &alternatives), [""; 0], "no image has both");
    assert_eq!(places("same-file", &pair(&[("README", "")], &[("README", "")])), [""; 0]);

    let circle = pair(&[("element-deps", "b\n")], &[("element-deps", "a\n")]);
    assert_eq!(places("deps-circle", &circle), ["e/a/element-deps:1"]);

    let provides = ("element-provides", "c\n");
    assert_eq!(
        places("provided-twice", &pair(&[provides], &[provides])),
        [""; 0],
        "they may be alternatives"
    );
    let twice = pair(&[provides, ("element-deps", "b\n")], &[provides]);
    assert_eq!(places("provided-twice", &twice), ["e/a/element-deps"]);
    assert_eq!(
        places("deps-unknown", &pair(&[("element-deps", "c\n")], &[provides])),
        [""; 0],
        "c is virtual"
    );

    let linked = pair(&[("install.d/10-x@", "../files/x")], &[("!files/x", HOOK)]);
    assert_eq!(places("link", &linked), [""; 0], "all elements are one directory in a build");
}

#[test]
fn test_cases_of_elements_are_elements() {
    let files: Files<'_> = &[("!test-elements/one/install.d/10-x.sh", HOOK), ("README.rst", "")];
    assert_eq!(places("hook-name", &[element("a", files)]), ["e/a/test-elements/one/install.d/10-x.sh"]);
    assert_eq!(places("readme", &[element("a", files)]), [""; 0]);
}

#[test]
fn every_rule_has_a_case() {
    let between = ["duplicate-hook", "same-file", "provided-twice"];
    let tried: BTreeSet<&str> = CASES.iter().map(|case| case.rule).chain(between).collect();
    let left: Vec<&str> = RULES.iter().map(|rule| rule.name).filter(|name| !tried.contains(name)).collect();
    assert_eq!(left, [""; 0]);
    assert!(tried.iter().all(|name| RULES.iter().any(|rule| rule.name == *name)), "{tried:?}");
}

#[test]
fn rules_are_named_where_they_are_found() {
    // A rule that is not in the table would be told as the first one.
    let odd: Vec<String> =
        CASES.iter().flat_map(|case| places("unreadable", &[element("a", case.bad)])).collect();
    assert_eq!(odd, ["e/a/element-deps"]);
}
