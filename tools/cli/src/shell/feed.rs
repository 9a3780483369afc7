//! Lines as they are typed, cut into statements and dot commands.
//!
//! A `;` ends a statement where it stands in no string, quoted name, comment or block of a partition. Each byte is
//! looked at once, however the lines come; what a statement means is not known here.

/// Bytes of a statement: more than an app may have.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// A text and where it begins in what was typed, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text, without blanks around it.
    pub text: String,
    /// A statement without its `;`.
    pub open: bool,
    /// The line of its first character.
    pub line: usize,
    /// The column of its first character.
    pub column: usize,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum ShellInput {
    /// A line that begins with a point.
    Command(Piece),
    /// A statement, with its `;`.
    Statement(Piece),
}

/// Where a byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    String,
    Name,
    LineComment,
    BlockComment,
}

/// A statement has more bytes than an app may have.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Lines that are cut.
#[derive(Debug, Default)]
pub struct Feed {
    /// What is no whole statement yet, and while a line is cut, what was cut off before.
    text: String,
    /// Where the statement begins in it.
    from: usize,
    /// Bytes of it that were looked at.
    seen: usize,
    inside: Inside,
    /// The last byte of a comment was its star.
    star: bool,
    /// Lines that were taken.
    lines: usize,
    /// The line and column where the statement begins.
    place: (usize, usize),
    /// The last word, and whether only blanks stand behind it.
    word: String,
    /// Something stands in the text that is neither blank nor comment.
    begun: bool,
    /// PARTITION WITH was read.
    partition: bool,
    /// Blocks that are open: that of the partition, and CASE in it.
    open: usize,
}

impl Feed {
    /// Takes a line without its end; answers what it completes.
    pub fn line(&mut self, line: &str) -> Result<Vec<ShellInput>, TooLong> {
        self.lines += 1;
        if !self.begun && self.inside == Inside::Text && line.trim_start().starts_with('.') {
            let text = line.trim();
            self.forget();
            return Ok(vec![ShellInput::Command(Piece {
                text: text.to_string(),
                open: false,
                line: self.lines,
                column: line.chars().take_while(|c| c.is_whitespace()).count() + 1,
            })]);
        }
        if self.text.is_empty() {
            self.place = (self.lines, 1);
        }
        self.text.push_str(line);
        self.text.push('\n');
        let mut done = Vec::new();
        while let Some(end) = self.end() {
            done.extend(self.cut(end).map(ShellInput::Statement));
        }
        self.text.drain(..self.from);
        self.seen -= self.from;
        self.from = 0;
        if self.text.trim_ascii().is_empty() {
            self.text.clear();
            self.seen = 0;
        }
        match self.text.len() > STATEMENT_BYTES_MAX {
            true => Err(TooLong),
            false => Ok(done),
        }
    }

    /// What is left behind the last `;`, as a statement.
    pub fn rest(&mut self) -> Option<Piece> {
        let piece = self.cut(self.text.len());
        self.forget();
        Some(Piece {
            open: true,
            ..piece?
        })
    }

    /// Drops what is begun.
    pub fn forget(&mut self) {
        let lines = self.lines;
        *self = Feed {
            lines,
            ..Feed::default()
        };
    }

    /// Counts lines from the next one on.
    pub fn count_anew(&mut self) {
        self.lines = 0;
    }

    /// Whether a statement is begun.
    pub fn is_begun(&self) -> bool {
        self.begun || self.inside != Inside::Text
    }

    /// The sign that is missing to go on with the statement: a quote that is open.
    pub fn open_sign(&self) -> Option<char> {
        match self.inside {
            Inside::String => Some('\''),
            Inside::Name => Some('"'),
            Inside::BlockComment => Some('*'),
            Inside::Text | Inside::LineComment => None,
        }
    }

    /// Looks at the bytes that are new; answers the place behind a `;` that ends the statement.
    fn end(&mut self) -> Option<usize> {
        while self.seen < self.text.len() {
            let byte = self.text.as_bytes()[self.seen];
            self.seen += 1;
            let inside = self.inside;
            match inside {
                Inside::String if byte == b'\'' => self.inside = Inside::Text,
                Inside::Name if byte == b'"' => self.inside = Inside::Text,
                Inside::LineComment if byte == b'\n' => self.inside = Inside::Text,
                Inside::BlockComment if self.star && byte == b'/' => self.inside = Inside::Text,
                Inside::BlockComment => self.star = byte == b'*',
                Inside::Text if self.byte(byte) => return Some(self.seen),
                _ => {}
            }
        }
        None
    }

