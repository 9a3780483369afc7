//! The catalogue of scalar functions: one entry per function with names, signature, typing rule and kernel.
//!
//! A strict function (NULL in, NULL out) names its parameter types and a kernel that sees one row at a time. The
//! others build a tree of operations from their typed arguments.

mod calendar;
mod choice;
mod math;
pub(super) mod pieces;
mod sized;
pub(super) mod text;
mod time;
mod uuid;

use super::kernel::Operand;
use super::node::Node;
use super::program::View;
use super::typed::{Op, Typed};
use crate::error::Fault;
use crate::event::{Str, Type, Value};
use crate::sql::ast::{Name, Span};
pub(super) use choice::joined;
pub(super) use sized::cast_to;
use std::fmt;
use std::sync::Arc;
pub(super) use time::TimeKernel;
pub(super) use uuid::Uuid;

/// A scalar function of the application, callable from SQL under the name it is registered with.
///
/// ```
/// use eventflux::event::{Type, Value};
///
/// struct Double;
/// impl eventflux::ScalarFunction for Double {
///     fn result(&self, args: &[Type]) -> Result<Type, String> {
///         match args {
///             [Type::Long] => Ok(Type::Long),
///             _ => Err("double(x LONG)".to_string()),
///         }
///     }
///     fn call(&self, args: &[Value]) -> Value {
///         match args {
///             [Value::Long(x)] => x.checked_mul(2).into(),
///             _ => Value::Null,
///         }
///     }
/// }
/// let mut functions = eventflux::Functions::new();
/// assert!(functions.register("double", Double));
/// ```
pub trait ScalarFunction: Send + Sync {
    /// The type of the result for these argument types, asked once when an app is built.
    ///
    /// Errors: the signature that would be right; it is shown as the remedy.
    fn result(&self, args: &[Type]) -> Result<Type, String>;

    /// The result for one row. `args` are NULL or of the types that [`result`](Self::result) saw.
    ///
    /// A result of another type, NaN or an infinity becomes NULL and is counted.
    fn call(&self, args: &[Value]) -> Value;
}

/// The scalar functions that an app may call: the built-in ones and those that were registered.
#[derive(Clone, Default)]
pub struct Functions {
    registered: Vec<Registered>,
}

#[derive(Clone)]
struct Registered {
    name: String,
    signature: String,
    function: Arc<dyn ScalarFunction>,
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions")
            .field(
                "registered",
                &self.registered.iter().map(|r| &r.name).collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl Functions {
    /// The built-in functions.
    pub fn new() -> Self {
        Functions::default()
    }

    /// Adds a function. Names are compared without regard to ASCII case.
    ///
    /// Returns false, and adds nothing, when the name is taken.
    #[must_use = "a name that is taken is not registered"]
    pub fn register(&mut self, name: &str, function: impl ScalarFunction + 'static) -> bool {
        if entry(name).is_some() || self.registered(name).is_some() {
            return false;
        }
        self.registered.push(Registered {
            name: name.to_string(),
            signature: format!("{name}(…)"),
            function: Arc::new(function),
        });
        true
    }

    /// Name, signature and one line of description of every function.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        entries()
            .map(|e| (e.names[0], e.signature, e.about))
            .chain(self.registered.iter().map(|r| {
                (
                    r.name.as_str(),
                    r.signature.as_str(),
                    "Registered by the application.",
                )
            }))
    }

    fn registered(&self, name: &str) -> Option<&Registered> {
        self.registered
            .iter()
            .find(|r| r.name.eq_ignore_ascii_case(name))
    }

    /// Reports a name that no function has; `others`: what else may be called where it stands.
    pub(super) fn require(
        &self,
        name: &Name,
        others: impl FnOnce() -> Vec<String>,
    ) -> Result<(), Fault> {
        if entry(&name.text).is_some() || self.registered(&name.text).is_some() {
            return Ok(());
        }
        let looks_back = ["lag", "row_number"].iter();
        if let Some(call) = looks_back
            .into_iter()
            .find(|c| c.eq_ignore_ascii_case(&name.text))
        {
            let fault = Fault::new(name.span, format!("{call} needs OVER"));
            return Err(fault.help(format!("write {call}(…) OVER (PARTITION BY k)")));
        }
        let others = others();
        let known = entries()
            .flat_map(|e| e.names.iter().copied())
            .chain(self.registered.iter().map(|r| r.name.as_str()))
            .chain(others.iter().map(String::as_str));
        let fault = Fault::new(name.span, format!("unknown function '{}'", name.text));
        Err(fault.likely(&name.text, known))
    }

    /// Whether a function takes a zone as its last argument.
    pub(super) fn takes_zone(&self, name: &str) -> bool {
        entry(name).is_some_and(|e| matches!(e.rule, Rule::Timed(_)))
    }

    /// Binds a call of typed arguments to a function that is known.
    pub(super) fn call(&self, name: &str, args: Vec<Typed>, span: Span) -> Result<Typed, Fault> {
        if let Some(entry) = entry(name) {
            return Call { entry, args, span }.bind();
        }
        let Some(found) = self.registered(name) else {
            return Err(Fault::new(span, format!("unknown function '{name}'")));
        };
        let args: Vec<Typed> = args
            .into_iter()
            .map(|a| {
                let ty = a.ty.unwrap_or(Type::String);
                a.cast(ty)
            })
            .collect();
        let types: Vec<Type> = args.iter().filter_map(|a| a.ty).collect();
        match found.function.result(&types) {
            Ok(ty) => Ok(Typed::op(Op::User(found.function.clone()), args, ty, span)),
            Err(signature) => {
                let given: Vec<&str> = types.iter().map(|t| t.name()).collect();
                Err(
                    Fault::new(span, format!("{name} does not take ({})", given.join(", ")))
                        .help(signature),
                )
            }
        }
    }
}

/// One built-in function.
pub(super) struct Builtin {
    /// The name, then its aliases.
    names: &'static [&'static str],
    /// As shown in remedies.
    signature: &'static str,
    /// One line.
    about: &'static str,
    rule: Rule,
}

