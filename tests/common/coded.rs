//! Rows as columns whose strings are codes of a dictionary: they must give what plain ones give.

use eventflux::{Column, ColumnBatch, Dictionary, Schema, Timestamp, Type, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Codes texts; batches share a dictionary as long as it has all of theirs.
pub struct Coder {
    dictionary: Arc<Dictionary>,
    codes: HashMap<String, u32>,
}

impl Default for Coder {
    fn default() -> Self {
        Coder {
            dictionary: Dictionary::new([""; 0]).expect("no text stands twice"),
            codes: HashMap::new(),
        }
    }
}

impl Coder {
    /// Rows of a stream.
    pub fn columns(&mut self, schema: &Schema, rows: &[(Timestamp, &[Value])]) -> ColumnBatch {
        let types = schema.attributes().iter().map(|a| a.ty).enumerate();
        let columns = types.map(|(k, ty)| {
            let values = rows.iter().map(|(_, row)| &row[k]);
            if ty == Type::String {
                return self.column(&values.collect::<Vec<_>>());
            }
            let mut column = Column::new(ty);
            values.for_each(|value| assert!(column.push(value), "{value:?} is no {ty}"));
            column
        });
        let columns = columns.collect();
        let at = rows.iter().map(|(at, _)| *at).collect();
        let mut batch = ColumnBatch::new(schema);
        batch.set(at, columns).expect("columns of the stream");
        batch
    }

    fn column(&mut self, values: &[&Value]) -> Column {
        let known = self.codes.len();
        let codes = values.iter().map(|value| match value {
            Value::Null => Dictionary::NULL,
            value => {
                let next = self.codes.len() as u32;
                *self.codes.entry(value.to_string()).or_insert(next)
            }
        });
        let codes = codes.collect();
        if self.codes.len() > known {
            let mut texts = vec![""; self.codes.len()];
            self.codes
                .iter()
                .for_each(|(text, code)| texts[*code as usize] = text);
            self.dictionary = Dictionary::new(texts).expect("no text stands twice");
        }
        Column::from_codes(&self.dictionary, codes).expect("codes of the dictionary")
    }
}
