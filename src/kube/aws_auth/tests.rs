//! Tests of the text of a list: everything around the entry stays byte for byte, as an independent parser confirms.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::fault::Fault;
use super::text::{Found, Text};
use super::{Entry, List};

fn entry(name: &str, groups: &[&str]) -> Entry {
    Entry {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        username: format!("system:node:{name}"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn read(text: &str) -> Text<'_> {
    Text::read(List::Roles, text).unwrap_or_else(|fault| panic!("{fault} in {text:?}"))
}

fn index(text: &Text<'_>, wanted: &Entry) -> usize {
    match text.find(wanted) {
        Found::At(index) => index,
        other => panic!("{other:?}"),
    }
}

/// What an independent parser reads in the text.
fn seen(text: &str) -> Vec<serde_json::Value> {
    let list = helm::from_yaml(text).expect("readable");
    list.as_list().into_iter().flatten().map(serde_json::Value::from).collect()
}

const EKS: &str = "- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: arn:aws:iam::111122223333:role/ng\n  username: system:node:{{EC2PrivateDNSName}}\n";

#[test]
fn an_entry_is_added_at_the_end_and_taken_out_again() {
    let block = "- rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:n\n  groups:\n    - a\n    - b\n";
    let flow = r#"{"rolearn": "arn:aws:iam::111122223333:role/n", "username": "system:node:n", "groups": ["a", "b"]}"#;
    let indented = block.lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat();
    let crlf = block.replace('\n', "\r\n");
    let cut = block.trim_end();
    for (text, expected) in [
        (String::new(), block.to_owned()),
        ("# nobody yet\n".to_owned(), format!("# nobody yet\n{block}")),
        ("---\n".to_owned(), format!("---\n{block}")),
        (EKS.to_owned(), format!("{EKS}{block}")),
        (EKS.trim_end().to_owned(), format!("{EKS}{cut}")),
        (format!("{EKS}\n\n# the end\n"), format!("{EKS}{block}\n\n# the end\n")),
        (format!("{EKS}---\nother: document\n"), format!("{EKS}{block}---\nother: document\n")),
        ("  - rolearn: x # why\n  # more\n".to_owned(), format!("  - rolearn: x # why\n{indented}  # more\n")),
        ("- rolearn: x\r\n".to_owned(), format!("- rolearn: x\r\n{crlf}")),
        ("- &x\n  rolearn: x\n- *x\n".to_owned(), format!("- &x\n  rolearn: x\n- *x\n{block}")),
        (
            "- rolearn: x\n  username: |\n    text\n\n".to_owned(),
            format!("- rolearn: x\n  username: |\n    text\n\n{block}"),
        ),
        ("[]".to_owned(), format!("[{flow}]")),
        ("[ ] # none\n".to_owned(), format!("[{flow} ] # none\n")),
        (r#"[{"rolearn":"x"}]"#.to_owned(), format!(r#"[{{"rolearn":"x"}}, {flow}]"#)),
        ("[\n  {\"rolearn\": \"x\"}\n]\n".to_owned(), format!("[\n  {{\"rolearn\": \"x\"}},\n  {flow}\n]\n")),
        ("[{rolearn: x},]".to_owned(), format!("[{{rolearn: x}}, {flow},]")),
        ("\u{feff}- rolearn: é\n".to_owned(), format!("\u{feff}- rolearn: é\n{block}")),
    ] {
        let ours = entry("n", &["a", "b"]);
        let added = read(&text).with(&ours).unwrap_or_else(|fault| panic!("{fault} in {text:?}"));
        assert_eq!(added, expected);
        let read = read(&added);
        let removed = read.without(index(&read, &ours)).unwrap_or_else(|fault| panic!("{fault} in {added:?}"));
        assert_eq!(removed, text);
    }
}

#[test]
fn what_stands_for_nothing_becomes_a_list() {
    for text in ["~ # none\n", "\"\"\n", "''", "``", " `` \n"] {
        assert_eq!(seen(&read(text).with(&entry("n", &[])).unwrap()).len(), 1, "{text}");
    }
}

#[test]
fn only_the_lines_of_the_entry_go() {
    let ours = entry("n", &["a"]);
    let of = |rest: &str| format!("rolearn: {}\n  username: system:node:n{rest}", ours.arn);
    for (text, expected) in [
        (
            format!("# top\n- rolearn: x\n# ours\n- {}\n  groups: [a] # soon\n\n- rolearn: y\n", of("")),
            "# top\n- rolearn: x\n# ours\n\n- rolearn: y\n".to_owned(),
        ),
        (format!("- {}\n  # inside\n  groups:\n  - 'a'\n", of("")), String::new()),
        (format!("-\n  {}\n  groups: &g [a]\n- rolearn: y", of("")), "- rolearn: y".to_owned()),
        (
            format!(
                "[{{rolearn: x}}, {{rolearn: '{}', username: 'system:node:n', groups: [a]}}, {{rolearn: y}}]",
                ours.arn
            ),
            "[{rolearn: x}, {rolearn: y}]".to_owned(),
        ),
        (
            format!("[ {{rolearn: '{}', username: 'system:node:n', groups: [a]}} # ours\n , {{rolearn: y}}]", ours.arn),
            "[  # ours\n  {rolearn: y}]".to_owned(),
        ),
        (
            format!("[{{rolearn: x}}, # x\n {{rolearn: '{}', username: 'system:node:n', groups: [a]}}]", ours.arn),
            "[{rolearn: x} # x\n ]".to_owned(),
        ),
    ] {
        let read = read(&text);
        let removed = read.without(index(&read, &ours)).unwrap_or_else(|fault| panic!("{fault} in {text:?}"));
        assert_eq!(removed, expected, "{text}");
    }
}

#[test]
fn an_entry_is_changed_where_it_stands() {
    let (before, after) = (entry("n", &["a"]), entry("n", &["b", "c d"]));
    let new =
        "- rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:n\n  groups:\n    - b\n    - \"c d\"\n";
    let old = "- groups: [a]\n  rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:n\n";
    for (text, expected) in [
        (format!("- rolearn: x\n{old}# y\n- rolearn: y\n"), format!("- rolearn: x\n{new}# y\n- rolearn: y\n")),
        (old.trim_end().to_owned(), new.trim_end().to_owned()),
    ] {
        let read = read(&text);
        assert_eq!(read.with_changed(index(&read, &before), &after).unwrap(), expected);
    }
    let json = r#"[{"rolearn":"arn:aws:iam::111122223333:role/n","username":"system:node:n","groups":["a"]},{}]"#;
    let read = read(json);
    let changed = read.with_changed(index(&read, &before), &after).unwrap();
    assert_eq!(seen(&changed)[0]["groups"], serde_json::json!(["b", "c d"]));
    assert!(changed.ends_with(",{}]"), "{changed}");
}

#[test]
fn what_is_malformed_is_told_with_its_line() {
    for (text, line, part) in [
        ("- username: x\n- rolearn: [\n", 2, "unclosed bracket"),
        ("- rolearn: x\n bad\n", 2, "did not find expected"),
        ("rolearn: x\n", 1, "no list of entries"),
        ("text", 1, "no list of entries"),
        ("- rolearn: x\n- rolearn: y\n  ~: z\n", 2, "null cannot be the name"),
        ("- rolearn: x\n  other: {[a]: 1}\n", 1, "cannot be the name"),
        ("- rolearn: x\n  other: -.inf\n", 1, "infinite"),
        ("- rolearn: x\n  <<: text\n", 1, "merge key"),
        ("- *gone\n", 1, "unknown anchor"),
        (&format!("- {}1{}\n", "[".repeat(60), "]".repeat(60)), 1, "recursion limit"),
    ] {
        match Text::read(List::Roles, text) {
            Err(Fault { line: Some(found), problem }) => {
                assert_eq!(found, line, "{text:?}: {problem}");
                assert!(problem.contains(part), "{text:?}: {problem}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    let bomb = (1..30).map(|n| format!("- &a{n} {{x: [*a{0}, *a{0}]}}\n", n - 1)).collect::<Vec<_>>().concat();
    let fault = Text::read(List::Roles, &format!("- &a0 {{}}\n{bomb}")).expect_err("too much");
    assert!(fault.problem.contains("unfold"), "{fault}");
}

#[test]
fn entries_that_eks_skips_stay_byte_for_byte() {
    let odd = "- rolearn: a\n  groups: system:masters\n- role_arn: b\n- just a text\n";
    let ours = entry("n", &["a"]);
    let added = read(odd).with(&ours).expect("added");
    assert!(added.starts_with(odd), "{added}");
    let read = read(&added);
    assert_eq!(read.without(index(&read, &ours)).expect("removed"), odd);
}

#[test]
fn what_others_lean_on_is_not_changed() {
    let ours = entry("n", &["a"]);
    let text =
        format!("- rolearn: {}\n  username: system:node:n\n  groups: &g [a]\n- rolearn: y\n  groups: *g\n", ours.arn);
    let read = read(&text);
    let index = index(&read, &ours);
    for refused in [read.without(index), read.with_changed(index, &entry("n", &["b"]))] {
        let fault = refused.expect_err("others lean on it");
        assert!(fault.problem.contains("without changing others"), "{fault}");
    }
}

#[test]
fn of_several_entries_the_equal_one_is_meant() {
    let (one, two) = (entry("n", &["a"]), entry("n", &["b"]));
    let text = read("").with(&one).unwrap();
    let text = read(&text).with(&two).unwrap();
    let both = read(&text);
    assert_eq!((both.find(&one), both.find(&two)), (Found::At(0), Found::At(1)));
    assert_eq!(both.find(&entry("n", &["c"])), Found::Several);
    assert_eq!(both.find(&entry("m", &["a"])), Found::Nowhere);
    assert_eq!(read(&read(&text).without(0).unwrap()).find(&entry("N", &["c"])), Found::At(0));
}

#[test]
fn entries_are_read_as_the_authenticator_reads_them() {
    let of = |entries: &[(&str, &str, usize)]| -> Vec<(String, String, usize)> {
        entries.iter().map(|(arn, name, groups)| ((*arn).to_owned(), (*name).to_owned(), *groups)).collect()
    };
    for (text, expected) in [
        ("- RoleARN: x\n  UserName: u\n  groups: ~\n", of(&[("x", "u", 0)])),
        ("- rolearn: b\n  ROLEARN: a\n", of(&[("b", "", 0)])),
        ("- rolearn: x\n  RoleArn: ~\n  rolearn: b\n", of(&[("b", "", 0)])),
        // `y` is true in YAML 1.1.
        ("- rolearn: y\n", of(&[])),
        // Skipped: entries without an ARN, with an ARN and `sso`, or that are not a map.
        ("- username: nobody\n- text\n- [rolearn, x]\n- ~\n- role_arn: x\n- rolearn: x\n  sso: {}\n", of(&[])),
        ("- rolearn: x\n  sso: ~\n", of(&[("x", "", 0)])),
        // Dropped: values that are not a string or a list of strings.
        ("- rolearn: x\n  username: 123\n  groups: system:masters\n", of(&[("x", "", 0)])),
        ("- rolearn: x\n  username: yes\n  groups: [a, 1, [b], ~, '2']\n", of(&[("x", "", 2)])),
        ("- rolearn: {}\n- rolearn: 12\n- rolearn: '12'\n", of(&[("12", "", 0)])),
        // A merge key sets its members at its position.
        ("- &b\n  groups: [g]\n  rolearn: b\n- <<: *b\n  rolearn: c\n", of(&[("b", "", 1), ("c", "", 1)])),
        ("- &b\n  groups: [g]\n  rolearn: b\n- rolearn: c\n  <<: *b\n", of(&[("b", "", 1), ("b", "", 1)])),
        ("- rolearn: x\n  <<: [{username: one}, {username: two, groups: [g]}]\n", of(&[("x", "one", 1)])),
        ("- rolearn: x\n  '<<': {rolearn: y}\n", of(&[("x", "", 0)])),
        // Texts that mean nothing.
        ("\"\"\n", of(&[])),
        ("``", of(&[])),
        (" '' ", of(&[])),
        ("~", of(&[])),
    ] {
        let found: Vec<(String, String, usize)> =
            read(text).entries().map(|one| (one.arn.clone(), one.username.clone(), one.groups.len())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// Names of groups and users, including awkward ones.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z:]{1,8}",
        "[ -~é\u{1F600}\u{85}\u{2028}]{1,10}",
        prop::sample::select(vec![
            "yes",
            "null",
            "~",
            "1",
            "0x1",
            "- a",
            "a: b",
            "a #b",
            "'",
            "\"",
            "{{SessionName}}",
            "*a",
            "&a",
            "a:"
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    ("[a-z]{1,6}", word(), prop::collection::btree_set(word(), 0..4)).prop_map(|(name, username, groups)| Entry {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        username,
        groups,
    })
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text")
}

/// An entry written by someone else, in one of many styles, as lines below a dash in column 0.
fn foreign(entry: &Entry, style: u8) -> String {
    let groups: Vec<String> = entry.groups.iter().map(|group| json(group)).collect();
    let (arn, name) = (&entry.arn, json(&entry.username));
    match style % 7 {
        0 => format!("- rolearn: {arn}\n  username: {name}\n  groups: [{}]\n", groups.join(", ")),
        1 => {
            let groups = groups.iter().map(|group| format!("  - {group}\n")).collect::<Vec<_>>().concat();
            format!("- groups:\n{groups}  rolearn: {arn} # who\n  username: {name}\n")
        }
        2 => format!(
            "# above\n-   {{rolearn: '{arn}', \"username\": {name}, groups: [{}\n    ]}} # beside\n",
            groups.join(" , ")
        ),
        3 => format!(
            "-\n\n    # in it\n    rolearn: >-\n      {arn}\n    username: {name}\n    extra: |+\n      kept\n\n\n"
        ),
        4 => format!("- !!map\n  ? rolearn\n  : \"{arn}\"\n  ? username\n  : {name}\n\n"),
        5 => format!("- rolearn: {arn}\n  username: {name}\n  groups:\n    # none\n"),
        _ => format!("- rolearn:   {arn}   \n  username:\n    {name}\n  other: {{a: [1, 2.50, yes]}}\n"),
    }
}

fn others(entries: &[(Entry, u8)], style: u8, end: bool) -> String {
    if style == 0 {
        let items: Vec<String> = entries
            .iter()
            .map(|(one, _)| format!("{{\"rolearn\":{},\"username\":{}}}", json(&one.arn), json(&one.username)))
            .collect();
        return format!("[{}]", items.join(",\n "));
    }
    let text: String = entries.iter().map(|(one, style)| foreign(one, *style)).collect();
    // After a text that keeps its trailing line breaks, anything that follows adds one more.
    let keeps = entries.last().is_some_and(|(_, style)| style % 7 == 3);
    if end || keeps { text } else { text.trim_end().to_owned() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_entries_stay_byte_for_byte(
        entries in prop::collection::vec((any_entry(), any::<u8>()), 0..6),
        style in 0..4_u8,
        end in any::<bool>(),
        ours in any_entry(),
        username in word(),
        at in any::<prop::sample::Index>(),
    ) {
        let ours = Entry { arn: "arn:aws:iam::111122223333:role/OURS".to_owned(), ..ours };
        let text = others(&entries, style, end);
        let before = seen(&text);
        let added = read(&text).with(&ours).expect("added");
        let after = seen(&added);
        prop_assert_eq!(&after[..after.len() - 1], &before[..]);
        let last = &after[after.len() - 1];
        prop_assert_eq!(last["rolearn"].as_str(), Some(ours.arn.as_str()));
        prop_assert_eq!(last["username"].as_str(), Some(ours.username.as_str()));
        let groups: BTreeSet<String> = last["groups"].as_array().into_iter().flatten()
            .map(|group| group.as_str().expect("a text").to_owned()).collect();
        prop_assert_eq!(&groups, &ours.groups);

        let changed = Entry { username, ..ours.clone() };
        let twice = read(&added).with_changed(entries.len(), &changed).expect("changed");
        let said = seen(&twice);
        prop_assert_eq!(said[entries.len()]["username"].as_str(), Some(changed.username.as_str()));
        let back = read(&twice);
        let back = back.without(index(&back, &changed)).expect("removed");
        prop_assert_eq!(&back, &text);

        // Any of the others can be removed as cleanly: what is left keeps its text and order.
        if !entries.is_empty() {
            let gone = at.index(entries.len());
            let rest = read(&text).without(gone).expect("removed");
            let mut left = before;
            left.remove(gone);
            prop_assert_eq!(seen(&rest), left);
            let lines: Vec<&str> = text.lines().collect();
            let mut place = 0;
            for line in rest.lines().filter(|_| style != 0) {
                let found = lines[place..].iter().position(|one| *one == line);
                prop_assert!(found.is_some(), "{:?} is new in {:?}", line, rest);
                place += found.unwrap_or_default() + 1;
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-\\[\\]{}:,a-c &*!|>'\"#?\n\t\r%@~\u{85}]{0,60}") {
        if let Ok(read) = Text::read(List::Roles, &text) {
            let ours = entry("n", &["a"]);
            if let Ok(added) = read.with(&ours) {
                let again = Text::read(List::Roles, &added).expect("what was written is readable");
                prop_assert_eq!(again.entries().count(), read.entries().count() + 1);
                prop_assert!(added.len() > text.len());
            }
        }
    }
}
