//! The pages of a listing, which a service names one by one.
//!
//! In: `next` of each answer. Out: paths to ask for. Never: a path that leads to another host, where our token would go; a page
//! twice, or pages without end, by their number or their length.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ureq::http::Uri;

/// With a hundred images on each, more than any cloud has of one name.
const MOST: usize = 1000;

/// Most bytes of all pages together: a listing of 30,000 images.
const BYTES_MAX: usize = 64 << 20;

/// How long a listing may take, all pages together.
const LONGEST: Duration = Duration::from_secs(300);

/// Where a listing stands.
pub(super) struct Pages {
    next: Option<String>,
    seen: BTreeSet<String>,
    bytes: usize,
    began: Instant,
}

impl Pages {
    /// Begins with this page.
    pub(super) fn from(first: String) -> Pages {
        Pages { next: Some(first), seen: BTreeSet::new(), bytes: 0, began: Instant::now() }
    }

    /// The page to ask for now; none at the end.
    pub(super) fn next(&mut self) -> Option<String> {
        let next = self.next.take()?;
        self.seen.insert(next.clone());
        Some(next)
    }

    /// Takes what an answer of so many bytes names as the next page, from a service at `root`, or tells what is wrong with it.
    pub(super) fn go_on(
        &mut self,
        named: Option<String>,
        bytes: usize,
        root: &str,
    ) -> Result<(), &'static str> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_MAX {
            return Err("its pages are longer than any listing");
        }
        let Some(named) = named else { return Ok(()) };
        let path = path_on(&named, root).ok_or("its next page is not on the same server")?;
        if self.seen.contains(&path) {
            return Err("its next page is one that it has given already");
        }
        if self.began.elapsed() > LONGEST {
            return Err("its pages take longer than five minutes");
        }
        if self.seen.len() >= MOST {
            return Err("its pages have no end");
        }
        self.next = Some(path);
        Ok(())
    }
}

/// What is to be put behind the service's address: a path, as Glance names pages, or the path of a whole address of the same
/// scheme, host and port.
fn path_on(named: &str, root: &str) -> Option<String> {
    // A backslash is a slash to some, and what is not printable is nobody's path.
    if named.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return None;
    }
    let whole = match named.strip_prefix('/') {
        // `//host/path` names a host.
        Some(rest) if rest.starts_with('/') => return None,
        Some(_) => format!("{root}{named}"),
        None => named.to_string(),
    };
    let (there, ours): (Uri, Uri) = (whole.parse().ok()?, root.parse().ok()?);
    if origin(&there)? != origin(&ours)? {
        return None;
    }
    whole.strip_prefix(root).filter(|path| path.starts_with('/')).map(str::to_string)
}

/// Which server an address is of.
#[derive(PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// The server of an address; none of an address that names a user, or no host.
fn origin(uri: &Uri) -> Option<Origin> {
    let scheme = uri.scheme_str()?.to_lowercase();
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let usual = if scheme == "https" { 443 } else { 80 };
    let (host, port) = (authority.host().to_lowercase(), authority.port_u16().unwrap_or(usual));
    Some(Origin { scheme, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_stays_on_its_server() {
        let root = "http://g:9292/image";
        let on = |named| path_on(named, root);
        assert_eq!(on("/v2/images?marker=1").as_deref(), Some("/v2/images?marker=1"));
        assert_eq!(on("http://g:9292/image/v2/images?marker=1").as_deref(), Some("/v2/images?marker=1"));
        for bad in [
            "@other/x",
            "//other/x",
            "\\\\other/x",
            "/\\other",
            "http://other/image/v2/images",
            "http://g:9293/image/v2/images",
            "https://g:9292/image/v2/images",
            "http://u@g:9292/image/v2",
            ".other/x",
            ":1/x",
            "http://g:9292/imagex/v2",
            "/v2/im ages",
            "/v2/\u{9b}",
            "http://g:9292",
            "",
        ] {
            assert_eq!(on(bad), None, "{bad}");
        }
        // An address without a path of its own, and a port that is the usual one.
        assert_eq!(path_on("/v2/images", "https://g").as_deref(), Some("/v2/images"));
        assert_eq!(path_on("@other/x", "https://g"), None);
    }

    #[test]
    fn pages_end() {
        let mut pages = Pages::from("/v2/images".into());
        for n in 0..MOST {
            assert!(pages.next().is_some());
            let more = pages.go_on(Some(format!("/v2/images?marker={n}")), 1, "http://g");
            assert_eq!(more.is_ok(), n + 1 < MOST, "{n}");
        }
        let mut pages = Pages::from("/v2/images".into());
        assert_eq!(pages.next().as_deref(), Some("/v2/images"));
        assert!(pages.go_on(Some("/v2/images".into()), 1, "http://g").is_err());
        assert!(pages.go_on(None, 1, "http://g").is_ok());
        assert_eq!(pages.next(), None);
        let mut pages = Pages::from("/v2/images".into());
        let mut page =
            |n: usize| pages.go_on(Some(format!("/v2/images?marker={n}")), BYTES_MAX / 4, "http://g");
        assert!((0..4).all(|n| page(n).is_ok()));
        assert!(page(4).is_err());
    }
}
