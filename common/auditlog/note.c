/* C2SP tlog-checkpoint as a signed note (https://c2sp.org/tlog-checkpoint,
 * https://c2sp.org/signed-note): three lines of text, an empty line, and one signature line `—
 * origin base64(key hash (4) || Ed25519 signature (64))`. */
#include "auditlog/auditlog.h"
#include "base/bytes.h"
#include "base/str.h"

#define DASH "\xe2\x80\x94 " /* em dash and a blank */
enum { PUBLIC = 32, SIGNATURE = 64, KEY_HASH = 4, ALGORITHM_ED25519 = 1 };

/* SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4): these 12 bytes, then the key. */
static const uint8_t spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static bool origin_ok(const char *origin)
{
    size_t n = strlen(origin);
    return n >= 1 && n <= TG_AUDIT_ORIGIN_MAX &&
           strspn(origin, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_-") ==
               n;
}

static int public_of(const struct tg_key *key, uint8_t ret[PUBLIC], struct tg_err *err)
{
    size_t len = 0;
    const uint8_t *spki = tg_key_spki_der(key, &len);
    if (len != sizeof spki_head + PUBLIC || memcmp(spki, spki_head, sizeof spki_head) != 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "audit log key: it must be an Ed25519 key");
    memcpy(ret, spki + sizeof spki_head, PUBLIC);
    return 0;
}

/* First 4 bytes of SHA-256(origin LF 0x01 key). */
static void key_hash(const char *origin, const uint8_t public[PUBLIC], uint8_t ret[KEY_HASH])
{
    uint8_t tail[PUBLIC + 2] = {'\n', ALGORITHM_ED25519}, hash[TG_SHA256];
    memcpy(tail + 2, public, PUBLIC);
    tg_sha256_2(origin, strlen(origin), tail, sizeof tail, hash);
    memcpy(ret, hash, KEY_HASH);
}

int tg_audit_vkey(const struct tg_key *key, const char *origin, char ret[TG_AUDIT_VKEY_MAX],
                  struct tg_err *err)
{
    uint8_t public[PUBLIC + 1] = {ALGORITHM_ED25519}, id[KEY_HASH];
    char id_hex[2 * KEY_HASH + 1];
    if (!origin_ok(origin))
        return TG_FAIL(err, TG_E_INPUT,
                       "audit log: the origin '%.100s' must be 1 to 100 of A-Z a-z 0-9 . / _ -",
                       origin);
    TG_TRY(public_of(key, public + 1, err));
    key_hash(origin, public + 1, id);
    tg_hex(id, KEY_HASH, id_hex);
    struct tg_buf b = TG_BUF(TG_AUDIT_VKEY_MAX - 1);
    tg_buf_printf(&b, "%s+%s+", origin, id_hex);
    tg_base64(&b, public, sizeof public);
    int rc = tg_buf_ok(&b, err);
    if (rc == 0) (void)tg_copy(ret, TG_AUDIT_VKEY_MAX, tg_buf_text(&b));
    tg_buf_done(&b);
    return rc;
}

int tg_audit_note_print(const struct tg_key *key, const char *origin, uint64_t size,
                        const struct tg_merkle_hash *root, struct tg_buf *out, struct tg_err *err)
{
    uint8_t public[PUBLIC], signed_by[KEY_HASH + SIGNATURE];
    struct tg_buf signature = TG_BUF(1024);
    size_t start = out->len;
    TG_TRY(public_of(key, public, err));
    tg_buf_printf(out, "%s\n%llu\n", origin, (unsigned long long)size);
    tg_base64(out, root->b, sizeof root->b);
    tg_buf_putc(out, '\n');
    TG_TRY(tg_buf_ok(out, err));
    int rc = tg_key_sign(key, out->data + start, out->len - start, &signature, err);
    if (rc == 0 && signature.len == SIGNATURE) {
        key_hash(origin, public, signed_by);
        memcpy(signed_by + KEY_HASH, signature.data, SIGNATURE);
        tg_buf_printf(out, "\n" DASH "%s ", origin);
        tg_base64(out, signed_by, sizeof signed_by);
        tg_buf_putc(out, '\n');
        rc = tg_buf_ok(out, err);
    }
    tg_buf_done(&signature);
    return rc;
}

/* "name+8 hex+base64(0x01 key)" */
static int parse_vkey(const char *vkey, char origin[TG_AUDIT_ORIGIN_MAX + 1],
                      uint8_t public[PUBLIC], struct tg_err *err)
{
    const char *plus = strchr(vkey, '+'), *second = plus ? strchr(plus + 1, '+') : NULL;
    uint8_t id[KEY_HASH], want[KEY_HASH];
    struct tg_buf raw = TG_BUF(PUBLIC + 1);
    struct tg_err ignored = {0};
    bool ok = second && second - plus == 1 + 2 * KEY_HASH && tg_unhex(plus + 1, 2 * KEY_HASH, id) &&
              tg_copyn(origin, TG_AUDIT_ORIGIN_MAX + 1, vkey, (size_t)(plus - vkey)) &&
              origin_ok(origin) &&
              tg_unbase64(second + 1, strlen(second + 1), &raw, &ignored) == 0 &&
              raw.len == PUBLIC + 1 && raw.data[0] == ALGORITHM_ED25519;
    if (ok) {
        memcpy(public, raw.data + 1, PUBLIC);
        key_hash(origin, public, want);
        ok = memcmp(id, want, KEY_HASH) == 0;
    }
    tg_buf_done(&raw);
    return ok ? 0
              : TG_FAIL(err, TG_E_INPUT,
                        "audit log key '%.60s': it is not name+hash+base64 of an Ed25519 key",
                        vkey);
}

int tg_audit_vkey_check(const char *vkey, struct tg_err *err)
{
    char origin[TG_AUDIT_ORIGIN_MAX + 1];
    uint8_t public[PUBLIC];
    return parse_vkey(vkey, origin, public, err);
}

static int check_signature(const char *text, size_t text_len, const char *line, size_t line_len,
                           const char *vkey, struct tg_err *err)
{
    char origin[TG_AUDIT_ORIGIN_MAX + 1];
    uint8_t spki[sizeof spki_head + PUBLIC], id[KEY_HASH];
    memcpy(spki, spki_head, sizeof spki_head);
    TG_TRY(parse_vkey(vkey, origin, spki + sizeof spki_head, err));
    size_t n = strlen(origin), head = strlen(DASH) + n + 1;
    if (line_len <= head || memcmp(line, DASH, strlen(DASH)) != 0 ||
        memcmp(line + strlen(DASH), origin, n) != 0 || line[head - 1] != ' ')
        return TG_FAIL(err, TG_E_UNTRUSTED, "checkpoint: it is not signed by log %s", origin);
    struct tg_buf raw = TG_BUF(KEY_HASH + SIGNATURE);
    struct tg_err ignored = {0};
    int rc = tg_unbase64(line + head, line_len - head, &raw, &ignored);
    key_hash(origin, spki + sizeof spki_head, id);
    if (rc < 0 || raw.len != KEY_HASH + SIGNATURE)
        rc = TG_FAIL(err, TG_E_INPUT, "checkpoint: its signature line is malformed");
    else if (memcmp(raw.data, id, KEY_HASH) != 0)
        rc = TG_FAIL(err, TG_E_UNTRUSTED, "checkpoint: it is signed by another key of log %s",
                     origin);
    else if (tg_spki_verify_signature(spki, sizeof spki, text, text_len, raw.data + KEY_HASH,
                                      SIGNATURE, &ignored) < 0)
        rc = TG_FAIL(err, TG_E_SIGNATURE, "checkpoint: its signature does not verify under log %s",
                     origin);
    tg_buf_done(&raw);
    return rc;
}

/* The next line of *at; false at the end, or when the last line has no LF. */
static bool take_line(const char **at, const char *end, const char **ret, size_t *ret_len)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (!lf) return false;
    *ret = *at;
    *ret_len = (size_t)(lf - *at);
    *at = lf + 1;
    return true;
}

