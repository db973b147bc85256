/* A filter of system calls, as a container has one: forbids (EPERM) those whose numbers are in FORBID, such as "149,325". */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static void forbid(unsigned number) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("forbid");
        _Exit(99);
    }
}

__attribute__((constructor)) static void install(void) {
    const char *numbers = getenv("FORBID");
    while (numbers != NULL && *numbers != '\0') {
        char *end;
        forbid((unsigned)strtoul(numbers, &end, 10));
        numbers = *end == ',' ? end + 1 : end;
    }
}
