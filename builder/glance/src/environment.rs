//! What is written of a cloud, as one that can be asked.
//!
//! In: an entry of `clouds.yaml`, or `OS_*` in its shape. Out: a [`Cloud`], its request for a token ready. Never: a guess where two
//! readings are possible.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::GlanceError;
use super::cloud::{Auth, Cloud, CloudEntry, Secret};

/// The entry that `OS_*` describe, if they describe one: `OS_AUTH_URL`, or the address of a Glance.
pub(super) fn entry(variables: &BTreeMap<String, String>) -> Option<CloudEntry> {
    let get = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    let places = ["OS_AUTH_URL", "OS_ENDPOINT", "OS_URL", "OS_IMAGE_ENDPOINT_OVERRIDE"];
    if !places.iter().any(|name| get(name).is_some()) {
        return None;
    }
    let auth = variables
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| Some((name.strip_prefix("OS_")?.to_lowercase(), Some(value.clone()))))
        .collect();
    let yes = |text: String| matches!(text.to_lowercase().as_str(), "1" | "true" | "yes");
    Some(CloudEntry {
        auth_type: get("OS_AUTH_TYPE"),
        auth,
        region_name: get("OS_REGION_NAME"),
        interface: get("OS_INTERFACE"),
        endpoint_type: get("OS_ENDPOINT_TYPE"),
        image_endpoint_override: get("OS_IMAGE_ENDPOINT_OVERRIDE"),
        cacert: get("OS_CACERT"),
        cert: get("OS_CERT"),
        key: get("OS_KEY"),
        insecure: get("OS_INSECURE").map(yes),
        ..CloudEntry::default()
    })
}

/// An entry as a cloud. `origin` heads every complaint.
pub(super) fn cloud(origin: &str, entry: &CloudEntry) -> Result<Cloud, GlanceError> {
    let wrong = |why: String| GlanceError::Cloud { place: origin.into(), why };
    let words = Words(&entry.auth);
    if entry.cert.is_some() || entry.key.is_some() {
        return Err(wrong("client certificates (cert, key) are not supported; use a password".into()));
    }
    if let Some(profile) = entry.profile.as_ref().filter(|_| words.get("auth_url").is_none()) {
        return Err(wrong(format!(
            "profile {profile} is a vendor's and not known here; write its auth_url out"
        )));
    }
    let given = entry.image_endpoint_override.as_deref().or(words.get("endpoint")).or(words.get("url"));
    let kind = kind(entry, &words, given.is_some()).map_err(wrong)?;
    let auth = match kind {
        "none" => Auth::None,
        "token_endpoint" => {
            let token =
                words.get("token").ok_or_else(|| wrong("auth_type token_endpoint wants a token".into()))?;
            Auth::Token(Secret(token.into()))
        }
        _ => keystone(kind, &words).map_err(wrong)?,
    };
    if !matches!(auth, Auth::Keystone { .. }) && given.is_none() {
        return Err(wrong(format!(
            "auth_type {kind} wants Glance's address: auth: endpoint, or OS_ENDPOINT"
        )));
    }
    let endpoint = given.filter(|_| {
        // With Keystone, `url` and `endpoint` are for other services; the override alone speaks of images.
        !matches!(auth, Auth::Keystone { .. }) || entry.image_endpoint_override.is_some()
    });
    let interface = entry.interface.as_deref().or(entry.endpoint_type.as_deref()).unwrap_or("public");
    Ok(Cloud {
        origin: origin.into(),
        auth,
        region: entry.region_name.clone(),
        interface: interface.trim_end_matches("URL").into(),
        endpoint: endpoint.map(str::to_string),
        verify: entry.verify.unwrap_or(true) && !entry.insecure.unwrap_or(false),
        cacert: entry.cacert.as_ref().map(Into::into),
    })
}

/// The settings below `auth:`.
struct Words<'a>(&'a BTreeMap<String, Option<String>>);

impl<'a> Words<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_deref().filter(|value| !value.is_empty())
    }

    /// `{name: .., domain: ..}` or `{id: ..}` of a user or a project.
    fn who(&self, what: &str) -> Option<Value> {
        if let Some(id) = self.get(&format!("{what}_id")) {
            return Some(json!({ "id": id }));
        }
        // A user is `username`, a project was a tenant once.
        let name = match what {
            "user" => self.get("username").or(self.get("user_name")),
            _ => self.get("project_name").or(self.get("tenant_name")),
        }?;
        Some(json!({ "name": name, "domain": self.domain(what) }))
    }

    fn domain(&self, what: &str) -> Value {
        let of = |key: String| self.get(&key);
        match (of(format!("{what}_domain_id")), of(format!("{what}_domain_name"))) {
            (Some(id), _) => json!({ "id": id }),
            (None, Some(name)) => json!({ "name": name }),
            (None, None) => json!({ "id": self.get("default_domain").unwrap_or("default") }),
        }
    }
}

