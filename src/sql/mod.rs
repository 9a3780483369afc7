//! Text → statements, with the place of each. Knows names and grammar, no meaning.
//!
//! The parser library gives the tokens; statements and expressions are read here, because its grammar has no room for
//! `S[filter] WINDOW(…)`, `and(x)` as a call or `5 SECONDS`, and because its nodes do not know all their places.
//! A statement that is wrong gives one fault, and reading goes on behind its `;`.

pub(crate) mod ast;

mod aggregation;
mod annotation;
mod call;
mod change;
mod create;
mod data_type;
mod dialect;
mod expr;
mod foreign;
mod foreign_window;
mod join;
mod literal;
mod over;
mod parser;
mod partition;
mod pattern;
mod query;
mod question;
mod rate;
mod script;
mod siddhi;
mod source;
mod statement;
mod term;
mod token;
mod trigger;
mod unsupported;
mod watermark;

#[cfg(test)]
mod annotation_tests;
#[cfg(test)]
mod clause_tests;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod join_tests;
#[cfg(test)]
mod pattern_tests;
#[cfg(test)]
mod script_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use crate::error::Fault;
pub(crate) use aggregation::text_of;
pub(crate) use annotation::given_once;
use ast::{App, DataType, Expr, Span};
pub(crate) use literal::duration_text;
pub(crate) use over::called;
pub(crate) use question::{Question, parameter_name};
pub use script::Made;
pub(crate) use script::{Script, made};

/// What bounds the work on a hostile text.
mod limits {
    /// Bytes of an app's text: places are `u32`, and splitting takes about 80 bytes of memory per byte.
    pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;
    /// Tokens of an app, white space and comments not counted: bounds the syntax tree.
    pub(super) const TOKENS_MAX: usize = 100_000;
    /// Levels that expressions nest, as the parser recurses: all of them take about 1 MiB of stack unoptimised.
    pub(super) const NESTING_LEVELS_MAX: usize = 128;
    /// Nodes of one expression.
    pub(super) const EXPRESSION_NODES_MAX: usize = 5_000;
    /// Height of one expression's tree, as those who walk or drop it recurse: 4 KiB per level fit into 2 MiB of
    /// stack. A chain of n operators is n high.
    pub(super) const EXPRESSION_HEIGHT_MAX: usize = 400;
    /// Joins of one FROM: each is an operator with state of its own, and rows of all sources meet in the last.
    pub(super) const JOINS_MAX: usize = 16;
    /// Ranges of one stream of a partition: each is a condition that every row is tried with.
    pub(super) const PARTITION_RANGES_MAX: usize = 64;
    /// Terms of one pattern: each is a source of the query, and every row of its stream is tried at each.
    pub(super) const PATTERN_TERMS_MAX: usize = 32;
    /// Bound of a count in braces: more rows than a run would live to see. What has no bound is written without one.
    pub(super) const PATTERN_COUNT_MAX: u32 = 1_000_000;
    /// Index of a row in `e[n]` and `e[last-n]`: a run keeps as many rows of the term as the largest one says.
    pub(super) const PATTERN_INDEX_MAX: u32 = 1_000;
}

/// Reads an app: the statements that could be read, and what is wrong with the others.
pub(crate) fn parse(text: &str) -> (App, Vec<Fault>) {
    if let Some(fault) = too_long(text) {
        let fault = fault.help("split it into several apps");
        return (App::default(), vec![fault]);
    }
    parser::Parser::new(text, token::tokenize(text)).app()
}

fn too_long(text: &str) -> Option<Fault> {
    let (bytes, max) = (text.len(), limits::TEXT_BYTES_MAX);
    let message = format!("the text has {bytes} bytes, {max} are the limit");
    (bytes > max).then(|| Fault::new(Span::default(), message))
}

/// Reads a question to tables and named windows: one SELECT.
pub(crate) fn parse_question(text: &str) -> Result<Question, Fault> {
    match too_long(text) {
        Some(fault) => Err(fault.help("ask for less at once")),
        None => parser::Parser::new(text, token::tokenize(text)).question(),
    }
}

/// Reads a script: an app that may read files by their names, and in which a SELECT may stand alone. `is_aggregate`: of
/// the name of a function.
pub(crate) fn parse_script(
    text: &str,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> Result<Script, Vec<Fault>> {
    match too_long(text) {
        Some(fault) => Err(vec![fault.help("ask for less at once")]),
        None => parser::Parser::new(text, token::tokenize(text)).script(is_aggregate),
    }
}

/// Reads one expression that is a text of its own; places count from its start.
pub(crate) fn parse_expression(text: &str) -> Result<Expr, Fault> {
    let mut parser = parser::Parser::new(text, token::tokenize(text));
    let expr = parser.expression()?;
    if parser.at_end() && parser.broken().is_none() {
        Ok(expr)
    } else {
        Err(parser.unexpected("the end of the expression"))
    }
}

/// Reads a type that is a text of its own; places count from its start.
pub(crate) fn parse_type(text: &str) -> Result<DataType, Fault> {
    let mut parser = parser::Parser::new(text, token::tokenize(text));
    let data_type = parser.data_type()?;
    if parser.at_end() && parser.broken().is_none() {
        Ok(data_type)
    } else {
        Err(parser.unexpected("the end of the type"))
    }
}
