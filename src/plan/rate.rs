//! The rate limit of a query: what it counts by, and what a snapshot shows.

use super::{QueryPlan, WindowPlan};
use crate::error::Fault;
use crate::event::Type;
use crate::expr::Typed;
use crate::operator::rate::{Lasts, RATE_LIMIT_ROWS_MAX, Shows, Turnover};
use crate::sql::ast::{Events, Query, RateLimit, RatePace, RateRows};

/// A rate limit with what it reads. The columns that come to it are those of the query, then `behind`.
pub(crate) struct RatePlan {
    pub(crate) limit: RateLimit,
    /// The columns by which it counts.
    pub(crate) keys: Vec<usize>,
    /// What is handed to it behind the columns of the query: keys that are not selected.
    pub(crate) behind: Vec<Typed>,
    /// The column that says whether a row is shown, behind all others, where HAVING is asked by the snapshot.
    pub(crate) having: Option<usize>,
    /// Which columns are made of aggregates.
    pub(crate) aggregates: Vec<bool>,
    /// What a snapshot shows.
    pub(crate) shows: Shows,
    /// How that goes.
    pub(crate) turnover: Turnover,
}

impl RatePlan {
    /// Whether it goes by the app's clock.
    pub(crate) fn is_timed(&self) -> bool {
        matches!(self.limit.pace, RatePace::Time(_))
    }

    /// Whether each group of the query is counted, or waits, by itself, so that groups may stand on several workers.
    pub(crate) fn is_per_group(&self, query: &QueryPlan) -> bool {
        let by_group = match (self.limit.rows, self.limit.pace) {
            (RateRows::First, _) | (RateRows::Last, RatePace::Time(_)) => true,
            (RateRows::Snapshot, _) => self.shows != Shows::Rows,
            (RateRows::All, _) | (RateRows::Last, RatePace::Events(_)) => false,
        };
        by_group && !query.keys.is_empty()
    }

    /// Whether it counts all rows of a key of its partition, or of the query, and no groups.
    pub(crate) fn counts_rows(&self, query: &QueryPlan) -> bool {
        self.keys.len() == usize::from(query.partition.is_some())
    }

    /// After how much rows go out, for a reader.
    pub(super) fn pace_text(&self) -> String {
        match self.limit.pace {
            RatePace::Events(1) => "event".to_string(),
            RatePace::Events(rows) => format!("{rows} events"),
            RatePace::Time(us) => format!("{} ms", us as f64 / 1e3),
        }
    }

    /// Its state, for a reader.
    pub(super) fn state(&self) -> &'static str {
        match (self.limit.rows, self.limit.pace) {
            (RateRows::First, RatePace::Events(_)) => "state count per key",
            (RateRows::First, RatePace::Time(_)) => "state time per key",
            (RateRows::All, _) => "state row log",
            (RateRows::Last, RatePace::Events(_)) if self.keys.is_empty() => "state count",
            (RateRows::Last, _) => "state last row per key",
            (RateRows::Snapshot, _) => match self.shows {
                Shows::Last | Shows::Groups => "state last row per key",
                Shows::Rows => "state rows",
            },
        }
    }

    /// Whether its state depends on where flushes stand among timers, which only rows one by one tell: a flush of no
    /// rows carries no clock.
    pub(super) fn wants_single_rows(&self, query: &QueryPlan) -> bool {
        let by_time = flushes_by_time(query);
        self.limit.rows == RateRows::Snapshot && query.flushes() && !by_time
    }
}

/// Whether the flushes of a query come by timers alone.
pub(crate) fn flushes_by_time(query: &QueryPlan) -> bool {
    query.windows().all(|window| {
        matches!(
            window,
            WindowPlan::Panes(_)
                | WindowPlan::TimeBatch { .. }
                | WindowPlan::SessionBatch { .. }
                | WindowPlan::Cron(_)
        )
    })
}

/// Which rows a query must give for its rate limit: a snapshot of what windows hold must see rows leave.
pub(super) fn events(query: &Query, leave: bool) -> Result<Events, Fault> {
    let Some(limit) = &query.rate else {
        return Ok(query.events);
    };
    match (limit.rows, query.events) {
        (RateRows::Snapshot, Events::Expired) => {
            let message = "a snapshot shows what is there, and EXPIRED EVENTS are what has left";
            let remedy = "write INSERT INTO, or OUTPUT EVERY instead of SNAPSHOT";
            Err(Fault::new(limit.span, message).help(remedy))
        }
        (RateRows::Snapshot, _) if leave => Ok(Events::All),
        (RateRows::Snapshot, _) => Ok(Events::Current),
        (_, events) => Ok(events),
    }
}

