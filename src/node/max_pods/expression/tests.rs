//! Expressions from the images' documentation, and each way to be rejected.

use super::*;

fn pods(text: &str, interfaces: u32, addresses: u32) -> Option<u32> {
    understand(text).unwrap_or_else(|hint| panic!("{text}: {hint}"));
    MaxPodsExpression(text.to_owned()).pods(interfaces, addresses)
}

#[test]
fn expressions_count_pods() {
    // m5.large has three interfaces with ten addresses each, and 29 pods by default.
    for (text, expected) in [
        // The three from nodeadm's documentation, and the one from its own test.
        ("max_pods + 2", 31),
        ("max_pods < 30 ? max_pods : 30", 29),
        ("((default_enis - 1) * (ips_per_eni - 1)) + 2", 20),
        ("((default_enis -1) * (ips_per_eni - 1)) + 2", 20),
        ("(default_enis * (ips_per_eni - 1)) + 2", 29),
        // Custom networking with prefixes, at most 110.
        ("((default_enis - 1) * (ips_per_eni - 1) * 16) + 2 > 110 ? 110 : 5", 110),
        ("110", 110),
        ("0x6e", 110),
        ("110u", 110),
        ("uint(max_pods) + 1u", 30),
        ("int(double(max_pods) * 0.9)", 26),
        ("double(max_pods) * .9", 26),
        ("2.9e1", 29),
        ("7 - 2 - 1", 4),
        ("7 - (2 - 1)", 6),
        ("2 + 3 * 4", 14),
        ("7 / 2 * 2", 6),
        ("17 % 5", 2),
        ("-(-7)", 7),
        ("- -7", 7),
        ("true ? 1 : 2", 1),
        ("false ? 1 : true ? 2 : 3", 2),
        ("!(max_pods == 29) || max_pods != 29 && true ? 1 : 2", 2),
        ("default_enis >= 3 && ips_per_eni <= 10 ? 4 : 5", 4),
        ("default_enis > 3 || ips_per_eni < 10 ? 4 : 5", 5),
        // One operand determines the result, so the other may have no value.
        ("default_enis == 3 || 1 / (default_enis - 3) > 0 ? 4 : 5", 4),
        ("1 / (default_enis - 3) > 0 && default_enis == 2 ? 4 : 5", 5),
        ("max_pods // with one more\n + 1", 30),
        ("true < false ? 1 : 2", 2),
    ] {
        assert_eq!(pods(text, 3, 10), Some(expected), "{text}");
    }
}

/// Some types get a number; for others the node falls back to its own.
#[test]
fn an_expression_need_not_suit_every_type() {
    for (text, interfaces, expected) in [
        ("default_enis - 2", 2, None),
        ("default_enis - 2", 3, Some(1)),
        ("100 / (default_enis - 3)", 3, None),
        ("100 / (default_enis - 3)", 4, Some(100)),
    ] {
        assert_eq!(pods(text, interfaces, 10), expected, "{text}");
    }
}

#[test]
fn what_nodeadm_could_not_compute_is_refused() {
    for (text, hint) in [
        ("", "it is empty"),
        (" // nothing", "it is empty"),
        ("max_pods +", "character 11: a value is missing at the end"),
        ("(max_pods", "character 10: `)` is missing"),
        ("max_pods)", "character 9: `)` does not belong there"),
        ("max_pods 3", "character 10: `3` does not belong there"),
        ("* 3", "character 1: a value is missing before `*`"),
        ("max_pods > 3 ? 4", "character 17: `:` is missing"),
        ("default_eni - 1", "character 1: there is no variable `default_eni`; did you mean `default_enis`?"),
        ("vcpus * 2", "character 1: there is no variable `vcpus`"),
        (
            "min(max_pods, 110)",
            "character 1: there is no function `min`; the smaller of two numbers is `a < b ? a : b`",
        ),
        (
            "max(max_pods, 110)",
            "character 1: there is no function `max`; the greater of two numbers is `a > b ? a : b`",
        ),
        ("abs(1)", "character 1: there is no function `abs`; there are `int(…)`, `uint(…)` and `double(…)`"),
        ("max_pods ^ 2", "character 10: `^` is no operator"),
        ("max_pods = 2", "character 10: `=` is no operator"),
        ("\"110\"", "character 1: texts, lists, maps and methods have no place here"),
        ("[110][0]", "character 1: texts, lists, maps and methods have no place here"),
        ("1. + 2.0", "character 2: texts, lists, maps and methods have no place here"),
        ("2x", "character 1: `2x` is no number"),
        ("12_000", "character 1: `12_000` is no number"),
        ("9223372036854775808", "character 1: that number is not one of 64 bits"),
        ("0x", "character 1: that number is not one of 64 bits"),
        ("1e999", "character 1: that number is not one of 64 bits"),
        (
            "max_pods * 0.9",
            "character 10: `*` does not take a whole number (`int`) and a number with a fraction (`double`), convert \
             one by `int(…)` or `double(…)`",
        ),
        ("max_pods + true", "character 10: `+` does not take a whole number (`int`) and `true` or `false`"),
        ("true + true", "character 6: `+` does not take `true` or `false`"),
        ("1.5 % 1.0", "character 5: `%` does not take a number with a fraction (`double`)"),
        ("1 && 2", "character 3: `&&` does not take a whole number (`int`)"),
        ("!max_pods", "character 1: `!` takes a condition, not a whole number (`int`)"),
        ("-1u", "character 1: `-` does not take an unsigned number (`uint`)"),
        ("max_pods ? 1 : 2", "character 10: before `?` there must be a condition, not a whole number (`int`)"),
        (
            "true ? 1 : 2.0",
            "character 6: both sides of `:` must have one type, not a whole number (`int`) and a number with a \
             fraction (`double`)",
        ),
        ("int(true)", "character 1: `int(…)` takes a number, not `true` or `false`"),
        ("max_pods > 110", "it gives `true` or `false`, not a number of pods"),
        ("max_pods - 100000", "there is no instance type for which it gives a number of pods: it gives -"),
        ("0", "there is no instance type for which it gives a number of pods: it gives 0"),
        ("2147483648", "there is no instance type for which it gives a number of pods: it gives 2147483648"),
        ("1 / 0", "there is no instance type for which it gives a number of pods: it divides by zero"),
        ("1u % 0u", "there is no instance type for which it gives a number of pods: it divides by zero"),
        ("9223372036854775807 + max_pods", "there is no instance type for which it gives a number of pods: a number"),
        ("0u - 1u", "there is no instance type for which it gives a number of pods: a number in it grows"),
        ("uint(-1)", "there is no instance type for which it gives a number of pods: a number in it grows"),
        ("int(1e300)", "there is no instance type for which it gives a number of pods: a number in it grows"),
        ("1.0 / 0.0", "there is no instance type for which it gives a number of pods: a number in it grows"),
    ] {
        let refused = understand(text).expect_err(text);
        assert!(refused.starts_with(hint), "{text}: {refused}");
    }
}

#[test]
fn size_and_depth_have_an_end() {
    assert_eq!(pods(&format!("{}7{}", "(".repeat(90), ")".repeat(90)), 3, 10), Some(7));
    for text in [format!("{}7{}", "(".repeat(200), ")".repeat(200)), format!("{}7", "-".repeat(200))] {
        let refused = understand(&text).unwrap_err();
        assert!(refused.ends_with("it is nested deeper than 100"), "{refused}");
    }
    let refused = understand(&format!("1{}", " + 1".repeat(1000))).unwrap_err();
    assert_eq!(refused, "it has 4001 characters, more than 4000");
}
