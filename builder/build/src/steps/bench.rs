//! One step on its bench: the tree and the hooks directory mounted, the program run, what it left taken down.
//!
//! In: a walk and its next step. Out: a draft of its checkpoint. Never: a mount that outlives the step.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dibber_model::{Phase, Side};
use dibber_plan::elements::{hooks, image_element};
use dibber_plan::{Action, Plan, Step};

use super::downloads::{Cache, Downloads, For};
use super::error::{HookFailure, StepError, at};
use super::{ELEMENTS, State, Walk, hooks_directory, native};
use crate::breaks::{Breaks, Point};
use crate::event::Event;
use crate::layers::{Overlay, is_unchanged};
use crate::needs;
use crate::redact::Redact;
use crate::sandbox::{self, BUILD, HookCall, HookEnd, IN_TARGET, MountRequest, Native, What};
use crate::store::{Draft, Session};

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
    native: Option<Native>,
    pub(super) downloads: Option<&'a Downloads<'a>>,
    redact: Redact,
    emit: &'a dyn Fn(Event),
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
        walk.twin.map_or(Ok(()), |twin| twin.compare(walk.session))?;
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

    /// Unmounts. What is left is the draft, with its layer if the layer `says` something, and the hooks that were added.
    pub(super) fn close(self, says: Says) -> Result<(Draft<'a>, Vec<(Phase, String)>), StepError> {
        let Opened { overlay, base, lowers, draft } = self;
        overlay.unmount()?;
        if !says(&draft.layer(), &lowers)? {
            draft.give_up("layer")?;
        }
        fs::remove_dir_all(&base).map_err(at(&base))?;
        let added = added_hooks(&draft.layer());
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
    for name in walk.job.plan.withheld(step) {
        bench.variables.iter_mut().for_each(|side| drop(side.remove(name)));
    }
    bench.native = walk.twin.map(|twin| twin.stand_ins(&bench.tree()));
    if walk.job.offline {
        for side in &mut bench.variables {
            side.insert("DIB_OFFLINE".into(), "1".into());
        }
    }
    bench.downloads = Some(walk.downloads);
    // What fetches sources has a cache of its own for each.
    let cache = match step.action {
        Action::FetchSources => None,
        _ => {
            let tree = &bench.tree();
            let wish = For { tree, mounts: &walk.state.mounts, keep: Some(walk.lineage) };
            Some(walk.downloads.open(&wish)?)
        }
    };
    let end = bench.step(step).inspect_err(|error| {
        if walk.job.breaks.has(Point::AfterError) && matches!(error, StepError::Hook(_)) {
            // The tree of the failed step is mounted until this ends.
            if let Err(error) = bench.stop(&walk.job.breaks, Point::AfterError, step) {
                emit(Event::Warning { text: format!("at after-error: {error}") });
            }
        }
    });
    // Also when it failed: what it downloaded need not be downloaded again.
    let closed = cache.map_or(Ok(()), Cache::close);
    let end = end?;
    closed?;
    if step.phase == Phase::Root && is_last_of_root(&walk.job.plan, step) {
        refuse_empty(opened.path())?;
    }
    let (draft, added) = opened.close(|layer, lowers| Ok(!is_unchanged(layer, lowers)?))?;
    Ok((draft, State { mounts: end.mounts, requests: end.requests, added }))
}

/// A fresh bottom layer: the hooks that this step may see.
pub(super) fn base(session: &Session, plan: &Plan, step: Option<&Step>) -> Result<PathBuf, StepError> {
    let base = session.scratch().join("hooks");
    if base.exists() {
        fs::remove_dir_all(&base).map_err(at(&base))?;
    }
    fs::create_dir_all(&base).map_err(at(&base))?;
    hooks_directory::lay_out(&base, plan, step).map_err(at(&base))?;
    Ok(base)
}

