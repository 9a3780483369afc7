#!/usr/bin/env bash
# Flink SQL: with the watermark declared as the time itself, one of two rows with equal times vanishes.
#
# With:    Flink 2.3.0 (the jars of the Python package apache-flink-libraries, 330 MB), Java 17; takes a few minutes.
# Expect:  `WATERMARK FOR ts AS ts` says "rows come in order", and rows in order are never late, equal times included.
# Happens: a watermark says that nothing at or *before* it will come. After a row of 2 s it stands at 2 s, and the next
#          row of 2 s is late: an OVER aggregate and MATCH_RECOGNIZE drop it without a message. A window by GROUP BY
#          keeps it, since only the end of a window counts there, so two queries over one table disagree. With
#          `ts - INTERVAL '0.001' SECOND` all rows are there. Between rows less than 200 ms apart a watermark comes only
#          with the clock (pipeline.auto-watermark-interval), so a small dense test file hides the fault.
# Matters: it is the shortest declaration and the first one tried; feeds in milliseconds or seconds lose rows, most when
#          they are quiet.
# Do:      declare `ts - INTERVAL '0.001' SECOND` (the smallest step of the column) even for sorted input.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps --only-binary :all: apache-flink-libraries==2.3.0
jars=$(echo "$work"/venv/lib/python3*/site-packages/pyflink/lib)
printf 'rootLogger.level = OFF\n' >"$work/log4j2.properties"
cat >"$work/Finding.java" <<'EOF'
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

public class Finding {
    static final String OVER = "SELECT v, SUM(v) OVER (ORDER BY ts ROWS UNBOUNDED PRECEDING) FROM s";
    static final String GROUP = "SELECT SUM(v) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
            + " GROUP BY window_start, window_end";
    static final String MATCH = "SELECT * FROM s MATCH_RECOGNIZE (ORDER BY ts MEASURES A.v AS v"
            + " ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A) DEFINE A AS v > 0)";

    static void run(String label, String watermark, String sql) throws Exception {
        var env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        var tables = StreamTableEnvironment.create(env);
        var rows = env.fromData(Types.ROW_NAMED(new String[] {"ms", "v"}, Types.LONG, Types.INT),
                Row.of(1000L, 1), Row.of(2000L, 2), Row.of(2000L, 4), Row.of(3000L, 8));
        tables.createTemporaryView("s", rows, Schema.newBuilder().column("ms", "BIGINT").column("v", "INT")
                .columnByExpression("ts", "TO_TIMESTAMP_LTZ(ms, 3)").watermark("ts", watermark).build());
        List<String> seen = new ArrayList<>();
        try (var answer = tables.executeSql(sql).collect()) {
            answer.forEachRemaining(row -> seen.add(row.toString()));
        }
        System.out.println(label + ": " + seen);
    }

    public static void main(String[] args) throws Exception {
        run("OVER, ts", "ts", OVER);
        run("MATCH_RECOGNIZE, ts", "ts", MATCH);
        run("GROUP BY, ts", "ts", GROUP);
        run("OVER, ts - 1 ms", "ts - INTERVAL '0.001' SECOND", OVER);
        run("MATCH_RECOGNIZE, ts - 1 ms", "ts - INTERVAL '0.001' SECOND", MATCH);
    }
}
EOF
javac -cp "$jars/*" -d "$work" "$work/Finding.java"
seen=$(java -Dlog4j2.configurationFile="$work/log4j2.properties" -cp "$work:$jars/*" Finding 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
wanted='OVER, ts: [+I[1, 1], +I[2, 3], +I[8, 11]]
MATCH_RECOGNIZE, ts: [+I[1], +I[2], +I[8]]
GROUP BY, ts: [+I[15]]
OVER, ts - 1 ms: [+I[1, 1], +I[2, 3], +I[4, 7], +I[8, 15]]
MATCH_RECOGNIZE, ts - 1 ms: [+I[1], +I[2], +I[4], +I[8]]'
printf 'rows 1, 2, 4, 8 at 1 s, 2 s, 2 s, 3 s (v, then the running sum):\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
