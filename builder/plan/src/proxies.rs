//! The proxies of a build, each under the variable that names it: a proxy for https may be another one than that for http, or none, and
//! hosts that `no_proxy` lists go past both.
//!
//! In: what an image declares, and its key `proxy`. Out: variables for hooks, and the proxy for a URL. Never: a proxy made up
//! for a scheme of which nothing was said; the caller's environment.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

/// The words before `_proxy` that programs know (curl(1), wget(1), urllib), and whether the image file's key `proxy` stands for it.
const SCHEMES: [Scheme; 5] = [
    Scheme { name: "http", is_of_key: true },
    Scheme { name: "https", is_of_key: true },
    Scheme { name: "ftp", is_of_key: false },
    Scheme { name: "all", is_of_key: false },
    Scheme { name: "no", is_of_key: false },
];

struct Scheme {
    name: &'static str,
    is_of_key: bool,
}

/// Variables that name proxies, with their values. They may hold passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxies(BTreeMap<String, String>);

impl Proxies {
    /// The names of all such variables, as they are written: lower case, then upper case.
    pub fn names() -> impl Iterator<Item = String> {
        SCHEMES.iter().flat_map(|Scheme { name, .. }| spellings(name))
    }

    /// Takes them out of the declared variables. One that is declared empty is not set. Where only one spelling is declared, it
    /// stands for the other, because programs differ in which of them they read; where neither is, the key does.
    pub(crate) fn take(declared: &mut BTreeMap<String, String>, key: Option<&str>) -> Proxies {
        let mut found = BTreeMap::new();
        for Scheme { name, is_of_key } in SCHEMES {
            let names = spellings(name);
            let given = names.each_ref().map(|name| declared.remove(name));
            let default = key.filter(|_| is_of_key).map(ToString::to_string);
            let either = given[0].clone().or_else(|| given[1].clone()).or(default);
            for (name, own) in names.into_iter().zip(given) {
                let value = own.or_else(|| either.clone()).filter(|value| !value.trim().is_empty());
                found.extend(value.map(|value| (name, value)));
            }
        }
        Proxies(found)
    }

    /// Each variable and its value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether this variable is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The proxy for a URL; hosts that go past it are not asked about.
    pub fn of_url(&self, url: &str) -> Option<&str> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let named =
            |scheme: &str| spellings(scheme).iter().find_map(|name| self.0.get(name)).map(String::as_str);
        match scheme {
            "http" | "https" | "ftp" => named(scheme).or_else(|| named("all")),
            _ => None,
        }
    }

    /// Hosts that go past proxies, as `no_proxy` has them.
    pub fn direct_hosts(&self) -> Option<&str> {
        spellings("no").iter().find_map(|name| self.0.get(name)).map(String::as_str)
    }
}

/// `http_proxy` and `HTTP_PROXY`.
fn spellings(scheme: &str) -> [String; 2] {
    let lower = format!("{scheme}_proxy");
    let upper = lower.to_ascii_uppercase();
    [lower, upper]
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn take(declared: &[(&str, &str)], key: Option<&str>) -> Vec<String> {
        let mut declared =
            declared.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let found = Proxies::take(&mut declared, key);
        assert!(declared.keys().all(|name| !name.to_lowercase().ends_with("_proxy")));
        found.variables().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn each_variable_is_its_own() {
        assert_eq!(
            take(&[("http_proxy", "http://a"), ("https_proxy", "http://b"), ("no_proxy", "localhost")], None),
            [
                "HTTPS_PROXY=http://b",
                "HTTP_PROXY=http://a",
                "NO_PROXY=localhost",
                "http_proxy=http://a",
                "https_proxy=http://b",
                "no_proxy=localhost",
            ]
        );
        assert_eq!(
            take(&[("http_proxy", "http://a"), ("HTTP_PROXY", "http://b")], None),
            ["HTTP_PROXY=http://b", "http_proxy=http://a"]
        );
        assert_eq!(
            take(&[("ALL_PROXY", "socks5h://c")], None),
            ["ALL_PROXY=socks5h://c", "all_proxy=socks5h://c"]
        );
        assert_eq!(
            take(&[("FTP_PROXY", "http://f"), ("DIB_X", "y")], None),
            ["FTP_PROXY=http://f", "ftp_proxy=http://f"]
        );
    }

    #[test]
    fn an_empty_one_is_not_set() {
        assert_eq!(take(&[("http_proxy", ""), ("https_proxy", " ")], None), [""; 0]);
        assert_eq!(
            take(&[("https_proxy", "")], Some("http://k")),
            ["HTTP_PROXY=http://k", "http_proxy=http://k"]
        );
        assert_eq!(take(&[("HTTP_PROXY", ""), ("http_proxy", "http://a")], None), ["http_proxy=http://a"]);
    }

    #[test]
    fn a_url_has_the_proxy_of_its_scheme() {
        let mut declared: BTreeMap<String, String> = [("https_proxy", "http://b"), ("all_proxy", "http://c")]
            .map(|(n, v)| (n.into(), v.into()))
            .into();
        let proxies = Proxies::take(&mut declared, None);
        assert_eq!(proxies.of_url("https://deb.example/"), Some("http://b"));
        assert_eq!(proxies.of_url("http://deb.example/"), Some("http://c"));
        assert_eq!(proxies.of_url("file:///srv/mirror"), None);
    }
}
