/* PKCS #11 modules that are broken or lie, one for each CASE; none of them can do anything. */
#include <string.h>

typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;

enum { NO_LIST, NULL_LIST, VERSION_9, HOLES, CANT_LOCK, ENDLESS_SLOTS, GROWING_SLOTS, GARBAGE_TOKEN, FAILING_TOKEN, NO_SESSIONS, NUL_PADDED };
enum { GENERAL_ERROR = 5, CANT_LOCK_RV = 10, DEVICE_ERROR = 0x30, SESSION_COUNT = 0xb1, NOT_SUPPORTED = 0x54 };

static CK_RV initialize(void *arguments) {
    return CASE == CANT_LOCK ? CANT_LOCK_RV : 0;
}

static CK_RV finalize(void *reserved) {
    return GENERAL_ERROR;
}

static CK_RV get_slot_list(unsigned char present, CK_ULONG *list, CK_ULONG *count) {
    static CK_ULONG calls = 0;
    if (CASE == ENDLESS_SLOTS) {
        *count = 1UL << 60;
        return 0;
    }
    CK_ULONG slots = CASE == GROWING_SLOTS ? ++calls : 1;
    if (list) {
        for (CK_ULONG i = 0; i < slots && i < *count; i++) {
            list[i] = i;
        }
    }
    *count = slots;
    return 0;
}

/* CK_TOKEN_INFO: 80 bytes of text and 16 of serial number, then flags. */
static CK_RV get_token_info(CK_ULONG slot, unsigned char *info) {
    if (CASE == FAILING_TOKEN) {
        return DEVICE_ERROR;
    }
    memset(info, CASE == GARBAGE_TOKEN ? 0xfe : CASE == NUL_PADDED ? 0 : ' ', 208);
    if (CASE == GARBAGE_TOKEN) {
        memcpy(info, "\x1b[2J\nroot\0", 10); /* would clear a terminal */
    } else {
        memcpy(info, "hostile", 7);
    }
    CK_ULONG flags = 0x400; /* initialized, no login */
    memcpy(info + 80, "0000000000000001", 16);
    memcpy(info + 96, &flags, sizeof flags);
    return 0;
}

static CK_RV get_mechanism_info(CK_ULONG slot, CK_ULONG type, CK_ULONG *info) {
    info[0] = 0;
    info[1] = ~0UL;
    info[2] = ~0UL; /* all flags: it says that it can do everything */
    return 0;
}

static CK_RV open_session(CK_ULONG slot, CK_ULONG flags, void *application, void *notify, CK_ULONG *session) {
    if (CASE == NO_SESSIONS) {
        return SESSION_COUNT;
    }
    *session = 0;
    return 0;
}

static CK_RV close_session(CK_ULONG session) {
    return GENERAL_ERROR;
}

static struct {
    unsigned char version[2];
    void *functions[68];
} list;

CK_RV C_GetFunctionList(void **out) {
    list.version[0] = CASE == VERSION_9 ? 9 : 2;
    list.version[1] = 40;
    list.functions[0] = initialize;
    list.functions[1] = finalize;
    if (CASE != HOLES) {
        list.functions[4] = get_slot_list;
        list.functions[6] = get_token_info;
        list.functions[8] = get_mechanism_info;
        list.functions[12] = open_session;
        list.functions[13] = close_session;
    }
    *out = CASE == NULL_LIST ? 0 : &list;
    return CASE == NO_LIST ? GENERAL_ERROR : 0;
}
