/*
 * libmemguard_ffi: secrets sealed in memory, opened into protected windows; keys that are used where they lie.
 * Generated from native/src/exports.rs, symmetric_exports.rs, key_exports.rs; `UPDATE_HEADER=1 cargo test --test header` writes it anew.
 */

#ifndef MEMGUARD_H
#define MEMGUARD_H

#include <stdint.h>

// Done.
#define MG_OK 0

// A null pointer, a length over the limit, or a capacity that is too small.
#define MG_ERR_INVALID_ARGUMENT -1

// The handle is unknown, removed, or expired.
#define MG_ERR_STALE_HANDLE -2

// No more memory can be locked (RLIMIT_MEMLOCK).
#define MG_ERR_LOCKED_MEMORY -3

// All window descriptors are in use.
#define MG_ERR_NO_WINDOW -4

// Ordinary memory is short.
#define MG_ERR_OUT_OF_MEMORY -5

// The data is not what was sealed.
#define MG_ERR_AUTHENTICATION -6

// The process was forked and has no access to the secrets of its parent.
#define MG_ERR_FORKED -7

// A bug in this library; the call had no effect that could be relied on.
#define MG_ERR_PANIC -8

// mg_init has not run.
#define MG_ERR_NOT_INITIALIZED -9

// The operating system refused random bytes or a mapping.
#define MG_ERR_SYSTEM -10

// The data is of a kind that this library does not read.
#define MG_ERR_UNSUPPORTED -11

// The thread's stack is too short for what would have to be taken back.
#define MG_ERR_STACK -12

// An encoding of a key or a certificate that is damaged, or hostile.
#define MG_ERR_MALFORMED -13

// The certificates are another key's.
#define MG_ERR_MISMATCH -14

// The key is encrypted, and there is no passphrase, or a wrong one.
#define MG_ERR_PASSPHRASE -15

// The operating system refused protected memory for another reason than the limit: minus errno(3), 1 to 999.
#define MG_ERR_REFUSED -1000

// Flag: don't use memfd_secret(2), which keeps the system from hibernating while it is in use.
#define MG_NO_MEMFD_SECRET 1

// Flag: go on with unlocked memory where locking fails.
#define MG_BEST_EFFORT 2

// How many secrets may be lent at once.
#define MG_WINDOW_COUNT 4096

// A window as the caller sees it: `data` and `length` may be read while it is lent.
typedef struct MgWindow {
  // The first byte of the plaintext.
  uint8_t *data;
  // The length of the plaintext in bytes.
  uint64_t length;
  // Private to the library.
  uint64_t reserved[14];
} MgWindow;

// Figures at one moment, in bytes where they are not counts.
typedef struct MgUsage {
  // Values in the cache.
  uint64_t items;
  // Their lengths together.
  uint64_t value_bytes;
  // Ordinary memory that their sealed form takes.
  uint64_t sealed_bytes;
  // Windows that are lent, in the whole process.
  uint64_t windows_in_use;
  // Window descriptors that were ever in use at once, at most.
  uint64_t windows_peak;
  // Locked memory of this library, in the whole process.
  uint64_t locked_bytes;
  // Memory that should be locked and is not (MG_BEST_EFFORT).
  uint64_t unlocked_bytes;
  // Of the process key: 1 memfd_secret, 2 locked, 3 not locked.
  uint64_t memory_kind;
} MgUsage;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this interface: 4. Version 1 had neither mg_bcfks_read nor mg_wipe_traces, version 2 no mg_stack_left,
// version 3 no operations with keys.
uint32_t mg_abi_version(void);

// Makes the process key in protected memory, once; later calls only check that its protection satisfies `flags`
// (MG_NO_MEMFD_SECRET, MG_BEST_EFFORT), else MG_ERR_LOCKED_MEMORY. MG_ERR_SYSTEM: where there are no random bytes, or where
// another library takes the memory of aws-lc's keys over (OPENSSL_memory_*).
int32_t mg_init(uint32_t flags);

