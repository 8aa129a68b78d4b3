//! One step on its bench: the tree and the hooks directory mounted, the program run, what it left taken down.
//!
//! In: a walk and its next step. Out: a draft of its checkpoint. Never: a mount that outlives the step.
#![expect(
    clippy::disallowed_methods,
    reason = "a name in a draft of the cache, which no hook has been given yet"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_fs::{Dir, os, remove_tree};
use dibber_model::redact::Redact;
use dibber_model::{Digest, Limits, Network, Phase, Side};
use dibber_plan::elements::{hooks, image_element, run_parts};
use dibber_plan::{Action, Plan, Step};
use dibber_sandbox::{
    BUILD, HookCommand, HookInvocation, HookResult, IN_TARGET, MountRequest, NativePrograms,
};
use dibber_store::layers::{Overlay, is_unchanged};
use dibber_store::{Draft, Session};

use super::downloads::{self, Cache, Downloads, For};
use super::error::{StepError, at};
use super::reach::Reach;
use super::{ELEMENTS, HOOKS, State, TREE, Walk, hooks_directory, id, limit, native};
use crate::breakpoints::{Breaks, Point};
use crate::event::Event;
use crate::failure::HookFailure;
use crate::preflight;

/// Most calls hand nothing over.
static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// How many of a failed hook's last lines are told.
const TAIL: usize = 20;

/// A mounted tree with a hooks directory, in which programs can be run.
pub(super) struct Bench<'a> {
    pub(super) plan: &'a Plan,
    /// Variables outside the tree and inside: paths differ.
    variables: [BTreeMap<String, String>; 2],
    environment: Vec<String>,
    dir: PathBuf,
    pub(super) mounts: Vec<MountRequest>,
    /// When this run began, in seconds since 1970: what was fetched since is not asked for again.
    pub(super) began: i64,
    native: Option<NativePrograms>,
    pub(super) downloads: Option<&'a Downloads<'a>>,
    given: Vec<PathBuf>,
    /// What the programs of its step reach. Nothing, until it is said.
    pub(super) reach: Reach,
    redact: Redact,
    emit: &'a dyn Fn(Event),
}

/// What a program of ours has that runs apart from the elements.
pub(super) struct Alone<'b> {
    pub(super) variables: &'b BTreeMap<String, String>,
    /// Files in [`STAGED`](dibber_sandbox::STAGED).
    pub(super) texts: &'b BTreeMap<String, String>,
    /// Whether it has the network of its step.
    pub(super) is_networked: bool,
}

/// Layers with a draft on top, mounted. Dropped, it is unmounted first, then removed.
pub(super) struct Opened<'a> {
    overlay: Overlay,
    base: PathBuf,
    lowers: Vec<PathBuf>,
    draft: Draft<'a>,
}

impl<'a> Opened<'a> {
    /// Mounts the walk's tree, with the hooks that `view` sees. What runs there reads the layers: they are compared before.
    pub(super) fn open(walk: &Walk<'a>, view: Option<&Step>) -> Result<Self, StepError> {
        walk.session.compare(walk.layers.iter().map(|(id, _)| *id))?;
        walk.stand_ins.map_or(Ok(()), |stand_ins| stand_ins.compare(walk.session))?;
        let base = base(walk.session, &walk.job.plan, view)?;
        let layers = walk.layers.iter().map(|(_, path)| path.clone());
        let lowers: Vec<PathBuf> = std::iter::once(base.clone()).chain(layers).collect();
        let draft = walk.session.draft()?;
        let overlay = Overlay::mount(&lowers, &draft.layer(), &draft.work("layer"), &draft.mount_point()?)?;
        Ok(Opened { overlay, base, lowers, draft })
    }

    pub(super) fn path(&self) -> &Path {
        self.overlay.path()
    }

    /// The tree and the hooks directory.
    pub(super) fn dir(&self) -> Result<Dir, StepError> {
        self.overlay.below("").map_err(at(self.path()))
    }

