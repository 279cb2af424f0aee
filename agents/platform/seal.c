/* Sealed passwords: the kernel's keyring where it is allowed, else this process's locked memory. */
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "agent/platform.h"
#include "base/list.h"
#include "base/str.h"

struct sealed {
    struct tg_list node;
    char number[32];
    struct tg_secret password;
};

static struct tg_list memory = {&memory, &memory}; /* fallback; the root part has one thread */

static void key_name(const char *number, char ret[64])
{
    snprintf(ret, 64, "tamga:%.32s", number);
}

static long find_key(const char *number)
{
    char name[64];
    key_name(number, name);
    return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name, 0);
}

static struct sealed *find_memory(const char *number)
{
    struct sealed *s;
    tg_list_each(s, &memory, struct sealed, node)
    {
        if (strcmp(s->number, number) == 0) return s;
    }
    return NULL;
}

int agent_seal_put(const char *number, const struct tg_secret *password, struct tg_err *err)
{
    char name[64];
    key_name(number, name);
    agent_seal_drop(number);
    long key =
        syscall(SYS_add_key, "user", name, password->data, password->len, KEY_SPEC_USER_KEYRING);
    if (key >= 0 && syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, AGENT_SEAL_S) == 0) return 0;
    if (key >= 0) syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
    struct sealed *s = TG_NEW(struct sealed);
    if (!tg_copy(s->number, sizeof s->number, number)) {
        free(s);
        return TG_FAIL(err, TG_E_INPUT, "%.40s: not an application number", number);
    }
    tg_secret_set(&s->password, password->data, password->len);
    tg_list_add(&memory, &s->node);
    return 0;
}

bool agent_seal_get(const char *number, struct tg_secret *ret)
{
    char bytes[1024];
    long key = find_key(number);
    long len = key >= 0 ? syscall(SYS_keyctl, KEYCTL_READ, key, bytes, sizeof bytes) : -1;
    if (len >= 0 && len <= (long)sizeof bytes) {
        tg_secret_set(ret, bytes, (size_t)len);
        tg_wipe(bytes, sizeof bytes);
        return true;
    }
    const struct sealed *s = find_memory(number);
    if (s) tg_secret_set(ret, s->password.data, s->password.len);
    return s != NULL;
}

void agent_seal_drop(const char *number)
{
    long key = find_key(number);
    if (key >= 0) {
        syscall(SYS_keyctl, KEYCTL_REVOKE, key);
        syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
    }
    struct sealed *s = find_memory(number);
    if (!s) return;
    tg_list_del(&s->node);
    tg_secret_done(&s->password);
    free(s);
}
