use alloc::format;
use alloc::string::ToString;

use super::super::testing::{element, env, words};
use super::*;

/// `+installed -removed` of install.d, for elements `a`, `b` ... with these files.
fn run(files: &[&str], variables: &str) -> Result<String, String> {
    let elements: Vec<_> = files
        .iter()
        .zip(["a", "b", "c"])
        .map(|(text, name)| element(name, &[("package-installs.yaml", text)]))
        .collect();
    let (names, variables) = (words("package-installs"), env(variables));
    let request =
        StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
    let lists = packages(&request, Phase::Install, &variables).map_err(|error| error.to_string())?;
    let show = |sign: char, list: &[AskedPackage]| {
        list.iter().map(|package| format!("{sign}{}", package.name)).collect::<Vec<_>>()
    };
    Ok([show('+', &lists.install), show('-', &lists.uninstall)].concat().join(" "))
}

#[test]
fn every_key() {
    for (text, variables, expected) in [
        ("vim:\ngit: {}\ncurl: []\n", "", "+vim +git +curl"),
        ("# nothing\n", "", ""),
        ("a: {phase: install.d}\nb: {phase: pre-install.d}\n", "", "+a"),
        ("a: {uninstall: true}\n", "", "-a"),
        ("a: {uninstall: True}\nb: {uninstall: false}\n", "", "+b -a"),
        ("a: {build-only: true}\nb: {build-only: no}\n", "", "+a +b -a"),
        ("a: {installtype: source}\nb: {installtype: package}\n", "", "+a"),
        ("x: {installtype: source}\ny: {installtype: package}\n", "DIB_INSTALLTYPE_a=package", "+y"),
        ("x: {installtype: package}\n", "DIB_DEFAULT_INSTALLTYPE=package", "+x"),
        // The README's own example, which dib's code does not match.
        ("a: {arch: 'ppc64, ppc64le'}\n", "ARCH=ppc64le", "+a"),
        ("a: {arch: 'ppc64, ppc64le'}\n", "ARCH=ppc64el", "+a"),
        ("a: {arch: x86_64}\nb: {not-arch: x86_64}\nc: {arch: arm64}\n", "ARCH=amd64", "+a"),
        ("a: {arch: [arm64, s390x]}\nb: {not-arch: aarch64}\n", "ARCH=s390x", "+a +b"),
        ("a: {dib_python_version: 3}\nb: {dib_python_version: 2}\n", "DIB_PYTHON_VERSION=3", "+a"),
        ("a: {when: X = 1}\nb: {when: X=1}\nc: {when: X != 1}\n", "X=1", "+a +b"),
        ("a: {when: [X = 1, Y != 2]}\nb: {when: [X = 1, Y != 3]}\n", "X=1 Y=3", "+a"),
        ("a: {when: 'X ='}\n", "X=", "+a"),
        ("a:\n- arch: amd64\n- arch: arm64\n", "ARCH=amd64", "+a"),
        ("{\n\t\"a\": {\"phase\": \"install.d\"}\n}", "", "+a"),
    ] {
        assert_eq!(run(&[text], variables).as_deref(), Ok(expected), "{text}");
    }
}

/// `package-installs-ARCH.yaml`, in either spelling, after the file for all.
#[test]
fn lists_of_an_architecture() {
    let files = [
        ("package-installs.yaml", "all:\nthree:\n"),
        ("package-installs-ppc64el.yaml", "one: {when: X = 1}\n"),
        ("package-installs-ppc64le.yaml", "two:\n"),
        ("package-installs-amd64.yaml", "other:\n"),
        ("deep/package-installs-ppc64el.yaml", "never:\n"),
    ];
    let on = |files: &[(&str, &str)], arch: &str| {
        let (elements, names) = ([element("a", files)], words("package-installs"));
        let variables = env(&format!("X=1 ARCH={arch}"));
        let request =
            StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
        let lists = packages(&request, Phase::Install, &variables).map_err(|error| error.to_string())?;
        let names: Vec<String> = lists.install.into_iter().map(|package| package.name).collect();
        Ok::<_, String>(names.join(" "))
    };
    assert_eq!(on(&files, "ppc64el").as_deref(), Ok("all three one two"));
    assert_eq!(on(&files, "x86_64").as_deref(), Ok("all three other"));
    assert_eq!(on(&files, "s390x").as_deref(), Ok("all three"));
    for key in ["arch", "not-arch"] {
        let text = format!("one: {{{key}: amd64}}\n");
        assert_eq!(
            on(&[("package-installs-amd64.yaml", &text)], "amd64").unwrap_err(),
            "/e/a/package-installs-amd64.yaml:1: this file is for amd64 alone; leave out arch and not-arch"
        );
    }
}

