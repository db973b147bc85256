/* Says that it was loaded. */
#include <stdio.h>

__attribute__((constructor)) static void loaded(void) {
    fputs("LOADED\n", stderr);
}
