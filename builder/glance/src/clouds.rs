//! Which cloud: `clouds.yaml` and `secure.yaml`, or `OS_*`.
//!
//! In: the environment's variables, the field's search path, a cloud's name. Out: one [`Cloud`]. Never: a request; two sources
//! mixed in silence.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dibber_fs::text;
use serde::Deserialize;

use super::{GlanceError, environment};

/// Where a cloud is looked for.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment: `OS_*`, `HOME`, `XDG_CONFIG_HOME`.
    pub variables: BTreeMap<String, String>,
    /// The directory that `./clouds.yaml` is in.
    pub here: PathBuf,
}

/// A word that no message or log tells.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A cloud, and who we are to it.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Where this was read: `cloud NAME of FILE`, or `OS_*`.
    pub(super) origin: String,
    /// How we say who we are.
    pub(super) auth: Auth,
    /// Region of the catalog; without it, the first that has images.
    pub(super) region: Option<String>,
    /// `public`, `internal` or `admin`.
    pub(super) interface: String,
    /// Where Glance is, whatever the catalog says.
    pub(super) endpoint: Option<String>,
    /// Whether certificates are checked.
    pub(super) verify: bool,
    /// Certificates to trust instead of the system's.
    pub(super) cacert: Option<PathBuf>,
}

/// How we say who we are.
#[derive(Clone, Debug)]
pub(super) enum Auth {
    /// Not at all; the endpoint is given.
    None,
    /// A token that is given, for an endpoint that is given.
    Token(Secret),
    /// Keystone v3 is asked for a token.
    Keystone {
        /// Its address, as given.
        url: String,
        /// `auth.identity` and `auth.scope` of the request.
        request: Secret,
        /// What the request holds that must not be told.
        secrets: Vec<Secret>,
    },
}

/// `clouds.yaml`, `secure.yaml`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CloudsFile {
    clouds: BTreeMap<String, Entry>,
}

/// One cloud, as it is written. Keys that do not matter to images are let be.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) profile: Option<String>,
    pub(super) auth_type: Option<String>,
    pub(super) auth: BTreeMap<String, Option<String>>,
    pub(super) region_name: Option<String>,
    pub(super) interface: Option<String>,
    pub(super) endpoint_type: Option<String>,
    pub(super) image_endpoint_override: Option<String>,
    pub(super) cacert: Option<String>,
    pub(super) cert: Option<String>,
    pub(super) key: Option<String>,
    pub(super) verify: Option<bool>,
    pub(super) insecure: Option<bool>,
}

impl Cloud {
    /// Whether certificates are checked.
    pub fn is_verified(&self) -> bool {
        self.verify
    }

    /// Finds a cloud: the one named by `--os-cloud` or `OS_CLOUD`; else the one that `OS_*` describe; else the only one in
    /// `clouds.yaml`. That file is `OS_CLIENT_CONFIG_FILE`, or the first in `./`, `~/.config/openstack`, `/etc/openstack`.
    pub fn find(name: Option<&str>, around: &Surroundings) -> Result<Cloud, GlanceError> {
        let name = name.or(around.variable("OS_CLOUD"));
        if name.is_none()
            && let Some(entry) = environment::entry(&around.variables)
        {
            return environment::cloud("the OS_* variables", &entry);
        }
        let Some((path, file)) = read(around, "clouds", "OS_CLIENT_CONFIG_FILE")? else {
            let why = "there is none in ./, ~/.config/openstack or /etc/openstack; write one, or set OS_AUTH_URL \
                       and the other OS_* variables, or OS_ENDPOINT for a Glance that asks nobody's name";
            return Err(GlanceError::Cloud { place: "clouds.yaml".into(), why: why.into() });
        };
        let (name, mut entry) = choose(&path, file, name)?;
        if let Some((_, mut secure)) = read(around, "secure", "OS_CLIENT_SECURE_FILE")?
            && let Some(secret) = secure.clouds.remove(&name)
        {
            entry.auth.extend(secret.auth);
        }
        let password = around.variable("OS_PASSWORD").map(str::to_string);
        if entry.auth.contains_key("username") || entry.auth.contains_key("user_id") {
            entry.auth.entry("password".into()).or_insert(password);
        }
        environment::cloud(&format!("cloud {name} of {}", path.display()), &entry)
    }
}

