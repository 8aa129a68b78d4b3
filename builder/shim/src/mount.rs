//! mount and umount: done by the real programs, within the sandbox, and written down. What a user namespace refuses, and can have in
//! another way, is asked for in that way.
//!
//! In: arguments of mount(8) and umount(8). Out: a mount of this namespace, and a line of the record. Never: a loop device.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::image_mount::ImageMount;
use crate::mount_call::MountCall;
use crate::real;
use crate::record::{Request, append_to_record};

pub(crate) fn mount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let call = MountCall::parse(&words);
    if call.is_loop() {
        let Some((image, target, is_writable)) = call.image() else { return real::run(name, &words) };
        return ImageMount::make(name, absolute(image), absolute(target), is_writable);
    }
    let words = call.instead().unwrap_or(words);
    let call = MountCall::parse(&words);
    let first = match real::try_run(name, &words) {
        Ok(ended) => ended,
        Err(code) => return code,
    };
    let done = if first.code == 0 { Some(call) } else { mount_otherwise(name, &call) };
    let Some(done) = done else {
        first.tell();
        return first.code;
    };
    if first.code == 0 {
        first.tell();
    }
    done.request(absolute).map_or(0, |request| record(name, &request))
}

/// Asks in another way; none if there is none, or it is refused too.
fn mount_otherwise(name: &str, call: &MountCall) -> Option<MountCall> {
    let words = call.otherwise().or_else(|| remount_words(call))?;
    let is_done = real::try_run(name, &words).is_ok_and(|ended| ended.code == 0);
    is_done.then(|| MountCall::parse(&words))
}

/// A change of options that names those that are locked, which a user namespace may not take away by leaving them out, and none besides:
/// what the kernel tells of a tmpfs are ids of the machine, which it does not take back here.
fn remount_words(call: &MountCall) -> Option<Vec<String>> {
    let (target, asked) = call.remounted()?;
    let target = absolute(target);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    // proc(5): the fifth field is the place, the sixth its options.
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let found = mounts.lines().map(fields).rfind(|fields| fields.get(4) == Some(&target))?;
    let locked = ["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"];
    let mut options = asked.to_vec();
    let now = found.get(5)?.split(',').filter(|option| locked.contains(option));
    options.extend(now.map(str::to_owned).filter(|option| !asked.contains(option)));
    let words = ["--options-mode", "ignore", "-o"].map(str::to_owned);
    Some(words.into_iter().chain([options.join(","), target]).collect())
}

/// Options of umount(8) with a value.
const WITH_VALUE: [&str; 6] = ["-t", "--types", "-O", "--test-opts", "-N", "--namespace"];

pub(crate) fn umount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let UmountCall { flags, targets, is_plain } = UmountCall::parse(&words);
    if !is_plain || targets.is_empty() {
        return real::run(name, &words);
    }
    targets.iter().map(|target| take_away(name, &flags, target)).max().unwrap_or(0)
}

/// Takes one mount away. What was bound with all below it goes with that, though its user asks for one mount.
fn take_away(name: &str, flags: &[String], target: &str) -> i32 {
    let place = absolute(target);
    let image = ImageMount::take(&place);
    if let Some(Err(error)) = image.as_ref().map(ImageMount::copy_back) {
        eprintln!("{name}: cannot copy back what {target} holds: {error}");
        return 32;
    }
    let with = |flags: &[String]| flags.iter().cloned().chain([target.to_owned()]).collect::<Vec<_>>();
    let first = match real::try_run(name, &with(flags)) {
        Ok(ended) => ended,
        Err(code) => return code,
    };
    let lazily = || real::try_run(name, &with(&["-l".to_owned()])).is_ok_and(|ended| ended.code == 0);
    if first.code != 0 && !lazily() {
        first.tell();
        return first.code;
    }
    // The build knows of none: it ends with its hook.
    if image.is_some() { 0 } else { record(name, &Request::Unmount { target: place }) }
}

/// A command line of umount(8).
struct UmountCall {
    flags: Vec<String>,
    targets: Vec<String>,
    /// Whether it names what it takes away.
    is_plain: bool,
}

impl UmountCall {
    fn parse(words: &[String]) -> UmountCall {
        let mut call = UmountCall { flags: Vec::new(), targets: Vec::new(), is_plain: true };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--" => call.targets.extend(words.by_ref().cloned()),
                // The kernel lets nobody force it from a user namespace, and in memory there is nothing to wait for.
                "--force" => {}
                "--all" | "--help" | "--version" => call.is_plain = false,
                valued if WITH_VALUE.contains(&valued) => {
                    call.flags.push(word.clone());
                    call.flags.extend(words.next().cloned());
                }
                flag if flag.starts_with('-') && !flag.starts_with("--") && flag.len() > 1 => {
                    call.is_plain &= !flag.contains(['a', 'h', 'V']);
                    let kept = flag.replace('f', "");
                    call.flags.extend((kept != "-").then_some(kept));
                }
                flag if flag.starts_with("--") => call.flags.push(word.clone()),
                _ => call.targets.push(word.clone()),
            }
        }
        call
    }
}

fn record(name: &str, request: &Request) -> i32 {
    append_to_record(request).map_or_else(
        |error| {
            eprintln!("{name}: done, but cannot note it for a later resume: {error}");
            1
        },
        |()| 0,
    )
}

/// A path as another process, with another working directory, can use it.
fn absolute(word: &str) -> String {
    std::fs::canonicalize(word)
        .or_else(|_| std::path::absolute(word))
        .unwrap_or_else(|_| PathBuf::from(word))
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umount_is_asked_for_by_flags_and_places() {
        let told = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let call = UmountCall::parse(&words);
            format!(
                "{} | {}{}",
                call.flags.join(" "),
                call.targets.join(" "),
                if call.is_plain { "" } else { " ?" }
            )
        };
        for (text, expected) in [
            ("/a", " | /a"),
            ("-f /a", " | /a"),
            ("-lf /a /b", "-l | /a /b"),
            ("-R -l /a", "-R -l | /a"),
            ("--recursive --force -- /a", "--recursive | /a"),
            ("-a -t proc", "-a -t proc |  ?"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
