//! Crashes of apps whose state spans many sections and parts, while rows go on during the capture.

use crate::app::{Outputs, Setup, Step, run};
use crate::crash::seed;
use crate::crash_kinds::difference;
use crate::life::{Fate, World};
use crate::literal::Literal;
use eventflux::EventFluxManager;
use eventflux_kit::Random;

/// Aggregates of many groups that come and stay, and of many that come and go; rows by key and by time.
const APPS: &[&str] = &[
    "INSERT INTO A SELECT k, count() AS n, sum(v) AS s, min(v) AS m FROM S GROUP BY k;",
    "INSERT INTO A SELECT t, count() AS n, max(v) AS m FROM S WINDOW('time', 30 MILLISECONDS) GROUP BY t; \
     INSERT ALL EVENTS INTO B SELECT k, v FROM S WINDOW('unique', k); \
     INSERT INTO C SELECT max(length(t)) AS n, distinctCount(k) AS d FROM S WINDOW('length', 6000);",
    "INSERT INTO A SELECT k, count() AS n FROM S WINDOW('sessionBatch', 25 MILLISECONDS, k) GROUP BY k; \
     INSERT INTO B SELECT DISTINCT t FROM S; \
     INSERT INTO C SELECT t, sum(v) AS s, first(k) AS f FROM S WINDOW('hop', 40 MILLISECONDS, 20 MILLISECONDS) \
     GROUP BY t;",
];

/// Texts of 300 bytes: the windows that hold them have more than one part of a megabyte.
const SENDS: usize = 60;
const ROWS: usize = 250;

fn timeline(draw: &mut Random) -> Vec<Step> {
    let send = |number: usize| {
        let row = |draw: &mut Random| {
            let text = format!("{:>300}", draw.below(3_000));
            let key = draw.below(SENDS * ROWS) as i64;
            vec![
                Literal::Integer(key),
                Literal::Text(text),
                Literal::Integer(draw.below(1_000) as i64),
            ]
        };
        let rows = (0..ROWS).map(|_| (Some(number as i64 * 1_000), row(draw)));
        Step::Send("S".to_string(), rows.collect())
    };
    (0..SENDS).map(send).collect()
}

#[test]
fn large_state_survives_crashes_while_rows_go_on() {
    for (number, queries) in APPS.iter().enumerate() {
        let app = format!("@app:playback CREATE STREAM S (k LONG, t STRING, v INT); {queries}");
        let mut draw = Random::named(seed(), &app);
        let steps = timeline(&mut draw);
        let want: Outputs = run(&app, &steps, Setup::INLINE).expect("the app builds");
        let first = draw.below(4);
        let setup = |k: usize| Setup {
            workers: (first + k) % 4,
            batch_rows_max: 256,
            rows_singly_max: 2,
            ..Setup::INLINE
        };
        let setups: Vec<Setup> = (0..4).map(setup).collect();
        let mut fates = Vec::new();
        let mut step = 0;
        while step < SENDS {
            step += 1 + draw.below(3);
            let persist = [Fate::PersistMeanwhile, Fate::PersistFails][draw.below(5) / 4];
            fates.push((step.min(SENDS), persist));
            if draw.below(8) == 0 {
                let ends = [Fate::Crash, Fate::CrashFar, Fate::Rewind];
                fates.push(((step + 1).min(SENDS), ends[draw.below(3)]));
            }
        }
        let world = World {
            numbered: number % 2 == 0,
            manager: &EventFluxManager::new,
            app: &app,
            steps: &steps,
            setups: &setups,
        };
        let got = world.run(&fates);
        let got = got.unwrap_or_else(|e| panic!("SEED={} app {number}: {e}\n{fates:?}", seed()));
        let differs = difference(&want, &got, 4);
        assert_eq!(differs, None, "SEED={} app {number}, {fates:?}", seed());
    }
}
