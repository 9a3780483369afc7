//! How long does an event need from a producer over a lane to the callback of a pinned worker, at a fixed rate?
//!
//! Sketch: a cache line or two from core to core, some 100 ns each way; the tail belongs to the host of the machine.
//! Open loop: events have a schedule that does not wait for the engine, and each is timed from the moment it should
//! have been sent, so that a stall is felt by every event behind it.

use super::cores::pin;
use super::data::{Trade, trades};
use super::engine::{self, TRADES};
use super::hand::{self, Group, Map};
use super::harness::{Conditions, Spread};
use super::lanes::{RING_SLOTS, distance, on, two_cores};
use super::record::{Curve, Limit, Measure, Record, Unit, new_histogram};
use super::ring::Ring;
use core_affinity::CoreId;
use eventflux::{Batch, Data, EventFluxAppRuntime, Workers};
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two events: a million per second.
const GAP: Duration = Duration::from_micros(1);

/// Latencies by number of the event, written by the thread that sees the row.
struct Latencies {
    origin: Instant,
    ns: Box<[AtomicU64]>,
    seen: AtomicU64,
}

impl Latencies {
    fn new(events: usize) -> Self {
        Latencies {
            origin: Instant::now(),
            ns: (0..events).map(|_| AtomicU64::new(0)).collect(),
            seen: AtomicU64::new(0),
        }
    }

    /// A row that should have been sent at `scheduled` is out.
    #[inline]
    fn record(&self, scheduled: u64, now: u64) {
        let seen = self.seen.load(Ordering::Relaxed);
        if let Some(to) = self.ns.get(seen as usize) {
            to.store(now.saturating_sub(scheduled), Ordering::Relaxed);
        }
        self.seen.store(seen + 1, Ordering::Release);
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn histogram(&self) -> Histogram<u64> {
        let mut histogram = new_histogram();
        for ns in &self.ns {
            histogram.saturating_record(ns.load(Ordering::Relaxed).max(1));
        }
        histogram
    }

    /// Calls `send` for every trade when its time has come, with that time in nanoseconds.
    fn open_loop(
        &self,
        trades: &[Trade],
        mut send: impl FnMut(&Trade, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        // the other thread gets a moment to come up
        let first = self.now() + 1_000_000;
        for (i, trade) in trades.iter().enumerate() {
            let scheduled = first + i as u64 * GAP.as_nanos() as u64;
            while self.now() < scheduled {
                std::hint::spin_loop();
            }
            send(trade, scheduled)?;
        }
        let last = Instant::now();
        while self.seen.load(Ordering::Acquire) < trades.len() as u64 {
            if last.elapsed() > Duration::from_secs(10) {
                return Err("rows did not come out within ten seconds".into());
            }
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// `lane-open-loop`: a million events per second, each timed from the moment it should have been sent.
pub fn open_loop(c: &Conditions) -> Result<Record, String> {
    let cores = two_cores()?;
    let trades = trades(c.events(1_000_000), 1000);
    let (mut ours, mut baseline, mut distances) = (Vec::new(), Vec::new(), Vec::new());
    for pass in c.passes() {
        let distance = distance(c, cores);
        let a = open_loop_engine(cores, &trades)?;
        let b = open_loop_pipe(cores, &trades)?;
        if pass > 0 {
            distances.push(distance);
            ours.push(a);
            baseline.push(b);
        }
    }
    let curves = vec![
        Curve::of("eventflux", &ours),
        Curve::of("hand ring pipe", &baseline),
    ];
    let [a, b] = [curves[0].percentiles, curves[1].percentiles];
    let mut record = Record::new(
        "lane-open-loop",
        Unit::Latency,
        trades.len(),
        "hand ring pipe",
        (a[0], b[0]),
    );
    let p999_max = (2.0 * b[3].median).max(200_000.0);
    record.limits = [
        ("p50", a[0].median, b[0].median + 300.0),
        ("p99.9", a[3].median, p999_max),
    ]
    .map(|(what, figure, max)| Limit {
        what,
        measure: Measure::Nanos,
        figure,
        max,
    })
    .into();
    record.curves = curves;
    record.ping_pong = Some(Spread::of(distances));
    Ok(record.with_note("open loop at 1 M events/s, timed from the scheduled send"))
}

fn open_loop_engine(
    (here, there): (CoreId, CoreId),
    trades: &[Trade],
) -> Result<Histogram<u64>, String> {
    let app = format!(
        "{TRADES}INSERT INTO Out SELECT ts, sum(price) AS total, count() AS n FROM S GROUP BY key;"
    );
    let runtime = engine::create(&app, Workers::Cores(vec![there.id]))?;
    runtime.start().map_err(engine::text)?;
    timed_rows((here, there), trades, runtime)
}

/// Sends rows at the rate to an app that runs and whose output begins with the row's time, and shuts it down.
pub fn timed_rows(
    (here, _): (CoreId, CoreId),
    trades: &[Trade],
    runtime: EventFluxAppRuntime,
) -> Result<Histogram<u64>, String> {
    let latencies = Arc::new(Latencies::new(trades.len()));
    let seen = Arc::clone(&latencies);
    let callback = move |batch: &Batch| {
        if let Some(Data::Long(scheduled)) = batch.columns().first().map(|c| c.data()) {
            for &ns in scheduled {
                seen.record(ns as u64, seen.now());
            }
        }
    };
    runtime
        .add_callback("Out", callback)
        .map_err(engine::text)?;
    let mut input = runtime.input_handler("S").map_err(engine::text)?;
    on(here, || {
        latencies.open_loop(trades, |t, scheduled| {
            input
                .send((scheduled as i64, t.key, t.price, t.vol))
                .map_err(engine::text)
        })
    })?;
    runtime.shutdown().map_err(engine::text)?;
    Ok(latencies.histogram())
}

fn open_loop_pipe(
    (here, there): (CoreId, CoreId),
    trades: &[Trade],
) -> Result<Histogram<u64>, String> {
    let latencies = Latencies::new(trades.len());
    let ring = Ring::new(RING_SLOTS);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(there);
            let mut groups: Map<i64, Group> = Map::default();
            let (mut popper, mut popped) = (ring.popper(), 0);
            while popped < trades.len() as u64 {
                popped += popper.pop_all(|[scheduled, key, price, vol]| {
                    let trade = Trade {
                        ts: scheduled as i64,
                        key: key as i64,
                        price: f64::from_bits(price),
                        vol: vol as i64,
                    };
                    hand::group(&mut groups, std::slice::from_ref(&trade), &mut |_, _, _| {
                        latencies.record(scheduled, latencies.now());
                    });
                });
                std::hint::spin_loop();
            }
        });
        let producer = scope.spawn(|| {
            pin(here);
            let mut pusher = ring.pusher();
            latencies.open_loop(trades, |t, scheduled| {
                pusher.write([scheduled, t.key as u64, t.price.to_bits(), t.vol as u64]);
                pusher.publish();
                Ok(())
            })
        });
        producer.join().expect("the producer does not panic")
    })?;
    Ok(latencies.histogram())
}
