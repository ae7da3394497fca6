//! Explains what a check of the network found, in sentences: as few as the pattern of the failures allows.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Diagnostic;
use names::Cidr;

use crate::kube::check::{Answer, Answers, CheckReport, Outcome};

/// Names in a sentence.
const LISTED: usize = 6;
/// Sentences in a message.
const SENTENCES: usize = 20;

/// What failed, in sentences, and what is likely to be the cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFailures {
    /// One sentence for each group of failures.
    pub sentences: Vec<String>,
    /// What to look at, for the kinds of failures that there are.
    pub hints: Vec<&'static str>,
}

/// The failures of a check. `expected` are the ranges that pods must have their addresses from; none: any.
#[must_use]
pub fn network_failures(report: &CheckReport, expected: &BTreeSet<Cidr>) -> NetworkFailures {
    let mut found = NetworkFailures::default();
    without_answers(report, &mut found);
    outside(report, expected, &mut found);
    let names: Vec<&str> = report.nodes.iter().map(|checked| checked.node.as_str()).collect();
    let of_pods = |answers: &Answers| answers.pods.clone();
    let pairs = pairs(report, of_pods, Own::Apart);
    for (sources, targets, answer) in grouped(&pairs) {
        let (from, why) = (pods_on(&sources, &names), answer_of(report, answer));
        found.sentences.push(match targets {
            Targets::Others => format!("{from} reach no pod on another node: {why}."),
            Targets::Own => format!("{from} do not reach a pod on their own node: {why}."),
            Targets::These(targets) => {
                format!("{from} do not reach pods on {}: {why}.", nodes(&targets, &names))
            }
        });
        found.hint(hint_of_pods(answer));
    }
    let pairs = self::pairs(report, |answers| answers.node_ports.clone(), Own::Among);
    for (sources, targets, answer) in grouped(&pairs) {
        let (from, why, port) = (pods_on(&sources, &names), answer_of(report, answer), report.node_port);
        found.sentences.push(match targets {
            Targets::Others | Targets::Own => format!("{from} do not reach NodePort {port} of any node: {why}."),
            Targets::These(targets) => {
                format!("{from} do not reach NodePort {port} of {}: {why}.", nodes(&targets, &names))
            }
        });
        found.hint(HINT_NODE_PORT);
    }
    let single: [(&str, fn(&Answers) -> Answer, &'static str); 3] = [
        ("do not reach the ClusterIP of a service", |answers| answers.service, HINT_SERVICE),
        ("do not reach the API server at its ClusterIP", |answers| answers.api_server, HINT_SERVICE),
        ("cannot resolve `kubernetes.default`", |answers| answers.dns, HINT_DNS),
    ];
    for (fail, of, hint) in single {
        let mut by_answer: BTreeMap<Answer, BTreeSet<usize>> = BTreeMap::new();
        for (number, answers) in answered(report) {
            if of(answers) != Answer::Good {
                by_answer.entry(of(answers)).or_default().insert(number);
            }
        }
        for (answer, sources) in by_answer {
            let why = answer_of(report, answer);
            found.sentences.push(format!("{} {fail}: {why}.", pods_on(&sources, &names)));
            found.hint(hint);
        }
    }
    found
}

impl NetworkFailures {
    fn hint(&mut self, hint: &'static str) {
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
    }

    /// The failures as an error, or as a warning; `None` if there are none.
    #[must_use]
    pub fn diagnostic(&self, place: &str, is_error: bool) -> Option<Diagnostic> {
        if self.sentences.is_empty() {
            return None;
        }
        let mut lines: Vec<String> = self.sentences.iter().take(SENTENCES).map(|it| format!("  - {it}")).collect();
        if let Some(more) = self.sentences.len().checked_sub(SENTENCES).filter(|more| *more > 0) {
            lines.push(format!("  - And {more} more."));
        }
        let cause = format!("In {place}:\n{}", lines.join("\n"));
        let new = if is_error { Diagnostic::error } else { Diagnostic::warning };
        let remedy = self.hints.join(" ");
        Some(new("The network check failed", cause).remedy(&remedy))
    }
}

const HINT_START: &str = "A pod that did not start: check that the node can pull the image (`image` takes one from a mirror), and that its CNI runs.";
const HINT_RANGE: &str = "Addresses outside the expected ranges: nodes keep their former network settings until they are replaced, and Fargate and host-network pods have addresses of the node's subnet.";
const HINT_LOST: &str = "Pods of different nodes: with VXLAN, allow UDP 8472 (Cilium) or UDP 4789 (Calico) between all nodes in security groups and firewalls. Without encapsulation, the pod ranges need routes to their nodes, and EC2 instances need the source/destination check off. Check network policies too.";
const HINT_LARGE: &str = "Only small packets pass: the MTU of the pods is too large for the path. Lower the MTU of the CNI (VXLAN needs 50 bytes, a VPN more), or let ICMP \"fragmentation needed\" pass.";
const HINT_NODE_PORT: &str = "NodePorts: allow the cluster's NodePort range (TCP) between nodes and pods in security groups and firewalls, and check that kube-proxy, or its replacement, runs on the nodes.";
const HINT_SERVICE: &str = "ClusterIPs: check that kube-proxy, or its replacement, runs on the nodes, and that the nodes reach the API server's addresses in the VPC on TCP 443.";
const HINT_DNS: &str =
    "DNS: check that CoreDNS runs, and that pods on these nodes reach pods on its nodes on UDP and TCP 53.";

fn hint_of_pods(answer: Answer) -> &'static str {
    if answer == Answer::OnlySmall { HINT_LARGE } else { HINT_LOST }
}

