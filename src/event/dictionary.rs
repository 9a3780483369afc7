//! Texts as numbers: a column of strings may hold, for each row, the place of its text in a dictionary.
//!
//! Why: where texts repeat, a row is four bytes and not 24, and whoever groups by them looks each text up once, and not
//! each row.
//! How: the codes stand in a column in place of its values. Whoever knows codes works on them; whoever asks for values
//! gets them decoded, once per column. That a column is coded is no part of what it says: it equals one with the same
//! texts, and nothing that a query answers depends on it.

use super::column::Data;
use super::value::Str;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Texts in a dictionary. Whoever groups by its codes remembers 8 bytes for each.
const DICTIONARY_TEXTS_MAX: usize = 1 << 24;

/// Different texts, each with a code: its place.
///
/// It is made once and shared: columns that come with the same `Arc`, batch after batch, are known by their codes. One
/// that grows is another one.
///
/// ```
/// use eventflux::{Column, ColumnBatch, Data, Dictionary, EventFluxManager, Timestamp};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = "CREATE STREAM Trades (symbol STRING, price DOUBLE);
///     INSERT INTO Totals SELECT symbol, sum(price) AS total FROM Trades GROUP BY symbol;";
/// let runtime = EventFluxManager::new().create_with(app, Default::default())?;
/// let totals = runtime.subscribe("Totals")?;
/// runtime.start()?;
///
/// let symbols = Dictionary::new(["IBM", "SAP"])?;
/// let mut trades = ColumnBatch::new(&runtime.schema("Trades").ok_or("no such stream")?);
/// let mut input = runtime.input()?;
/// for codes in [vec![0, 1], vec![1, Dictionary::NULL]] {
///     let columns = vec![
///         Column::from_codes(&symbols, codes)?,
///         Column::from_data(Data::Double(vec![1.0, 2.0])),
///     ];
///     trades.set(vec![Timestamp::from_millis(0); 2], columns)?;
///     input.send_columns("Trades", &mut trades)?;
/// }
/// runtime.shutdown()?;
/// let batches = std::iter::from_fn(|| totals.try_recv()).collect::<Vec<_>>();
/// let rows = batches.iter().flat_map(|batch| batch.typed::<(Option<String>, f64)>());
/// let rows = rows.collect::<Result<Vec<_>, _>>()?;
/// let sap = || Some("SAP".to_string());
/// assert_eq!(rows, [(Some("IBM".to_string()), 1.0), (sap(), 2.0), (sap(), 3.0), (None, 2.0)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Dictionary {
    texts: Box<[Str]>,
}

impl Dictionary {
    /// The code of NULL.
    pub const NULL: u32 = u32::MAX;

    /// A dictionary of these texts, with the codes 0, 1, 2, ….
    ///
    /// Errors: a text stands twice, or they are more than 16,777,216. Cost: each text is hashed once.
    pub fn new(
        texts: impl IntoIterator<Item = impl Into<Str>>,
    ) -> Result<Arc<Self>, DictionaryError> {
        let texts: Box<[Str]> = texts.into_iter().map(Into::into).collect();
        if texts.len() > DICTIONARY_TEXTS_MAX {
            return Err(DictionaryError::TooLarge { texts: texts.len() });
        }
        let mut codes = HashMap::with_capacity(texts.len());
        for (code, text) in texts.iter().enumerate() {
            if let Some(first) = codes.insert(text.as_str(), code) {
                return Err(DictionaryError::Twice {
                    text: text.clone(),
                    first: first as u32,
                    second: code as u32,
                });
            }
        }
        drop(codes);
        Ok(Arc::new(Dictionary { texts }))
    }

    /// The texts, by code.
    #[inline]
    pub fn texts(&self) -> &[Str] {
        &self.texts
    }

    /// The text of a code; `None` for [`Dictionary::NULL`] and for codes that it does not have.
    #[inline]
    pub fn text(&self, code: u32) -> Option<&Str> {
        self.texts.get(code as usize)
    }

    /// The text of a code; that of NULL is empty, as in a column without codes.
    #[inline]
    pub(super) fn text_or_empty(&self, code: u32) -> &Str {
        static EMPTY: Str = Str::EMPTY;
        self.text(code).unwrap_or(&EMPTY)
    }

    fn texts_of(&self, codes: &[u32]) -> impl ExactSizeIterator<Item = Str> {
        codes.iter().map(|code| self.text_or_empty(*code).clone())
    }
}

/// Why texts are no dictionary, or numbers no codes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DictionaryError {
    /// A text stands twice in the dictionary.
    Twice {
        /// The text.
        text: Str,
        /// Its first code.
        first: u32,
        /// Its second code.
        second: u32,
    },
    /// The dictionary has more texts than 16,777,216.
    TooLarge {
        /// So many.
        texts: usize,
    },
    /// A code is none of the dictionary's.
    Code {
        /// The first row that has one, from 0.
        row: usize,
        /// The code.
        code: u32,
        /// How many texts the dictionary has.
        texts: usize,
    },
}

