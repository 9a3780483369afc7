#!/usr/bin/env bash
# mawk, the awk of Debian and Ubuntu, shows times in milliseconds as 2147483647 or in six digits, though it counts with
# them exactly.
#
# With:    Debian 12's mawk 1.3.4-20200120 (fetched by apt-get, not installed). Wants a Debian or Ubuntu with amd64
#          packages that apt-get knows.
# Expect:  numbers of awk are doubles, exact to 2^53, and one that is whole is printed as a whole number, as gawk and
#          POSIX have it.
# Happens: whole numbers beyond 2^31 - 1 are printed with "%.6g", and "%d" stops at 2147483647. A time that passes
#          unchanged keeps its text; one that was added to does not. Comparisons and "%.0f" are right.
# Matters: events have times of 13 digits. A filter that shifts or rounds them in awk writes the same wrong time into
#          every row, without an error, on one distribution and not on the other.
# Do:      printf "%.0f", or install gawk.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(
    cd "$work"
    apt-get -o APT::Sandbox::User=root download -qq mawk=1.3.4.20200120-3.1
    dpkg -x mawk_*.deb .
)
seen=$(printf '1700000001000 a\n1700000002500 b\n' | "$work/usr/bin/mawk" '
    { print "passed on:", $1; print "plus 1:", $1 + 1; printf "by %%d: %d, by %%.0f: %.0f\n", $1, $1 }
    NR > 1 { print "later by:", $1 - before }
    { before = $1 }')
wanted='passed on: 1700000001000
plus 1: 1.7e+12
by %d: 2147483647, by %.0f: 1700000001000
passed on: 1700000002500
plus 1: 1.7e+12
by %d: 2147483647, by %.0f: 1700000002500
later by: 1500'
printf '%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
