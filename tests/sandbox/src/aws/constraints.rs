//! Checks of single members, reported the way AWS does: all at once, in one message.

use super::error::{AwsError, Result};

/// Collects what is wrong with a request's members. Names are those of AWS's messages: camel case, list
/// positions from one (`tags.1.member.key`).
#[derive(Default)]
pub struct Constraints {
    found: Vec<String>,
}

impl Constraints {
    fn add(&mut self, value: &str, at: &str, rule: &str) {
        self.found.push(format!("Value {value} at '{at}' failed to satisfy constraint: {rule}"));
    }

    /// The member must be there.
    pub fn required<T>(&mut self, at: &str, value: Option<&T>)
    where
        T: ?Sized,
    {
        if value.is_none() {
            self.add("null", at, "Member must not be null");
        }
    }

    /// Characters from `least` to `most`.
    pub fn length(&mut self, at: &str, value: Option<&str>, least: usize, most: usize) {
        let Some(value) = value else { return };
        self.count(at, value.chars().count(), &quoted(value), least, most);
    }

    /// Entries of a list from `least` to `most`.
    pub fn entries(&mut self, at: &str, values: &[String], least: usize, most: usize) {
        let shown = quoted(&format!("[{}]", values.join(", ")));
        self.count(at, values.len(), &shown, least, most);
    }

    fn count(&mut self, at: &str, count: usize, shown: &str, least: usize, most: usize) {
        if count < least {
            let rule = format!("Member must have length greater than or equal to {least}");
            self.add(shown, at, &rule);
        }
        if count > most {
            let rule = format!("Member must have length less than or equal to {most}");
            self.add(shown, at, &rule);
        }
    }

    pub fn range(&mut self, at: &str, value: Option<i64>, least: i64, most: i64) {
        let Some(value) = value else { return };
        let shown = quoted(&value.to_string());
        if value < least {
            let rule = format!("Member must have value greater than or equal to {least}");
            self.add(&shown, at, &rule);
        }
        if value > most {
            let rule = format!("Member must have value less than or equal to {most}");
            self.add(&shown, at, &rule);
        }
    }

    pub fn one_of(&mut self, at: &str, value: Option<&str>, allowed: &[&str]) {
        let Some(value) = value else { return };
        if !allowed.contains(&value) {
            let rule = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
            self.add(&quoted(value), at, &rule);
        }
    }

    /// `fits` decides, `pattern` is what the message shows.
    pub fn pattern(&mut self, at: &str, value: Option<&str>, pattern: &str, fits: impl Fn(&str) -> bool) {
        let Some(value) = value else { return };
        if !fits(value) {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.add(&quoted(value), at, &rule);
        }
    }

    /// The message, when anything was wrong.
    pub fn message(&self) -> Option<String> {
        let errors = match self.found.len() {
            0 => return None,
            1 => "1 validation error detected".to_owned(),
            count => format!("{count} validation errors detected"),
        };
        Some(format!("{errors}: {}", self.found.join("; ")))
    }

    /// As the JSON services answer.
    pub fn finish(self) -> Result<()> {
        self.finish_as("ValidationException")
    }

    /// With the code that STS, IAM (`ValidationError`) or EKS (`InvalidParameterException`) use.
    pub fn finish_as(self, code: &str) -> Result<()> {
        self.message().map_or(Ok(()), |message| Err(AwsError::client(code, message)))
    }
}

fn quoted(value: &str) -> String {
    format!("'{value}'")
}

/// The pattern of tag keys, tag values and names in Systems Manager.
pub const NAME_PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";

/// Letters, separators, numbers and `_.:/=+-@`.
pub fn is_name(text: &str) -> bool {
    text.chars().all(|letter| {
        letter.is_alphanumeric() || (letter.is_whitespace() && !letter.is_control()) || "_.:/=+-@".contains(letter)
    })
}

/// Checks tags as Systems Manager does.
pub fn tags(constraints: &mut Constraints, tags: &[(String, String)]) {
    for (index, (key, value)) in tags.iter().enumerate() {
        let at = format!("tags.{}.member", index + 1);
        constraints.length(&format!("{at}.key"), Some(key), 1, 128);
        constraints.pattern(&format!("{at}.key"), Some(key), NAME_PATTERN, is_name);
        constraints.length(&format!("{at}.value"), Some(value), 0, 256);
        constraints.pattern(&format!("{at}.value"), Some(value), NAME_PATTERN, is_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_in_the_form_of_aws() {
        let mut one = Constraints::default();
        one.range("registrationLimit", Some(1001), 1, 1000);
        assert_eq!(
            one.message().unwrap(),
            "1 validation error detected: Value '1001' at 'registrationLimit' failed to satisfy constraint: Member must have value less than or equal to 1000"
        );
        let mut two = Constraints::default();
        two.required::<str>("iamRole", None);
        two.length("description", Some("abc"), 0, 2);
        assert_eq!(
            two.message().unwrap(),
            "2 validation errors detected: Value null at 'iamRole' failed to satisfy constraint: Member must not be null; Value 'abc' at 'description' failed to satisfy constraint: Member must have length less than or equal to 2"
        );
        assert!(Constraints::default().finish().is_ok());
    }

    #[test]
    fn bounds_are_inclusive() {
        for (value, accepted) in [(0, false), (1, true), (1000, true), (1001, false)] {
            let mut constraints = Constraints::default();
            constraints.range("x", Some(value), 1, 1000);
            assert_eq!(constraints.finish().is_ok(), accepted, "{value}");
        }
        for (value, accepted) in [("", false), ("ä", true), ("ab", true), ("abc", false)] {
            let mut constraints = Constraints::default();
            constraints.length("x", Some(value), 1, 2);
            assert_eq!(constraints.finish().is_ok(), accepted, "{value}");
        }
    }

    #[test]
    fn names() {
        for (text, expected) in [("Füße 1_.:/=+-@", true), ("", true), ("a*b", false), ("a\nb", false)] {
            assert_eq!(is_name(text), expected, "{text}");
        }
    }
}
