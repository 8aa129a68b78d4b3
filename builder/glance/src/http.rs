//! One request, one answer.
//!
//! In: a method, an address, headers, a body. Out: status, headers and a bounded body, or why there was none. Never: a redirect
//! followed, a failure of the service taken for success, a secret in a message.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dibber_model::redact::{self, Redact};
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody, SendBody};

use super::error::mend;
use super::{Cloud, GlanceError};

/// A connection that is not made in this time is not made.
const CONNECT: Duration = Duration::from_secs(20);
/// One read or write may stand still for this long. Glance hashes and stores what it got before it answers.
const STILL: Duration = Duration::from_secs(300);
/// All that is asked takes no longer than this, but sending an image.
const LONGEST: Duration = Duration::from_secs(300);
/// Answers are descriptions of images: a page of them is some 100 KiB, and so is a catalog.
const LARGEST_ANSWER: u64 = 4 << 20;
/// All headers of an answer together, in bytes.
const LARGEST_HEADERS: usize = 64 << 10;
/// So much of what a service says in its own words is told.
const TOLD: usize = 300;

/// A client, and what it must not tell.
pub(super) struct Http {
    agent: Agent,
    redact: Redact,
}

/// What is asked.
pub(super) struct Asked<'a> {
    /// What is being done, for messages: `create image x`.
    pub(super) what: String,
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) token: Option<&'a str>,
    pub(super) body: Sent<'a>,
}

/// What is sent along.
pub(super) enum Sent<'a> {
    Nothing,
    /// A text and its media type.
    Text(&'static str, String),
    /// So many bytes of a file.
    Bytes(&'a mut dyn Read, u64),
}

/// What came back, whatever it says.
struct Response {
    status: u16,
    headers: HeaderMap,
    /// The body, or why it could not be read to its end.
    body: Result<Vec<u8>, ureq::Error>,
}

/// What came back, with a status of success.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
    redact: Redact,
}

impl Http {
    /// A client for a cloud, with its certificates.
    pub(super) fn new(cloud: &Cloud) -> Result<Http, GlanceError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::from(roots(cloud)?))
            .disable_verification(!cloud.verify)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("dibber/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(LARGEST_HEADERS)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(STILL))
            .timeout_per_write(Some(STILL))
            .build()
            .new_agent();
        let mut redact = Redact::default();
        let proxies = std::env::vars().filter(|(name, _)| name.to_lowercase().ends_with("_proxy"));
        proxies.for_each(|(_, proxy)| redact.add_url(&proxy));
        check_proxies()?;
        Ok(Http { agent, redact })
    }

    /// How a message names the proxy that requests go through, if they go through one.
    fn proxy(&self) -> String {
        let proxy = self.agent.config().proxy().filter(|_| PROXIES.iter().any(|name| is_set(name)));
        proxy.map_or_else(String::new, |proxy| {
            format!(", through the proxy {}:{}", proxy.host(), proxy.port())
        })
    }

    /// Keeps these to itself from now on, and as a service may repeat them: in JSON, in HTML, in a URL.
    pub(super) fn keep_secret(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets {
            let json = serde_json::Value::from(secret.as_str()).to_string();
            let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let quoted = html.replace('"', "&quot;").replace('\'', "&#x27;");
            let forms = [json.trim_matches('"').to_string(), redact::encoded(&secret), html, quoted];
            self.redact.add(forms.into_iter().chain([secret]));
        }
    }

    /// Keeps the user and the password of this address to itself from now on.
    pub(super) fn keep_login(&mut self, address: &str) {
        self.redact.add_url(address);
    }

    /// Asks, and takes only success for an answer.
    pub(super) fn ask(&self, asked: Asked<'_>) -> Result<Answer, GlanceError> {
        let Asked { what, method, url, token, body } = asked;
        let mut request = Request::builder().method(method).uri(&url).header("Accept", "application/json");
        if let Some(token) = token {
            request = request.header("X-Auth-Token", token);
        }
        request = match &body {
            Sent::Nothing => request,
            Sent::Text(media, _) => request.header("Content-Type", *media),
            // The service can refuse before the bytes are on their way, and its refusal is heard.
            Sent::Bytes(_, len) => request
                .header("Content-Type", "application/octet-stream")
                .header("Content-Length", len.to_string())
                .header("Expect", "100-continue"),
        };
        let answered = match body {
            Sent::Nothing => self.run(request.body(SendBody::none()), Some(LONGEST)),
            Sent::Text(_, text) => self.run(request.body(text), Some(LONGEST)),
            Sent::Bytes(reader, _) => self.run(request.body(SendBody::from_reader(reader)), None),
        };
        // What is looked for is in `what`, in plain words.
        let url = self.redact.public(url.split('?').next().unwrap_or_default().to_string());
        let Response { status, headers, body } = answered.map_err(|e| self.failed(&what, &url, &e))?;
        if (200..300).contains(&status) {
            return body
                .map(|body| Answer { headers, body, redact: self.redact.clone() })
                .map_err(|e| self.failed(&what, &url, &e));
        }
        // Before anything of it is cut off or taken out, which could leave a part of a secret.
        let body = self.redact.public_bytes(&body.unwrap_or_default());
        let said = said(&body);
        Err(GlanceError::Refused { what, url, status, said, mend: mend(status) })
    }

    fn run(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
        longest: Option<Duration>,
    ) -> Result<Response, ureq::Error> {
        let request = self.agent.configure_request(request?).timeout_global(longest).build();
        let mut response = self.agent.run(request)?;
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Response { status, headers, body })
    }

    /// A request that had no answer: through a fault of its own, or of the line.
    fn failed(&self, what: &str, url: &str, error: &ureq::Error) -> GlanceError {
        let (what, url) = (what.to_string(), url.to_string());
        let why = self.redact.public(words(error));
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => GlanceError::Cloud {
                place: url,
                why: format!("this is no address ({why}); write http:// or https://, host and port"),
            },
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => GlanceError::Cloud {
                place: url,
                why: format!(
                    "no trust in its certificate ({why}); name its authority with cacert (OS_CACERT)"
                ),
            },
            ureq::Error::Io(io) if is_certificate(io) => GlanceError::Cloud {
                place: url,
                why: format!(
                    "no trust in its certificate ({why}); name its authority with cacert (OS_CACERT)"
                ),
            },
            _ => GlanceError::Cut { what, url, why: why + &self.proxy() },
        }
    }
}

