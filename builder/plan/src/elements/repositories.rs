//! `source-repository-*`: what is fetched from elsewhere and where it goes.
//!
//! In: elements and variables. Out: repositories in order. Never: the network, and no `eval`.
//!
//! Follows `elements/source-repositories/extra-data.d/98-source-repositories` of dib.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::{ElementError, ElementWarning, FileLine};
use super::{expand::expand, phases};
use crate::source::ElementSource;

/// How a repository is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A git clone.
    Git,
    /// A tar archive, unpacked.
    Tar,
    /// One file.
    File,
    /// Nothing to fetch: a package stands for it.
    Package,
}

/// One repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its name, which its overrides are named after.
    pub name: String,
    /// How.
    pub kind: Kind,
    /// Absolute path in the tree; empty for a package.
    pub dest: String,
    /// URL or path; empty for a package.
    pub location: String,
    /// git: branch, tag or commit, `*` for all. tar: what to take of it, `.`, `*` or a directory. Otherwise empty.
    pub reference: String,
    /// Where it is asked for.
    pub place: FileLine,
}

/// Whether an element has any `source-repository-*` file.
pub fn has_any(element: &ElementSource) -> bool {
    files(element).next().is_some()
}

/// Whether a path within an element is such a file.
pub fn is_list(path: &str) -> bool {
    path.starts_with("source-repository-") && !path.contains('/') && !path.ends_with('~')
}

fn files(element: &ElementSource) -> impl Iterator<Item = &str> {
    element.entries.keys().map(String::as_str).filter(|path| is_list(path))
}

/// The repositories to fetch: elements in resolved order, files by name, lines as they stand. Those whose install type
/// is not `source` are left out, and `NO_SOURCE_REPOSITORIES` leaves out all.
///
/// Overrides: `DIB_REPOTYPE_`, `DIB_REPOLOCATION_`, `DIB_REPOREF_` and `DIB_INSTALLTYPE_` with the name, where what is no
/// letter or digit is `_`; `DIB_GITREPOBASE` stands for scheme, host and user of git URLs without their own override.
pub fn repositories(
    elements: &[ElementSource],
    env: &BTreeMap<String, String>,
) -> Result<Vec<Repository>, ElementError> {
    let mut found = Vec::new();
    if env.get("NO_SOURCE_REPOSITORIES").is_some_and(|value| !value.is_empty()) {
        return Ok(found);
    }
    for element in elements {
        for name in files(element) {
            let place = phases::place(element, name);
            let text = element.text(name).ok_or(ElementError::Unreadable { place: place.clone() })?;
            for (index, line) in text.lines().enumerate() {
                let place = FileLine::new(place.file.clone(), index + 1);
                if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                    found.extend(repository(line, env, place)?);
                }
            }
        }
    }
    Ok(found)
}

/// Lines of an element that cannot be read whatever the variables are.
pub(crate) fn doubtful(element: &ElementSource) -> Vec<ElementWarning> {
    let mut warnings = Vec::new();
    for name in files(element) {
        let place = phases::place(element, name);
        for (index, line) in element.text(name).unwrap_or_default().lines().enumerate() {
            if let Err(what) = check_words(line) {
                let place = FileLine::new(place.file.clone(), index + 1);
                warnings.push(ElementWarning::RepositoryLine { place, what: complaint(line.trim(), &what) });
            }
        }
    }
    warnings
}

/// What can be told of a line before its variables are known: any word that has one may become several, or none.
fn check_words(line: &str) -> Result<(), String> {
    let is_open = |word: &str| word.contains(['$', '`', '"', '\'', '\\']);
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() || words[0].starts_with('#') || words.iter().take(2).any(|word| is_open(word)) {
        return Ok(());
    }
    let kind = *words.get(1).ok_or("a name and a kind are needed")?;
    let kind = kind_of(kind).ok_or_else(|| not_a_kind(kind))?;
    if words.iter().any(|word| is_open(word)) {
        return Ok(());
    }
    if words.len() > 5 {
        return Err("there are more than five words".into());
    }
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    if kind == Kind::Package { Ok(()) } else { check(word(2), word(3)).map_err(ToString::to_string) }
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "git" => Some(Kind::Git),
        "tar" => Some(Kind::Tar),
        "file" => Some(Kind::File),
        "package" => Some(Kind::Package),
        _ => None,
    }
}

