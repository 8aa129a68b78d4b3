//! Values of an image file that several keys have in common: flags, lists, modes, paths, addresses.
//!
//! In: a value whose shape was checked. Out: what it means, or a fault at its place. Never: a default that hides a wrong value.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;

use dibber_model::kernel_line;

use super::mirror;
use crate::yaml::{Fault, Node, Yaml};

pub(super) fn list<'a>(entry: &'a Yaml, key: &str) -> &'a [Yaml] {
    entry.get(key).map(Yaml::items).unwrap_or_default()
}

pub(super) fn flag(entry: &Yaml, key: &str) -> Option<bool> {
    match entry.get(key)?.node {
        Node::Bool(value) => Some(value),
        _ => None,
    }
}

pub(super) fn one_or_more(entry: &Yaml, key: &str) -> Vec<String> {
    match entry.get(key) {
        Some(value) if value.text().is_some() => alloc::vec![value.text().unwrap_or_default().to_string()],
        _ => entry.get_texts(key),
    }
}

/// Kernel arguments, as they were written but for white space around them, which block texts of YAML end with.
pub(super) fn kernel_args(entry: &Yaml) -> Result<Vec<String>, Fault> {
    let Some(value) = entry.get("kernel_args") else { return Ok(Vec::new()) };
    let one = core::slice::from_ref(value);
    let written = if value.text().is_some() { one } else { value.items() };
    let arguments = written.iter().map(|item| {
        let text = item.text().unwrap_or_default().trim_matches([' ', '\n']);
        kernel_line::check(text).map_err(|why| item.at.bad(why))?;
        Ok(text.to_string())
    });
    arguments.collect()
}

/// A value that parses from its text, or the fault of its type.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: &Yaml) -> Result<T, Fault> {
    value.text().unwrap_or_default().parse().map_err(|error| value.at.bad(error))
}

pub(super) fn octal(value: &Yaml) -> Result<u16, Fault> {
    let text = value.text().unwrap_or_default();
    u16::from_str_radix(text.trim_start_matches("0o"), 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| value.at.bad(format!("`{text}` is not a mode; write octal digits, such as 0644")))
}

pub(super) fn absolute(value: Option<&Yaml>, entry: &Yaml) -> Result<String, Fault> {
    let text = value.and_then(Yaml::text).unwrap_or_default();
    let below = text.strip_prefix('/').unwrap_or_default();
    if below.is_empty()
        || below.split('/').any(|name| matches!(name, "" | "." | "..") || name.contains(['\0', '\n']))
    {
        let at = value.map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{text}` is not an absolute path without `.`, `..` and doubled slashes")));
    }
    Ok(text.to_string())
}

/// The address of an archive.
pub(super) fn address(value: &Yaml) -> Result<&str, Fault> {
    let text = value.text().unwrap_or_default();
    match mirror::fault(text) {
        None => Ok(text),
        Some(why) => Err(value.at.bad(why)),
    }
}
