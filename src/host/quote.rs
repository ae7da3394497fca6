//! Quoting of words for a POSIX shell.

/// `word` as one word of a POSIX shell, with every character literal. Words of plain characters stay as they are.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::quote;

    /// A real shell is the judge.
    #[test]
    fn a_shell_reads_each_word_as_it_is() {
        let words =
            ["", "a", "it's", "$HOME `id` $(id)", "two\nlines", "\\ \"", "*", "~", "-n", "é🦀", "a=b", "!!", "#x"];
        let script = words.iter().fold("printf '%s\\0'".to_owned(), |script, word| script + " " + &quote(word));
        let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
        let expected = words.iter().fold(String::new(), |all, word| all + word + "\0");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }

    #[test]
    fn a_plain_word_is_readable() {
        assert_eq!(quote("/etc/eks/node.yaml"), "/etc/eks/node.yaml");
        assert_eq!(quote("~"), "'~'");
    }
}
