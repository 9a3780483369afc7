//! Scalar expressions: bound and typed once, evaluated column at a time.
//!
//! Why: an expression runs for every row, so names, types, literal patterns and constants are settled when the app is
//! built, and what is left is a tree of loops over columns. A row fault is NULL and a count, never a panic.
//! How: `bind` makes a [`Typed`] tree of the syntax tree; `compile` makes a [`Program`] for a [`Layout`] of columns,
//! whose nodes own their result columns; `eval` runs it over a [`Frame`].

mod bind;
mod call;
mod compile;
mod constants;
mod function;
mod kernel;
mod layout;
mod lazy;
mod leaves;
mod like;
mod node;
mod probe;
mod program;
mod scalar;
mod settled;
mod typed;
mod unify;

#[cfg(test)]
mod tests;

pub(crate) use bind::{Scope, Unresolved, bind};
pub(crate) use constants::Constants;
pub use function::{Functions, ScalarFunction};
pub(crate) use kernel::compare::Comparison;
pub(crate) use layout::{ColumnRef, Layout};
pub(crate) use program::{Frame, Program};
pub(crate) use scalar::{BesideFrame, RowFrame};
pub(crate) use typed::{Typed, TypedKind};