    /// A byte that stands in no quotes and no comment; whether it ends the statement.
    fn byte(&mut self, byte: u8) -> bool {
        let next = self.text.as_bytes().get(self.seen).copied();
        if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() {
            self.begun = true;
            // No word that is known is longer.
            if self.word.len() < "PARTITION WITH ".len() {
                self.word.push(byte.to_ascii_uppercase() as char);
            }
            return false;
        }
        self.word_ends();
        if !byte.is_ascii_whitespace() {
            self.word.clear();
        }
        match (byte, next) {
            (b'\'', _) => self.inside = Inside::String,
            (b'"', _) => self.inside = Inside::Name,
            (b'-', Some(b'-')) => self.inside = Inside::LineComment,
            (b'/', Some(b'*')) => {
                self.inside = Inside::BlockComment;
                // This star does not close it.
                self.star = false;
                self.seen += 1;
            }
            (b';', _) => return self.open == 0,
            _ => {}
        }
        let comment = [Inside::LineComment, Inside::BlockComment].contains(&self.inside);
        self.begun |= !comment && !byte.is_ascii_whitespace();
        false
    }

    fn word_ends(&mut self) {
        match self.word.as_str() {
            "PARTITION WITH" => self.partition = true,
            "PARTITION" => self.word.push(' '),
            "PARTITION " => return,
            "BEGIN" if self.partition && self.open == 0 => self.open = 1,
            "CASE" if self.open > 0 => self.open += 1,
            "END" => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        if self.word != "PARTITION " {
            self.word.clear();
        }
    }

    /// The statement up to a place; none if nothing but blanks, comments and `;` stand there.
    fn cut(&mut self, end: usize) -> Option<Piece> {
        let taken = &self.text[self.from..end];
        let text = taken.trim_start();
        let first = walked(self.place, &taken[..taken.len() - text.len()]);
        let piece = self.begun.then(|| Piece {
            text: text.trim_end().to_string(),
            open: false,
            line: first.0,
            column: first.1,
        });
        self.place = walked(self.place, taken);
        self.from = end;
        self.inside = Inside::Text;
        self.word.clear();
        (self.begun, self.partition, self.open) = (false, false, 0);
        piece
    }
}

/// The place behind a text that begins at a place.
fn walked((line, column): (usize, usize), text: &str) -> (usize, usize) {
    match text.rfind('\n') {
        Some(last) => (
            line + text.matches('\n').count(),
            text[last + 1..].chars().count() + 1,
        ),
        None => (line, column + text.chars().count()),
    }
}

impl Piece {
    /// The annotations of the app in front of it, and what follows them.
    pub fn heads(self) -> (Vec<Piece>, Option<Piece>) {
        let mut heads = Vec::new();
        let mut rest = self;
        while let Some(end) = annotation(&rest.text) {
            let behind = rest.text.split_off(end);
            let place = walked((rest.line, rest.column), &rest.text);
            let text = behind.trim_start();
            let (line, column) = walked(place, &behind[..behind.len() - text.len()]);
            let text = text.to_string();
            let open = rest.open;
            let behind = Piece {
                text,
                open,
                line,
                column,
            };
            heads.push(std::mem::replace(&mut rest, behind));
        }
        let is_nothing = rest.text.trim_end_matches(';').trim().is_empty();
        (heads, (!is_nothing).then_some(rest))
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.text.matches('\n').count() + 1
    }

    /// With its `;`, on a line of its own where it had none: a comment may stand on the last one.
    pub fn closed(mut self) -> Self {
        if std::mem::take(&mut self.open) {
            self.text.push_str("\n;");
        }
        self
    }

