//! Puts chosen elements in order: dependencies before dependents.
//!
//! In: the request and the closure. Out: names. Never: recursion, so that a chain of any length is fine.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::closure::Closure;
use super::error::ElementError;

/// Where the walk stands with an element.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    /// On the way from the request to here.
    Open,
    /// In the result.
    Done,
}

/// One element on the way, with what it still has to look at.
struct Frame<'a> {
    name: &'a str,
    /// Whether its dependent named it, and not a virtual name that it provides.
    by_name: bool,
    next: usize,
}

/// Depth first from each requested name; each element's needs by name.
pub(crate) fn order(names: &[String], closure: &Closure) -> Result<Vec<String>, ElementError> {
    let mut marks: BTreeMap<&str, Mark> = BTreeMap::new();
    let mut result = Vec::new();
    for root in names.iter().chain(closure.needs.keys()) {
        let Some((root, _)) = closure.needs.get_key_value(root) else { continue };
        if marks.contains_key(root.as_str()) {
            continue;
        }
        let mut path: Vec<Frame<'_>> = Vec::new();
        enter(root, true, &mut path, &mut marks);
        while let Some(frame) = path.last_mut() {
            let Some(need) = closure.needs.get(frame.name).and_then(|needs| needs.get(frame.next)) else {
                marks.insert(frame.name, Mark::Done);
                result.push(String::from(frame.name));
                path.pop();
                continue;
            };
            frame.next += 1;
            let (target, by_name) = match closure.provided.get(need) {
                Some(provider) => (provider, false),
                None => (need, true),
            };
            match marks.get(target.as_str()) {
                None if closure.needs.contains_key(target) => enter(target, by_name, &mut path, &mut marks),
                Some(Mark::Open) if by_name => refuse_circle(target, &path)?,
                _ => {}
            }
        }
    }
    Ok(result)
}

fn enter<'a>(name: &'a str, by_name: bool, path: &mut Vec<Frame<'a>>, marks: &mut BTreeMap<&'a str, Mark>) {
    marks.insert(name, Mark::Open);
    path.push(Frame { name, by_name, next: 0 });
}

/// An error if every edge from `target` to the end of the path, which needs `target` again, is by name.
fn refuse_circle(target: &str, path: &[Frame<'_>]) -> Result<(), ElementError> {
    let Some(start) = path.iter().position(|frame| frame.name == target) else { return Ok(()) };
    let circle = &path[start..];
    if circle[1..].iter().any(|frame| !frame.by_name) {
        return Ok(());
    }
    let mut names: Vec<String> = circle.iter().map(|frame| String::from(frame.name)).collect();
    names.push(String::from(target));
    Err(ElementError::Cycle { path: names })
}
