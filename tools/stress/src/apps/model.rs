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
    let mut r = Random::new(seed);
    let app = match seed % 5 {
        0 => generate::app(&mut r),
        1 => features::app(&mut r, &features::built()),
        2 => generate::pattern::app(&mut r),
        3 => generate::many::app(&mut r),
        _ => generate::partition::app(&mut r),
    };
    app.to_string()
}