/// The rate limit of a query that is bound otherwise.
pub(super) fn bind_rate(query: &Query, plan: &mut QueryPlan) -> Result<(), Fault> {
    let Some(limit) = query.rate else {
        return Ok(());
    };
    if let (RateRows::All, RatePace::Events(rows)) = (limit.rows, limit.pace)
        && rows > RATE_LIMIT_ROWS_MAX as u64
    {
        let message =
            format!("a rate limit holds at most {RATE_LIMIT_ROWS_MAX} rows (RATE_LIMIT_ROWS_MAX)");
        return Err(Fault::new(limit.span, message).help("let rows out more often"));
    }
    let (shows, turnover) = (shows(plan), turnover(plan));
    if limit.rows == RateRows::Snapshot && plan.partition.is_some() {
        check_in_partition(query, plan, (shows, &turnover), limit)?;
        if matches!(turnover, Turnover::FlushesOfKeys) {
            plan.events = Events::All;
        }
    }
    let counts_groups = match limit.rows {
        RateRows::All => false,
        RateRows::First | RateRows::Last => true,
        RateRows::Snapshot => shows != Shows::Rows,
    };
    let mut behind: Vec<Typed> = Vec::new();
    let mut keys = Vec::new();
    // In a partition each key is limited by itself.
    let own = plan.place_among_groups();
    let groups = plan.keys.iter().enumerate();
    let groups = groups.filter(|(place, _)| counts_groups && Some(*place) != own);
    let groups = groups.map(|(_, key)| key);
    for key in plan.partition_key.iter().chain(groups) {
        let is_key = |o: &Typed| o.as_column().is_some() && o.as_column() == key.as_column();
        let known = plan.outputs.iter().chain(&behind).position(is_key);
        keys.push(known.unwrap_or(plan.outputs.len() + behind.len()));
        if known.is_none() {
            behind.push(key.clone());
        }
    }
    let aggregates = plan.outputs.iter().chain(&behind).map(is_aggregate);
    let mut aggregates: Vec<bool> = aggregates.collect();
    let leave = matches!(turnover, Turnover::Singly | Turnover::FlushesOfKeys);
    let asks = limit.rows == RateRows::Snapshot && leave;
    let having = plan.having.as_ref().filter(|_| asks).map(is_aggregate);
    aggregates.extend(having);
    plan.rate = Some(RatePlan {
        limit,
        keys,
        having: having.map(|_| plan.outputs.len() + behind.len()),
        behind,
        aggregates,
        shows,
        turnover,
    });
    Ok(())
}

/// How rows go that a snapshot of a query shows.
fn turnover(plan: &QueryPlan) -> Turnover {
    if plan.retracts() || !plan.flushes() {
        return Turnover::Singly;
    }
    // Panes that are aggregated give one flush for all keys.
    if plan.partition.is_some() && !plan.aggregates_panes() {
        return Turnover::FlushesOfKeys;
    }
    let mut windows = plan.windows();
    let lasts = match (windows.next(), windows.next()) {
        (Some(WindowPlan::Panes(panes)), None) => Some(Lasts::Span(panes.slide_us)),
        (Some(WindowPlan::TimeBatch { span_us, .. }), None) => Some(Lasts::Span(*span_us)),
        (Some(WindowPlan::Cron(crontab)), None) => Some(Lasts::Until(crontab.clone())),
        _ => None,
    };
    Turnover::Flushes {
        by_time: flushes_by_time(plan),
        lasts,
    }
}

/// Refuses snapshots in a partition for which rows do not say what they are of: what hides the rows of a key that leave
/// with a flush, and rows each of which shows aggregates of its key.
fn check_in_partition(
    query: &Query,
    plan: &QueryPlan,
    (shows, turnover): (Shows, &Turnover),
    limit: RateLimit,
) -> Result<(), Fault> {
    let fault = |message: &str, remedy: &str| Err(Fault::new(limit.span, message).help(remedy));
    let is_plain = plan.outputs.iter().any(|o| !is_aggregate(o));
    let mixes = !plan.calls.is_empty() && query.group_by.is_empty() && is_plain;
    if matches!(turnover, Turnover::Singly) && shows == Shows::Groups && mixes {
        return fault(
            "a snapshot in a partition cannot show rows beside the aggregates of their key",
            "write GROUP BY with the key for one row of each key, or select the aggregates alone",
        );
    }
    if !matches!(turnover, Turnover::FlushesOfKeys) {
        return Ok(());
    }
    let has_keys = |w: &WindowPlan| match w {
        WindowPlan::SessionBatch { keys, .. } => !keys.0.is_empty(),
        _ => false,
    };
    let cut = plan.limit.is_some() || plan.offset.is_some() || !plan.order.is_empty();
    if plan.windows().any(has_keys) {
        return fault(
            "a snapshot in a partition cannot show sessions by a key of their own",
            "write sessionBatch without a key, or leave SNAPSHOT out",
        );
    }
    if cut || plan.distinct {
        return fault(
            "a snapshot of a batch window in a partition has no DISTINCT, ORDER BY, LIMIT or OFFSET",
            "leave them out, or write OUTPUT LAST EVERY instead of SNAPSHOT",
        );
    }
    Ok(())
}

/// What a snapshot of a query shows.
fn shows(plan: &QueryPlan) -> Shows {
    if !plan.retracts() && !plan.flushes() {
        return Shows::Last;
    }
    let grouped = !plan.keys.is_empty() && !plan.calls.is_empty();
    let selects = !plan.outputs.is_empty() && plan.outputs.iter().all(is_aggregate);
    match grouped || selects {
        true => Shows::Groups,
        false => Shows::Rows,
    }
}

/// Whether an expression reads an aggregate.
fn is_aggregate(typed: &Typed) -> bool {
    let mut reads = false;
    typed.columns(&mut |column| reads |= column.is_of_aggregate());
    reads
}

impl QueryPlan {
    /// The types of the columns that come out of its SELECT, with those that its rate limit keeps to itself.
    pub(super) fn emitted_types(&self) -> Vec<Type> {
        let rate = self.rate.iter();
        let behind = rate.clone().flat_map(|r| &r.behind);
        let having = rate.filter_map(|r| r.having).map(|_| Type::Bool);
        let outputs = self.outputs.iter().chain(behind);
        outputs.filter_map(|o| o.ty).chain(having).collect()
    }
}