impl<'a> Bench<'a> {
    pub(super) fn new(plan: &'a Plan, epoch: i64, dir: &Path, emit: &'a dyn Fn(Event)) -> Self {
        let variables = [Side::Host, Side::Chroot].map(|side| variables(plan, epoch, side));
        let environment = hooks::environment(&plan.elements).into_iter().map(|file| file.path).collect();
        let redact = Redact::of(plan.archive.proxy.as_deref());
        Bench {
            plan,
            variables,
            environment,
            dir: dir.to_path_buf(),
            mounts: Vec::new(),
            began: i64::MAX,
            native: None,
            downloads: None,
            redact,
            emit,
        }
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

    /// Where the tree is mounted, for reading what a program left.
    pub(super) fn tree(&self) -> PathBuf {
        self.dir.join("mnt")
    }

    /// Where the hooks directory is.
    pub(super) fn hooks(&self) -> PathBuf {
        self.dir.join("hooks")
    }

    fn step(&self, step: &Step) -> Result<HookEnd, StepError> {
        match &step.action {
            Action::Script { .. } => {
                let script = format!("{}/{}", step.phase.directory(), step.name);
                self.call(step.phase.side(), What::Script(&script), step)
            }
            _ => native::run(self, step),
        }
    }

    /// Runs a program, and fails if it does.
    pub(super) fn call(&self, side: Side, what: What<'_>, step: &Step) -> Result<HookEnd, StepError> {
        self.carry_out(&self.hook_call(side, what), step)
    }

    /// The same for a program of ours, with these variables only.
    pub(super) fn call_with(
        &self,
        variables: &BTreeMap<String, String>,
        what: What<'_>,
        step: &Step,
    ) -> Result<HookEnd, StepError> {
        let call = HookCall { variables, environment_files: &[], ..self.hook_call(Side::Host, what) };
        self.carry_out(&call, step)
    }

    /// The same for a program of ours, which asks nothing of `environment.d`, nor that the tree have a shell to read it.
    pub(super) fn call_plainly(&self, side: Side, what: What<'_>, step: &Step) -> Result<HookEnd, StepError> {
        self.carry_out(&HookCall { environment_files: &[], ..self.hook_call(side, what) }, step)
    }

    fn carry_out(&self, call: &HookCall<'_>, step: &Step) -> Result<HookEnd, StepError> {
        let mut tail = Vec::new();
        let end = sandbox::run(call, &mut |_, line| {
            let line = self.redact.public(String::from_utf8_lossy(line).into_owned());
            if tail.len() == TAIL {
                tail.remove(0);
            }
            tail.push(line.clone());
            (self.emit)(Event::Output { line });
        })?;
        if end.code == 0 { Ok(end) } else { Err(self.failure(step, &end, tail)) }
    }

    fn hook_call<'b>(&'b self, side: Side, what: What<'b>) -> HookCall<'b> {
        let [outside, inside] = &self.variables;
        HookCall {
            side,
            build_dir: &self.dir,
            what,
            variables: if side == Side::Host { outside } else { inside },
            environment_files: &self.environment,
            mounts: &self.mounts,
            native: self.native.as_ref(),
        }
    }

    /// Variables as they are after `environment.d`.
    pub(super) fn environment(&self, side: Side, step: &Step) -> Result<BTreeMap<String, String>, StepError> {
        let mut tail = Vec::new();
        let call = self.hook_call(side, What::Command(&[]));
        let found = sandbox::environment(&call, &mut |_, line| {
            tail.push(self.redact.public(String::from_utf8_lossy(line).into_owned()));
        })?;
        found.map_err(|end| self.failure(step, &end, tail))
    }

    /// What a native step ends with: the mounts stay as they were.
    pub(super) fn unchanged(&self) -> HookEnd {
        HookEnd { code: 0, environment_file: None, mounts: self.mounts.clone(), requests: Vec::new() }
    }

    fn failure(&self, step: &Step, end: &HookEnd, tail: Vec<String>) -> StepError {
        let origin = self.plan.elements.iter().find(|element| element.name == step.element);
        StepError::Hook(Box::new(HookFailure {
            phase: step.phase.name().into(),
            name: step.name.clone(),
            element: step.element.clone(),
            origin: origin.map_or_else(|| "dibber".into(), |element| element.origin.clone()),
            end: how_it_ended(end),
            tail,
            // The tree's free space is that of its uppermost layer. Where it cannot be told, nothing is made of it.
            free: needs::free(&self.dir).map_or(u64::MAX, |free| free.0),
        }))
    }

    /// Stops at a break point, on the side of the step's phase: a shell on the person's terminal, or the command instead.
    pub(super) fn stop(&self, breaks: &Breaks, point: Point, step: &Step) -> Result<HookEnd, StepError> {
        let outside = breaks.outside || point == Point::Before(Phase::Root);
        let side = if outside { Side::Host } else { step.phase.side() };
        if let Some(command) = &breaks.command {
            let argv = ["sh", "-c", command].map(String::from);
            return self.call(side, What::Command(&argv), step);
        }
        if !sandbox::has_terminal() {
            let text =
                format!("at {point}: no shell, as there is no terminal; give a command with --break-cmd");
            (self.emit)(Event::Warning { text });
            return Ok(self.unchanged());
        }
        (self.emit)(Event::ShellOpened { point: point.to_string() });
        let ended = sandbox::shell(&self.hook_call(side, What::Command(&[])));
        (self.emit)(Event::ShellClosed);
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

fn how_it_ended(end: &HookEnd) -> String {
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
fn refuse_empty(build_dir: &Path) -> Result<(), StepError> {
    let tree = build_dir.join("mnt");
    let names = fs::read_dir(&tree).map_err(at(&tree))?.filter_map(Result::ok).map(|entry| entry.file_name());
    match names.filter(|name| name != "lost+found" && name != "tmp").count() {
        0 => Err(StepError::NoTree),
        _ => Ok(()),
    }
}

/// Hooks that a step put into the hooks directory.
fn added_hooks(layer: &Path) -> Vec<(Phase, String)> {
    let mut added = Vec::new();
    for phase in Phase::all() {
        let Ok(entries) = fs::read_dir(layer.join("hooks").join(phase.directory())) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let runs = fs::metadata(entry.path()).is_ok_and(|meta| {
                meta.is_file() && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0
            });
            if runs && dibber_plan::elements::run_parts::is_hook_name(&name) {
                added.push((phase, name));
            }
        }
    }
    added.sort();
    added
}