impl fmt::Display for DictionaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DictionaryError::Twice {
                text,
                first,
                second,
            } => {
                let shown: String = text.chars().take(40).collect();
                write!(
                    f,
                    "{shown:?} has the codes {first} and {second}; give each text one code"
                )
            }
            DictionaryError::TooLarge { texts } => write!(
                f,
                "a dictionary of {texts} texts; at most {DICTIONARY_TEXTS_MAX}, send more as plain strings"
            ),
            DictionaryError::Code { row, code, texts } => write!(
                f,
                "row {row} has the code {code}, and the dictionary has {texts} texts; \
                 a code is a text's place from 0, or Dictionary::NULL"
            ),
        }
    }
}

impl std::error::Error for DictionaryError {}

/// Codes that stand in a column in place of texts, or their memory, to be used again.
#[derive(Debug, Default)]
pub(super) struct Coded {
    /// Absent where the column holds its texts itself.
    dictionary: Option<Arc<Dictionary>>,
    /// One per row.
    codes: Vec<u32>,
    /// The texts, as soon as anybody asked for them.
    decoded: OnceLock<Data>,
}

/// A copy has the codes; it decodes them itself when it is asked.
impl Clone for Coded {
    fn clone(&self) -> Self {
        Coded {
            dictionary: self.dictionary.clone(),
            codes: self.codes.clone(),
            decoded: OnceLock::new(),
        }
    }
}

impl Coded {
    /// Codes, each of which is one of the dictionary's or NULL; and which of them are not NULL, unless all are.
    pub(super) fn new(
        dictionary: &Arc<Dictionary>,
        codes: Vec<u32>,
    ) -> Result<(Self, Vec<bool>), DictionaryError> {
        let texts = dictionary.texts.len();
        let is_code = |code: &u32| (*code as usize) < texts;
        let is_wrong = |code: &u32| !is_code(code) && *code != Dictionary::NULL;
        // Without a branch per row; the row is looked for when there is one.
        if codes.iter().fold(false, |any, code| any | is_wrong(code))
            && let Some(row) = codes.iter().position(is_wrong)
        {
            let code = codes[row];
            return Err(DictionaryError::Code { row, code, texts });
        }
        let mut valid = Vec::new();
        if codes.iter().fold(false, |any, code| any | !is_code(code)) {
            valid.extend(codes.iter().map(is_code));
        }
        let coded = Coded {
            dictionary: Some(Arc::clone(dictionary)),
            codes,
            decoded: OnceLock::new(),
        };
        Ok((coded, valid))
    }

    /// Dictionary and codes, where the column has codes.
    #[inline]
    pub(super) fn codes(&self) -> Option<(&Arc<Dictionary>, &[u32])> {
        Some((self.dictionary.as_ref()?, &self.codes))
    }

    /// The texts of all rows, where the column has codes.
    #[inline]
    pub(super) fn data(&self) -> Option<&Data> {
        let dictionary = self.dictionary.as_ref()?;
        let decode = || Data::String(dictionary.texts_of(&self.codes).collect());
        Some(self.decoded.get_or_init(decode))
    }

    /// Begins to hold codes of a dictionary; there are none so far.
    pub(super) fn begin(&mut self, dictionary: &Arc<Dictionary>) {
        debug_assert!(self.codes.is_empty(), "codes of one dictionary");
        self.dictionary = Some(Arc::clone(dictionary));
    }

    /// The codes, to be appended to, where they are those of this dictionary and nobody has asked for texts yet: a
    /// column that is read and appended to by turns would be decoded anew each time.
    pub(super) fn codes_of(&mut self, dictionary: &Arc<Dictionary>) -> Option<&mut Vec<u32>> {
        let own = self.dictionary.as_ref()?;
        let fits = Arc::ptr_eq(own, dictionary) && self.decoded.get().is_none();
        fits.then_some(&mut self.codes)
    }

    /// Holds no codes any more, and keeps their memory; leaves the texts of all rows in `data` where it held any.
    pub(super) fn leave_texts(&mut self, data: &mut Data) {
        let Some(dictionary) = self.dictionary.take() else {
            return;
        };
        match (self.decoded.take(), data) {
            (Some(decoded), data) => *data = decoded,
            (None, Data::String(to)) => to.extend(dictionary.texts_of(&self.codes)),
            (None, data) => unreachable!("codes in a column of type {}", data.type_of()),
        }
        self.codes.clear();
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.dictionary = None;
        self.codes.clear();
        self.decoded.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Column, Type, Value};

    fn dictionary() -> Arc<Dictionary> {
        Dictionary::new(["a", "", "a text of more than 23 bytes"]).expect("different texts")
    }

    fn plain(values: &[Value]) -> Column {
        let mut column = Column::new(Type::String);
        values.iter().for_each(|value| assert!(column.push(value)));
        column
    }

    const CODES: [u32; 6] = [2, 0, Dictionary::NULL, 1, 0, 2];

    fn coded() -> Column {
        Column::from_codes(&dictionary(), CODES.to_vec()).expect("codes of it")
    }

