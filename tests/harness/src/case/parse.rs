//! Reads a case file. Every fault names its line.

use std::path::Path;

use super::{Case, Expectation, LayerKind, Needs, Outside, Step, StepKind};

/// A case file that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {fault}")]
pub struct CaseError {
    /// The case's name.
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong.
    pub fault: String,
}

impl Case {
    /// Reads the case file `path`, naming it by its place below `folder`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line of it is not understood.
    pub fn load(folder: &Path, path: &Path) -> Result<Self, CaseError> {
        let name = path.strip_prefix(folder).unwrap_or(path).with_extension("").display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| CaseError {
            file: name.clone(),
            line: 0,
            fault: error.to_string(),
        })?;
        Self::parse(&name, &text)
    }

    /// Reads the text of a case.
    ///
    /// # Errors
    ///
    /// A line is not understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, CaseError> {
        let fault = |line: usize, fault: String| CaseError { file: name.to_owned(), line, fault };
        let mut case = Self {
            name: name.to_owned(),
            shows: String::new(),
            needs: Needs::default(),
            leaves: None,
            environment: Vec::new(),
            files: Vec::new(),
            steps: Vec::new(),
        };
        let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(index, line)| (index + 1, line)).collect();
        let starts: Vec<usize> = (0..lines.len()).filter(|index| lines[*index].1.starts_with("===")).collect();
        let head_end = starts.first().copied().unwrap_or(lines.len());

        for (number, line) in &lines[..head_end] {
            case.head(line.trim()).map_err(|text| fault(*number, text))?;
        }
        if case.shows.is_empty() {
            return Err(fault(1, "the first line must say what the case shows: `# …`".to_owned()));
        }
        for (position, start) in starts.iter().enumerate() {
            let end = starts.get(position + 1).copied().unwrap_or(lines.len());
            let heading = lines[*start].1.trim_start_matches('=').trim();
            if let Some(file) = heading.strip_prefix("file ") {
                let content: String = lines[start + 1..end].iter().flat_map(|(_, line)| [*line, "\n"]).collect();
                case.files.push((file.trim().to_owned(), content));
                continue;
            }
            let mut step =
                step(lines[*start].0, heading, &lines[start + 1..end]).map_err(|(line, text)| fault(line, text))?;
            let below = &lines[*start..];
            step.looks_at_state |=
                below.iter().any(|(_, line)| line.contains("@{state.") || line.contains("@{output."));
            case.steps.push(step);
        }
        if !case.environment.is_empty() && case.needs.layer != Some(LayerKind::Terraform) {
            let text = "`environment` needs `only terraform because …`: a process has one environment";
            return Err(fault(1, text.to_owned()));
        }
        if case.steps.is_empty() {
            return Err(fault(lines.len(), "the case has no step: `=== apply`".to_owned()));
        }
        Ok(case)
    }

    /// Takes one line from before the first step.
    fn head(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        if let Some(prose) = line.strip_prefix('#') {
            if !self.shows.is_empty() {
                self.shows.push(' ');
            }
            self.shows.push_str(prose.trim());
            return Ok(());
        }
        if let Some(why) = line.strip_prefix("leaves something because ") {
            self.leaves = Some(why.to_owned());
            return Ok(());
        }
        if let Some(variable) = line.strip_prefix("environment ") {
            let (name, value) = variable.split_once('=').ok_or_else(|| format!("`{variable}` has no `=`"))?;
            self.environment.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        if self.needs.take(line)? { Ok(()) } else { Err(format!("`{line}` is not known before the first step")) }
    }
}

impl Needs {
    /// Takes `requires terraform >= 1.14 because …`, `requires tofu >= 1.11 because …`, `requires control plane
    /// because …`, `requires charts because …`, `requires helm because …`, `requires hosts because …`, `only in-process
    /// because …`, `only terraform because …`, `only one terraform because …`, `on every terraform because …` or `as
    /// terraform 1.16 because …`; says whether the line was one of these.
    fn take(&mut self, line: &str) -> Result<bool, String> {
        let Some(because) = line.split_once(" because ").map(|(_, because)| because) else {
            return if ["requires ", "only ", "on every ", "as "].iter().any(|word| line.starts_with(word)) {
                Err(format!("`{line}` gives no reason: add ` because …`"))
            } else {
                Ok(false)
            };
        };
        if line.starts_with("as terraform 1.16 ") {
            // Nothing is left out by it, so nobody asks why.
            self.planned_private = true;
            return Ok(true);
        }
        if line.starts_with("requires control plane ") {
            self.control_plane = true;
        } else if line.starts_with("requires charts ") {
            self.charts = true;
        } else if line.starts_with("requires helm ") {
            self.helm = true;
        } else if line.starts_with("requires hosts ") {
            self.hosts = true;
        } else if let Some(rest) = line.strip_prefix("requires ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let [program, ">=", version, ..] = words.as_slice() else {
                return Err(format!("`{line}`: write `requires terraform >= 1.12 because …`"));
            };
            let version = version
                .split_once('.')
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
                .ok_or_else(|| format!("`{version}` is no version such as 1.12"))?;
            match *program {
                "terraform" => self.terraform = Some(version),
                "tofu" => self.tofu = Some(version),
                other => return Err(format!("`{other}` is neither `terraform` nor `tofu`")),
            }
        } else if line.starts_with("only in-process ") {
            self.layer = Some(LayerKind::InProcess);
        } else if line.starts_with("only one terraform ") {
            // Nothing is left out by it, so nobody asks why.
            self.one_terraform = true;
            return Ok(true);
        } else if line.starts_with("on every terraform ") {
            self.every_terraform = true;
            return Ok(true);
        } else if line.starts_with("only terraform ") {
            self.layer = Some(LayerKind::Terraform);
        } else {
            return Ok(false);
        }
        if !self.because.contains(because) {
            if !self.because.is_empty() {
                self.because.push_str("; ");
            }
            self.because.push_str(because);
        }
        Ok(true)
    }
}

