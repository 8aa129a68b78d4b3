//! Takes volatile files out of a tree, by rules.
//!
//! In: a tree and rules. Out: the tree, edited. Never: the disk.

use std::sync::Arc;

use dibber_model::{Content, InodeId, Kind, Tree};

use super::CaptureError;
use super::rules::{Rule, Treatment};

/// Applies the rules in their order. A rule that matches nothing does nothing.
///
/// # Errors
/// None today but what the tree itself refuses.
pub fn sanitize(tree: &mut Tree, rules: &[Rule]) -> Result<(), CaptureError> {
    for rule in rules {
        for matched in matches(tree, rule.pattern.as_bytes()) {
            apply(tree, &matched, &rule.treatment);
        }
    }
    Ok(())
}

/// A name that a pattern matches, with its directory.
struct MatchedName {
    parent: InodeId,
    name: Vec<u8>,
}

fn apply(tree: &mut Tree, matched: &MatchedName, treatment: &Treatment) {
    let MatchedName { parent, name } = matched;
    let Some(id) = child(tree, *parent, name) else { return };
    match treatment {
        Treatment::Remove => {
            if let Kind::Dir(entries) = &mut tree.inode_mut(*parent).kind {
                entries.remove(name.as_slice());
            }
        }
        Treatment::Empty => match &mut tree.inode_mut(id).kind {
            Kind::Dir(entries) => entries.clear(),
            Kind::File(content) => *content = Content::inline([]),
            _ => {}
        },
        Treatment::Truncate => {
            if let Kind::File(content) = &mut tree.inode_mut(id).kind {
                *content = Content::inline([]);
            }
        }
        Treatment::Write(bytes) => {
            if let Kind::File(content) = &mut tree.inode_mut(id).kind {
                *content = Content::inline(Arc::<[u8]>::from(&**bytes));
            }
        }
    }
}

fn child(tree: &Tree, parent: InodeId, name: &[u8]) -> Option<InodeId> {
    match &tree.inode(parent).kind {
        Kind::Dir(entries) => entries.get(name).copied(),
        _ => None,
    }
}

/// Names that a pattern matches, with their directories. `*` stands for any part of one name, `**` for any directories.
fn matches(tree: &Tree, pattern: &[u8]) -> Vec<MatchedName> {
    let parts: Vec<&[u8]> = pattern.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    let Some((last, dirs)) = parts.split_last() else { return Vec::new() };
    let mut at = vec![InodeId::ROOT];
    for part in dirs {
        at = at.into_iter().flat_map(|dir| step(tree, dir, part)).collect();
    }
    let named = |dir: InodeId| {
        let found: Vec<_> = tree
            .entries(dir)
            .filter(|(name, _)| like(name, last))
            .map(|(name, _)| MatchedName { parent: dir, name: name.to_vec() })
            .collect();
        found
    };
    at.into_iter().flat_map(named).collect()
}

/// Directories below `dir` that one part of a pattern leads to.
fn step(tree: &Tree, dir: InodeId, part: &[u8]) -> Vec<InodeId> {
    let is_dir = |id: InodeId| matches!(tree.inode(id).kind, Kind::Dir(_));
    if part != b"**" {
        let found = tree.entries(dir).filter(|(name, id)| like(name, part) && is_dir(*id));
        return found.map(|(_, id)| id).collect();
    }
    let mut all = vec![dir];
    let mut next = 0;
    while let Some(at) = all.get(next).copied() {
        all.extend(tree.entries(at).filter(|(_, id)| is_dir(*id)).map(|(_, id)| id));
        next += 1;
    }
    all
}

/// Whether a name is like a pattern in which `*` stands for any bytes.
fn like(name: &[u8], pattern: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|b| *b == b'*') else { return name == pattern };
    let (head, tail) = (&pattern[..star], &pattern[star + 1..]);
    match name.strip_prefix(head) {
        Some(rest) => (0..=rest.len()).any(|skip| like(&rest[skip..], tail)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibber_model::{Inode, Meta};

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new(Meta::default());
        for path in paths {
            let mut at = InodeId::ROOT;
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                let whole = parts.peek().is_none();
                at = child(&tree, at, part.as_bytes()).unwrap_or_else(|| {
                    let kind = if whole {
                        Kind::File(Content::inline(b"text".to_vec()))
                    } else {
                        Kind::Dir(Default::default())
                    };
                    tree.add(at, part.as_bytes(), Inode { meta: Meta::default(), kind }).unwrap()
                });
            }
        }
        tree
    }

    fn rule(pattern: &'static str, treatment: Treatment) -> Rule {
        Rule { pattern: pattern.into(), treatment, why: "test".into() }
    }

    #[test]
    fn patterns_match_within_names_and_across_directories() {
        for (pattern, name, fits) in [
            ("*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("*.log", ".log", true),
            ("ssh_host_*_key*", "ssh_host_rsa_key.pub", true),
        ] {
            assert_eq!(like(name.as_bytes(), pattern.as_bytes()), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn treatments_edit_what_they_match_and_nothing_else() {
        let mut tree =
            tree(&["tmp/a", "tmp/b/c", "var/log/x.log", "var/log/apt/y.log", "etc/machine-id", "etc/keep"]);
        let rules = [
            rule("tmp/*", Treatment::Remove),
            rule("var/log/**/*", Treatment::Truncate),
            rule("etc/machine-id", Treatment::Write(b"uninitialized\n".as_slice().into())),
        ];
        sanitize(&mut tree, &rules).unwrap();
        let content = |path: &str| match &tree.inode(tree.lookup(path.as_bytes()).unwrap()).kind {
            Kind::File(content) => content.clone(),
            other => panic!("{other:?}"),
        };
        assert!(tree.lookup(b"tmp").is_some());
        assert_eq!(tree.lookup(b"tmp/a"), None);
        assert_eq!(tree.lookup(b"tmp/b/c"), None);
        assert_eq!(content("var/log/x.log").len, 0);
        assert_eq!(content("var/log/apt/y.log").len, 0);
        assert_eq!(content("etc/machine-id"), Content::inline(b"uninitialized\n".as_slice()));
        assert_eq!(content("etc/keep"), Content::inline(b"text".as_slice()));
    }
}
