//! Events from a seed: the same options give the same bytes on every machine.
//!
//! All arithmetic is on integers (cents, hundredths of a degree), so no rounding of a platform shows in the text.

use crate::args::{Generate, GenerateArgs};
use crate::failure::Failure;
use crate::paths::spare;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Symbols that are used before names are made up.
const SYMBOLS: [&str; 16] = [
    "IBM", "WSO2", "AAPL", "MSFT", "GOOG", "AMZN", "TSLA", "ORCL", "INTC", "CSCO", "NFLX", "ADBE",
    "SAP", "NVDA", "AMD", "QCOM",
];

/// Writes the events that the options ask for.
pub fn run(what: &Generate) -> Result<(), Failure> {
    let (Generate::Trades(args) | Generate::Sensors(args)) = what;
    spare(&args.out, args.force, "")?;
    let stdout = args.out == Path::new("-");
    let out: Box<dyn Write> = match stdout {
        true => Box::new(io::stdout().lock()),
        false => {
            let file = File::create(&args.out);
            Box::new(file.map_err(|e| Failure::run(format!("{}: {e}", args.out.display())))?)
        }
    };
    let written = match what {
        Generate::Trades(args) => write(args, "Trades", Trades::new(args), out),
        Generate::Sensors(args) => write(args, "Sensors", Sensors::new(args), out),
    };
    match written {
        // the reader has seen enough
        Err(e) if stdout && e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|e| Failure::run(format!("{}: {e}", args.out.display()))),
    }
}

/// Appends the values of one row.
trait Rows {
    fn row(&mut self, random: &mut Random, text: &mut Vec<u8>);
}