/// Nodes of which there are no answers, by reason.
fn without_answers(report: &CheckReport, found: &mut NetworkFailures) {
    let names: Vec<&str> = report.nodes.iter().map(|checked| checked.node.as_str()).collect();
    let mut by_reason: BTreeMap<(bool, &str), BTreeSet<usize>> = BTreeMap::new();
    for (number, checked) in report.nodes.iter().enumerate() {
        match &checked.outcome {
            Outcome::Answers(_) => {}
            Outcome::NotStarted(why) => drop(by_reason.entry((true, why)).or_default().insert(number)),
            Outcome::NotFinished(why) => drop(by_reason.entry((false, why)).or_default().insert(number)),
        }
    }
    for ((is_start, why), numbers) in by_reason {
        let on = nodes(&numbers, &names);
        let why = why.trim_end_matches('.');
        found.sentences.push(if is_start {
            format!("No pod started on {on}: {why}.")
        } else {
            format!("The check on {on} did not finish: {why}.")
        });
        found.hint(HINT_START);
    }
}

fn outside(report: &CheckReport, expected: &BTreeSet<Cidr>, found: &mut NetworkFailures) {
    let is_inside = |address: &str| {
        let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Cidr::containing(address, bits).is_some_and(|it| expected.iter().any(|range| range.contains(it)))
    };
    let pods = report.nodes.iter().filter_map(|checked| Some((checked.node.as_str(), checked.pod_address.as_deref()?)));
    let outside: Vec<String> = pods
        .filter(|(_, address)| !expected.is_empty() && !is_inside(address))
        .map(|(node, address)| format!("{address} on node {node}"))
        .collect();
    if outside.is_empty() {
        return;
    }
    let ranges: Vec<String> = expected.iter().map(ToString::to_string).collect();
    found.sentences.push(format!(
        "Pods have addresses outside the expected ranges ({}): {}.",
        ranges.join(", "),
        limited(&outside)
    ));
    found.hint(HINT_RANGE);
}

/// Whether a node counts as a target of its own pods like any other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Among,
    Apart,
}

/// Which targets a group of sources does not reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Targets {
    /// All of them.
    Others,
    /// The one on the same node.
    Own,
    /// These.
    These(BTreeSet<usize>),
}

/// For each source and answer, the targets.
type Pairs = BTreeMap<(usize, Answer), Targets>;

fn answered(report: &CheckReport) -> impl Iterator<Item = (usize, &Answers)> {
    report.nodes.iter().enumerate().filter_map(|(number, checked)| match &checked.outcome {
        Outcome::Answers(answers) => Some((number, answers)),
        _ => None,
    })
}