// Makes a cache and writes its number to `cache`.
//
// # Safety
// `cache` must be writable.
int32_t mg_cache_new(uint32_t flags, uint64_t *cache);

// Removes a cache and its values. Windows lent from it stay good until they are released.
int32_t mg_cache_free(uint64_t cache);

// Removes all values of a cache.
int32_t mg_cache_clear(uint64_t cache);

// Seals a copy of a value (up to 1 GiB) and writes its handle to `handle`. `ttl_ms`: how long it lives; `idle_ms`: how
// long without use; milliseconds, 0 for ever. The value itself stays the caller's to wipe.
//
// # Safety
// `value_data` must be readable for `length` bytes, or null where that is 0; `handle` must be writable.
int32_t mg_put(uint64_t cache,
               const uint8_t *value_data,
               uint64_t length,
               uint64_t ttl_ms,
               uint64_t idle_ms,
               uint64_t *handle);

// Puts another value under a handle. Readers get the one or the other, never a mixture.
//
// # Safety
// `value_data` must be readable for `length` bytes, or null where that is 0.
int32_t mg_replace(uint64_t cache,
                   uint64_t handle,
                   const uint8_t *value_data,
                   uint64_t length,
                   uint64_t ttl_ms,
                   uint64_t idle_ms);

// Removes a value.
int32_t mg_remove(uint64_t cache, uint64_t handle);

// The length of a value in bytes, or a status.
int64_t mg_length(uint64_t cache, uint64_t handle);

// Opens a value into a window; returns the window's number, or a status. The caller reads `data` and `length` of entry
// `number & 0xFFFF` of mg_windows(), and returns the number to mg_window_release. MG_ERR_STACK: where the stack might not
// suffice for that.
int64_t mg_borrow(uint64_t cache,
                  uint64_t handle);

// Takes a window of `length` zeros to write to; returns its number, or a status. MG_ERR_STACK as for mg_borrow.
int64_t mg_window_acquire(uint64_t length,
                          uint32_t flags);

// Wipes a window and takes it back; a second time is MG_ERR_STALE_HANDLE.
int32_t mg_window_release(int64_t window);

// How many bytes of its stack Java's methods may still take on this thread; very many where that is not known.
int64_t mg_stack_left(void);

// The table of windows: 4096 entries, valid for ever.
const struct MgWindow *mg_windows(void);

// Removes the values of a cache that have expired; returns how many, or a status. Long windows that nobody used for ten
// seconds or more give their memory back, too.
int64_t mg_sweep(uint64_t cache);

// Gives the locked memory of all idle windows back to the system; returns how many bytes that was, or a status. They
// were wiped when they were released. Windows that are lent are not touched.
int64_t mg_trim(void);

// Writes figures of a cache and of the process to `usage`.
//
// # Safety
// `usage` must be writable.
int32_t mg_usage(uint64_t cache, struct MgUsage *usage);

// Expands a 32-byte AES key in protected memory and writes its number to `aead`. The original stays the caller's to
// wipe.
//
// # Safety
// `key` must be readable for 32 bytes; `aead` must be writable.
int32_t mg_aead_new(const uint8_t *key,
                    uint32_t flags,
                    uint64_t *aead);

// Wipes a key, after the calls that use it.
int32_t mg_aead_free(uint64_t aead);

// Seals under a random IV: writes `length + 28` bytes, `IV || ciphertext || tag`.
//
// # Safety
// The inputs must be readable for their lengths (null where that is 0), `out` writable for `capacity` bytes and apart
// from `plain`.
int32_t mg_aead_seal(uint64_t aead,
                     const uint8_t *aad,
                     uint64_t aad_length,
                     const uint8_t *plain,
                     uint64_t length,
                     uint8_t *out,
                     uint64_t capacity);

