//! grub-install for UEFI: the EFI system partition is a directory of the tree, so what GRUB's own program does there is done, by the tree's
//! own `grub-mkimage`. Which disk that is, and the machine's list of boot entries, are left out: nobody knows them yet.
//!
//! In: grub-install's arguments, and the plan's identities. Out: a loader in the partition's directory, and GRUB's modules beside its menu.
//! Never: an entry of the building machine's firmware.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::real;

/// A platform of GRUB's, with the letters by which UEFI tells it apart in names of loaders (UEFI specification, 3.5.1.1).
struct EfiPlatform {
    name: &'static str,
    letters: &'static str,
}

/// As grub-install has them (`efi_suffix` of util/grub-install.c).
const PLATFORMS: [EfiPlatform; 3] = [
    EfiPlatform { name: "x86_64-efi", letters: "x64" },
    EfiPlatform { name: "arm64-efi", letters: "aa64" },
    EfiPlatform { name: "i386-efi", letters: "ia32" },
];

impl EfiPlatform {
    /// The name that firmware looks for.
    fn removable(&self) -> String {
        format!("BOOT{}.EFI", self.letters.to_uppercase())
    }

    /// That of an installed loader.
    fn installed(&self) -> String {
        format!("grub{}.efi", self.letters)
    }
}

/// What every core needs to find the menu and to run it.
const MODULES: &str = "part_gpt part_msdos fat ext2 xfs btrfs search search_fs_uuid search_label configfile normal linux boot echo test \
    terminal gzio minicmd loadenv all_video gfxterm font";

/// A call of grub-install that is about UEFI.
pub(crate) struct EfiInstall {
    platform: &'static EfiPlatform,
    is_removable: bool,
    efi: PathBuf,
    boot: PathBuf,
    vendor: String,
}

/// Where GRUB's packages have their platforms.
const PLATFORMS_OF_TREE: &str = "/usr/lib/grub";

/// The value of an option of grub-install.
fn value(words: &[String], option: &str) -> Option<String> {
    let at = words.iter().position(|word| word == option).and_then(|at| words.get(at + 1));
    let attached = words.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    attached.map(str::to_owned).or_else(|| at.cloned())
}

/// The platform that a call is about. Without a target it is that of the machine, which here is the one whose package the tree has.
fn target(words: &[String]) -> Option<String> {
    let of_tree = || {
        let found = fs::read_dir(PLATFORMS_OF_TREE).into_iter().flatten().flatten();
        let mut names = found.filter(|entry| entry.path().join("modinfo.sh").is_file());
        let first = names.next()?.file_name().to_string_lossy().into_owned();
        names.next().is_none().then_some(first)
    };
    value(words, "--target").or_else(of_tree)
}

/// The directory of the menu: some distributions call it `grub2`.
fn menu(boot: &Path) -> PathBuf {
    let (usual, other) = (boot.join("grub"), boot.join("grub2"));
    if other.is_dir() && !usual.is_dir() { other } else { usual }
}

/// Puts a platform's modules beside the menu, which loads them, as GRUB's own program does. Those that are there stay.
pub(crate) fn place_modules(words: &[String]) -> Result<(), String> {
    let Some(target) = target(words) else { return Ok(()) };
    let boot = value(words, "--boot-directory").unwrap_or_else(|| "/boot".to_owned());
    let (from, to) = (Path::new(PLATFORMS_OF_TREE).join(&target), menu(Path::new(&boot)).join(&target));
    if !from.is_dir() || to.exists() {
        return Ok(());
    }
    copy_modules(&from, &to)
        .map_err(|error| format!("cannot copy {} to {}: {error}", from.display(), to.display()))
}

impl EfiInstall {
    /// Nothing where it is about another platform.
    pub(crate) fn parse(words: &[String]) -> Option<EfiInstall> {
        let value = |option: &str| value(words, option);
        let target = target(words)?;
        let platform = PLATFORMS.iter().find(|platform| platform.name == target)?;
        Some(EfiInstall {
            platform,
            is_removable: words.iter().any(|word| word == "--removable"),
            efi: value("--efi-directory").unwrap_or_else(|| "/boot/efi".to_owned()).into(),
            boot: value("--boot-directory").unwrap_or_else(|| "/boot".to_owned()).into(),
            vendor: value("--bootloader-id").unwrap_or_else(|| "debian".to_owned()),
        })
    }

