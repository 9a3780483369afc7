//! The questions that can be asked, in the order in which they are answered.

use super::aggregation;
use super::checkpoint;
use super::join;
use super::nexmark;
use super::pattern;
use super::question::{Question, inline, long, threads};
use super::{batches, disorder, lanes, open_loop, over, partition, rate, read, redis, send};
use super::{sorted, standing, two_workers, windows};

/// All questions. Memory comes first: later it would find what others have freed.
pub const QUESTIONS: &[Question] = &[
    inline(
        "memory",
        "memory-per-group",
        "bytes per group, 1 M groups of (LONG, DOUBLE, LONG)",
        standing::memory,
    ),
    inline(
        "memory",
        "memory-per-joined-row",
        "bytes per row that a join holds, 1 M rows of (LONG, LONG)",
        join::memory,
    ),
    inline(
        "memory",
        "memory-per-run",
        "bytes per open run of a pattern, 1 M runs that keep (LONG, LONG)",
        pattern::memory,
    ),
    inline(
        "memory",
        "memory-per-idle-key",
        "bytes per idle key of a partition that keeps a sum, 1 M keys",
        partition::memory,
    ),
    inline(
        "columns",
        "filter-project",
        "filter and projection over columns of 1,024, 49 % pass",
        batches::filter_project,
    ),
    inline(
        "columns",
        "filter-project-rows",
        "the same beside a hand loop over rows",
        batches::filter_project_rows,
    ),
    inline(
        "columns",
        "groupby-int-1k",
        "sum and count by 1,000 integer keys, a row per event",
        batches::groupby_int_1k,
    ),
    inline(
        "columns",
        "groupby-int-1m",
        "the same by 1,000,000 keys that exist",
        batches::groupby_int_1m,
    ),
    inline(
        "columns",
        "groupby-string-1k",
        "sum and count by 1,000 names, a row per event",
        batches::groupby_string_1k,
    ),
    inline(
        "columns",
        "groupby-dictionary-1k",
        "the same with the names as codes of a dictionary, beside integer keys",
        batches::groupby_dictionary_1k,
    ),
    inline(
        "columns",
        "length-1000-sum",
        "sum over the last 1,000 rows, a row per event",
        batches::length_sum,
    ),
    inline(
        "columns",
        "length-1000-groupby-1k",
        "the same by 1,000 keys",
        batches::length_groupby,
    ),
    inline(
        "columns",
        "tumbling-1s-count-by-key",
        "count by 1,000 keys in windows of a second",
        batches::tumbling,
    ),
    inline(
        "columns",
        "extremum-length-100",
        "the highest of the last 100 rows, full, and the latency of single rows",
        windows::length_100,
    ),
    inline(
        "columns",
        "extremum-length-10k",
        "the highest of the last 10,000 rows, and beside 100",
        windows::length_10k,
    ),
    inline(
        "columns",
        "extremum-length-1m",
        "the highest of the last million rows, and beside 100",
        windows::length_1m,
    ),
    inline(
        "columns",
        "extremum-time-10k",
        "the highest of a second of 10,000 rows, and beside 100",
        windows::time_10k,
    ),
    inline(
        "columns",
        "many-windows",
        "50 windows of different lengths over one stream, a sum each, beside one",
        windows::many,
    ),
    inline(
        "disorder",
        "late-rows",
        "sum and max over ten seconds of rows up to 1,000 places late, beside rows in order",
        windows::late,
    ),
    inline(
        "disorder",
        "disorder-sessions",
        "time per row with 100,000 open sessions of one key, beside 1,000",
        disorder::sessions,
    ),
    inline(
        "disorder",
        "disorder-time",
        "time per row with 20,000 rows waiting for a sliding window, beside 1,000",
        disorder::time,
    ),
    inline(
        "disorder",
        "disorder-tumbling",
        "time per row over 20,000 rows of open windows, beside 1,000",
        disorder::tumbling,
    ),
    inline(
        "disorder",
        "disorder-timebatch",
        "time per row with 20,000 rows waiting for their batch, beside 1,000",
        disorder::time_batch,
    ),
    inline(
        "columns",
        "first-in-sort",
        "first over the 100,000 smallest rows, a row per event, beside 1,000",
        sorted::first,
    ),
    inline(
        "over",
        "over-rows-1k",
        "sum over the last 21 rows of each of 1,000 keys, a row per event",
        over::rows_1k,
    ),
    inline(
        "over",
        "over-rows-100k",
        "the same of 100,000 keys",
        over::rows_100k,
    ),
    inline(
        "over",
        "over-range-1k",
        "sum over the rows of 100 ms of each of 1,000 keys",
        over::range_1k,
    ),
    inline(
        "over",
        "over-lag-1k",
        "the row before of each of 1,000 keys",
        over::lag_1k,
    ),
    inline(
        "partition",
        "partition-aggregate-100k",
        "sum in a partition of 100,000 keys, beside GROUP BY",
        partition::aggregate,
    ),
    inline(
        "partition",
        "partition-kept-100k",
        "the same where idle keys are forgotten, of which there are none",
        partition::kept,
    ),
    inline(
        "partition",
        "partition-length-100k",
        "sum over the last 21 rows of each of 100,000 keys, beside OVER",
        partition::length,
    ),
    inline(
        "partition",
        "partition-time-100k",
        "sum over 10 s of each of 100,000 keys, beside GROUP BY",
        partition::time,
    ),
    inline(
        "partition",
        "pattern-partition-100k",
        "a pair of one of 100,000 keys, beside a condition on the key",
        pattern::in_partition,
    ),
    inline(
        "partition",
        "partition-purge-100k",
        "the longest batch while 100,000 keys are forgotten, beside the middle one",
        partition::purge,
    ),
    inline(
        "rate",
        "rate-last-events",
        "the last of each hundred rows",
        rate::last_of_events,
    ),
    inline(
        "rate",
        "rate-first-time",
        "the first row of each second",
        rate::first_of_time,
    ),
    inline(
        "rate",
        "rate-all-time",
        "all rows of a second at its end",
        rate::all_of_time,
    ),
    inline(
        "rate",
        "rate-last-by-key-1k",
        "the last sum of each of 1,000 keys, each second",
        rate::last_by_key,
    ),
    inline(
        "send",
        "send-inline-filter",
        "one send per event, filter, callback",
        send::filter,
    ),
    inline(
        "send",
        "send-inline-filter-values",
        "the same with a slice of values",
        send::filter_values,
    ),
    inline(
        "send",
        "send-inline-groupby-string",
        "one send per event, sum and count by name, callback",
        send::groupby_string,
    ),
    inline(
        "send",
        "service-time-inline",
        "how long each send takes: filter",
        send::service_filter,
    ),
    inline(
        "send",
        "service-time-groupby-string",
        "how long each send takes: sum and count by name",
        send::service_groupby,
    ),
    inline(
        "send",
        "barrier-enter-exit",
        "what a thread pays to be stoppable",
        standing::barrier,
    ),
    threads(
        "lane",
        "lane-open-loop",
        "producer, pinned worker, callback at 1 M events/s: latency",
        open_loop::open_loop,
    ),
    threads(
        "lane",
        "lane-groupby-batches",
        "columns over a lane to a worker that groups by 1,000 keys",
        lanes::groupby_batches,
    ),
    threads(
        "lane",
        "lane-groupby-single",
        "the same with one send per event",
        lanes::groupby_single,
    ),
    threads(
        "lane",
        "two-workers-1k",
        "two workers beside one, each with a generator inside, 1,000 keys",
        two_workers::two_workers_1k,
    ),
    threads(
        "lane",
        "two-workers-1m",
        "the same, 1,000,000 keys",
        two_workers::two_workers_1m,
    ),
    inline(
        "read",
        "read-csv",
        "CSV with columns found out, a filter and a GROUP BY of 1,000 names",
        read::csv,
    ),
    inline("read", "read-json", "the same from JSON lines", read::json),
    inline(
        "join",
        "join-length-1k",
        "equi-join of the last 1,000 rows of two streams, one match per row",
        join::length_1k,
    ),
    inline(
        "join",
        "interval-join-100k",
        "join by key and by time, 100,000 rows held, one match per row of a side",
        join::interval,
    ),
    inline(
        "join",
        "table-lookup-1m",
        "stream-table join by key, 1 M rows, one match per row",
        join::lookup,
    ),
    inline(
        "join",
        "send-table-lookup",
        "the same with one send per row",
        join::send_lookup,
    ),
    inline(
        "join",
        "upsert-1m",
        "UPSERT of 1 M keys that exist",
        join::upsert,
    ),
    inline(
        "join",
        "asof-10k",
        "ASOF join over 10,000 symbols, four quotes to a trade",
        join::asof,
    ),
    inline(
        "join",
        "join-growth",
        "equi-join of up to 1 M rows of each stream",
        join::growth,
    ),
    inline(
        "join",
        "range-join",
        "join by key and by a range of values, up to 10,000 rows of a key",
        join::range,
    ),
    inline(
        "join",
        "query-by-key",
        "runtime.query by the key of a table of 1 M rows",
        checkpoint::query_by_key,
    ),
    threads(
        "join",
        "query-beside",
        "rows that flow while a table of 1 M rows is asked by key, beside the same unasked",
        checkpoint::query_beside,
    ),
    inline(
        "aggregation",
        "aggregation-1k",
        "sum and count by 1,000 keys for seconds to years, in columns",
        aggregation::fill,
    ),
    inline(
        "aggregation",
        "aggregation-year",
        "runtime.query for the hours of a year of one of ten keys, per question",
        aggregation::ask,
    ),
    inline("nexmark", "nexmark-q0", "pass through", nexmark::q0),
    inline("nexmark", "nexmark-q1", "currency conversion", nexmark::q1),
    inline(
        "pattern",
        "pattern-pair-10k",
        "EVERY a -> b of the same key WITHIN 10 seconds, 10,000 keys",
        pattern::pair,
    ),
    inline(
        "pattern",
        "send-pattern-pair",
        "the same with one send per row",
        pattern::send_pair,
    ),
    inline(
        "pattern",
        "pattern-loop-10k",
        "EVERY a -> b{3,} -> c of the same key with avg over b, 10,000 keys",
        pattern::collecting,
    ),
    inline(
        "pattern",
        "pattern-silence-100k",
        "EVERY a -> NOT b of the same key FOR 5 seconds, 100,000 runs wait",
        pattern::silence,
    ),
    inline(
        "pattern",
        "pattern-100-queries",
        "100 patterns over one stream, each with a key of its own, beside one",
        pattern::hundred,
    ),
    long(inline(
        "pattern",
        "pattern-growth",
        "EVERY a -> b of the same key with up to 1 M open runs",
        pattern::growth,
    )),
    inline(
        "nexmark",
        "nexmark-q2",
        "selection of auctions",
        nexmark::q2,
    ),
    inline(
        "nexmark",
        "nexmark-q3",
        "sellers of a category and three states",
        nexmark::q3,
    ),
    inline(
        "nexmark",
        "nexmark-q4",
        "average price for a category",
        nexmark::q4,
    ),
    inline(
        "nexmark",
        "nexmark-q5",
        "hot items: the auction with most bids, 10 s every 2 s",
        nexmark::q5,
    ),
    inline(
        "nexmark",
        "nexmark-q6",
        "average price of the last ten auctions of a seller",
        nexmark::q6,
    ),
    inline(
        "nexmark",
        "nexmark-q7",
        "highest bid of every 10 s",
        nexmark::q7,
    ),
    inline(
        "nexmark",
        "nexmark-q8",
        "who came and sold in the same 10 s",
        nexmark::q8,
    ),
    inline("nexmark", "nexmark-q9", "winning bids", nexmark::q9),
    inline(
        "nexmark",
        "nexmark-q10",
        "bids with their day and minute, with texts",
        nexmark::q10,
    ),
    inline(
        "nexmark",
        "nexmark-q11",
        "bids per session of a bidder",
        nexmark::q11,
    ),
    inline(
        "nexmark",
        "nexmark-q12",
        "bids per bidder in windows of 10 s",
        nexmark::q12,
    ),
    inline(
        "nexmark",
        "nexmark-q13",
        "bids with a table of 10,000 rows",
        nexmark::q13,
    ),
    inline(
        "nexmark",
        "nexmark-q14",
        "calculation, with texts",
        nexmark::q14,
    ),
    inline(
        "nexmark",
        "nexmark-q15",
        "statistics of each day",
        nexmark::q15,
    ),
    inline(
        "nexmark",
        "nexmark-q16",
        "statistics of each channel and day, with texts",
        nexmark::q16,
    ),
    inline(
        "nexmark",
        "nexmark-q17",
        "statistics of each auction and day",
        nexmark::q17,
    ),
    inline(
        "nexmark",
        "nexmark-q18",
        "last bid of each bidder on each auction",
        nexmark::q18,
    ),
    inline(
        "nexmark",
        "nexmark-q20",
        "bids with their auctions",
        nexmark::q20,
    ),
    inline(
        "nexmark",
        "nexmark-q21",
        "ids of channels, with texts",
        nexmark::q21,
    ),
    inline(
        "nexmark",
        "nexmark-q22",
        "directories of URLs, with texts",
        nexmark::q22,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-10k",
        "how long rows wait for a cut, 10 k of 1 M groups changed",
        checkpoint::pause_10k,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-100k",
        "the same, 100 k changed",
        checkpoint::pause_100k,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-1m",
        "the same, all changed",
        checkpoint::pause_1m,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-10x",
        "the same, 100 k of 10 M groups changed",
        checkpoint::pause_10x,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-table",
        "the same, 10 k of 1 M rows of a table and 10 k of 1 M groups changed, beside the groups alone",
        checkpoint::pause_table,
    ),
    threads(
        "checkpoint",
        "checkpoint-pause-runs",
        "the same, 10 k of 1 M groups changed, beside 1 M open runs of a pattern",
        checkpoint::pause_runs,
    ),
    threads(
        "checkpoint",
        "checkpoint-latency-inline",
        "how long each send takes while a checkpoint is under way",
        checkpoint::inline,
    ),
    threads(
        "checkpoint",
        "checkpoint-latency-sends",
        "single rows over a lane with a checkpoint each 100 ms, beside none",
        checkpoint::sends,
    ),
    threads(
        "checkpoint",
        "checkpoint-throughput-100k",
        "rows with a checkpoint per second beside none, 100 k of 1 M groups changed",
        checkpoint::throughput_100k,
    ),
    threads(
        "checkpoint",
        "checkpoint-throughput-1m",
        "the same, all changed",
        checkpoint::throughput_1m,
    ),
    inline(
        "checkpoint",
        "checkpoint-version-check",
        "what an update pays to be tracked, without any checkpoint",
        checkpoint::version_check,
    ),
    threads(
        "checkpoint",
        "checkpoint-full-none",
        "the first checkpoint of 1 M groups into memory, not compressed",
        checkpoint::none,
    ),
    threads(
        "checkpoint",
        "checkpoint-full-lz4",
        "the same with lz4",
        checkpoint::lz4,
    ),
    threads(
        "checkpoint",
        "checkpoint-full-zstd",
        "the same with zstd",
        checkpoint::zstd,
    ),
    threads(
        "checkpoint",
        "checkpoint-delta-bytes",
        "bytes of changes per checkpoint, 10 k of 1 M groups changed",
        checkpoint::delta_bytes,
    ),
    threads(
        "checkpoint",
        "checkpoint-base-bytes",
        "bytes captured whole per checkpoint while every part changes",
        checkpoint::base_bytes,
    ),
    threads(
        "checkpoint",
        "checkpoint-manifest-bytes",
        "bytes of a manifest with a full chain",
        checkpoint::manifest_bytes,
    ),
    threads(
        "checkpoint",
        "checkpoint-memory",
        "growth of memory while the store does not answer and all groups change",
        checkpoint::memory,
    ),
    threads(
        "checkpoint",
        "checkpoint-soak",
        "memory and chunks over a day of checkpoints",
        checkpoint::soak,
    ),
    long(threads(
        "checkpoint",
        "checkpoint-growth",
        "how the cost grows with state, changes and interval",
        checkpoint::growth,
    )),
    threads(
        "restore",
        "restore-file-1m",
        "1 M groups and a full chain of increments from files",
        checkpoint::file_1m,
    ),
    threads(
        "restore",
        "restore-file-1m-2to1",
        "the same, written by two workers, on one",
        checkpoint::file_1m_2to1,
    ),
    long(threads(
        "restore",
        "restore-file-10m",
        "10 M groups from files, written and restored by two workers",
        checkpoint::file_10m,
    )),
    threads(
        "restore",
        "restore-memory-1m",
        "the same from memory",
        checkpoint::memory_1m,
    ),
    threads(
        "redis",
        "redis-full-none",
        "the first checkpoint of 1 M groups into Redis, not compressed",
        redis::full,
    ),
    threads(
        "redis",
        "redis-recovery-1m",
        "1 M groups and a full chain of increments from Redis",
        redis::recovery,
    ),
    threads(
        "redis",
        "redis-commit-10k",
        "commit of an increment, 10 k of 1 M groups changed",
        redis::commit_10k,
    ),
    threads(
        "redis",
        "redis-backend-get",
        "one value of the state backend",
        redis::get,
    ),
    threads(
        "redis",
        "redis-backend-set",
        "one value into the state backend",
        redis::set,
    ),
    threads(
        "redis",
        "redis-backend-set-multi",
        "10,000 values into the state backend at once",
        redis::set_multi,
    ),
    threads(
        "redis",
        "redis-throughput",
        "rows with a checkpoint per second into Redis, which answers, is stopped, is gone",
        redis::throughput,
    ),
    threads(
        "redis",
        "redis-latency",
        "latency of rows at 1 M events/s meanwhile",
        redis::latency,
    ),
    threads(
        "redis",
        "redis-failover-cluster",
        "from the death of a cluster's primary to the next commit",
        redis::cluster,
    ),
    threads(
        "redis",
        "redis-failover-sentinel",
        "the same behind sentinels",
        redis::sentinel,
    ),
    threads(
        "redis",
        "redis-freeze-cluster",
        "from the moment that a cluster's primary freezes to the next commit",
        redis::cluster_frozen,
    ),
    threads(
        "redis",
        "redis-freeze-sentinel",
        "the same behind sentinels",
        redis::sentinel_frozen,
    ),
];

#[cfg(test)]
mod tests {
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
}
