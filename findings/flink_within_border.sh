#!/usr/bin/env bash
# "Within 10 seconds" of Flink SQL has two borders: an interval join takes the row at exactly 10 s, WITHIN does not.
#
# With:    Flink 2.3.0 (the jars of the Python package apache-flink-libraries, 330 MB), Java 17; takes a few minutes.
# Expect:  `MATCH_RECOGNIZE (… PATTERN (A B) WITHIN INTERVAL '10' SECOND …)` and a join with
#          `b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND` agree on b that comes 10.000 s after a.
# Happens: the join pairs them, WITHIN throws the run away; at 9.999 s both find it. No error, no counter.
# Matters: rows on a grid, such as one reading each second or minute bars, often lie exactly on the border: a rule that
#          is moved from a join to a pattern, or from Siddhi, whose `within` takes the border in, loses these.
# Do:      write WITHIN a millisecond longer than is meant.
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
    static final String PATTERN =
            "SELECT y FROM s MATCH_RECOGNIZE (ORDER BY ts MEASURES B.ms AS y ONE ROW PER MATCH"
                    + " PATTERN (A B) WITHIN INTERVAL '10' SECOND DEFINE A AS k = 'a', B AS k = 'b')";
    static final String JOIN =
            "SELECT b.ms FROM s AS a JOIN s AS b ON a.k = 'a' AND b.k = 'b' AND a.g = b.g"
                    + " AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND";

    static List<String> answer(String query, long second) throws Exception {
        var env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        var tables = StreamTableEnvironment.create(env);
        var types = Types.ROW_NAMED(new String[] {"ms", "k", "g"}, Types.LONG, Types.STRING, Types.INT);
        var rows = env.fromData(types, Row.of(1000L, "a", 1), Row.of(second, "b", 1), Row.of(90_000L, "z", 1));
        tables.createTemporaryView("s", rows, Schema.newBuilder().column("ms", "BIGINT").column("k", "STRING")
                .column("g", "INT").columnByExpression("ts", "TO_TIMESTAMP_LTZ(ms, 3)")
                .watermark("ts", "ts - INTERVAL '0.001' SECOND").build());
        List<String> seen = new ArrayList<>();
        try (var found = tables.executeSql(query).collect()) {
            found.forEachRemaining(row -> seen.add(row.toString()));
        }
        return seen;
    }

    public static void main(String[] args) throws Exception {
        for (long second : new long[] {10_999, 11_000, 11_001}) {
            System.out.printf("b after %d ms: WITHIN %s, BETWEEN %s%n",
                    second - 1000, answer(PATTERN, second), answer(JOIN, second));
        }
    }
}
EOF
javac -cp "$jars/*" -d "$work" "$work/Finding.java"
seen=$(java -Dlog4j2.configurationFile="$work/log4j2.properties" -cp "$work:$jars/*" Finding 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
wanted="b after 9999 ms: WITHIN [+I[10999]], BETWEEN [+I[10999]]
b after 10000 ms: WITHIN [], BETWEEN [+I[11000]]
b after 10001 ms: WITHIN [], BETWEEN []"
printf '%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
