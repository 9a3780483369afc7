//! Each question has an answer, and a name of its own.

use super::*;
use crate::harness::Conditions;
use crate::harness::Size;
use crate::question::GROUPS;
use std::collections::HashSet;

#[test]
fn ids_and_groups_are_distinct() {
    let names = QUESTIONS.iter().map(|q| q.id).chain(GROUPS);
    let distinct: HashSet<&str> = names.clone().collect();
    assert_eq!(distinct.len(), names.count());
    assert!(QUESTIONS.iter().all(|q| GROUPS.contains(&q.group)));
}

/// All sides agree on small inputs, so that no question is found broken on the day of measuring.
#[test]
fn every_question_has_an_answer() {
    let conditions = Conditions {
        size: Size::Tiny,
        repetitions: 1,
    };
    let two_cores = crate::cores::cores().len() > 1;
    for question in QUESTIONS {
        if !question.pinned && !two_cores {
            continue;
        }
        if question.group == "redis" && !eventflux_testbed::need_server() {
            continue;
        }
        let record =
            (question.answer)(&conditions).unwrap_or_else(|e| panic!("{}: {e}", question.id));
        assert_eq!(record.question, question.id);
        // on tiny inputs it may be that no send comes while a checkpoint is under way
        let may_be_none = question.id.starts_with("checkpoint-latency");
        let measured = record.ours.median > 0.0 || question.group == "memory" || may_be_none;
        assert!(measured, "{} took no time", question.id);
    }
}
