//! `IMAGE_ELEMENT` and its relatives: how hooks learn which elements there are.
//!
//! In: resolved names and where their directories stand in the sandbox. Out: texts. Never: dib's set order.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// `IMAGE_ELEMENT`: all names, native ones too, blank between, by name.
pub fn image_element(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}

/// `IMAGE_ELEMENT_YAML`: a mapping of name to path, by name, quoted so that no path can be misread.
pub fn image_element_yaml(paths: &BTreeMap<String, String>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    paths.iter().map(|(name, path)| format!("{}: {}\n", quoted(name), quoted(path))).collect()
}

/// What the shell function `get_image_element_array` prints: `[name]=path [name]=path`, for `declare -A`.
pub fn image_element_array(paths: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> =
        paths.iter().map(|(name, path)| format!("[{}]={}", shell_word(name), shell_word(path))).collect();
    pairs.join(" ")
}

/// The variable by which bash finds that function (bash, `variables.c`, `BASHFUNC_PREFIX`).
pub const EXPORTED_FUNCTION: &str = "BASH_FUNC_get_image_element_array%%";

/// The value of that variable: what `export -f` would make it.
pub fn image_element_function(paths: &BTreeMap<String, String>) -> String {
    format!("() {{  printf '%s\\n' {}\n}}", quote(&image_element_array(paths)))
}

/// The text as one shell word; plain where it can be.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { String::from(text) } else { quote(text) }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn paths() -> BTreeMap<String, String> {
        [("vm", "/e/vm"), ("base", "/it's/base"), ("a b", "/a")]
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .into()
    }

    #[test]
    fn texts() {
        assert_eq!(image_element(&["vm".to_string(), "base".to_string()]), "base vm");
        assert_eq!(image_element_yaml(&paths()), "'a b': '/a'\n'base': '/it''s/base'\n'vm': '/e/vm'\n");
        assert_eq!(image_element_array(&paths()), "['a b']=/a [base]='/it'\\''s/base' [vm]=/e/vm");
        let vm = BTreeMap::from([("vm".to_string(), "/e/vm".to_string())]);
        assert_eq!(image_element_function(&vm), "() {  printf '%s\\n' '[vm]=/e/vm'\n}");
    }
}
