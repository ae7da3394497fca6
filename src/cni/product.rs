//! What to install: arguments turned into a source, a release, and values.

use framework::diagnostic::{self, Diagnostic, Diagnostics};
use framework::model::Text as _;
use framework::path::{Path, Step};
use helm::{Data, Map, Values};
use serde_json::Value as Json;

use crate::charts::{self, Source, images::Mirror};
pub(crate) use crate::cni::arguments::Product;
use crate::cni::{
    arguments::{Calico, Cilium, Method, Network},
    calico, cilium,
    hidden::{self, Hidden},
    pool::{Part, Pool},
};
use crate::kube::release::{self, Rewrite};

/// Why a CNI could not be prepared.
#[derive(Debug)]
pub(crate) enum Error {
    /// Its chart or manifest could not be fetched.
    Source {
        /// The reason.
        error: Box<charts::Error>,
        /// The argument at fault, if known.
        at: Option<Path>,
    },
    /// The chart, the manifest or the values are invalid.
    Faults(Diagnostics),
    /// It does not render.
    Render(Box<release::Error>),
}

impl From<Diagnostics> for Error {
    fn from(faults: Diagnostics) -> Self {
        Self::Faults(faults)
    }
}

impl From<release::Error> for Error {
    fn from(error: release::Error) -> Self {
        Self::Render(Box::new(error))
    }
}

/// What the arguments request, before the chart is fetched.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) product: Product,
    pub(crate) mirror: Option<Mirror>,
    /// Namespace and name of Calico's release if it already exists: whoever installed it may have chosen others.
    named: Option<(String, String)>,
    /// Where values were hidden before.
    noted: Hidden,
}

/// All values, and those that may be shown.
#[derive(Clone, Debug)]
pub(crate) struct Composed {
    pub(crate) all: Values,
    pub(crate) shown: Map,
}

impl Wanted {
    /// `None` if neither or both are set, which the model refuses.
    pub(crate) fn new(cilium: Option<&Cilium>, calico: Option<&Calico>, mirror: Option<&str>) -> Option<Self> {
        let product = match (cilium, calico) {
            (Some(cilium), None) => Product::Cilium(cilium.clone()),
            (None, Some(calico)) if calico.method == Some(Method::Manifest) => Product::Manifest(calico.clone()),
            (None, Some(calico)) => Product::Operator(calico.clone()),
            _ => return None,
        };
        Some(Self {
            product,
            mirror: mirror.and_then(|mirror| Mirror::parse(mirror).ok()),
            named: None,
            noted: Hidden::default(),
        })
    }

    /// Keeps hidden what was hidden before.
    #[must_use]
    pub(crate) fn noting(mut self, noted: Option<Hidden>) -> Self {
        self.noted = noted.unwrap_or_default().with(&self.noted);
        self
    }

    /// Continues the release of an installed CNI. Has no effect if another CNI is wanted now.
    pub(crate) fn keep_release_of(&mut self, installed: Option<&Self>, namespace: &str, name: &str) {
        let is_calico = !matches!(self.product, Product::Cilium(_));
        if is_calico && installed.is_some_and(|installed| self.is_like(installed)) {
            self.named = Some((namespace.to_owned(), name.to_owned()));
        }
    }

