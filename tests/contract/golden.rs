//! A text that is kept, next to the text as it is now.

use std::fs;

/// Set to renew what is kept.
const RENEW: &str = "EKSHYBRID_RENEW_GOLDEN";

/// Fails with the lines that differ; with the environment variable set, keeps the text as it is now instead.
pub fn compare(path: &str, now: &str) {
    if std::env::var_os(RENEW).is_some_and(|value| !value.is_empty()) {
        fs::write(path, now).expect("the kept text can be written");
        return;
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    let difference = difference(&kept, now);
    assert!(
        difference.is_empty(),
        "`{path}` differs (- as kept, + as it is now):\n{}\n\nIf the change is meant, renew it with `{RENEW}=1 cargo test --test contract` and commit it.",
        difference.join("\n")
    );
}

/// The lines that differ, each run with the line before it.
fn difference(kept: &str, now: &str) -> Vec<String> {
    let (kept, now): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), now.lines().collect());
    let (mut one, mut other) = (0, 0);
    let mut lines = Vec::new();
    while one < kept.len() || other < now.len() {
        if kept.get(one) == now.get(other) {
            one += 1;
            other += 1;
            continue;
        }
        // The nearest place where both go on alike.
        let (skip_kept, skip_now) = (0..=kept.len() - one + now.len() - other)
            .flat_map(|sum| (0..=sum).map(move |skip| (skip, sum - skip)))
            .find(|(a, b)| {
                one + a <= kept.len() && other + b <= now.len() && ahead(&kept, one + a) == ahead(&now, other + b)
            })
            .unwrap_or((kept.len() - one, now.len() - other));
        if let Some(before) = one.checked_sub(1) {
            lines.push(format!("@ line {one}\n  {}", kept[before]));
        }
        lines.extend(kept[one..one + skip_kept].iter().map(|line| format!("- {line}")));
        lines.extend(now[other..other + skip_now].iter().map(|line| format!("+ {line}")));
        one += skip_kept;
        other += skip_now;
    }
    lines
}

/// The next lines: enough of them that a lone brace is not taken for the place.
fn ahead<'a, 'b>(lines: &'b [&'a str], at: usize) -> Option<&'b [&'a str]> {
    lines.get(at..(at + 3).min(lines.len()))
}

#[test]
fn differences_are_shown_where_they_are() {
    for (kept, now, expected) in [
        ("a\nb\nc", "a\nb\nc", vec![]),
        ("a\nb\nc\nd\ne", "a\nc\nd\ne", vec!["@ line 1\n  a", "- b"]),
        ("a\nc\nd\ne", "a\nb\nc\nd\ne", vec!["@ line 1\n  a", "+ b"]),
        ("a\nb\nc\nd\ne", "a\nx\nc\nd\ne", vec!["@ line 1\n  a", "- b", "+ x"]),
        ("", "a", vec!["+ a"]),
    ] {
        assert_eq!(difference(kept, now), expected, "{kept:?} {now:?}");
    }
}
