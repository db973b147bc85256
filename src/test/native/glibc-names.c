/* What a JVM that was built for glibc needs beyond musl, under the name of glibc's dynamic linker, so that it runs on musl. */
#include <stddef.h>

void *calloc(size_t, size_t);
void *dlsym(void *, const char *);
void free(void *);
void *memchr(const void *, int, size_t);
int pthread_key_create(unsigned *, void (*)(void *));
char *strdup(const char *);
char *strtok_r(char *, const char *, char **);

int __pthread_key_create(unsigned *key, void (*destructor)(void *)) { return pthread_key_create(key, destructor); }
void *__rawmemchr(const void *text, int byte) { return memchr(text, byte, (size_t)-1 >> 1); }
void *__sched_cpualloc(size_t count) { return calloc((count + 63) / 64, 8); }
void __sched_cpufree(void *set) { free(set); }
char *__strdup(const char *text) { return strdup(text); }
char *__strtok_r(char *text, const char *between, char **rest) { return strtok_r(text, between, rest); }
void *dlvsym(void *handle, const char *name, const char *version) { (void)version; return dlsym(handle, name); }
int malloc_trim(size_t keep) { (void)keep; return 0; }
