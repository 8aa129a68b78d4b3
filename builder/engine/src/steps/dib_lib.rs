//! dib's `_LIB`: the directory of functions that its driver is made of, and that hooks read too (`source $_LIB/die`,
//! `$_LIB/img-functions`). What of it elements use is here in our own words; see `docs/elements.md` for which.
//!
//! In: nothing. Out: files for the hooks directory. Never: what only dib's driver does with an image.

/// Where they are in the hooks directory.
pub(super) const LIB: &str = ".dibber/lib";

/// One of dib's files of functions.
pub(super) struct LibFile {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// All of them.
pub(super) const FILES: [LibFile; 11] = [
    LibFile { name: "common-defaults", text: include_str!("dib_lib/common-defaults.sh") },
    LibFile { name: "common-functions", text: include_str!("dib_lib/common-functions.sh") },
    LibFile { name: "dib-run-parts", text: include_str!("dib_lib/dib-run-parts.sh") },
    LibFile { name: "die", text: include_str!("dib_lib/die.sh") },
    LibFile { name: "img-defaults", text: include_str!("dib_lib/img-defaults.sh") },
    LibFile { name: "img-functions", text: include_str!("dib_lib/img-functions.sh") },
    LibFile { name: "python/diskimage_builder/__init__.py", text: "" },
    LibFile {
        name: "python/diskimage_builder/logging_config.py",
        text: include_str!("dib_lib/logging_config.py"),
    },
    LibFile { name: "python3", text: include_str!("dib_lib/python3.sh") },
    LibFile { name: "ramdisk-defaults", text: include_str!("dib_lib/ramdisk-defaults.sh") },
    LibFile { name: "ramdisk-functions", text: include_str!("dib_lib/ramdisk-functions.sh") },
];

/// The variable by which bash finds `die`, which dib's driver exports to every hook outside the tree.
pub(super) const EXPORTED_DIE: &str = "BASH_FUNC_die%%";

/// Its value: what `export -f` would make it.
pub(super) const DIE: &str =
    "() {  local status=$?;\n set +o xtrace;\n echo \"$@\";\n exit \"$((status > 0 ? status : 1))\"\n}";