fn choose(path: &Path, file: CloudsFile, name: Option<&str>) -> Result<(String, Entry), GlanceError> {
    let mut clouds = file.clouds;
    let known = clouds.keys().cloned().collect::<Vec<_>>().join(", ");
    let chosen = match name {
        Some(name) => clouds.remove_entry(name),
        None if clouds.len() == 1 => clouds.pop_first(),
        None => None,
    };
    chosen.ok_or_else(|| GlanceError::Cloud {
        place: path.display().to_string(),
        why: match name {
            _ if known.is_empty() => "it has no clouds; write one below `clouds:`".into(),
            Some(name) => format!("it has no cloud {name}; there are {known}"),
            None => format!("it has several clouds; name one with --os-cloud or OS_CLOUD: {known}"),
        },
    })
}

impl Surroundings {
    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn directories(&self) -> Vec<PathBuf> {
        let config = self.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| self.variable("HOME").map(|home| Path::new(home).join(".config")));
        let user = config.map(|config| config.join("openstack"));
        [Some(self.here.clone()), user, Some("/etc/openstack".into())].into_iter().flatten().collect()
    }
}

fn read(
    around: &Surroundings,
    stem: &str,
    variable: &str,
) -> Result<Option<(PathBuf, CloudsFile)>, GlanceError> {
    let named = around.variable(variable).map(PathBuf::from);
    let paths = match &named {
        Some(path) => vec![path.clone()],
        None => {
            let extensions = ["yaml", "yml", "json"];
            let files = |dir: PathBuf| extensions.map(|extension| dir.join(format!("{stem}.{extension}")));
            around.directories().into_iter().flat_map(files).collect()
        }
    };
    for path in paths {
        let wrong = |why| Err(GlanceError::Cloud { place: path.display().to_string(), why });
        let text = match text::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound && named.is_none() => continue,
            Err(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::FileTooLarge) => {
                return wrong(e.to_string());
            }
            Err(source) => return Err(GlanceError::File { path, source }),
        };
        return match parse(&text) {
            Ok(file) => Ok(Some((path, file))),
            Err(why) => wrong(why),
        };
    }
    Ok(None)
}

/// The reader's own message would show the lines around the fault, and with them passwords: only the place is told.
fn parse(text: &str) -> Result<CloudsFile, String> {
    serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(place) => format!("line {} cannot be read as YAML of clouds; mend it there", place.line()),
        None => "it cannot be read as YAML of clouds; `clouds:` holds a mapping of names to settings".into(),
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write what is read")]
mod tests {
    use super::*;

    fn around(text: &str, variables: &[(&str, &str)]) -> (tempfile::TempDir, Surroundings) {
        let here = tempfile::tempdir().expect("directory");
        std::fs::write(here.path().join("clouds.yaml"), text).expect("write");
        let variables = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let around = Surroundings { variables, here: here.path().into() };
        (here, around)
    }

    const TWO: &str = "clouds:\n  a: {auth_type: none, auth: {endpoint: 'http://a:9292'}}\n  b:\n    auth: {auth_url: 'http://b', username: u, project_id: 007}\n    verify: false\n";

    #[test]
    fn a_cloud_is_chosen_by_name_or_refused_with_the_names() {
        let (_here, around) = around(TWO, &[("OS_PASSWORD", "from-outside")]);
        assert_eq!(Cloud::find(Some("a"), &around).unwrap().endpoint.as_deref(), Some("http://a:9292"));
        let b = Cloud::find(Some("b"), &around).unwrap();
        assert!(!b.verify);
        let Auth::Keystone { request, .. } = &b.auth else { panic!("{b:?}") };
        assert!(request.0.contains("\"007\"") && request.0.contains("from-outside"), "{}", request.0);
        assert!(!format!("{b:?}").contains("from-outside"));
        for name in [None, Some("c")] {
            assert!(Cloud::find(name, &around).unwrap_err().to_string().contains("a, b"));
        }
    }

    #[test]
    fn variables_count_where_no_cloud_is_named() {
        let (_here, around) = around(TWO, &[("OS_ENDPOINT", "http://c:9292"), ("OS_AUTH_TYPE", "none")]);
        assert_eq!(Cloud::find(None, &around).unwrap().endpoint.as_deref(), Some("http://c:9292"));
        assert_eq!(Cloud::find(Some("a"), &around).unwrap().endpoint.as_deref(), Some("http://a:9292"));
    }

    #[test]
    fn a_file_that_is_no_text_is_the_persons_to_mend() {
        let (here, around) = around("", &[]);
        std::fs::write(here.path().join("clouds.yaml"), b"clouds:\n  \xff: {}\n").expect("write");
        let error = Cloud::find(None, &around).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_broken_file_is_told_by_place_and_shows_no_password() {
        let (_here, around) = around("clouds:\n  a:\n    auth:\n      password: [hunter2\n", &[]);
        let said = Cloud::find(None, &around).unwrap_err().to_string();
        assert!(said.contains("clouds.yaml") && !said.contains("hunter2"), "{said}");
    }
}
