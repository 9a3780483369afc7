//! Connections that delay, cut and garble, and connections with TLS.

use crate::app::{App, PASSWORD, says, server, strs};
use crate::child::{Running, expect, run};
use crate::kills::{length, reaches, same};
use eventflux_testbed::{Direction, Proxy, Scratch, Tls, Toxic, Which, need_server};

/// The URL of a server behind a proxy.
fn through(proxy: &Proxy) -> String {
    format!("redis://:{PASSWORD}@{}", proxy.addr())
}

/// Lines that delay, cut or lose: two tests, for two cores.
#[test]
fn redis_matrix_over_lines_that_break() {
    let (ms, jitter_ms) = (5, 15);
    let mut toxics = vec![Toxic::Latency { ms, jitter_ms }, Toxic::Slice];
    for bytes in [0, 3_000, 100_000] {
        let direction = Direction::Requests;
        toxics.push(Toxic::CutAfterBytes { bytes, direction });
    }
    for command in ["EVAL", ""] {
        let (command, which) = (command.to_string(), Which::Percent(15));
        toxics.push(Toxic::DropReplies { command, which });
    }
    over(toxics);
}

#[test]
fn redis_matrix_over_replies_that_are_wrong() {
    let direction = Direction::Replies;
    let flips = [0, 7, 300].map(|at| Toxic::FlipBit { at, direction });
    let cuts = [1, 60, 900].map(|bytes| Toxic::CutAfterBytes { bytes, direction });
    over([flips, cuts].concat());
}

/// Runs over each of these lines, and once more over a good one where that fails.
fn over(toxics: Vec<Toxic>) {
    if !need_server() {
        return;
    }
    let app = App::new();
    let redis = server().start();
    let proxy = Proxy::start(redis.port());
    let url = through(&proxy);
    for (n, toxic) in toxics.into_iter().enumerate() {
        let (out, prefix) = (format!("{n}.jsonl"), format!("{n}:"));
        let options = ["--redis-prefix", &prefix];
        let args = app.args(&out, &url, &options);
        let shown = format!("{toxic:?}");
        proxy.set(toxic);
        // A reply that is garbled may be a refusal; what is asked of the run is that it does nothing wrong.
        let first = run(&strs(&args));
        assert!(
            matches!(first.status.code(), Some(0 | 1)),
            "{shown}: {first:?}"
        );
        proxy.set(Toxic::None);
        if first.status.code() != Some(0) {
            expect(&run(&strs(&args)), 0, &[]);
        }
        same(&app.folder.at(&out), &app.whole);
        says(
            0,
            &[&["state", "verify", &redis.url()][..], &options].concat(),
            &["sound"],
        );
    }
}

/// Connections that are reset while a run goes on are made again, and it never notices.
#[test]
fn redis_matrix_of_connections_that_are_reset() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let redis = server().start();
    let proxy = Proxy::start(redis.port());
    let mut child = Running::start(&strs(&app.args("o.jsonl", &through(&proxy), &[])));
    let out = app.folder.at("o.jsonl");
    let mut resets = 0;
    for bytes in (1..12).map(|n| n * 60_000) {
        if reaches(child.child(), || length(&out) >= bytes) {
            proxy.reset_all();
            resets += 1;
        }
    }
    assert!(resets > 2, "{resets} resets");
    expect(&child.wait(), 0, &[]);
    same(&out, &app.whole);
    says(0, &["state", "verify", &redis.url()], &["sound"]);
}

#[test]
fn redis_matrix_over_tls() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let scratch = Scratch::new().expect("a directory");
    let tls = Tls::new(scratch.path());
    let file = |path: &std::path::Path| path.display().to_string();
    let (ca, key) = (file(&tls.ca.certificate), file(&tls.ca.key));
    let other = file(&tls.other_ca.certificate);
    let redis = server().tls(&tls).start();
    let url = redis.url();
    app.runs("tls.jsonl", &url, &["--redis-ca", &ca]);
    says(0, &["state", "verify", &url, "--redis-ca", &ca], &["sound"]);
    says(
        0,
        &["doctor", &url, "--redis-ca", &ca],
        &["TLS", "0 failed"],
    );
    for (options, part) in [
        (
            &["--redis-ca", &other][..],
            "--redis-ca must hold the certificate of the authority",
        ),
        (&[], "--redis-ca must hold the certificate of the authority"),
    ] {
        let said = app.refused(&url, options);
        assert!(said.contains(part), "{said}");
        says(1, &[&["doctor", &url][..], options].concat(), &[part]);
    }
    // nothing would be encrypted, whatever stands beside the URL
    let plain = url.replacen("rediss://", "redis://", 1);
    let parts = ["--redis-ca", "asks for no TLS", "rediss://"];
    says(2, &["doctor", &plain, "--redis-ca", &ca], &parts);
    // a certificate as `openssl req -x509` makes it, which is its own authority
    let own = server().tls_as(&tls, &tls.ca).start();
    let said = app.refused(&own.url(), &["--redis-ca", &ca]);
    assert!(
        said.contains("it needs one that an authority has signed"),
        "{said}"
    );
    for (shown, part) in [
        (&tls.elsewhere, "the host of the URL"),
        (
            &tls.expired,
            "look at the server's certificate and --redis-ca",
        ),
    ] {
        let redis = server().tls_as(&tls, shown).start();
        let said = app.refused(&redis.url(), &["--redis-ca", &ca]);
        assert!(said.contains(part), "{said}");
    }
    // files that hold no certificate
    let empty = app.folder.file("empty.pem", "");
    for (path, part) in [
        (&key, "no certificate in it"),
        (&empty, "no certificate in it"),
    ] {
        let args = app.args("refused.jsonl", &url, &["--redis-ca", path]);
        says(2, &strs(&args), &["--redis-ca: refused", part]);
    }
}