fn pairs(report: &CheckReport, of: impl Fn(&Answers) -> Vec<Option<Answer>>, own: Own) -> Pairs {
    let mut pairs = Pairs::new();
    for (source, answers) in answered(report) {
        let answers = of(answers);
        let mut failed: BTreeMap<Answer, BTreeSet<usize>> = BTreeMap::new();
        let mut asked = 0;
        for (target, answer) in answers.iter().enumerate() {
            let Some(answer) = *answer else { continue };
            let is_own = own == Own::Apart && target == source;
            asked += usize::from(!is_own);
            if answer == Answer::Good {
                continue;
            }
            if is_own {
                pairs.insert((source, answer), Targets::Own);
            } else {
                failed.entry(answer).or_default().insert(target);
            }
        }
        for (answer, targets) in failed {
            // With one other node, its name says more.
            let is_all = targets.len() == asked && asked > 1;
            let mut targets = if is_all { Targets::Others } else { Targets::These(targets) };
            if let (Targets::These(these), Some(Targets::Own)) = (&mut targets, pairs.get(&(source, answer))) {
                these.insert(source);
            }
            // `Others` says enough about a pod that does not even reach its own node.
            pairs.insert((source, answer), targets);
        }
    }
    pairs
}

/// Sources that fail in the same way, together; the largest groups first.
fn grouped(pairs: &Pairs) -> Vec<(BTreeSet<usize>, Targets, Answer)> {
    let mut groups: BTreeMap<(Targets, Answer), BTreeSet<usize>> = BTreeMap::new();
    for ((source, answer), targets) in pairs {
        groups.entry((targets.clone(), *answer)).or_default().insert(*source);
    }
    let size = |targets: &Targets| match targets {
        Targets::Others => usize::MAX,
        Targets::Own => 1,
        Targets::These(targets) => targets.len(),
    };
    let mut groups: Vec<_> =
        groups.into_iter().map(|((targets, answer), sources)| (sources, targets, answer)).collect();
    groups.sort_by_key(|(sources, targets, _)| std::cmp::Reverse(sources.len().saturating_mul(size(targets))));
    groups
}

fn answer_of(report: &CheckReport, answer: Answer) -> String {
    let other = || answered(report).find_map(|(_, answers)| answers.other.clone());
    match answer {
        Answer::Other => other().unwrap_or_else(|| answer.to_string()),
        _ => answer.to_string(),
    }
}

fn pods_on(numbers: &BTreeSet<usize>, names: &[&str]) -> String {
    if numbers.len() == names.len() && names.len() > 1 {
        return "Pods on all nodes".to_owned();
    }
    format!("Pods on {}", nodes(numbers, names))
}

fn nodes(numbers: &BTreeSet<usize>, names: &[&str]) -> String {
    let listed: Vec<String> =
        numbers.iter().filter_map(|number| names.get(*number)).map(|name| (*name).to_owned()).collect();
    let noun = if listed.len() == 1 { "node" } else { "nodes" };
    format!("{noun} {}", limited(&listed))
}

