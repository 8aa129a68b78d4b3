//! lvm2's way to write a tree of values (`libdm/libdm-config.c`).
//!
//! In: a text. Out: sections with values. Never: a section within more sections than metadata has.

/// Deepest section.
const DEPTH_MAX: usize = 8;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number from 0.
    Number(u64),
}

/// What stands between braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    values: Vec<(String, Vec<Value>)>,
    sections: Vec<(String, Section)>,
}

impl Section {
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.sections.iter().map(|(name, section)| (name.as_str(), section))
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections().find(|(known, _)| *known == name).map(|(_, section)| section)
    }

    /// A value that is a list, or the one value.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.values.iter().find(|(known, _)| known == name).map_or(&[], |(_, list)| list)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.list(name) {
            [Value::Number(number)] => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.words(name).next()
    }

    pub(super) fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.list(name).iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Number(_) => None,
        })
    }
}

/// Reads a whole text, or tells what does not stand in one.
pub(super) fn parse(text: &str) -> Result<Section, String> {
    let mut reader = Reader { rest: text, depth: 0 };
    let section = reader.section()?;
    match reader.token() {
        None => Ok(section),
        Some(token) => Err(format!("its metadata has `{token}` where it should end")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// The next word, sign or quoted text, which keeps its quotes.
    fn token(&mut self) -> Option<&'a str> {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\0');
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.trim_start_matches(|c| c != '\n'),
                None => break,
            }
        }
        let first = self.rest.chars().next()?;
        let len = match first {
            '{' | '}' | '[' | ']' | '=' | ',' => 1,
            '"' => {
                let mut escaped = false;
                let end = self.rest[1..].char_indices().find(|(_, c)| {
                    let ends = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                });
                end.map_or(self.rest.len(), |(at, _)| at + 2)
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "{}[]=,\"#\0".contains(c);
                self.rest.find(ends).unwrap_or(self.rest.len())
            }
        };
        let (token, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(token)
    }

    /// Up to the brace that ends it, or the end of the text.
    fn section(&mut self) -> Result<Section, String> {
        let mut section = Section::default();
        loop {
            let before = self.rest;
            let Some(name) = self.token() else { return Ok(section) };
            if name == "}" && self.depth > 0 {
                // The one that opened this section takes it.
                self.rest = before;
                return Ok(section);
            }
            match self.token() {
                Some("=") => section.values.push((name.to_string(), self.values()?)),
                Some("{") if self.depth < DEPTH_MAX => {
                    self.depth += 1;
                    let inner = self.section()?;
                    self.depth -= 1;
                    if self.token() != Some("}") {
                        return Err(format!("its metadata ends within `{name}`"));
                    }
                    section.sections.push((name.to_string(), inner));
                }
                other => {
                    let other = other.unwrap_or("nothing");
                    return Err(format!("its metadata has `{other}` after `{name}`"));
                }
            }
        }
    }

    fn values(&mut self) -> Result<Vec<Value>, String> {
        let first = self.token().unwrap_or_default();
        if first != "[" {
            return Ok(vec![value(first)?]);
        }
        let mut list = Vec::new();
        loop {
            match self.token() {
                Some("]") => return Ok(list),
                Some(",") => {}
                Some(token) => list.push(value(token)?),
                None => return Err("its metadata ends within a list".to_string()),
            }
        }
    }
}

fn value(token: &str) -> Result<Value, String> {
    match token.strip_prefix('"') {
        Some(text) => Ok(Value::Text(
            text.strip_suffix('"').unwrap_or(text).replace("\\\"", "\"").replace("\\\\", "\\"),
        )),
        None => token.parse().map(Value::Number).map_err(|_| format!("its metadata has the value `{token}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lvm2_writes_is_read() {
        let text = "vg {\n# a comment { \nid = \"a-b\"\nseqno = 3\nstatus = [\"READ\", \"WRITE\"] flags = []\n\
                    pv0 { size = 7 # sectors\n }\nsaid = \"a \\\"b\\\" {\"\n}\nversion = 1\n";
        let top = parse(text).unwrap();
        let vg = top.section("vg").unwrap();
        assert_eq!((vg.text("id"), vg.number("seqno")), (Some("a-b"), Some(3)));
        assert_eq!(vg.words("status").collect::<Vec<_>>(), ["READ", "WRITE"]);
        assert!(vg.list("flags").is_empty());
        assert_eq!(vg.section("pv0").unwrap().number("size"), Some(7));
        assert_eq!(vg.text("said"), Some("a \"b\" {"));
        assert_eq!(top.number("version"), Some(1));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for bad in ["vg {", "vg { a = [", "}", "vg", "a = b", "vg } {", "= 1", "a = 99999999999999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"a {".repeat(100_000)).is_err());
        assert_eq!(parse("a = \"x").unwrap().text("a"), Some("x"));
    }
}
