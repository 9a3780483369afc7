//! Values as scripts write them: `NULL`, `TRUE`, `-1`, `2.5`, `'it''s'`; and as JSON writes them.

use eventflux::{Type, Value};

/// A value without its width: an integer may be INT or LONG, a decimal FLOAT or DOUBLE.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Integer(i64),
    /// With the relative tolerance that was asked for.
    Decimal(f64, f64),
    Text(String),
}

/// Relative tolerance of decimals where none is written: sums in another order differ by less.
const TOLERANCE: f64 = 1e-12;

impl Literal {
    /// The value in a type; widens integers to decimals.
    pub fn typed(&self, ty: Type) -> Value {
        match (self, ty) {
            (Literal::Null, _) => Value::Null,
            (Literal::Bool(v), Type::Bool) => Value::Bool(*v),
            (Literal::Integer(v), Type::Int) => Value::Int(i32::try_from(*v).expect("an INT")),
            (Literal::Integer(v), Type::Long) => Value::Long(*v),
            (Literal::Integer(v), Type::Float) => Value::Float(*v as f32),
            (Literal::Integer(v), Type::Double) => Value::Double(*v as f64),
            (Literal::Decimal(v, _), Type::Int) if v.fract() == 0.0 => Value::Int(*v as i32),
            (Literal::Decimal(v, _), Type::Long) if v.fract() == 0.0 => Value::Long(*v as i64),
            (Literal::Decimal(v, _), Type::Float) => Value::Float(*v as f32),
            (Literal::Decimal(v, _), Type::Double) => Value::Double(*v),
            (Literal::Text(v), Type::String) => Value::from(v.as_str()),
            _ => panic!("{self:?} is no {ty}"),
        }
    }

    /// Whether a value is what this says.
    pub fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Literal::Null, Value::Null) => true,
            (Literal::Bool(a), Value::Bool(b)) => a == b,
            (Literal::Integer(a), Value::Int(b)) => *a == i64::from(*b),
            (Literal::Integer(a), Value::Long(b)) => a == b,
            (Literal::Decimal(a, t), Value::Double(b)) => near(*a, *b, *t),
            (Literal::Decimal(a, t), Value::Float(b)) => {
                *a as f32 == *b || near(*a, f64::from(*b), t.max(1e-7))
            }
            (Literal::Text(a), Value::String(b)) => a == b.as_str(),
            _ => false,
        }
    }

    /// From JSON, as acceptance cases write values.
    pub fn from_json(value: &serde_json::Value, tolerance: f64) -> Literal {
        match value {
            serde_json::Value::Null => Literal::Null,
            serde_json::Value::Bool(v) => Literal::Bool(*v),
            serde_json::Value::String(v) => Literal::Text(v.clone()),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(v) => Literal::Integer(v),
                None => Literal::Decimal(n.as_f64().expect("a number"), tolerance),
            },
            _ => panic!("{value} is no value"),
        }
    }
}

/// Zero has no sign inside the engine, so a negative one fits nothing.
fn near(want: f64, got: f64, tolerance: f64) -> bool {
    if want == 0.0 {
        return got == 0.0 && got.is_sign_positive();
    }
    (want - got).abs() <= tolerance * want.abs().max(got.abs())
}

/// Values with commas between them.
pub fn values(text: &str) -> Result<Vec<Literal>, String> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (literal, behind) = value(rest)?;
        found.push(literal);
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) if !behind.trim().is_empty() => rest = behind.trim_start(),
            None if rest.is_empty() => {}
            _ => return Err(format!("a comma or the end expected at '{rest}'")),
        }
    }
    Ok(found)
}

/// One value and what stands behind it.
fn value(text: &str) -> Result<(Literal, &str), String> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return string(quoted);
    }
    let end = text.find(',').unwrap_or(text.len());
    let (word, rest) = (text[..end].trim(), &text[end..]);
    let (word, tolerance) = match word.split_once('~') {
        Some((word, t)) => (
            word.trim(),
            t.trim().parse().map_err(|e| format!("{t}: {e}"))?,
        ),
        None => (word, TOLERANCE),
    };
    let literal = match word {
        "NULL" => Literal::Null,
        "TRUE" => Literal::Bool(true),
        "FALSE" => Literal::Bool(false),
        _ => match word.parse::<i64>() {
            Ok(v) => Literal::Integer(v),
            Err(_) => {
                let v = word
                    .parse::<f64>()
                    .map_err(|_| format!("'{word}' is no value"))?;
                Literal::Decimal(v, tolerance)
            }
        },
    };
    Ok((literal, rest))
}

/// A string behind its opening quote; two quotes are one.
fn string(text: &str) -> Result<(Literal, &str), String> {
    let mut found = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('\'').ok_or("a string has no end")?;
        found.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(behind) => {
                found.push('\'');
                rest = behind;
            }
            None => return Ok((Literal::Text(found), rest)),
        }
    }
}

/// A value as scripts write it.
pub fn show(value: &Value) -> String {
    match value {
        Value::Bool(v) => if *v { "TRUE" } else { "FALSE" }.to_string(),
        Value::String(v) => format!("'{}'", v.as_str().replace('\'', "''")),
        other => other.to_string(),
    }
}

#[test]
fn values_are_read() {
    let want = vec![
        Literal::Text("it's, 'x".into()),
        Literal::Integer(-1),
        Literal::Decimal(2.5, TOLERANCE),
        Literal::Null,
        Literal::Bool(true),
        Literal::Text(String::new()),
    ];
    assert_eq!(values("'it''s, ''x', -1, 2.5 , NULL, TRUE, ''"), Ok(want));
    assert!(values("1 2").is_err() && values("'a").is_err() && values("1,").is_err());
}
