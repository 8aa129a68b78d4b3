//! dib's commands, as hooks call them.

use dibber_tests::workshop::Workshop;

use super::{content, image, made};

/// A tree's own `install-packages`, that writes down what it is asked for.
const INSTALL_PACKAGES: &str = r#"#!/bin/bash
# The part of elements/dpkg/bin/install-packages that reads options, before a package manager that only writes down.
set -eu -o pipefail
map= mode=install
while getopts 'm:e' option; do
    case $option in m) map=$OPTARG ;; e) mode=remove ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
packages=("$@")
if [ -n "$map" ]; then
    read -r -d '' -a packages < <(pkg-map --missing-ok --element "$map" "$@" && printf '\0')
fi
echo "$mode ${packages[*]}" >> /packages
"#;

#[test]
fn maps_of_packages_and_services() {
    let shop = Workshop::new();
    shop.write(
        "e/pkg-map",
        r#"{"family": {"debian": {"a": "a-deb a-deb2"}}, "default": {"a": "a-any", "none": ""}}"#,
    );
    shop.write("e/svc-map", "ntp:\n  debian: ntpsec\n  default: ntpd\nssh:\n  default: sshd\n");
    shop.write("other/README.rst", "no map here\n");
    shop.write("e/bin/install-packages", INSTALL_PACKAGES);
    shop.write("e/environment.d/10-name.bash", "export DISTRO_NAME=debian\n");
    shop.write("e/package-installs.yaml", "a:\nb:\nc:\n  uninstall: true\n  phase: post-install.d\n");
    let ask = r#"
out=${TARGET_ROOT:-}/answers
say() { local code=0; "$@" >> $out 2>/dev/null || code=$?; echo "= $code" >> $out; }
say pkg-map --element e a none
say pkg-map --element e --distro fedora a
say pkg-map --element e nosuch
say pkg-map --element e --missing-ok nosuch
say pkg-map --element other a
say pkg-map --missing-ok --element other a
say pkg-map a
say svc-map ntp ssh unknown
"#;
    shop.hook("e/extra-data.d/10-ask", ask);
    shop.hook("e/install.d/10-ask", &format!("{ask}\ninstall-packages -m e a x\ninstall-packages -e -m e a"));
    // A unit of the name that was asked for is installed: that is the service.
    shop.hook(
        "e/post-install.d/10-unit",
        "mkdir -p /lib/systemd/system; : > /lib/systemd/system/ntp.service; svc-map ntp > /unit",
    );
    let once =
        "a-deb a-deb2\n= 0\na-any\n= 0\n= 1\nnosuch\n= 0\n= 2\na\n= 0\n= 1\nntpsec\nsshd\nunknown\n= 0\n";
    let elements = "[tiny-os, e, other, package-installs, pkg-map, svc-map]";
    let image = image(&shop, elements, &[("packages", "[from-image]")]);
    shop.build(&image, &[]).well();
    assert_eq!(content(&shop, "answers"), once.repeat(2));
    assert_eq!(content(&shop, "unit"), "ntp\n");
    assert_eq!(
        content(&shop, "packages"),
        "install a-deb a-deb2 b\ninstall a-deb a-deb2 x\nremove a-deb a-deb2\ninstall from-image\nremove c\n"
    );
}

#[test]
fn dib_run_parts_runs_what_dib_would() {
    let shop = Workshop::new();
    for name in ["9-a", "100-c", "10-b"] {
        shop.hook(&format!("e/scripts/{name}"), &format!("echo {name} >> ${{TARGET_ROOT:-}}/ran"));
    }
    shop.hook("e/scripts/10-x.sh", "exit 9");
    shop.write("e/scripts/20-data", "no script\n");
    shop.hook("e/failing/10-a", "exit 7");
    shop.hook("e/failing/20-b", "echo not reached >> /ran");
    shop.hook("e/extra-data.d/10-run", "dib-run-parts $TMP_HOOKS_PATH/scripts");
    shop.hook(
        "e/install.d/10-run",
        "dib-run-parts --list /tmp/in_target.d/scripts > /list\ncode=0\ndib-run-parts /tmp/in_target.d/failing || code=$?\n\
         echo $code >> /ran",
    );
    assert_eq!(made(&shop, "[tiny-os, e]", "ran"), "9-a\n10-b\n100-c\n7\n");
    let dir = "/tmp/in_target.d/scripts";
    assert_eq!(content(&shop, "list"), format!("{dir}/9-a\n{dir}/10-b\n{dir}/100-c\n"));
}
