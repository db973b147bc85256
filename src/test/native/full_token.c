/* A PKCS #11 token in this process's memory, with data objects only, whose writes fail as the test says. */
#include <string.h>

typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;
typedef struct {
    CK_ULONG type;
    void *value;
    CK_ULONG length;
} attribute;

enum { OBJECTS = 256, ATTRIBUTES = 8, LONGEST = 256, SESSIONS = 256 };
enum { READ_ONLY = 0x10, TYPE_INVALID = 0x12, DEVICE_MEMORY = 0x31, HANDLE_INVALID = 0x82, CKA_VALUE = 0x11, UNAVAILABLE = -1 };

typedef struct {
    int used;
    CK_ULONG count;
    CK_ULONG type[ATTRIBUTES], length[ATTRIBUTES];
    unsigned char value[ATTRIBUTES][LONGEST];
} object;

static object objects[OBJECTS];
static CK_ULONG found[SESSIONS][OBJECTS], found_count[SESSIONS], found_at[SESSIONS], sessions;

static int changes_in_place, does_it_nevertheless, for_good;
static CK_ULONG until_failure, failures;
static CK_RV failure;

/* From the nth write on, or at it alone, writes answer so; returns how many did since the last time. */
CK_ULONG full_token_fail(CK_ULONG nth, CK_RV answer, int nevertheless, int ever, int in_place) {
    CK_ULONG before = failures;
    until_failure = nth;
    failure = answer;
    does_it_nevertheless = nevertheless;
    for_good = ever;
    changes_in_place = in_place;
    failures = 0;
    return before;
}

void full_token_empty(void) {
    memset(objects, 0, sizeof objects);
}

static int fails(void) {
    int now = until_failure == 1;
    if (until_failure > 1 || (now && !for_good)) {
        until_failure--;
    }
    failures += now;
    return now;
}

static CK_RV put(object *into, const attribute *from) {
    CK_ULONG i = 0;
    while (i < into->count && into->type[i] != from->type) {
        i++;
    }
    if (i == ATTRIBUTES || from->length > LONGEST) {
        return DEVICE_MEMORY;
    }
    into->count += i == into->count;
    into->type[i] = from->type;
    into->length[i] = from->length;
    memcpy(into->value[i], from->value, from->length);
    return 0;
}

static CK_RV create_object(CK_ULONG session, const attribute *template, CK_ULONG count, CK_ULONG *handle) {
    *handle = OBJECTS; /* none */
    int failed = fails();
    if (failed && !does_it_nevertheless) {
        return failure;
    }
    for (CK_ULONG i = 0; i < OBJECTS; i++) {
        if (!objects[i].used) {
            memset(&objects[i], 0, sizeof objects[i]);
            for (CK_ULONG j = 0; j < count; j++) {
                if (put(&objects[i], &template[j])) {
                    return DEVICE_MEMORY;
                }
            }
            objects[i].used = 1;
            *handle = i;
            return failed ? failure : 0;
        }
    }
    return DEVICE_MEMORY;
}

static CK_RV set_attribute_value(CK_ULONG session, CK_ULONG handle, const attribute *template, CK_ULONG count) {
    if (!changes_in_place) {
        return READ_ONLY;
    }
    int failed = fails();
    if (failed && !does_it_nevertheless) {
        return failure;
    }
    CK_RV rv = handle < OBJECTS && objects[handle].used ? put(&objects[handle], template) : HANDLE_INVALID;
    return failed ? failure : rv;
}

/* A full token can be made emptier; one that is broken can't. */
static CK_RV destroy_object(CK_ULONG session, CK_ULONG handle) {
    int failed = failure != DEVICE_MEMORY && (failure != 0 || does_it_nevertheless) && fails();
    if (failed && !does_it_nevertheless) {
        return failure;
    }
    if (handle >= OBJECTS || !objects[handle].used) {
        return HANDLE_INVALID;
    }
    objects[handle].used = 0;
    return failed ? failure : 0;
}

static CK_RV get_attribute_value(CK_ULONG session, CK_ULONG handle, attribute *template, CK_ULONG count) {
    if (handle >= OBJECTS || !objects[handle].used) {
        return HANDLE_INVALID;
    }
    const object *from = &objects[handle];
    for (CK_ULONG i = 0; i < from->count; i++) {
        if (from->type[i] == template->type) {
            template->length = from->length[i];
            memcpy(template->value, from->value[i], from->length[i]);
            return 0;
        }
    }
    template->length = UNAVAILABLE;
    return TYPE_INVALID;
}

static int matches(const object *one, const attribute *template, CK_ULONG count) {
    for (CK_ULONG j = 0; j < count; j++) {
        int same = 0;
        for (CK_ULONG i = 0; i < one->count; i++) {
            same |= one->type[i] == template[j].type && one->length[i] == template[j].length
                && !memcmp(one->value[i], template[j].value, one->length[i]);
        }
        if (!same) {
            return 0;
        }
    }
    return 1;
}

static CK_RV find_init(CK_ULONG session, const attribute *template, CK_ULONG count) {
    session %= SESSIONS;
    found_count[session] = found_at[session] = 0;
    for (CK_ULONG i = 0; i < OBJECTS; i++) {
        if (objects[i].used && matches(&objects[i], template, count)) {
            found[session][found_count[session]++] = i;
        }
    }
    return 0;
}

static CK_RV find(CK_ULONG session, CK_ULONG *handles, CK_ULONG room, CK_ULONG *count) {
    session %= SESSIONS;
    for (*count = 0; *count < room && found_at[session] < found_count[session]; (*count)++) {
        handles[*count] = found[session][found_at[session]++];
    }
    return 0;
}

static CK_RV fine(void) {
    return 0;
}

static CK_RV get_slot_list(unsigned char present, CK_ULONG *list, CK_ULONG *count) {
    if (list) {
        list[0] = 0;
    }
    *count = 1;
    return 0;
}

/* CK_TOKEN_INFO: 80 bytes of text and 16 of serial number, then flags. */
static CK_RV get_token_info(CK_ULONG slot, unsigned char *info) {
    CK_ULONG flags = 0x400; /* initialized, no login */
    memset(info, 0, 208);
    memset(info, ' ', 96);
    memcpy(info, "full", 4);
    memcpy(info + 96, &flags, sizeof flags);
    return 0;
}

static CK_RV open_session(CK_ULONG slot, CK_ULONG flags, void *application, void *notify, CK_ULONG *session) {
    *session = ++sessions;
    return 0;
}

/* CK_SESSION_INFO: slot, state, flags, error of the device. */
static CK_RV get_session_info(CK_ULONG session, CK_ULONG *info) {
    memset(info, 0, 4 * sizeof *info);
    return 0;
}

static struct {
    unsigned char version[2];
    void *functions[68];
} list = {
    {2, 40},
    {[0] = fine, [1] = fine, [4] = get_slot_list, [6] = get_token_info, [12] = open_session, [13] = fine,
        [15] = get_session_info, [20] = create_object, [22] = destroy_object, [24] = get_attribute_value,
        [25] = set_attribute_value, [26] = find_init, [27] = find, [28] = fine},
};

CK_RV C_GetFunctionList(void **out) {
    *out = &list;
    return 0;
}
