use alloc::string::ToString;

use super::super::testing::{element, set, words};
use super::*;

fn os() -> ElementSource {
    element("os", &[("element-provides", "operating-system\n"), ("element-deps", "package-installs\nlib\n")])
}

fn tree(more: &[ElementSource]) -> SourceSet {
    let mut all =
        Vec::from([os(), element("lib", &[]), element("base", &[("element-deps", "install-types\n")])]);
    all.extend(more.iter().cloned());
    set(&all)
}

fn run(sources: &SourceSet, names: &str, arch: Arch) -> Result<String, String> {
    let elements = words(names);
    let place = FileLine::new("image.yaml", 4);
    let request = ElementRequest { elements: &elements, place, skip_base: true, ramdisk: None, arch };
    resolve(sources, &request).map(|names| names.join(" ")).map_err(|error| error.to_string())
}

fn refusal(more: &[ElementSource], names: &str) -> String {
    run(&tree(more), names, Arch::X86_64).unwrap_err()
}

#[test]
fn dependencies_come_first_and_the_request_breaks_ties() {
    let sources = tree(&[element("z", &[]), element("a", &[("element-deps", "z\nlib")])]);
    let expected = "lib install-bin pkg-map package-installs os z a";
    assert_eq!(run(&sources, "os a", Arch::X86_64).as_deref(), Ok(expected));
    assert_eq!(
        run(&sources, "z os a os", Arch::X86_64).as_deref(),
        Ok("z lib install-bin pkg-map package-installs os a")
    );
}

#[test]
fn base_and_the_ramdisk_element_are_implicit() {
    let sources = tree(&[element("dracut", &[])]);
    let elements = words("os");
    let request = ElementRequest {
        elements: &elements,
        place: FileLine::new("i", 1),
        skip_base: false,
        ramdisk: Some("dracut"),
        arch: Arch::X86_64,
    };
    let names = resolve(&sources, &request).unwrap();
    assert_eq!(names[..3], words("dracut install-types base"));
    assert_eq!(
        chosen(&sources, &names).iter().map(|e| e.name.as_str()).collect::<Vec<_>>(),
        ["dracut", "base", "lib", "os"]
    );
}

#[test]
fn a_provider_may_come_after_its_consumer() {
    let user = element("user", &[("element-deps", "virtual\n")]);
    let provider = element("provider", &[("element-provides", "virtual\n")]);
    let deep = element("deep", &[("element-deps", "provider\n")]);
    let sources = tree(&[user, provider, deep]);
    // dib: Element 'virtual' not found, because `virtual` is met before `provider`.
    assert_eq!(
        run(&sources, "user deep os", Arch::X86_64).as_deref(),
        Ok("provider user deep lib install-bin pkg-map package-installs os")
    );
}

#[test]
fn a_provided_name_keeps_its_directory_out() {
    let old = element("net", &[("element-deps", "old-lib\n")]);
    let new = element("net-new", &[("element-provides", "net\n")]);
    let user = element("user", &[("element-deps", "net\n")]);
    let sources = tree(&[old, new, user, element("old-lib", &[])]);
    let names = run(&sources, "user net-new os", Arch::X86_64).unwrap();
    assert!(names.starts_with("net-new user ") && !names.contains("old-lib"), "{names}");
}

#[test]
fn a_block_device_is_added_for_vm() {
    let sources = tree(&[
        element("vm", &[("element-deps", "block-device\n")]),
        element("block-device-mbr", &[("element-provides", "block-device\n")]),
        element("block-device-efi", &[("element-provides", "block-device\n")]),
        element("partition-uefi", &[("element-provides", "block-device\n")]),
        element("appliance", &[("element-deps", "vm\n")]),
    ]);
    let has =
        |names: &str, arch, device: &str| run(&sources, names, arch).unwrap().split(' ').any(|n| n == device);
    assert!(has("os vm", Arch::X86_64, "block-device-mbr"));
    assert!(has("os vm", Arch::Aarch64, "block-device-efi"));
    assert!(has("os appliance", Arch::X86_64, "block-device-mbr"));
    assert!(!has("os vm partition-uefi", Arch::X86_64, "block-device-mbr"));
    assert!(!has("os vm block-device-efi", Arch::X86_64, "block-device-mbr"));
}

