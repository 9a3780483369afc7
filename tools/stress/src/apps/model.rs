//! Random apps of which the engine takes each: the generator of the model test.

#[allow(
    dead_code,
    reason = "the interpreter of the model test asks more of an app"
)]
#[path = "../../../../tests/model/app/mod.rs"]
mod app;
#[path = "../../../../tests/model/expr.rs"]
mod expr;
#[path = "../../../../tests/model/generate/mod.rs"]
mod generate;

use eventflux_kit::Random;
use generate::features;

/// An app from a seed, as SQL.
pub fn app(seed: u64) -> String {
    let (mut r, features) = (Random::new(seed), features::built());
    let relational = !features.is_empty() && seed % 2 == 1;
    let app = match relational {
        true => features::app(&mut r, &features),
        false => generate::app(&mut r),
    };
    app.to_string()
}
