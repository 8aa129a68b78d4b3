//! Source repositories: fetched once for every image, then copied into the tree.
//!
//! In: what elements' `source-repository-*` files ask for. Out: files in the tree. Never: a cache in reach of a hook, nor a path
//! of the tree followed where the cache can be written.
//!
//! What is fetched is kept by everything that the fetching program is given: place, kind, and the variables that change where
//! or how it fetches. Two images share it where all of these are equal, and members of a set then get the same commit.

use std::collections::BTreeMap;

use dibber_model::{Digest, Hasher, Side};
use dibber_plan::Step;
use dibber_plan::elements::repositories::{self, Kind, Repository};

use super::bench::Bench;
use super::error::StepError;
use super::native::{STAGED, manifests_directory, place, unstage};
use crate::sandbox::{HookEnd, What};

/// The scripts; data reaches them as arguments only.
const FETCH: &str = include_str!("fetch-source.sh");
const COPY: &str = include_str!("copy-source.sh");

/// What the variables that a fetching program is given begin with, besides proxies.
const GIVEN: [&str; 3] = ["GIT_", "CURL_", "SSL_"];

/// Fetches with the host's git and curl, and copies into the tree.
pub(super) fn fetch(bench: &Bench<'_>, step: &Step) -> Result<HookEnd, StepError> {
    let environment = bench.environment(Side::Host, step)?;
    for repository in repositories::repositories(&bench.plan.elements, &environment)? {
        if repository.kind != Kind::Package {
            one(bench, step, &repository, given(&environment))?;
        }
    }
    // Commits that were fetched: dib's dib-manifest-git-IMAGE.
    let fetched = format!("{STAGED}/sources");
    if !bench.hooks().join(&fetched).is_dir() {
        return Ok(bench.unchanged());
    }
    let end = place(bench, step, &fetched, manifests_directory(bench))?;
    unstage(bench)?;
    Ok(end)
}

fn one(
    bench: &Bench<'_>,
    step: &Step,
    repository: &Repository,
    mut variables: BTreeMap<String, String>,
) -> Result<(), StepError> {
    let Some(downloads) = bench.downloads else { return Ok(()) };
    let kind = match repository.kind {
        Kind::Git => "git",
        Kind::Tar => "tar",
        Kind::File => "file",
        Kind::Package => "package",
    };
    let Repository { name, location, reference, dest, .. } = repository;
    let key = key(kind, location, &variables);
    let began = bench.began.to_string();
    let words = |script: &str, data: &[&str]| -> Vec<String> {
        ["bash", "-c", script, "source-repository"].iter().chain(data).map(ToString::to_string).collect()
    };
    // Members of a set are built at the same time: one fetches, and in this run no other asks again.
    let _held = downloads.hold_source(key)?;
    variables.insert("IMAGE_NAME".into(), bench.plan.image.clone());
    if bench.is_offline() {
        variables.insert("DIB_OFFLINE".into(), "1".into());
    }
    {
        let _bound = downloads.open_source(key)?;
        bench.call_with(&variables, What::Command(&words(FETCH, &[kind, location, &began])), step)?;
    }
    let _shown = downloads.show_source(key)?;
    bench.call_with(
        &variables,
        What::Command(&words(COPY, &[kind, name, location, reference, dest])),
        step,
    )?;
    Ok(())
}

/// Variables that say where or how to fetch.
fn given(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_given = |name: &str| {
        GIVEN.iter().any(|start| name.starts_with(start)) || name.to_lowercase().ends_with("_proxy")
    };
    environment.iter().filter(|(name, _)| is_given(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn key(kind: &str, location: &str, variables: &BTreeMap<String, String>) -> Digest {
    let mut hasher = Hasher::new("source 1");
    hasher.part(kind.as_bytes()).part(location.as_bytes());
    for (name, value) in variables {
        hasher.part(name.as_bytes()).part(value.as_bytes());
    }
    hasher.finish()
}
