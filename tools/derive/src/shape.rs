//! What of a type is read: its fields, each with a name and a place; and why it cannot be a row.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitStr, Result};

/// A struct with named fields.
pub struct Shape {
    /// Its name.
    pub name: Ident,
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

/// A field.
pub struct Field {
    /// Its name.
    pub ident: Ident,
    /// By which name errors tell it.
    pub told: String,
    /// Where its type stands: there the compiler says that it is none of those that a column can hold.
    pub at: Span,
}

impl Shape {
    /// Reads a type. `derive`: what is derived, for the errors, of which all are told at once.
    pub fn read(input: &DeriveInput, derive: &str) -> Result<Shape> {
        let named = named_fields(input, derive)?;
        let mut faults = Faults(None);
        if let Some(parameter) = input.generics.params.first() {
            let why = format!(
                "{derive} is derived for types without parameters: a row has columns of known types; remove them, or send a tuple"
            );
            faults.add(Error::new_spanned(parameter, why));
        }
        for attribute in ours(&input.attrs) {
            let why = "an attribute of eventflux stands at a field";
            faults.add(Error::new_spanned(attribute, why));
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in named {
            let Some(ident) = field.ident.clone() else {
                continue;
            };
            let own = || ident.unraw().to_string();
            let (told, place) = match renamed(&field.attrs) {
                Ok(Some(name)) => (name.value(), name.span()),
                Ok(None) => (own(), ident.span()),
                Err(fault) => {
                    faults.add(fault);
                    (own(), ident.span())
                }
            };
            if fields.iter().any(|f| f.told.eq_ignore_ascii_case(&told)) {
                let why = format!("two fields are called '{told}'");
                faults.add(Error::new(place, why));
            }
            let at = field.ty.span();
            fields.push(Field { ident, told, at });
        }
        let name = input.ident.clone();
        faults.or(Shape { name, fields })
    }
}

/// The fields of a struct that names them.
fn named_fields<'a>(
    input: &'a DeriveInput,
    derive: &str,
) -> Result<impl Iterator<Item = &'a syn::Field> + use<'a>> {
    let instead = match &input.data {
        Data::Struct(of) => match &of.fields {
            Fields::Named(fields) => return Ok(fields.named.iter()),
            _ => "name its fields; a tuple such as (i64, f64) is a row by itself",
        },
        Data::Enum(_) => "write a struct for each stream, or one whose fields are Options",
        Data::Union(_) => "write a struct",
    };
    let why = format!("{derive} is derived for structs with named fields; {instead}");
    Err(Error::new(input.ident.span(), why))
}

/// The attributes `#[eventflux(…)]`.
fn ours(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    let ours = |a: &&Attribute| a.path().is_ident("eventflux");
    attributes.iter().filter(ours)
}

/// The name that a field is given.
fn renamed(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attribute in ours(attributes) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("not known here; write rename = \"…\""));
            }
            let given: LitStr = meta.value()?.parse()?;
            if given.value().is_empty() {
                return Err(Error::new(given.span(), "a name has a character at least"));
            }
            if name.replace(given).is_some() {
                return Err(meta.error("the field is renamed twice; remove one of them"));
            }
            Ok(())
        })?;
    }
    Ok(name)
}

/// All that is wrong with a type.
struct Faults(Option<Error>);

impl Faults {
    fn add(&mut self, fault: Error) {
        match &mut self.0 {
            Some(all) => all.combine(fault),
            none => *none = Some(fault),
        }
    }

    fn or<T>(self, right: T) -> Result<T> {
        match self.0 {
            Some(all) => Err(all),
            None => Ok(right),
        }
    }
}
