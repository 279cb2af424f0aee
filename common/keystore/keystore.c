#include "keystore/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "kinds.h"

static const struct tg_keystore_ops *const kinds[] = {&tg_keystore_pem, &tg_keystore_pkcs12,
                                                      &tg_keystore_der};

const struct tg_keystore_ops *tg_keystore_ops(const char *kind)
{
    for (size_t i = 0; i < TG_COUNT(kinds); i++)
        if (kind && strcmp(kinds[i]->kind, kind) == 0) return kinds[i];
    return NULL;
}

static const struct tg_keystore_ops *ops_for(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < TG_COUNT(kinds); i++)
        if (kinds[i]->probe(bytes, len)) return kinds[i];
    return NULL;
}

const char *tg_keystore_status_word(enum tg_keystore_status status)
{
    static const char *const words[] = {"open", "locked", "unreadable"};
    TG_CHECK((size_t)status < TG_COUNT(words));
    return words[status];
}

static struct tg_keystore *new_keystore(const char *path)
{
    struct tg_keystore *ks = TG_NEW(struct tg_keystore);
    ks->path = tg_strdup(path);
    ks->password_index = -1;
    return ks;
}

void tg_keystore_free(struct tg_keystore *ks)
{
    if (!ks) return;
    for (size_t i = 0; i < ks->count; i++) {
        tg_cert_unref(ks->entries[i].cert);
        free(ks->entries[i].friendly_name);
    }
    free(ks->entries);
    free(ks->path);
    free(ks);
}

struct tg_keystore_entry *tg_keystore_add(struct tg_keystore *ks)
{
    if (ks->count == TG_MAX_ENTRIES) return NULL;
    if ((ks->count & (ks->count - 1)) == 0) /* full at each power of two */
        ks->entries =
            tg_realloc(ks->entries, (ks->count ? 2 * ks->count : 1) * sizeof *ks->entries);
    return memset(&ks->entries[ks->count++], 0, sizeof *ks->entries);
}

void tg_keystore_set_cert(struct tg_keystore_entry *entry, struct tg_cert *cert)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    entry->cert = cert;
    memcpy(entry->ski, facts->ski, facts->ski_len);
    entry->ski_len = facts->ski_len;
}

void tg_keystore_say(struct tg_keystore *ks, enum tg_keystore_status status, const char *reason)
{
    bool worse = status > ks->status;
    if (worse) ks->status = status;
    if (worse || !*ks->reason) (void)snprintf(ks->reason, sizeof ks->reason, "%s", reason);
}

struct tg_keystore *tg_keystore_scan_bytes(const char *path, const void *bytes, size_t len,
                                           const struct tg_secret *passwords, size_t n)
{
    struct tg_keystore *ks = new_keystore(path);
    const struct tg_keystore_ops *ops = NULL;
    if (len > TG_MAX_KEYSTORE) {
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, "larger than any keystore");
        return ks;
    }
    if (len) ops = ops_for(bytes, len);
    if (!ops) {
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, tg_keystore_sniff(bytes, len));
        return ks;
    }
    ks->kind = ops->kind;
    ops->scan(ks, bytes, len, passwords, n);
    return ks;
}

/* O_NONBLOCK: a fifo in the way must not hold the scan. */
static int read_regular(const char *path, struct tg_buf *buf, struct tg_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return TG_FAIL(err, errno == ENOENT ? TG_E_NOT_FOUND : TG_E_IO, "cannot be opened: %s",
                       strerror(errno));
    int rc = 0;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = TG_FAIL(err, TG_E_INPUT, "not a regular file");
    if (rc == 0 && st.st_size > TG_MAX_KEYSTORE)
        rc = TG_FAIL(err, TG_E_LIMIT, "larger than any keystore");
    while (rc == 0) {
        size_t before = buf->len;
        uint8_t *room =
            tg_buf_grow(buf,
                        (size_t)st.st_size + 1 > before ? (size_t)st.st_size + 1 - before : 4096);
        if (!room) {
            rc = TG_FAIL(err, TG_E_LIMIT, "larger than any keystore");
            break;
        }
        ssize_t got = read(fd, room, buf->len - before);
        buf->len = before + (got > 0 ? (size_t)got : 0);
        buf->data[buf->len] = 0;
        if (got == 0) break;
        if (got < 0 && errno != EINTR)
            rc = TG_FAIL(err, TG_E_IO, "cannot be read: %s", strerror(errno));
    }
    (void)close(fd);
    return rc;
}