// Verifies and opens: writes `length - 28` bytes, or MG_ERR_AUTHENTICATION and zeros.
//
// # Safety
// The inputs must be readable for their lengths (null where that is 0), `out` writable for `capacity` bytes (null where
// nothing is written) and apart from `sealed`.
int32_t mg_aead_open(uint64_t aead,
                     const uint8_t *aad,
                     uint64_t aad_length,
                     const uint8_t *sealed,
                     uint64_t length,
                     uint8_t *out,
                     uint64_t capacity);

// Decodes Base64 (RFC 4648, padded, no line breaks) of what is not secret; returns how many bytes that gave. What is not
// Base64 is MG_ERR_AUTHENTICATION: it can't be what was written. `out` may hold a part of it then.
//
// # Safety
// `text` must be readable for `length` bytes (null where that is 0), `out` writable for `capacity` bytes (null where that
// is 0) and apart from it.
int64_t mg_base64_decode(const uint8_t *text,
                         uint64_t length,
                         uint8_t *out,
                         uint64_t capacity);

// Reads the secret key under `alias` out of a BCFKS container of up to 1 MiB, and returns its length in bytes; 0 where there
// is none. `password`: up to 128 characters of one byte each. MG_ERR_AUTHENTICATION: the container was changed, or has another
// password. MG_ERR_UNSUPPORTED: it verifies, but is encrypted in another way than MemGuard does.
//
// # Safety
// The inputs must be readable for their lengths, `out` writable for `capacity` bytes and apart from them.
int64_t mg_bcfks_read(const uint8_t *container,
                      uint64_t length,
                      const uint8_t *password,
                      uint64_t password_length,
                      const uint8_t *alias,
                      uint64_t alias_length,
                      uint8_t *out,
                      uint64_t capacity);

// Copies plaintext, and clears the registers that it went through; a copy by the JVM leaves its last bytes in them.
//
// # Safety
// `from` must be readable and `to` writable for `length` bytes (null where that is 0), apart from each other.
int32_t mg_copy(const uint8_t *from,
                uint8_t *to,
                uint64_t length);

// Wipes what a call of another library has left in registers, and on the stack up to 16 KiB below the caller.
void mg_wipe_traces(void);

// The HMAC of one message; returns its length. `hash`: 1, 224, 256, 384, 512 for SHA-1 and SHA-2.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0), `mac` writable for `capacity` bytes.
int64_t mg_hmac(uint64_t cache,
                uint64_t key,
                uint32_t hash,
                const uint8_t *data,
                uint64_t length,
                uint8_t *mac,
                uint64_t capacity);

// Begins an HMAC of any length with its first bytes; returns the number of the operation, which mg_hmac_free ends.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0).
int64_t mg_hmac_begin(uint64_t cache,
                      uint64_t key,
                      uint32_t hash,
                      const uint8_t *data,
                      uint64_t length);

// Goes on with a message.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0).
int32_t mg_hmac_update(uint64_t operation, const uint8_t *data, uint64_t length);

// The HMAC of the message; returns its length. The operation goes on with an empty message and the same key.
//
// # Safety
// `mac` must be writable for `capacity` bytes.
int64_t mg_hmac_finish(uint64_t operation,
                       uint8_t *mac,
                       uint64_t capacity);

// Another operation that goes on where this one is; returns its number.
int64_t mg_hmac_copy(uint64_t operation);

// Wipes the state of an operation.
int32_t mg_hmac_free(uint64_t operation);

// Encrypts by AES-GCM with an IV of any length, which must never come again with this key: writes the ciphertext and
// `tag` bytes (12 to 16) of the tag, and returns how many bytes that was.
//
// # Safety
// The inputs must be readable for their lengths (null where that is 0), `sealed` writable for `capacity` bytes; it is
// `plain` or apart from it.
int64_t mg_gcm_seal(uint64_t cache,
                    uint64_t key,
                    const uint8_t *iv,
                    uint64_t iv_length,
                    const uint8_t *aad,
                    uint64_t aad_length,
                    const uint8_t *plain,
                    uint64_t length,
                    uint8_t *sealed,
                    uint64_t capacity,
                    uint32_t tag);

