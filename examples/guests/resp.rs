// A subset of Redis's protocol, RESP2: PING, ECHO, SET, GET, DEL and INCR. Keys lie in the
// instance: each worker has its own, and a trap empties them. resp.c keeps them in the host.

#[path = "../../assembly/wasmpoll.rs"]
mod wasmpoll;

use std::collections::HashMap;
use wasmpoll::{Connection, Guest, Text, STATUS_OK};

const MAX_WORDS: usize = 1024;
const MAX_BULK: usize = 1 << 20;

struct Resp {
    values: HashMap<Vec<u8>, Vec<u8>>,
}

impl Guest for Resp {
    type State = ();

    fn new() -> Self {
        Resp {
            values: HashMap::new(),
        }
    }

    // One command a call: the host calls again with what is left, and not while its replies pile
    // up.
    fn data(&mut self, connection: Connection, _: &mut (), data: &[u8]) -> usize {
        match command(data) {
            Ok((words, used)) => {
                if let Some((name, arguments)) = words.split_first() {
                    self.run(connection, &name.to_ascii_lowercase(), arguments);
                }
                return used;
            }
            Err(Stop::Unfinished(bytes)) if connection.want(bytes) == STATUS_OK => return 0,
            Err(Stop::Unfinished(_)) => connection.send("-ERR command too long\r\n"),
            Err(Stop::Wrong) => connection.send("-ERR Protocol error\r\n"),
        };
        connection.close();
        data.len()
    }
}

impl Resp {
    fn run(&mut self, connection: Connection, name: &[u8], arguments: &[&[u8]]) {
        match (name, arguments) {
            (b"ping", []) => simple(connection, "+PONG\r\n"),
            (b"ping" | b"echo", [text]) => bulk(connection, text),
            (b"set", [key, value]) => {
                self.values.insert(key.to_vec(), value.to_vec());
                simple(connection, "+OK\r\n")
            }
            (b"get", [key]) => match self.values.get(*key) {
                Some(value) => bulk(connection, value),
                None => simple(connection, "$-1\r\n"),
            },
            (b"del", keys) if !keys.is_empty() => {
                let gone = keys
                    .iter()
                    .filter(|key| self.values.remove(**key).is_some())
                    .count();
                integer(connection, gone as i64)
            }
            (b"incr", [key]) => self.increment(connection, key),
            (b"ping" | b"echo" | b"set" | b"get" | b"del" | b"incr", _) => {
                simple(connection, "-ERR wrong number of arguments\r\n")
            }
            _ => simple(connection, "-ERR unknown command\r\n"),
        }
    }

    fn increment(&mut self, connection: Connection, key: &[u8]) {
        let old = self.values.get(key).map_or(Some(0), |value| decimal(value));
        match old.and_then(|number: i64| number.checked_add(1)) {
            Some(sum) => {
                self.values
                    .insert(key.to_vec(), sum.to_string().into_bytes());
                integer(connection, sum)
            }
            None => simple(
                connection,
                "-ERR value is not an integer or out of range\r\n",
            ),
        }
    }
}

enum Stop {
    /// So many bytes must be there before it is worth another look.
    Unfinished(usize),
    Wrong,
}

/// The words of a command, and its length: "*" count CRLF, then count times "$" length CRLF bytes CRLF.
fn command(data: &[u8]) -> Result<(Vec<&[u8]>, usize), Stop> {
    let (count, mut at) = number(data, 0, b'*', MAX_WORDS)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, start) = number(data, at, b'$', MAX_BULK)?;
        at = start + length + 2;
        let word = data.get(start..at).ok_or(Stop::Unfinished(at))?;
        words.push(word.strip_suffix(b"\r\n").ok_or(Stop::Wrong)?);
    }
    Ok((words, at))
}

/// A number behind its mark, and where the line after it begins.
fn number(data: &[u8], at: usize, mark: u8, most: usize) -> Result<(usize, usize), Stop> {
    let rest = &data[at..];
    if rest.first().map_or(false, |byte| *byte != mark) {
        return Err(Stop::Wrong);
    }
    let end = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => end,
        // No number is that long.
        None if rest.len() > 32 => return Err(Stop::Wrong),
        None => return Err(Stop::Unfinished(data.len() + 1)),
    };
    let digits = rest[1..end].strip_suffix(b"\r").and_then(decimal);
    match digits {
        Some(value) if value <= most => Ok((value, at + end + 1)),
        _ => Err(Stop::Wrong),
    }
}

fn decimal<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn simple(connection: Connection, line: &str) {
    connection.send(line);
}

fn integer(connection: Connection, value: i64) {
    connection.send(Text::<32>::of(format_args!(":{}\r\n", value)));
}

fn bulk(connection: Connection, bytes: &[u8]) {
    connection.send(Text::<32>::of(format_args!("${}\r\n", bytes.len())));
    connection.send(bytes);
    connection.send("\r\n");
}

wasmpoll::export!(Resp);
