//! Which cloud: `clouds.yaml` and `secure.yaml`, or `OS_*`.
//!
//! In: the environment's variables, the field's search path, a cloud's name. Out: one [`Cloud`]. Never: a request; two sources
//! mixed in silence.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dibber_fs::text;
use serde::Deserialize;

use super::cloud::{Cloud, CloudEntry};
use super::{GlanceError, environment};

/// Where a cloud is looked for.
#[derive(Clone, Debug, Default)]
pub struct CloudEnvironment {
    /// The environment: `OS_*`, `HOME`, `XDG_CONFIG_HOME`.
    pub variables: BTreeMap<String, String>,
    /// The directory that `./clouds.yaml` is in.
    pub here: PathBuf,
}

/// A file of clouds that was found.
struct FoundFile {
    path: PathBuf,
    clouds: BTreeMap<String, CloudEntry>,
}

/// A cloud that was chosen in a file.
struct NamedCloud {
    name: String,
    entry: CloudEntry,
}

/// `clouds.yaml`, `secure.yaml`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CloudsFile {
    clouds: BTreeMap<String, CloudEntry>,
}

impl Cloud {
    /// Finds a cloud: the one named by `--os-cloud` or `OS_CLOUD`; else the one that `OS_*` describe; else the only one in
    /// `clouds.yaml`. That file is `OS_CLIENT_CONFIG_FILE`, or the first in `./`, `~/.config/openstack`, `/etc/openstack`.
    pub fn find(name: Option<&str>, around: &CloudEnvironment) -> Result<Cloud, GlanceError> {
        let name = name.or(around.variable("OS_CLOUD"));
        if name.is_none()
            && let Some(entry) = environment::entry(&around.variables)
        {
            return environment::cloud("the OS_* variables", &entry);
        }
        let Some(file) = around.read("clouds", "OS_CLIENT_CONFIG_FILE")? else {
            let why = "there is none in ./, ~/.config/openstack or /etc/openstack; write one, or set OS_AUTH_URL \
                       and the other OS_* variables, or OS_ENDPOINT for a Glance that asks nobody's name";
            return Err(GlanceError::Cloud { place: "clouds.yaml".into(), why: why.into() });
        };
        let path = file.path.clone();
        let NamedCloud { name, mut entry } = choose(file, name)?;
        if let Some(mut secure) = around.read("secure", "OS_CLIENT_SECURE_FILE")?
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

fn choose(found: FoundFile, name: Option<&str>) -> Result<NamedCloud, GlanceError> {
    let FoundFile { path, mut clouds } = found;
    let known = clouds.keys().cloned().collect::<Vec<_>>().join(", ");
    let chosen = match name {
        Some(name) => clouds.remove_entry(name),
        None if clouds.len() == 1 => clouds.pop_first(),
        None => None,
    };
    let chosen = chosen.map(|(name, entry)| NamedCloud { name, entry });
    chosen.ok_or_else(|| GlanceError::Cloud {
        place: path.display().to_string(),
        why: match name {
            _ if known.is_empty() => "it has no clouds; write one below `clouds:`".into(),
            Some(name) => format!("it has no cloud {name}; there are {known}"),
            None => format!("it has several clouds; name one with --os-cloud or OS_CLOUD: {known}"),
        },
    })
}

impl CloudEnvironment {
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

    /// The file that a variable names, or the first of this basename on the search path.
    fn read(&self, basename: &str, variable: &str) -> Result<Option<FoundFile>, GlanceError> {
        let named = self.variable(variable).map(PathBuf::from);
        let paths = match &named {
            Some(path) => vec![path.clone()],
            None => {
                let extensions = ["yaml", "yml", "json"];
                let files =
                    |dir: PathBuf| extensions.map(|extension| dir.join(format!("{basename}.{extension}")));
                self.directories().into_iter().flat_map(files).collect()
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
                Ok(file) => Ok(Some(FoundFile { path, clouds: file.clouds })),
                Err(why) => wrong(why),
            };
        }
        Ok(None)
    }
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
    use super::super::cloud::Auth;
    use super::*;

    fn around(text: &str, variables: &[(&str, &str)]) -> (tempfile::TempDir, CloudEnvironment) {
        let here = tempfile::tempdir().expect("directory");
        std::fs::write(here.path().join("clouds.yaml"), text).expect("write");
        let variables = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let around = CloudEnvironment { variables, here: here.path().into() };
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
