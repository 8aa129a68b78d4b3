//! One request, one answer.
//!
//! In: a method, an address, headers, a body. Out: status, headers and a bounded body, or why there was none. Never: a redirect
//! followed, a failure of the service taken for success, a secret in a message.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use dibber_model::redact::{self, Redact};
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, SendBody};

use super::error::advice_for_status;
use super::service_words::{TOLD, error_words, service_message};
use super::trust::{is_certificate, roots};
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
        let said = service_message(&body);
        Err(GlanceError::Refused { what, url, status, said, mend: advice_for_status(status) })
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
        let why = self.redact.public(error_words(error));
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
