// EVERY a -> b of the same key within 10 seconds, by MATCH_RECOGNIZE of Flink SQL, beside the same by hand.
//
// The rows are those of `pattern-pair-10k` in kind: 256 rows of A, then 256 of B, with keys by chance of 10,000, ten
// rows each millisecond. They are made by the source of the job; matches are counted by its sink. Prints one line a pass:
// rows, matches, seconds. Fails where Flink finds another number of matches than the loop.

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

public class Pairs {
    static final LongAdder MATCHES = new LongAdder();
    static final long KEYS = 10_000;
    static final long WITHIN_MS = 10_000;

    static final String QUERY =
            "SELECT x, y FROM S MATCH_RECOGNIZE (PARTITION BY k ORDER BY rowtime"
                    + " MEASURES A.v AS x, B.v AS y ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW"
                    + " PATTERN (A X*? B) WITHIN INTERVAL '10' SECOND"
                    + " DEFINE A AS A.kind = 0, X AS X.kind = 0, B AS B.kind = 1)";

    static long key(long number) {
        long mixed = number * 0x9E3779B97F4A7C15L;
        mixed = (mixed ^ (mixed >>> 32)) * 0xD6E8FEB86659FD93L;
        return Long.remainderUnsigned(mixed ^ (mixed >>> 32), KEYS);
    }

    static int kind(long number) {
        return (int) (number / 256 % 2);
    }

    static long byHand(long rows) {
        HashMap<Long, ArrayDeque<Long>> open = new HashMap<>();
        long matches = 0;
        for (long number = 0; number < rows; number++) {
            ArrayDeque<Long> runs = open.computeIfAbsent(key(number), k -> new ArrayDeque<>());
            if (kind(number) == 0) {
                runs.add(number);
                continue;
            }
            for (long begun : runs) {
                // Flink's WITHIN ends before the time is over.
                matches += number / 10 - begun / 10 < WITHIN_MS ? 1 : 0;
            }
            runs.clear();
        }
        return matches;
    }

    static double seconds(long rows) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(1, new Configuration());
        env.getConfig().enableObjectReuse();
        StreamTableEnvironment tables = StreamTableEnvironment.create(env);
        DataStream<Row> source =
                env.fromSequence(0, rows - 1)
                        .map(n -> Row.of(key(n), n, kind(n), n / 10))
                        .returns(
                                Types.ROW_NAMED(
                                        new String[] {"k", "v", "kind", "ms"}, Types.LONG, Types.LONG, Types.INT, Types.LONG))
                        .assignTimestampsAndWatermarks(
                                WatermarkStrategy.<Row>forMonotonousTimestamps()
                                        .withTimestampAssigner((row, before) -> (Long) row.getField(3)));
        Schema schema =
                Schema.newBuilder()
                        .columnByMetadata("rowtime", DataTypes.TIMESTAMP_LTZ(3), "rowtime")
                        .watermark("rowtime", "SOURCE_WATERMARK()")
                        .build();
        tables.createTemporaryView("S", source, schema);
        tables.toDataStream(tables.sqlQuery(QUERY))
                .map(
                        row -> {
                            MATCHES.increment();
                            return row;
                        })
                .returns(Types.ROW(Types.LONG, Types.LONG))
                .sinkTo(new DiscardingSink<>());
        long begun = System.nanoTime();
        env.execute();
        return (System.nanoTime() - begun) / 1e9;
    }

    public static void main(String[] args) throws Exception {
        long rows = args.length > 0 ? Long.parseLong(args[0]) : 1_000_000;
        int passes = args.length > 1 ? Integer.parseInt(args[1]) : 3;
        long expected = byHand(rows);
        for (int pass = 0; pass < passes; pass++) {
            MATCHES.reset();
            double seconds = seconds(rows);
            long found = MATCHES.sum();
            System.out.printf("%d rows, %d matches, %.2f s, %.0f rows/s%n", rows, found, seconds, rows / seconds);
            if (found != expected) {
                System.err.printf("%d matches expected%n", expected);
                System.exit(1);
            }
        }
        System.exit(0);
    }
}
