use alloc::string::ToString;

use super::super::testing::{element, env, words};
use super::*;
use crate::source::ElementSource;

fn run(elements: &[ElementSource], natives: &str, variables: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = elements.iter().map(|e| e.name.clone()).chain(words(natives)).collect();
    let variables = env(variables);
    let request = StepRequest { elements, names: &names, variables: &variables, image_packages: true };
    let show = |step: &Step| match &step.action {
        Action::Script { path } => format!("{} {}:{path}", step.phase, step.element),
        _ => format!("{} {}={}", step.phase, step.element, step.name),
    };
    steps(&request).map(|list| list.iter().map(show).collect()).map_err(|error| error.to_string())
}

#[test]
fn phases_numbers_and_natives() {
    let elements = [
        element(
            "a",
            &[
                ("!install.d/9-early", ""),
                ("!install.d/100-late", ""),
                ("!install.d/00-first", ""),
                ("!root.d/10-root", ""),
                ("install.d/notes.txt", ""),
                ("!environment.d/10-env", ""),
                ("static/etc/x", ""),
                ("bin/tool", ""),
                ("source-repository-a", "a git /a http://h"),
                ("package-installs.yaml", "gcc:\n  build-only: true\n"),
            ],
        ),
        element(
            "b",
            &[("!cleanup.d/00-x", ""), ("package-installs.yaml", "vim:\n  phase: post-install.d\n")],
        ),
    ];
    let natives = "package-installs install-static install-bin source-repositories manifests";
    assert_eq!(
        run(&elements, natives, "").unwrap(),
        [
            "root a:root.d/10-root",
            "extra-data manifests=20-manifest-dir",
            "extra-data source-repositories=98-source-repositories",
            "pre-install install-bin=01-install-bin",
            "install a:install.d/00-first",
            "install package-installs=01-package-installs",
            "install a:install.d/9-early",
            "install install-static=10-install-static-files",
            "install package-installs=99-package-uninstalls",
            "install a:install.d/100-late",
            "install package-installs=image-packages",
            "post-install package-installs=00-package-installs",
            "pre-finalise block-device=00-fstab",
            "cleanup b:cleanup.d/00-x",
            "cleanup manifests=01-copy-manifests-dir",
        ]
    );
    // Without the plumbing its files mean nothing, as in dib.
    assert_eq!(run(&elements, "", "").unwrap().len(), 7);
}

#[test]
fn install_types() {
    let elements = [element(
        "svc",
        &[
            ("!install.d/my-svc-source-install/10-from-source", ""),
            ("!install.d/my-svc-package-install/10-from-package", ""),
            ("install.d/my-svc-package-install/package-installs-svc", "svc\n"),
        ],
    )];
    let chosen = |variables: &str, natives: &str| {
        let list = run(&elements, natives, variables).unwrap();
        list.iter()
            .filter(|step| step.starts_with("install ") && !step.contains("image-packages"))
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let source = "install svc:install.d/my-svc-source-install/10-from-source";
    let package = "install svc:install.d/my-svc-package-install/10-from-package";
    assert_eq!(chosen("", "install-types"), source);
    assert_eq!(chosen("DIB_DEFAULT_INSTALLTYPE=package", "install-types"), package);
    assert_eq!(chosen("DIB_INSTALLTYPE_my_svc=package", "install-types"), package);
    assert_eq!(
        chosen("DIB_DEFAULT_INSTALLTYPE=package DIB_INSTALLTYPE_my_svc=source", "install-types"),
        source
    );
    assert_eq!(chosen("DIB_INSTALLTYPE_my_svc=other", "install-types"), "");
    assert_eq!(chosen("", ""), "");
    let with_packages = chosen("DIB_INSTALLTYPE_my_svc=package", "install-types package-installs");
    assert!(with_packages.starts_with("install package-installs=01-package-installs"), "{with_packages}");
}

#[test]
fn two_files_of_one_name() {
    let (a, b) = (element("a", &[("!install.d/10-x", "")]), element("b", &[("!install.d/10-x", "")]));
    assert_eq!(
        run(&[a.clone(), b], "", "").unwrap_err(),
        "/e/a/install.d/10-x and /e/b/install.d/10-x would be the same file install.d/10-x of the build; rename one of them"
    );
    let spliced = element("c", &[("!install.d/c-source-install/10-x", "")]);
    assert!(run(&[a, spliced], "install-types", "").unwrap_err().contains("install.d/10-x of the build"));
    let own = element("p", &[("!install.d/01-package-installs", ""), ("package-installs.yaml", "x:\n")]);
    assert!(
        run(&[own], "package-installs", "").unwrap_err().starts_with("native package-installs and /e/p/")
    );
}
