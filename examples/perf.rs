//! perf scratch
use eventflux::*;
use std::time::Instant;
fn batches(n: usize, keys: i64, b: usize) -> Vec<ColumnBatch> {
    let schema = Schema::new([
        ("ts", Type::Long),
        ("key", Type::Long),
        ("price", Type::Double),
        ("vol", Type::Long),
    ]);
    let mut x = 88172645463325252u64;
    let mut out = vec![];
    let mut i = 0;
    while i < n {
        let mut at = vec![];
        let (mut ts, mut k, mut p, mut v) = (vec![], vec![], vec![], vec![]);
        for _ in 0..b {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let t = (i as i64) * 100;
            at.push(Timestamp(t));
            ts.push(t / 1000);
            k.push((x >> 20) as i64 % keys);
            p.push(((x >> 40) % 10000) as f64 / 100.0);
            v.push((x % 1000) as i64);
            i += 1;
        }
        let mut c = ColumnBatch::new(&schema);
        c.set(
            at,
            vec![
                Column::from_data(Data::Long(ts)),
                Column::from_data(Data::Long(k)),
                Column::from_data(Data::Double(p)),
                Column::from_data(Data::Long(v)),
            ],
        )
        .unwrap();
        out.push(c);
    }
    out
}
fn main() {
    let only = std::env::args().nth(1);
    let qs = [
        (
            "filter",
            "INSERT INTO Out SELECT key, price * 2 AS p FROM S[price > 51.0];",
            1000i64,
        ),
        (
            "group1k",
            "INSERT INTO Out SELECT key, sum(vol) AS s, count() AS c FROM S GROUP BY key;",
            1000,
        ),
        (
            "group1kd",
            "INSERT INTO Out SELECT key, sum(price) AS s, count() AS c FROM S GROUP BY key;",
            1000,
        ),
        (
            "group1m",
            "INSERT INTO Out SELECT key, sum(vol) AS s, count() AS c FROM S GROUP BY key;",
            1000000,
        ),
        (
            "len1000",
            "INSERT INTO Out SELECT sum(price) AS s FROM S WINDOW('length', 1000);",
            1000,
        ),
        (
            "len1000g",
            "INSERT INTO Out SELECT key, sum(price) AS s FROM S WINDOW('length', 1000) GROUP BY key;",
            1000,
        ),
        (
            "tumble",
            "INSERT INTO Out SELECT key, count() AS c FROM S WINDOW('tumbling', 1 SECONDS) GROUP BY key;",
            1000,
        ),
    ];
    for (name, q, keys) in qs {
        if only.as_ref().is_some_and(|o| o != name) {
            continue;
        }
        let mut bs = batches(2_000_000, keys, 1024);
        let n: usize = bs.iter().map(|b| b.len()).sum();
        let m = EventFluxManager::new();
        let rt = m
            .create_with(
                &format!(
                    "@app:playback CREATE STREAM S (ts LONG, key LONG, price DOUBLE, vol LONG); {q}"
                ),
                RuntimeConfig::default()
                    .workers(Workers::Inline)
                    .batch_rows_max(1024),
            )
            .unwrap();
        let rows = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let r2 = rows.clone();
        rt.add_callback("Out", move |b| {
            r2.fetch_add(b.len() as u64, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
        rt.start().unwrap();
        let mut h = rt.input_handler("S").unwrap();
        let mut best = f64::MAX;
        let mut all = vec![];
        for _ in 0..7 {
            let t = Instant::now();
            for b in &mut bs {
                h.send_columns(b).unwrap();
            }
            let ns = t.elapsed().as_nanos() as f64 / n as f64;
            all.push(ns);
            best = best.min(ns);
        }
        all.sort_by(f64::total_cmp);
        println!(
            "{name:10} best {best:6.2} ns median {:6.2}  {:.0} M/s  out {}",
            all[3],
            1e3 / best,
            rows.load(std::sync::atomic::Ordering::Relaxed) / 7
        );
    }
    if only.is_some() {
        return;
    }
    let m = EventFluxManager::new();
    for (name, app, rows) in [
        (
            "send-filter",
            "INSERT INTO Out SELECT key, price * 2 AS p FROM S[price > 51.0];",
            0,
        ),
        (
            "send-group",
            "INSERT INTO Out SELECT sym, sum(price) AS p FROM S GROUP BY sym;",
            0,
        ),
    ] {
        let _ = rows;
        let rt = m
            .create_with(
                &format!(
                    "@app:playback CREATE STREAM S (sym STRING, key LONG, price DOUBLE); {app}"
                ),
                RuntimeConfig::default().workers(Workers::Inline),
            )
            .unwrap();
        rt.add_callback("Out", move |b| {
            std::hint::black_box(b.len());
        })
        .unwrap();
        rt.start().unwrap();
        let mut h = rt.input_handler("S").unwrap();
        let syms: Vec<String> = (0..1000).map(|i| format!("SYM{i}")).collect();
        let mut best = f64::MAX;
        for _ in 0..5 {
            let t = Instant::now();
            for i in 0..1_000_000i64 {
                h.send_at(
                    Timestamp(i),
                    (
                        syms[(i * 7919 % 1000) as usize].as_str(),
                        i,
                        (i % 100) as f64,
                    ),
                )
                .unwrap();
            }
            best = best.min(t.elapsed().as_nanos() as f64 / 1e6);
        }
        println!("{name} best {best:.1} ns");
    }
}
