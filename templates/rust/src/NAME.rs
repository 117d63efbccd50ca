// NAME: answers each line with its number. Edit it while `npx wasmpoll dev` serves it.

#[path = "../node_modules/wasmpoll/assembly/wasmpoll.rs"]
mod wasmpoll;
use wasmpoll::{Connection, Guest, Plain, Text, STATUS_OK};

/// What is kept for each connection. It outlives traps, and swaps of the module.
#[repr(C)]
#[derive(Clone, Copy)]
struct Client {
    lines: u32,
}
// Safety: numbers, in the layout of C.
unsafe impl Plain for Client {}

struct Protocol;

impl Guest for Protocol {
    type State = Client;

    fn new() -> Self {
        Protocol
    }

    /// Bytes have come: one line of them is answered, and this is called again for the next one.
    fn data(&mut self, connection: Connection, client: &mut Client, data: &[u8]) -> usize {
        match data.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                client.lines += 1;
                connection.send(Text::<16>::of(format_args!("{} ", client.lines)));
                connection.send(&data[..=end]);
                end + 1
            }
            None => {
                if connection.want(data.len() + 1) != STATUS_OK {
                    connection.send("that line is too long\n");
                    connection.close();
                }
                0
            }
        }
    }
}

wasmpoll::export!(Protocol);
