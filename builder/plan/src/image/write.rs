//! Image files as text, of entries that were read and merged.
//!
//! In: merged entries. Out: one image file that says the same. Never: a comment, which belongs to the file that it was in.

use alloc::format;
use alloc::string::{String, ToString};

use super::merge::Merged;
use crate::yaml::{Node, Yaml};

/// One file with all of them.
pub fn text_of(images: &[Merged]) -> String {
    let mut text = String::from("disk_images:\n");
    for Merged { entry, .. } in images {
        text += "  -";
        let given = entry.entries().iter().filter(|(_, value)| value.node != Node::Null);
        for (at, (key, value)) in given.enumerate() {
            let before = if at == 0 { " " } else { "    " };
            text += &format!("{before}{}:{}\n", scalar(key), below(value, 6));
        }
    }
    text
}

/// A value behind its key: on the same line, or in lines of its own.
fn below(value: &Yaml, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    match &value.node {
        Node::List(items) if items.is_empty() => " []".to_string(),
        Node::Map(entries) if entries.is_empty() => " {}".to_string(),
        Node::List(items) => {
            let line = |item: &Yaml| match &item.node {
                Node::List(_) | Node::Map(_) => format!("\n{blanks}- {}", inline(item)),
                _ => format!("\n{blanks}- {}", scalar(item)),
            };
            items.iter().map(line).collect()
        }
        Node::Map(entries) => {
            let line = |(key, value): &(Yaml, Yaml)| {
                format!("\n{blanks}{}:{}", scalar(key), below(value, indent + 2))
            };
            entries.iter().map(line).collect()
        }
        _ => format!(" {}", scalar(value)),
    }
}

/// A value in one line, as JSON has it.
fn inline(value: &Yaml) -> String {
    match &value.node {
        Node::List(items) => {
            format!("[{}]", items.iter().map(inline).collect::<alloc::vec::Vec<_>>().join(", "))
        }
        Node::Map(entries) => {
            let pair = |(key, value): &(Yaml, Yaml)| format!("{}: {}", scalar(key), inline(value));
            format!("{{{}}}", entries.iter().map(pair).collect::<alloc::vec::Vec<_>>().join(", "))
        }
        _ => scalar(value),
    }
}

fn scalar(value: &Yaml) -> String {
    match &value.node {
        Node::Text(text) => crate::dib::scalar(text),
        Node::Null => "null".to_string(),
        _ => value.text().unwrap_or_default().to_string(),
    }
}