struct tg_keystore *tg_keystore_scan_file(const char *path, const struct tg_secret *passwords,
                                          size_t n)
{
    struct tg_buf buf = TG_BUF(TG_MAX_KEYSTORE + 8192);
    struct tg_err err = {0};
    struct tg_keystore *ks = NULL;
    if (read_regular(path, &buf, &err) == 0) {
        ks = tg_keystore_scan_bytes(path, buf.data, buf.len, passwords, n);
    } else {
        ks = new_keystore(path);
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, err.text);
    }
    tg_pbe_wipe_buf(&buf); /* a PEM key may stand in it in the clear */
    return ks;
}

const struct tg_keystore_entry *tg_keystore_find(const struct tg_keystore *ks,
                                                 const uint8_t sha256[TG_SHA256])
{
    for (size_t i = 0; i < ks->count; i++)
        if (ks->entries[i].cert &&
            memcmp(tg_cert_facts(ks->entries[i].cert)->sha256, sha256, TG_SHA256) == 0)
            return &ks->entries[i];
    return NULL;
}

static int key_from(const void *bytes, size_t len, const struct tg_secret *password,
                    const struct tg_cert *cert, const uint8_t *sha256, struct tg_key **ret,
                    struct tg_err *err)
{
    if (len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "keystore: larger than any keystore");
    const struct tg_keystore_ops *ops = len ? ops_for(bytes, len) : NULL;
    if (!ops) return TG_FAIL(err, TG_E_INPUT, "keystore: %s", tg_keystore_sniff(bytes, len));
    if (!ops->key)
        return TG_FAIL(err, TG_E_NOT_FOUND, "keystore: a %s file holds no private key", ops->kind);
    return ops->key(bytes, len, password, cert, sha256, ret, err);
}

int tg_keystore_key(const void *bytes, size_t len, const struct tg_secret *password,
                    const uint8_t sha256[TG_SHA256], struct tg_key **ret, struct tg_err *err)
{
    return key_from(bytes, len, password, NULL, sha256, ret, err);
}

int tg_keystore_key_for(const void *bytes, size_t len, const struct tg_secret *password,
                        const struct tg_cert *cert, struct tg_key **ret, struct tg_err *err)
{
    return key_from(bytes, len, password, cert, NULL, ret, err);
}

int tg_keystore_replace(const void *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                        struct tg_buf *out, struct tg_err *err)
{
    if (len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "keystore: larger than any keystore");
    const struct tg_keystore_ops *ops = len ? ops_for(bytes, len) : NULL;
    if (!ops) return TG_FAIL(err, TG_E_INPUT, "keystore: %s", tg_keystore_sniff(bytes, len));
    if (!ops->replace)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "keystore: a %s file cannot be renewed", ops->kind);
    if (!tg_key_matches(renewal->key, renewal->cert))
        return TG_FAIL(err, TG_E_MISMATCH, "keystore: the new certificate is not for the new key");
    return ops->replace(bytes, len, renewal, out, err);
}

int tg_keystore_prove(const void *bytes, size_t len, const void *key_bytes, size_t key_len,
                      const struct tg_secret *password, const uint8_t sha256[TG_SHA256],
                      struct tg_err *err)
{
    TG_AUTO(keystore)
    struct tg_keystore *ks = tg_keystore_scan_bytes("", bytes, len, password, password ? 1 : 0);
    const struct tg_keystore_entry *entry = tg_keystore_find(ks, sha256);
    TG_AUTO(key) struct tg_key *key = NULL;
    if (!entry)
        return TG_FAIL(err, TG_E_MISMATCH, "keystore: the certificate is not in it%s%s",
                       *ks->reason ? ": " : "", ks->reason);
    TG_TRY(tg_keystore_key_for(key_bytes ? key_bytes : bytes, key_bytes ? key_len : len, password,
                               entry->cert, &key, err));
    return tg_key_prove(key, entry->cert, err);
}
