//! The words of an app's text.

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A name, a key word or a number.
    Word(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 24] = [
    "->", "<>", "<=", ">=", "(", ")", "[", "]", ",", ";", ".", "=", "<", ">", "+", "-", "*", "/",
    "%", "@", ":", "{", "}", "?",
];

pub fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' => {
                let end = 1 + rest[1..].find('\'').expect("a text ends");
                all.push(Token::Text(rest[1..end].to_string()));
                end + 1
            }
            _ if first.is_ascii_alphanumeric() || first == '_' => {
                let number = first.is_ascii_digit();
                let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (number && c == '.');
                let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
                all.push(Token::Word(rest[..end].to_string()));
                end
            }
            _ => {
                let sign = SIGNS.iter().find(|s| rest.starts_with(**s));
                let sign = sign.unwrap_or_else(|| panic!("'{first}' is no sign"));
                all.push(Token::Sign(sign));
                sign.len()
            }
        };
        rest = rest[end..].trim_start();
    }
    all
}