/// How a call is typed and run.
#[derive(Clone, Copy)]
enum Rule {
    /// Parameters, how many of them are required, and the kernel of one row.
    Strict(&'static [Param], usize, Kernel),
    /// Builds operations itself.
    Special(fn(Call) -> Result<Typed, Fault>),
    /// As `Special`, of time: the last argument may be a zone, also as `ms AT TIME ZONE zone`.
    Timed(fn(Call) -> Result<Typed, Fault>),
}

/// What a strict function takes at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Param {
    Text,
    /// INT or LONG; the kernel reads LONG.
    Integer,
    /// Any number; the kernel reads DOUBLE.
    Number,
}

/// Why a row has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Null {
    /// The row is at fault: counted.
    Fault,
    /// There is nothing to be found.
    Nothing,
}

/// What a strict function does to one row. DOUBLE results that are not finite become NULL.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    /// DOUBLE → DOUBLE, a column at a time.
    Real(fn(f64) -> f64),
    Int(fn(&Args<'_>) -> Result<i32, Null>),
    Long(fn(&Args<'_>) -> Result<i64, Null>),
    Double(fn(&Args<'_>) -> Result<f64, Null>),
    /// Writes into an empty text.
    Text(fn(&Args<'_>, &mut String) -> Result<(), Null>),
}

impl Kernel {
    fn result(self) -> Type {
        match self {
            Kernel::Int(_) => Type::Int,
            Kernel::Long(_) => Type::Long,
            Kernel::Real(_) | Kernel::Double(_) => Type::Double,
            Kernel::Text(_) => Type::String,
        }
    }
}

/// The arguments of one row, none of them NULL.
pub(crate) struct Args<'a> {
    pub(super) args: &'a [Node],
    pub(super) view: &'a View<'a>,
    pub(super) row: usize,
}

impl<'a> Args<'a> {
    pub(super) fn len(&self) -> usize {
        self.args.len()
    }

    pub(super) fn operand(&self, i: usize) -> Operand<'a> {
        self.args[i].operand(self.view)
    }

    pub(super) fn text(&self, i: usize) -> &'a str {
        self.operand(i).get::<Str>(self.row)
    }

    fn int(&self, i: usize) -> i32 {
        *self.operand(i).get::<i32>(self.row)
    }

    pub(super) fn long(&self, i: usize) -> i64 {
        *self.operand(i).get::<i64>(self.row)
    }

    fn double(&self, i: usize) -> f64 {
        *self.operand(i).get::<f64>(self.row)
    }
}

/// A call of a built-in function while it is bound.
struct Call {
    entry: &'static Builtin,
    args: Vec<Typed>,
    span: Span,
}

impl Call {
    fn bind(self) -> Result<Typed, Fault> {
        match self.entry.rule {
            Rule::Strict(params, required, kernel) => self.strict(params, required, kernel),
            Rule::Special(make) | Rule::Timed(make) => make(self),
        }
    }

    fn name(&self) -> &'static str {
        self.entry.names[0]
    }

    fn fault(&self, span: Span, message: String) -> Fault {
        Fault::new(span, message).help(self.entry.signature)
    }

    /// Requires between `min` and `max` arguments.
    fn count(&self, min: usize, max: usize) -> Result<(), Fault> {
        let n = self.args.len();
        if (min..=max).contains(&n) {
            return Ok(());
        }
        let wanted = match (min, max) {
            (a, b) if a == b => a.to_string(),
            (a, usize::MAX) => format!("at least {a}"),
            (a, b) => format!("{a} to {b}"),
        };
        let name = self.name();
        Err(self.fault(
            self.span,
            format!("{name} takes {wanted} arguments, not {n}"),
        ))
    }

    fn wrong(&self, i: usize, expected: &str) -> Fault {
        let arg = &self.args[i];
        let (name, ty) = (self.name(), arg.type_name());
        self.fault(
            arg.span,
            format!("argument {} of {name} is {ty}, not {expected}", i + 1),
        )
    }

    /// The type of a numeric argument; an untyped NULL counts as DOUBLE.
    fn numeric(&self, i: usize) -> Result<Type, Fault> {
        match self.args[i].ty {
            None => Ok(Type::Double),
            Some(ty) if ty.is_numeric() => Ok(ty),
            Some(_) => Err(self.wrong(i, "a number")),
        }
    }

    /// Checks an argument against a parameter.
    fn fits(&self, i: usize, param: Param) -> Result<Type, Fault> {
        let ty = self.args[i].ty;
        let (to, expected, fits): (Type, &str, fn(Type) -> bool) = match param {
            Param::Text => (Type::String, "STRING", |t| t == Type::String),
            Param::Integer => (Type::Long, "an integer", Type::is_integer),
            Param::Number => (Type::Double, "a number", Type::is_numeric),
        };
        match ty {
            Some(ty) if !fits(ty) => Err(self.wrong(i, expected)),
            _ => Ok(to),
        }
    }

    fn strict(self, params: &[Param], required: usize, kernel: Kernel) -> Result<Typed, Fault> {
        self.count(required, params.len())?;
        let types = self.types(params)?;
        Ok(self.finish(&types, kernel))
    }

    /// Checks the arguments against parameters.
    fn types(&self, params: &[Param]) -> Result<Vec<Type>, Fault> {
        let given = params.iter().take(self.args.len()).enumerate();
        given.map(|(i, param)| self.fits(i, *param)).collect()
    }

    /// Converts the arguments and makes the node of a kernel.
    fn finish(self, types: &[Type], kernel: Kernel) -> Typed {
        self.node(Op::Call(kernel), types, kernel.result())
    }

    /// Converts the arguments and makes a node.
    fn node(self, op: Op, types: &[Type], result: Type) -> Typed {
        let args = self.args.into_iter().zip(types);
        let args = args.map(|(a, ty)| a.cast(*ty)).collect();
        Typed::op(op, args, result, self.span)
    }

    /// The text of an argument that is given, and is a string constant.
    fn literal(&self, i: usize) -> Option<String> {
        match self.args.get(i)?.constant() {
            Some(Value::String(s)) => Some(s.as_str().to_string()),
            _ => None,
        }
    }
}

fn entries() -> impl Iterator<Item = &'static Builtin> {
    let of_texts = [text::ENTRIES, pieces::ENTRIES];
    let others = [choice::ENTRIES, time::ENTRIES];
    [math::ENTRIES]
        .into_iter()
        .chain(of_texts)
        .chain(others)
        .flatten()
}

fn entry(name: &str) -> Option<&'static Builtin> {
    entries().find(|e| e.names.iter().any(|n| n.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::{Functions, entries};

    #[test]
    fn names_are_unique_and_signatures_name_their_function() {
        let mut names: Vec<String> = Vec::new();
        for e in entries() {
            assert!(
                e.signature.starts_with(&format!("{}(", e.names[0])),
                "{}",
                e.signature
            );
            assert!(e.about.ends_with('.'), "{}", e.about);
            names.extend(e.names.iter().map(|n| n.to_ascii_lowercase()));
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(Functions::new().iter().count(), entries().count());
    }
}
