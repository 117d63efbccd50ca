//! The exports of a module, and what stands between them and the traits.

use super::guest::{Guest, Plain, Reply};
use super::host;
use std::{arch, mem, panic, ptr, slice};

/// Makes the exports of a guest, once in a module. Behind the type come the traits that it
/// implements besides `Guest`: `wasmpoll::export!(Board, Topics, Store);`
macro_rules! export {
    ($guest:ty $(, $part:ident)* $(,)?) => {
        const _: () = {
            use $crate::wasmpoll as abi;
            use abi::Connection;
            #[allow(unused_imports)]
            use abi::parts::NoParts as _;
            type State = <$guest as abi::Guest>::State;

            const NAMED: &[&str] = &[$(stringify!($part)),*];
            type Parts = abi::parts::Parts<$guest>;
            assert!(
                NAMED.len()
                    == Parts::TOPICS
                        + Parts::STORE
                        + Parts::REPLIES
                        + Parts::UPSTREAMS
                        + Parts::MIGRATE
                        + Parts::START
                        + Parts::TICK,
                "export! must name each trait that the guest implements besides Guest"
            );
            assert!(std::mem::align_of::<State>() <= 16, "a state block is aligned to 16 bytes");

            // No callback is called within another, and there is one thread.
            static mut GUEST: Option<$guest> = None;
            fn guest() -> &'static mut $guest {
                unsafe { (*std::ptr::addr_of_mut!(GUEST)).get_or_insert_with(abi::glue::start) }
            }

            #[no_mangle]
            extern "C" fn wasmpoll_abi_1() {}
            #[no_mangle]
            extern "C" fn allocate(bytes: usize) -> usize {
                abi::glue::allocate(bytes)
            }
            #[no_mangle]
            extern "C" fn state_size() -> usize {
                guest();
                std::mem::size_of::<State>()
            }
            #[no_mangle]
            extern "C" fn state_version() -> i32 {
                <$guest as abi::Guest>::STATE_VERSION
            }
            #[no_mangle]
            unsafe extern "C" fn on_data(
                connection: Connection,
                state: *mut State,
                data: *const u8,
                length: usize,
            ) -> usize {
                abi::Guest::data(guest(), connection, abi::glue::state(state), abi::glue::bytes(data, length))
            }
            #[no_mangle]
            unsafe extern "C" fn on_end(
                connection: Connection,
                state: *mut State,
                data: *const u8,
                length: usize,
            ) -> i32 {
                let rest = abi::glue::bytes(data, length);
                abi::Guest::end(guest(), connection, abi::glue::state(state), rest) as i32
            }
            #[no_mangle]
            unsafe extern "C" fn on_open(connection: Connection, state: *mut State) {
                abi::Guest::open(guest(), connection, abi::glue::state(state))
            }
            #[no_mangle]
            unsafe extern "C" fn on_drain(connection: Connection, state: *mut State) {
                abi::Guest::drain(guest(), connection, abi::glue::state(state))
            }
            #[no_mangle]
            unsafe extern "C" fn on_timer(connection: Connection, state: *mut State) {
                abi::Guest::timer(guest(), connection, abi::glue::state(state))
            }
            #[no_mangle]
            unsafe extern "C" fn on_close(connection: Connection, state: *mut State, reason: i32) {
                abi::Guest::closed(guest(), connection, abi::glue::state(state), reason)
            }
            #[no_mangle]
            unsafe extern "C" fn on_restore(connection: Connection, state: *mut State) {
                abi::Guest::restore(guest(), connection, abi::glue::state(state))
            }
            $(abi::glue::part!($part);)*
        };
    };
}
pub(crate) use export;

