//! sudo: everyone inside is root already, so it changes only what its options ask for.
//!
//! In: sudo(8)'s options and a command. Out: the command, in this process. Never: a password.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What is left of the environment without `-E`: what a hook's child needs to run the same everywhere.
const KEPT: [&str; 18] = [
    "PATH",
    "TERM",
    "LANG",
    "LC_ALL",
    "TZ",
    "SOURCE_DATE_EPOCH",
    "DIBBER_RECORD",
    "SYSTEMD_OFFLINE",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// A command line of sudo(8).
#[derive(Debug, Default, PartialEq, Eq)]
struct SudoCall {
    keep: bool,
    keep_names: Vec<String>,
    home: bool,
    shell: bool,
    login: bool,
    nothing: bool,
    user: Option<String>,
    group: Option<String>,
    directory: Option<String>,
    variables: Vec<(String, String)>,
    command: Vec<OsString>,
}

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let call = match parse_call(arguments) {
        Ok(call) => call,
        Err(why) => {
            eprintln!("{name}: {why}");
            return 1;
        }
    };
    if call.nothing {
        return 0;
    }
    match build_command(&call) {
        Ok(mut command) => {
            let error = command.exec();
            eprintln!("{name}: {}: {error}", command.get_program().to_string_lossy());
            if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
        }
        Err(why) => {
            eprintln!("{name}: {why}");
            1
        }
    }
}

fn parse_call(arguments: &[OsString]) -> Result<SudoCall, String> {
    let mut call = SudoCall::default();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next_if(|word| is_option(word)) {
        let word = word.to_string_lossy();
        if word == "--" {
            break;
        }
        let mut value = |attached: &str| -> Result<String, String> {
            if attached.is_empty() {
                let next = words.next().ok_or_else(|| format!("{word} wants a value"))?;
                return Ok(next.to_string_lossy().into_owned());
            }
            Ok(attached.to_owned())
        };
        match word.strip_prefix("--") {
            Some(long) => long_option(&mut call, long, &mut value)?,
            None => short_options(&mut call, &word[1..], &mut value)?,
        }
    }
    let rest = words.cloned();
    for word in rest {
        let text = word.to_string_lossy().into_owned();
        match text.split_once('=') {
            Some((name, value)) if call.command.is_empty() && is_name(name) => {
                call.variables.push((name.to_owned(), value.to_owned()));
            }
            _ => call.command.push(word),
        }
    }
    if call.command.is_empty() && !call.shell && !call.login && !call.nothing {
        return Err("no command".to_owned());
    }
    Ok(call)
}

fn is_option(word: &OsStr) -> bool {
    word.to_str().is_some_and(|word| word.len() > 1 && word.starts_with('-'))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Takes an option's value: what is attached to it, or the next word.
type TakeValue<'a> = &'a mut dyn FnMut(&str) -> Result<String, String>;

fn long_option(call: &mut SudoCall, option: &str, value: TakeValue<'_>) -> Result<(), String> {
    let (option, attached) = option.split_once('=').unwrap_or((option, ""));
    match option {
        "preserve-env" if attached.is_empty() => call.keep = true,
        "preserve-env" => call.keep_names.extend(attached.split(',').map(str::to_owned)),
        "set-home" => call.home = true,
        "non-interactive" | "stdin" | "reset-timestamp" => {}
        "validate" | "remove-timestamp" | "list" => call.nothing = true,
        "login" => call.login = true,
        "shell" => call.shell = true,
        "user" => call.user = Some(value(attached)?),
        "group" => call.group = Some(value(attached)?),
        "chdir" => call.directory = Some(value(attached)?),
        _ => return Err(format!("unknown option `--{option}`")),
    }
    Ok(())
}

fn short_options(call: &mut SudoCall, letters: &str, value: TakeValue<'_>) -> Result<(), String> {
    for (place, letter) in letters.char_indices() {
        let attached = &letters[place + letter.len_utf8()..];
        match letter {
            'E' => call.keep = true,
            'H' => call.home = true,
            'n' | 'S' | 'k' => {}
            'v' | 'K' | 'l' => call.nothing = true,
            'i' => call.login = true,
            's' => call.shell = true,
            'u' => call.user = Some(value(attached)?),
            'g' => call.group = Some(value(attached)?),
            'D' => call.directory = Some(value(attached)?),
            _ => return Err(format!("unknown option `-{letter}`")),
        }
        if matches!(letter, 'u' | 'g' | 'D') {
            break;
        }
    }
    Ok(())
}

/// A line of /etc/passwd.
struct User {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
    shell: String,
}

/// Finds a user by name, or by number after a `#`.
fn find_user(user: &str) -> Result<User, String> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = user.strip_prefix('#');
    let parse_line = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
        let id = |text: &str| text.parse().map_err(|_| format!("/etc/passwd has no number for {user}"));
        let whole = || {
            let (name, home, shell) = (name.to_owned(), home.to_owned(), shell.to_owned());
            Ok(User { name, uid: id(uid)?, gid: id(gid)?, home, shell })
        };
        (name == user || Some(uid) == number).then(whole)
    };
    passwd.lines().find_map(parse_line).unwrap_or_else(|| Err(format!("unknown user {user}")))
}

