//! Command line of eventflux.
fn main() {}