fn write(
    args: &GenerateArgs,
    stream: &str,
    mut rows: impl Rows,
    mut out: impl Write,
) -> io::Result<()> {
    let stream = args.stream.as_deref().unwrap_or(stream);
    let mut head = b"{\"stream\":\"".to_vec();
    for c in stream.chars() {
        match c {
            '"' | '\\' => head.extend_from_slice(&[b'\\', c as u8]),
            c if c.is_control() => {}
            c => head.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    head.extend_from_slice(b"\",\"at\":");
    let mut random = Random::new(args.seed);
    let mut at_us = args.start * 1000;
    let gap_us = 1_000_000 / args.rate;
    let mut text = Vec::with_capacity(WRITE_BYTES + 256);
    for _ in 0..args.rows {
        text.extend_from_slice(&head);
        decimal(&mut text, at_us, 3);
        text.extend_from_slice(b",\"row\":[");
        rows.row(&mut random, &mut text);
        text.extend_from_slice(b"]}\n");
        at_us += random.below(2 * gap_us + 1) as i64;
        if text.len() >= WRITE_BYTES {
            out.write_all(&text)?;
            text.clear();
        }
    }
    out.write_all(&text)?;
    out.flush()
}

/// Prices of symbols that walk at random.
struct Trades {
    /// Name and price in cents.
    symbols: Vec<(String, u64)>,
}

impl Trades {
    fn new(args: &GenerateArgs) -> Self {
        let mut random = Random::new(args.seed ^ 0x7472_6164_6573);
        let symbols = (0..args.keys as usize).map(|i| {
            let name = SYMBOLS
                .get(i)
                .map_or_else(|| made_up(i - SYMBOLS.len()), |s| (*s).to_string());
            (name, 1_000 + random.below(50_000))
        });
        Trades {
            symbols: symbols.collect(),
        }
    }
}

/// The `i`-th made-up symbol: four letters and more, none of them in [`SYMBOLS`].
fn made_up(mut i: usize) -> String {
    let mut name = String::from("X");
    for _ in 0..3 {
        name.push(char::from(b'A' + (i % 26) as u8));
        i /= 26;
    }
    while i > 0 {
        name.push(char::from(b'A' + (i % 26) as u8));
        i /= 26;
    }
    name
}

impl Rows for Trades {
    fn row(&mut self, random: &mut Random, text: &mut Vec<u8>) {
        let i = random.skewed(self.symbols.len() as u64) as usize;
        let (name, cents) = &mut self.symbols[i];
        // a step of at most 0.2 %, at least a cent
        let step = 1 + *cents / 500;
        *cents = (*cents + random.below(2 * step + 1)).saturating_sub(step);
        *cents = (*cents).clamp(100, 100_000_000);
        let size = 1 << random.below(7);
        let lots = 1 + random.below(size);
        let odd = if random.below(8) == 0 {
            random.below(100)
        } else {
            0
        };
        text.push(b'"');
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\",");
        decimal(text, *cents as i64, 2);
        text.push(b',');
        integer(text, lots * 100 + odd);
    }
}

/// Rooms with a sensor each.
struct Sensors {
    /// Temperature in hundredths of a degree, humidity in tenths of a percent, rows of an anomaly that are left.
    rooms: Vec<(i64, i64, u64)>,
}

impl Sensors {
    fn new(args: &GenerateArgs) -> Self {
        let mut random = Random::new(args.seed ^ 0x0073_656e_736f_7273);
        let rooms = (0..args.keys).map(|_| {
            let temperature = 1_800 + random.below(800) as i64;
            (temperature, 300 + random.below(300) as i64, 0)
        });
        Sensors {
            rooms: rooms.collect(),
        }
    }
}

impl Rows for Sensors {
    fn row(&mut self, random: &mut Random, text: &mut Vec<u8>) {
        let i = random.below(self.rooms.len() as u64) as usize;
        let (temperature, humidity, anomaly) = &mut self.rooms[i];
        // back towards 21 degrees, so that rooms stay rooms
        let pull = (2_100 - *temperature) / 200;
        *temperature = (*temperature + random.below(21) as i64 - 10 + pull).clamp(-2_000, 6_000);
        *humidity = (*humidity + random.below(11) as i64 - 5).clamp(50, 950);
        if *anomaly == 0 && random.below(2_000) == 0 {
            *anomaly = 1 + random.below(8);
        }
        let mut shown = *temperature;
        let mut ok = random.below(5_000) != 0;
        if *anomaly > 0 {
            *anomaly -= 1;
            shown += 1_500 + random.below(2_500) as i64;
            ok &= random.below(3) != 0;
        }
        text.extend_from_slice(b"\"s-");
        let number = i as u64 + 1;
        for bound in [1_000, 100, 10] {
            if number < bound {
                text.push(b'0');
            }
        }
        integer(text, number);
        text.extend_from_slice(b"\",");
        decimal(text, shown, 2);
        text.push(b',');
        decimal(text, *humidity, 1);
        text.extend_from_slice(if ok { b",true" } else { b",false" });
    }
}

/// Appends an integer.
fn integer(text: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// Appends an integer with its last `places` digits after the point; times drop the point when they are whole.
fn decimal(text: &mut Vec<u8>, n: i64, places: u32) {
    if n < 0 {
        text.push(b'-');
    }
    let n = n.unsigned_abs();
    let scale = 10_u64.pow(places);
    integer(text, n / scale);
    let mut rest = n % scale;
    if rest == 0 && places == 3 {
        return;
    }
    text.push(b'.');
    for place in (0..places).rev() {
        let unit = 10_u64.pow(place);
        text.push(b'0' + (rest / unit) as u8);
        rest %= unit;
    }
}

/// PCG-XSH-RR 64/32 (M. O'Neill, 2014): small, good enough for data, and ours to keep the same.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        random.next();
        random.0 = random.0.wrapping_add(seed.rotate_left(32));
        random.next();
        random
    }

    fn next(&mut self) -> u32 {
        let state = self.0;
        self.0 = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((state >> 18) ^ state) >> 27) as u32;
        mixed.rotate_right((state >> 59) as u32)
    }

    /// A number below `n`, which is at most 2^32; the bias is below 2^-32 × n and does not matter here.
    fn below(&mut self, n: u64) -> u64 {
        (u64::from(self.next()) * n) >> 32
    }

    /// A number below `n`, small ones more often: the first tenth gets a fifth.
    fn skewed(&mut self, n: u64) -> u64 {
        self.below(n).min(self.below(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux::connector::json::{EventLine, RowDecoder, decode_line};
    use eventflux::event::{Schema, Timestamp, Type, Value};

    fn args(rows: u64, keys: u32, seed: u64) -> GenerateArgs {
        GenerateArgs {
            rows,
            keys,
            seed,
            rate: 1000,
            start: 1_000,
            stream: None,
            out: "-".into(),
            force: false,
        }
    }

    fn rows(text: &[u8], schema: &Schema) -> Vec<(Timestamp, Vec<Value>)> {
        let mut decoder = RowDecoder::default();
        let lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        let rows = lines.map(|line| match decode_line(line) {
            Ok(EventLine::Row(row)) => (
                row.at.expect("a time"),
                decoder.decode(row.row, schema).expect("it fits").to_vec(),
            ),
            other => panic!("{other:?}"),
        });
        rows.collect()
    }

    #[test]
    fn trades_are_valid_ordered_and_the_same_again() {
        let schema = Schema::new([
            ("sym", Type::String),
            ("price", Type::Double),
            ("qty", Type::Int),
        ]);
        let args = args(5_000, 700, 3);
        let mut text = Vec::new();
        write(&args, "Trades", Trades::new(&args), &mut text).expect("memory");
        let read = rows(&text, &schema);
        assert_eq!(read.len(), 5_000);
        assert_eq!(read[0].0, Timestamp(1_000_000));
        assert!(read.windows(2).all(|w| w[0].0 <= w[1].0));
        let seconds = (read[4_999].0.0 - read[0].0.0) as f64 / 1e6;
        assert!((4.5..5.5).contains(&seconds), "{seconds}");
        let mut again = Vec::new();
        write(&args, "Trades", Trades::new(&args), &mut again).expect("memory");
        assert_eq!(text, again);
        let names: std::collections::HashSet<String> =
            read.iter().map(|r| r.1[0].to_string()).collect();
        assert!((500..=700).contains(&names.len()), "{}", names.len());
        assert_eq!(
            (0..20_000)
                .map(made_up)
                .collect::<std::collections::HashSet<_>>()
                .len(),
            20_000
        );
    }

    #[test]
    fn sensors_have_a_few_anomalies() {
        let schema = Schema::new([
            ("id", Type::String),
            ("temperature", Type::Double),
            ("humidity", Type::Double),
            ("ok", Type::Bool),
        ]);
        let args = args(20_000, 20, 1);
        let mut text = Vec::new();
        write(&args, "Sensors", Sensors::new(&args), &mut text).expect("memory");
        let hot = rows(&text, &schema)
            .iter()
            .filter(|(_, row)| matches!(row[1], Value::Double(t) if t > 35.0))
            .count();
        assert!((5..400).contains(&hot), "{hot}");
    }
}
