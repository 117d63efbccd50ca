// What Rust's standard library makes of preview 1: `command STATUS` prints it, and exits so; `command
// panic` panics.

use std::collections::HashMap;
use std::io::{self, BufRead, ErrorKind};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

fn files() -> io::Result<()> {
    fs::create_dir("/data/inner")?;
    fs::write("/data/inner/new", "twelve bytes")?;
    fs::rename("/data/inner/new", "/data/inner/renamed")?;
    for entry in fs::read_dir("/data/inner")? {
        let entry = entry?;
        println!("entry {} of {} bytes", entry.file_name().to_string_lossy(), entry.metadata()?.len());
    }
    println!("read {}", fs::read_to_string("/data/inner/renamed")?);
    fs::remove_dir_all("/data/inner")
}

fn main() {
    let status = env::args().nth(1).expect("a status");
    println!("arguments {:?}", env::args().collect::<Vec<_>>());
    println!("environment {:?}", env::vars().collect::<Vec<_>>());
    for line in io::stdin().lock().lines() {
        println!("input {}", line.expect("a line"));
    }
    // Its hashes are keyed at random.
    let squares: HashMap<u32, u32> = (0..100).map(|each| (each, each * each)).collect();
    println!("sum {}", squares.values().sum::<u32>());
    let start = Instant::now();
    thread::sleep(Duration::from_millis(30));
    println!("slept {}", start.elapsed() >= Duration::from_millis(30));
    match files() {
        Ok(()) => println!("files done"),
        Err(error) => println!("files {:?}", error.kind()),
    }
    match fs::read("/data/../etc/passwd").map_err(|error| error.kind()) {
        Err(ErrorKind::PermissionDenied) => println!("escape denied"),
        other => println!("escape {:?}", other.map(|bytes| bytes.len())),
    }
    process::exit(status.parse().expect("a number"));
}
