//! All templates of a chart: parsed together, then run one after the other on shared maps.

use super::ast::Source;
use super::eval::execute;
use super::explain;
use super::limits::Limits;
use super::objects::{self, Renderable};
use super::parser::parse;
use super::set::Set;
use super::value::{Entries, Map, MapKind, Value};
use crate::bytes;
use crate::capabilities::Capabilities;
use crate::chart::Chart;
use crate::error::{Error, Result};
use crate::lookup::Lookup;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

/// What templates see in addition to the chart.
pub(crate) struct Scope<'s> {
    pub(crate) values: &'s crate::data::Map,
    pub(crate) capabilities: &'s Capabilities,
    pub(crate) name: &'s str,
    pub(crate) namespace: &'s str,
    pub(crate) revision: i64,
    pub(crate) is_upgrade: bool,
    pub(crate) lookup: &'s dyn Lookup,
    pub(crate) max_steps: u64,
}

/// Stack of the thread that renders. Templates nest on the stack up to fixed depths; memory is only taken when used.
const STACK: usize = 1 << 30;

/// Renders all templates; the result is by path, without partials.
///
/// `check` runs in parallel to the parsing of the templates, which takes about as long as checking values against a large
/// schema. No template runs before it is done, and its error has priority over theirs.
pub(crate) fn render(
    chart: &Chart,
    scope: &Scope<'_>,
    check: impl FnOnce() -> Result<()>,
) -> Result<BTreeMap<String, String>> {
    thread::scope(|threads| {
        let (permit, permitted) = mpsc::channel();
        let thread = thread::Builder::new().name("helm-render".to_owned()).stack_size(STACK);
        let handle = thread.spawn_scoped(threads, move || run(chart, scope, &permitted)).map_err(Error::Thread)?;
        let verdict = check();
        if verdict.is_ok() {
            // The thread has ended if a template could not be parsed.
            let _ = permit.send(());
        }
        drop(permit);
        let rendered = handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        verdict.and(rendered)
    })
}

fn run(chart: &Chart, scope: &Scope<'_>, permitted: &mpsc::Receiver<()>) -> Result<BTreeMap<String, String>> {
    let shared = [
        ("Release", objects::release(scope.name, scope.namespace, scope.revision, scope.is_upgrade)),
        ("Capabilities", objects::capabilities(scope.capabilities)),
    ];
    let mut templates = Vec::new();
    objects::collect(chart, chart.name(), objects::values(scope.values), &shared, &mut templates);
    // Deepest first, then from Z to A: a parent's definitions come last and win.
    let depth = |template: &Renderable<'_>| template.path.matches('/').count();
    // Of two files with one path, as an archive may have them, the last one counts.
    templates.reverse();
    templates.sort_by(|left, right| (depth(right), &right.path).cmp(&(depth(left), &left.path)));
    templates.dedup_by_key(|template| Reverse(template.path.clone()));

    let mut set = Set::default();
    for template in &templates {
        let text = bytes::to_text(&template.file.data);
        let source = Rc::new(Source { name: template.path.clone(), text });
        let parsed =
            parse(&template.path, source).map_err(|error| Error::Template(explain::unparsed(&template.path, error)))?;
        set.add(&parsed);
    }
    if permitted.recv().is_err() {
        return Ok(BTreeMap::new());
    }
    let set = Rc::new(set);
    let mut limits = Limits::new(scope.max_steps);
    let mut rendered = BTreeMap::new();
    for template in &templates {
        if crate::go::path::base(&template.path).starts_with('_') {
            continue;
        }
        let about: Entries = [
            ("Name".into(), Value::text(template.path.as_str())),
            ("BasePath".into(), Value::text(template.base_path.as_str())),
        ]
        .into();
        let about = Value::Map(Map::new(about, MapKind::Values));
        template.root.entries.borrow_mut().insert("Template".into(), about);
        let Some(parsed) = set.find(&template.path) else { continue };
        let mut out = String::new();
        let root = Value::Map(Map { kind: MapKind::Values, ..template.root.clone() });
        execute(&mut limits, scope.lookup, &set, &parsed, root, &mut out)
            .map_err(|failure| Error::Template(explain::failed(&template.path, &failure)))?;
        rendered.insert(template.path.clone(), out.replace("<no value>", ""));
    }
    Ok(rendered)
}