fn limited(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(LISTED);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::check::Checked;

    /// Checked nodes `n0`, `n1` and so on, whose pods see `answer(source, target)`.
    fn report(nodes: usize, answer: impl Fn(usize, usize) -> Answer) -> CheckReport {
        let checked = |source: usize| Checked {
            node: format!("n{source}"),
            pod_address: Some(format!("10.85.0.{source}")),
            outcome: Outcome::Answers(Answers {
                pods: (0..nodes).map(|target| Some(answer(source, target))).collect(),
                node_ports: vec![Some(Answer::Good); nodes],
                service: Answer::Good,
                dns: Answer::Good,
                api_server: Answer::Good,
                other: None,
            }),
        };
        CheckReport { nodes: (0..nodes).map(checked).collect(), node_port: 31234, ..CheckReport::default() }
    }

    fn sentences(report: &CheckReport) -> Vec<String> {
        network_failures(report, &BTreeSet::new()).sentences
    }

    fn lost(is_lost: bool) -> Answer {
        if is_lost { Answer::Nothing } else { Answer::Good }
    }

    #[test]
    fn a_broken_pair_is_one_sentence_and_a_pattern_too() {
        type Rule = fn(usize, usize) -> bool;
        let table: [(usize, Rule, &[&str]); 7] = [
            (3, |_, _| false, &[]),
            (2, |a, b| (a, b) == (0, 1), &["Pods on node n0 do not reach pods on node n1: no answer."]),
            (30, |a, b| a != b, &["Pods on all nodes reach no pod on another node: no answer."]),
            (
                30,
                |a, b| a != b && (a == 7 || b == 7),
                &[
                    "Pods on node n7 reach no pod on another node: no answer.",
                    "Pods on nodes n0, n1, n2, n3, n4, n5 and 23 more do not reach pods on node n7: no answer.",
                ],
            ),
            (
                4,
                |a, b| (a < 2) != (b < 2),
                &[
                    "Pods on nodes n2, n3 do not reach pods on nodes n0, n1: no answer.",
                    "Pods on nodes n0, n1 do not reach pods on nodes n2, n3: no answer.",
                ],
            ),
            (3, |a, b| a == 1 && b == 1, &["Pods on node n1 do not reach a pod on their own node: no answer."]),
            (1, |_, _| true, &["Pods on node n0 do not reach a pod on their own node: no answer."]),
        ];
        for (nodes, rule, expected) in table {
            assert_eq!(sentences(&report(nodes, |a, b| lost(rule(a, b)))), expected);
        }
    }

    #[test]
    fn hints_name_what_fits_the_failure() {
        let large = report(2, |a, b| if a == b { Answer::Good } else { Answer::OnlySmall });
        let found = network_failures(&large, &BTreeSet::new());
        assert_eq!(found.hints, [HINT_LARGE]);
        let mut dns = report(2, |_, _| Answer::Good);
        for checked in &mut dns.nodes {
            if let Outcome::Answers(answers) = &mut checked.outcome {
                answers.dns = Answer::NoSuchName;
            }
        }
        let found = network_failures(&dns, &BTreeSet::new());
        assert_eq!(found.sentences, ["Pods on all nodes cannot resolve `kubernetes.default`: no such name."]);
        assert_eq!(found.hints, [HINT_DNS]);
        let vxlan = network_failures(&report(2, |a, b| lost(a != b)), &BTreeSet::new());
        let message = vxlan.diagnostic("cluster `c`", true).expect("a failure").detail();
        assert!(message.contains("UDP 8472 (Cilium) or UDP 4789 (Calico)"), "{message}");
    }

    #[test]
    fn addresses_and_pods_that_did_not_start() {
        let mut found = report(3, |_, _| Answer::Good);
        let why = "container server: ImagePullBackOff: no such image";
        found.nodes[2].outcome = Outcome::NotStarted(why.to_owned());
        found.nodes[2].pod_address = None;
        let ranges: BTreeSet<Cidr> = ["10.85.0.0/32".parse().expect("a range")].into();
        let sentences = network_failures(&found, &ranges).sentences;
        assert_eq!(
            sentences,
            [
                "No pod started on node n2: container server: ImagePullBackOff: no such image.",
                "Pods have addresses outside the expected ranges (10.85.0.0/32): 10.85.0.1 on node n1.",
            ]
        );
        assert!(network_failures(&report(2, |_, _| Answer::Good), &BTreeSet::new()).diagnostic("x", true).is_none());
    }

    #[test]
    fn many_groups_are_cut() {
        let answers = [Answer::Nothing, Answer::Refused, Answer::Unreachable];
        let found = report(40, |a, b| if (a + b) % 7 == a % 3 { answers[a % 3] } else { Answer::Good });
        let failures = network_failures(&found, &BTreeSet::new());
        let message = failures.diagnostic("cluster `c`", false).expect("failures").detail();
        assert!(failures.sentences.len() > SENTENCES && message.lines().count() < SENTENCES + 6, "{message}");
    }
}
