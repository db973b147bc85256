/*
 * Stands between a JVM and the C library (LD_PRELOAD, and System.load for calls by FFM) and runs some threads of it, the
 * actors, one at a time: each stops before every call by which it changes what others see in a store, or sees what they
 * changed, and goes on when it is told to. A lock that is taken makes an actor wait here, not in the kernel. An actor that is
 * killed takes no further step, and lets its locks go, as the kernel does for a process. Other threads pass.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ACTORS = 8, RUNNING = 1, STOPPED, WAITING, POLLING, ENDED, KILLED };
enum { SECONDS = 120, LATER = 3600 }; /* until an actor is given up; by how much the clock is put forward */
enum { LOCKS = 8 };

struct actor {
  int state, go, late, dead;
  int descriptor; /* of the lock that it waits for */
  int locks[LOCKS], opened; /* descriptors by which it has taken locks */
  struct flock wanted, failed;
  char step[2 * NAME_MAX + 64];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct actor actors[ACTORS];
static __thread struct actor *self; /* null in other threads */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void wait_for_go(int state) {
  pthread_mutex_lock(&mutex);
  self->late = 0;
  self->state = state;
  pthread_cond_broadcast(&changed);
  while (!self->go) pthread_cond_wait(&changed, &mutex);
  self->go = 0;
  pthread_mutex_unlock(&mutex);
}

/* -1 where the actor is dead: the call has to fail, and so has every one after it. */
static int stop(const char *kind, const char *first, const char *second) {
  struct actor *actor = self;
  if (!actor) return 0;
  int error = errno;
  if (!actor->dead) {
    snprintf(actor->step, sizeof actor->step, "%s %s%s%s", kind, first, *second ? " " : "", second);
    wait_for_go(STOPPED);
  }
  errno = actor->dead ? EIO : error;
  return actor->dead ? -1 : 0;
}

/* The last part of a path of a file of a store; null for others. */
static const char *of_store(const char *path) {
  if (!self || !path) return NULL;
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  static const char *const known[] = {"store.", "mg_", "keystore", ".tmp_"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strncmp(name, known[i], strlen(known[i]))) return name;
  return NULL;
}

/* What others replace or remove. The lock and the counters are opened, and then the same. */
static int stop_before_open(const char *path) {
  const char *name = of_store(path);
  int seen = name && (!strcmp(name, "store.meta") || (strncmp(name, "store.", 6) && *name != '.'));
  return seen ? stop("open", name, "") : 0;
}

#define MODE(flags)                         \
  int mode = 0;                             \
  if (flags & (O_CREAT | __O_TMPFILE)) {    \
    va_list arguments;                      \
    va_start(arguments, flags);             \
    mode = va_arg(arguments, int);          \
    va_end(arguments);                      \
  }                                         \
  if (stop_before_open(path)) return -1;

int open(const char *path, int flags, ...) { MODE(flags) return REAL(open)(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return REAL(open64)(path, flags, mode); }
int openat(int fd, const char *path, int flags, ...) { MODE(flags) return REAL(openat)(fd, path, flags, mode); }
int openat64(int fd, const char *path, int flags, ...) { MODE(flags) return REAL(openat64)(fd, path, flags, mode); }

int statx(int fd, const char *path, int flags, unsigned mask, struct statx *status) {
  const char *name = of_store(path);
  if (name && !strcmp(name, "store.meta") && stop("stat", name, "")) return -1;
  return REAL(statx)(fd, path, flags, mask, status);
}

static int stop_between(const char *kind, const char *from, const char *to) {
  const char *name = of_store(from), *target = of_store(to);
  return name && target ? stop(kind, name, target) : 0;
}
static int stop_at(const char *kind, const char *path) {
  const char *name = of_store(path);
  return name ? stop(kind, name, "") : 0;
}
int rename(const char *a, const char *b) { return stop_between("rename", a, b) ? -1 : REAL(rename)(a, b); }
int renameat(int f, const char *a, int t, const char *b) {
  return stop_between("rename", a, b) ? -1 : REAL(renameat)(f, a, t, b);
}
int link(const char *a, const char *b) { return stop_between("link", a, b) ? -1 : REAL(link)(a, b); }
int linkat(int f, const char *a, int t, const char *b, int flags) {
  return stop_between("link", a, b) ? -1 : REAL(linkat)(f, a, t, b, flags);
}
int unlink(const char *path) { return stop_at("unlink", path) ? -1 : REAL(unlink)(path); }
int unlinkat(int fd, const char *path, int flags) {
  return stop_at("unlink", path) ? -1 : REAL(unlinkat)(fd, path, flags);
}
int remove(const char *path) { return stop_at("unlink", path) ? -1 : REAL(remove)(path); }

DIR *fdopendir(int fd) { return stop("list", "", "") ? NULL : REAL(fdopendir)(fd); }
DIR *opendir(const char *path) { return stop("list", "", "") ? NULL : REAL(opendir)(path); }

/* Of a directory: nobody else sees whether a file's content is durable. */
int fsync(int fd) {
  struct stat status;
  if (self && !fstat(fd, &status) && S_ISDIR(status.st_mode) && stop("sync", "", "")) return -1;
  return REAL(fsync)(fd);
}

static int same(const struct flock *one, const struct flock *other) {
  return one->l_start == other->l_start && one->l_len == other->l_len;
}

static void remember(struct actor *actor, int fd) {
  for (int i = 0; i < actor->opened; i++)
    if (actor->locks[i] == fd) return;
  if (actor->opened == LOCKS) abort();
  actor->locks[actor->opened++] = fd;
}

/*
 * A first try that fails is answered. Who tries the same again polls: it waits until the lock is free, or the clock is put
 * forward for it.
 */
static int lock(int fd, int command, struct flock *wanted) {
  struct actor *actor = self;
  char range[64];
  snprintf(range, sizeof range, "%ld+%ld", (long)wanted->l_start, (long)wanted->l_len);
  int polls = command == F_OFD_SETLK && same(wanted, &actor->failed);
  if (!polls && stop("lock", range, "")) return -1;
  remember(actor, fd);
  while (1) {
    int result = actor->dead ? -1 : REAL(fcntl)(fd, F_OFD_SETLK, wanted);
    if (actor->dead) errno = EIO;
    if (!result || (errno != EAGAIN && errno != EACCES)) {
      actor->failed = (struct flock){0};
      return result;
    }
    if (command == F_OFD_SETLK && !polls) {
      actor->failed = *wanted;
      errno = EAGAIN;
      return -1;
    }
    actor->descriptor = fd;
    actor->wanted = *wanted;
    snprintf(actor->step, sizeof actor->step, "lock %s", range);
    wait_for_go(command == F_OFD_SETLK ? POLLING : WAITING);
    if (actor->late) {
      actor->failed = (struct flock){0};
      errno = EAGAIN;
      return -1;
    }
  }
}

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (self && (command == F_OFD_SETLK || command == F_OFD_SETLKW) && ((struct flock *)argument)->l_type != F_UNLCK)
    return lock(fd, command, argument);
  return REAL(fcntl)(fd, command, argument);
}

/* So that nobody waits for real until a patience ends. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  static __typeof__(&clock_gettime) real;
  if (!real) real = REAL(clock_gettime);
  int result = real(clock, time);
  if (!result && self && self->late && clock == CLOCK_MONOTONIC) time->tv_sec += LATER;
  return result;
}

/* For the program itself. */

/* From here on this thread is an actor; returns when it is told to go on. */
void stepper_enter(int number) {
  self = &actors[number];
  stop("begin", "", "");
}

void stepper_leave(void) {
  struct actor *actor = self;
  self = NULL;
  pthread_mutex_lock(&mutex);
  actor->state = ENDED;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

/* A step that is no call of the C library; -1 where the actor is dead. */
int stepper_stop(const char *kind) { return stop(kind, "", ""); }

/* An actor that has stopped takes no further step: its locks are free, as after SIGKILL. */
void stepper_kill(int number) {
  struct actor *actor = &actors[number];
  int other = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < actor->opened; i++) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", actor->locks[i]);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/store.lock")) dup3(other, actor->locks[i], O_CLOEXEC);
  }
  close(other);
  pthread_mutex_lock(&mutex);
  actor->dead = 1;
  actor->state = KILLED;
  pthread_mutex_unlock(&mutex);
}