fn not_a_kind(word: &str) -> String {
    format!("`{word}` is not git, tar, file or package")
}

fn repository(
    line: &str,
    env: &BTreeMap<String, String>,
    place: FileLine,
) -> Result<Option<Repository>, ElementError> {
    let line = expand(line, env, &place)?;
    let mut words = line.split_whitespace();
    let (Some(name), Some(kind)) = (words.next(), words.next()) else {
        return Err(malformed(&line, place, "a name and a kind are needed"));
    };
    let suffix = suffix(name);
    let own = |prefix: &str| env.get(&format!("{prefix}{suffix}")).filter(|value| !value.is_empty());
    let installtype = own("DIB_INSTALLTYPE_").or_else(|| env.get("DIB_DEFAULT_INSTALLTYPE"));
    if installtype.is_some_and(|kind| kind != "source") {
        return Ok(None);
    }
    let written = own("DIB_REPOTYPE_").map_or(kind, String::as_str);
    let Some(kind) = kind_of(written) else { return Err(malformed(&line, place, &not_a_kind(written))) };
    let mut word = || words.next().unwrap_or_default().to_string();
    let (dest, location, reference) = (word(), word(), word());
    let reference = match (own("DIB_REPOREF_"), kind) {
        (Some(own), _) => own.clone(),
        (None, Kind::Git) if reference.is_empty() => "master".to_string(),
        (None, Kind::Tar) if reference.is_empty() => "*".to_string(),
        (None, _) => reference,
    };
    let location = match (own("DIB_REPOLOCATION_"), env.get("DIB_GITREPOBASE"), kind) {
        (Some(own), _, _) => own.clone(),
        (None, Some(base), Kind::Git) if !base.is_empty() => rebased(&location, base),
        _ => location,
    };
    if words.next().is_some() {
        return Err(malformed(&line, place, "there are more than five words"));
    }
    if kind != Kind::Package {
        check(&dest, &location).map_err(|what| malformed(&line, place.clone(), what))?;
    }
    Ok(Some(Repository { name: name.to_string(), kind, dest, location, reference, place }))
}

/// What a repository's overrides end with.
fn suffix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The variable that stands for a repository's location.
pub fn location_variable(name: &str) -> String {
    format!("DIB_REPOLOCATION_{}", suffix(name))
}

fn check(dest: &str, location: &str) -> Result<(), &'static str> {
    if !dest.starts_with('/') {
        return Err("the destination must be an absolute path");
    }
    if dest.split('/').any(|part| part == "..") {
        return Err("the destination must not climb with `..`");
    }
    // git and curl would read it as an option.
    if location.is_empty() || location.starts_with('-') { Err("the location is missing") } else { Ok(()) }
}

fn malformed(line: &str, place: FileLine, what: &str) -> ElementError {
    ElementError::format(place, complaint(line, what))
}

fn complaint(line: &str, what: &str) -> String {
    let how = "write `NAME git|tar|file|package DESTINATION LOCATION [REFERENCE]`";
    format!("`{line}` is no source repository: {what}; {how}")
}

