//! Glance's v2 API, as far as a set needs it (docs.openstack.org/api-ref/image/v2).
//!
//! In: names, ids, changes. Out: images as Glance describes them. Never: a decision.

use std::collections::BTreeMap;
use std::io::Read;

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use dibber_model::redact::encoded;

use super::auth::{self, Session};
use super::http::{Answer, Asked, Http, Sent};
use super::pages::Pages;
use super::{Cloud, DesiredImage, GlanceError};

/// An image, as Glance describes it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Image {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// `queued`, `saving`, `active`, `killed`, `deactivated` ...
    pub(super) status: String,
    pub(super) disk_format: Option<String>,
    pub(super) container_format: Option<String>,
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) min_disk: u64,
    #[serde(default)]
    pub(super) min_ram: u64,
    pub(super) visibility: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) os_hash_algo: Option<String>,
    pub(super) os_hash_value: Option<String>,
    /// `2026-11-22T01:17:28Z`.
    #[serde(default)]
    pub(super) created_at: String,
    /// Properties, and attributes that do not matter here: their texts, where they are texts.
    #[serde(flatten, deserialize_with = "texts")]
    pub(super) rest: BTreeMap<String, Option<String>>,
}

/// Most images of one name that are looked at. Replaced ones have names of their own.
const NAMESAKES_MAX: usize = 1000;

/// A UUID has 36 letters.
const LONGEST_ID: usize = 64;

/// Glance's ids are UUIDs. What is taken for one goes into addresses and onto the terminal: letters, digits and dashes only.
fn id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let id = String::deserialize(from)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(fits) {
        true => Ok(id),
        false => Err(D::Error::custom("an image's id is no UUID")),
    }
}

/// What is said of a property.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Other(IgnoredAny),
}

/// Glance's own properties are texts; what else there is may be large, and is compared with nothing.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let all = BTreeMap::<String, Said>::deserialize(from)?;
    let text = |said| match said {
        Said::Text(text) => Some(text),
        Said::Other(IgnoredAny) => None,
    };
    Ok(all.into_iter().map(|(name, said)| (name, text(said))).collect())
}

impl Image {
    /// A property's text.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.rest.get(name)?.as_deref()
    }
}

#[derive(Deserialize)]
struct Page {
    images: Vec<Image>,
    next: Option<String>,
}

/// What Glance is asked.
#[derive(Clone)]
struct Question<'a> {
    /// What is being done, for messages.
    what: &'a str,
    method: &'static str,
    /// Behind Glance's address.
    path: &'a str,
    body: Option<Body>,
}

/// A body that is a text.
#[derive(Clone)]
struct Body {
    media_type: &'static str,
    text: String,
}

impl<'a> Question<'a> {
    /// One without a body.
    fn new(what: &'a str, method: &'static str, path: &'a str) -> Self {
        Question { what, method, path, body: None }
    }

    fn with(self, media_type: &'static str, text: String) -> Self {
        Question { body: Some(Body { media_type, text }), ..self }
    }
}

/// A Glance that answers to us.
pub struct Glance {
    http: Http,
    cloud: Cloud,
    session: Session,
}

impl Glance {
    /// Logs in, where that is needed.
    pub fn connect(cloud: &Cloud) -> Result<Glance, GlanceError> {
        let mut http = Http::new(cloud)?;
        let session = auth::log_in(&mut http, cloud)?;
        Ok(Glance { http, cloud: cloud.clone(), session })
    }

    /// Our project, if there are projects.
    pub(super) fn project(&self) -> Option<&str> {
        self.session.project.as_deref()
    }

