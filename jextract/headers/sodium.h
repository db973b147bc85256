/* libsodium as native/build.sh installs it: the pinned version, not the machine's. */
#include <sodium.h>
