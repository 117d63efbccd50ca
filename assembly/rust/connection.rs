//! What a guest may ask of the host: of a connection, of topics and keys, and of its surroundings.

use super::bytes::Version;
use super::host;
use super::numbers::{CLOSE_ABORT, CLOSE_GRACEFUL, CLOSE_OUTPUT, JOIN_PATTERN};
use std::ptr;

/// One connection. It is valid until `closed`; compare it for equality only.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Connection(i32);

/// Results are a status, or say that they are something else. What is asked for happens when the
/// callback returns.
impl Connection {
    /// No connection: a request by it has no reply.
    pub const NONE: Connection = Connection(0);

    /// Returns the backlog in bytes, these included; or a status below 0.
    pub fn send(self, data: impl AsRef<[u8]>) -> i32 {
        let data = data.as_ref();
        unsafe { host::send(self.0, data.as_ptr(), data.len()) }
    }
    /// Bytes that are sent and not taken yet; or a status below 0.
    pub fn backlog(self) -> i32 {
        self.send([])
    }
    /// Sends all output, then ends.
    pub fn close(self) -> i32 {
        unsafe { host::close(self.0, CLOSE_GRACEFUL) }
    }
    /// Resets at once.
    pub fn abort(self) -> i32 {
        unsafe { host::close(self.0, CLOSE_ABORT) }
    }
    /// Sends all output and says that it was the last. Reading goes on.
    pub fn close_output(self) -> i32 {
        unsafe { host::close(self.0, CLOSE_OUTPUT) }
    }
    /// No `data` until `resume`.
    pub fn pause(self) -> i32 {
        unsafe { host::pause(self.0) }
    }
    pub fn resume(self) -> i32 {
        unsafe { host::resume(self.0) }
    }
    /// No `data` before so many bytes are there, or the peer ends. It counts once.
    pub fn want(self, bytes: usize) -> i32 {
        unsafe { host::want(self.0, bytes.min(i32::MAX as usize)) }
    }
    /// Has `timer` called once after so many milliseconds; 0 cancels.
    pub fn set_timer(self, milliseconds: u32) -> i32 {
        unsafe { host::set_timer(self.0, milliseconds) }
    }
    /// Begins TLS, behind what was sent so far.
    pub fn start_tls(self) -> i32 {
        unsafe { host::start_tls(self.0) }
    }
    /// Bytes flow between the two without callbacks, until one of them is over.
    pub fn splice(self, other: Connection) -> i32 {
        unsafe { host::splice(self.0, other.0) }
    }
    pub fn peer_address(self) -> Option<String> {
        let write = |buffer, capacity| unsafe { host::peer_address(self.0, buffer, capacity) };
        String::from_utf8(whole(write)?).ok()
    }
    /// A fact about the connection. Some are bytes that are no UTF-8.
    pub fn property(self, key: &str) -> Option<Vec<u8>> {
        let (name, length) = (key.as_ptr(), key.len());
        whole(|buffer, capacity| unsafe { host::property(self.0, name, length, buffer, capacity) })
    }
    /// It becomes a member; `tag` comes back with each message.
    pub fn join(self, topic: impl AsRef<[u8]>, tag: i32) -> i32 {
        let topic = topic.as_ref();
        unsafe { host::join(self.0, tag, topic.as_ptr(), topic.len(), 0) }
    }
    /// The same for all topics that a pattern with `+` and `#` matches.
    pub fn join_pattern(self, pattern: impl AsRef<[u8]>, tag: i32) -> i32 {
        let topic = pattern.as_ref();
        unsafe { host::join(self.0, tag, topic.as_ptr(), topic.len(), JOIN_PATTERN) }
    }
    pub fn leave(self, topic: impl AsRef<[u8]>) -> i32 {
        let topic = topic.as_ref();
        unsafe { host::leave(self.0, topic.as_ptr(), topic.len(), 0) }
    }
    pub fn leave_pattern(self, pattern: impl AsRef<[u8]>) -> i32 {
        let topic = pattern.as_ref();
        unsafe { host::leave(self.0, topic.as_ptr(), topic.len(), JOIN_PATTERN) }
    }
    /// Asks for a value. `reply` brings its version in front of it: see `versioned`.
    pub fn store_get(self, tag: i32, key: impl AsRef<[u8]>) -> i32 {
        let key = key.as_ref();
        unsafe { host::store_get(self.0, tag, key.as_ptr(), key.len()) }
    }
    /// Sets a key; with `expected` only if it has this version. A `ttl_ms` of 0 is for ever.
    pub fn store_put(
        self,
        tag: i32,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expected: Option<&Version>,
        ttl_ms: u32,
    ) -> i32 {
        let (key, value, expected) = (key.as_ref(), value.as_ref(), address(expected));
        let (name, length) = (key.as_ptr(), key.len());
        unsafe {
            host::store_put(
                self.0,
                tag,
                name,
                length,
                value.as_ptr(),
                value.len(),
                expected,
                ttl_ms,
            )
        }
    }
    pub fn store_delete(self, tag: i32, key: impl AsRef<[u8]>, expected: Option<&Version>) -> i32 {
        let key = key.as_ref();
        unsafe { host::store_delete(self.0, tag, key.as_ptr(), key.len(), address(expected)) }
    }
    /// Adds to a decimal number; what is absent counts as 0, and gets the TTL.
    pub fn store_add(self, tag: i32, key: impl AsRef<[u8]>, delta: f64, ttl_ms: u32) -> i32 {
        let key = key.as_ref();
        unsafe { host::store_add(self.0, tag, key.as_ptr(), key.len(), delta, ttl_ms) }
    }
}