fn group_id(group: &str) -> Result<u32, String> {
    if let Some(number) = group.strip_prefix('#') {
        return number.parse().map_err(|_| format!("unknown group {group}"));
    }
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let line = groups.lines().find(|line| line.split(':').next() == Some(group));
    let id = line.and_then(|line| line.split(':').nth(2)?.parse().ok());
    id.ok_or_else(|| format!("unknown group {group}"))
}

fn build_command(call: &SudoCall) -> Result<Command, String> {
    let user = call.user.as_deref().unwrap_or("root");
    // A tree may have no /etc/passwd yet: root is root all the same.
    let account = match find_user(user) {
        Err(_) if user == "root" => {
            User { name: user.into(), uid: 0, gid: 0, home: "/root".into(), shell: "/bin/sh".into() }
        }
        other => other?,
    };
    let mut words = call.command.iter();
    let mut command = if call.shell || call.login {
        let mut shell = Command::new(&account.shell);
        if call.login {
            shell.arg("-l");
        }
        if !call.command.is_empty() {
            shell.arg("-c").arg(call.command.join(OsStr::new(" ")));
        }
        shell
    } else {
        let mut plain = Command::new(words.next().ok_or("no command")?);
        plain.args(words);
        plain
    };
    if !call.keep {
        command.env_clear();
        let kept = KEPT.iter().copied().chain(call.keep_names.iter().map(String::as_str));
        command.envs(kept.filter_map(|name| Some((name, std::env::var_os(name)?))));
    }
    if !call.keep || call.home || call.login {
        command.env("HOME", &account.home);
    }
    command.env("USER", &account.name).env("LOGNAME", &account.name).env("SHELL", &account.shell);
    command.env("SUDO_USER", "root").env("SUDO_UID", "0").env("SUDO_GID", "0");
    command.envs(call.variables.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = call.directory.as_ref().or(call.login.then_some(&account.home)) {
        command.current_dir(directory);
    }
    if call.user.is_some() || call.group.is_some() {
        let group = call.group.as_deref().map(group_id).transpose()?;
        command.gid(group.unwrap_or(account.gid)).uid(account.uid);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call_of(text: &str) -> SudoCall {
        parse_call(&text.split(' ').map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn options_variables_and_commands_are_told_apart() {
        let call = call_of("-nE -u stack A=1 DEBIAN_FRONTEND=noninteractive apt-get -y install x=1");
        assert!(call.keep);
        assert_eq!(call.user.as_deref(), Some("stack"));
        assert_eq!(call.variables.len(), 2);
        assert_eq!(call.command.len(), 4);
        assert_eq!(call_of("-ustack -- -x").command, ["-x"]);
        assert_eq!(call_of("--preserve-env=A,B true").keep_names, ["A", "B"]);
        assert!(call_of("-v").nothing);
    }

    #[test]
    fn what_it_does_not_know_it_refuses() {
        assert!(parse_call(&["-Q".into(), "true".into()]).unwrap_err().contains("-Q"));
        assert!(parse_call(&["-E".into()]).unwrap_err().contains("no command"));
    }
}
