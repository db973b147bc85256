/* p11-kit's header (Debian: libp11-kit-dev), which needs no macros of its user. */
#include <p11-kit/pkcs11.h>
