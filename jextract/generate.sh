#!/usr/bin/env bash
# Generates src/main/java/io/memguard/ffi/gen with the jextract on the PATH, from the headers and symbol lists beside this
# script, and records what it was generated from, so that check.sh finds a header that moved on without its bindings.
# usage: generate.sh [OUTPUT_DIRECTORY]    needs native/build.sh to have run once (libsodium's headers), and libp11-kit-dev
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-src/main/java}
command -v jextract >/dev/null || { echo "generate.sh: no jextract on the PATH" >&2; exit 1; }
compiler_headers=${CLANG_INCLUDE:-$(ls -d /usr/lib/llvm-*/lib/clang/*/include 2>/dev/null | tail -n 1)}

# What a hot read calls is linked as it is; all else shares one shape of call, which io.memguard.ffi.Downcall explains.
hot='mg_borrow|mg_window_release|mg_copy'
# The same, and they take arrays of the heap, during which no garbage is collected: io.memguard.memory.SymmetricCalls keeps them short.
short='mg_hmac|mg_hmac_begin|mg_hmac_update|mg_gcm_seal|mg_gcm_open|mg_cipher_aad|mg_cipher_update'
function_body="/^    (private static class|public static [A-Za-z]+) ($hot|$short)([$]handle)?( \{|\()/,/^    }/"
short_body="/^    private static class ($short) \{/,/^    }/"

bind() { # library, class, header
  rm -rf "$out/io/memguard/ffi/gen/$1"
  jextract --output "$out" --target-package "io.memguard.ffi.gen.$1" --header-class-name "$2" \
    -I native/target/sodium/include -I /usr/include/p11-kit-1 ${compiler_headers:+-I "$compiler_headers"} \
    "@jextract/symbols/$1.txt" "$3"
  # SymbolLookup.findOrThrow came with Java 23; this library compiles for 22.
  # The handle of an array's elements costs as much as linking ten calls does, and most are never used.
  sed -i -E 's/SYMBOL_LOOKUP\.findOrThrow\(("[^"]*")\)/SYMBOL_LOOKUP.find(\1).orElseThrow()/
    s/^( *)private static final VarHandle (\w+)\$ELEM_HANDLE = (.*)$/\1private static class \2$Elements {\n\1    static final VarHandle HANDLE = \3\n\1}/
    s/\b(\w+)\$ELEM_HANDLE\./\1$Elements.HANDLE./' "$out/io/memguard/ffi/gen/$1"/*.java
  share_shape "$out/io/memguard/ffi/gen/$1"/*.java
}

share_shape() { # files
  local downcall=io.memguard.ffi.Downcall
  sed -i -E "$short_body s/downcallHandle\(ADDR, DESC\)/downcallHandle(ADDR, DESC, Linker.Option.critical(true))/
    $function_body b
    s/^( *)public static final MethodHandle HANDLE = (Linker.*)\$/\1static class Linked {\n\1    static final MethodHandle HANDLE = \2\n\1}/
    s/return (\w+)\.HANDLE;/return \1.Linked.HANDLE;/
    s/var mh\\$ = (\w+)\.HANDLE;/var function\$ = \1.ADDR;/
    s/\(int\)mh\\$\.invokeExact\(/$downcall.callInt(function\$, /
    s/\(long\)mh\\$\.invokeExact\(/$downcall.callLong(function\$, /
    s/\(MemorySegment\)mh\\$\.invokeExact\(/$downcall.callPointer(function\$, /
    s/^( *)mh\\$\.invokeExact\(/\1$downcall.callVoid(function\$, /
    s/function\\$, \)/function\$)/
    /private static final MethodHandle DOWN\\\$MH/d
    s/\(long\) DOWN\\\$MH\.invokeExact\(/$downcall.callLong(/
    s/^( *)private static final MethodHandle UP\\\$MH = (.*)\$/\1private static class Upcall {\n\1    static final MethodHandle HANDLE = \2\n\1}/
    s/UP\\\$MH\.bindTo/Upcall.HANDLE.bindTo/" "$@"
}

# These two are in no path that a class loader could be asked for; see io.memguard.memory.LibraryLoader.
bind_opened() {
  bind "$@"
  sed -i 's/SYMBOL_LOOKUP = SymbolLookup\.loaderLookup()/SYMBOL_LOOKUP = io.memguard.ffi.NativeSymbols.lookup()/' \
    "$out/io/memguard/ffi/gen/$1/$2.java"
}

bind_opened cache CacheLibrary native/include/memguard.h
bind_opened sodium SodiumLibrary jextract/headers/sodium.h
bind linux LinuxLibrary jextract/headers/linux.h
bind pkcs11 Pkcs11Library jextract/headers/pkcs11.h
[ "$out" != src/main/java ] || jextract/sources.sh > jextract/generated-from.sha256
