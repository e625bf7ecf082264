//! The events that `cli/JSON.md` describes, and whether a line is one of them.

use crate::binaries::root;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// The fields of each event, with what they are: `text`, `number`, `truth`, and a `?` where they may be null.
pub struct Events(BTreeMap<String, BTreeMap<String, String>>);

impl Events {
    /// Reads the document.
    ///
    /// # Panics
    /// It is not there, or its table is of another form.
    #[must_use]
    pub fn documented() -> Self {
        let text = fs::read_to_string(root().join("cli/JSON.md")).expect("the document");
        let (_, table) = text.split_once("|---|---|---|\n").expect("a table");
        let mut events = BTreeMap::new();
        for row in table.lines().take_while(|line| line.starts_with('|')) {
            let cells: Vec<_> = row.trim_matches('|').rsplitn(2, " | ").collect();
            let [fields, head] = cells[..] else { panic!("another form: {row}") };
            let name = head.split('`').nth(1).expect("a name").to_owned();
            let fields = fields.split(", ").map(|field| {
                let mut parts = field.split('`').skip(1);
                let (name, kind) = (parts.next().expect("a name"), parts.next().expect("a kind"));
                (name.trim().to_owned(), kind.trim().to_owned())
            });
            assert!(events.insert(name, fields.collect()).is_none(), "twice: {row}");
        }
        Self(events)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads what `-j` wrote; every line is an event as it is described.
    ///
    /// # Panics
    /// A line is not.
    #[must_use]
    pub fn read(&self, output: &str) -> Vec<Value> {
        output.lines().map(|line| self.one(line)).collect()
    }

    fn one(&self, line: &str) -> Value {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let object = event.as_object().unwrap_or_else(|| panic!("no object: {line}"));
        let name = object["event"].as_str().unwrap_or_else(|| panic!("no event: {line}"));
        let fields = self.0.get(name).unwrap_or_else(|| panic!("cli/JSON.md has no {name}: {line}"));
        for (field, value) in object.iter().filter(|(field, _)| *field != "event") {
            let kind =
                fields.get(field).unwrap_or_else(|| panic!("cli/JSON.md has no {name}.{field}: {line}"));
            let fits = match value {
                Value::Null => kind.ends_with('?'),
                Value::Bool(_) => kind.starts_with("truth"),
                Value::Number(_) => kind.starts_with("number"),
                Value::String(_) => kind.starts_with("text"),
                Value::Array(_) | Value::Object(_) => false,
            };
            assert!(fits, "{name}.{field} is {kind}: {line}");
        }
        for field in fields.keys() {
            assert!(object.contains_key(field), "{name} has no {field}: {line}");
        }
        event
    }
}
