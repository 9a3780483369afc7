//! An aggregate of one's own, callable from SQL: `cargo run --example aggregate`.

use eventflux::{AggregateFunction, EventFluxManager, RuntimeConfig, Type, Value, Workers};

/// The geometric mean: e to the power of the mean logarithm.
struct GeometricMean;

impl AggregateFunction for GeometricMean {
    fn result(&self, args: &[Type]) -> Result<Type, String> {
        match args {
            [Type::Double] => Ok(Type::Double),
            _ => Err("geometricMean(x DOUBLE)".to_string()),
        }
    }

    // the state of a group: the sum of logarithms, and how many
    fn empty(&self) -> Vec<Value> {
        vec![Value::Double(0.0), Value::Long(0)]
    }

    fn add(&self, state: &mut [Value], args: &[Value]) {
        change(state, args, 1);
    }

    fn retract(&self, state: &mut [Value], args: &[Value]) {
        change(state, args, -1);
    }

    fn merge(&self, state: &mut [Value], other: &[Value]) {
        if let ([Value::Double(a), Value::Long(n)], [Value::Double(b), Value::Long(m)]) =
            (state, other)
        {
            *a += b;
            *n += m;
        }
    }

    fn value(&self, state: &[Value]) -> Value {
        match state {
            [Value::Double(sum), Value::Long(n)] if *n > 0 => {
                Value::Double((sum / *n as f64).exp())
            }
            _ => Value::Null,
        }
    }
}

fn change(state: &mut [Value], args: &[Value], by: i64) {
    if let ([Value::Double(sum), Value::Long(n)], [Value::Double(x)]) = (state, args) {
        *sum += x.ln() * by as f64;
        *n += by;
    }
}

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = "CREATE STREAM S (x DOUBLE);
               INSERT INTO Out SELECT geometricMean(x) AS g FROM S WINDOW('length', 2);";
    let mut manager = EventFluxManager::new();
    if manager
        .register_aggregate("geometricMean", GeometricMean)
        .is_err()
    {
        return Err("the name is taken".into());
    }
    let runtime = manager.create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
    let out = runtime.subscribe("Out")?;
    runtime.start()?;
    let mut input = runtime.input()?;
    for x in [2.0, 8.0, 32.0] {
        input.send("S", (x,))?;
    }
    runtime.shutdown()?;
    for (batch, expected) in out.iter().zip([2.0, 4.0, 16.0]) {
        println!("{}", batch.value(0, 0));
        assert!(matches!(batch.value(0, 0), Value::Double(g) if (g - expected).abs() < 1e-9));
    }
    Ok(())
}