#[test]
fn refusals_name_place_cause_and_mend() {
    assert_eq!(
        refusal(&[element("growroot", &[])], "os growrot"),
        "image.yaml:4: no element is called `growrot`, and none of the chosen ones provides it; did you mean `growroot`?"
    );
    assert_eq!(
        refusal(&[element("a", &[("element-deps", "lib\n\nnosuch\n")])], "os a"),
        "/e/a/element-deps:3: no element is called `nosuch`, and none of the chosen ones provides it"
    );
    assert_eq!(
        refusal(&[element("os2", &[("element-provides", "operating-system")])], "os os2"),
        "`operating-system` is provided by both `os` and `os2`; leave one of them out"
    );
    let provider = element("p", &[("element-provides", "lib2\n")]);
    assert_eq!(
        refusal(&[provider, element("lib2", &[])], "os p lib2"),
        "image.yaml:4: `lib2` is asked for, but `p` already provides it; leave one of them out"
    );
    assert!(refusal(&[], "lib").contains("none of the elements (lib) provides `operating-system`"));
}

#[test]
fn elements_that_need_each_other_are_all_chosen() {
    let circle = [
        element("a", &[("element-deps", "b")]),
        element("b", &[("element-deps", "c\nlib")]),
        element("c", &[("element-deps", "a")]),
        element("own", &[("element-deps", "own\nb")]),
    ];
    let sources = tree(&circle);
    let order = |names: &str| run(&sources, names, Arch::X86_64).unwrap();
    // Cut at the need that closes it; whoever is asked for first comes last.
    assert_eq!(order("a os"), "c lib b a install-bin pkg-map package-installs os");
    assert_eq!(order("c os"), "lib b a c install-bin pkg-map package-installs os");
    assert_eq!(order("own os"), "a c lib b own install-bin pkg-map package-installs os");
}

#[test]
fn a_circle_through_a_virtual_name_is_cut() {
    // The system needs a part that needs a system: common in dib's trees, and harmless.
    let os = element("os", &[("element-provides", "operating-system"), ("element-deps", "part")]);
    let part = element("part", &[("element-deps", "operating-system")]);
    assert_eq!(run(&set(&[os, part]), "os", Arch::X86_64).as_deref(), Ok("part os"));
}

#[test]
fn a_line_is_one_name() {
    for (text, shown) in
        [("a b\n", "a b"), ("# why\n", "# why"), ("a # why\n", "a # why"), ("../x\n", "../x")]
    {
        let message = refusal(&[element("a", &[]), element("d", &[("element-deps", text)])], "os d");
        assert!(message.starts_with("/e/d/element-deps:1: `") && message.contains(shown), "{message}");
    }
    let spaced = element("d", &[("element-deps", "  lib \r\n\t\n")]);
    assert!(run(&tree(&[spaced]), "os d", Arch::X86_64).is_ok());
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    let name = |i: usize| format!("e{i:06}");
    let mut all = Vec::from([os(), element("lib", &[])]);
    all.extend((0..20_000).map(|i| element(&name(i), &[("element-deps", &name(i + 1))])));
    all.push(element(&name(20_000), &[]));
    let names = run(&set(&all), "e000000 os", Arch::X86_64).unwrap();
    assert!(names.starts_with("e020000 e019999 "));
}

/// dib's tree has directories of its plumbing: in the path they take its place, but for what stays native.
#[test]
fn plumbing_of_the_path_is_an_element() {
    let own = element("package-installs", &[("element-deps", "lib\n"), ("!install.d/01-x", "")]);
    let hooks = [("!extra-data.d/20-x", ""), ("environment.d/14-x", ""), ("package-installs.yaml", "git:\n")];
    let manifests = element("manifests", &hooks);
    let mut sources = tree(&[own, manifests, element("dpkg", &[("bin/install-packages", "")])]);
    let chosen_of = |sources: &SourceSet, names: &str| {
        let names = words(&run(sources, names, Arch::X86_64).unwrap());
        let told = |element: ElementSource| {
            let paths = element.entries.keys().filter(|path| path.contains(['/', '.']));
            format!("{}: {}", element.name, paths.cloned().collect::<Vec<_>>().join(" "))
        };
        let plumbing = ["package-installs", "manifests"];
        let found =
            chosen(sources, &names).into_iter().filter(|element| plumbing.contains(&element.name.as_str()));
        found.map(told).collect::<Vec<_>>()
    };
    let hooks = "package-installs: install.d install.d/01-x";
    assert_eq!(
        chosen_of(&sources, "os manifests dpkg"),
        [hooks, "manifests: environment.d environment.d/14-x package-installs.yaml"]
    );
    // Where no element can install a package, none is asked for.
    assert_eq!(chosen_of(&sources, "os manifests"), [hooks, "manifests: environment.d environment.d/14-x"]);
    sources.builtin_first = true;
    assert_eq!(chosen_of(&sources, "os"), [""; 0]);
}