#[test]
fn an_install_that_stays_wins() {
    assert_eq!(run(&["p:\n", "p: {uninstall: true}\n"], "").as_deref(), Ok("+p"));
    assert_eq!(run(&["p: {uninstall: true}\n", "p:\n"], "").as_deref(), Ok("+p"));
    assert_eq!(run(&["p: {build-only: true}\n", "p: {uninstall: true}\n"], "").as_deref(), Ok("+p -p -p"));
    // dib lets the entry win although its own condition leaves it out.
    assert_eq!(run(&["p: {uninstall: true}\n", "p: {arch: arm64}\n"], "ARCH=amd64").as_deref(), Ok("-p"));
}

#[test]
fn refusals_name_file_and_line() {
    for (text, variables, named) in [
        ("b:\n  arch: a\n  not-arch: b\n", "", ":1: package `b` has both"),
        ("b:\n  when: X == 1\n", "X=1", ":2: cannot read `when: X == 1`"),
        ("b:\n  when: something\n", "", ":2: cannot read"),
        ("b:\n  when: X = 1\n", "", ":1: variable X is not set"),
        ("b:\n  arch: amd64\n", "", ":1: variable ARCH is not set"),
        ("b: text\n", "", ":1: package `b` must be followed"),
        ("- a\n- b\n", "", ":1: must be a mapping"),
        ("a:\nb: 1\na:\n", "", ":3: not YAML"),
        ("a: {uninstall: maybe}\n", "", ":1: `uninstall` must be true or false"),
    ] {
        let message = run(&[text], variables).unwrap_err();
        assert!(
            message.starts_with("/e/a/package-installs.yaml") && message.contains(named),
            "{text}: {message}"
        );
    }
}

#[test]
fn older_text_files() {
    let elements = [element("a", &[("install.d/package-installs-a", "# tools\nvim\n\n-gcc\n")])];
    let (names, variables) = (words("package-installs"), env(""));
    let request =
        StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
    let lists = packages(&request, Phase::Install, &variables).unwrap();
    let asked = |name: &str| AskedPackage { name: name.into(), element: "a".into() };
    assert_eq!(
        lists,
        PackageLists { install: [asked("vim"), asked("gcc")].into(), uninstall: [asked("gcc")].into() }
    );
}

#[test]
fn what_dib_passes_over_or_reads_otherwise_is_told() {
    let list = "a:\nb:\n  phaze: install.d\nc:\n  phase: instal.d\nd:\n  phase: root.d\ne:\n  uninstall: false\nf:\n  arch: amd64, arm64\n\
                g:\n  not-arch: [amd64]\nh:\n  arch: amd64,arm64\n";
    let reading = read_all(&element("e", &[("package-installs.yaml", list)])).unwrap();
    let told: Vec<String> = reading.warnings.iter().map(ToString::to_string).collect();
    for (told, expected) in told.iter().zip([
        ":3: `phaze` is no key of package lists, so it is passed over; did you mean `phase`?; known are",
        ":5: no packages are installed in a phase `instal.d`",
        ":7: no packages are installed in a phase `root.d`",
        ":9: `uninstall` holds in diskimage-builder whatever its value",
        ":11: `arch` has blanks, which are part of the names to diskimage-builder, and only dibber reads all of it; write `arch: amd64,arm64`",
        ":13: `not-arch` is a list, at which diskimage-builder ends, and only dibber reads all of it; write `not-arch: amd64`",
    ]) {
        assert!(told.starts_with(&format!("/e/e/package-installs.yaml{expected}")), "{told}");
    }
    assert_eq!(told.len(), 6);
    let names: Vec<&str> = reading.entries.iter().map(|entry| entry.package.as_str()).collect();
    assert_eq!(names, ["a", "b", "e", "f", "g", "h"], "what has no phase is never installed");
}