    /// Whether both are the same CNI, installed the same way.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.product) == std::mem::discriminant(&other.product)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.product {
            Product::Cilium(_) => "Cilium",
            Product::Operator(_) | Product::Manifest(_) => "Calico",
        }
    }

    /// The attribute that holds its arguments.
    pub(crate) fn attribute(&self) -> &'static str {
        match self.product {
            Product::Cilium(_) => "cilium",
            Product::Operator(_) | Product::Manifest(_) => "calico",
        }
    }

    pub(crate) fn at(&self, member: &str) -> Path {
        Path::attribute(self.attribute()).dot(member)
    }

    /// The argument that sets a part of the pool.
    pub(crate) fn at_pool(&self, part: Part) -> Path {
        self.at(match (part, &self.product) {
            (Part::Ranges, _) => "pod_cidrs",
            (Part::Size, Product::Cilium(_)) => "pod_cidr_mask_size",
            (Part::Size, Product::Operator(_) | Product::Manifest(_)) => "block_size",
        })
    }

    pub(crate) fn namespace(&self) -> &str {
        if let Some((namespace, _)) = &self.named {
            return namespace;
        }
        match &self.product {
            Product::Cilium(cilium) => cilium.namespace.as_ref().map_or(cilium::NAMESPACE, |name| name.text()),
            Product::Operator(_) => calico::NAMESPACE,
            Product::Manifest(_) => calico::MANIFEST_NAMESPACE,
        }
    }

    pub(crate) fn release(&self) -> &str {
        if let Some((_, release)) = &self.named {
            return release;
        }
        match &self.product {
            Product::Cilium(cilium) => cilium.release_name.as_ref().map_or(cilium::RELEASE, |name| name.text()),
            Product::Operator(_) => calico::CHART,
            Product::Manifest(_) => calico::MANIFEST,
        }
    }

    /// Labels of the nodes it runs on; empty for all nodes.
    pub(crate) fn node_selector(&self) -> std::collections::BTreeMap<String, String> {
        let given = match &self.product {
            Product::Cilium(cilium) => &cilium.node_selector,
            Product::Operator(calico) | Product::Manifest(calico) => &calico.node_selector,
        };
        given.clone().unwrap_or_else(cilium::hybrid)
    }

    pub(crate) fn pod_cidrs(&self) -> Option<Vec<String>> {
        let given: &Option<Vec<Network>> = match &self.product {
            Product::Cilium(cilium) => &cilium.pod_cidrs,
            Product::Operator(calico) | Product::Manifest(calico) => &calico.pod_cidrs,
        };
        Some(given.as_ref()?.iter().map(|range| range.text().to_owned()).collect())
    }

    /// The source of the chart or manifest.
    pub(crate) fn source(&self) -> Result<Source, Error> {
        let (source, pin, at) = match &self.product {
            Product::Cilium(cilium) => {
                let version = cilium.version.as_deref();
                let source = match (&cilium.repository, &cilium.chart) {
                    (None, None) => Source::chart(Some(cilium::REPOSITORY), cilium::CHART, version),
                    (Some(repository), None) => Source::chart(Some(repository), cilium::CHART, version),
                    (repository, Some(chart)) => Source::chart(repository.as_deref(), chart, version),
                };
                (source, &cilium.sha256, "chart")
            }
            Product::Operator(calico) => {
                let version = calico.version.as_deref();
                let source = match calico.source.as_deref() {
                    None => Source::chart(Some(calico::REPOSITORY), calico::CHART, version),
                    Some(source) if source.starts_with("https://") && !is_archive(source) => {
                        Source::chart(Some(source), calico::CHART, version)
                    }
                    Some(source) => Source::chart(None, source, version),
                };
                (source, &calico.sha256, "source")
            }
            Product::Manifest(calico) => {
                (Source::manifest(calico.source.as_deref().unwrap_or_default()), &calico.sha256, "source")
            }
        };
        let pinned = source.and_then(|source| match pin {
            Some(pin) => source.pinned(pin.text()),
            None => Ok(source),
        });
        pinned.map_err(|error| Error::Source { error: Box::new(error), at: Some(self.at(at)) })
    }

    /// The values of a release of `chart_version`.
    pub(crate) fn values(
        &self,
        pod_cidrs: &[String],
        chart_version: &str,
        first_minor: Option<&str>,
    ) -> diagnostic::Result<Composed> {
        let mirror = self.mirror.as_ref().map(ToString::to_string);
        let made: Json = match &self.product {
            Product::Cilium(cilium) => {
                let minor = cilium::minor(chart_version);
                let compatibility = first_minor.filter(|first| minor.as_deref().is_some_and(|minor| minor != *first));
                cilium::values(cilium, pod_cidrs, compatibility)
            }
            Product::Operator(calico) => calico::operator::values(calico, pod_cidrs, mirror.as_deref()),
            // Its edits are in the manifest itself.
            Product::Manifest(_) => Json::Object(serde_json::Map::new()),
        };
        let mut all = match Data::from(made) {
            Data::Map(map) => Values::from(map),
            _ => Values::new(),
        };
        for (index, text) in self.plain_texts().iter().enumerate() {
            let over = Values::from_yaml(text).map_err(|error| {
                let at = self.at("values").then(Step::Index(i64::try_from(index).unwrap_or_default()));
                Diagnostics::from(Diagnostic::error("Values are not YAML", format!("{error}.")).at(at))
            })?;
            all.merge(over);
        }
        if let Some((member, text)) = self.hidden_text() {
            // A parser's message may quote its input.
            let over = Values::from_yaml(text).map_err(|_| {
                let text =
                    format!("`{member}` is not a YAML map. What is wrong is not shown, since it could show a value.");
                Diagnostics::from(Diagnostic::error("Values are not YAML", text).at(self.at(member)))
            })?;
            hidden::mask(over.as_map());
            all.merge(over);
        }
        let shown = self.hidden().hide(all.as_map());
        Ok(Composed { all, shown })
    }

    fn plain_texts(&self) -> &[String] {
        let texts = match &self.product {
            Product::Cilium(cilium) => &cilium.values,
            Product::Operator(calico) | Product::Manifest(calico) => &calico.values,
        };
        texts.as_deref().unwrap_or_default()
    }

    /// Values that the configuration sets in plain text.
    pub(crate) fn plain_values(&self) -> Map {
        let mut all = Values::new();
        // Invalid texts are refused elsewhere.
        for over in self.plain_texts().iter().filter_map(|text| Values::from_yaml(text).ok()) {
            all.merge(over);
        }
        all.as_map().clone()
    }

    /// The text of the hidden values, with the argument that holds it.
    fn hidden_text(&self) -> Option<(&'static str, &str)> {
        let Product::Cilium(cilium) = &self.product else { return None };
        let kept = || Some((Cilium::NAMES.sensitive_values, cilium.sensitive_values.as_ref()?.expose().as_str()));
        let passing = || Some((Cilium::NAMES.sensitive_values_wo, cilium.sensitive_values_wo.expose()?.as_str()));
        kept().or_else(passing)
    }

    /// Values that are never shown; invalid texts are refused elsewhere.
    pub(crate) fn hidden_values(&self) -> Map {
        let values = self.hidden_text().map(|(_, text)| hidden::parsed(text)).unwrap_or_default();
        hidden::mask(&values);
        values
    }

    /// Where values are hidden: the current places, and former ones that the configuration has not set in plain text
    /// since.
    pub(crate) fn hidden(&self) -> Hidden {
        self.noted.clone().but(&self.plain_values()).with(&Hidden::of(&self.hidden_values()))
    }

    /// All places that were ever hidden, for the notes.
    pub(crate) fn ever_hidden(&self) -> Hidden {
        self.noted.clone().with(&Hidden::of(&self.hidden_values()))
    }

    /// The version of the write-only hidden values.
    pub(crate) fn hidden_version(&self) -> Option<i64> {
        let Product::Cilium(cilium) = &self.product else { return None };
        cilium.sensitive_values_wo_version
    }

    /// Whether write-only hidden values are set.
    pub(crate) fn hides_without_keeping(&self) -> bool {
        matches!(&self.product, Product::Cilium(cilium) if cilium.sensitive_values_wo.expose().is_some())
    }

    /// Whether both set the same hidden values, as far as the state shows, and the same plain-text values in hidden
    /// places.
    pub(crate) fn hides_as(&self, other: &Self) -> bool {
        let hidden = self.hidden();
        let kept = |one: &Self| if one.hides_without_keeping() { Map::new() } else { one.hidden_values() };
        let in_clear = |one: &Self| hidden.only(&one.plain_values());
        let same = |one: &Map, other: &Map| hidden::has(one, other) && hidden::has(other, one);
        self.hidden_version() == other.hidden_version()
            && same(&kept(self), &kept(other))
            && same(&in_clear(self), &in_clear(other))
    }

    /// The rewrite of images in manifests, for the mirror.
    pub(crate) fn rewrite(&self) -> Option<Rewrite> {
        let mirror = self.mirror.clone()?;
        Some(Rewrite(std::sync::Arc::new(move |text: &str| {
            mirror.rewrite_text(text).map_err(|error| error.to_string())
        })))
    }

    /// The address pool that the values or arguments set: its ranges, and the size of each node's share.
    pub(crate) fn pool(&self, values: &Values, pod_cidrs: &[String]) -> Pool {
        match &self.product {
            Product::Cilium(_) => Pool::of_cilium(values.as_map()),
            Product::Operator(_) => Pool::of_operator(values.as_map()),
            Product::Manifest(calico) => Pool {
                cidrs: pod_cidrs.to_vec(),
                size: Some(calico.block_size.map_or(26, framework::model::Bounded::get)),
            },
        }
    }
}

