//! What is said of two manifests that differ.

use crate::sample;
use eventflux::checkpoint::ManifestDiff;

#[test]
fn equal_manifests_do_not_differ() {
    let a = sample::manifest(Vec::new());
    let mut b = a.clone();
    b.revision.epoch = 43;
    let diff = ManifestDiff::new(&a, &b);
    assert!(diff.is_empty());
    assert_eq!(diff.to_string(), "4-42 -> 4-43: no difference");
}

#[test]
fn every_difference_has_a_line() {
    let a = sample::manifest(sample::chunks().iter().map(|c| c.0).collect());
    let mut b = a.clone();
    b.revision.epoch = 50;
    b.queries[0].stages[1].containers[1].layout = "cells1(3)".to_string();
    b.queries.push(b.queries[0].clone());
    b.queries[1].id = "new\u{1b}[2J".to_string();
    b.inputs[0].applied[0].number = 400;
    b.inputs[0].applied.pop();
    b.outputs[0].numbers[1].1 = 70_100;
    b.positions[0].1 = vec![7];
    b.containers[0].slots += 1;
    b.containers.pop();
    b.chunks.pop();
    b.workers = 3;
    let text = ManifestDiff::new(&a, &b).to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for line in [
        "4-42 -> 4-50",
        "query 'vwap': changed",
        "- stage 1 aggregate, sums: cells1(2)",
        "+ stage 1 aggregate, sums: cells1(3)",
        "query 'new\\u{1b}[2J': added",
        "input 'trades', instance 7: row 300 -> 400",
        "input 'trades', instance 8: row 0 -> none",
        "stream 'Out', key group 5: row 70000 -> 70100",
        "sink 'file:out.jsonl': \\x00\\x01\\xfe\\xff -> \\x07",
        "container 7/0/0@0: slots 10000 -> 10001",
        "container 7/1/1@-60000000: slots 0 -> none",
        "workers: 2 -> 3",
        "chunks: 3 -> 2",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{text}");
    }
    let back = ManifestDiff::new(&b, &a).to_string();
    assert!(back.contains("'new\\u{1b}[2J': removed"), "{back}");
}

#[test]
fn a_query_that_differs_in_its_fingerprint_only_says_so() {
    let a = sample::manifest(Vec::new());
    let mut b = a.clone();
    b.queries[0].fingerprint = 1;
    let text = ManifestDiff::new(&a, &b).to_string();
    assert!(
        text.contains("fingerprint 0123456789abcdef -> 0000000000000001"),
        "{text}"
    );
}
