// A host function that the bindings of @assemblyscript/wasi-shim lack. AssemblyScript takes the import
// module's name from this file's name.

/** The next connection of a listening socket; its descriptor is stored at `result`. */
export declare function sock_accept(listener: u32, flags: u16, result: usize): u16;
