//! What stands in `/etc/dib-manifests`.
//!
//! In: names, variables, arguments. Out: files as texts, all mode 0600 and root's in the image. Never: a secret, be it in a
//! variable of such a name, in another one that quotes it, or in a URL: dib writes every `DIB_*` of the caller's environment as it is.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use dibber_model::redact::{Redact, quoted};

/// The variable that says where manifests are in the image; its usual value is a row of [`contract`](crate::contract).
pub const IMAGE_DIR: &str = "DIB_MANIFEST_IMAGE_DIR";

/// The variable that says where they go beside the image.
pub const SAVE_DIR: &str = "DIB_MANIFEST_SAVE_DIR";

/// `dib-element-manifest`: one name a line, native ones too.
pub fn element_manifest(names: &[String]) -> String {
    let mut names: alloc::vec::Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// `dib_environment`: the `DIB_*` variables, one a line as `declare -x` prints them.
pub fn environment(variables: &BTreeMap<String, String>) -> String {
    let redact = Redact::from_variables(variables);
    let public = |name: &str, value: &str| quoted(&redact.variable(name, value, variables));
    let dib = variables.iter().filter(|(name, _)| name.starts_with("DIB_") && *name != SAVE_DIR);
    dib.map(|(name, value)| format!("declare -x {name}=\"{}\"\n", public(name, value))).collect()
}

/// `dib_arguments`: the command line, one line, as hooks see it in `DIB_ARGS`.
fn arguments(variables: &BTreeMap<String, String>) -> String {
    let redact = Redact::from_variables(variables);
    let arguments = variables.get("DIB_ARGS").map(String::as_str).unwrap_or_default();
    format!("{}\n", redact.public(arguments.to_string()))
}

/// All files of the manifests directory that planning knows, by name.
pub fn files(names: &[String], variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    [
        ("dib-element-manifest", element_manifest(names)),
        ("dib_environment", environment(variables)),
        ("dib_arguments", arguments(variables)),
    ]
    .map(|(name, text)| (name.to_string(), text))
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{env, words};
    use super::*;

    #[test]
    fn texts() {
        let mut variables = env("DIB_RELEASE=bookworm HOME=/root DIB_X=a\"$b");
        assert_eq!(
            environment(&variables),
            "declare -x DIB_RELEASE=\"bookworm\"\ndeclare -x DIB_X=\"a\\\"\\$b\"\n"
        );
        variables.insert("DIB_ARGS".to_string(), "vm -o x".to_string());
        let files = files(&words("vm base"), &variables);
        assert_eq!(files["dib-element-manifest"], "base\nvm\n");
        let secret = environment(&env("DIB_DEV_USER_PASSWORD=x DIB_M=http://u:p@h/a@b DIB_N=http://h/a@b"));
        assert_eq!(
            secret,
            "declare -x DIB_DEV_USER_PASSWORD=\"***\"\ndeclare -x DIB_M=\"http://***@h/a@b\"\ndeclare -x DIB_N=\"http://h/a@b\"\n"
        );
        let dev = "DIB_DEV_USER_PASSWORD=letmein";
        let listed = environment(&env(&format!("{dev} DIB_ENV=declare@{dev}")));
        assert!(!listed.contains("letmein"), "{listed}");
        assert_eq!(files["dib_arguments"], "vm -o x\n");
    }
}
