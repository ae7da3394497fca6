//! Bytes that go-cty v1.16.2 wrote, and properties of any value.

use proptest::prelude::*;

use super::{decode, encode};
use crate::value::{Number, Refinement, Type, Value};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().expect("a number"))
}

fn bound(text: &str, inclusive: bool) -> (Number, bool) {
    (text.parse().expect("a number"), inclusive)
}

/// Each row was written by go-cty's `msgpack.Marshal` for the same value and type.
#[test]
fn as_go_cty_writes() {
    let object = Type::object([("a", Type::Number), ("b", Type::Bool), ("c", Type::set(Type::String))]);
    let not_null = Refinement::not_null;
    for (hex, value, ty) in [
        ("00", number("0"), Type::Number),
        ("7f", number("127"), Type::Number),
        ("cc80", number("128"), Type::Number),
        ("ff", number("-1"), Type::Number),
        ("e0", number("-32"), Type::Number),
        ("d0df", number("-33"), Type::Number),
        ("ce00010000", number("65536"), Type::Number),
        ("cf7fffffffffffffff", number("9223372036854775807"), Type::Number),
        ("d38000000000000000", number("-9223372036854775808"), Type::Number),
        ("b339323233333732303336383534373735383038", number("9223372036854775808"), Type::Number),
        ("b5313030303030303030303030303030303030303030", number("100000000000000000000"), Type::Number),
        ("cb3fe0000000000000", number("0.5"), Type::Number),
        ("cbbff4000000000000", number("-1.25"), Type::Number),
        ("a3302e31", number("0.1"), Type::Number),
        ("b831323334353637383930313233343536373839302e313235", number("12345678901234567890.125"), Type::Number),
        (
            "d920302e303030303030303030303030303030303030303030303030303030303031",
            number("0.000000000000000000000000000001"),
            Type::Number,
        ),
        ("a668c3a96c6c6f", Value::from("héllo"), Type::String),
        ("c0", Value::Null, Type::String),
        ("d40000", Value::unknown(), Type::String),
        ("c7030c8101c2", Value::Unknown(not_null()), Type::String),
        (
            "c7090c8201c202a461726e3a",
            Value::Unknown(Refinement { prefix: Some("arn:".to_owned()), ..not_null() }),
            Type::String,
        ),
        (
            "c7130c8301c2039201c30492cb4004000000000000c2",
            Value::Unknown(Refinement {
                number_min: Some(bound("1", true)),
                number_max: Some(bound("2.5", false)),
                ..not_null()
            }),
            Type::Number,
        ),
        (
            "c7090c8301c2050106cd012c",
            Value::Unknown(Refinement { length_min: Some(1), length_max: Some(300), ..not_null() }),
            Type::list(Type::String),
        ),
        (
            "83a161c0a162c3a16392a178a179",
            Value::map([
                ("a", Value::Null),
                ("b", Value::from(true)),
                ("c", Value::set([Value::from("y"), Value::from("x")])),
            ]),
            object,
        ),
        ("92c40822737472696e6722a178", Value::Dynamic(Box::new((Type::String, Value::from("x")))), Type::Dynamic),
        (
            "92c41d5b227475706c65222c5b22737472696e67222c226e756d626572225d5d92a17802",
            Value::Dynamic(Box::new((
                Type::Tuple(vec![Type::String, Type::Number]),
                Value::List(vec![Value::from("x"), Value::from(2)]),
            ))),
            Type::Dynamic,
        ),
        ("d40000", Value::unknown(), Type::Dynamic),
        ("c0", Value::Null, Type::Dynamic),
        ("92c40822737472696e6722c0", Value::Dynamic(Box::new((Type::String, Value::Null))), Type::Dynamic),
        ("92c40822737472696e6722d40000", Value::Dynamic(Box::new((Type::String, Value::unknown()))), Type::Dynamic),
        ("81a16b91c2", Value::map([("k", Value::List(vec![Value::from(false)]))]), Type::map(Type::list(Type::Bool))),
    ] {
        assert_eq!(decode(&bytes(hex), &ty).as_ref(), Ok(&value), "reading {hex}");
        assert_eq!(encode(&value, &ty), Ok(bytes(hex)), "writing {hex}");
    }
}

