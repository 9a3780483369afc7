//! The proxy: each toxic.

use eventflux_testbed::{
    Direction, HANG, Proxy, Redis, Reply, Toxic, Which, Wire, need_server, until,
};
use std::time::{Duration, Instant};

fn wire(proxy: &Proxy) -> Wire {
    Wire::connect(&proxy.addr()).expect("the proxy takes connections")
}

#[test]
fn passes_everything_and_counts() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let mut wire = wire(&proxy);
    let value = vec![7u8; 3 << 20];
    wire.cmd(&[b"set", b"k", &value])
        .expect("an answer")
        .ok()
        .expect("is set");
    assert_eq!(
        wire.cmd(&[b"GET", b"k"]).expect("an answer"),
        Reply::Bulk(Some(value))
    );
    assert_eq!(
        (proxy.seen("SET"), proxy.seen("get"), proxy.accepted()),
        (1, 1, 1)
    );
    assert_eq!(proxy.counts().len(), 2);
    drop(wire);
    until(HANG, "the close to pass", || proxy.open() == 0);
}

#[test]
fn latency_delays_replies_and_not_each_after_the_other() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let mut wire = wire(&proxy);
    // one after the other they would take 100 s
    let (ms, jitter_ms) = (2_000, 10);
    proxy.set(Toxic::Latency { ms, jitter_ms });
    let begun = Instant::now();
    for _ in 0..50 {
        wire.send(&[b"PING"]).expect("is sent");
    }
    for _ in 0..50 {
        wire.read().expect("an answer");
    }
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(ms), "{taken:?}");
    assert!(taken < Duration::from_secs(60), "{taken:?}");
}

#[test]
fn bandwidth_is_bounded() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let mut wire = wire(&proxy);
    proxy.set(Toxic::Bandwidth {
        bytes_per_sec: 100_000,
    });
    let begun = Instant::now();
    wire.cmd(&[b"SET", b"k", &[0; 50_000]]).expect("an answer");
    assert!(
        begun.elapsed() > Duration::from_millis(400),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_cut_resets_and_refuses_until_it_ends() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    for _ in 0..5 {
        let mut held = wire(&proxy);
        held.text(&["PING"]).expect("an answer");
        proxy.set(Toxic::Cut);
        assert_eq!(proxy.open(), 0);
        held.text(&["PING"]).expect_err("the connection was reset");
        let refused = Wire::connect(&proxy.addr()).expect_err("new ones are refused");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        proxy.set(Toxic::None);
        assert_eq!(
            wire(&proxy).text(&["PING"]).expect("an answer").text(),
            "PONG"
        );
    }
    let mut held = wire(&proxy);
    held.text(&["PING"]).expect("an answer");
    proxy.reset_all();
    held.text(&["PING"]).expect_err("the connection was reset");
    assert_eq!(
        wire(&proxy).text(&["PING"]).expect("an answer").text(),
        "PONG"
    );
}

#[test]
fn a_cut_in_the_middle_of_a_value() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let value = vec![1u8; 1 << 20];
    let bytes = 500_000;
    let direction = Direction::Requests;
    proxy.set(Toxic::CutAfterBytes { bytes, direction });
    let mut cut = wire(&proxy);
    cut.cmd(&[b"SET", b"k", &value]).expect_err("cut half-way");
    assert_eq!(
        (proxy.fired(), redis.cmd(&["EXISTS", "k"]).int()),
        (1, Some(0))
    );
    let mut again = wire(&proxy);
    again.cmd(&[b"SET", b"k", &value]).expect("only once");
    let direction = Direction::Replies;
    proxy.set(Toxic::CutAfterBytes { bytes, direction });
    again.cmd(&[b"GET", b"k"]).expect_err("cut half-way");
    assert_eq!((proxy.fired(), proxy.seen("GET")), (1, 1));
}

#[test]
fn a_dropped_reply_is_of_a_request_that_was_executed() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let command = "incr".to_string();
    let which = Which::Nth(3);
    proxy.set(Toxic::DropReplies { command, which });
    let mut held = wire(&proxy);
    for _ in 0..2 {
        held.text(&["INCR", "k"]).expect("an answer");
    }
    // in one pipeline: the replies before it arrive, that one and those after it do not
    let pipeline: [&[&[u8]]; 3] = [&[b"ECHO", b"a"], &[b"INCR", b"k"], &[b"ECHO", b"b"]];
    for request in pipeline {
        held.send(request).expect("is sent");
    }
    assert_eq!(held.read().expect("the first reply").text(), "a");
    held.read().expect_err("the second is dropped");
    assert_eq!(redis.cmd(&["GET", "k"]).text(), "3");
    assert_eq!(proxy.fired(), 1);
    assert_eq!(
        wire(&proxy).text(&["INCR", "k"]).expect("an answer").int(),
        Some(4)
    );
    let command = "EVAL".to_string();
    let which = Which::Every;
    proxy.set(Toxic::DropReplies { command, which });
    for _ in 0..3 {
        let dropped = wire(&proxy).text(&["EVAL", "return redis.call('INCR', 'k')", "0"]);
        dropped.expect_err("every reply is dropped");
    }
    assert_eq!(redis.cmd(&["GET", "k"]).text(), "7");
}

#[test]
fn a_share_of_the_replies_is_dropped_by_the_seed() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let run = |seed| {
        let proxy = Proxy::try_start(redis.port(), seed).expect("a proxy");
        let which = Which::Percent(30);
        let command = String::new();
        proxy.set(Toxic::DropReplies { command, which });
        let arrives = |_| wire(&proxy).text(&["PING"]).is_ok();
        (0..40).map(arrives).collect::<Vec<bool>>()
    };
    let first = run(7);
    assert!(first.contains(&true) && first.contains(&false));
    assert_eq!(first, run(7));
}

#[test]
fn a_bit_flips_once() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    redis.cmd(&["SET", "k", "aaaa"]);
    let mut wire = wire(&proxy);
    // after `$4` and the end of its line
    let direction = Direction::Replies;
    proxy.set(Toxic::FlipBit { at: 5, direction });
    assert_eq!(wire.text(&["GET", "k"]).expect("an answer").text(), "a`aa");
    assert_eq!(wire.text(&["GET", "k"]).expect("an answer").text(), "aaaa");
}

#[test]
fn slices_arrive_whole_and_a_freeze_ends() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    proxy.set(Toxic::Slice);
    let mut held = wire(&proxy);
    let text = "x".repeat(2000);
    assert_eq!(held.text(&["ECHO", &text]).expect("an answer").text(), text);
    proxy.set(Toxic::Freeze);
    let limit = Duration::from_millis(100);
    let frozen = Wire::connect_within(&proxy.addr(), HANG, limit);
    let mut frozen = frozen.expect("connections are taken");
    frozen.text(&["PING"]).expect_err("nothing is answered");
    held.send(&[b"INCR", b"k"]).expect("is sent");
    proxy.set(Toxic::None);
    assert_eq!(
        held.read().expect("an answer after the freeze").int(),
        Some(1)
    );
    proxy.set(Toxic::Freeze);
    held.send(&[b"INCR", b"k"]).expect("is sent");
    drop(proxy);
    held.read().expect_err("a frozen proxy can be dropped");
}
