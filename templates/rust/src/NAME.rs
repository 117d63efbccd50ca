// NAME: answers each line with its number. docs/abi.md of the package wasmpoll has what a guest may do.

#[link(wasm_import_module = "wasmpoll")]
extern "C" {
    fn send(connection: i32, data: *const u8, length: i32) -> i32;
    fn want(connection: i32, bytes: i32) -> i32;
}

#[no_mangle]
pub extern "C" fn wasmpoll_abi_1() {}

#[no_mangle]
pub extern "C" fn allocate(bytes: usize) -> *mut u8 {
    use std::alloc::{alloc, Layout};
    match Layout::from_size_align(bytes, 16) {
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// What is kept for each connection. It outlives traps, and swaps of the module.
pub struct Client {
    lines: u32,
}

#[no_mangle]
pub extern "C" fn state_size() -> usize {
    std::mem::size_of::<Client>()
}

/// Bytes have come: one line of them is answered, and called for the next one again.
#[no_mangle]
pub extern "C" fn on_data(connection: i32, client: &mut Client, data: *const u8, length: i32) -> i32 {
    let bytes = unsafe { std::slice::from_raw_parts(data, length as usize) };
    let end = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => end as i32,
        None => {
            unsafe { want(connection, length + 1) };
            return 0;
        }
    };
    client.lines += 1;
    let number = format!("{} ", client.lines);
    unsafe {
        send(connection, number.as_ptr(), number.len() as i32);
        send(connection, data, end + 1);
    }
    end + 1
}
