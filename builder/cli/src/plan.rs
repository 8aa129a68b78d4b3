//! `dibber plan`: shows what a build would do, without doing it.
//!
//! In: arguments. Out: what a build would do, and what of it is kept already. Never: a change to anything.

use clap::Args;

use crate::exit::Exit;
use crate::report::Problem;
use crate::request::{self, RequestArgs};
use crate::terminal::{indented, print_stderr, print_stdout};

/// `dibber plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
}

/// Prints every plan that is asked for.
pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, Problem> {
    let (_, plans) = request::plans(&args.request)?;
    let store = request::store_path(args.request.cache_dir.as_ref())?;
    for plan in &plans {
        for warning in &plan.warnings {
            print_stderr(format!("warning: {}", indented(&warning.to_string())));
        }
        print_stdout(dibber_plan::explain(plan));
        if plan.has_disk() {
            print_stdout(format!("\n{}", dibber_engine::status::drawing(plan, &args.request.output_dir)));
        }
        print_stdout(format!(
            "\n{}\n",
            dibber_engine::status::status(plan, &store, &args.request.output_dir)
        ));
    }
    Ok(Exit::Ok)
}
