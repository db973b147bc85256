//! Status numbers of the exports. A number is never reused for another meaning.

/// Done.
pub const MG_OK: i32 = 0;
/// A null pointer, a length over the limit, or a capacity that is too small.
pub const MG_ERR_INVALID_ARGUMENT: i32 = -1;
/// The handle is unknown, removed, or expired.
pub const MG_ERR_STALE_HANDLE: i32 = -2;
/// No more memory can be locked (RLIMIT_MEMLOCK).
pub const MG_ERR_LOCKED_MEMORY: i32 = -3;
/// All window descriptors are in use.
pub const MG_ERR_NO_WINDOW: i32 = -4;
/// Ordinary memory is short.
pub const MG_ERR_OUT_OF_MEMORY: i32 = -5;
/// The data is not what was sealed.
pub const MG_ERR_AUTHENTICATION: i32 = -6;
/// The process was forked and has no access to the secrets of its parent.
pub const MG_ERR_FORKED: i32 = -7;
/// A bug in this library; the call had no effect that could be relied on.
pub const MG_ERR_PANIC: i32 = -8;
/// mg_init has not run.
pub const MG_ERR_NOT_INITIALIZED: i32 = -9;
/// The operating system refused random bytes or a mapping.
pub const MG_ERR_SYSTEM: i32 = -10;
/// The data is of a kind that this library does not read.
pub const MG_ERR_UNSUPPORTED: i32 = -11;
/// The thread's stack is too short for what would have to be taken back.
pub const MG_ERR_STACK: i32 = -12;
/// An encoding of a key or a certificate that is damaged, or hostile.
pub const MG_ERR_MALFORMED: i32 = -13;
/// The certificates are another key's.
pub const MG_ERR_MISMATCH: i32 = -14;
/// The key is encrypted, and there is no passphrase, or a wrong one.
pub const MG_ERR_PASSPHRASE: i32 = -15;
/// The operating system refused protected memory for another reason than the limit: minus errno(3), 1 to 999.
pub const MG_ERR_REFUSED: i32 = -1000;

/// The reasons why a call fails, inside this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// See [`MG_ERR_INVALID_ARGUMENT`].
    InvalidArgument,
    /// See [`MG_ERR_STALE_HANDLE`].
    StaleHandle,
    /// See [`MG_ERR_LOCKED_MEMORY`].
    LockedMemory,
    /// See [`MG_ERR_NO_WINDOW`].
    NoWindow,
    /// See [`MG_ERR_OUT_OF_MEMORY`].
    OutOfMemory,
    /// See [`MG_ERR_AUTHENTICATION`].
    Authentication,
    /// See [`MG_ERR_NOT_INITIALIZED`].
    NotInitialized,
    /// See [`MG_ERR_SYSTEM`].
    System,
    /// See [`MG_ERR_UNSUPPORTED`].
    Unsupported,
    /// See [`MG_ERR_STACK`].
    Stack,
    /// See [`MG_ERR_MALFORMED`].
    Malformed,
    /// See [`MG_ERR_MISMATCH`].
    Mismatch,
    /// See [`MG_ERR_PASSPHRASE`].
    Passphrase,
    /// See [`MG_ERR_REFUSED`]; with errno.
    Refused(i32),
}

impl Error {
    /// The number that crosses the border.
    pub fn status(self) -> i32 {
        match self {
            Error::InvalidArgument => MG_ERR_INVALID_ARGUMENT,
            Error::StaleHandle => MG_ERR_STALE_HANDLE,
            Error::LockedMemory => MG_ERR_LOCKED_MEMORY,
            Error::NoWindow => MG_ERR_NO_WINDOW,
            Error::OutOfMemory => MG_ERR_OUT_OF_MEMORY,
            Error::Authentication => MG_ERR_AUTHENTICATION,
            Error::NotInitialized => MG_ERR_NOT_INITIALIZED,
            Error::System => MG_ERR_SYSTEM,
            Error::Unsupported => MG_ERR_UNSUPPORTED,
            Error::Stack => MG_ERR_STACK,
            Error::Malformed => MG_ERR_MALFORMED,
            Error::Mismatch => MG_ERR_MISMATCH,
            Error::Passphrase => MG_ERR_PASSPHRASE,
            Error::Refused(errno) => MG_ERR_REFUSED - errno.clamp(1, 999),
        }
    }
}
