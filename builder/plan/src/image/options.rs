//! dib's command line, where an image file carries a piece of it under `options:`.
//!
//! In: the texts of `options`. Out: what they mean here. Never: an option that is dropped in silence: what could mislead is refused by
//! name.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::dib::{DibOptions, Item, OptionFault, OptionName, apply, read_words, words_of};
use crate::yaml::{Fault, Yaml};

/// Reads the options of an image's `options:` list.
pub fn dib_options(list: &Yaml) -> Result<DibOptions, Fault> {
    let (mut words, mut places): (Vec<String>, Vec<&Yaml>) = (Vec::new(), Vec::new());
    for item in list.items() {
        let text = item.text().unwrap_or_default();
        let split =
            words_of(text).ok_or_else(|| item.at.bad(format!("`{text}` has a quote that does not close")))?;
        places.extend(split.iter().map(|_| item));
        words.extend(split);
    }
    let fault = |fault: OptionFault| {
        let at = &places.get(fault.at).map_or(list, |item| item).at;
        match fault.hint {
            Some(hint) => at.bad(fault.why).hint(hint),
            None => at.bad(fault.why),
        }
    };
    let mut options = DibOptions::default();
    for item in read_words(&words).map_err(fault)? {
        take(&mut options, item).map_err(fault)?;
    }
    Ok(options)
}

fn take(options: &mut DibOptions, item: Item) -> Result<(), OptionFault> {
    match item {
        Item::Element { name, at } => {
            Err(OptionFault::new(at, format!("`{name}` is no option"))
                .hint("elements belong under `elements:`"))
        }
        Item::Option { name, value, at } => match refusal(name) {
            Some(hint) => {
                let why = format!("option `{}` has no meaning in an image file", name.facts().spelling());
                Err(OptionFault::new(at, why).hint(hint))
            }
            None => apply(options, name, &value).map_err(|why| OptionFault::new(at, why)),
        },
    }
}

/// Why an option has no meaning in an image file: the rest of a sentence.
fn refusal(name: OptionName) -> Option<&'static str> {
    match name {
        OptionName::ImageName => Some("the name is `imagename`"),
        OptionName::RamdiskElement => Some("name the element under `ramdisk:`"),
        OptionName::Help | OptionName::Version => Some("leave it out"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::sync::Arc;

    use dibber_model::Bytes;

    use super::*;
    use crate::source::TextSource;
    use crate::yaml::read;

    fn options(list: &str) -> Result<DibOptions, String> {
        let source = TextSource { origin: "f".into(), text: format!("options: {list}\n") };
        let yaml = read(&Arc::new(source)).expect("YAML");
        dib_options(yaml.get("options").expect("options")).map_err(|fault| fault.to_string())
    }

    #[test]
    fn pieces_of_a_command_line() {
        let read = options("[\"-n --image-size 2.5\", --mkfs-options '-i 8192', -t, 'raw,qcow2']").unwrap();
        assert!(read.skip_base);
        assert_eq!(read.size, Some(Bytes::mib(2560)));
        assert_eq!(read.mkfs.inode_ratio, Some(8192));
        assert_eq!(read.types, ["raw", "qcow2"]);
        for (list, message) in [
            ("[vm]", "f:1:11: `vm` is no option; elements belong under `elements:`"),
            ("[-n, --imgae-size, 4]", "f:1:15: unknown option `--imgae-size`; did you mean `--image-size`?"),
            ("[-o, x]", "f:1:11: option `-o` has no meaning in an image file; the name is `imagename`"),
            ("[\"--mkfs-options '-s\"]", "f:1:11: `--mkfs-options '-s` has a quote that does not close"),
        ] {
            assert_eq!(options(list), Err(message.to_string()), "{list}");
        }
    }
}
