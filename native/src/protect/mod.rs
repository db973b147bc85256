//! What keeps plaintext and keys to this process: locked and secret memory, what is wiped behind each call, how much stack
//! and locked memory there is.

pub mod fork;
pub mod process_key;
pub mod region;
pub mod residue;
pub mod retention;
pub mod stack_room;