/// Forms that other writers may choose.
#[test]
fn other_forms_are_read() {
    for (hex, value, ty) in [
        ("d3ffffffffffffffff", number("-1"), Type::Number),
        ("cfffffffffffffffff", number("18446744073709551615"), Type::Number),
        ("ca3f000000", number("0.5"), Type::Number),
        // The float next to 0.1 is another number than 0.1.
        ("cb3fb999999999999a", number("0.1000000000000000055511151231257827021181583404541015625"), Type::Number),
        ("c4026869", Value::from("hi"), Type::String),
        ("d90168", Value::from("h"), Type::String),
        ("da000168", Value::from("h"), Type::String),
        ("dc000101", Value::List(vec![number("1")]), Type::list(Type::Number)),
        ("de0001a16b01", Value::map([("k", number("1"))]), Type::map(Type::Number)),
        // Another extension is unknown as well.
        ("d507abcd", Value::unknown(), Type::Bool),
        // A key of a later refinement is ignored, whatever it holds.
        ("c7070c8201c2639201c0", Value::Unknown(Refinement::not_null()), Type::Bool),
        ("c70b0c8201c26382a161cc0102c3", Value::Unknown(Refinement::not_null()), Type::Bool),
    ] {
        assert_eq!(decode(&bytes(hex), &ty), Ok(value), "{hex}");
    }
}

#[test]
fn refused_with_the_place() {
    let object = || Type::object([("a", Type::list(Type::Number)), ("b", Type::Bool)]);
    let deep = (0..200).fold(Type::Bool, |ty, _| Type::list(ty));
    for (hex, ty, message) in [
        ("", Type::Bool, "the bytes end in the middle of the value"),
        ("01", Type::Bool, "true or false was expected, but a number was found"),
        ("c3", Type::Number, "a number was expected, but true or false was found"),
        ("a17a", Type::Number, "the text is not a decimal number"),
        ("cb7ff0000000000000", Type::Number, "the number is not finite"),
        ("cb7ff8000000000000", Type::Number, "the number is not finite"),
        ("a1ff", Type::String, "the text is not UTF-8"),
        ("a568", Type::String, "the bytes end in the middle of the value"),
        ("c0c0", Type::String, "more bytes follow the value"),
        ("c1", Type::String, "text was expected, but nothing that msgpack knows was found"),
        ("ddffffffff", Type::list(Type::Bool), "the bytes end in the middle of the value"),
        ("dfffffffff", Type::map(Type::Bool), "the bytes end in the middle of the value"),
        ("dbffffffff", Type::String, "the bytes end in the middle of the value"),
        ("82a16191c3a162c2", object(), "at `a[0]`: a number was expected, but true or false was found"),
        ("81a16190", object(), "the attribute `b` is missing"),
        ("81a17a90", object(), "there is no attribute `z`"),
        ("82a162c2a162c2", object(), "`b` occurs twice"),
        ("82a16bc2a16bc2", Type::map(Type::Bool), "`k` occurs twice"),
        ("81a16b01", Type::map(Type::Bool), "at `[\"k\"]`: true or false was expected, but a number was found"),
        ("91c2", Type::Tuple(vec![]), "0 elements were expected, but 1 were found"),
        ("91c2", Type::Dynamic, "a type and a value was expected, but a list was found"),
        ("92c403226e22c2", Type::Dynamic, "the value's own type is not in Terraform's notation"),
        ("92c4092264796e616d696322c2", Type::Dynamic, "the value's own type is `dynamic`"),
        ("c7030c8101c0", Type::Bool, "true or false was expected, but null was found"),
        ("c7020c8105", Type::Bool, "the bytes end in the middle of the value"),
        ("c7030c8105ff", Type::Bool, "a count of elements was expected"),
    ] {
        let error = decode(&bytes(hex), &ty).expect_err(hex);
        assert_eq!(error.to_string(), message, "{hex}");
    }
    let error = decode(&[0x91; 400], &deep).expect_err("too deep");
    assert_eq!(error.fault, "the value is nested too deeply");
}

