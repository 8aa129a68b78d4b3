//! What of starting an image is seen when it is planned: kernel arguments, places for boot loaders, the release that is today's.
//!
//! In: image files of the built-in elements. Out: plans, warnings, refusals. Never: a build.

use dibber_model::Arch;
use dibber_plan::{PlanError, Request};

use crate::targets::{built_in, plans};

/// An image of GRUB's with these further lines.
fn image(lines: &str) -> String {
    let head =
        "disk_images:\n  - imagename: i\n    distro: debian-minimal\n    release: trixie\n    arch: x86_64\n";
    format!("{head}    elements: [vm, block-device-efi]\n    skip_base: true\n{lines}")
}

fn planned(lines: &str, change: impl Fn(&mut Request)) -> Result<dibber_plan::Plan, PlanError> {
    Ok(plans(&[&image(lines)], change)?.swap_remove(0))
}

const LINE: &str = "DIB_BOOTLOADER_DEFAULT_CMDLINE";

#[test]
fn kernel_arguments_are_taken_as_they_are() {
    for argument in
        ["ds=nocloud;s=/seed/", "m=1G$2G", "x=`id`", "k=\"v w\"", "c=#{|&}<>", "a\tb", "u=\u{e9}", "q=it's"]
    {
        let written = serde_json::to_string(argument).expect("JSON is YAML");
        let plan = planned(&format!("    kernel_args: [quiet, {written}]\n"), |_| {}).expect("a plan");
        let told = &plan.variables[LINE];
        assert!(told.ends_with(&format!("gfxpayload=text quiet {argument}")), "{told}");
        assert_eq!(plan.kernel_arguments(), Some(told.as_str()));
    }
    let block = planned("    kernel_args: |\n      a=1 b=2\n", |_| {}).expect("a plan");
    assert!(block.variables[LINE].ends_with(" a=1 b=2"), "{}", block.variables[LINE]);
}

#[test]
fn what_no_kernel_can_be_told_is_refused_where_it_is_written() {
    for (lines, why) in [
        ("    kernel_args: [quiet, \"a\\nb\"]\n", "0.yaml:8:26: kernel arguments hold a line end"),
        ("    kernel_args: \"a\\0b\"\n", "0.yaml:8:18: kernel arguments hold a zero byte"),
        ("    kernel_args: \"a\\rb\"\n", "kernel arguments hold a carriage return"),
        (
            "    environment: {DIB_BOOTLOADER_SERIAL_CONSOLE: \"ttyS0\\nx\"}\n",
            "SERIAL_CONSOLE=`ttyS0\nx`: kernel arguments hold",
        ),
    ] {
        let refused = planned(lines, |_| {}).expect_err("no plan").to_string();
        assert!(refused.contains(why), "{lines}{refused}");
    }
    let long = format!("    kernel_args: {}\n", "x".repeat(2048));
    let refused = planned(&long, |_| {}).expect_err("no plan").to_string();
    assert!(refused.contains("of 2048 bytes, and a kernel takes 2047"), "{refused}");
    let line = planned("", |request| drop(request.variables.insert(LINE.into(), "a\nb".into())));
    assert!(line.expect_err("no plan").to_string().contains("kernel arguments hold a line end"));
}

#[test]
fn what_comes_out_otherwise_is_said() {
    let warned = |lines: &str, word: &str| {
        let plan = planned(lines, |_| {}).expect("a plan");
        plan.warnings.iter().any(|warning| warning.contains(word))
    };
    assert!(warned("    kernel_args: ['p=a\\b']\n", "the kernel argument `p=a\\b` will be `p=a\\\\b`"));
    assert!(!warned("    kernel_args: ['k=\"v w\"', 'ds=nocloud;s=/x/']\n", "will be"));
    assert!(!warned("    kernel_args: [quiet]\n", "boot menu"));
    let bare = |layout: &str, args: &str| {
        let head = "disk_images:\n  - imagename: i\n    distro: debian-minimal\n    arch: x86_64\n    skip_base: true\n";
        let plans = plans(&[&format!("{head}    {layout}\n{args}")], |_| {});
        plans.expect("a plan").swap_remove(0).warnings.join("\n")
    };
    assert!(
        bare("layout: partition", "    kernel_args: [quiet]\n").contains("quiet` come into no boot menu")
    );
    assert!(
        bare("elements: [block-device-gpt]", "")
            .contains("partition `BSP`, and nothing of this image asks for one")
    );
    assert!(bare("elements: [block-device-mbr]", "").contains("the gap after its table, and nothing"));
    assert!(!bare("layout: partition", "").contains("boot loader"));
    assert!(!warned("", "boot loader"));
}

/// Every release by the same elements: what differs between them is found in the tree.
#[test]
fn debian_of_today_of_yesterday_and_of_tomorrow() {
    for name in ["overcloud-full", "ironic-python-agent"] {
        let today = plans(&[&built_in(name)], |_| {}).expect("a plan").swap_remove(0);
        assert_eq!(today.variables["DIB_RELEASE"], "trixie", "{name}");
        for release in ["bookworm", "trixie", "forky", "sid"] {
            for arch in [Arch::X86_64, Arch::Aarch64, Arch::Ppc64le] {
                let text = built_in(name).replace("release: trixie", &format!("release: {release}"));
                let found = plans(&[&text], |request| request.arches = vec![arch]);
                let plan =
                    found.unwrap_or_else(|why| panic!("{name} {release} {arch}: {why}")).swap_remove(0);
                assert_eq!(plan.variables["DIB_RELEASE"], release);
                let names = |plan: &dibber_plan::Plan| {
                    plan.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>()
                };
                assert_eq!(plan.target.arch, arch);
                if arch == Arch::X86_64 {
                    assert_eq!(names(&plan), names(&today), "{name} {release}: a step of its own");
                }
            }
        }
    }
}
