//! Who we are to the cloud, and where its Glance is.
//!
//! In: a cloud. Out: a token and Glance's address. Never: a token in a message; an address guessed where the catalog names none.

use serde::Deserialize;

use super::cloud::Auth;
use super::http::{Asked, Http, Sent};
use super::{Cloud, GlanceError};

/// A token and what it is good for.
pub(super) struct Session {
    /// What goes into `X-Auth-Token`.
    pub(super) token: Option<String>,
    /// Glance's address, without `/v2`.
    pub(super) root: String,
    /// Our project, if Keystone named one.
    pub(super) project: Option<String>,
}

/// Keystone's `POST /v3/auth/tokens`.
#[derive(Deserialize)]
struct Issued {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    project: Option<Project>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    url: String,
    /// Keystone sends both, and calls the second deprecated (Identity API v3, `GET /v3/auth/tokens`); others send one.
    region_id: Option<String>,
    region: Option<String>,
}

impl Endpoint {
    fn region(&self) -> Option<&str> {
        self.region_id.as_deref().or(self.region.as_deref())
    }
}

/// Gets a token, where one is needed.
pub(super) fn log_in(http: &mut Http, cloud: &Cloud) -> Result<Session, GlanceError> {
    // They may carry a user, and a wrong one is quoted.
    cloud.endpoint.iter().for_each(|endpoint| http.keep_login(endpoint));
    match &cloud.auth {
        Auth::None => {
            Ok(Session { token: None, root: without_version(&given_endpoint(cloud)?), project: None })
        }
        Auth::Token(token) => {
            http.keep_secret([token.0.clone()]);
            Ok(Session {
                token: Some(token.0.clone()),
                root: without_version(&given_endpoint(cloud)?),
                project: None,
            })
        }
        Auth::Keystone { url, request, secrets } => {
            http.keep_login(url);
            http.keep_secret(secrets.iter().map(|secret| secret.0.clone()));
            ask_keystone(http, cloud, url, &request.0)
        }
    }
}

fn ask_keystone(http: &mut Http, cloud: &Cloud, url: &str, request: &str) -> Result<Session, GlanceError> {
    let url = format!("{}/auth/tokens", versioned(url));
    let what = format!("log in ({})", cloud.origin);
    let answer = http.ask(Asked {
        what: what.clone(),
        method: "POST",
        url: url.clone(),
        token: None,
        body: Sent::Text("application/json", request.into()),
    })?;
    let wrong = |why: &str| GlanceError::Answer { what: what.clone(), url: url.clone(), why: why.into() };
    let token = answer.headers.get("X-Subject-Token").and_then(|value| value.to_str().ok());
    let token = token.ok_or_else(|| wrong("it has no X-Subject-Token"))?.to_string();
    http.keep_secret([token.clone()]);
    let issued: Issued = answer.json(&what, &url)?;
    let endpoint = match &cloud.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => catalog_endpoint(&issued.token.catalog, cloud)?,
    };
    Ok(Session {
        token: Some(token),
        root: without_version(&endpoint),
        project: issued.token.project.map(|project| project.id),
    })
}

/// `auth_url` is written with and without its version.
fn versioned(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/v3") { url.into() } else { format!("{url}/v3") }
}

/// Glance's address without its version, which catalogs have and have not.
fn without_version(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let versions = ["/v2", "/v2.0", "/v1"];
    versions.iter().find_map(|v| endpoint.strip_suffix(v)).unwrap_or(endpoint).into()
}

fn given_endpoint(cloud: &Cloud) -> Result<String, GlanceError> {
    cloud.endpoint.clone().ok_or_else(|| GlanceError::Cloud {
        place: cloud.origin.clone(),
        why: "no address of Glance; give auth: endpoint, or OS_ENDPOINT".into(),
    })
}

fn catalog_endpoint(catalog: &[Service], cloud: &Cloud) -> Result<String, GlanceError> {
    let endpoints = catalog.iter().filter(|service| service.kind == "image").flat_map(|s| &s.endpoints);
    let fits = |endpoint: &&Endpoint| {
        endpoint.interface == cloud.interface
            && (cloud.region.is_none() || cloud.region.as_deref() == endpoint.region())
    };
    let found = endpoints.clone().find(fits).map(|endpoint| endpoint.url.clone());
    found.ok_or_else(|| {
        let there: Vec<String> = endpoints
            .map(|e| format!("{} in {}", e.interface, e.region().unwrap_or("no region")))
            .collect();
        let there = if there.is_empty() { "none".into() } else { there.join(", ") };
        let region = cloud.region.as_deref().map(|region| format!(" in region {region}")).unwrap_or_default();
        let why = format!(
            "the catalog has no {} image endpoint{region}; there are: {there}; mend region_name or interface, or \
             give image_endpoint_override",
            cloud.interface
        );
        GlanceError::Cloud { place: cloud.origin.clone(), why }
    })
}

#[cfg(test)]
mod tests {
    use super::{versioned, without_version};

    #[test]
    fn addresses_are_taken_with_and_without_version() {
        for url in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"] {
            assert_eq!(versioned(url), "http://k:5000/v3");
        }
        for url in ["http://g/image", "http://g/image/v2/", "http://g/image/v2"] {
            assert_eq!(without_version(url), "http://g/image");
        }
    }
}
