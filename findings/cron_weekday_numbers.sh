#!/usr/bin/env bash
# One cron expression, four schedulers, three days.
#
# With:    crates cron 0.17.0 and croner 4.0.3; Python packages croniter 5.0.1 and APScheduler 3.11.3.
# Expect:  "12:00, day of the week 1" names one day, and a library that reads cron expressions agrees on it.
# Happens: `1` is Sunday in the crate cron (counted as Quartz does, 1 = SUN), Monday in croner and croniter (as in
#          crontab(5)), Tuesday in APScheduler 3 (0 = Monday, even in `from_crontab`). When both days are given, as in
#          "the 13th, FRI", cron and APScheduler want both to hold (Friday the 13th), croner and croniter one of them.
#          Nothing warns. APScheduler's maintainer keeps 3.x as it is so that running schedules do not move
#          (issues 286 and 1102 of agronholm/apscheduler).
# Matters: a batch window, a report or a trigger moves to another day when an app changes its engine: Siddhi and other
#          Java engines count as Quartz does, most Rust and Python tools as crontab does.
# Do:      write the names of the days (MON, FRI); never give both days.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: croniter==5.0.1 apscheduler==3.11.3
mkdir -p "$work/rust/src"
cat >"$work/rust/Cargo.toml" <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
chrono = { version = "=0.4.45", default-features = false, features = ["std"] }
cron = "=0.17.0"
croner = "=4.0.3"
EOF
cat >"$work/rust/src/main.rs" <<'EOF'
use std::str::FromStr;

fn main() {
    let start: chrono::DateTime<chrono::Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    for expression in ["0 0 12 * * 1", "0 0 12 13 * FRI"] {
        let next = cron::Schedule::from_str(expression).unwrap().after(&start).next().unwrap();
        println!("cron {expression}: {}", next.format("%a %d %b"));
        let next = croner::Cron::from_str(expression).unwrap().find_next_occurrence(&start, false).unwrap();
        println!("croner {expression}: {}", next.format("%a %d %b"));
    }
}
EOF
cat >"$work/schedules.py" <<'EOF'
from datetime import datetime, timezone
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
for number, name in (("0 12 * * 1", None), ("0 12 13 * 5", "0 12 13 * fri")):
    day = croniter(number, start).get_next(datetime)
    print(f"croniter {number}: {day:%a %d %b}")
    day = CronTrigger.from_crontab(name or number, timezone="UTC").get_next_fire_time(None, start)
    print(f"apscheduler {name or number}: {day:%a %d %b}")
EOF
seen=$(
    CARGO_TARGET_DIR="$work/target" cargo run --quiet --manifest-path "$work/rust/Cargo.toml"
    "$work/venv/bin/python" "$work/schedules.py"
)
wanted='cron 0 0 12 * * 1: Sun 04 Jan
croner 0 0 12 * * 1: Mon 05 Jan
cron 0 0 12 13 * FRI: Fri 13 Feb
croner 0 0 12 13 * FRI: Fri 02 Jan
croniter 0 12 * * 1: Mon 05 Jan
apscheduler 0 12 * * 1: Tue 06 Jan
croniter 0 12 13 * 5: Fri 02 Jan
apscheduler 0 12 13 * fri: Fri 13 Feb'
printf 'first time from Thu 1 Jan 2026 on:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
