//! The mounts that a hook left, by what it asked of the stand-ins for mount and umount.
//!
//! In: mounts that were there, and one change. Out: those that are there afterwards. Never: one outside of the build directory: others a
//! hook has for itself alone.

use std::path::Path;

use dibber_shim::{MountRequest, Request};

use super::replay;

/// Takes a change into account.
pub(super) fn change(mounts: &mut Vec<MountRequest>, change: Request) {
    match change {
        Request::Mount(mount) => mounts.extend(replay::is_possible(&mount).then_some(mount)),
        Request::Unmount { target } => {
            if let Some(last) = mounts.iter().rposition(|mount| mount.target == target) {
                mounts.remove(last);
            }
            // What was mounted below it went with it.
            mounts.retain(|mount| !is_below(&mount.target, &target));
        }
        Request::Move { from, to } => {
            let last = mounts.iter().rposition(|mount| mount.target == from);
            for (at, mount) in mounts.iter_mut().enumerate() {
                if Some(at) == last {
                    mount.target.clone_from(&to);
                } else if let Some(rest) =
                    mount.target.strip_prefix(&from).filter(|rest| rest.starts_with('/'))
                {
                    mount.target = format!("{to}{rest}");
                }
            }
            mounts.retain(replay::is_possible);
        }
        Request::Remount { target, options } => {
            if let Some(mount) = mounts.iter_mut().rfind(|mount| mount.target == target) {
                options.into_iter().for_each(|option| set(&mut mount.options, option));
            }
        }
        Request::Loader(_) => {}
    }
}

fn is_below(path: &str, place: &str) -> bool {
    path != place && Path::new(path).starts_with(place)
}

/// Sets an option, and takes its contrary away.
fn set(options: &mut Vec<String>, option: String) {
    let contrary = match option.as_str() {
        "remount" | "bind" => return,
        "ro" => "rw".to_owned(),
        "rw" => "ro".to_owned(),
        other => other.strip_prefix("no").map_or_else(|| format!("no{other}"), str::to_owned),
    };
    options.retain(|known| *known != contrary && *known != option);
    options.push(option);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BUILD;
    use dibber_shim::MountSource;

    fn mount(place: &str) -> Request {
        let what = MountSource::New { kind: "tmpfs".into(), source: "none".into() };
        Request::Mount(MountRequest { what, options: vec!["rw".into()], target: format!("{BUILD}/{place}") })
    }

    #[test]
    fn mounts_are_moved_changed_and_taken_away() {
        let mut mounts = Vec::new();
        ["mnt/a", "mnt/a/b", "../etc"].into_iter().for_each(|place| change(&mut mounts, mount(place)));
        let at = |place: &str| format!("{BUILD}/{place}");
        change(&mut mounts, Request::Move { from: at("mnt/a"), to: at("mnt/c") });
        change(
            &mut mounts,
            Request::Remount { target: at("mnt/c"), options: vec!["remount".into(), "ro".into()] },
        );
        let told: Vec<_> =
            mounts.iter().map(|mount| (mount.target.clone(), mount.options.join(","))).collect();
        assert_eq!(told, [(at("mnt/c"), "ro".to_owned()), (at("mnt/c/b"), "rw".to_owned())]);
        change(&mut mounts, Request::Unmount { target: at("mnt/c") });
        assert!(mounts.is_empty());
    }
}
