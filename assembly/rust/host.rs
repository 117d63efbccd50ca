//! The host functions as they are. The rest of the module calls them.

#[link(wasm_import_module = "wasmpoll")]
extern "C" {
    pub fn send(connection: i32, data: *const u8, length: usize) -> i32;
    pub fn close(connection: i32, how: i32) -> i32;
    pub fn pause(connection: i32) -> i32;
    pub fn resume(connection: i32) -> i32;
    pub fn want(connection: i32, bytes: usize) -> i32;
    pub fn set_timer(connection: i32, milliseconds: u32) -> i32;
    pub fn peer_address(connection: i32, buffer: *mut u8, capacity: usize) -> i32;
    pub fn property(
        connection: i32,
        key: *const u8,
        key_length: usize,
        buffer: *mut u8,
        capacity: usize,
    ) -> i32;
    pub fn start_tls(connection: i32) -> i32;
    pub fn connect(parent: i32, upstream: *const u8, length: usize, flags: i32) -> i32;
    pub fn splice(a: i32, b: i32) -> i32;
    pub fn now() -> f64;
    pub fn wall_clock() -> f64;
    pub fn random(buffer: *mut u8, length: usize) -> i32;
    pub fn config(buffer: *mut u8, capacity: usize) -> i32;
    pub fn metric(kind: i32, name: *const u8, length: usize) -> i32;
    pub fn measure(id: i32, value: f64) -> i32;
    pub fn log(level: i32, text: *const u8, length: usize);
    pub fn join(
        connection: i32,
        tag: i32,
        topic: *const u8,
        topic_length: usize,
        flags: i32,
    ) -> i32;
    pub fn leave(connection: i32, topic: *const u8, topic_length: usize, flags: i32) -> i32;
    pub fn publish(
        topic: *const u8,
        topic_length: usize,
        data: *const u8,
        length: usize,
        flags: i32,
    ) -> i32;
    pub fn publish_for(
        topic: *const u8,
        topic_length: usize,
        data: *const u8,
        length: usize,
        flags: i32,
        ttl_ms: u32,
    ) -> i32;
    pub fn store_get(connection: i32, tag: i32, key: *const u8, key_length: usize) -> i32;
    pub fn store_put(
        connection: i32,
        tag: i32,
        key: *const u8,
        key_length: usize,
        value: *const u8,
        value_length: usize,
        expected: *const u8,
        ttl_ms: u32,
    ) -> i32;
    pub fn store_delete(
        connection: i32,
        tag: i32,
        key: *const u8,
        key_length: usize,
        expected: *const u8,
    ) -> i32;
    pub fn store_add(
        connection: i32,
        tag: i32,
        key: *const u8,
        key_length: usize,
        delta: f64,
        ttl_ms: u32,
    ) -> i32;
}

#[link(wasm_import_module = "env")]
extern "C" {
    /// Ends the callback with a message. Strings are as AssemblyScript has them.
    pub fn abort(message: *const u16, file: *const u16, line: u32, column: u32) -> !;
}
