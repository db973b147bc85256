/* The few calls of the C library that Java has no words for. */
#define _GNU_SOURCE /* F_OFD_SETLKW */
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