int tg_audit_note_parse(const char *note, size_t len, const char *vkey,
                        struct tg_audit_checkpoint *ret, struct tg_err *err)
{
    const char *at = note, *end = note + len, *line[5];
    size_t n[5];
    struct tg_audit_checkpoint c = {0};
    struct tg_buf root = TG_BUF(TG_SHA256);
    struct tg_err ignored = {0};
    if (len > TG_AUDIT_NOTE_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "checkpoint: it is longer than %d bytes",
                       TG_AUDIT_NOTE_MAX);
    bool ok = true;
    for (int i = 0; ok && i < 5; i++)
        ok = take_line(&at, end, &line[i], &n[i]);
    ok = ok && at == end && n[3] == 0 && tg_copyn(c.origin, sizeof c.origin, line[0], n[0]) &&
         origin_ok(c.origin) && tg_parse_u64(line[1], n[1], INT64_MAX, &c.size) &&
         tg_unbase64(line[2], n[2], &root, &ignored) == 0 && root.len == TG_SHA256;
    if (ok) memcpy(c.root.b, root.data, TG_SHA256);
    tg_buf_done(&root);
    if (!ok)
        return TG_FAIL(err, TG_E_INPUT,
                       "checkpoint: it is not origin, size, root, an empty line and one signature");
    if (vkey) TG_TRY(check_signature(note, (size_t)(line[3] - note), line[4], n[4], vkey, err));
    *ret = c;
    return 0;
}
