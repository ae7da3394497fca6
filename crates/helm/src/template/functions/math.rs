//! Arithmetic. Integers wrap as in Go; the `…f` functions add and multiply in decimals, so 0.1 + 0.2 is 0.3.

use super::casts::{to_float, to_int};
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new("add1", &[Type::Any], |arguments| Ok(Value::int64(to_int(arguments.value(0)).wrapping_add(1)))),
    Function::variadic("add", &[], Type::Any, |arguments| {
        Ok(Value::int64(arguments.all().iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    Function::new("sub", &[Type::Any, Type::Any], |arguments| {
        Ok(Value::int64(to_int(arguments.value(0)).wrapping_sub(to_int(arguments.value(1)))))
    }),
    Function::new("div", &[Type::Any, Type::Any], |arguments| divide(&arguments, i64::wrapping_div)),
    Function::new("mod", &[Type::Any, Type::Any], |arguments| divide(&arguments, i64::wrapping_rem)),
    Function::variadic("mul", &[Type::Any], Type::Any, |arguments| {
        Ok(Value::int64(arguments.all().iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    Function::new("add1f", &[Type::Any], |arguments| {
        decimals(&[arguments.value(0).clone(), Value::int(1)], Decimal::add)
    }),
    Function::variadic("addf", &[], Type::Any, |arguments| {
        let mut all = vec![Value::Float(0.0)];
        all.extend_from_slice(arguments.all());
        decimals(&all, Decimal::add)
    }),
    Function::variadic("subf", &[Type::Any], Type::Any, |arguments| decimals(arguments.all(), Decimal::subtract)),
    Function::variadic("mulf", &[Type::Any], Type::Any, |arguments| decimals(arguments.all(), Decimal::multiply)),
    Function::variadic("divf", &[Type::Any], Type::Any, |arguments| decimals(arguments.all(), Decimal::divide)),
    Function::variadic("biggest", &[Type::Any], Type::Any, largest),
    Function::variadic("max", &[Type::Any], Type::Any, largest),
    Function::variadic("min", &[Type::Any], Type::Any, |arguments| {
        Ok(Value::int64(arguments.all().iter().map(to_int).min().unwrap_or(0)))
    }),
    Function::variadic("maxf", &[Type::Any], Type::Any, |arguments| Ok(extreme(&arguments, f64::max))),
    Function::variadic("minf", &[Type::Any], Type::Any, |arguments| Ok(extreme(&arguments, f64::min))),
    Function::new("floor", &[Type::Any], |arguments| Ok(Value::Float(to_float(arguments.value(0)).floor()))),
    Function::new("ceil", &[Type::Any], |arguments| Ok(Value::Float(to_float(arguments.value(0)).ceil()))),
    Function::variadic("round", &[Type::Any, Type::Int], Type::Float, round),
];

fn divide(arguments: &Arguments, operation: fn(i64, i64) -> i64) -> Outcome {
    let divisor = to_int(arguments.value(1));
    if divisor == 0 {
        return Err("runtime error: integer divide by zero".into());
    }
    Ok(Value::int64(operation(to_int(arguments.value(0)), divisor)))
}

fn largest(arguments: Arguments) -> Outcome {
    Ok(Value::int64(arguments.all().iter().map(to_int).max().unwrap_or(0)))
}

fn extreme(arguments: &Arguments, choose: fn(f64, f64) -> f64) -> Value {
    let numbers = arguments.all().iter().map(to_float);
    // Go's Max and Min return NaN if an operand is NaN, Rust's the other operand.
    let chosen =
        numbers.reduce(|left, right| if left.is_nan() || right.is_nan() { f64::NAN } else { choose(left, right) });
    Value::Float(chosen.unwrap_or(0.0))
}

fn round(arguments: Arguments) -> Outcome {
    let threshold = if arguments.all().len() > 2 { arguments.float(2) } else { 0.5 };
    let power = 10f64.powf(arguments.int(1) as f64);
    let scaled = power * to_float(arguments.value(0));
    let rounded = if scaled.fract() >= threshold { scaled.ceil() } else { scaled.floor() };
    Ok(Value::Float(rounded / power))
}

fn decimals(values: &[Value], operation: fn(Decimal, Decimal) -> Option<Decimal>) -> Outcome {
    let mut numbers = values.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    let Some(mut result) = Decimal::from_float(first) else {
        return Err("Cannot create a Decimal from NaN or infinity".into());
    };
    for number in numbers {
        let Some(operand) = Decimal::from_float(number) else {
            return Err("Cannot create a Decimal from NaN or infinity".into());
        };
        match operation(result, operand) {
            Some(next) => result = next,
            None if operand.digits == 0 => return Err("decimal division by 0".into()),
            None => return Err("the numbers differ too much in size for decimal arithmetic".into()),
        }
    }
    Ok(Value::Float(result.to_float()))
}

/// `digits × 10^exponent`.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Digits after the point that a division keeps.
const DIVISION_DIGITS: i32 = 16;

impl Decimal {
    /// The shortest decimal that reads back as `number`.
    fn from_float(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self { digits, exponent: exponent - i32::try_from(fraction.len()).ok()? })
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(0.0)
    }

    /// Both with the smaller exponent.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        Some((self.scaled(exponent)?, other.scaled(exponent)?, exponent))
    }

    fn scaled(self, exponent: i32) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let power = u32::try_from(self.exponent - exponent).ok()?;
        self.digits.checked_mul(10i128.checked_pow(power)?)
    }

    fn add(self, other: Self) -> Option<Self> {
        let (left, right, exponent) = self.aligned(other)?;
        Some(Self { digits: left.checked_add(right)?, exponent })
    }

    fn subtract(self, other: Self) -> Option<Self> {
        self.add(Self { digits: -other.digits, ..other })
    }

    fn multiply(self, other: Self) -> Option<Self> {
        Some(Self {
            digits: self.digits.checked_mul(other.digits)?,
            exponent: self.exponent.checked_add(other.exponent)?,
        })
    }

    /// Rounds half away from zero at 16 digits after the point.
    fn divide(self, other: Self) -> Option<Self> {
        if other.digits == 0 {
            return None;
        }
        let shift = self.exponent - other.exponent + DIVISION_DIGITS;
        let (numerator, denominator) = if shift >= 0 {
            (self.digits.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?, other.digits)
        } else {
            (self.digits, other.digits.checked_mul(10i128.checked_pow(shift.unsigned_abs())?)?)
        };
        let (quotient, remainder) = (numerator / denominator, numerator % denominator);
        let away = remainder.checked_abs()?.checked_mul(2)? >= denominator.checked_abs()?;
        let sign = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
        Some(Self { digits: if away { quotient + sign } else { quotient }, exponent: -DIVISION_DIGITS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_arithmetic_is_exact() {
        let decimal = |number| Decimal::from_float(number).unwrap();
        assert_eq!(decimal(0.1).add(decimal(0.2)).unwrap().to_float(), 0.3);
        assert_eq!(decimal(1.1).multiply(decimal(1.1)).unwrap().to_float(), 1.21);
        assert_eq!(decimal(10.0).divide(decimal(3.0)).unwrap().to_float(), 3.333_333_333_333_333_3);
        assert!(decimal(1.0).divide(decimal(0.0)).is_none());
    }
}
