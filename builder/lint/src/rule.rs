//! The table of rules: what `--list-rules` prints and docs/linting.md has.
//!
//! In: a name. Out: its row. Never: a rule that is found by code and has no row.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// diskimage-builder or dibber breaks at it, passes it over, or does something else than it says.
    Error,
    /// Style, and what may bite in some images.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A kind of thing that can be wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, for `--rule`, `--disable` and comments.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What dib-lint calls it, if it has a name there.
    pub dib: Option<&'static str>,
    /// Whether `--fix` mends it, at least in most cases.
    pub fixable: bool,
    /// What is found.
    pub what: &'static str,
    /// Why that is bad, or what to do.
    pub mend: &'static str,
}

const fn error(name: &'static str, what: &'static str, mend: &'static str) -> Rule {
    Rule { name, severity: Severity::Error, dib: None, fixable: false, what, mend }
}

const fn warning(name: &'static str, what: &'static str, mend: &'static str) -> Rule {
    Rule { severity: Severity::Warning, ..error(name, what, mend) }
}

impl Rule {
    const fn dib(self, name: &'static str) -> Rule {
        Rule { dib: Some(name), ..self }
    }

    const fn fixable(self) -> Rule {
        Rule { fixable: true, ..self }
    }

    /// Whether a person means this rule by a word: its name, or dib-lint's for it.
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || self.dib == Some(word)
    }
}

/// The rule of a name. Only names of the table are asked for, which a test of every call holds.
pub fn rule(name: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.name == name).unwrap_or(&RULES[0])
}

