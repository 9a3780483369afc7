//! Runs that are killed, and all looks at their state, as the documented user of the access list.

use crate::app::{App, PASSWORD, bare, eventflux, says, server};
use crate::kills::{KILLED_AT, same};
use eventflux_testbed::{Redis, need_server, server_name};

/// A server with the user of `state acl`, whose line is the documented one.
fn documented() -> Redis {
    let args = ["state", "acl", "--user", "orders", "--app", "orders"];
    let line = says(0, &args, &["ACL SETUSER"]);
    let line = line.trim().replace(">PASSWORD", &format!(">{PASSWORD}"));
    let rules = line.trim_start_matches("user ");
    Redis::builder().acl(rules).line("user default off").start()
}

/// Killed as often as it has to be, over TCP as the documented user, by a socket, in another database.
#[test]
fn redis_matrix_of_runs_that_are_killed() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let narrow = documented();
    let login = format!("redis://orders:{PASSWORD}@127.0.0.1:{}", narrow.port());
    app.survives(&narrow, "tcp.jsonl", &login, &KILLED_AT, "0");

    let local = server().unix_socket().start();
    let socket = format!("unix://{}?pass={PASSWORD}", local.socket().display());
    app.survives(&local, "socket.jsonl", &socket, &KILLED_AT[..2], "0");
    let fifth = format!("{}/5", local.url());
    app.survives(&local, "fifth.jsonl", &fifth, &KILLED_AT[..2], "5");
    // two apps of one name, in two databases
    for url in [&socket, &fifth] {
        says(0, &["state", "verify", url], &["of 1 app: sound"]);
    }
}

#[test]
fn redis_matrix_of_looks_at_state() {
    if !need_server() {
        return;
    }
    let redis = documented();
    let (app, url) = (App::new(), bare(&redis));
    let user = ["--redis-user", "orders"];
    let does =
        |status, words: &[&str], parts: &[&str]| says(status, &[words, &user].concat(), parts);
    let said = app.runs("o.jsonl", &url, &user);
    assert!(
        said.contains("starting empty: no revision of app orders"),
        "{said}"
    );
    // once more, from the end: as many rows, and revisions of two runs
    let said = app.runs("o.jsonl", &url, &user);
    assert!(said.contains("restored revision 1-"), "{said}");
    let of_app = ["doctor", &url, "--app", "orders"];
    does(0, &of_app, &[server_name(), "0 failed", "all of "]);

    let listed = does(0, &["state", "ls", &url], &["app orders: ", "head"]);
    let names: Vec<&str> = listed
        .lines()
        .skip(2)
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    let [.., earlier, last] = names.as_slice() else {
        panic!("{listed}");
    };
    does(0, &["state", "show", &url, "orders"], &[last, "Totals"]);
    does(0, &["state", "verify", &url, "orders"], &["sound"]);
    does(0, &["state", "diff", &url, "orders", earlier, last], &[]);
    does(0, &["state", "pin", &url, "orders", "kept", earlier], &[]);
    does(0, &["state", "prune", &url, "orders", "--keep", "1"], &[]);
    does(
        0,
        &["state", "ls", &url],
        &["app orders: 2 revisions", "kept"],
    );
    does(
        0,
        &["state", "pin", &url, "orders", "kept", "--remove"],
        &[],
    );
    let blob = app.folder.at("r.efbl");
    does(0, &["state", "export", &url, "orders", "--to", &blob], &[]);
    does(
        0,
        &["state", "import", &url, "--from", &blob],
        &["is revision "],
    );
    does(0, &["state", "verify", &url, "orders"], &["sound"]);
    // what was imported goes on from where it was exported
    let said = app.runs(
        "o.jsonl",
        &url,
        &[&user[..], &["--restore", "latest"]].concat(),
    );
    assert!(said.contains("restored revision"), "{said}");
    // the user may not touch another app
    let args = ["state", "import", &url, "--from", &blob, "--app", "other"];
    does(1, &args, &["`eventflux state acl`"]);
    same(&app.folder.at("o.jsonl"), &app.whole);
}

#[test]
fn redis_matrix_doctor_names_what_it_looks_at() {
    if !need_server() {
        return;
    }
    let redis = server().start();
    let (_, out, _) = eventflux(&["doctor", &bare(&redis), "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let checks = found["checks"].as_array().expect("checks");
    let version = checks
        .iter()
        .find(|c| c["name"] == "version")
        .expect("it is told");
    let told = version["found"].as_str().expect("a text");
    let (said, compatible) = told
        .split_once(", with the commands of Redis ")
        .unwrap_or((told, ""));
    assert_eq!(said, server_name());
    assert_eq!(said.starts_with("Redis "), compatible.is_empty(), "{told}");
}
