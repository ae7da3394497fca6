//! Files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// The files of one crate and what each of them names.
pub struct House<'a> {
    sources: &'a [Source],
    /// Paths and declarations of each source.
    names: Vec<(Vec<Vec<String>>, BTreeSet<String>)>,
    /// Which file a module is.
    modules: BTreeMap<Vec<String>, usize>,
}

impl<'a> House<'a> {
    /// All sources of a crate.
    pub fn new(sources: &'a [Source]) -> Self {
        Self {
            sources,
            names: sources.iter().map(|source| (source.paths(), source.declares())).collect(),
            modules: sources.iter().enumerate().map(|(at, source)| (source.module.clone(), at)).collect(),
        }
    }

    /// Groups of files that reach each other, the largest first.
    pub fn circles(&self) -> Vec<Vec<&'a str>> {
        let reach: Vec<BTreeSet<usize>> = (0..self.sources.len()).map(|from| self.reach(from)).collect();
        let mut circles = BTreeSet::new();
        for from in 0..self.sources.len() {
            let circle: Vec<usize> =
                reach[from].iter().copied().filter(|to| *to != from && reach[*to].contains(&from)).collect();
            if !circle.is_empty() {
                circles.insert(circle.into_iter().chain([from]).collect::<BTreeSet<_>>());
            }
        }
        let mut circles: Vec<Vec<&str>> = circles
            .into_iter()
            .map(|circle| circle.into_iter().map(|at| self.sources[at].name.as_str()).collect())
            .collect();
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    /// Every file that `from` imports, directly or through others.
    fn reach(&self, from: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            open.extend(self.imports(at).into_iter().filter(|to| seen.insert(*to)));
        }
        seen
    }

    /// The files whose items `from` names. A module may name what it contains: its children are a part of it.
    fn imports(&self, from: usize) -> BTreeSet<usize> {
        let own = &self.sources[from].module;
        let named = self.names[from].0.iter().filter_map(|path| self.leads(from, path, 8));
        named.filter(|to| *to != from && !self.sources[*to].module.starts_with(own)).collect()
    }

    /// The file that declares what `path` names, through re-exports.
    fn leads(&self, from: usize, path: &[String], depth: usize) -> Option<usize> {
        let own = &self.sources[from].module;
        let first = path.first()?;
        let child: Vec<String> = own.iter().cloned().chain([first.clone()]).collect();
        let absolute: Vec<String> = if first == "crate" {
            path[1..].to_vec()
        } else if self.modules.contains_key(&child) {
            own.iter().chain(path).cloned().collect()
        } else {
            // A name that the file has imported.
            return self.imported(from, path, depth);
        };
        let known = (0..=absolute.len()).rev().find(|length| self.modules.contains_key(&absolute[..*length]))?;
        let file = self.modules[&absolute[..known]];
        match absolute.get(known) {
            Some(name) if file != from && !self.names[file].1.contains(name) => {
                Some(self.imported(file, &absolute[known..], depth).unwrap_or(file))
            }
            _ => Some(file),
        }
    }

    /// Where a path leads that begins with a name which `file` has imported.
    fn imported(&self, file: usize, path: &[String], depth: usize) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        let import = self.names[file].0.iter().find(|other| other.len() > 1 && other.last() == path.first())?;
        let whole: Vec<String> = import.iter().chain(&path[1..]).cloned().collect();
        self.leads(file, &whole, depth)
    }
}
