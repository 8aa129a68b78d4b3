//! `dibber upload`: sends built images to Glance.
//!
//! In: arguments, `clouds.yaml` or `OS_*`. Out: a set in Glance; for each image its name, its id and what was done. Never: a
//! secret printed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dibber_glance::{
    Choice, Cloud, CloudEnvironment, Glance, GlanceError, Member, Progress as _, Settings, Upload,
    UploadOutcome, Uploaded, ironic_settings, members, openstack_script,
};
use dibber_model::{Arch, Platform};

use crate::exit::Exit;
use crate::progress::Progress;
use crate::report::Problem;
use crate::terminal::print_stdout;

/// `dibber upload`.
#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Names of the images to upload, as images.json has them; default: every image there.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Directory that the images were built into.
    #[arg(long = "in", default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Upload only images for this architecture.
    #[arg(long)]
    arch: Option<Arch>,
    /// Upload only images for this platform.
    #[arg(long)]
    platform: Option<Platform>,
    /// Cloud to upload to, as clouds.yaml names it; default: OS_CLOUD, the OS_* variables, or the only cloud there.
    #[arg(long, value_name = "CLOUD")]
    os_cloud: Option<String>,
    /// Who may use the images; default: what Glance decides.
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// Same as --visibility public.
    #[arg(long, conflicts_with = "visibility")]
    public: bool,
    /// How often to send a file again, whole, after its upload was cut off or damaged.
    #[arg(long, default_value = "2", value_name = "N")]
    retries: u32,
    /// Show what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a shell script that uploads with the openstack client, and contact no cloud.
    #[arg(long, conflicts_with = "dry_run")]
    print: bool,
}

/// Glance's `visibility`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Visibility {
    /// Everybody.
    Public,
    /// This project, and those it is shared with.
    Shared,
    /// This project.
    Private,
    /// Everybody who asks for it by its id.
    Community,
}

impl Visibility {
    fn word(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Shared => "shared",
            Visibility::Private => "private",
            Visibility::Community => "community",
        }
    }
}

/// Puts a set into Glance.
pub(crate) fn upload(args: &UploadArgs) -> Result<Exit, Problem> {
    let choice = Choice { names: args.names.clone(), arch: args.arch, platform: args.platform.clone() };
    let members = members(&args.dir, &choice).map_err(problem)?;
    let visibility = visibility(args);
    if args.print {
        return openstack_script(&members, visibility).map(print_stdout).map_err(problem);
    }
    let progress = Progress::alone();
    for file in members.iter().flat_map(|member| &member.left) {
        progress.say(&format!("{} is not uploaded: {}", file.name, file.why));
    }
    let settings =
        Settings { visibility: visibility.map(str::to_string), retries: args.retries, dry_run: args.dry_run };
    let lines = UploadProgress(&progress);
    let mut upload = Upload::new(&settings, &lines);
    let ended = upload_all(args, &members, &lines, &mut upload);
    let done = upload.done();
    progress.finish();
    for image in &done {
        print_stdout(line(image, args.dry_run));
    }
    ended.map_err(problem)?;
    let id = |name: &str| done.iter().find(|image| image.name == name).and_then(|image| image.id.clone());
    if let Some(settings) = ironic_settings(&members, id).filter(|_| !args.dry_run) {
        print_stdout(format!("\n{settings}"));
    }
    Ok(Exit::Ok)
}

fn visibility(args: &UploadArgs) -> Option<&'static str> {
    args.visibility.or(args.public.then_some(Visibility::Public)).map(Visibility::word)
}

/// Uploads one image after another; those that are `done` are told even if a later one fails.
fn upload_all(
    args: &UploadArgs,
    members: &[Member],
    progress: &UploadProgress<'_>,
    upload: &mut Upload<'_>,
) -> Result<(), GlanceError> {
    // A variable that is not text is none of the cloud's.
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let variables = std::env::vars_os().filter_map(text).collect();
    let around = CloudEnvironment { variables, here: PathBuf::from(".") };
    let cloud = Cloud::find(args.os_cloud.as_deref(), &around)?;
    if !cloud.is_verified() {
        progress.warned("certificates are not checked (verify: false)");
    }
    let mut glance = Glance::connect(&cloud)?;
    members.iter().try_for_each(|member| upload.put_member(&mut glance, member))
}

/// Progress of an upload, as lines and bars of the terminal.
struct UploadProgress<'a>(&'a Progress);

impl dibber_glance::Progress for UploadProgress<'_> {
    fn started(&self, stage: &str, bytes: u64) {
        self.0.stage_started(stage, Some(bytes));
    }

    fn advanced(&self, bytes: u64) {
        self.0.stage_advanced(bytes);
    }

    fn finished(&self, stage: &str, seconds: f64) {
        self.0.stage_finished(stage, seconds);
    }

    fn warned(&self, text: &str) {
        self.0.warn(text);
    }
}

/// One image: id, name, what was done.
fn line(image: &Uploaded, dry_run: bool) -> String {
    let what = match (&image.outcome, dry_run) {
        (UploadOutcome::Unchanged, _) => "unchanged".to_string(),
        (UploadOutcome::Sent, false) => "uploaded".to_string(),
        (UploadOutcome::Sent, true) => "would be uploaded".to_string(),
        (UploadOutcome::Changed(names), false) => format!("changed {}", names.join(", ")),
        (UploadOutcome::Changed(names), true) => format!("would change {}", names.join(", ")),
    };
    let verb = if dry_run { "the former would be" } else { "the former is" };
    let former: String = image.renamed.iter().map(|name| format!("; {verb} {name}")).collect();
    format!("{:<36}  {}  {what}{former}", image.id.as_deref().unwrap_or("-"), image.name)
}

fn problem(error: GlanceError) -> Problem {
    let exit = match &error {
        error if error.is_input() => Exit::Input,
        error if error.is_remote() => Exit::Cloud,
        _ => return Problem::fault(error),
    };
    Problem::new(exit, error)
}
