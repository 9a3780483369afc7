//! The text of an expression window → a bound condition.
//!
//! `first.x` and `last.x` are attributes of the oldest and the newest row, `x` alone is that of the newest;
//! `eventTimestamp(first)`, `eventTimestamp(last)` are their times; aggregates go over all rows.
//!
//! To a bound condition the first row and the last row are its two sources.

use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::{ColumnRef, Functions, Layout, Scope, Typed, Unresolved, bind};
use crate::operator::aggregate::{Aggregate, AggregateCall, Rows};
use crate::sql::ast::{Expr, ExprKind, Name, Span};
use crate::sql::parse_expression;
use std::fmt;

/// The oldest row of the window, as a source of its condition.
const FIRST: usize = 0;

/// The newest row.
const LAST: usize = 1;

/// A condition over the rows of a window, by columns of the window's input.
#[derive(Clone)]
pub(crate) struct BoundCondition {
    text: String,
    typed: Typed,
    calls: Vec<(AggregateCall, Option<usize>)>,
}

impl fmt::Debug for BoundCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.text)
    }
}

impl BoundCondition {
    /// Calls `f` with the input columns that must be kept, as often as they are read.
    pub(crate) fn columns(&self, f: &mut dyn FnMut(usize)) {
        self.typed.columns(&mut |c| {
            let of_first = c.attribute_of(FIRST);
            of_first
                .or(c.attribute_of(LAST))
                .into_iter()
                .for_each(&mut *f);
        });
        self.calls
            .iter()
            .filter_map(|(_, column)| *column)
            .for_each(f);
    }

    /// Whether it reads the app's clock.
    pub(crate) fn uses_clock(&self) -> bool {
        self.typed.uses_clock()
    }

    /// Whether it reads the numbers of causing rows.
    pub(crate) fn uses_cause(&self) -> bool {
        self.typed.uses_cause()
    }

    /// The aggregates and the input columns that they read.
    pub(super) fn calls(&self) -> &[(AggregateCall, Option<usize>)] {
        &self.calls
    }

    /// The condition itself.
    pub(super) fn typed(&self) -> &Typed {
        &self.typed
    }

    /// Its frame where only columns `keep` of each row are kept, which holds those that it reads: the first row, the
    /// last row, the times of both.
    pub(super) fn layout(keep: &[usize]) -> Layout {
        let times = [FIRST, LAST].map(|source| ColumnRef::EventTime { source });
        Layout::default().some(0, keep).some(1, keep).then(&times)
    }
}

/// Binds the text of an expression window over the attributes of its input. Faults show the place within the literal.
pub(crate) fn bind_expression_window(
    text: &str,
    literal: Span,
    schema: &Schema,
    functions: &Functions,
) -> Result<BoundCondition, Vec<Fault>> {
    let mut scope = WindowScope {
        schema,
        calls: Vec::new(),
    };
    let mut faults = Vec::new();
    let typed = match parse_expression(text) {
        Ok(expr) => bind(&expr, &mut scope, functions, &mut faults),
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if let Some(ty) = typed
        .as_ref()
        .and_then(|t| t.ty)
        .filter(|ty| *ty != Type::Bool)
    {
        let span = Span {
            start: 0,
            end: text.len() as u32,
        };
        let message = format!("the expression of a window is a condition, not {ty}");
        faults.push(Fault::new(span, message).help("compare it with a value, as in count() <= 10"));
    }
    match typed.filter(|_| faults.is_empty()) {
        Some(typed) => Ok(BoundCondition {
            text: text.to_string(),
            typed,
            calls: scope.calls,
        }),
        None => Err(faults
            .into_iter()
            .map(|f| Fault {
                span: within(f.span, text, literal),
                ..f
            })
            .collect()),
    }
}

/// A place in the text of a literal as a place in the app; the whole literal where quotes are doubled in it.
fn within(span: Span, text: &str, literal: Span) -> Span {
    if literal.range().len() != text.len() + 2 {
        return literal;
    }
    let start = literal.start + 1;
    Span {
        start: start + span.start.min(text.len() as u32),
        end: start + span.end.min(text.len() as u32),
    }
}

struct WindowScope<'a> {
    schema: &'a Schema,
    calls: Vec<(AggregateCall, Option<usize>)>,
}

