//! Text → statements, with the place of each. Knows names and grammar, no meaning.

pub(crate) mod ast;
