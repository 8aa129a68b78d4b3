//! Who runs dibber, by /etc/passwd (passwd(5)). The C library is not asked: a static program cannot load what it asks.
//!
//! In: a user id. Out: its name, its homes. Never: an error; who is not in the file has a number and no home.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs;
use std::path::PathBuf;

/// The lines of a user: one, but nothing forbids more.
fn lines(text: &str, uid: u32) -> impl Iterator<Item = Vec<&str>> {
    let id = uid.to_string();
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(move |f| f.get(2) == Some(&id.as_str()))
}

fn read_passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

/// A user's name, or the number.
pub fn user_name(uid: u32) -> String {
    lines(&read_passwd(), uid).next().map_or_else(|| uid.to_string(), |fields| fields[0].to_owned())
}

/// Where the person who runs this keeps things, whatever `HOME` says.
pub fn homes() -> Vec<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    lines(&read_passwd(), uid).filter_map(|fields| fields.get(5).map(PathBuf::from)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_user_is_found_by_its_number() {
        let text = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nshort:x:1001\n";
        let homes = |uid| super::lines(text, uid).filter_map(|f| f.get(5).copied()).collect::<Vec<_>>();
        assert_eq!(homes(1000), ["/home/ann"]);
        assert_eq!(homes(1001), [""; 0]);
        assert_eq!(homes(7), [""; 0]);
    }
}
