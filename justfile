# Short names for the commands of CONTRIBUTING.md. What a merge needs is written down once, in .ci/run.

# shows the names
default:
    @just --list

# format and lints
check:
    .ci/run check

# all tests
test:
    .ci/run test

# what takes long: servers of every version, acceptance cases, other engines, stress, models
slow:
    .ci/run slow

# the documentation, without a broken link
doc:
    .ci/run doc

# questions of the bench, all if none is named
bench *questions:
    cargo run --profile bench-dev -p eventflux-bench -- {{ questions }}