    /// Every image of one of these names that we can see, with those of its properties that are compared.
    pub(super) fn named(
        &mut self,
        names: &[&str],
        is_compared: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Image>, GlanceError> {
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let filter = encoded(&format!("in:{}", quoted.join(",")));
        let mut pages = Pages::from(format!("/v2/images?name={filter}&limit=100"));
        let mut found = Vec::new();
        let what = format!("look for image {}", names.first().copied().unwrap_or_default());
        while let Some(now) = pages.next() {
            let answer = self.ask(Question::new(&what, "GET", &now))?;
            let page: Page = answer.json(&what, "/v2/images")?;
            // The name is checked again: a proxy that drops the filter must not have us rename a stranger.
            let ours = |image: &Image| image.name.as_deref().is_some_and(|name| names.contains(&name));
            found.extend(page.images.into_iter().filter(ours).map(|mut image| {
                image.rest.retain(|name, _| is_compared(name));
                image
            }));
            let more = pages.go_on(page.next, answer.len(), &self.session.root);
            let few = if found.len() > NAMESAKES_MAX { Err("too many images have one name") } else { Ok(()) };
            more.and(few).map_err(|why| GlanceError::Answer {
                what: what.clone(),
                url: format!("{}/v2/images", self.session.root),
                why: why.into(),
            })?;
        }
        Ok(found)
    }

    /// An image by its id.
    pub(super) fn image(&mut self, id: &str) -> Result<Image, GlanceError> {
        let what = format!("look at image {id}");
        let path = format!("/v2/images/{}", encoded(id));
        self.ask(Question::new(&what, "GET", &path))?.json(&what, &path)
    }

    /// Creates an image without data.
    pub(super) fn create(&mut self, name: &str, description: &Value) -> Result<Image, GlanceError> {
        let what = format!("create image {name}");
        let question = Question::new(&what, "POST", "/v2/images");
        self.ask(question.with("application/json", description.to_string()))?.json(&what, "/v2/images")
    }

    /// Sends an image's data, the whole of it. Not asked twice: the reader is used up.
    pub(super) fn send(
        &mut self,
        image: &DesiredImage,
        id: &str,
        data: &mut dyn Read,
    ) -> Result<(), GlanceError> {
        let asked = Asked {
            what: format!("upload {}", image.name),
            method: "PUT",
            url: format!("{}/v2/images/{}/file", self.session.root, encoded(id)),
            token: self.session.token.as_deref(),
            body: Sent::Bytes(data, image.bytes),
        };
        self.http.ask(asked).map(|_| ())
    }

    /// Changes attributes and properties (RFC 6902, Glance's subset).
    pub(super) fn change(&mut self, id: &str, changes: &[Value]) -> Result<(), GlanceError> {
        let what = format!("change image {id}");
        let path = format!("/v2/images/{}", encoded(id));
        let text = Value::from(changes.to_vec()).to_string();
        let question = Question::new(&what, "PATCH", &path);
        self.ask(question.with("application/openstack-images-v2.1-json-patch", text)).map(|_| ())
    }

    /// Removes an image.
    pub(super) fn remove(&mut self, id: &str) -> Result<(), GlanceError> {
        let what = format!("remove image {id}");
        let path = format!("/v2/images/{}", encoded(id));
        match self.ask(Question::new(&what, "DELETE", &path)) {
            Err(GlanceError::Refused { status: 404, .. }) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Asks; logs in again where the token has run out meanwhile, which uploads outlast.
    fn ask(&mut self, question: Question<'_>) -> Result<Answer, GlanceError> {
        let answered = self.ask_once(question.clone());
        if self.is_forgotten(&answered)? { self.ask_once(question) } else { answered }
    }

    /// Whether this was refused because our token has run out; if so, there is a new one now.
    pub(super) fn is_forgotten<T>(&mut self, answered: &Result<T, GlanceError>) -> Result<bool, GlanceError> {
        let refused = matches!(answered, Err(GlanceError::Refused { status: 401, .. }));
        if !refused || self.session.token.is_none() {
            return Ok(false);
        }
        self.session = auth::log_in(&mut self.http, &self.cloud)?;
        Ok(true)
    }

    fn ask_once(&self, question: Question<'_>) -> Result<Answer, GlanceError> {
        let Question { what, method, path, body } = question;
        self.http.ask(Asked {
            what: what.into(),
            method,
            url: format!("{}{path}", self.session.root),
            token: self.session.token.as_deref(),
            body: body.map_or(Sent::Nothing, |body| Sent::Text(body.media_type, body.text)),
        })
    }
}
