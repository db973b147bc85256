/*
 * Stands between a JVM and the C library (LD_PRELOAD, and System.load for calls by FFM) and numbers every call that
 * touches a file under one directory. At a chosen number it kills the process or fails the call; it can write down what
 * each call did, well enough to replay it.
 *
 * FILETRACE_ROOT  the directory, absolute and without links
 * FILETRACE_LOG   file to append the record to; none where it is unset
 * FILETRACE_KILL  number of the call before which the process gets SIGKILL; none where it is unset
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, SHORT = -1 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static int record = -1;
static long calls, changes, kill_change, kill_at, stop_at, fault_first, fault_last, faults;
static int fault_error, only_syncs;
static const char *fault_kind = "";
static char *names[DESCRIPTORS]; /* of the open files under the root */
static ino_t inodes[DESCRIPTORS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void) {
  const char *directory = getenv("FILETRACE_ROOT"), *log = getenv("FILETRACE_LOG"), *number = getenv("FILETRACE_KILL");
  if (directory) snprintf(root, sizeof root, "%s", directory);
  if (log) record = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (number) kill_at = atol(number);
}

/* One line in one write: it stays when the process is killed. */
static void note(const char *format, ...) {
  if (record < 0) return;
  char *line;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&line, format, arguments);
  va_end(arguments);
  if (length < 0 || REAL(write)(record, line, length) != length) abort();
  free(line);
}

/* The absolute path; false where it is not under the root. */
static int place(int directory, const char *path, char out[PATH_MAX]) {
  if (!root[0] || !path) return 0;
  if (!strncmp(path, "/proc/self/fd/", 14)) { /* as openat does it */
    char *rest;
    directory = strtol(path + 14, &rest, 10);
    path = *rest ? rest + 1 : ".";
  }
  if (path[0] == '/') {
    snprintf(out, PATH_MAX, "%s", path);
  } else {
    char link[64];
    snprintf(link, sizeof link, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    if (strcmp(path, ".")) snprintf(out + length, PATH_MAX - length, "/%s", path);
  }
  size_t length = strlen(root);
  return !strncmp(out, root, length) && (out[length] == '/' || !out[length]);
}

static unsigned long inode(int fd) {
  struct stat status;
  return REAL(fstat)(fd, &status) ? 0 : status.st_ino;
}

/* The C library closes some by itself: then the number may mean another file. */
static int traced(int fd) { return fd >= 0 && fd < DESCRIPTORS && names[fd] && inode(fd) == inodes[fd]; }

/* Counts a call; true where it must fail, errno set. */
static int fails(const char *kind) {
  calls++;
  if (kill_at && calls == kill_at) kill(getpid(), SIGKILL);
  if (stop_at && calls == stop_at) raise(SIGSTOP); // Of this thread: sent to the process, another one would take it, later.
  if (!fault_first || calls < fault_first || calls > fault_last) return 0;
  if (only_syncs && strcmp(kind, "sync")) return 0;
  if (fault_error == SHORT) {
    if (strcmp(kind, "write") && strcmp(kind, "read")) return 0;
  } else {
    errno = fault_error;
  }
  faults++;
  fault_kind = kind;
  return 1;
}

/* Behind the nth call that changes what a name means, or makes it durable. */
static void kill_behind(const char *kind) {
  if (!strcmp(kind, "rename") || !strcmp(kind, "link") || !strcmp(kind, "unlink") || !strcmp(kind, "sync")) {
    changes++;
    if (kill_change && changes == kill_change) kill(getpid(), SIGKILL);
  }
}

/* Runs a call under the mutex, so that the record has the order of the calls. */
#define TRACED(type, condition, kind, real, noted)                   \
  do {                                                               \
    if (!(condition)) return real;                                   \
    pthread_mutex_lock(&mutex);                                      \
    type result = fails(kind) ? -1 : real;                           \
    int error = errno;                                               \
    if (result >= 0) { noted; }                                      \
    kill_behind(kind);                                               \
    errno = error;                                                   \
    pthread_mutex_unlock(&mutex);                                    \
    return result;                                                   \
  } while (0)

static int opened(int fd, const char *path, int flags, int is_new) {
  if (fd < DESCRIPTORS) {
    free(names[fd]);
    names[fd] = strdup(path);
    inodes[fd] = inode(fd);
  }
  if (is_new) note("create\t%lu\t%s\n", inode(fd), path);
  if (flags & O_TRUNC && !is_new) note("truncate\t%lu\t0\n", inode(fd));
  return fd;
}

static int open_at(int directory, const char *path, int flags, int mode) {
  char where[PATH_MAX];
  struct stat status;
  int is_new = 0;
  TRACED(int, place(directory, path, where), "open",
         (is_new = flags & O_CREAT && REAL(lstat)(where, &status) != 0, REAL(openat)(directory, path, flags, mode)),
         opened(result, where, flags, is_new));
}

#define MODE(flags)                                        \
  int mode = 0;                                            \
  if (flags & (O_CREAT | __O_TMPFILE)) {                   \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    mode = va_arg(arguments, int);                         \
    va_end(arguments);                                     \
  }

int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int fd, const char *path, int flags, ...) { MODE(flags) return open_at(fd, path, flags, mode); }
int openat64(int fd, const char *path, int flags, ...) { MODE(flags) return open_at(fd, path, flags, mode); }