    /// Makes the loader. Where the tree has no GRUB for it, or no hook has asked for the disk yet, as when a package is installed, it is left to
    /// others: a disk without a loader is refused in the end.
    pub(crate) fn install(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        let Some(search) = search_line(&self.boot, variable) else { return Ok(()) };
        let modules = Path::new(PLATFORMS_OF_TREE).join(self.platform.name);
        if !modules.join("modinfo.sh").is_file() {
            eprintln!("{}/modinfo.sh doesn't exist: no loader is made", modules.display());
            return Ok(());
        }
        let menu = menu(&self.boot);
        let prefix = self.prefix(&menu, variable);
        let directory = menu.join(self.platform.name);
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let first = format!("{search}\nset prefix=($root)'{prefix}'\n");
        let config = menu.join(self.platform.name).join("load.cfg");
        fs::write(&config, first).map_err(|error| format!("{}: {error}", config.display()))?;
        let core = menu.join(self.platform.name).join("core.efi");
        self.make_core(&modules, &config, &core, &prefix)?;
        self.place(&core)
    }

    /// The menu's directory within its file system.
    fn prefix(&self, menu: &Path, variable: &dyn Fn(&str) -> Option<String>) -> String {
        let points = variable("DIB_MOUNTPOINTS").unwrap_or_default();
        let has_own = points.split('|').any(|point| Path::new(point) == self.boot);
        match menu.strip_prefix(&self.boot) {
            Ok(rest) if has_own => format!("/{}", rest.display()),
            _ => menu.display().to_string(),
        }
    }

    fn make_core(&self, modules: &Path, config: &Path, core: &Path, prefix: &str) -> Result<(), String> {
        let program = ["grub-mkimage", "grub2-mkimage"].into_iter().find_map(real::find);
        let program = program.ok_or("there is no grub-mkimage; install GRUB's package with it")?;
        let there = |name: &&str| modules.join(format!("{name}.mod")).is_file();
        let mut command = Command::new(program);
        command.args(["-O", self.platform.name, "-p", prefix, "-d"]).arg(modules);
        command.arg("-c").arg(config).arg("-o").arg(core);
        command.args(MODULES.split_whitespace().filter(there));
        let ended = command.status().map_err(|error| format!("grub-mkimage: {error}"))?;
        if ended.success() { Ok(()) } else { Err(format!("grub-mkimage failed with {ended}")) }
    }

    /// Under the name that firmware looks for by itself, and, unless that alone is asked for, under the distribution's.
    fn place(&self, core: &Path) -> Result<(), String> {
        let fallback = self.efi.join("EFI/BOOT").join(self.platform.removable());
        let own = self.efi.join("EFI").join(&self.vendor).join(self.platform.installed());
        // A machine that never saw this disk has no entry for the distribution's.
        let is_free = !fallback.exists();
        let places =
            [(self.is_removable || is_free).then_some(fallback), (!self.is_removable).then_some(own)];
        for place in places.into_iter().flatten() {
            let made =
                place.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(core, &place));
            made.map_err(|error| format!("{}: {error}", place.display()))?;
        }
        Ok(())
    }
}

/// The line by which a core finds the file system of its menu.
fn search_line(boot: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let known = |name: &str| variable(name).filter(|value| !value.is_empty());
    let points = variable("DIB_MOUNTPOINTS").unwrap_or_default();
    if points.split('|').any(|point| Path::new(point) == boot) {
        return known("DIB_BOOT_LABEL").map(|label| format!("search.fs_label {label} root"));
    }
    let by_uuid = known("DIB_ROOT_UUID").map(|uuid| format!("search.fs_uuid {uuid} root"));
    by_uuid.or_else(|| known("DIB_ROOT_LABEL").map(|label| format!("search.fs_label {label} root")))
}

fn copy_modules(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if let (Some("mod" | "lst"), Some(name)) = (kind, path.file_name()) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_as_elements_and_packages_make_them() {
        let told = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            EfiInstall::parse(&words).map(|call| {
                (call.platform.name, call.is_removable, call.efi.display().to_string(), call.vendor)
            })
        };
        let owned =
            |name, removable, efi: &str, vendor: &str| Some((name, removable, efi.into(), vendor.into()));
        assert_eq!(
            told("--modules=part_gpt --removable --target=x86_64-efi --force"),
            owned("x86_64-efi", true, "/boot/efi", "debian")
        );
        assert_eq!(
            told("--target x86_64-efi --efi-directory=/efi --bootloader-id mine /dev/x"),
            owned("x86_64-efi", false, "/efi", "mine")
        );
        assert_eq!(told("--target=i386-pc --force /dev/x"), None);
    }

    #[test]
    fn the_menu_is_found_by_what_the_plan_knows() {
        let plan = |name: &str| match name {
            "DIB_ROOT_UUID" => Some("0b0e".to_owned()),
            "DIB_BOOT_LABEL" => Some("boots".to_owned()),
            _ => None,
        };
        assert_eq!(search_line(Path::new("/boot"), &plan).unwrap(), "search.fs_uuid 0b0e root");
        let apart =
            |name: &str| if name == "DIB_MOUNTPOINTS" { Some("/|/boot".to_owned()) } else { plan(name) };
        assert_eq!(search_line(Path::new("/boot"), &apart).unwrap(), "search.fs_label boots root");
        assert_eq!(search_line(Path::new("/boot"), &|_| None), None);
    }
}
