//! `dibber lint`: what in elements breaks or is passed over, and what of their style others will ask for.
//!
//! In: directories. Out: findings, as a text or for programs, and with --fix changed files. Never: a file outside of the element that it was
//! found in; a file that is changed without a word.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

mod mend;
mod print;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dibber_engine::scan::one_by_one::{self, LookedAt};
use dibber_engine::scan::{ScanError, SourcePlaces, scan};
use dibber_lint::{Finding, LintRequest, RULES, Rule, Severity, lint as look, looks_like_element, tox_ini};
use dibber_plan::{ElementSource, nearest};

use crate::embedded::EmbeddedFiles;
use crate::exit::Exit;
use crate::report::Problem;
use crate::request::directories;
use crate::terminal::print_stdout;

/// `dibber lint`.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Directories of elements, or elements.
    #[arg(required_unless_present = "list_rules", value_name = "ELEMENTS")]
    pub(crate) elements: Vec<PathBuf>,
    /// Directories of other elements that these need.
    #[arg(
        long,
        env = "ELEMENTS_PATH",
        value_delimiter = ':',
        value_name = "DIR[:DIR]",
        value_parser = clap::builder::OsStringValueParser::new(),
        hide_env_values = true
    )]
    pub(crate) elements_path: Vec<OsString>,
    /// Mend what can be mended without a thought: modes, line ends, the order of element-deps, blanks in lists of architectures.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Print what --fix changes as a diff; without --fix, change nothing.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Look only for these rules.
    #[arg(long = "rule", value_delimiter = ',', value_name = "RULE[,RULE]", value_parser = rule)]
    pub(crate) rules: Vec<&'static Rule>,
    /// Leave these rules out, in addition to what tox.ini in the current directory ignores.
    #[arg(long, value_delimiter = ',', value_name = "RULE[,RULE]", value_parser = rule)]
    pub(crate) disable: Vec<&'static Rule>,
    /// Leave out what is less severe.
    #[arg(long, value_enum, default_value = "warning")]
    pub(crate) severity: Least,
    /// Print for a person, or for programs.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Print the rules, and look at nothing.
    #[arg(long)]
    pub(crate) list_rules: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line each.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// The least severe findings that are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Least {
    /// What breaks or is passed over.
    Error,
    /// Style as well.
    Warning,
}

/// A rule by its name or dib-lint's.
fn rule(word: &str) -> Result<&'static Rule, String> {
    let found = RULES
        .iter()
        .find(|rule| rule.name == word)
        .or_else(|| RULES.iter().find(|rule| rule.is_called(word)));
    found.ok_or_else(|| match nearest(word, RULES.iter().map(|rule| rule.name)) {
        Some(near) => format!("there is no such rule; did you mean `{near}`?"),
        None => "there is no such rule; `dibber lint --list-rules` prints all".into(),
    })
}

/// Looks at elements, and mends what it may.
pub(crate) fn lint(args: &LintArgs) -> Result<Exit, Problem> {
    if args.list_rules {
        return Ok(print_stdout(print::rules(args.format)));
    }
    let sources = Sources::read(args)?;
    let ignored = ignored()?;
    let wanted = |finding: &Finding| is_wanted(args, &ignored, finding);
    let mut findings: Vec<Finding> = sources.findings().into_iter().filter(wanted).collect();
    if args.fix || args.diff {
        mend::mend(args, &sources.roots, &findings)?;
    }
    if args.fix {
        findings = Sources::read(args)?.findings().into_iter().filter(wanted).collect();
    }
    print_stdout(print::findings(&findings, args.format));
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Found })
}

fn is_wanted(args: &LintArgs, ignored: &[String], finding: &Finding) -> bool {
    let rule = finding.rule;
    let is_asked = args.rules.is_empty() || args.rules.contains(&rule);
    let is_left_out = args.disable.contains(&rule) || ignored.iter().any(|name| rule.is_called(name));
    let is_severe = args.severity == Least::Warning || rule.severity == Severity::Error;
    is_asked && is_severe && !is_left_out
}

/// What the project tells dib-lint to ignore. Where there is no such file, nothing.
fn ignored() -> Result<Vec<String>, Problem> {
    match dibber_fs::text::read(Path::new("tox.ini")) {
        Ok(text) => Ok(tox_ini(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Problem::new(Exit::Input, format!("tox.ini: {error}"))),
    }
}

/// Everything that is looked at.
struct Sources {
    looked: LookedAt,
    /// The directories of the elements.
    roots: Vec<PathBuf>,
    known: Vec<ElementSource>,
}

impl Sources {
    fn read(args: &LintArgs) -> Result<Sources, Problem> {
        let wrong = |error: ScanError| Problem::new(Exit::Input, error);
        let (mut looked, mut known) = (LookedAt::default(), Vec::new());
        for dir in &args.elements {
            let found = match kind_of(dir)? {
                Kind::Element => {
                    known.extend(one_by_one::needs_beside(dir).map_err(wrong)?);
                    one_by_one::element(dir).map_err(wrong)?
                }
                Kind::Elements(dir) => one_by_one::elements(&dir).map_err(wrong)?,
            };
            looked.elements.extend(found.elements);
            looked.faults.extend(found.faults);
        }
        looked.elements.sort_by(|a, b| a.origin.cmp(&b.origin));
        looked.elements.dedup_by(|a, b| a.origin == b.origin);
        let path = directories(&args.elements_path);
        let carried = EmbeddedFiles::all();
        let places = SourcePlaces { elements: &path, embedded: &carried.files(), ..SourcePlaces::default() };
        known.extend(scan(&places).map_err(wrong)?.elements.into_values());
        let roots = looked.elements.iter().map(|element| PathBuf::from(&element.origin)).collect();
        Ok(Sources { looked, roots, known })
    }

    fn findings(&self) -> Vec<Finding> {
        let request = LintRequest { elements: &self.looked.elements, known: &self.known };
        let mut findings = look(&request);
        let faults = self.looked.faults.iter();
        findings.extend(faults.map(|fault| Finding::unreadable(fault.path().display().to_string(), fault)));
        findings.sort_by(|a, b| a.file.cmp(&b.file));
        findings
    }
}

/// What a directory is that a person named.
enum Kind {
    Element,
    Elements(PathBuf),
}

/// An element has files that make it one; else its sub-directories are elements, or those of `elements` in it, as in a project's checkout.
fn kind_of(dir: &Path) -> Result<Kind, Problem> {
    let own = one_by_one::names(dir).map_err(|error| Problem::new(Exit::Input, error))?;
    let has_elements = |dir: &Path, names: &[String]| {
        names.iter().any(|name| !name.starts_with('.') && is_element(&dir.join(name)))
    };
    let inner = dir.join("elements");
    if is_element(dir) {
        return Ok(Kind::Element);
    }
    if has_elements(dir, &own) {
        return Ok(Kind::Elements(dir.to_path_buf()));
    }
    if one_by_one::names(&inner).is_ok_and(|names| has_elements(&inner, &names)) {
        return Ok(Kind::Elements(inner));
    }
    let what = "is neither an element nor a directory of elements; an element has directories such as install.d, or files such as \
                element-deps";
    Err(Problem::new(Exit::Input, format!("{} {what}", dir.display())))
}

/// A directory called pkg-map is an element of that name, and no element's map.
fn is_element(dir: &Path) -> bool {
    let names = one_by_one::names(dir).unwrap_or_default();
    let may_mark = |name: &&String| name.ends_with(".d") || *name == "static" || !dir.join(name).is_dir();
    looks_like_element(names.iter().filter(may_mark).map(String::as_str))
}