fn kind(entry: &CloudEntry, words: &Words<'_>, has_endpoint: bool) -> Result<&'static str, String> {
    let credential = ["application_credential_id", "application_credential_secret"];
    match entry.auth_type.as_deref() {
        Some("none" | "noauth") => Ok("none"),
        Some("token_endpoint" | "admin_token") => Ok("token_endpoint"),
        Some("password" | "v3password") => Ok("password"),
        Some("v3applicationcredential" | "application_credential") => Ok("application_credential"),
        Some("token" | "v3token") => Ok("token"),
        Some(other) => Err(format!(
            "auth_type {other} is not supported; there are password, v3applicationcredential, token, \
             token_endpoint and none"
        )),
        None if credential.iter().any(|key| words.get(key).is_some()) => Ok("application_credential"),
        None if words.get("auth_url").is_none() && has_endpoint => {
            Ok(if words.get("token").is_some() { "token_endpoint" } else { "none" })
        }
        None if words.get("token").is_some() => Ok("token"),
        None => Ok("password"),
    }
}

/// A request of Keystone's v3 API (`POST /v3/auth/tokens`), complete but for the sending.
fn keystone(kind: &str, words: &Words<'_>) -> Result<Auth, String> {
    let want =
        |key: &str| words.get(key).ok_or_else(|| format!("auth lacks {key} (OS_{})", key.to_uppercase()));
    let url = want("auth_url")?;
    if url.trim_end_matches('/').ends_with("/v2.0") {
        return Err(format!("auth_url {url} is Keystone v2, which is gone; write its v3 address"));
    }
    let no_user = || "auth lacks username or user_id (OS_USERNAME)".to_string();
    let (method, detail, secret) = match kind {
        "application_credential" => {
            let secret = want("application_credential_secret")?;
            let detail = match words.get("application_credential_id") {
                Some(id) => json!({ "id": id, "secret": secret }),
                None => json!({
                    "name": want("application_credential_name")?, "secret": secret,
                    "user": words.who("user").ok_or_else(no_user)?,
                }),
            };
            (kind, detail, secret)
        }
        "token" => (kind, json!({ "id": want("token")? }), want("token")?),
        _ => {
            let mut user = words.who("user").ok_or_else(no_user)?;
            let password = want("password")?;
            user["password"] = password.into();
            ("password", json!({ "user": user }), password)
        }
    };
    let mut auth = Map::new();
    auth.insert("identity".into(), json!({ "methods": [method], method: detail }));
    // An application credential carries its project; a scope beside it is refused.
    if kind != "application_credential" {
        auth.extend(scope(words).map(|scope| ("scope".to_string(), scope)));
    }
    let request = json!({ "auth": auth }).to_string();
    Ok(Auth::Keystone { url: url.into(), request: Secret(request), secrets: vec![Secret(secret.into())] })
}

fn scope(words: &Words<'_>) -> Option<Value> {
    if words.get("system_scope").is_some() {
        return Some(json!({ "system": { "all": true } }));
    }
    if let Some(project) = words.who("project") {
        return Some(json!({ "project": project }));
    }
    match (words.get("domain_id"), words.get("domain_name")) {
        (Some(id), _) => Some(json!({ "domain": { "id": id } })),
        (None, Some(name)) => Some(json!({ "domain": { "name": name } })),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Cloud, GlanceError> {
        let variables = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        cloud("OS_*", &entry(&variables).expect("a cloud"))
    }

    fn request(cloud: &Cloud) -> Value {
        let Auth::Keystone { request, .. } = &cloud.auth else { panic!("{cloud:?}") };
        serde_json::from_str(&request.0).expect("JSON")
    }

    #[test]
    fn a_password_is_scoped_to_its_project() {
        let cloud = of(&[
            ("OS_AUTH_URL", "http://k:5000/v3"),
            ("OS_USERNAME", "u"),
            ("OS_PASSWORD", "p"),
            ("OS_PROJECT_NAME", "images"),
            ("OS_PROJECT_DOMAIN_NAME", "Default"),
            ("OS_INSECURE", "true"),
        ])
        .unwrap();
        let auth = &request(&cloud)["auth"];
        assert_eq!(auth["identity"]["password"]["user"]["domain"], json!({ "id": "default" }));
        assert_eq!(auth["scope"]["project"], json!({ "name": "images", "domain": { "name": "Default" } }));
        assert!(!cloud.verify);
    }

    #[test]
    fn an_application_credential_has_no_scope() {
        let cloud = of(&[
            ("OS_AUTH_URL", "http://k/identity"),
            ("OS_APPLICATION_CREDENTIAL_ID", "i"),
            ("OS_APPLICATION_CREDENTIAL_SECRET", "s"),
            ("OS_PROJECT_NAME", "stale"),
        ])
        .unwrap();
        let auth = &request(&cloud)["auth"];
        assert_eq!(auth["identity"]["application_credential"], json!({ "id": "i", "secret": "s" }));
        assert_eq!(auth.get("scope"), None);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let url = ("OS_AUTH_URL", "http://k");
        for (pairs, word) in [
            (&[url][..], "OS_USERNAME"),
            (&[url, ("OS_USERNAME", "u")], "OS_PASSWORD"),
            (&[url, ("OS_AUTH_TYPE", "v3oidcpassword")], "v3oidcpassword"),
            (&[url, ("OS_AUTH_TYPE", "none")], "OS_ENDPOINT"),
            (&[url, ("OS_CERT", "c")], "certificates"),
            (&[("OS_AUTH_URL", "http://k/v2.0/"), ("OS_USERNAME", "u")], "v2"),
        ] {
            let said = of(pairs).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