    /// A text that was not typed.
    pub fn of(text: String) -> Self {
        Piece {
            text,
            open: false,
            line: 1,
            column: 1,
        }
    }
}

/// Where an annotation of the app ends that a text begins with.
fn annotation(text: &str) -> Option<usize> {
    let is_app = text.get(..5)?.eq_ignore_ascii_case("@app:");
    let name = text[5..].bytes().take_while(|b| b.is_ascii_alphanumeric());
    let end = 5 + name.count();
    if !is_app || end == 5 {
        return None;
    }
    let blank = text[end..].len() - text[end..].trim_start().len();
    if !text[end + blank..].starts_with('(') {
        return Some(end);
    }
    let (mut open, mut quoted) = (0, false);
    for (place, byte) in text.bytes().enumerate().skip(end + blank) {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => open += 1,
            b')' if !quoted => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(place + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each statement or command with its place, and what is left.
    fn cut(text: &str) -> Vec<String> {
        let mut feed = Feed::default();
        let mut entries = Vec::new();
        for line in text.lines() {
            entries.extend(feed.line(line).expect("short"));
        }
        let shown = |p: &Piece| format!("{}:{} {}", p.line, p.column, p.text);
        let shown = |entry: &ShellInput| match entry {
            ShellInput::Command(piece) => format!("! {}", shown(piece)),
            ShellInput::Statement(piece) => shown(piece),
        };
        let mut all: Vec<String> = entries.iter().map(shown).collect();
        all.extend(
            feed.rest()
                .map(|p| format!("rest {}:{} {}", p.line, p.column, p.text)),
        );
        all
    }

    #[test]
    fn statements_end_where_the_language_ends_them() {
        for (text, want) in [
            ("SELECT 1;", &["1:1 SELECT 1;"][..]),
            ("a; b ;\n\n  c;", &["1:1 a;", "1:4 b ;", "3:3 c;"]),
            ("SELECT ';''' ;x", &["1:1 SELECT ';''' ;", "rest 1:15 x"]),
            (
                "\"a;\" -- ;'\n/* ;' */ ;",
                &["1:1 \"a;\" -- ;'\n/* ;' */ ;"],
            ),
            ("/*/ ; */ a;", &["1:1 /*/ ; */ a;"]),
            (" ; ;; -- nothing\n", &[]),
            (".load a;b\nx\n.y;", &["! 1:1 .load a;b", "2:1 x\n.y;"]),
            ("a;\n  .help\n", &["1:1 a;", "! 2:3 .help"]),
            ("'é' ö; b;", &["1:1 'é' ö;", "1:8 b;"]),
            ("-- c\n.x\na - b / c;", &["! 2:1 .x", "3:1 a - b / c;"]),
            (
                "partition with (k OF S) begin a CASE b END; c; end; d;",
                &[
                    "1:1 partition with (k OF S) begin a CASE b END; c; end;",
                    "1:53 d;",
                ],
            ),
            (
                "PARTITION BY begin; END;",
                &["1:1 PARTITION BY begin;", "1:21 END;"],
            ),
            ("a; 'b", &["1:1 a;", "rest 1:4 'b"]),
        ] {
            assert_eq!(cut(text), want, "{text:?}");
        }
    }

    #[test]
    fn annotations_of_the_app_stand_apart() {
        let piece = |text: &str| Piece {
            text: text.to_string(),
            open: false,
            line: 3,
            column: 2,
        };
        let (heads, rest) = piece("@app:name('a)') @APP:playback\nCREATE;").heads();
        assert_eq!(
            heads,
            [
                piece("@app:name('a)')"),
                Piece {
                    column: 18,
                    ..piece("@APP:playback")
                }
            ]
        );
        let rest = rest.expect("a statement");
        assert_eq!((rest.line, rest.column, &*rest.text), (4, 1, "CREATE;"));
        let (heads, rest) = piece("@app:playback ;").heads();
        assert_eq!((heads.len(), rest), (1, None));
        for other in ["@info(name='q') INSERT;", "@app:", "@app:name('", "@ö", "x"] {
            assert_eq!(piece(other).heads(), (vec![], Some(piece(other))));
        }
    }

    #[test]
    fn hostile_lines_are_cut_or_refused() {
        let mut feed = Feed::default();
        let mut taken = 0;
        assert_eq!(feed.line("'"), Ok(vec![]));
        while feed.line(";;;").is_ok() {
            taken += 1;
            assert!(taken < STATEMENT_BYTES_MAX);
        }
        feed.forget();
        assert_eq!(feed.line("a;").map(|e| e.len()), Ok(1));
        let mut seed = 7_u32;
        let alphabet = [
            "'",
            "\"",
            ";",
            "-",
            "/",
            "*",
            "\n",
            "é",
            "@app:x(",
            ")",
            "BEGIN ",
            "END",
            "PARTITION WITH ",
        ];
        for _ in 0..2_000 {
            let mut text = String::new();
            for _ in 0..40 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text += alphabet[(seed >> 16) as usize % alphabet.len()];
            }
            cut(&text);
            Piece::of(text).heads();
        }
    }
}
