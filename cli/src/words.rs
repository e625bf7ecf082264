//! A line of commands, cut into commands and words.

use crate::failure::Failure;

/// Cuts a line at every `;` and the pieces at white space. `'…'` and `"…"` keep everything as it is, a backslash keeps the next character.
///
/// # Errors
/// A quote is not closed.
pub fn split(line: &str) -> Result<Vec<Vec<String>>, Failure> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => word.extend(chars.next()),
                        Some(inside) => word.push(inside),
                        None => {
                            return Err(Failure::usage(format!("a quote {c} is not closed"))
                                .hint("a quote that belongs to a name is written \\' or \\\""));
                        }
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            ';' => {
                finish(&mut commands, word.take());
                commands.push(Vec::new());
            }
            c if c.is_whitespace() => finish(&mut commands, word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    finish(&mut commands, word);
    commands.retain(|words| !words.is_empty());
    Ok(commands)
}

fn finish(commands: &mut [Vec<String>], word: Option<String>) {
    if let Some(last) = commands.last_mut() {
        last.extend(word);
    }
}

/// A name as it is to be typed so that [`split`] gives it back.
#[must_use]
pub fn quote(name: &str) -> String {
    let special = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\' | ';');
    let mut typed = String::with_capacity(name.len());
    for c in name.chars() {
        if special(c) {
            typed.push('\\');
        }
        typed.push(c);
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_a_shell_would() {
        let cut = split(r#"get "a b.pdf" md5; ls;;  rm it\'s 'x;\y'"#).expect("good");
        let want: [&[&str]; 3] = [&["get", "a b.pdf", "md5"], &["ls"], &["rm", "it's", r"x;\y"]];
        assert_eq!(cut, want);
        assert_eq!(split("  ").expect("good"), Vec::<Vec<String>>::new());
        assert_eq!(split("rm ''").expect("good"), [["rm", ""]]);
        assert!(split("rm 'x").is_err());
        for name in ["a", "a b", "it's; \"x\\y\"", "日 本"] {
            assert_eq!(split(&quote(name)).expect("good"), [[name]]);
        }
    }
}
