//! Puts chosen elements in order: dependencies before dependents, as far as they have such an order.
//!
//! In: the request and the closure. Out: names. Never: recursion, so that a chain of any length is fine; a refusal: dib's dependencies are a
//! set, and trees that it builds have elements that name each other (os-apply-config and os-refresh-config of TripleO do).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::closure::Closure;

/// One element on the way, with what it still has to look at.
struct Frame<'a> {
    name: &'a str,
    next: usize,
}

/// Depth first from each requested name; each element's needs by name. A circle is cut at the need that closes it.
pub(crate) fn order(names: &[String], closure: &Closure) -> Vec<String> {
    let mut met: BTreeSet<&str> = BTreeSet::new();
    let mut result = Vec::new();
    for root in names.iter().chain(closure.needs.keys()) {
        let Some((root, _)) = closure.needs.get_key_value(root) else { continue };
        let mut path: Vec<Frame<'_>> = Vec::new();
        if met.insert(root) {
            path.push(Frame { name: root, next: 0 });
        }
        while let Some(frame) = path.last_mut() {
            let Some(need) = closure.needs.get(frame.name).and_then(|needs| needs.get(frame.next)) else {
                result.push(String::from(frame.name));
                path.pop();
                continue;
            };
            frame.next += 1;
            let target = closure.provided.get(need).unwrap_or(need);
            if closure.needs.contains_key(target) && met.insert(target) {
                path.push(Frame { name: target, next: 0 });
            }
        }
    }
    result
}
