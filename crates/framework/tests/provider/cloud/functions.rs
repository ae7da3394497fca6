//! `join`, `ratio` and `shout`.

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Field, Model};
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::{Type, Value};

/// Joins texts.
pub struct Join;

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct JoinParameters {
    /// What stands between the texts.
    pub separator: String,
}

/// One of the texts.
pub struct Piece(String);

impl Variadic for Piece {
    fn parameter() -> Option<Parameter> {
        Some(Parameter {
            name: "texts".into(),
            ty: Type::String,
            description: "The texts to join.".into(),
            allow_null: false,
            allow_unknown: false,
        })
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        String::decode(value, at, faults).map(Self)
    }
}

impl Function for Join {
    type Parameters = JoinParameters;
    type Variadic = Piece;
    type Output = String;

    const NAME: &'static str = "join";
    const SUMMARY: &'static str = "Joins texts";
    const DESCRIPTION: &'static str = "Joins any number of texts.";

    fn call(parameters: JoinParameters, pieces: Vec<Piece>) -> Result<Option<String>, FunctionError> {
        if let Some(position) = pieces.iter().position(|piece| piece.0.contains('!')) {
            let position = i64::try_from(position).unwrap_or_default() + 1;
            return Err(FunctionError::argument(position, "no text may shout"));
        }
        let texts: Vec<String> = pieces.into_iter().map(|piece| piece.0).collect();
        Ok(Some(texts.join(&parameters.separator)))
    }
}

/// Divides.
pub struct Ratio;

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct RatioParameters {
    /// What is divided.
    pub dividend: i64,
    /// What it is divided by.
    pub divisor: i64,
}

impl Function for Ratio {
    type Parameters = RatioParameters;
    type Variadic = framework::function::NoVariadic;
    type Output = i64;

    const NAME: &'static str = "ratio";
    const SUMMARY: &'static str = "Divides whole numbers";
    const DESCRIPTION: &'static str = "Divides whole numbers; what is left over is lost.";

    fn call(parameters: RatioParameters, _: Vec<Self::Variadic>) -> Result<Option<i64>, FunctionError> {
        parameters
            .dividend
            .checked_div(parameters.divisor)
            .map(Some)
            .ok_or_else(|| FunctionError::argument(1, "nothing can be divided by zero"))
    }
}

/// Shouts.
pub struct Shout;

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct ShoutParameters {
    /// What is shouted; nothing when it is null.
    pub text: Option<String>,
    /// More texts.
    pub more: Vec<String>,
}

impl Function for Shout {
    type Parameters = ShoutParameters;
    type Variadic = framework::function::NoVariadic;
    type Output = Option<String>;

    const NAME: &'static str = "shout";
    const SUMMARY: &'static str = "Shouts a text";
    const DESCRIPTION: &'static str = "Shouts a text.";
    const SEES_UNKNOWN: bool = true;

    fn call(parameters: ShoutParameters, _: Vec<Self::Variadic>) -> Result<Option<Option<String>>, FunctionError> {
        Ok(Some(parameters.text.map(|text| text.to_uppercase() + &parameters.more.concat())))
    }
}
