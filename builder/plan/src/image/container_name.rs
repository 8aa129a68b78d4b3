//! Names of container images: `REGISTRY/REPOSITORY:TAG`, as engines and registries take them (the grammar of
//! distribution/reference).
//!
//! In: a text, or an image's name. Out: what is wrong with it; or a name made of it. Never: a digest, which is of what is not made yet.

use alloc::format;
use alloc::string::String;

/// Why a text cannot name a container image.
pub(super) fn fault(text: &str) -> Option<&'static str> {
    let (repository, tag) = match text.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (text, None),
    };
    let is_tag = |tag: &str| {
        (1..=128).contains(&tag.len())
            && !tag.starts_with(['.', '-'])
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Some("a tag has up to 128 letters, digits, `_`, `.` and `-`");
    }
    let has_host = repository.contains('/');
    let parts = repository.split('/').enumerate();
    let is_part = |(at, part): (usize, &str)| {
        // The first of several may be a host with a port, which has capital letters as it likes.
        let of_host = |c: char| at == 0 && has_host && (c == ':' || c.is_ascii_uppercase());
        let letters = |c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-') || of_host(c)
        };
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(letters)
    };
    match parts.map(is_part).all(|fits| fits) {
        true => None,
        false => Some("its parts have small letters and digits, with `_`, `.` and `-` between"),
    }
}

/// The name of a container image that has an image's name: capital letters become small ones, and what does not fit becomes `-`.
pub(crate) fn of_image(name: &str) -> String {
    let small = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    let trimmed = small.trim_matches(['-', '.']);
    match trimmed.is_empty() {
        true => "image:latest".into(),
        false => format!("{trimmed}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_container_images() {
        for good in ["image", "tmp.X1/image", "registry.local:5000/a/b:v1.2", "a_b/c-d:T_1"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["", "Image", "a//b", "a:", "-a", "a/b@sha256:00", "a b", "a:b c", "a/B"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert_eq!(of_image("My_Image+1"), "my-image-1:latest");
        assert_eq!(fault(&of_image("My_Image+1")), None);
    }
}
