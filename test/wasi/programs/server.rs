// Echo with nothing but std::net: blocking calls, one client at a time. The listener is descriptor 3.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::wasi::io::FromRawFd;

fn echo(mut client: TcpStream) -> Result<()> {
    let mut buffer = vec![0; 65536];
    loop {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            length => client.write_all(&buffer[..length])?,
        }
    }
}

fn main() -> Result<()> {
    // Nobody else uses the descriptor.
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    loop {
        match listener.accept() {
            // A client that is lost is its own affair.
            Ok((client, _)) => drop(echo(client)),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}
