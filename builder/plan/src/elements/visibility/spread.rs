//! How the sight of variables and files spreads through the steps.
//!
//! A step sees its script. The script names variables and files, and these files name others in turn; what one step was given, all later
//! ones are. So places are lowered, from "never" down, until nothing changes.
//!
//! In: elements, variables and steps. Out: a [`Visibility`]. Never: a place that is later than that of a text which names it.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Phase;

use super::super::image_element::EXPORTED_FUNCTION;
use super::super::steps::StepRequest;
use super::super::{hooks, package_installs, repositories};
use super::mentions::{Mentions, Reading, is_for_people, mentions};
use super::{ELEMENTS_YAML, NEVER, Visibility, environment_file, is_for_hooks, is_for_programs, names};
use crate::source::{ElementSource, SETTINGS_DATA};
use crate::step::{Action, Step};

/// A file by its element and its path there.
type FileKey<'a> = (&'a str, &'a str);

/// A text that some step sees, and what it names.
struct Reader<'a> {
    /// The file that it is; none for a script of a phase and for a step of our own.
    file: Option<FileKey<'a>>,
    /// The first step that sees it, unless that is told by the file.
    at: usize,
    named: Mentions,
}

/// Places of everything, as far as they are known.
struct Spread<'a> {
    variables: BTreeMap<String, usize>,
    files: BTreeMap<FileKey<'a>, usize>,
    names: usize,
    readers: Vec<Reader<'a>>,
    /// Files that only set variables, with these.
    quiet: BTreeMap<FileKey<'a>, BTreeSet<String>>,
}

/// What the steps of a plan are given.
pub(super) fn spread(request: &StepRequest<'_>, steps: &[Step]) -> Visibility {
    let mut spread = Spread::new(request, steps);
    spread.settle();
    // One that nobody names may be any program's, unless it is of those that only hooks know.
    for (_, from) in spread.variables.iter_mut().filter(|(name, from)| **from == NEVER && !is_for_hooks(name))
    {
        *from = 0;
    }
    spread.settle();
    let mut files: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for ((element, path), from) in spread.files {
        files.entry(element.to_string()).or_default().insert(path.to_string(), from);
    }
    Visibility { variables: spread.variables, files, names: spread.names }
}

impl<'a> Spread<'a> {
    fn new(request: &StepRequest<'a>, steps: &[Step]) -> Self {
        let names = names(request);
        let variables =
            names.iter().map(|name| (name.clone(), if is_for_programs(name) { 0 } else { NEVER }));
        let mut spread = Spread {
            variables: variables.collect(),
            files: BTreeMap::new(),
            names: NEVER,
            readers: Vec::new(),
            quiet: BTreeMap::new(),
        };
        let scripts = hooks::all_scripts(request);
        for element in request.elements {
            // What the flat merge leaves out is in the element's own directory.
            for path in element.entries.keys().map(String::as_str).filter(|path| !hooks::is_declaration(path))
            {
                if !scripts.contains_key(&(element.name.as_str(), path)) {
                    spread.add_file(element, path, first_use(element, path, steps), &names);
                }
            }
        }
        let mut read: BTreeSet<FileKey<'a>> = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            for (element, path) in hooks::scripts_seen_by(request, step, &scripts) {
                if read.insert((&element.name, path)) {
                    let text = element.text(path).unwrap_or_default();
                    spread.read(None, at, mentions(text, &names, Reading::Program));
                }
            }
            spread.read(None, at, asked_by_step(request, step, &names));
        }
        spread
    }

    fn add_file(&mut self, element: &'a ElementSource, path: &'a str, from: usize, names: &BTreeSet<String>) {
        let file = (element.name.as_str(), path);
        let text = element.text(path).filter(|_| !is_for_people(path));
        let is_environment = hooks::is_environment(path);
        let from = match text.and_then(environment_file::assigned).filter(|_| is_environment) {
            Some(assigned) => {
                self.quiet.insert(file, assigned);
                NEVER
            }
            None if is_environment => 0,
            None => from,
        };
        self.files.insert(file, from);
        if let Some(text) = text {
            let reading = if is_environment { Reading::Environment } else { Reading::Program };
            self.read(Some(file), NEVER, mentions(text, names, reading));
        }
    }

    fn read(&mut self, file: Option<FileKey<'a>>, at: usize, named: Mentions) {
        if named != Mentions::default() {
            self.readers.push(Reader { file, at, named });
        }
    }

    /// Lowers places until none can be lowered.
    fn settle(&mut self) {
        loop {
            let before = (self.files.clone(), self.variables.clone(), self.names);
            let readers = core::mem::take(&mut self.readers);
            for reader in &readers {
                let at = reader.file.map_or(reader.at, |file| self.files[&file]);
                self.lower(&reader.named, at);
            }
            self.readers = readers;
            for (file, assigned) in &self.quiet {
                let from = assigned.iter().map(|name| self.variables.get(name).copied().unwrap_or(0)).min();
                if let (Some(known), Some(from)) = (self.files.get_mut(file), from) {
                    *known = from.min(*known);
                }
            }
            for name in [ELEMENTS_YAML, EXPORTED_FUNCTION] {
                self.names = self.names.min(self.variables.get(name).copied().unwrap_or(0));
            }
            if before == (self.files.clone(), self.variables.clone(), self.names) {
                break;
            }
        }
    }

    /// Everything that a text names is given where the text is seen.
    fn lower(&mut self, named: &Mentions, at: usize) {
        for name in &named.variables {
            if let Some(from) = self.variables.get_mut(name) {
                *from = at.min(*from);
            }
        }
        // One that nobody names is not the hooks' alone: what it is for is not known yet.
        let is_listed =
            |name: &str, from: usize| named.lists_variables && (is_for_hooks(name) || from != NEVER);
        for (name, from) in &mut self.variables {
            if is_listed(name, *from) {
                *from = at.min(*from);
            }
        }
        if named.everything {
            self.names = at.min(self.names);
        }
        for ((element, path), from) in &mut self.files {
            let top = path.split('/').next().unwrap_or(path);
            let is_named = named.everything
                || named.tops.contains(top)
                || named.elements.contains(*element)
                || named.maps.iter().any(|map| map == path);
            if is_named {
                *from = at.min(*from);
            }
        }
    }
}

