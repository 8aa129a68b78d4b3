//! chroot: a tree that a bootstrap has just made has no devices here, as no user namespace makes any, while with dib its `/dev/null` is one.
//! What is run in such a tree gets the sandbox's devices and the kernel's file systems for as long as it runs, in a mount namespace of its own,
//! so the tree itself stays as its hook left it.
//!
//! In: chroot(8)'s arguments. Out: the real program, in this process. Never: a mount that others see; a change for a tree that has devices.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::real;

/// Binds what the tree lacks, then becomes the real chroot. Its arguments: mount(8), the tree, chroot(8), its arguments.
const WITH_DEVICES: &str = r#"
mount=$1 tree=${2%/} chroot=$3
shift 3
for name in dev proc sys; do
    if [ "$name" = dev ] || [ -z "$(ls -A "$tree/$name" 2>/dev/null)" ]; then
        [ ! -d "$tree/$name" ] || "$mount" --rbind "/$name" "$tree/$name" || exit 125
    fi
done
exec "$chroot" "$@"
"#;

/// What chroot(8) ends with where it fails itself.
const FAILED: i32 = 125;

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let Some(chroot) = real::find(name) else {
        eprintln!("{name}: not installed");
        return 127;
    };
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let call = ChrootCall::parse(&words);
    let needs = call.as_ref().filter(|call| lacks_devices(Path::new(call.tree)) && !call.mounts());
    let tools = real::find("unshare").zip(real::find("mount"));
    let mut command = match needs.zip(tools) {
        None => Command::new(&chroot),
        Some((call, (unshare, mount))) => {
            let mut command = Command::new(unshare);
            command.args(["--mount", "--", "/bin/sh", "-c", WITH_DEVICES, name]);
            command.arg(mount).arg(call.tree).arg(&chroot);
            command
        }
    };
    let error = command.args(arguments).exec();
    eprintln!("{name}: cannot start {}: {error}", command.get_program().to_string_lossy());
    FAILED
}

/// A command line of chroot(8).
#[derive(Debug, PartialEq, Eq)]
struct ChrootCall<'a> {
    tree: &'a str,
    /// The program that is run there; none for a shell.
    program: Option<&'a str>,
}

impl<'a> ChrootCall<'a> {
    fn parse(words: &'a [String]) -> Option<ChrootCall<'a>> {
        let mut words = words.iter().map(String::as_str);
        let tree = loop {
            match words.next()? {
                "--" => break words.next()?,
                // The only options with a value of their own.
                "--userspec" | "--groups" => drop(words.next()),
                option if option.starts_with('-') => {}
                tree => break tree,
            }
        };
        Some(ChrootCall { tree, program: words.next() })
    }

    /// Whether it changes mounts, which must be seen by others then.
    fn mounts(&self) -> bool {
        let name = self.program.and_then(|program| program.rsplit('/').next());
        matches!(name, Some("mount" | "umount"))
    }
}

/// Whether a tree has a `/dev` without the device that every program counts on.
fn lacks_devices(tree: &Path) -> bool {
    let is_dir = fs::symlink_metadata(tree.join("dev")).is_ok_and(|meta| meta.is_dir());
    is_dir && !fs::symlink_metadata(tree.join("dev/null")).is_ok_and(|meta| meta.file_type().is_char_device())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_and_the_program_are_found_among_options() {
        let told = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            ChrootCall::parse(&words).map(|call| (call.tree.to_owned(), call.mounts()))
        };
        for (text, tree, mounts) in [
            ("/t apt-get update", "/t", false),
            ("--userspec=0:0 /t true", "/t", false),
            ("--userspec root --skip-chdir /t /bin/mount -t proc proc /proc", "/t", true),
            ("-- /t umount /proc", "/t", true),
            ("/t", "/t", false),
        ] {
            assert_eq!(told(text), Some((tree.to_owned(), mounts)), "{text}");
        }
        assert_eq!(told("--version"), None);
    }
}
