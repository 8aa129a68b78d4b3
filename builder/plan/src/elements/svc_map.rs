//! `svc-map`: the distribution's names of services.
//!
//! In: each element's map. Out: one table, and a name. Never: a look at unit files; who asks says what exists.
//!
//! Follows `elements/svc-map` of dib, but with the families of `pkg-map`, which know newer distributions.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use super::error::{ElementError, FileLine};
use super::phases;
use super::pkg_map::family;
use super::yaml::{self, Node};
use crate::source::ElementSource;

/// Service names of one distribution, by the name that elements use.
pub type Services = BTreeMap<String, String>;

/// Merges the maps of all elements for one distribution: its own name, or its family's, or the default, or the service's
/// own. A service in two maps is an error.
pub fn read(elements: &[ElementSource], distro: &str) -> Result<Services, ElementError> {
    let mut services = Services::new();
    let mut places: BTreeMap<String, FileLine> = BTreeMap::new();
    for element in elements {
        if !element.entries.contains_key("svc-map") {
            continue;
        }
        let place = phases::place(element, "svc-map");
        let text = element.text("svc-map").ok_or(ElementError::Unreadable { place: place.clone() })?;
        let table = match yaml::read(text, &place.file)? {
            Node::Null => continue,
            Node::Map(table) => table,
            _ => return Err(ElementError::format(place, "must be a mapping of service names")),
        };
        for (key, mapping) in table {
            let at = FileLine::new(place.file.clone(), key.line);
            if let Some(first) = places.insert(key.name.clone(), at.clone()) {
                let what = format!("service `{}` is already in {first}; keep one of them", key.name);
                return Err(ElementError::format(at, what));
            }
            let name = service_name(&mapping, distro, &at)?.unwrap_or_else(|| key.name.clone());
            services.insert(key.name, name);
        }
    }
    Ok(services)
}

fn service_name(mapping: &Node, distro: &str, place: &FileLine) -> Result<Option<String>, ElementError> {
    let rows = match mapping {
        Node::Null => return Ok(None),
        Node::Map(rows) => rows,
        _ => {
            let what = "must be a mapping of a distribution, a family or `default` to the service's name";
            return Err(ElementError::format(place.clone(), what));
        }
    };
    for (key, value) in rows {
        if !matches!(value, Node::Text(_)) {
            let at = FileLine::new(place.file.clone(), key.line);
            return Err(ElementError::format(at, format!("`{}` must be a service's name", key.name)));
        }
    }
    let wanted = [Some(distro), family(distro), Some("default")];
    let found = wanted.into_iter().flatten().find_map(|name| rows.iter().find(|(key, _)| key.name == name));
    Ok(found.and_then(|(_, value)| match value {
        Node::Text(text) => Some(text.to_string()),
        _ => None,
    }))
}

/// The name of a service's unit: its own if a unit of that name is installed, or else what the maps say.
pub fn lookup<'a>(services: &'a Services, name: &'a str, is_installed: bool) -> &'a str {
    if is_installed { name } else { services.get(name).map_or(name, String::as_str) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::element;
    use super::*;

    #[test]
    fn the_most_specific_wins() {
        let map = "ntp:\n  debian: ntpsec\n  redhat: ntpd\n  default: ntp\nx:\n  suse: y\n";
        let read = |distro: &str| read(&[element("e", &[("svc-map", map)])], distro).unwrap();
        assert_eq!(lookup(&read("debian"), "ntp", false), "ntpsec");
        assert_eq!(lookup(&read("ubuntu"), "ntp", false), "ntpsec");
        assert_eq!(lookup(&read("rocky"), "ntp", false), "ntpd");
        assert_eq!(lookup(&read("arch"), "ntp", false), "ntp");
        assert_eq!(lookup(&read("debian"), "x", false), "x");
        assert_eq!(lookup(&read("debian"), "ntp", true), "ntp");
        assert_eq!(lookup(&read("debian"), "other", false), "other");
    }

    #[test]
    fn refusals() {
        let run = |a: &str, b: &str| {
            let elements = [element("a", &[("svc-map", a)]), element("b", &[("svc-map", b)])];
            read(&elements, "debian").unwrap_err().to_string()
        };
        assert_eq!(
            run("ntp: {default: a}", "\nntp: {default: b}"),
            "/e/b/svc-map:2: service `ntp` is already in /e/a/svc-map:1; keep one of them"
        );
        assert!(run("", "ntp: ntpd").contains("/e/b/svc-map:1: must be a mapping"));
        assert!(run("", "ntp:\n  debian: [a]").contains("/e/b/svc-map:2: `debian` must be"));
    }
}