/* Never failed: its errors are not acted upon. */
int close(int fd) {
  pthread_mutex_lock(&mutex);
  if (fd >= 0 && fd < DESCRIPTORS) {
    free(names[fd]);
    names[fd] = NULL;
  }
  pthread_mutex_unlock(&mutex);
  return REAL(close)(fd);
}

static void written(int fd, const unsigned char *bytes, size_t length, off_t offset) {
  if (record < 0) return;
  char *hex = malloc(2 * length + 1);
  for (size_t i = 0; i < length; i++) sprintf(hex + 2 * i, "%02x", bytes[i]);
  hex[2 * length] = 0;
  note("write\t%lu\t%ld\t%s\n", inode(fd), (long)offset, hex);
  free(hex);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset, int moves) {
  pthread_mutex_lock(&mutex);
  ssize_t result = -1;
  int must_fail = fails("write");
  if (must_fail && fault_error == SHORT) {
    must_fail = 0;
    length = (length + 1) / 2;
  }
  if (!must_fail) {
    if (moves) offset = lseek(fd, 0, SEEK_CUR);
    result = moves ? REAL(write)(fd, bytes, length) : REAL(pwrite)(fd, bytes, length, offset);
    int error = errno;
    if (result >= 0) written(fd, bytes, result, offset);
    errno = error;
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  return traced(fd) ? write_at(fd, bytes, length, 0, 1) : REAL(write)(fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return traced(fd) ? write_at(fd, bytes, length, offset, 0) : REAL(pwrite)(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite(fd, bytes, length, offset); }

ssize_t read(int fd, void *bytes, size_t length) {
  if (!traced(fd)) return REAL(read)(fd, bytes, length);
  pthread_mutex_lock(&mutex);
  int must_fail = fails("read"), is_short = must_fail && fault_error == SHORT;
  ssize_t result = must_fail && !is_short ? -1 : REAL(read)(fd, bytes, is_short ? (length + 1) / 2 : length);
  pthread_mutex_unlock(&mutex);
  return result;
}

#define SIZED(call, kind, noted) TRACED(int, traced(fd), kind, call, noted)
int ftruncate(int fd, off_t length) {
  SIZED(REAL(ftruncate)(fd, length), "truncate", note("truncate\t%lu\t%ld\n", inode(fd), (long)length));
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  SIZED(REAL(fallocate)(fd, mode, offset, length), "allocate",
        note("allocate\t%lu\t%ld\n", inode(fd), (long)(offset + length)));
}
int fallocate64(int fd, int mode, off_t offset, off_t length) { return fallocate(fd, mode, offset, length); }
int fsync(int fd) { SIZED(REAL(fsync)(fd), "sync", note("sync\t%lu\t%s\n", inode(fd), names[fd])); }
int fdatasync(int fd) { SIZED(REAL(fdatasync)(fd), "sync", note("sync\t%lu\t%s\n", inode(fd), names[fd])); }
int fchmod(int fd, mode_t mode) { SIZED(REAL(fchmod)(fd, mode), "mode", (void)0); }
int fchown(int fd, uid_t user, gid_t group) { SIZED(REAL(fchown)(fd, user, group), "owner", (void)0); }
int statx(int fd, const char *path, int flags, unsigned mask, struct statx *status) {
  return !*path && traced(fd) && fails("stat") ? -1 : REAL(statx)(fd, path, flags, mask, status);
}

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (traced(fd) && (command == F_OFD_SETLK || command == F_OFD_SETLKW)) {
    pthread_mutex_lock(&mutex); /* let go before it waits */
    int must_fail = fails("lock");
    pthread_mutex_unlock(&mutex);
    if (must_fail) return -1;
  }
  return REAL(fcntl)(fd, command, argument);
}

#define NAMED(directory, path, kind, call, noted) \
  char where[PATH_MAX];                           \
  TRACED(int, place(directory, path, where), kind, call, noted)
int mkdirat(int fd, const char *path, mode_t mode) {
  NAMED(fd, path, "mkdir", REAL(mkdirat)(fd, path, mode), note("mkdir\t%s\n", where));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int fd, const char *path, int flags) {
  NAMED(fd, path, "unlink", REAL(unlinkat)(fd, path, flags), note("unlink\t%s\n", where));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int fchownat(int fd, const char *path, uid_t user, gid_t group, int flags) {
  NAMED(fd, path, "owner", REAL(fchownat)(fd, path, user, group, flags), (void)0);
}
int chown(const char *path, uid_t user, gid_t group) { return fchownat(AT_FDCWD, path, user, group, 0); }
int lchown(const char *path, uid_t user, gid_t group) {
  return fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}
DIR *opendir(const char *path) {
  char where[PATH_MAX];
  if (place(AT_FDCWD, path, where)) {
    pthread_mutex_lock(&mutex);
    int must_fail = fails("list");
    pthread_mutex_unlock(&mutex);
    if (must_fail) return NULL;
  }
  return REAL(opendir)(path);
}

#define FROM_TO(kind, call)                                                             \
  char source[PATH_MAX], target[PATH_MAX];                                              \
  TRACED(int, place(from, path, source) & place(to, as, target), kind, call, note(kind "\t%s\t%s\n", source, target))
int renameat(int from, const char *path, int to, const char *as) {
  FROM_TO("rename", REAL(renameat)(from, path, to, as));
}
int rename(const char *path, const char *as) { return renameat(AT_FDCWD, path, AT_FDCWD, as); }
int linkat(int from, const char *path, int to, const char *as, int flags) {
  FROM_TO("link", REAL(linkat)(from, path, to, as, flags));
}
int link(const char *path, const char *as) { return linkat(AT_FDCWD, path, AT_FDCWD, as, 0); }

/* For the program itself. */

/* A line of its own in the record. */
void filetrace_mark(const char *text) {
  pthread_mutex_lock(&mutex);
  note("mark\t%s\t%ld\n", text, calls);
  pthread_mutex_unlock(&mutex);
}

/* Fails `count` calls, the first being number `first` from now on (from 1); SHORT does half of a read or a write. */
void filetrace_fault(long first, long count, int error) {
  pthread_mutex_lock(&mutex);
  fault_first = first ? calls + first : 0;
  fault_last = calls + first + count - 1;
  fault_error = error;
  fault_kind = "";
  only_syncs = 0;
  pthread_mutex_unlock(&mutex);
}

/* Stops the process (SIGSTOP) before a call, by its number from now on (from 1). */
void filetrace_stop(long call) { stop_at = calls + call; }

void filetrace_only_syncs(void) { only_syncs = 1; }
long filetrace_calls(void) { return calls; }
long filetrace_changes(void) { return changes; }
void filetrace_kill_behind(long change) { kill_change = changes + change; }
long filetrace_faults(void) { return faults; }
const char *filetrace_failed_kind(void) { return fault_kind; }