fn address(version: Option<&Version>) -> *const u8 {
    version.map_or(ptr::null(), |bytes| bytes.as_ptr())
}

/// All that a host function writes which answers the full length; none if it answers a status.
fn whole(write: impl Fn(*mut u8, usize) -> i32) -> Option<Vec<u8>> {
    let length = write(ptr::null_mut(), 0);
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    write(bytes.as_mut_ptr(), bytes.len());
    Some(bytes)
}

/// Opens a connection to an upstream that the operator has named: `connected` or `closed` follows.
/// With `CONNECT_LINK` in `flags` it ends with its parent, and the parent with it.
pub fn connect(
    parent: Option<Connection>,
    upstream: impl AsRef<[u8]>,
    flags: i32,
) -> Result<Connection, i32> {
    let (parent, name) = (parent.map_or(0, |connection| connection.0), upstream.as_ref());
    let made = unsafe { host::connect(parent, name.as_ptr(), name.len(), flags) };
    if made > 0 { Ok(Connection(made)) } else { Err(made) }
}

/// To all who are members when the callback has returned. `flags` are bits PUBLISH_…. Returns a
/// status.
pub fn publish(topic: impl AsRef<[u8]>, data: impl AsRef<[u8]>, flags: i32) -> i32 {
    let (topic, data) = (topic.as_ref(), data.as_ref());
    unsafe {
        host::publish(
            topic.as_ptr(),
            topic.len(),
            data.as_ptr(),
            data.len(),
            flags,
        )
    }
}

/// As `publish`. What PUBLISH_RETAIN keeps is over after `ttl_ms`; 0 is never. Returns a status.
pub fn publish_for(
    topic: impl AsRef<[u8]>,
    data: impl AsRef<[u8]>,
    flags: i32,
    ttl_ms: u32,
) -> i32 {
    let (topic, data) = (topic.as_ref(), data.as_ref());
    unsafe {
        host::publish_for(
            topic.as_ptr(),
            topic.len(),
            data.as_ptr(),
            data.len(),
            flags,
            ttl_ms,
        )
    }
}

/// Monotonic milliseconds; the same during one callback.
pub fn now() -> f64 {
    unsafe { host::now() }
}

/// Milliseconds since 1970; the same during one callback.
pub fn wall_clock() -> f64 {
    unsafe { host::wall_clock() }
}

/// Fills at most 64 KiB with random bytes, fit for keys. Returns a status.
pub fn random(buffer: &mut [u8]) -> i32 {
    unsafe { host::random(buffer.as_mut_ptr(), buffer.len()) }
}

/// What the operator has configured. It works in `new`, too.
pub fn config() -> Vec<u8> {
    whole(|buffer, capacity| unsafe { host::config(buffer, capacity) }).unwrap_or_default()
}

/// Declares a METRIC_…, in `new` only. Returns its number for `measure`, or a status below 0.
pub fn metric(kind: i32, name: &str) -> i32 {
    unsafe { host::metric(kind, name.as_ptr(), name.len()) }
}

/// Adds to a counter, sets a gauge, or records a value in a histogram. Returns a status.
pub fn measure(id: i32, value: f64) -> i32 {
    unsafe { host::measure(id, value) }
}

/// Logs one line at LOG_DEBUG to LOG_ERROR. In `new` it does nothing.
pub fn log(level: i32, text: impl AsRef<str>) {
    let text = text.as_ref();
    unsafe { host::log(level, text.as_ptr(), text.len()) }
}