/// The first step that has to do with a file by the directory that it lies in; a text that names it may be seen before.
fn first_use(element: &ElementSource, path: &str, steps: &[Step]) -> usize {
    let first = |is: &dyn Fn(&Step) -> bool| steps.iter().position(is).unwrap_or(NEVER);
    let (top, name) = (path.split('/').next().unwrap_or(path), path.rsplit('/').next().unwrap_or(path));
    match (Phase::of_directory(top), top) {
        // The older lists of packages, which a step of our own reads.
        (Some(phase), _) if name.starts_with("package-installs-") => first(&|step| step.phase == phase),
        (Some(phase), _) => {
            let own = first(&|step| step.phase == phase && step.element == element.name);
            if own == NEVER { first(&|step| step.phase == phase) } else { own }
        }
        (None, "bin") => first(&|step| step.action == Action::InstallBin),
        (None, "static") => first(&|step| step.action == Action::InstallStatic),
        (None, SETTINGS_DATA) => first(&|step| step.element == element.name),
        _ => NEVER,
    }
}

/// What a step of our own asks for, which no text says.
fn asked_by_step(request: &StepRequest<'_>, step: &Step, names: &BTreeSet<String>) -> Mentions {
    let mut asked = Mentions::default();
    match step.action {
        Action::InstallPackages | Action::UninstallPackages => {
            asked.variables.extend(package_installs::variables(request, step.phase));
            asked.variables.extend(["DISTRO_NAME", "DIB_RELEASE"].map(ToOwned::to_owned));
        }
        Action::FetchSources => {
            let starts = [
                "DIB_REPO",
                "DIB_GITREPOBASE",
                "DIB_INSTALLTYPE_",
                "DIB_MANIFEST",
                "IMAGE_NAME",
                "NO_SOURCE_REPOSITORIES",
            ];
            let is_asked = |name: &&String| {
                starts.iter().any(|start| name.starts_with(start)) || *name == "DIB_DEFAULT_INSTALLTYPE"
            };
            asked.variables.extend(names.iter().filter(is_asked).cloned());
            let lists = request.elements.iter().flat_map(|element| {
                element
                    .entries
                    .keys()
                    .filter(|path| repositories::is_list(path))
                    .filter_map(|path| element.text(path))
            });
            for list in lists {
                asked.variables.extend(mentions(list, names, Reading::Program).variables);
            }
        }
        // What a hook is a link to.
        Action::Script { ref path } => {
            let chain = hooks::link_chain(request.elements, &step.element, path);
            asked.tops.extend(chain.iter().filter_map(|path| Some(path.split_once('/')?.0.to_string())));
        }
        // It writes them all down.
        Action::Manifests if step.phase == Phase::Cleanup => asked.lists_variables = true,
        _ => {}
    }
    asked
}