    fn values() -> Vec<Value> {
        let long = Value::from("a text of more than 23 bytes");
        let (a, empty) = (Value::from("a"), Value::from(""));
        vec![long.clone(), a.clone(), Value::Null, empty, a, long]
    }

    #[test]
    fn what_is_no_dictionary_and_no_code_is_told() {
        let twice = Dictionary::new(["a", "b", "a"]).map(|_| ()).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "\"a\" has the codes 0 and 2; give each text one code"
        );
        for code in [3, 4, u32::MAX - 1] {
            let wrong = Column::from_codes(&dictionary(), vec![0, Dictionary::NULL, code, 7]);
            let told = DictionaryError::Code {
                row: 2,
                code,
                texts: 3,
            };
            assert_eq!(wrong, Err(told));
        }
        let empty = Dictionary::new(Vec::<Str>::new()).expect("a dictionary without texts");
        assert!(Column::from_codes(&empty, vec![0]).is_err());
        assert!(Column::from_codes(&empty, vec![Dictionary::NULL]).is_ok());
    }

    #[test]
    fn a_coded_column_says_what_a_plain_one_says() {
        let (coded, plain) = (coded(), plain(&values()));
        assert_eq!((coded.len(), coded.type_of()), (6, Type::String));
        let read: Vec<Value> = (0..6).map(|row| coded.value(row)).collect();
        assert_eq!(read, values());
        assert_eq!(coded.valid(), plain.valid());
        let codes = coded.codes().expect("codes");
        assert_eq!((codes.1, codes.0.texts().len()), (&CODES[..], 3));
        assert_eq!(coded, plain);
        assert_eq!(coded.data(), plain.data());
        assert_ne!(coded, Column::new(Type::String));
        assert!(plain.codes().is_none());
    }

    /// Whatever is done to a coded column, or with one, is what is done to a plain one.
    #[test]
    fn coded_columns_change_as_plain_ones() {
        type Change = fn(&mut Column, &Column);
        let changes: [(&str, Change); 17] = [
            ("push", |to, _| assert!(to.push(&Value::from("new")))),
            ("push_null", |to, _| to.push_null()),
            ("push_from", |to, from| to.push_from(from, 5)),
            ("push_from null", |to, from| to.push_from(from, 2)),
            ("extend_range", |to, from| to.extend_range(from, 1..4)),
            ("extend_rows", |to, from| to.extend_rows(from, &[5, 2, 0])),
            ("extend_or_null", |to, from| {
                to.extend_or_null(from, &[1, u32::MAX]);
            }),
            ("extend_value", |to, _| to.extend_value(&Value::Null, 2)),
            ("extend_pairs", |to, from| {
                to.extend_pairs(from, 0..2, from, 2..4);
            }),
            ("carry_range", |to, from| to.carry_range(from, 1..5)),
            ("carry_rows", |to, from| to.carry_rows(from, &[0, 2, 4])),
            ("set_from", |to, from| to.set_from(3, from, 2)),
            ("copy_range", |to, from| to.copy_range(2, from, 0..3)),
            ("scatter", |to, from| {
                to.scatter(&[4, 0], from, Some(&[5, 3]))
            }),
            ("copy_within", |to, _| to.copy_within(0, 3)),
            ("forget", |to, _| to.forget(0)),
            ("truncate", |to, _| to.truncate(2)),
        ];
        for (name, change) in changes {
            let mut want = plain(&values());
            change(&mut want, &plain(&values()));
            let sources = [coded(), plain(&values())];
            for (to, from) in [(0, 0), (0, 1), (1, 0)] {
                for asked in [false, true] {
                    let (mut to, from) = (sources[to].clone(), &sources[from]);
                    if asked {
                        to.data();
                    }
                    change(&mut to, from);
                    assert_eq!(to, want, "{name}, asked for its texts before: {asked}");
                    assert_eq!(to.len(), want.len(), "{name}");
                    to.clear();
                    assert!(to.is_empty() && to.codes().is_none(), "{name}");
                    assert!(to.push(&Value::from("after")), "{name}");
                    assert_eq!(to, plain(&[Value::from("after")]), "{name}");
                }
            }
        }
    }

    #[test]
    fn codes_are_carried_as_long_as_they_are_those_of_one_dictionary() {
        let shared = dictionary();
        let part = |codes: &[u32]| Column::from_codes(&shared, codes.to_vec()).expect("codes");
        let mut to = Column::new(Type::String);
        to.carry_range(&part(&[0, 1]), 0..2);
        to.carry_rows(&part(&[2, Dictionary::NULL]), &[1, 0]);
        to.carry_range(&part(&[1]), 0..1);
        let codes: Vec<u32> = to.codes().expect("codes").1.to_vec();
        assert_eq!(codes, [0, 1, Dictionary::NULL, 2, 1]);
        assert_eq!(to.valid(), [true, true, false, true, true]);
        let other = coded();
        to.carry_range(&other, 0..1);
        assert!(to.codes().is_none());
        assert_eq!(to.value(5), other.value(0));
        assert_eq!((to.len(), to.value(2)), (6, Value::Null));
    }
}
