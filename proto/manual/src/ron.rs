//! The configuration as it is shipped: every key with its default, and above it what it is for.

use crate::{Config, Key, Value, wrap};

/// The longest line of a comment.
const WIDTH: usize = 120;

/// The file.
#[must_use]
pub fn file(config: &Config) -> String {
    let mut text = String::new();
    comment(&mut text, "", config.about);
    text += "(\n";
    for (number, key) in config.keys.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        write(&mut text, "    ", key);
    }
    text + ")\n"
}

fn write(text: &mut String, indent: &str, key: &Key) {
    comment(text, indent, key.text);
    let name = key.name;
    *text += &match key.value {
        Value::Default(value) | Value::Needed(value) => format!("{indent}{name}: {value},\n"),
        Value::Absent(value) => format!("{indent}// {name}: {value},\n"),
        Value::Keys(_) => format!("{indent}{name}: (\n"),
    };
    if let Value::Keys(keys) = key.value {
        for below in keys {
            write(text, &format!("{indent}    "), below);
        }
        *text += &format!("{indent}),\n");
    }
}

fn comment(text: &mut String, indent: &str, words: &str) {
    for line in wrap(words, WIDTH - indent.len() - 3) {
        *text += &format!("{indent}// {line}\n");
    }
}
