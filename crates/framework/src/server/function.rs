//! CallFunction.

use std::marker::PhantomData;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::function::{Function, FunctionError, Variadic};
use crate::model::{Field, Model};
use crate::path::{Path, Step};
use crate::permission::Declared;
use crate::schema::{FunctionSignature, Parameter};
use crate::value::{Refinement, Value};

/// A function.
pub(crate) trait Erased: Send + Sync {
    fn name(&self) -> &'static str;
    fn signature(&self) -> FunctionSignature;
    fn call(&self, arguments: &[Value], declared: &[Declared]) -> Result<Value, FunctionError>;
}

/// The one implementation of [`Erased`].
pub(crate) struct Adapter<F>(PhantomData<fn() -> F>);

impl<F> Adapter<F> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<F: Function> Erased for Adapter<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> FunctionSignature {
        FunctionSignature {
            parameters: F::Parameters::attributes()
                .into_iter()
                .map(|attribute| Parameter {
                    ty: attribute.kind.ty(),
                    allow_null: attribute.optional,
                    allow_unknown: F::SEES_UNKNOWN,
                    name: attribute.name,
                    description: attribute.description,
                })
                .collect(),
            variadic: F::Variadic::parameter(),
            result: F::Output::kind().ty(),
            summary: F::SUMMARY.to_owned(),
            description: F::description(),
            deprecation: None,
        }
    }

    fn call(&self, arguments: &[Value], declared: &[Declared]) -> Result<Value, FunctionError> {
        let unknown = || Value::Unknown(if F::Output::OPTIONAL { Refinement::none() } else { Refinement::not_null() });
        let parameters = F::Parameters::attributes();
        let (positional, further) = arguments
            .split_at_checked(parameters.len())
            .filter(|(_, further)| further.is_empty() || F::Variadic::parameter().is_some())
            .ok_or_else(|| {
                FunctionError::new(format!(
                    "`{}` takes {} arguments, {} were given.",
                    F::NAME,
                    parameters.len(),
                    arguments.len()
                ))
            })?;
        if !F::SEES_UNKNOWN && !arguments.iter().all(Value::is_wholly_known) {
            return Ok(unknown());
        }
        let object = Value::map(
            parameters.iter().zip(positional).map(|(parameter, value)| (parameter.name.clone(), value.clone())),
        );
        let mut faults = Diagnostics::new();
        let decoded = F::Parameters::decode(&object, &Path::root(), &mut faults);
        // Every argument is read before any is judged, so that all faults are reported at once.
        let further: Vec<Option<F::Variadic>> = (0i64..)
            .zip(further)
            .map(|(index, value)| F::Variadic::decode(value, &Path(vec![Step::Index(index)]), &mut faults))
            .collect();
        if let Some(fault) = faults.0.first() {
            let argument = match fault.at.0.first() {
                Some(Step::Attribute(name)) => parameters.iter().position(|parameter| parameter.name == *name),
                Some(Step::Index(index)) => usize::try_from(*index).ok().map(|index| parameters.len() + index),
                _ => None,
            };
            let text = faults.0.iter().map(Diagnostic::detail).collect::<Vec<_>>().join("\n");
            // The host puts a period behind the text.
            let text = text.strip_suffix('.').unwrap_or(&text).to_owned();
            return Err(FunctionError { text, argument: argument.and_then(|position| i64::try_from(position).ok()) });
        }
        match (decoded, further.into_iter().collect::<Option<Vec<_>>>()) {
            (Some(parameters), Some(further)) => {
                Ok(F::call_among(parameters, further, declared)?.map_or_else(unknown, |output| output.encode()))
            }
            _ => Ok(unknown()),
        }
    }
}
