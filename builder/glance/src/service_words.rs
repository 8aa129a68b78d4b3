//! What a service, or the line to it, says of a failure, in words for people.
//!
//! In: a body, or an error of the client. Out: one line. Never: markup, control characters, more than a few hundred letters.

/// Most letters of what a service says in its own words that are shown.
pub(super) const TOLD: usize = 300;

/// ureq's words say `io:` before the system's; people need only the latter.
pub(super) fn error_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(io) => io.to_string(),
        ureq::Error::HostNotFound => "no such host".into(),
        other => other.to_string(),
    }
}

/// What a service says of its refusal: JSON's message, or the words of a small HTML page.
pub(super) fn service_message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let message = json.as_ref().and_then(|json| {
        let keystone = json.pointer("/error/message");
        keystone.or(json.get("message"))?.as_str()
    });
    let plain = without_tags(message.unwrap_or(&text));
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: String = plain.chars().filter(|c| !c.is_control()).take(TOLD).collect();
    if told.is_empty() { told } else { format!(": {}", told.trim_end_matches('.')) }
}

fn without_tags(html: &str) -> String {
    // The page's title is its heading again.
    let body = html.split_once("<body>").map_or(html, |(_, body)| body);
    let mut text = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::service_message;

    #[test]
    fn a_refusal_is_told_in_the_service_s_words() {
        let keystone =
            br#"{"error": {"code": 401, "message": "The request you have made requires authentication."}}"#;
        assert_eq!(service_message(keystone), ": The request you have made requires authentication");
        let glance = b"<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 Forbidden</h1>\n  Not allowed.<br /><br />\n\n </body>\n</html>";
        assert_eq!(service_message(glance), ": 403 Forbidden Not allowed");
        let json = br#"{"message": "You are not authorized.<br /><br />\n", "code": "403"}"#;
        assert_eq!(service_message(json), ": You are not authorized");
        assert_eq!(service_message(b""), "");
    }
}
