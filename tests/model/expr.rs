//! Expressions of a random app: typed when made, printed as SQL.
//!
//! Literals carry the type that their context gives them, so the oracle needs no type inference. The generator places
//! a literal only where the design pages settle its type.

use super::app::Call;
use super::app::pattern::Nth;
use eventflux::event::{Type, Value};
use std::fmt::Write;

/// An expression with its static type.
#[derive(Clone, Debug)]
pub struct Expr {
    pub ty: Type,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Abs,
    Floor,
    Ceil,
    Round,
    Trunc,
    Sign,
    Upper,
    Lower,
    Length,
    Concat,
    Reverse,
    Coalesce,
    IfThenElse,
    NullIf,
    Maximum,
    Minimum,
    WindowStart,
    WindowEnd,
    EventTimestamp,
}

impl Function {
    pub fn name(self) -> &'static str {
        match self {
            Function::Abs => "abs",
            Function::Floor => "floor",
            Function::Ceil => "ceil",
            Function::Round => "round",
            Function::Trunc => "trunc",
            Function::Sign => "sign",
            Function::Upper => "upper",
            Function::Lower => "LOWER",
            Function::Length => "length",
            Function::Concat => "concat",
            Function::Reverse => "reverse",
            Function::Coalesce => "COALESCE",
            Function::IfThenElse => "ifThenElse",
            Function::NullIf => "nullif",
            Function::Maximum => "maximum",
            Function::Minimum => "minimum",
            Function::WindowStart => "window_start",
            Function::WindowEnd => "window_end",
            Function::EventTimestamp => "eventTimestamp",
        }
    }
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Attribute of the query's sources.
    Column(usize),
    /// Attribute of a table, in a condition that is asked for each of its rows.
    TableColumn(usize, usize),
    /// Output attribute of the query, by its alias: in HAVING and ORDER BY.
    Output(usize),
    /// Result of the query's aggregate call of this number.
    Aggregate(usize),
    Literal(Value),
    Minus(Box<Expr>),
    Not(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>, bool),
    /// Whether it holds for some row of a table.
    InTable(Box<Expr>, usize, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    Like(Box<Expr>, String, bool),
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast(Box<Expr>),
    Call(Function, Vec<Expr>),
    /// `eventTimestamp(a)`, by the number of the source.
    TimeOf(usize),
    /// Attribute of one of the rows of a counted term: term, attribute, row.
    Nth(usize, usize, Nth),
    /// An aggregate over the rows of a counted term, whose columns are those of the term alone.
    Over(usize, Box<Call>),
    /// Whether a term has matched no row.
    NoRow(usize, bool),
}

/// Names that a query's expressions are printed with.
#[derive(Clone, Default)]
pub struct Names {
    pub columns: Vec<String>,
    pub outputs: Vec<String>,
    pub aggregates: Vec<String>,
    pub sources: Vec<String>,
    /// The attributes of each table.
    pub tables: Vec<Vec<String>>,
    /// The attributes of each source, without a name before them.
    pub terms: Vec<Vec<String>>,
}

impl Names {
    /// Inside an aggregate over a counted term.
    fn over(&self, term: usize) -> Names {
        let name = |attribute| format!("{}.{attribute}", self.sources[term]);
        Names {
            columns: self.terms[term].iter().map(name).collect(),
            ..Names::default()
        }
    }
}

impl Expr {
    pub fn new(ty: Type, kind: Kind) -> Self {
        Expr { ty, kind }
    }

    pub fn boolean(kind: Kind) -> Self {
        Expr::new(Type::Bool, kind)
    }

