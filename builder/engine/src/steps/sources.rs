//! Source repositories: fetched once for every image, then copied into the tree.
//!
//! In: what elements' `source-repository-*` files ask for. Out: files in the tree. Never: a cache in reach of a hook, nor a path
//! of the tree followed where the cache can be written.
//!
//! What is fetched is kept by everything that the fetching program is given: place, kind, and the variables that change where
//! or how it fetches. Two images share it where all of these are equal, and members of a set then get the same commit.

use std::collections::BTreeMap;
use std::path::Path;

use dibber_model::{Digest, Hasher, Side, redact};
use dibber_plan::Step;
use dibber_plan::elements::repositories::{self, Kind, Repository};
use dibber_sandbox::{HookCommand, HookResult, STAGED};

use super::error::{StepError, path_error};
use super::hooks_directory::HOOKS;
use super::sandbox::{OwnProgram, Readers, StepSandbox};

/// The scripts; data reaches them as arguments and staged texts only.
const FETCH: &str = include_str!("fetch-source.sh");
const COPY: &str = include_str!("copy-source.sh");

/// Below the hooks directory, where the script that copies leaves what was fetched.
const FETCHED: &str = ".dibber/sources";

/// What the variables that a fetching program is given begin with, besides proxies.
const GIVEN: [&str; 3] = ["GIT_", "CURL_", "SSL_"];

/// Fetches with the host's git and curl, and copies into the tree.
pub(super) fn fetch(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    let environment = sandbox.environment(Side::Host, step)?;
    for repository in repositories::repositories(&sandbox.plan.elements, &environment)? {
        if repository.kind != Kind::Package {
            bring(sandbox, step, &repository, fetch_variables(&environment))?;
        }
    }
    // Commits that were fetched: dib's dib-manifest-git-IMAGE.
    let build_dir = sandbox.build_dir().map_err(path_error(FETCHED))?;
    let fetched = Path::new(HOOKS).join(FETCHED);
    if build_dir.below(&fetched).is_err() {
        return Ok(sandbox.unchanged());
    }
    let end = sandbox.place_hooks_dir(FETCHED, sandbox.manifests_directory(), Readers::Root, step)?;
    build_dir.remove_tree(&fetched).map_err(path_error(&fetched))?;
    Ok(end)
}

/// Fetches one repository, and copies it into the tree.
fn bring(
    sandbox: &StepSandbox<'_>,
    step: &Step,
    repository: &Repository,
    mut variables: BTreeMap<String, String>,
) -> Result<(), StepError> {
    let Some(downloads) = sandbox.downloads else { return Ok(()) };
    let kind = match repository.kind {
        Kind::Git => "git",
        Kind::Tar => "tar",
        Kind::File => "file",
        Kind::Package => "package",
    };
    let Repository { name, location, reference, dest, .. } = repository;
    let key = source_key(kind, location, &variables);
    let (texts, began) = (&location_texts(location), sandbox.began.to_string());
    let words = |script: &str, data: &[&str]| -> Vec<String> {
        ["bash", "-c", script, "source-repository"].iter().chain(data).map(ToString::to_string).collect()
    };
    // Members of a set are built at the same time: one fetches, and in this run no other asks again.
    let _held = downloads.hold_source(key)?;
    variables.insert("IMAGE_NAME".into(), sandbox.plan.image.clone());
    if sandbox.variables.is_offline() {
        variables.insert("DIB_OFFLINE".into(), "1".into());
    }
    let alone = OwnProgram { variables: &variables, texts, is_networked: true };
    let bound = downloads.open_source(key)?;
    sandbox.call_alone(
        &alone,
        HookCommand::Command(&words(FETCH, &[kind, reference, &began, STAGED])),
        step,
    )?;
    drop(bound);
    let _shown = downloads.show_source(key)?;
    let alone = OwnProgram { is_networked: false, ..alone };
    sandbox.call_alone(
        &alone,
        HookCommand::Command(&words(COPY, &[kind, name, reference, dest, STAGED])),
        step,
    )?;
    Ok(())
}

/// Where a source is, as texts: arguments of processes can be read by everybody on the machine. `location` is without the user
/// and password of a web address; `login` tells those to git, and `curl` the whole to curl.
fn location_texts(location: &str) -> BTreeMap<String, String> {
    let web = |scheme: &str| ["http://", "https://", "ftp://"].contains(&scheme.to_lowercase().as_str());
    let found = redact::login(location).filter(|login| web(login.scheme));
    let escaped = location.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], "");
    let mut texts = BTreeMap::from([
        ("location".to_string(), location.to_string()),
        ("curl".to_string(), format!("url = \"{escaped}\"\n")),
    ]);
    if let Some(login) = found {
        let encoded = |text: &str| redact::encoded(&redact::decoded(text));
        let (user, password) = login.user.split_once(':').unwrap_or((login.user, ""));
        let host = login.rest.split('/').next().unwrap_or_default();
        let line = format!("{}{}:{}@{host}\n", login.scheme, encoded(user), encoded(password));
        texts.insert("location".into(), redact::without_login(location));
        texts.insert("login".into(), line);
    }
    texts
}

/// Variables that say where or how to fetch.
fn fetch_variables(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_given = |name: &str| {
        GIVEN.iter().any(|start| name.starts_with(start)) || name.to_lowercase().ends_with("_proxy")
    };
    environment.iter().filter(|(name, _)| is_given(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn source_key(kind: &str, location: &str, variables: &BTreeMap<String, String>) -> Digest {
    let mut hasher = Hasher::new("source 2");
    // Who asks, by the password too: what one may read, another may not. The cache is its owner's alone, and keeps ids of steps so as well.
    let user = redact::login(location).map_or("", |login| login.user);
    hasher.part(kind.as_bytes()).part(redact::without_login(location).as_bytes()).part(user.as_bytes());
    for (name, value) in variables {
        hasher.part(name.as_bytes()).part(redact::mask_urls(value).as_bytes());
    }
    hasher.finish()
}
