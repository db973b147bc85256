#!/usr/bin/env bash
# Prints the bill of materials (CycloneDX 1.6) of libmemguard_ffi and libsodium: the crates that are linked in, with the
# checksums of Cargo.lock.
# usage: sbom.sh LIBSODIUM      where build.sh installed it
set -euo pipefail
sodium=$1
cd "$(dirname "$0")"
sodium=$(awk '/define SODIUM_VERSION_STRING/ { gsub(/"/, "", $3); print $3 }' "$sodium/include/sodium/version.h")
cargo tree --locked --quiet --edges normal --target x86_64-unknown-linux-gnu --prefix none --format '{p}|{l}' \
  | sed 's/ (\*)//; s/ (proc-macro)//; s/ ([^)]*)|/|/' | LC_ALL=C sort -u | awk -v sodium="$sodium" '
  function component(name, version, purl, license, hash) {
    return sprintf("{\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", \"purl\": \"%s\", %s\"licenses\": [{\"expression\": \"%s\"}]}",
      name, version, purl, hash == "" ? "" : "\"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"" hash "\"}], ", license)
  }
  NR == FNR { # Cargo.lock
    gsub(/"/, "")
    if ($1 == "name") name = $3
    if ($1 == "version") version = $3
    if ($1 == "checksum") hashes[name " " version] = $3
    next
  }
  {
    split($0, part, "|"); split(part[1], package, " ")
    version = substr(package[2], 2)
    gsub("/", " OR ", part[2])
    text = component(package[1], version, "pkg:cargo/" package[1] "@" version, part[2], hashes[package[1] " " version])
    if (package[1] == "memguard_ffi") own = text; else crates = crates ",\n    " text
  }
  END {
    printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,\n"
    printf "  \"metadata\": {\"component\": %s},\n  \"components\": [\n    %s%s\n  ]\n}\n",
      own, component("libsodium", sodium, "pkg:generic/libsodium@" sodium, "ISC", ""), crates
  }' Cargo.lock -
