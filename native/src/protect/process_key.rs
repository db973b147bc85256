//! The key that seals the values in memory: one a process, random, never on disk.

use crate::protect::region::{Kind, MG_BEST_EFFORT, Region};
use crate::status::Error;
use libsodium_sys as sodium;
use std::sync::{Mutex, OnceLock};

const SIZE: usize = sodium::crypto_aead_aegis256_KEYBYTES as usize;

static KEY: OnceLock<Region> = OnceLock::new();
static MAKING: Mutex<()> = Mutex::new(());

/// Makes the key where there is none yet.
pub fn init(flags: u32) -> Result<(), Error> {
    let _one_at_a_time = MAKING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(region) = KEY.get() {
        let acceptable = region.kind() != Kind::Unlocked || flags & MG_BEST_EFFORT != 0;
        return if acceptable { Ok(()) } else { Err(Error::LockedMemory) };
    }
    let region = Region::new(SIZE, flags)?;
    // SAFETY: the region is ours alone and has at least SIZE bytes.
    unsafe { sodium::randombytes_buf(region.data().cast(), SIZE) };
    let _ = KEY.set(region);
    Ok(())
}

/// Where the 32 bytes lie; valid for ever.
pub fn get() -> Result<*const u8, Error> {
    KEY.get()
        .map(|region| region.data().cast_const())
        .ok_or(Error::NotInitialized)
}

/// How the key is protected; 0 before it is made.
pub fn kind() -> u64 {
    KEY.get().map_or(0, |region| region.kind() as u64)
}
