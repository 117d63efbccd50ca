//! What a protocol is made of: the traits behind the callbacks.

use super::{glue, Connection};
use std::{mem, ptr};

/// What a state block may hold.
///
/// # Safety
/// Any bytes must be a value of the type, zeros included: numbers, arrays of them, and structures
/// of those with `#[repr(C)]`, which also fixes the layout that a later version finds. No
/// references, no `bool`, no `Vec`.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($number:ty),*) => { $(unsafe impl Plain for $number {})* };
}
plain!((), u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// A state block of an earlier version, as `migrate` is given it; none if the size is another.
pub fn plain<T: Plain>(bytes: &[u8]) -> Option<T> {
    let fits = bytes.len() == mem::size_of::<T>();
    fits.then(|| unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) })
}

/// A protocol. One value serves all connections of an instance: it is a cache, which a trap
/// empties. What must last stands in the state blocks.
pub trait Guest: Sized {
    /// What the host keeps for each connection: zeros at first. `()` for nothing.
    type State: Plain;
    /// The version of the state's layout, and of what topics and tags mean.
    const STATE_VERSION: i32 = 0;

    /// Called once in each instance, in start-up.
    fn new() -> Self;
    /// Bytes have arrived. Returns how many of them it has used, from the front.
    fn data(&mut self, connection: Connection, state: &mut Self::State, data: &[u8]) -> usize;

    fn open(&mut self, _connection: Connection, _state: &mut Self::State) {}
    /// The peer has finished; `rest` was not used. Returns whether the connection stays open.
    fn end(&mut self, _connection: Connection, _state: &mut Self::State, _rest: &[u8]) -> bool {
        false
    }
    fn drain(&mut self, _connection: Connection, _state: &mut Self::State) {}
    fn timer(&mut self, _connection: Connection, _state: &mut Self::State) {}
    /// The last call for this connection; `reason` is one of REASON_….
    fn closed(&mut self, _connection: Connection, _state: &mut Self::State, _reason: i32) {}
    /// Called for each live connection in an instance that takes over from another.
    fn restore(&mut self, _connection: Connection, _state: &mut Self::State) {}
}

/// A message of a topic that a connection has joined.
pub struct Message<'a> {
    pub tag: i32,
    /// Bits MESSAGE_….
    pub flags: i32,
    pub topic: &'a [u8],
    pub data: &'a [u8],
}

/// For guests that join topics.
pub trait Topics: Guest {
    fn message(&mut self, connection: Connection, state: &mut Self::State, message: Message);
    /// Messages for this connection were lost, or may have been.
    fn missed(&mut self, connection: Connection, state: &mut Self::State);
}

/// For guests that connect to upstreams.
pub trait Upstreams: Guest {
    /// It is there. `parent` is none if it is gone.
    fn connected(
        &mut self,
        connection: Connection,
        state: &mut Self::State,
        parent: Option<Connection>,
    );
}

/// For guests that use keys.
pub trait Store: Guest {
    /// The answer to the request that had this tag.
    fn reply(
        &mut self,
        connection: Connection,
        state: &mut Self::State,
        tag: i32,
        status: i32,
        data: &[u8],
    );
}

/// One of the replies that have come together: what `Store::reply` would be given.
#[repr(C)]
pub struct Reply {
    pub tag: i32,
    pub status: i32,
    data: *const u8,
    length: usize,
}

impl Reply {
    pub fn data(&self) -> &[u8] {
        // The host made the row.
        unsafe { glue::bytes(self.data, self.length) }
    }
}

/// For guests that take replies together: one callback for those that have come together for one connection.
pub trait Replies: Store {
    fn replies(&mut self, connection: Connection, state: &mut Self::State, replies: &[Reply]) {
        for one in replies {
            self.reply(connection, state, one.tag, one.status, one.data());
        }
    }
}

/// For guests that take over from one whose state blocks are different.
pub trait Migrate: Guest {
    /// `old` is the block in layout `version`; `state` has zeros.
    fn migrate(
        &mut self,
        connection: Connection,
        old: &[u8],
        version: i32,
        state: &mut Self::State,
    );
}

/// For guests that do something when an instance has gone into service.
pub trait Start: Guest {
    fn start(&mut self);
}

/// For guests that do something every `tickMs`.
pub trait Tick: Guest {
    fn tick(&mut self);
}