// Verifies and decrypts what mg_gcm_seal wrote; returns the length of the plaintext, or MG_ERR_AUTHENTICATION and zeros.
//
// # Safety
// The inputs must be readable for their lengths (null where that is 0), `plain` writable for `capacity` bytes; it is
// `sealed` or apart from it.
int64_t mg_gcm_open(uint64_t cache,
                    uint64_t key,
                    const uint8_t *iv,
                    uint64_t iv_length,
                    const uint8_t *aad,
                    uint64_t aad_length,
                    const uint8_t *sealed,
                    uint64_t length,
                    uint8_t *plain,
                    uint64_t capacity,
                    uint32_t tag);

// Begins AES in steps; returns the number of the operation, which mg_cipher_free ends. `mode`: 1 GCM, which encrypts only,
// 2 CTR, 3 CBC, 4 CBC with PKCS #7 padding.
//
// # Safety
// `iv` must be readable for `iv_length` bytes.
int64_t mg_cipher_begin(uint64_t cache,
                        uint64_t key,
                        uint32_t mode,
                        uint32_t encrypt,
                        const uint8_t *iv,
                        uint64_t iv_length);

// Authenticates by GCM what is not encrypted, before the first text.
//
// # Safety
// `aad` must be readable for `length` bytes (null where that is 0).
int32_t mg_cipher_aad(uint64_t operation, const uint8_t *aad, uint64_t length);

// Goes on; returns how many bytes were written. CBC needs room for 16 bytes more than it gets.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0), `to` writable for `capacity` bytes and apart from it,
// or the same where the mode is not CBC.
int64_t mg_cipher_update(uint64_t operation,
                         const uint8_t *data,
                         uint64_t length,
                         uint8_t *to,
                         uint64_t capacity);

// Ends: writes what CBC has kept back (`capacity` 16), or `capacity` bytes (12 to 16) of GCM's tag; returns how many bytes that was.
// MG_ERR_AUTHENTICATION: there is no such padding, or the last block is not whole.
//
// # Safety
// `to` must be writable for `capacity` bytes.
int64_t mg_cipher_finish(uint64_t operation,
                         uint8_t *to,
                         uint64_t capacity);

// Wipes the state of an operation.
int32_t mg_cipher_free(uint64_t operation);

// Wraps up to 1 MiB by AES key wrap (RFC 3394), or `padded` (RFC 5649); returns how many bytes that gave.
//
// # Safety
// `plain` must be readable for `length` bytes, `wrapped` writable for `capacity` bytes and apart from it.
int64_t mg_wrap(uint64_t cache,
                uint64_t key,
                uint32_t padded,
                const uint8_t *plain,
                uint64_t length,
                uint8_t *wrapped,
                uint64_t capacity);

// Wraps another key that lies in a cache.
//
// # Safety
// `wrapped` must be writable for `capacity` bytes.
int64_t mg_wrap_key(uint64_t cache,
                    uint64_t key,
                    uint32_t padded,
                    uint64_t other_cache,
                    uint64_t other_key,
                    uint8_t *wrapped,
                    uint64_t capacity);

// Verifies and unwraps; returns the length. `plain` must have room for 8 bytes less than `wrapped`.
//
// # Safety
// `wrapped` must be readable for `length` bytes, `plain` writable for `capacity` bytes and apart from it.
int64_t mg_unwrap(uint64_t cache,
                  uint64_t key,
                  uint32_t padded,
                  const uint8_t *wrapped,
                  uint64_t length,
                  uint8_t *plain,
                  uint64_t capacity);

// Verifies and unwraps into a new key of a cache, whose handle it writes to `handle`.
//
// # Safety
// `wrapped` must be readable for `length` bytes, `handle` writable.
int32_t mg_unwrap_key(uint64_t cache,
                      uint64_t key,
                      uint32_t padded,
                      const uint8_t *wrapped,
                      uint64_t length,
                      uint64_t target_cache,
                      uint64_t *handle);

