//! `dibber plan`: shows what a build would do, without doing it.
//!
//! In: arguments. Out: what a build would do, and what of it is kept already. Never: a change to anything.

use clap::Args;
use dibber_engine::status::{Detail, status};

use crate::exit::Exit;
use crate::report::Problem;
use crate::request::{self, RequestArgs};
use crate::terminal::{indented, print_stderr, print_stdout};

/// `dibber plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Say for each step whether its result is kept, or why it runs: which file, variable, package, index or tool changed, and from what
    /// to what.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Prints every plan that is asked for.
pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, Problem> {
    let (_, plans) = request::plans(&args.request)?;
    let store = request::store_path(args.request.cache_dir.as_ref())?;
    let detail = if args.explain { Detail::Explained } else { Detail::Count };
    if let Some(text) = crate::dib::unused_by_dibber(&plans) {
        print_stderr(format!("warning: {text}"));
    }
    for plan in &plans {
        for warning in &plan.warnings {
            print_stderr(format!("warning: {}", indented(&warning.to_string())));
        }
        print_stdout(dibber_plan::explain(plan));
        if plan.has_disk() {
            print_stdout(format!("\n{}", dibber_engine::status::drawing(plan, &args.request.output_dir)));
        }
        print_stdout(format!("\n{}\n", status(plan, &store, &args.request.output_dir, detail)));
    }
    Ok(Exit::Ok)
}