    /// The expressions directly inside.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Column(_)
            | Kind::TableColumn(..)
            | Kind::Output(_)
            | Kind::Aggregate(_)
            | Kind::Literal(_)
            | Kind::TimeOf(_)
            | Kind::Nth(..)
            | Kind::Over(..)
            | Kind::NoRow(..) => Vec::new(),
            Kind::Minus(x)
            | Kind::Not(x)
            | Kind::IsNull(x, _)
            | Kind::InTable(x, ..)
            | Kind::Like(x, ..)
            | Kind::Cast(x) => vec![x],
            Kind::Binary(_, x, y) => vec![x, y],
            Kind::Between(x, y, z, _) => vec![x, y, z],
            Kind::In(x, list, _) => std::iter::once(&**x).chain(list).collect(),
            Kind::Call(_, args) => args.iter().collect(),
            Kind::Case {
                operand,
                branches,
                otherwise,
            } => {
                let pairs = branches.iter().flat_map(|(when, then)| [when, then]);
                operand
                    .as_deref()
                    .into_iter()
                    .chain(pairs)
                    .chain(otherwise.as_deref())
                    .collect()
            }
        }
    }

    /// Whether it or something inside satisfies a test.
    pub fn any(&self, test: &dyn Fn(&Kind) -> bool) -> bool {
        test(&self.kind) || self.children().iter().any(|c| c.any(test))
    }

    /// Whether it is the same in every row, which GROUP BY and ORDER BY refuse.
    pub fn is_constant(&self) -> bool {
        use Function::{EventTimestamp, WindowEnd, WindowStart};
        !self.any(&|k| match k {
            Kind::Column(_) | Kind::Output(_) | Kind::Aggregate(_) => true,
            Kind::InTable(..) | Kind::TimeOf(_) => true,
            Kind::Nth(..) | Kind::Over(..) | Kind::NoRow(..) => true,
            Kind::Call(f, _) => matches!(f, EventTimestamp | WindowStart | WindowEnd),
            _ => false,
        })
    }

    pub fn has_aggregate(&self) -> bool {
        self.any(&|k| matches!(k, Kind::Aggregate(_)))
    }

    pub fn sql(&self, names: &Names) -> String {
        let p = |e: &Expr| e.sql(names);
        let list = |of: &[Expr]| of.iter().map(p).collect::<Vec<_>>().join(", ");
        let not = |n: &bool| if *n { "NOT " } else { "" };
        match &self.kind {
            Kind::Column(i) => names.columns[*i].clone(),
            Kind::TableColumn(table, i) => names.tables[*table][*i].clone(),
            Kind::Output(i) => names.outputs[*i].clone(),
            Kind::Aggregate(i) => names.aggregates[*i].clone(),
            Kind::Literal(v) => literal(v),
            Kind::Minus(x) => format!("(- {})", p(x)),
            Kind::Not(x) => format!("(NOT {})", p(x)),
            Kind::Binary(op, x, y) => format!("({} {} {})", p(x), sign(*op), p(y)),
            Kind::IsNull(x, negated) => format!("({} IS {}NULL)", p(x), not(negated)),
            Kind::In(x, of, negated) => format!("({} {}IN ({}))", p(x), not(negated), list(of)),
            Kind::InTable(x, table, negated) => {
                let (table, _) = names.tables[*table][0]
                    .split_once('.')
                    .expect("a table's attribute has its name before it");
                let condition = p(x);
                match condition.starts_with('(') {
                    true => format!("({condition} {}IN {table})", not(negated)),
                    false => format!("(({condition}) {}IN {table})", not(negated)),
                }
            }
            Kind::Nth(term, attribute, nth) => {
                let (name, attribute) = (&names.sources[*term], &names.terms[*term][*attribute]);
                match nth {
                    Nth::First(n) => format!("{name}[{n}].{attribute}"),
                    Nth::Last(0) => format!("{name}[last].{attribute}"),
                    Nth::Last(n) => format!("{name}[last-{n}].{attribute}"),
                }
            }
            Kind::Over(term, call) => call.sql(&names.over(*term)),
            Kind::NoRow(term, negated) => {
                format!("({} IS {}NULL)", names.sources[*term], not(negated))
            }
            Kind::TimeOf(i) => format!("eventTimestamp({})", names.sources[*i]),
            Kind::Between(x, low, high, negated) => {
                format!(
                    "({} {}BETWEEN {} AND {})",
                    p(x),
                    not(negated),
                    p(low),
                    p(high)
                )
            }
            Kind::Like(x, pattern, negated) => {
                format!(
                    "({} {}LIKE {})",
                    p(x),
                    not(negated),
                    literal(&Value::from(pattern.as_str()))
                )
            }
            Kind::Cast(x) => format!("CAST({} AS {})", p(x), self.ty),
            Kind::Call(function, args) => format!("{}({})", function.name(), list(args)),
            Kind::Case {
                operand,
                branches,
                otherwise,
            } => {
                let mut text = String::from("CASE");
                if let Some(operand) = operand {
                    write!(text, " {}", p(operand)).expect("a string takes any text");
                }
                for (when, then) in branches {
                    write!(text, " WHEN {} THEN {}", p(when), p(then))
                        .expect("a string takes any text");
                }
                if let Some(otherwise) = otherwise {
                    write!(text, " ELSE {}", p(otherwise)).expect("a string takes any text");
                }
                text + " END"
            }
        }
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Mod => "%",
        Op::Eq => "=",
        Op::NotEq => "<>",
        Op::Less => "<",
        Op::LessEq => "<=",
        Op::Greater => ">",
        Op::GreaterEq => ">=",
        Op::And => "AND",
        Op::Or => "OR",
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(v) => if *v { "TRUE" } else { "FALSE" }.into(),
        Value::String(v) => format!("'{}'", v.as_str().replace('\'', "''")),
        other => other.to_string(),
    }
}