    /// Unmounts. What is left is the draft, with its layer if the layer `says` something, and the hooks that were added.
    pub(super) fn close(self, says: Says) -> Result<(Draft<'a>, Vec<(Phase, String)>), StepError> {
        let layer = self.draft.layer();
        let added = self.dir().and_then(|merged| added_hooks(&layer, &merged).map_err(at(&layer)))?;
        let Opened { overlay, base, lowers, draft } = self;
        overlay.unmount()?;
        if !says(&layer, &lowers)? {
            draft.discard_part("layer")?;
        }
        remove_tree(&base).map_err(at(&base))?;
        Ok((draft, added))
    }
}

/// Whether a layer says more than those below it.
type Says = fn(&Path, &[PathBuf]) -> Result<bool, StepError>;

/// Runs a step. An error leaves nothing behind but the session's scratch, which goes with it.
pub(super) fn run<'a>(walk: &Walk<'a>, step: &Step) -> Result<(Draft<'a>, State), StepError> {
    let opened = Opened::open(walk, Some(step))?;
    let emit = |event| walk.events.emit(event);
    let mut bench = Bench::new(&walk.job.plan, walk.job.epoch, opened.path(), &emit);
    bench.mounts = walk.state.mounts.clone();
    bench.began = walk.job.began;
    bench.reach = Reach::of(walk.job, step);
    for name in walk.job.plan.withheld(step) {
        bench.variables.iter_mut().for_each(|side| drop(side.remove(name)));
    }
    bench.given = id::given(walk.job, step).map(|file| file.given.at.clone()).collect();
    let stand_ins = walk.stand_ins.map(|stand_ins| stand_ins.within(&bench.tree()?)).transpose();
    bench.native = stand_ins.map_err(at(opened.path()))?;
    if walk.job.offline {
        bench.say_offline();
    }
    let cache = bench.open_cache(walk, step)?;
    let end = bench.step(step).inspect_err(|error| {
        if walk.job.breaks.has(Point::AfterError) && matches!(error, StepError::Hook(_)) {
            // The tree of the failed step is mounted until this ends.
            if let Err(error) = bench.stop(&walk.job.breaks, Point::AfterError, step) {
                emit(Event::Warning { text: format!("at after-error: {error}") });
            }
        }
    });
    let cached = cache.is_some();
    // Also when it failed: what it downloaded need not be downloaded again.
    let closed = cache.map_or(Ok(()), Cache::close);
    let end = end?;
    closed?;
    if step.phase == Phase::Root && is_last_of_root(&walk.job.plan, step) {
        refuse_empty(&opened.dir()?)?;
    }
    let (draft, added) = opened.close(|layer, lowers| Ok(!is_unchanged(layer, lowers)?))?;
    refuse_hoard(step, &end, walk.state.added.len() + added.len())?;
    let mounts = if cached { end.mounts } else { walk.state.mounts.clone() };
    Ok((draft, State { mounts, requests: end.requests, added }))
}

/// A fresh bottom layer: the hooks that this step may see.
pub(super) fn base(session: &Session, plan: &Plan, step: Option<&Step>) -> Result<PathBuf, StepError> {
    let base = session.scratch().join(HOOKS);
    remove_tree(&base).map_err(at(&base))?;
    fs::create_dir(&base).map_err(at(&base))?;
    let (dir, layout) = Dir::open(&base)
        .and_then(|dir| Ok((dir, hooks_directory::Layout::of(plan, step)?)))
        .map_err(at(&base))?;
    let made = dibber_sandbox::without_store(|| layout.make(&dir))?;
    made.map_err(|(path, source)| StepError::Layout { path, source })?;
    Ok(base)
}

impl<'a> Bench<'a> {
    pub(super) fn new(plan: &'a Plan, epoch: i64, dir: &Path, emit: &'a dyn Fn(Event)) -> Self {
        let variables = [Side::Host, Side::Chroot].map(|side| variables(plan, epoch, side));
        let environment = hooks::environment(&plan.elements).into_iter().map(|file| file.path).collect();
        let redact = plan.redact();
        Bench {
            plan,
            variables,
            environment,
            dir: dir.to_path_buf(),
            mounts: Vec::new(),
            began: i64::MAX,
            native: None,
            downloads: None,
            given: Vec::new(),
            reach: Reach::Needless,
            redact,
            emit,
        }
    }