/// Whether a URL or a path is that of a chart archive.
pub(crate) fn is_archive(text: &str) -> bool {
    std::path::Path::new(text).extension().is_some_and(|end| end.eq_ignore_ascii_case("tgz"))
}

#[cfg(test)]
mod tests {
    use framework::model::Secret;

    use super::*;
    use crate::cni::calico::tests::plain as calico;
    use crate::cni::cilium::tests::plain as cilium;

    fn wanted(cilium: &Cilium) -> Wanted {
        Wanted::new(Some(cilium), None, None).expect("one of the two")
    }

    #[test]
    fn sources() {
        for (repository, chart, source) in [
            (None, None, "oci://public.ecr.aws/eks/cilium/cilium"),
            (Some("https://helm.cilium.io"), None, "https://helm.cilium.io/"),
            (None, Some("./cilium.tgz"), "./cilium.tgz"),
        ] {
            let one = Cilium { repository: repository.map(str::to_owned), chart: chart.map(str::to_owned), ..cilium() };
            let found = wanted(&one).source().expect(source).to_string();
            assert!(found.contains(source), "{found}");
        }
        let calico = Calico { source: Some("./calico.yaml".to_owned()), ..calico(Method::Manifest) };
        let calico = Wanted::new(None, Some(&calico), None).expect("one of the two");
        assert!(calico.source().expect("a path").to_string().contains("./calico.yaml"));
    }

