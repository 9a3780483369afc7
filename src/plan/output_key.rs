//! Where the key of a keyed component is to be found in the streams that it writes.

use super::{Plan, Routing};

/// How the rows of a stream are put into key groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputKey {
    /// One worker writes them all: they are in group 0.
    Whole,
    /// By the key in these columns.
    Columns(Vec<usize>),
    /// The key does not come out; why, and what to do.
    Lost(String),
}

/// How the rows of a stream that queries write are put into key groups.
pub(crate) fn output_key(plan: &Plan, stream: usize) -> OutputKey {
    let Some(component) = plan.writer_of(stream) else {
        return OutputKey::Whole;
    };
    let component = &plan.components[component];
    let Routing::Keyed { entries, lineage } = &component.routing else {
        return OutputKey::Whole;
    };
    if let Some(columns) = lineage.stream(stream) {
        return OutputKey::Columns(columns);
    }
    let keys: Vec<String> = entries.iter().map(|e| e.text(&plan.streams)).collect();
    let names = entries[0].names(&plan.streams);
    OutputKey::Lost(format!(
        "they are counted per key, and the key {} is not among the columns; \
         select ({names}) as they are in every query that writes the stream",
        keys.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Catalogue, plan};
    use crate::sql::parse;

    fn key(queries: &str, stream: &str) -> OutputKey {
        let text = format!("CREATE STREAM A (sym STRING, seat INT, x DOUBLE); {queries}");
        let (app, unread) = parse(&text);
        let plan = plan(&text, &app, &Catalogue::default(), unread).unwrap();
        output_key(&plan, plan.stream(stream).unwrap())
    }

    #[test]
    fn a_stream_of_one_worker_is_one_group() {
        let sums = "INSERT INTO S SELECT sym, sum(x) AS t FROM A WINDOW('length', 3) GROUP BY sym;";
        assert_eq!(key(sums, "S"), OutputKey::Whole);
        assert_eq!(key(sums, "A"), OutputKey::Whole);
    }

    #[test]
    fn the_key_is_traced_through_a_chain() {
        let chain = "INSERT INTO B SELECT x + 1.0 AS y, seat AS s, sym AS name FROM A;
                     INSERT INTO C SELECT sum(y) AS t, name, name AS again, s FROM B GROUP BY s, name;";
        let columns = |c: &[usize]| OutputKey::Columns(c.to_vec());
        assert_eq!(key(chain, "B"), columns(&[2, 1]));
        assert_eq!(key(chain, "C"), columns(&[1, 3]));
    }

    #[test]
    fn a_lost_key_is_named_with_what_to_do() {
        let lost = "INSERT INTO S SELECT upper(sym) AS u, sum(x) AS t FROM A GROUP BY sym;";
        let OutputKey::Lost(why) = key(lost, "S") else {
            panic!("the key is not carried");
        };
        assert!(
            why.contains("A.(sym)") && why.contains("select (sym)"),
            "{why}"
        );
    }

    #[test]
    fn writers_of_one_stream_carry_the_key_in_the_same_column() {
        let same = "INSERT INTO B SELECT sym, x FROM A; INSERT INTO B SELECT sym, 0.0 - x FROM A;
                    INSERT INTO S SELECT sym, sum(x) AS t FROM B GROUP BY sym;";
        assert_eq!(key(same, "B"), OutputKey::Columns(vec![0]));
        assert_eq!(key(same, "S"), OutputKey::Columns(vec![0]));
    }
}
