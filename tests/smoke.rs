use eventflux::*;
use std::sync::{Arc,Mutex};
fn run(app:&str, w: Workers, rows: &[(i64, Vec<Value>)]) -> Vec<String> {
    let m = EventFluxManager::new();
    let rt = m.create_with(app, RuntimeConfig::default().workers(w).batch_rows_max(7)).unwrap_or_else(|e| panic!("{e}"));
    println!("{}", rt.explain());
    let out = Arc::new(Mutex::new(vec![]));
    let o = out.clone();
    rt.add_callback("Out", move |b| for r in 0..b.len() { o.lock().unwrap().push(format!("{} {:?} {:?}", b.at()[r], b.sign(r), b.row(r))) }).unwrap();
    rt.start().unwrap();
    let mut i = rt.input().unwrap();
    for (at,r) in rows { if r.is_empty() { i.advance_clock(Timestamp::from_millis(*at)).unwrap() } else { i.send_at("S", Timestamp::from_millis(*at), r).unwrap(); } }
    drop(i);
    rt.shutdown().unwrap();
    println!("{:?}", rt.metrics());
    let v = out.lock().unwrap().clone(); v
}
#[test]
fn smoke() {
    let rows: Vec<(i64, Vec<Value>)> = (0..12).map(|i| (1000+i*300, vec![Value::from(["a","b","c"][(i%3) as usize]), Value::from(i as f64), Value::Int(i as i32)])).chain([(20000, vec![])]).collect();
    for app in ["SELECT sym, p*2 AS d FROM S[p>3] INSERT INTO Out;", "INSERT INTO Out SELECT sym, sum(p) AS t, count() AS n FROM S GROUP BY sym HAVING t > 5;",
     "INSERT ALL EVENTS INTO Out SELECT sym, sum(q) AS t, max(p) AS m FROM S WINDOW('length', 3);",
     "INSERT INTO Out SELECT sym, count() AS n, window_start() AS ws FROM S WINDOW('tumbling', 1 SECONDS) GROUP BY sym;",
     "INSERT INTO Mid SELECT sym, q FROM S[q > 2]; INSERT INTO Out SELECT sym, sum(q) AS s FROM Mid WINDOW('time', 1 SECOND) GROUP BY sym;",
     "INSERT INTO Out SELECT sym, q FROM S WINDOW('lengthBatch', 4) ORDER BY q DESC LIMIT 2;"] {
        let app = format!("@app:playback CREATE STREAM S (sym STRING, p DOUBLE, q INT); {app}");
        let a = run(&app, Workers::Inline, &rows);
        for l in &a { println!("{l}"); }
        let mut b = run(&app, Workers::Pinned(2), &rows);
        let mut a = a; a.sort(); b.sort();
        assert_eq!(a,b);
    }
}
