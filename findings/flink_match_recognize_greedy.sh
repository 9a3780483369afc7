#!/usr/bin/env bash
# Flink's MATCH_RECOGNIZE does not give back what a greedy quantifier took: A B* C never matches when B fits everything.
#
# With:    Flink 2.3.0 (the jars of the Python package apache-flink-libraries, 330 MB), Java 17; takes a few minutes.
# Expect:  `PATTERN (A B* C)` with B left undefined, which by the standard fits every row, is "A, then anything, then
#          C", as `a.*c` is for a regular expression: greedy takes the longest run that still lets the rest match.
# Happens: a row that fits B goes to B, also when it fits C and nothing else could end the match: rows a, b, c, d give
#          no match and no error, with B+ likewise. The reluctant `B*?` finds a, c; so does a greedy B* that is defined
#          as "not c", and so does `PATTERN (A B C)`.
# Matters: patterns that are moved from Oracle, Snowflake or Trino, or written as one writes a regular expression,
#          compile, run and stay silent: nobody misses an alarm that has never rung.
# Do:      make the variable before the end exclude what ends it (DEFINE B AS NOT ends), or write it reluctant.
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
    static void run(String pattern, String define) throws Exception {
        var env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        var tables = StreamTableEnvironment.create(env);
        var rows = env.fromData(Types.ROW_NAMED(new String[] {"ms", "k"}, Types.LONG, Types.STRING),
                Row.of(1000L, "a"), Row.of(2000L, "b"), Row.of(3000L, "c"), Row.of(4000L, "d"));
        tables.createTemporaryView("s", rows, Schema.newBuilder().column("ms", "BIGINT").column("k", "STRING")
                .columnByExpression("ts", "TO_TIMESTAMP_LTZ(ms, 3)")
                .watermark("ts", "ts - INTERVAL '0.001' SECOND").build());
        List<String> seen = new ArrayList<>();
        try (var answer = tables.executeSql("SELECT * FROM s MATCH_RECOGNIZE (ORDER BY ts"
                + " MEASURES A.k AS a, C.k AS c ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW"
                + " PATTERN (" + pattern + ") DEFINE A AS k = 'a', C AS k = 'c'" + define + ")").collect()) {
            answer.forEachRemaining(row -> seen.add(row.toString()));
        }
        System.out.println(pattern + define + ": " + seen);
    }

    public static void main(String[] args) throws Exception {
        run("A B C", "");
        run("A B* C", "");
        run("A B+ C", "");
        run("A B*? C", "");
        run("A B* C", ", B AS k <> 'c'");
    }
}
EOF
javac -cp "$jars/*" -d "$work" "$work/Finding.java"
seen=$(java -Dlog4j2.configurationFile="$work/log4j2.properties" -cp "$work:$jars/*" Finding 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
wanted="A B C: [+I[a, c]]
A B* C: []
A B+ C: []
A B*? C: [+I[a, c]]
A B* C, B AS k <> 'c': [+I[a, c]]"
printf 'rows a, b, c, d:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