impl Answer {
    /// Bytes of the body.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// The body as JSON. `what` and `url` are for the complaint.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str, url: &str) -> Result<T, GlanceError> {
        serde_json::from_slice(&self.body).map_err(|e| GlanceError::Answer {
            what: what.into(),
            url: url.into(),
            // It may quote what was read, and that may be as long as a body, or what we sent.
            why: self.redact.public(e.to_string()).chars().take(TOLD).collect(),
        })
    }
}

/// Variables that name a proxy, in the order in which the client heeds them.
const PROXIES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Refuses a proxy that cannot be used: who named one does not want their password to go around it.
fn check_proxies() -> Result<(), GlanceError> {
    for name in PROXIES.into_iter().filter(|name| is_set(name)) {
        let value = std::env::var(name).unwrap_or_default();
        let scheme = value.split_once("://").map_or("http", |(scheme, _)| scheme);
        let has_host = |proxy: &ureq::Proxy| !proxy.host().is_empty() && !proxy.host().contains(['[', '/']);
        let is_known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_known || !ureq::Proxy::new(&value).is_ok_and(|proxy| has_host(&proxy)) {
            let why = "this is no proxy that can be used; write http://HOST:PORT, or unset the variable";
            return Err(GlanceError::Cloud { place: name.into(), why: why.into() });
        }
    }
    Ok(())
}

/// `cacert`, or what the system trusts.
fn roots(cloud: &Cloud) -> Result<Vec<Certificate<'static>>, GlanceError> {
    match &cloud.cacert {
        Some(path) => from_file(path),
        None => {
            let found = rustls_native_certs::load_native_certs();
            Ok(found.certs.iter().map(|cert| Certificate::from_der(cert.as_ref()).to_owned()).collect())
        }
    }
}

fn from_file(path: &Path) -> Result<Vec<Certificate<'static>>, GlanceError> {
    let text =
        dibber_fs::text::bytes(path).map_err(|source| GlanceError::File { path: path.into(), source })?;
    let items = parse_pem(&text).filter_map(|item| match item {
        Ok(ureq::tls::PemItem::Certificate(cert)) => Some(cert),
        _ => None,
    });
    let certificates: Vec<_> = items.collect();
    if certificates.is_empty() {
        let why = "there is no certificate in it; cacert wants PEM, `-----BEGIN CERTIFICATE-----`";
        return Err(GlanceError::Cloud { place: path.display().to_string(), why: why.into() });
    }
    Ok(certificates)
}

/// A handshake's fault comes wrapped, since it happens while bytes are read.
fn is_certificate(io: &std::io::Error) -> bool {
    io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

/// ureq's words say `io:` before the system's; people need only the latter.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(io) => io.to_string(),
        ureq::Error::HostNotFound => "no such host".into(),
        other => other.to_string(),
    }
}

/// What a service says of its refusal: JSON's message, or the words of a small HTML page.
fn said(body: &[u8]) -> String {
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
    use super::said;

    #[test]
    fn a_refusal_is_told_in_the_service_s_words() {
        let keystone =
            br#"{"error": {"code": 401, "message": "The request you have made requires authentication."}}"#;
        assert_eq!(said(keystone), ": The request you have made requires authentication");
        let glance = b"<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 Forbidden</h1>\n  Not allowed.<br /><br />\n\n </body>\n</html>";
        assert_eq!(said(glance), ": 403 Forbidden Not allowed");
        let json = br#"{"message": "You are not authorized.<br /><br />\n", "code": "403"}"#;
        assert_eq!(said(json), ": You are not authorized");
        assert_eq!(said(b""), "");
    }
}
