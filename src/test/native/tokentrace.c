/*
 * A PKCS #11 module that passes everything on to another one, and counts it. At a chosen number it kills the process right
 * behind a call that changes the token; it can answer chosen calls with an error of its own.
 *
 * TOKENTRACE_MODULE  the other one
 * TOKENTRACE_LOG     file to append the calls to that are answered by an error; none where it is unset
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word function(word, word, word, word, word, word);

enum { FUNCTIONS = 68, GENERAL_ERROR = 5 };

/* All that have at most six arguments, which any ABI passes alike. */
#define EACH(X)                                                                                                             \
  X(0, Initialize) X(1, Finalize) X(2, GetInfo) X(4, GetSlotList) X(5, GetSlotInfo) X(6, GetTokenInfo)                      \
  X(7, GetMechanismList) X(8, GetMechanismInfo) X(12, OpenSession) X(13, CloseSession) X(14, CloseAllSessions)              \
  X(15, GetSessionInfo) X(18, Login) X(19, Logout) X(20, CreateObject) X(21, CopyObject) X(22, DestroyObject)               \
  X(24, GetAttributeValue) X(25, SetAttributeValue) X(26, FindObjectsInit) X(27, FindObjects) X(28, FindObjectsFinal)       \
  X(29, EncryptInit) X(30, Encrypt) X(33, DecryptInit) X(34, Decrypt) X(42, SignInit) X(43, Sign) X(58, GenerateKey)        \
  X(64, GenerateRandom)

static struct list {
  unsigned char version[2];
  function *functions[FUNCTIONS];
} list;
static function *real[FUNCTIONS];
static atomic_ulong calls[FUNCTIONS], writes;
static word kill_at, fail_first[FUNCTIONS], fail_last[FUNCTIONS], fail_answer[FUNCTIONS];
static int fail_behind[FUNCTIONS], record = -1;

static int is_write(int index) { return index == 20 || index == 22 || index == 25 || index == 58; }

static const char *name_of(int index) {
#define CASE(number, of) \
  if (index == number) return "C_" #of;
  EACH(CASE)
  return "?";
}

/* One line in one write. */
static void note(int index, word answer) {
  if (record < 0 || !answer) return;
  char line[64];
  int length = snprintf(line, sizeof line, "%d %s 0x%lx\n", getpid(), name_of(index), answer);
  if (write(record, line, length) != length) abort();
}

static word traced(int index, word a, word b, word c, word d, word e, word f) {
  word number = atomic_fetch_add(&calls[index], 1) + 1;
  int fails = fail_first[index] && number >= fail_first[index] && number <= fail_last[index];
  if (fails && !fail_behind[index]) return fail_answer[index];
  word answer = real[index](a, b, c, d, e, f);
  if (is_write(index) && atomic_fetch_add(&writes, 1) + 1 == kill_at) kill(getpid(), SIGKILL);
  if (fails) answer = fail_answer[index];
  note(index, answer);
  return answer;
}

#define WRAPPER(index, name) \
  static word traced_##name(word a, word b, word c, word d, word e, word f) { return traced(index, a, b, c, d, e, f); }
EACH(WRAPPER)

static int index_of(const char *name) {
#define NAME(index, of) \
  if (!strcmp(name, "C_" #of)) return index;
  EACH(NAME)
  fprintf(stderr, "no function %s\n", name);
  abort();
}

/* How often it was called. */
word tokentrace_calls(const char *name) { return calls[index_of(name)]; }

/* How many calls have written: C_CreateObject, C_DestroyObject, C_SetAttributeValue, C_GenerateKey. */
word tokentrace_writes(void) { return writes; }

/* SIGKILL behind the nth of them from now on. */
void tokentrace_kill_behind(word write) { kill_at = writes + write; }

/* From now on the first to the last call, counted from 1, is answered so; behind the real one, or in its place. */
void tokentrace_fail(const char *name, word first, word last, word answer, int behind) {
  int index = index_of(name);
  word before = calls[index];
  fail_answer[index] = answer;
  fail_behind[index] = behind;
  fail_last[index] = before + last;
  fail_first[index] = first ? before + first : 0;
}

word C_GetFunctionList(struct list **out) {
  const char *module = getenv("TOKENTRACE_MODULE"), *log = getenv("TOKENTRACE_LOG");
  void *library = module ? dlopen(module, RTLD_NOW) : NULL;
  word (*get)(struct list **) = library ? (word(*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
  struct list *other;
  if (!get || get(&other)) return GENERAL_ERROR;
  if (log) record = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  memcpy(real, other->functions, sizeof real);
  list = *other;
#define REPLACE(index, name) list.functions[index] = traced_##name;
  EACH(REPLACE)
  *out = &list;
  return 0;
}