impl WindowScope<'_> {
    fn attribute(&self, name: &Name) -> Result<(usize, Type), Fault> {
        let attributes = self.schema.attributes();
        match self.schema.position(&name.text) {
            Some(place) => Ok((place, attributes[place].ty)),
            None => {
                let fault = Fault::new(name.span, format!("unknown attribute '{}'", name.text));
                Err(fault.nearest(&name.text, attributes.iter().map(|a| &*a.name)))
            }
        }
    }

    fn time(&self, args: &[Expr], span: Span) -> Result<(ColumnRef, Type), Fault> {
        let which = match args {
            [] => Some(LAST),
            [
                Expr {
                    kind:
                        ExprKind::Column {
                            qualifier: None,
                            name,
                            ..
                        },
                    ..
                },
            ] => ["first", "last"]
                .iter()
                .position(|w| w.eq_ignore_ascii_case(&name.text)),
            _ => None,
        };
        let wrong =
            || Fault::new(span, "eventTimestamp takes first or last").help("eventTimestamp(last)");
        which
            .map(|source| (ColumnRef::EventTime { source }, Type::Long))
            .ok_or_else(wrong)
    }

    fn aggregate(
        &mut self,
        aggregate: Aggregate,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Result<(ColumnRef, Type), Fault> {
        let (aggregate, args) = aggregate
            .of_call(args, distinct, span)
            .map_err(|(span, why, help)| Fault::new(span, why).help(help))?;
        let column = match args {
            [] => None,
            [
                Expr {
                    kind:
                        ExprKind::Column {
                            qualifier: None,
                            name,
                            ..
                        },
                    ..
                },
            ] => Some(self.attribute(name)?),
            [arg, ..] => {
                let fault = Fault::new(arg.span, format!("{aggregate} takes one attribute here"));
                return Err(fault.help("compute it with a query before this one"));
            }
        };
        let args: Vec<Type> = column.iter().map(|(_, ty)| *ty).collect();
        let result = aggregate.result(&args).map_err(|accepted| {
            let found: Vec<&str> = args.iter().map(|t| t.name()).collect();
            Fault::new(
                span,
                format!("{aggregate} does not take ({})", found.join(", ")),
            )
            .help(accepted)
        })?;
        let column = column.map(|(place, _)| place);
        let known = self
            .calls
            .iter()
            .position(|(c, of)| c.aggregate == aggregate && *of == column);
        let place = known.unwrap_or_else(|| {
            self.calls.push((
                AggregateCall {
                    aggregate,
                    args,
                    result,
                    rows: Rows::InOrder,
                },
                column,
            ));
            self.calls.len() - 1
        });
        Ok((ColumnRef::Aggregate(place), result))
    }
}

impl Scope for WindowScope<'_> {
    fn callable(&self) -> Vec<String> {
        let names = Aggregate::names().chain(["eventTimestamp"]);
        names.map(str::to_string).collect()
    }

    fn column(
        &mut self,
        qualifier: Option<&Name>,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Unresolved> {
        let (column, ty) = self.attribute(name).map_err(Unresolved::Unknown)?;
        let source = match qualifier {
            None => LAST,
            Some(q) if q.text.eq_ignore_ascii_case("last") => LAST,
            Some(q) if q.text.eq_ignore_ascii_case("first") => FIRST,
            Some(q) => {
                let fault = Fault::new(q.span, format!("unknown row '{}'", q.text));
                return Err(Unresolved::Unknown(fault.help(
                    "first and last are the oldest and the newest row of the window",
                )));
            }
        };
        Ok((ColumnRef::Input { source, column }, ty))
    }

    fn call(
        &mut self,
        name: &Name,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        if name.text.eq_ignore_ascii_case("eventTimestamp") {
            return Some(self.time(args, span));
        }
        let aggregate = Aggregate::named(&name.text)?;
        Some(self.aggregate(aggregate, args, distinct, span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_stand_at_their_place_in_the_literal() {
        let schema = Schema::new([("price", Type::Double), ("name", Type::String)]);
        let cases = [
            ("count() <= ", "found the end of the text", 110..110),
            ("sum(prise) < 5", "unknown attribute 'prise'", 104..109),
            ("frist.price < 5", "unknown row 'frist'", 100..105),
            ("sum(name) < 5", "sum does not take (STRING)", 100..109),
            (
                "avg(price + 1) < 5",
                "avg takes one attribute here",
                104..113,
            ),
            (
                "eventTimestamp(name) < 5",
                "eventTimestamp takes first or last",
                100..120,
            ),
            ("count()", "is a condition, not LONG", 100..107),
            (
                "count() < 5 5",
                "expected the end of the expression",
                112..113,
            ),
            ("count() < 'a", "", 110..112),
        ];
        for (text, message, range) in cases {
            let literal = Span {
                start: 99,
                end: 101 + text.len() as u32,
            };
            let faults = bind_expression_window(text, literal, &schema, &Functions::default())
                .expect_err(text);
            assert!(
                faults[0].message.contains(message),
                "{text}: {:?}",
                faults[0].message
            );
            assert_eq!(
                faults[0].span.range(),
                range,
                "{text}: {:?}",
                faults[0].message
            );
        }
    }
}