// HKDF-Extract: a new key of a cache, whose handle it writes to `handle`.
//
// # Safety
// `salt` must be readable for `length` bytes (null where that is 0), `handle` writable.
int32_t mg_hkdf_extract(uint64_t cache,
                        uint64_t key,
                        uint32_t hash,
                        const uint8_t *salt,
                        uint64_t length,
                        uint64_t target_cache,
                        uint64_t *handle);

// HKDF-Expand into bytes.
//
// # Safety
// `info` must be readable for `length` bytes (null where that is 0), `to` writable for `capacity` bytes.
int32_t mg_hkdf_expand(uint64_t cache,
                       uint64_t key,
                       uint32_t hash,
                       const uint8_t *info,
                       uint64_t length,
                       uint8_t *to,
                       uint64_t capacity);

// HKDF-Expand into a new key of a cache, whose handle it writes to `handle`.
//
// # Safety
// `info` must be readable for `length` bytes (null where that is 0), `handle` writable.
int32_t mg_hkdf_expand_key(uint64_t cache,
                           uint64_t key,
                           uint32_t hash,
                           const uint8_t *info,
                           uint64_t length,
                           uint64_t key_length,
                           uint64_t target_cache,
                           uint64_t *handle);

// Imports a private key with its certificates: PEM, or DER of PKCS#8, encrypted PKCS#8, PKCS#1, SEC1, up to 1 MiB. Seals it in
// the cache, writes its handle to `handle`, and `kind || length || SubjectPublicKeyInfo || (length || certificate)*` to `out`
// (lengths of 4 bytes, little-endian); returns how many bytes those are, at most `length + 4096`. `kind`: 1 P-256, 2 P-384,
// 3 P-521, 4 Ed25519, 5 X25519, 6 RSA. MG_ERR_MALFORMED, MG_ERR_MISMATCH, MG_ERR_PASSPHRASE; MG_ERR_UNSUPPORTED: another curve,
// another encryption, an RSA key of fewer than 2048 bits or more than 8192.
//
// # Safety
// The inputs must be readable for their lengths (`passphrase` null for none), `out` writable for `capacity` bytes, `handle`
// writable.
int64_t mg_key_import(uint64_t cache,
                      const uint8_t *encoded,
                      uint64_t length,
                      const uint8_t *passphrase,
                      uint64_t passphrase_length,
                      uint8_t *target,
                      uint64_t capacity,
                      uint64_t *handle);

// Makes a key of a kind (see mg_key_import), an RSA key of 2048, 3072 or 4096 bits, and writes it as PKCS#8 in PEM to `out`, which
// is to be protected memory of 8 KiB; returns how many bytes it is.
//
// # Safety
// `target` must be writable for `capacity` bytes.
int64_t mg_key_generate(uint32_t kind,
                        uint32_t bits,
                        uint8_t *target,
                        uint64_t capacity,
                        uint32_t flags);

// Signs: `way` is 1 ECDSA in DER, 2 ECDSA as r || s, 3 Ed25519, 4 RSA PKCS#1, 5 RSA PSS, plus `digest << 8` for RSA (1 SHA-1,
// 2 SHA-224, 3 SHA-256, 4 SHA-384, 5 SHA-512; 0 for PKCS#1 of `data` as it is) and `digest of MGF1 << 16`. `data` is the digest,
// for Ed25519 the message. Returns the length of the signature; `out` has room for 1024 bytes. A key of another kind is
// MG_ERR_INVALID_ARGUMENT.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0), `target` writable for 1024 bytes.
int64_t mg_key_sign(uint64_t cache,
                    uint64_t handle,
                    uint32_t way,
                    uint32_t salt,
                    const uint8_t *data,
                    uint64_t length,
                    uint8_t *target);

// Writes the SHA-256 of a secret, 32 bytes, to `target`.
//
// # Safety
// `data` must be readable for `length` bytes (null where that is 0), `target` writable for 32 bytes.
int32_t mg_digest(const uint8_t *data,
                  uint64_t length,
                  uint8_t *target);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MEMGUARD_H */