#[test]
fn a_value_of_another_type_is_not_written() {
    let object = Type::object([("a", Type::list(Type::Number))]);
    for (value, ty, message) in [
        (
            Value::map([("a", Value::List(vec![Value::from("secret")]))]),
            object.clone(),
            "at `a[0]`: text does not fit the type `\"number\"`",
        ),
        (Value::map([("z", Value::Null)]), object, "at ``: the schema has no attribute `z`"),
        (Value::from("x"), Type::Dynamic, "at ``: text does not fit the type `\"dynamic\"`"),
        (Value::List(vec![]), Type::set(Type::Bool), "at ``: a list does not fit the type `[\"set\",\"bool\"]`"),
    ] {
        assert_eq!(encode(&value, &ty).expect_err(message).to_string(), message);
    }
}

#[test]
fn attributes_left_out_are_null() {
    let ty = Type::object([("a", Type::String), ("b", Type::String)]);
    let written = encode(&Value::map([("b", Value::from("x"))]), &ty);
    assert_eq!(written, Ok(bytes("82a161c0a162a178")));
}

/// A promise that is not for the type would be refused by the other side.
#[test]
fn promises_are_kept_to_their_type() {
    let all = Refinement {
        null: Some(false),
        prefix: Some("p".to_owned()),
        number_min: Some(bound("1", true)),
        number_max: Some(bound("2", true)),
        length_min: Some(1),
        length_max: Some(2),
    };
    for (ty, hex) in [
        (Type::Bool, "c7030c8101c2"),
        (Type::String, "c7060c8201c202a170"),
        (Type::Number, "c70b0c8301c2039201c3049202c3"),
        (Type::map(Type::Bool), "c7070c8301c205010602"),
        (Type::Dynamic, "d40000"),
    ] {
        assert_eq!(encode(&Value::Unknown(all.clone()), &ty), Ok(bytes(hex)), "{ty:?}");
    }
}

fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String), Just(Type::Dynamic)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(Type::object),
        ]
    })
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{0,40}[1-9])?".prop_map(|text| text.parse().expect("a number")),
    ]
}

fn any_value(ty: Type) -> BoxedStrategy<Value> {
    let known: BoxedStrategy<Value> = match ty {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Number => any_number().prop_map(Value::Number).boxed(),
        Type::String => any::<String>().prop_map(Value::from).boxed(),
        Type::List(element) => prop::collection::vec(any_value(*element), 0..4).prop_map(Value::List).boxed(),
        Type::Set(element) => prop::collection::vec(any_value(*element), 0..4).prop_map(Value::set).boxed(),
        Type::Map(element) => {
            prop::collection::btree_map(any::<String>(), any_value(*element), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Tuple(types) => types.into_iter().map(any_value).collect::<Vec<_>>().prop_map(Value::List).boxed(),
        Type::Object { attributes, .. } => {
            let (names, types): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
            types
                .into_iter()
                .map(any_value)
                .collect::<Vec<_>>()
                .prop_map(move |values| Value::map(names.iter().cloned().zip(values)))
                .boxed()
        }
        Type::Dynamic => {
            let real = prop_oneof![Just(Type::Bool), Just(Type::list(Type::Number)), Just(Type::map(Type::String))];
            real.prop_flat_map(|ty| (Just(ty.clone()), any_value(ty)))
                .prop_map(|typed| Value::Dynamic(Box::new(typed)))
                .boxed()
        }
    };
    prop_oneof![8 => known, 1 => Just(Value::Null), 1 => Just(Value::unknown())].boxed()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (ty, value) in any_type().prop_flat_map(|ty| (Just(ty.clone()), any_value(ty)))
    ) {
        let written = encode(&value, &ty).expect("the value is of the type");
        prop_assert_eq!(decode(&written, &ty), Ok(value));
    }

    #[test]
    fn any_bytes_are_answered(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        // Either outcome is right; what is read must be a value of the type.
        if let Ok(value) = decode(&bytes, &ty) {
            let written = encode(&value, &ty).expect("the value is of the type");
            prop_assert_eq!(decode(&written, &ty), Ok(value));
        }
    }
}
