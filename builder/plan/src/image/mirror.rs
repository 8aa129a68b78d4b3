//! Addresses of package archives, looked at before anybody asks there.
//!
//! In: what a person wrote. Out: why it can be none, if it can be none. Never: a refusal of what apt may know and this does not.

/// Why a text is no address of an archive. apt knows more schemes than are looked into here (sources.list(5)).
pub(super) fn fault(text: &str) -> Option<&'static str> {
    const NONE: &str =
        "this is no address of an archive; write http://HOST/PATH, https://HOST/PATH or file:/PATH";
    let Some((scheme, rest)) = text.split_once(':') else {
        return Some(NONE).filter(|_| !text.starts_with('/'));
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(letters) {
        return Some(NONE);
    }
    if !["http", "https"].contains(&scheme) {
        return None;
    }
    let Some(rest) = rest.strip_prefix("//") else { return Some(NONE) };
    let place = rest.split('/').next().unwrap_or_default();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
        Some((host, port)) => (host, port),
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    match port.strip_prefix(':').map(str::parse::<u16>) {
        _ if host.is_empty() => Some("the address names no host; write http://HOST/PATH"),
        Some(Err(_)) => Some("the port is no number from 0 to 65535; write http://HOST:PORT/PATH"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn what_can_be_an_address_and_what_cannot() {
        for good in [
            "http://deb.debian.org/debian",
            "https://me:pass:word@[::1]:8080/debian",
            "http://host",
            "http://host:3142",
            "file:/srv/mirror",
            "file:///srv/mirror",
            "/srv/mirror",
            "mirror+file:/etc/mirrors.txt",
            "tor+http://host/debian",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            "notaurl",
            "http://",
            "http:/host",
            "http:///debian",
            "http://host:PORT/d",
            "http://h:70000/",
            "de b://x",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
