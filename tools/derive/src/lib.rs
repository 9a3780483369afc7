//! `#[derive(Row, FromRow)]` of eventflux: structs with named fields as rows, in their order.
//!
//! Programs do not name this package: the feature `derive` of eventflux exports both. What they write is what
//! `eventflux::row!` writes, too. They are there because a derive stands in a list with others, can give a field
//! another name, and points at the field that is wrong. `row!` stays for those who want no procedural macro.

mod shape;

use proc_macro::TokenStream;
use proc_macro2::Span;
use quote::{quote, quote_spanned};
use shape::{Field, Shape};
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a row that can be sent: its fields are the columns, in their order.
///
/// ```
/// use eventflux::{EventFluxManager, FromRow, Row, RuntimeConfig, Workers};
///
/// #[derive(Debug, PartialEq, Row, FromRow)]
/// struct Trade {
///     sym: String,
///     #[eventflux(rename = "qty")]
///     quantity: u64,
///     note: Option<String>,
/// }
///
/// let app = "CREATE STREAM Trades (sym STRING, qty LONG, note STRING);
///     INSERT INTO Doubled SELECT sym, qty * 2 AS qty, note FROM Trades;
///     INSERT INTO Halves SELECT sym, qty / 2.0 AS qty, note FROM Trades;";
/// let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
/// let doubled = runtime.subscribe("Doubled")?;
/// let halves = runtime.subscribe("Halves")?;
/// runtime.start()?;
/// runtime.input()?.send("Trades", Trade { sym: "ACME".into(), quantity: 5, note: None })?;
///
/// let rows = doubled.try_recv().expect("a row");
/// for trade in rows.typed::<Trade>() {
///     assert_eq!(trade?, Trade { sym: "ACME".into(), quantity: 10, note: None });
/// }
/// let rows = halves.try_recv().expect("a row");
/// let error = rows.typed::<Trade>().next().expect("a row").expect_err("a half is no whole number");
/// assert_eq!(error.to_string(), "column 2, field 'qty', is DOUBLE, read as u64");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A row goes by position, as a tuple does: the first field is the first column whatever both are called.
/// `#[eventflux(rename = "…")]` says by which name errors tell a field, which is of use where the column is called
/// otherwise. A field is an `Option` where NULL may come. Each type must be a `Field`:
///
/// ```compile_fail,E0277
/// #[derive(eventflux::Row)]
/// struct Trade {
///     sym: String,
///     legs: Vec<u64>,
/// }
/// ```
///
/// Refused, each with what to do instead: enums and unions, structs without names of fields, and with parameters:
///
/// ```compile_fail
/// #[derive(eventflux::Row)]
/// struct Trade<'a> {
///     sym: &'a str,
/// }
/// ```
#[proc_macro_derive(Row, attributes(eventflux))]
pub fn row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    written(Shape::read(&input, "Row"), |Shape { name, fields }| {
        let fields = fields.iter().map(|Field { ident, at, .. }| {
            let at = Span::call_site().located_at(*at);
            quote_spanned!(at=> to.field(&self.#ident);)
        });
        quote! {
            #[automatically_derived]
            impl ::eventflux::Row for #name {
                fn write(&self, to: &mut ::eventflux::RowWriter<'_>) {
                    #(#fields)*
                }
            }
        }
    })
}

/// Makes a struct a row that can be read: its fields are the columns, in their order. An example, and what is refused,
/// stand at [`Row`](derive@Row).
#[proc_macro_derive(FromRow, attributes(eventflux))]
pub fn from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    written(Shape::read(&input, "FromRow"), |Shape { name, fields }| {
        let fields = fields.iter().map(|Field { ident, told, at }| {
            let at = Span::call_site().located_at(*at);
            quote_spanned!(at=> #ident: from.named(#told)?,)
        });
        quote! {
            #[automatically_derived]
            impl ::eventflux::FromRow for #name {
                fn read(
                    from: &mut ::eventflux::RowReader<'_>,
                ) -> ::core::result::Result<Self, ::eventflux::FieldError> {
                    ::core::result::Result::Ok(#name { #(#fields)* })
                }
            }
        }
    })
}

/// The code for a struct, or the errors of one that is none of ours.
fn written(
    shape: syn::Result<Shape>,
    code: impl FnOnce(Shape) -> proc_macro2::TokenStream,
) -> TokenStream {
    let code = shape.map(code);
    code.unwrap_or_else(syn::Error::into_compile_error).into()
}
