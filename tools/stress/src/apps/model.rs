//! Random apps of which the engine takes each: the generator of the model test.

#[path = "../../../../tests/model/app.rs"]
mod app;
#[path = "../../../../tests/model/expr.rs"]
mod expr;
#[path = "../../../../tests/model/generate/mod.rs"]
mod generate;

use eventflux_kit::Random;

/// An app from a seed, as SQL.
pub fn app(seed: u64) -> String {
    generate::app(&mut Random::new(seed)).to_string()
}
