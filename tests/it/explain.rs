//! What `explain` tells of joins and tables.

use crate::app::Setup;
use eventflux::EventFluxManager;

#[test]
fn joins_and_tables_are_explained() {
    let app = "CREATE STREAM S (k INT, v INT); CREATE TABLE T (k INT PRIMARY KEY, v INT);
        UPSERT INTO T SELECT k, v FROM S ON T.k = S.k;
        DELETE FROM T USING S WHERE T.k = S.k AND T.v > S.v;
        INSERT INTO Out SELECT a.k FROM S WINDOW('length', 2) AS a LEFT JOIN S WINDOW('length', 2) AS b ON a.v < b.v
        JOIN T ON a.k = T.k ASOF JOIN S AS c ON a.k = c.k AND a.v = c.v;";
    let config = Setup::INLINE.config();
    let runtime = EventFluxManager::new().create_with(app, config);
    let text = runtime.expect("the app is right").explain();
    for line in [
        "  table T: primary key of 1 columns, 0 indexes, at most 100000000 rows: state rows\n",
        "    upsert into table T: by its primary key\n",
        "    delete from table T: by its primary key, then 1 conditions\n",
        "    left join of S with S: both sides trigger\n      all rows of the other side are tried, then 1 conditions\n",
        "    join of what was joined with T: the left side triggers\n      look up in table T: by its primary key\n",
        "    asof join of what was joined with S: the left side triggers\n      hash index on 2 keys\n",
        "      side S holds the latest row of each key: state rows\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