    #[test]
    fn later_values_win_and_hidden_ones_are_not_shown() {
        let cilium = Cilium {
            values: Some(vec![
                "debug: {enabled: true}\n".to_owned(),
                "debug: {enabled: false}\nkey: shown\n".to_owned(),
            ]),
            sensitive_values: Some(Secret::new("key: hidden\n".to_owned())),
            ..cilium()
        };
        let composed = wanted(&cilium).values(&["10.85.0.0/16".to_owned()], "1.18.6", Some("1.17")).expect("YAML");
        assert_eq!(composed.all.as_map()["key"], Data::Text("hidden".to_owned()));
        assert!(!composed.shown.contains_key("key"));
        assert_eq!(composed.shown["debug"].entry("enabled"), Some(&Data::Bool(false)));
        assert_eq!(composed.shown["upgradeCompatibility"], Data::Text("1.17".to_owned()));
    }

    #[test]
    fn compatibility_is_told_to_other_minors_alone() {
        for (version, first, told) in
            [("1.17.1", None, false), ("1.17.9", Some("1.17"), false), ("1.18.6", Some("1.17"), true)]
        {
            let composed = wanted(&cilium()).values(&[], version, first).expect("YAML");
            assert_eq!(composed.shown.contains_key("upgradeCompatibility"), told, "{version}");
        }
    }

    #[test]
    fn bad_values_are_told_on_their_place() {
        let bad = Cilium { values: Some(vec!["a: 1".to_owned(), "a: b: c".to_owned()]), ..cilium() };
        let faults = wanted(&bad).values(&[], "1.17.1", None).expect_err("no YAML");
        assert_eq!(faults.0[0].at.to_string(), "cilium.values[1]");
        let hidden = Secret::new("hunter2: [".to_owned());
        let faults = wanted(&Cilium { sensitive_values: Some(hidden), ..cilium() }).values(&[], "1.17.1", None);
        let fault = &faults.expect_err("no YAML").0[0];
        assert_eq!(fault.at.to_string(), "cilium.sensitive_values");
        assert!(!fault.detail().contains("hunter2"));
    }

    #[test]
    fn pools_are_those_of_the_values() {
        let over = Cilium {
            values: Some(vec![
                "ipam: {operator: {clusterPoolIPv4PodCIDRList: ['10.1.0.0/16'], clusterPoolIPv4MaskSize: 27}}"
                    .to_owned(),
            ]),
            ..cilium()
        };
        let wanted = wanted(&over);
        let given = ["10.85.0.0/16".to_owned()];
        let composed = wanted.values(&given, "1.17.1", None).expect("YAML");
        let pool = Pool { cidrs: vec!["10.1.0.0/16".to_owned()], size: Some(27) };
        assert_eq!(wanted.pool(&composed.all, &given), pool);
        let operator = Wanted::new(None, Some(&calico(Method::Operator)), None).expect("one of the two");
        let composed = operator.values(&given, "v3.29.2", None).expect("YAML");
        let pool = Pool { cidrs: given.to_vec(), size: Some(26) };
        assert_eq!(operator.pool(&composed.all, &given), pool);
    }
}
