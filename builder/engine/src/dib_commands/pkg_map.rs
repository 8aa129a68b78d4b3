//! `pkg-map`: the distribution's names of packages, one line for each name that is asked about.
//!
//! In: dib's options and names. Out: packages; exit code 1 for a name without mapping, 2 for an element without map. Never:
//! one element's map for another's names.

use std::fs;

use dibber_plan::elements::pkg_map::{self, PkgMapError, PkgMaps, Query};

use super::{variable, with_file};

const USAGE: &str = "usage: pkg-map --element NAME | --pkg-map FILE [--distro D] [--release R] [--missing-ok] [--prefix P] PACKAGE...";

#[derive(Debug, Default, PartialEq, Eq)]
struct PkgMapCall {
    element: String,
    file: String,
    distro: String,
    release: String,
    prefix: String,
    missing_ok: bool,
    names: Vec<String>,
}

pub(super) fn main(arguments: &[String]) -> i32 {
    let call = match parse(arguments, &variable) {
        Ok(call) => call,
        Err(why) => {
            eprintln!("pkg-map: {why}\n{USAGE}");
            return 1;
        }
    };
    match look_up(&call) {
        Ok(packages) => {
            packages.iter().for_each(|names| println!("{}{names}", call.prefix));
            0
        }
        Err(LookupFailure { why, exit_code }) => {
            eprintln!("pkg-map: {why}");
            exit_code
        }
    }
}

fn parse(arguments: &[String], variable: &dyn Fn(&str) -> String) -> Result<PkgMapCall, String> {
    let mut call = PkgMapCall {
        distro: variable("DISTRO_NAME"),
        release: variable("DIB_RELEASE"),
        ..PkgMapCall::default()
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (option, attached) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_string())),
            _ => (word.as_str(), None),
        };
        let place = match option {
            "--missing-ok" => {
                call.missing_ok = true;
                continue;
            }
            "--debug" => continue,
            "--element" => &mut call.element,
            "--pkg-map" => &mut call.file,
            "--distro" => &mut call.distro,
            "--release" => &mut call.release,
            "--prefix" => &mut call.prefix,
            other if other.starts_with("--") => return Err(format!("unknown option `{other}`")),
            _ => {
                call.names.push(word.clone());
                continue;
            }
        };
        *place =
            attached.or_else(|| words.next().cloned()).ok_or_else(|| format!("{option} wants a value"))?;
    }
    if call.element.is_empty() == call.file.is_empty() {
        return Err("give either --element or --pkg-map".into());
    }
    if call.distro.is_empty() {
        return Err("give --distro, or set DISTRO_NAME".into());
    }
    Ok(call)
}

/// Why a name has no packages, and what the command ends with.
struct LookupFailure {
    why: String,
    exit_code: i32,
}

/// A line for each name: a name may stand for several packages, or for none.
fn look_up(call: &PkgMapCall) -> Result<Vec<String>, LookupFailure> {
    let maps = maps(call).map_err(|why| LookupFailure { why, exit_code: 1 })?;
    let element = if call.file.is_empty() { &call.element } else { &call.file };
    let query = Query { element, distro: &call.distro, release: &call.release, missing_ok: call.missing_ok };
    let failed = |e: PkgMapError| LookupFailure { why: e.to_string(), exit_code: e.exit_code().into() };
    let mut lines = Vec::new();
    // An element without a map is told even if no name is asked about.
    pkg_map::lookup(&maps, &query, &[]).map_err(&failed)?;
    for name in &call.names {
        let packages = pkg_map::lookup(&maps, &query, &[name]).map_err(&failed)?;
        if !packages.is_empty() {
            lines.push(packages.join(" "));
        }
    }
    Ok(lines)
}

fn maps(call: &PkgMapCall) -> Result<PkgMaps, String> {
    if !call.file.is_empty() {
        let text = fs::read_to_string(&call.file).map_err(|e| format!("{}: {e}", call.file))?;
        let map = pkg_map::parse(&text, &call.file).map_err(|e| e.to_string())?;
        return Ok(PkgMaps::from([(call.file.clone(), map)]));
    }
    let mut elements = with_file("pkg-map").map_err(|e| format!("cannot read the elements' maps: {e}"))?;
    elements.retain(|element| element.name == call.element);
    pkg_map::read(&elements).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(text: &str) -> Result<PkgMapCall, String> {
        let words: Vec<String> = text.split_whitespace().map(String::from).collect();
        parse(&words, &|name| if name == "DISTRO_NAME" { "debian".into() } else { String::new() })
    }

    #[test]
    fn options_in_both_spellings() {
        let call = parse_words("--element e --missing-ok a --release=sid b --prefix=>").unwrap();
        assert_eq!(
            (call.names.join(","), call.release.as_str(), call.prefix.as_str()),
            ("a,b".into(), "sid", ">")
        );
        assert_eq!((call.distro.as_str(), call.missing_ok), ("debian", true));
        assert_eq!(parse_words("--element e --distro ubuntu").unwrap().distro, "ubuntu");
    }

    #[test]
    fn refusals() {
        for (words, named) in [
            ("a", "either"),
            ("--element e --pkg-map f", "either"),
            ("--elemant e", "--elemant"),
            ("--element", "value"),
        ] {
            assert!(parse_words(words).unwrap_err().contains(named), "{words}");
        }
    }
}