/// The exports of one trait, where `export` has its names.
macro_rules! part {
    (Topics) => {
        #[no_mangle]
        unsafe extern "C" fn on_message(
            connection: Connection,
            state: *mut State,
            tag: i32,
            flags: i32,
            topic: *const u8,
            topic_length: usize,
            data: *const u8,
            length: usize,
        ) {
            let (topic, data) = (
                abi::glue::bytes(topic, topic_length),
                abi::glue::bytes(data, length),
            );
            let message = abi::Message {
                tag,
                flags,
                topic,
                data,
            };
            abi::Topics::message(guest(), connection, abi::glue::state(state), message)
        }
        #[no_mangle]
        unsafe extern "C" fn on_missed(connection: Connection, state: *mut State) {
            abi::Topics::missed(guest(), connection, abi::glue::state(state))
        }
    };
    (Store) => {
        #[no_mangle]
        unsafe extern "C" fn on_reply(
            connection: Connection,
            state: *mut State,
            tag: i32,
            status: i32,
            data: *const u8,
            length: usize,
        ) {
            let data = abi::glue::bytes(data, length);
            abi::Store::reply(
                guest(),
                connection,
                abi::glue::state(state),
                tag,
                status,
                data,
            )
        }
    };
    (Replies) => {
        #[no_mangle]
        unsafe extern "C" fn on_replies(
            connection: Connection,
            state: *mut State,
            rows: *const abi::Reply,
            count: usize,
        ) {
            abi::Replies::replies(
                guest(),
                connection,
                abi::glue::state(state),
                abi::glue::rows(rows, count),
            )
        }
    };
    (Upstreams) => {
        #[no_mangle]
        unsafe extern "C" fn on_connect(
            connection: Connection,
            state: *mut State,
            parent: Connection,
        ) {
            let parent = (parent != Connection::NONE).then_some(parent);
            abi::Upstreams::connected(guest(), connection, abi::glue::state(state), parent)
        }
    };
    (Migrate) => {
        #[no_mangle]
        unsafe extern "C" fn migrate(
            connection: Connection,
            old: *const u8,
            old_size: usize,
            version: i32,
            state: *mut State,
        ) {
            let old = abi::glue::bytes(old, old_size);
            abi::Migrate::migrate(guest(), connection, old, version, abi::glue::state(state))
        }
    };
    (Start) => {
        #[no_mangle]
        extern "C" fn on_start() {
            abi::Start::start(guest())
        }
    };
    (Tick) => {
        #[no_mangle]
        extern "C" fn on_tick() {
            abi::Tick::tick(guest())
        }
    };
}
pub(crate) use part;

/// The guest, whose panics say their message and place from now on, and end the callback.
pub fn start<G: Guest>() -> G {
    panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let (file, line, column) = match panic.location() {
            Some(place) => (place.file(), place.line(), place.column()),
            None => ("", 0, 0),
        };
        unsafe { host::abort(utf16(message.unwrap_or("")), utf16(file), line, column) }
    }));
    G::new()
}

/// A string as AssemblyScript has it: its length in bytes stands in front. It is never freed: the
/// instance ends.
fn utf16(text: &str) -> *const u16 {
    let mut units = vec![0, 0];
    units.extend(text.encode_utf16());
    let bytes = 2 * (units.len() - 2);
    units[0] = bytes as u16;
    units[1] = (bytes >> 16) as u16;
    unsafe { units.leak().as_ptr().add(2) }
}

/// Pages at the end of memory, for good: the allocator of the standard library may grow it as well.
pub fn allocate(bytes: usize) -> usize {
    const PAGE: usize = 65_536;
    let before = arch::wasm32::memory_grow(0, bytes.saturating_add(PAGE - 1) / PAGE);
    if before == usize::MAX {
        0
    } else {
        before * PAGE
    }
}

/// # Safety
/// The host gave the address, and the block is not used elsewhere.
pub unsafe fn state<'a, S: Plain>(address: *mut S) -> &'a mut S {
    // There is no block of 0 bytes.
    if mem::size_of::<S>() == 0 {
        &mut *ptr::NonNull::dangling().as_ptr()
    } else {
        &mut *address
    }
}

/// # Safety
/// The host gave both.
pub unsafe fn bytes<'a>(address: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        &[]
    } else {
        slice::from_raw_parts(address, length)
    }
}

/// # Safety
/// The host gave both; there is at least one row.
pub unsafe fn rows<'a>(address: *const Reply, count: usize) -> &'a [Reply] {
    slice::from_raw_parts(address, count)
}