/* Lets the thread of a dead actor end: every call of it fails. */
void stepper_bury(int number) {
  pthread_mutex_lock(&mutex);
  actors[number].go = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

/* Waits until an actor has stopped; its state, or 0 where it takes too long. */
int stepper_await(int number) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += SECONDS;
  pthread_mutex_lock(&mutex);
  int error = 0;
  while (actors[number].state <= RUNNING && !error) error = pthread_cond_timedwait(&changed, &mutex, &until);
  int state = error ? 0 : actors[number].state;
  pthread_mutex_unlock(&mutex);
  return state;
}

/* Lets an actor go on to its next stop, with the clock put forward or not; as stepper_await. */
int stepper_go(int number, int late) {
  pthread_mutex_lock(&mutex);
  actors[number].state = RUNNING;
  actors[number].late = late;
  actors[number].go = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  return stepper_await(number);
}

/* Before the next run. */
void stepper_reset(void) { memset(actors, 0, sizeof actors); }

/* What it stopped before. */
const char *stepper_step(int number) { return actors[number].step; }

/* Whether nobody has the lock that it waits for. */
int stepper_is_free(int number) {
  struct flock range = actors[number].wanted;
  range.l_type = F_WRLCK;
  range.l_pid = 0;
  return !REAL(fcntl)(actors[number].descriptor, F_OFD_GETLK, &range) && range.l_type == F_UNLCK;
}