/// `scheme://host/[~user]path` with `base` for all before the path; anything else as it is.
fn rebased(location: &str, base: &str) -> String {
    let path = location.split_once("://").filter(|(scheme, _)| !scheme.is_empty() && !scheme.contains(':'));
    let Some((host, path)) = path.and_then(|(_, rest)| rest.split_once('/')) else {
        return location.to_string();
    };
    if host.is_empty() {
        return location.to_string();
    }
    let path = match path.strip_prefix('~').and_then(|user| user.find('/')) {
        // The user is `~` and at least one character; the slash after it stays.
        Some(end) if end > 0 => &path[end + 1..],
        _ => path,
    };
    format!("{base}{path}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{element, env};
    use super::*;

    fn run(line: &str, variables: &str) -> Result<Vec<String>, String> {
        let source = element("e", &[("source-repository-e", line), ("source-repository-e~", "junk")]);
        let show =
            |r: &Repository| format!("{} {:?} {} {} {}", r.name, r.kind, r.dest, r.location, r.reference);
        repositories(&[source], &env(variables))
            .map(|list| list.iter().map(show).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lines_and_overrides() {
        for (line, variables, expected) in [
            ("g git /tmp/g https://h/g", "", "g Git /tmp/g https://h/g master"),
            ("# why\n\n  g git /tmp/g https://h/g v1", "", "g Git /tmp/g https://h/g v1"),
            ("d tar /d http://h/d-$V.tgz .", "V=3", "d Tar /d http://h/d-3.tgz ."),
            ("d tar /d http://h/d.tgz", "", "d Tar /d http://h/d.tgz *"),
            ("f file /f http://h/f", "DIB_REPOLOCATION_f=http://m/f", "f File /f http://m/f "),
            ("a-b git /x https://h/x", "DIB_REPOREF_a_b=r2", "a-b Git /x https://h/x r2"),
            ("a git /x https://h/x", "DIB_REPOTYPE_a=tar DIB_REPOREF_a=.", "a Tar /x https://h/x ."),
            ("a git /x https://h/~me/o/x", "DIB_GITREPOBASE=git://m", "a Git /x git://m/o/x master"),
            ("a git /x https://h/o/x", "DIB_GITREPOBASE=git://m/", "a Git /x git://m/o/x master"),
            (
                "a git /x https://h/o/x",
                "DIB_GITREPOBASE=git://m/ DIB_REPOLOCATION_a=/srv/x",
                "a Git /x /srv/x master",
            ),
            ("p package", "", "p Package   "),
        ] {
            assert_eq!(run(line, variables), Ok(Vec::from([expected.to_string()])), "{line}");
        }
    }

    #[test]
    fn left_out() {
        assert_eq!(run("a git /x https://h/x", "NO_SOURCE_REPOSITORIES=1"), Ok(Vec::new()));
        assert_eq!(run("a git /x https://h/x", "DIB_DEFAULT_INSTALLTYPE=package"), Ok(Vec::new()));
        assert_eq!(run("a git /x https://h/x", "DIB_INSTALLTYPE_a=package"), Ok(Vec::new()));
        assert_eq!(
            run("a git /x /y", "DIB_DEFAULT_INSTALLTYPE=package DIB_INSTALLTYPE_a=source")
                .map(|list| list.len()),
            Ok(1)
        );
    }

    #[test]
    fn lines_are_looked_at_before_variables_are_known() {
        let told = |line: &str| doubtful(&element("e", &[("source-repository-e", line)]));
        for (line, named) in [
            ("a svn /x http://h", "`svn` is not git"),
            ("a", "a name and a kind"),
            ("a git x http://h", "absolute path"),
            ("a git /x", "location is missing"),
            ("a git /x http://h r more", "more than five words"),
        ] {
            let told = told(line);
            assert!(told.len() == 1 && told[0].to_string().contains(named), "{line}: {told:?}");
        }
        for fine in [
            "",
            "# a",
            "a git /x http://h r",
            "p package",
            "a git $D $L more and more",
            "$N svn",
            "a tar /x http://h *",
        ] {
            assert_eq!(told(fine), [], "{fine}");
        }
    }

    #[test]
    fn refusals_name_file_and_line() {
        for (line, named) in [
            ("a svn /x http://h", "`svn` is not git"),
            ("a git x http://h", "absolute path"),
            ("a git /x", "location is missing"),
            ("a git /x --upload-pack=id", "location is missing"),
            ("a git /../x http://h", "climb"),
            ("a git /x http://h r more", "more than five words"),
            ("a", "a name and a kind"),
            ("a git /x http://h/$NO", "variable NO is not set"),
        ] {
            let message = run(&format!("#\n{line}"), "").unwrap_err();
            assert!(
                message.starts_with("/e/e/source-repository-e:2: ") && message.contains(named),
                "{message}"
            );
        }
    }
}