/// Every rule: errors first, by what they are about.
pub const RULES: &[Rule] = &[
    error(
        "unreadable",
        "a file that cannot be read as what it is",
        "elements hold UTF-8 texts of at most 1 MiB, other files, directories and links",
    ),
    error(
        "hook-name",
        "an executable whose name dib-run-parts skips",
        "hook names have only letters, digits, `_` and `-`",
    ),
    error(
        "hook-mode",
        "a file named as a hook that is not executable",
        "make it executable, or move it out of the phase's directory",
    )
    .dib("executable")
    .fixable(),
    error("phase-directory", "a directory whose name is nearly a phase's", "rename it"),
    error("file-name", "a file whose name is nearly one that is read", "rename it"),
    error("line-ends", "carriage returns in what the kernel or a shell reads", "save it with LF line ends")
        .fixable(),
    error("byte-order-mark", "a byte order mark before `#!`", "save it as UTF-8 without one").fixable(),
    error(
        "link",
        "a link in a phase's directory that leads nowhere or out of the element",
        "put the file itself there",
    ),
    error(
        "environment-name",
        "a file of environment.d whose name is not read",
        "names there have only letters, digits, `.`, `_` and `-`",
    ),
    error(
        "environment-exit",
        "`exit` without a code, or with 0, in environment.d",
        "the file is read before each phase, whose hooks then do not run; use `return`",
    ),
    error(
        "element-name",
        "a line of element-deps or element-provides that is no name",
        "one name a line, without blanks and comments",
    ),
    error(
        "deps-unknown",
        "a need that no known element is or provides",
        "name the directory of the other elements with --elements-path",
    ),
    error("deps-plumbing", "files whose plumbing nothing brings", "add it to element-deps"),
    error("provided-twice", "two elements that come together and provide one name", "leave one of them out"),
    error(
        "duplicate-hook",
        "files of one name in elements that come together",
        "rename one of them: dib ends with `duplicated hook`",
    ),
    error(
        "package-list",
        "a list of packages that cannot be read",
        "see package-installs of diskimage-builder",
    ),
    error("package-key", "a key of a package list that nothing reads", "write one of the known keys"),
    error(
        "package-phase",
        "a phase in which no packages are installed",
        "pre-install.d, install.d or post-install.d",
    ),
    error(
        "package-flag",
        "`uninstall: false` or `build-only: false`",
        "dib looks only at whether the key is there; leave it out",
    ),
    error(
        "package-arch",
        "architectures with blanks, or as a list",
        "dib splits a text at commas, and keeps blanks",
    )
    .fixable(),
    error("pkg-map", "a pkg-map that cannot be read", "JSON with release, distro, family and default"),
    error(
        "pkg-map-section",
        "a section or family of a pkg-map that nothing reads",
        "known are release, distro, family, default",
    ),
    error(
        "svc-map",
        "a svc-map that cannot be read",
        "YAML: services, and in each distributions, families or default",
    ),
    error(
        "repository-line",
        "a line of source-repository-* that cannot be read",
        "NAME git|tar|file|package DESTINATION LOCATION [REFERENCE]",
    ),
    error(
        "repository-newline",
        "a source-repository-* whose last line has no end",
        "dib does not read that line",
    )
    .fixable(),
    error("block-device", "a block-device config that cannot be carried out", "see the message"),
    error(
        "required-variables",
        "a line of required-variables that cannot be read",
        "a variable's name and an example of its value",
    ),
    error(
        "network-access",
        "a line of network-access that cannot be read",
        "`none` or `host`, alone or with a hook",
    ),
    warning(
        "deps-circle",
        "elements that need each other",
        "dib chooses both; which comes first is nobody's to say",
    ),
    warning(
        "deps-implied",
        "packages or programs in `bin` whose plumbing only the operating system brings",
        "add it to element-deps",
    ),
    warning("deps-twice", "a name that stands twice in element-deps", "leave one out"),
    warning("deps-order", "an element-deps that is not sorted", "sort it").fixable(),
    warning(
        "same-file",
        "files of one name in elements that do not come together",
        "an image that has both cannot be built; rename one",
    ),
    warning(
        "distro-name",
        "an operating system whose environment.d sets no DISTRO_NAME",
        "pkg-map and many hooks ask for it",
    ),
    warning(
        "required-variable",
        "a DIB_ variable that a hook under `set -u` reads and nothing gives a value",
        "give it a default in environment.d, or name it in required-variables",
    ),
    warning(
        "environment-veto",
        "`exit` with a code and without a message in environment.d",
        "print why before it",
    ),
    warning("environment-trace", "`set -x` in environment.d", "it holds for every file after it"),
    warning("environment-mode", "an executable file of environment.d", "it is read, not run").fixable(),
    warning("no-interpreter", "a hook without `#!`", "begin it with `#!/bin/bash`"),
    warning("executable", "a file that begins with `#!` and is not executable", "make it executable")
        .dib("executable")
        .fixable(),
    warning(
        "bash-path",
        "another first line of a bash script than `#!/bin/bash`",
        "write that; options belong into `set`",
    ),
    warning("set-e", "a bash script without `set -e`", "add `set -eu -o pipefail`").dib("sete"),
    warning("set-u", "a bash script without `set -u`", "add `set -eu -o pipefail`").dib("setu"),
    warning("set-pipefail", "a bash script without `set -o pipefail`", "add `set -eu -o pipefail`")
        .dib("setpipefail"),
    warning(
        "debug-trace",
        "a bash script that does not heed DIB_DEBUG_TRACE",
        "add `if [ \"${DIB_DEBUG_TRACE:-0}\" -gt 0 ]; then set -x; fi`",
    )
    .dib("dibdebugtrace"),
    warning("indent", "lines that are not indented by multiples of four blanks", "indent by four")
        .dib("indent"),
    warning("tabs", "lines indented by tabs", "indent by four blanks").dib("tabindent"),
    warning("final-newline", "a text whose last line has no end", "end it").dib("newline").fixable(),
    warning(
        "export-command",
        "`export NAME=$(command)`",
        "a command that fails is not noticed; assign first, then export",
    ),
    warning(
        "unsafe-sudo",
        "`sudo` outside of the chroot that names no path of the build",
        "it may change the building machine",
    )
    .dib("safe_sudo"),
    warning(
        "sudo-in-chroot",
        "`sudo` in a phase that runs in the chroot",
        "hooks are root there, and sudo need not be installed",
    ),
    warning("which", "a call of `which`", "use `command -v` or `type -p`").dib("which"),
    warning("hook-number", "a hook whose name begins with no number", "it runs before all others"),
    warning("readme", "an element without a README", "write README.rst"),
    warning("markdown", "documentation in Markdown", "dib's documentation is made of README.rst")
        .dib("mddocs"),
    warning("yaml", "a YAML file that cannot be read", "see the message"),
];

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_words_of_their_own() {
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        let fits = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(names.iter().all(|name| fits(name)));
        assert!(RULES.windows(2).all(|pair| pair[0].severity <= pair[1].severity));
    }
}
