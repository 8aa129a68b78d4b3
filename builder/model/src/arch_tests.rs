//! The table of architectures holds together.

use alloc::collections::BTreeSet;

use super::*;

#[test]
fn spellings_meet() {
    assert_eq!("amd64".parse::<Arch>(), "x86_64".parse());
    assert_eq!("arm64".parse(), Ok(Arch::Aarch64));
    assert_eq!("ppc64el".parse(), Ok(Arch::Ppc64le));
    assert!("sparc".parse::<Arch>().is_err());
    assert!("../p9".parse::<Platform>().is_err());
    let known = Arch::spellings();
    assert!(known.starts_with("x86_64 (amd64), ppc64le (ppc64el), aarch64 (arm64)"), "{known}");
}

#[test]
fn no_word_means_two_things() {
    let mut words = BTreeSet::new();
    for arch in Arch::all() {
        let facts = arch.facts();
        let own: BTreeSet<&str> =
            [facts.kernel_name, facts.debian_name].into_iter().chain(facts.aliases.iter().copied()).collect();
        for word in own {
            assert!(words.insert(word), "{word} names two architectures");
        }
    }
    assert_eq!(Arch::all().filter(|arch| arch.facts().untagged).count(), 1);
    let mut words = BTreeSet::new();
    for facts in Platform::known() {
        assert!(facts.arch.parse::<Arch>().is_ok(), "{facts:?}");
        for word in facts.words {
            assert!(words.insert((facts.arch, *word)), "{word} names two platforms");
            assert!(word.parse::<Platform>().is_ok_and(|word| word.facts(arch(facts.arch)).is_some()));
        }
    }
}

fn arch(text: &str) -> Arch {
    text.parse().unwrap()
}

#[test]
fn a_platform_is_known_within_its_architecture_only() {
    let cpu = |word: &str, of: &str| word.parse::<Platform>().unwrap().facts(arch(of)).map(|facts| facts.cpu);
    assert_eq!(cpu("p8", "ppc64le"), Some("power8"));
    assert_eq!(cpu("POWER9", "ppc64le"), Some("power9"));
    assert_eq!(cpu("p9", "x86_64"), None);
    assert_eq!(cpu("SNB", "x86_64"), None);
}

/// Against a header that a linker wrote, as `readelf -h` of a POWER program shows it, and qemu-binfmt-conf.sh's masks.
#[test]
fn magic_is_that_of_elf() {
    let program = b"\x7fELF\x02\x01\x01\x03\0\0\0\0\0\0\0\0\x03\0\x15\0";
    let fits = |elf: Elf, head: &[u8; facts::ELF_HEAD]| {
        let (magic, mask) = (elf.magic(), elf.mask());
        (0..facts::ELF_HEAD).all(|at| (head[at] ^ magic[at]) & mask[at] == 0)
    };
    assert!(fits(Arch::Ppc64le.facts().elf, program));
    assert!(!fits(Arch::Aarch64.facts().elf, program));
    let big = Elf { class: 2, data: 2, machine: 22 };
    assert_eq!(big.magic()[16..], [0, 2, 0, 22]);
    assert_eq!(big.mask()[16..], [0xff, 0xfe, 0xff, 0xff]);
}

#[test]
fn the_order_is_that_of_sets() {
    let names: Vec<&str> = Arch::all().map(Arch::kernel_name).take(3).collect();
    assert_eq!(names, ["x86_64", "ppc64le", "aarch64"]);
    assert!(Arch::all().is_sorted());
    assert_eq!(Arch::of_rust("powerpc64", true), Some(Arch::Ppc64le));
    assert_eq!(Arch::of_rust("powerpc64", false), None);
}

#[test]
fn stems_put_the_platform_first() {
    let target =
        |arch, platform: Option<&str>| Target { arch, platform: platform.map(|p| p.parse().unwrap()) };
    assert_eq!(target(Arch::Ppc64le, Some("p9")).basenames("overcloud-full"), ["p9-ppc64le-overcloud-full"]);
    assert_eq!(target(Arch::Aarch64, None).basenames("overcloud-full"), ["aarch64-overcloud-full"]);
    assert_eq!(target(Arch::X86_64, None).basenames("a"), ["x86_64-a", "a"]);
}
