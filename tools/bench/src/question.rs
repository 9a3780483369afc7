//! What a question is.

use super::harness::Conditions;
use super::record::Record;

/// Names of groups, in order.
pub const GROUPS: [&str; 16] = [
    "memory",
    "columns",
    "disorder",
    "over",
    "partition",
    "rate",
    "send",
    "lane",
    "read",
    "join",
    "aggregation",
    "pattern",
    "nexmark",
    "checkpoint",
    "restore",
    "redis",
];

/// Something that can be measured.
pub struct Question {
    /// What it is called.
    pub id: &'static str,
    /// A name for several of them.
    pub group: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Runs both sides. Errors: why there is no answer.
    pub answer: fn(&Conditions) -> Result<Record, String>,
    /// Whether its thread is pinned; those with threads of their own pin these.
    pub pinned: bool,
    /// Whether it takes minutes: quick runs ask it only by its own name.
    pub long: bool,
}

/// Asked on a thread that is pinned.
pub(super) const fn inline(
    group: &'static str,
    id: &'static str,
    asks: &'static str,
    answer: fn(&Conditions) -> Result<Record, String>,
) -> Question {
    Question {
        id,
        group,
        asks,
        answer,
        pinned: true,
        long: false,
    }
}

/// Asked on a thread that leaves it to others to be pinned.
pub(super) const fn threads(
    group: &'static str,
    id: &'static str,
    asks: &'static str,
    answer: fn(&Conditions) -> Result<Record, String>,
) -> Question {
    Question {
        pinned: false,
        ..inline(group, id, asks, answer)
    }
}

/// Asked only in full runs, or by name.
pub(super) const fn long(question: Question) -> Question {
    Question {
        long: true,
        ..question
    }
}