/// Reads one step from its heading and the lines below it.
fn step(line: usize, heading: &str, body: &[(usize, &str)]) -> Result<Step, (usize, String)> {
    let mut kind = StepKind::parse(heading).map_err(|text| (line, text))?;
    let mut needs = Needs::default();
    let mut configuration = None;

    // What belongs to the step itself follows its heading.
    let mut body = body;
    while let Some(((number, text), rest)) = body.split_first() {
        if !needs.take(text.trim()).map_err(|fault| (*number, fault))? {
            break;
        }
        body = rest;
    }
    let split = body.iter().position(|(_, text)| text.trim_end() == "---").unwrap_or(body.len());
    if let StepKind::Outside(changes) = &mut kind {
        for (number, text) in &body[..split] {
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                changes.push((*number, Outside::parse(text).map_err(|fault| (*number, fault))?));
            }
        }
        if changes.is_empty() {
            return Err((line, "the step changes nothing".to_owned()));
        }
    } else {
        let text: String = body[..split].iter().flat_map(|(_, text)| [*text, "\n"]).collect();
        if !text.trim().is_empty() {
            configuration = Some(text);
        }
    }
    let expectations = read_expectations(body.get(split + 1..).unwrap_or_default())?;
    let looks_at_state = expectations.iter().any(|(_, expectation)| expectation.is_about_state());
    Ok(Step { looks_at_state, line, heading: heading.to_owned(), kind, configuration, needs, expectations })
}

/// Reads the lines below `---`.
fn read_expectations(lines: &[(usize, &str)]) -> Result<Vec<(usize, Expectation)>, (usize, String)> {
    let mut expectations = Vec::new();
    let mut position = 0;
    while let Some((number, text)) = lines.get(position) {
        position += 1;
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut continued = Vec::new();
        while let Some((_, below)) = lines.get(position) {
            let Some(below) = below.trim_start().strip_prefix('|') else { break };
            continued.push(below.strip_prefix(' ').unwrap_or(below));
            position += 1;
        }
        expectations.push((*number, Expectation::parse(text, &continued).map_err(|fault| (*number, fault))?));
    }
    Ok(expectations)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "\
# An activation lives.
# And dies.
requires terraform >= 1.12 because of identity
requires control plane because of objects
requires charts because of Cilium
requires helm because of releases
requires hosts because of SSH
only one terraform because they are alike
on every terraform because it shows the resource
as terraform 1.16 because it keeps notes

=== file values.yaml
a: 1
=== apply
resource \"x_y\" \"a\" {
  role = \"r\"
}
---
plan: x_y.a create
error at x_y.a.role: Bad
  | one
  | two

=== outside
clock +2d
---
answer: x unset
=== import x_y.a by identity {\"id\": \"1\"}
requires terraform >= 1.14 because it came then
---
differs: code
";

    #[test]
    fn a_case_is_read() {
        let case = Case::parse("x", CASE).unwrap();
        assert_eq!(case.shows, "An activation lives. And dies.");
        assert_eq!(case.needs.terraform, Some((1, 12)));
        assert!(
            case.needs.control_plane
                && case.needs.charts
                && case.needs.helm
                && case.needs.hosts
                && case.needs.planned_private
        );
        assert_eq!(case.files, [("values.yaml".to_owned(), "a: 1\n".to_owned())]);
        assert_eq!(case.steps.len(), 3);
        assert!(case.needs.one_terraform && !case.needs.because.contains("alike"));
        assert!(case.needs.every_terraform && !case.needs.because.contains("shows"));
        assert_eq!(case.steps[0].line, 14);
        assert!(case.steps[0].configuration.as_deref().unwrap().starts_with("resource"));
        assert_eq!(case.steps[0].expectations.len(), 2);
        assert_eq!(case.steps[0].expectations[1].0, 20);
        assert_eq!(case.steps[1].expectations.len(), 1);
        assert_eq!(case.steps[2].needs.terraform, Some((1, 14)));
        assert!(case.steps[2].configuration.is_none());
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line) in [
            ("=== apply\n", 1),
            ("# x\nstray\n=== apply\n", 2),
            ("# x\n", 1),
            ("# x\n=== aply\n", 2),
            ("# x\n=== apply\n---\nplan: x\n", 4),
            ("# x\nenvironment A=B\n=== apply\n", 1),
            ("# x\n=== outside\n", 2),
            ("# x\n=== outside\nboom\n", 3),
            ("# x\nrequires terraform >= 1.12\n=== apply\n", 2),
            ("# x\non every terraform\n=== apply\n", 2),
            ("# x\nrequires windows >= 1.12 because so\n=== apply\n", 2),
        ] {
            let error = Case::parse("x", text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
    }
}
