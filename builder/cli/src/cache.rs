//! `dibber cache`: lists and removes what earlier builds left for later ones.
//!
//! In: arguments. Out: a list, or what was removed. Never: a checkpoint of a running build removed.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use dibber_engine::cache::{PruneResult, prune};
use dibber_model::Bytes;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::{Site, Store};

use crate::exit::Exit;
use crate::progress::duration;
use crate::report::Problem;
use crate::request;
use crate::terminal::print_stdout;

/// `dibber cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Directory of the cache; default: $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List checkpoints: image, step, size, when last used.
    Ls,
    /// Remove checkpoints that no running build uses, the least recently used first.
    Prune {
        /// Stop when the cache is no larger than this.
        #[arg(long, value_name = "SIZE", default_value = "20GiB")]
        limit: Bytes,
        /// Remove every checkpoint, and the downloads too.
        #[arg(long, conflicts_with = "limit")]
        all: bool,
    },
}

/// Lists or prunes.
pub(crate) fn cache(args: &CacheArgs, stop: &Interrupts) -> Result<Exit, Problem> {
    let path = request::store_path(args.cache_dir.as_ref())?;
    // The first build makes it, and nothing else does.
    if let Site::Nothing { .. } = Store::survey(&path).map_err(Problem::fault)? {
        return Ok(print_stdout(format!("0 checkpoints: there is no cache yet at {}", path.display())));
    }
    match args.command {
        CacheCommand::Ls => {
            let store = Store::open(&path).map_err(Problem::fault)?;
            print_stdout(list(&store)?);
        }
        CacheCommand::Prune { limit, all } => {
            let _deferral = stop.defer_exit().map_err(Problem::fault)?;
            let PruneResult { removed, freed, left } = prune(&path, (!all).then_some(limit), all, stop)?;
            print_stdout(format!("removed {removed} checkpoints, {}; {} left", Bytes(freed), Bytes(left)));
        }
    }
    Ok(Exit::Ok)
}

fn list(store: &Store) -> Result<String, Problem> {
    let listed = store.list().map_err(Problem::fault)?;
    let mut text = format!("{:<12} {:>9} {:>12}  {:<24} {}\n", "id", "size", "last used", "image", "step");
    let now = SystemTime::now();
    let mut whole = 0;
    for entry in &listed {
        whole += entry.bytes;
        let ago = now.duration_since(entry.used).unwrap_or_default().as_secs_f64();
        let (image, step) = match &entry.meta {
            Some(meta) => (meta.image.as_str(), format!("{}/{} {}", meta.phase, meta.name, meta.element)),
            None => ("?", "(corrupted)".to_string()),
        };
        let size = Bytes(entry.bytes).to_string();
        let ago = format!("{} ago", duration(ago));
        text += &format!("{:<12} {size:>9} {ago:>12}  {image:<24} {}\n", entry.id.short(), step.trim_end());
    }
    text += &format!("{} checkpoints, {} in {}", listed.len(), Bytes(whole), store.path().display());
    Ok(text)
}
