//! Programs that speak to a booted system: its udev, its kernel, its init. Hooks and Ansible roles call them to have something happen now, and
//! nothing is to happen on the machine that builds: the image does it when it boots. What tells of files is the tree's own program's.
//! systemctl needs no stand-in: its own way of working offline is asked for by `SYSTEMD_OFFLINE`.
//!
//! In: a name and arguments. Out: success, and a word that nothing was done; a file that the machine will read; or the tree's own program.
//! Never: a program that the tree lacks, pretended.

use std::ffi::OsString;
use std::fs;

use crate::real;

/// What is done with a call.
#[derive(Debug, PartialEq, Eq)]
enum Answer<'a> {
    /// The tree's own program does it.
    Real,
    /// It is for a machine that runs.
    Ignored,
    /// Values that a running kernel would be given, told as sysctl(8) tells them.
    Set(Vec<&'a str>),
    /// The machine's name, for `/etc/hostname`.
    HostName(&'a str),
}

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    if real::find(name).is_none() {
        eprintln!("{name}: not found in this tree");
        return 127;
    }
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match answer(name, &words) {
        Answer::Real => real::run(name, &words),
        Answer::Ignored => {
            eprintln!("{name}: ignored, as no system is booted: {}", words.join(" "));
            0
        }
        Answer::Set(pairs) => {
            pairs
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .for_each(|(key, value)| println!("{key} = {value}"));
            0
        }
        Answer::HostName(host) => match fs::write("/etc/hostname", format!("{host}\n")) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{name}: /etc/hostname: {error}");
                1
            }
        },
    }
}

fn answer<'a>(name: &str, words: &'a [String]) -> Answer<'a> {
    let has = |options: &[&str]| words.iter().any(|word| options.contains(&word.as_str()));
    let mut plain = words.iter().map(String::as_str).filter(|word| !word.starts_with('-'));
    let ignored_if = |is| if is { Answer::Ignored } else { Answer::Real };
    match name {
        "udevadm" => ignored_if(matches!(plain.next(), Some("control" | "trigger" | "settle" | "wait"))),
        // modprobe(8): what shows or tries only.
        "modprobe" => ignored_if(
            plain.next().is_some()
                && !has(&[
                    "-n",
                    "--dry-run",
                    "--show",
                    "-D",
                    "--show-depends",
                    "-c",
                    "--showconfig",
                    "-R",
                    "--resolve-alias",
                ]),
        ),
        "insmod" | "rmmod" => ignored_if(plain.next().is_some()),
        "sysctl"
            if has(&["-p", "--load", "--system"]) || words.iter().any(|word| word.starts_with("--load=")) =>
        {
            Answer::Ignored
        }
        "sysctl" => {
            let pairs: Vec<&str> = plain.filter(|word| word.contains('=')).collect();
            match pairs.is_empty() {
                true => Answer::Real,
                false if has(&["-q", "--quiet"]) => Answer::Ignored,
                false => Answer::Set(pairs),
            }
        }
        "journalctl" => {
            ignored_if(has(&["--flush", "--rotate", "--sync", "--relinquish-var", "--smart-relinquish-var"]))
        }
        "hostnamectl" => match (plain.next(), plain.next()) {
            (Some("set-hostname" | "hostname"), Some(host)) if !has(&["--pretty", "--transient"]) => {
                Answer::HostName(host)
            }
            (Some("hostname"), None) => Answer::Real,
            _ => Answer::Ignored,
        },
        // service(8) of Debian would start what it is asked for, in the tree.
        "service" => ignored_if(plain.nth(1).is_some_and(|action| action != "status")),
        _ => Answer::Real,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_a_running_machine_is_told_from_the_rest() {
        let told = |text: &str| {
            let words: Vec<String> = text.split(' ').skip(1).map(str::to_owned).collect();
            match answer(text.split(' ').next().unwrap(), &words) {
                Answer::Real => "real".to_owned(),
                Answer::Ignored => "ignored".to_owned(),
                Answer::Set(pairs) => pairs.join(","),
                Answer::HostName(host) => format!("named {host}"),
            }
        };
        for (text, expected) in [
            ("udevadm control --reload-rules", "ignored"),
            ("udevadm settle --timeout=5", "ignored"),
            ("udevadm hwdb --update", "real"),
            ("udevadm --version", "real"),
            ("modprobe -a br_netfilter overlay", "ignored"),
            ("modprobe --show-depends overlay", "real"),
            ("modprobe --version", "real"),
            ("sysctl -w net.ipv4.ip_forward=1", "net.ipv4.ip_forward=1"),
            ("sysctl --system", "ignored"),
            ("sysctl -p /etc/sysctl.d/x.conf", "ignored"),
            ("sysctl -n kernel.ostype", "real"),
            ("journalctl --flush", "ignored"),
            ("journalctl -u ssh", "real"),
            ("hostnamectl set-hostname node", "named node"),
            ("hostnamectl --static hostname node", "named node"),
            ("hostnamectl status", "ignored"),
            ("service ssh restart", "ignored"),
            ("service ssh status", "real"),
            ("service --status-all", "real"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
