//! The filters of `cargo test` that the documentation of the Redis backend names match tests.

use crate::source::{Source, sources};

const FILTERS: [&str; 4] = [
    "redis_persistence",
    "redis_backend",
    "test_redis_eventflux_persistence",
    "redis",
];

/// Names of the functions that have `#[test]`.
fn tests(source: &Source) -> Vec<&str> {
    let parts = source.code.split("#[test]").skip(1);
    let named = parts.filter_map(|part| part.split_once("fn ")?.1.split_once('('));
    named.map(|(name, _)| name).collect()
}

#[test]
fn filters_of_the_documentation_match_tests() {
    let all = sources(&["tests/redis"]);
    let names: Vec<&str> = all.iter().flat_map(tests).collect();
    for filter in FILTERS {
        let matching = names.iter().filter(|name| name.contains(filter)).count();
        assert!(matching > 0, "{filter} matches none of {names:?}");
    }
}
