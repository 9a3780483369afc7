//! Types of the program that are rows: `row!`.

/// Makes a type whose values are rows, to be sent ([`Row`](trait@crate::Row)) and read
/// ([`FromRow`](trait@crate::FromRow)). Its fields are the columns, in their order; their names are the program's own,
/// and errors tell a field by its name.
///
/// With the feature `derive` the same is written `#[derive(Row, FromRow)]`. That is a procedural macro, and this is for
/// those who want none in their build.
///
/// ```
/// use eventflux::{EventFluxManager, RuntimeConfig, Workers};
///
/// eventflux::row! {
///     /// A trade.
///     #[derive(Debug, PartialEq)]
///     pub struct Trade {
///         pub sym: String,
///         pub qty: u64,
///         pub note: Option<String>,
///     }
/// }
///
/// let app = "CREATE STREAM Trades (sym STRING, qty LONG, note STRING);
///     INSERT INTO Doubled SELECT sym, qty * 2 AS qty, note FROM Trades;";
/// let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
/// let doubled = runtime.subscribe("Doubled")?;
/// runtime.start()?;
/// runtime.input()?.send("Trades", Trade { sym: "ACME".into(), qty: 5, note: None })?;
/// let rows = doubled.try_recv().expect("a row");
/// for trade in rows.typed::<Trade>() {
///     assert_eq!(trade?, Trade { sym: "ACME".into(), qty: 10, note: None });
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! row {
    (
        $(#[$about:meta])*
        $visible:vis struct $name:ident {
            $($(#[$field_about:meta])* $field_visible:vis $field:ident: $of:ty),* $(,)?
        }
    ) => {
        $(#[$about])*
        $visible struct $name {
            $($(#[$field_about])* $field_visible $field: $of,)*
        }

        impl $crate::Row for $name {
            fn write(&self, to: &mut $crate::RowWriter<'_>) {
                $(to.field(&self.$field);)*
            }
        }

        impl $crate::FromRow for $name {
            fn read(
                from: &mut $crate::RowReader<'_>,
            ) -> ::core::result::Result<Self, $crate::FieldError> {
                ::core::result::Result::Ok($name { $($field: from.named(::core::stringify!($field))?,)* })
            }
        }
    };
}