    /// The download cache in place. What fetches sources has one of its own for each, and none of what hooks mounted of theirs.
    fn open_cache(&mut self, walk: &Walk<'a>, step: &Step) -> Result<Option<Cache<'a>>, StepError> {
        self.downloads = Some(walk.downloads);
        if step.action == Action::FetchSources {
            self.mounts.retain(|mount| downloads::in_cache(mount).is_none());
            return Ok(None);
        }
        self.cache_for(walk, Some(walk.lineage)).map(Some)
    }

    /// A download cache of which nothing is kept.
    pub(super) fn throwaway_cache(&self, walk: &Walk<'a>) -> Result<Cache<'a>, StepError> {
        self.cache_for(walk, None)
    }

    fn cache_for(&self, walk: &Walk<'a>, keep: Option<Digest>) -> Result<Cache<'a>, StepError> {
        // Closed again before the tree is unmounted.
        let tree = self.tree().map_err(|source| StepError::TreeGone { source })?;
        walk.downloads.open(&For { tree: &tree, mounts: &walk.state.mounts, keep, confided: walk.confided })
    }

    /// A bench for programs that are no hooks: `environment.d` is not read for them.
    pub(super) fn without_environment(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Whether hooks are told to use no network.
    pub(super) fn is_offline(&self) -> bool {
        self.variables.iter().any(|side| side.contains_key("DIB_OFFLINE"))
    }

    /// The tree, for reading what programs left.
    pub(super) fn tree(&self) -> io::Result<Dir> {
        self.build_dir()?.below(TREE)
    }

    /// `TMP_BUILD_DIR`.
    pub(super) fn build_dir(&self) -> io::Result<Dir> {
        Dir::open(&self.dir)
    }

    /// Tells programs that nothing can be fetched, in dib's word.
    pub(super) fn say_offline(&mut self) {
        for side in &mut self.variables {
            side.insert("DIB_OFFLINE".into(), "1".into());
        }
    }

    fn step(&self, step: &Step) -> Result<HookResult, StepError> {
        match &step.action {
            Action::Script { .. } => {
                let script = format!("{}/{}", step.phase.directory(), step.name);
                self.call(step.phase.side(), HookCommand::Script(&script), step)
            }
            _ => native::run(self, step),
        }
    }

    /// Runs a program, and fails if it does.
    pub(super) fn call(
        &self,
        side: Side,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        self.carry_out(&self.hook_call(side, what), step)
    }

    /// The same for a program of ours, which asks nothing of `environment.d`, nor that the tree have a shell to read it, nor a
    /// network.
    pub(super) fn call_plainly(
        &self,
        side: Side,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let call = self.hook_call(side, what);
        self.carry_out(&HookInvocation { environment_files: &[], network: Network::None, ..call }, step)
    }

    /// The same as [`call`](Self::call) for a program that finds texts in [`STAGED`](dibber_sandbox::STAGED).
    pub(super) fn call_with(
        &self,
        side: Side,
        what: HookCommand<'_>,
        (step, staged): (&Step, &BTreeMap<String, String>),
    ) -> Result<HookResult, StepError> {
        self.carry_out(&HookInvocation { staged, ..self.hook_call(side, what) }, step)
    }

    /// Runs a program of ours outside the tree, which has this and nothing of the elements'.
    pub(super) fn call_alone(
        &self,
        alone: &Alone<'_>,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let call = self.hook_call(Side::Host, what);
        let network = if alone.is_networked { call.network } else { Network::None };
        let Alone { variables, texts: staged, .. } = alone;
        // Not over mounts of hooks either: what it fetches is kept for other images too.
        let alone =
            HookInvocation { variables, staged, environment_files: &[], mounts: &[], network, ..call };
        self.carry_out(&alone, step)
    }

    /// Copies texts into a directory of the tree, owned by root; `private` ones are for root alone (mode 0600).
    pub(super) fn place(
        &self,
        texts: &BTreeMap<String, String>,
        (to, private): (&str, bool),
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let mut argv: Vec<String> = ["dibber-place", dibber_sandbox::STAGED, to].map(String::from).into();
        argv.extend(private.then(|| "private".to_string()));
        let call = self.hook_call(Side::Chroot, HookCommand::Command(&argv));
        let network = Network::None;
        self.carry_out(&HookInvocation { environment_files: &[], staged: texts, network, ..call }, step)
    }

    fn carry_out(&self, call: &HookInvocation<'_>, step: &Step) -> Result<HookResult, StepError> {
        let mut tail = Vec::new();
        let end = dibber_sandbox::run_hook(call, &mut |_, line| {
            let event = Event::output(self.redact.public_bytes(line));
            if let Event::Output { line, .. } = &event {
                if tail.len() == TAIL {
                    tail.remove(0);
                }
                tail.push(line.clone());
            }
            (self.emit)(event);
        })?;
        if end.code == 0 { Ok(end) } else { Err(StepError::Hook(Box::new(self.failure(step, &end, tail)))) }
    }

    fn hook_call<'b>(&'b self, side: Side, what: HookCommand<'b>) -> HookInvocation<'b> {
        let [outside, inside] = &self.variables;
        HookInvocation {
            side,
            build_dir: &self.dir,
            command: what,
            variables: if side == Side::Host { outside } else { inside },
            environment_files: &self.environment,
            mounts: &self.mounts,
            staged: &NOTHING,
            native: self.native.as_ref(),
            given: &self.given,
            network: self.reach.network(),
            redact: &self.redact,
            limits: self.plan.limits,
        }
    }

    /// Variables as they are after `environment.d`, which has no network where we read it ourselves.
    pub(super) fn environment(&self, side: Side, step: &Step) -> Result<BTreeMap<String, String>, StepError> {
        let mut tail = Vec::new();
        let call =
            HookInvocation { network: Network::None, ..self.hook_call(side, HookCommand::Command(&[])) };
        let found = dibber_sandbox::read_environment(&call, &mut |_, line| {
            if tail.len() == TAIL {
                tail.remove(0);
            }
            tail.push(self.redact.public(String::from_utf8_lossy(line).into_owned()));
        })?;
        found.map_err(|end| {
            let mut failure = self.failure(step, &end, tail);
            failure.no_network.get_or_insert_with(|| "dibber reads environment.d without".into());
            StepError::Hook(Box::new(failure))
        })
    }

    /// What a native step ends with: the mounts stay as they were.
    pub(super) fn unchanged(&self) -> HookResult {
        let mounts = self.mounts.clone();
        HookResult { code: 0, environment_file: None, mounts, requests: Vec::new(), overran: false }
    }

    fn failure(&self, step: &Step, end: &HookResult, tail: Vec<String>) -> HookFailure {
        let origin = self.plan.elements.iter().find(|element| element.name == step.element);
        HookFailure {
            phase: step.phase.name().into(),
            name: step.name.clone(),
            element: step.element.clone(),
            origin: origin.map_or_else(|| "dibber".into(), |element| element.origin.clone()),
            end: how_it_ended(end),
            limit: limit::met(end, &tail, &self.plan.limits),
            tail: tail.into_iter().map(cut).collect(),
            no_network: self.reach.denied().map(str::to_string),
            // The tree's free space is that of its uppermost layer. Where it cannot be told, nothing is made of it.
            free: preflight::free(&self.dir).map_or(u64::MAX, |free| free.0),
        }
    }

    /// Stops at a break point, on the side of the step's phase: a shell for the person, or the command instead.
    pub(super) fn stop(&self, breaks: &Breaks, point: Point, step: &Step) -> Result<HookResult, StepError> {
        let outside = breaks.outside || point == Point::Before(Phase::Root);
        let side = if outside { Side::Host } else { step.phase.side() };
        if let Some(command) = &breaks.command {
            let argv = ["sh", "-c", command].map(String::from);
            let call = self.hook_call(side, HookCommand::Command(&argv));
            // It may wait for a person.
            let limits = Limits { timeout: None, ..call.limits };
            return self.carry_out(&HookInvocation { limits, ..call }, step);
        }
        // Who hears this lends the person's terminal, or warns that there is none.
        (self.emit)(Event::ShellOpened { point: point.to_string() });
        let ended = dibber_sandbox::run_shell(&self.hook_call(side, HookCommand::Command(&[])));
        if !matches!(ended, Ok(false)) {
            (self.emit)(Event::ShellClosed);
        }
        ended?;
        Ok(self.unchanged())
    }
}

/// What every program sees: the plan's variables, and those that depend on the side or must not be in an id.
fn variables(plan: &Plan, epoch: i64, side: Side) -> BTreeMap<String, String> {
    let mut all = plan.variables.clone();
    let mut set = |name: &str, value: String| all.insert(name.to_string(), value);
    set("SOURCE_DATE_EPOCH", epoch.to_string());
    let hooks = match side {
        Side::Host => format!("{BUILD}/hooks"),
        Side::Chroot => IN_TARGET.to_string(),
    };
    let places = plan.names.iter().map(|name| (name.clone(), format!("{hooks}/{ELEMENTS}/{name}"))).collect();
    set("IMAGE_ELEMENT_YAML", image_element::image_element_yaml(&places));
    set(image_element::EXPORTED_FUNCTION, image_element::image_element_function(&places));
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        if let Some(proxy) = &plan.archive.proxy {
            set(name, proxy.clone());
        }
    }
    all
}

fn how_it_ended(end: &HookResult) -> String {
    let how = match end.code {
        code @ 129.. => format!("signal {}", code - 128),
        code => format!("exit code {code}"),
    };
    match &end.environment_file {
        Some(file) => format!("{how}, in environment.d/{}", file.trim_start_matches("environment.d/")),
        None => how,
    }
}

fn is_last_of_root(plan: &Plan, step: &Step) -> bool {
    plan.steps.iter().rfind(|s| s.phase == Phase::Root).is_some_and(|last| last.name == step.name)
}

/// dib's test that root.d made something.
fn refuse_empty(build_dir: &Dir) -> Result<(), StepError> {
    // What is there instead of a tree is none.
    let names = build_dir.below(TREE).and_then(|tree| tree.names()).unwrap_or_default();
    match names.iter().all(|name| matches!(name.to_bytes(), b"lost+found" | b"tmp")) {
        true => Err(StepError::NoTree),
        false => Ok(()),
    }
}

/// What later steps take along, at most: mounts, bytes of their descriptions, hooks that hooks added. dib's own elements leave a few.
const MOUNTS: usize = 200;
const MOUNTS_BYTES: usize = 256 << 10;
const ADDED: usize = 500;

fn refuse_hoard(step: &Step, end: &HookResult, added: usize) -> Result<(), StepError> {
    let mounts = &end.mounts;
    let asked = end.requests.iter().flat_map(|request| request.arguments.iter().map(|word| word.len() + 1));
    let bytes: usize = mounts.iter().map(MountRequest::size).chain(asked).sum();
    let what = match (mounts.len() > MOUNTS, bytes > MOUNTS_BYTES, added > ADDED) {
        (true, ..) => format!("more than {MOUNTS} mounts"),
        (_, true, _) => {
            format!("mounts and calls of loader programs of more than {} KiB of words", MOUNTS_BYTES >> 10)
        }
        (.., true) => format!("more than {ADDED} hooks"),
        _ => return Ok(()),
    };
    Err(StepError::TooMuch { step: format!("{}/{}", step.phase, step.name), what })
}

/// Hooks that a step put into the hooks directory: names of its layer that lead to an executable file in the merged tree, as
/// `find -xtype f -executable` of dib-run-parts would have them.
fn added_hooks(layer: &Path, merged: &Dir) -> io::Result<Vec<(Phase, String)>> {
    let mut added = Vec::new();
    let layer = Dir::open(layer)?;
    for phase in Phase::all() {
        let place = Path::new(HOOKS).join(phase.directory());
        let Ok(names) = layer.below(&place).and_then(|dir| dir.names()) else { continue };
        for name in names.iter().map(|name| os(name)) {
            if run_parts::is_hook_name(&name.to_string_lossy()) && merged.is_program(place.join(name)) {
                added.push((phase, name.to_string_lossy().into_owned()));
            }
        }
    }
    added.sort();
    Ok(added)
}

/// A line of a message is no longer than this, in letters.
const SHOWN: usize = 500;

/// A line that is told. The log has all of it.
fn cut(line: String) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ... ({} more bytes)", &line[..end], line.len() - end),
        None => line,
    }
}
