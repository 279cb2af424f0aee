/* name: RFC 4514 text. The same text that `openssl x509 -nameopt RFC2253,-esc_msb,utf8` prints. */
#include "x509/name.h"

#include <openssl/objects.h>

#include "base/mem.h"
#include "base/str.h"
#include "x509/der.h"

struct attribute {
    struct tg_der_item type, value;
    bool joined; /* in one RDN with the attribute before it */
};

/* The common types by their octets; OpenSSL's table answers for the rest. */
static const struct {
    const char *name, *dotted;
    const char octets[12];
    size_t len;
} short_names[] = {
    {"CN", "2.5.4.3", "\x55\x04\x03", 3},
    {"SN", "2.5.4.4", "\x55\x04\x04", 3},
    {"serialNumber", "2.5.4.5", "\x55\x04\x05", 3},
    {"C", "2.5.4.6", "\x55\x04\x06", 3},
    {"L", "2.5.4.7", "\x55\x04\x07", 3},
    {"ST", "2.5.4.8", "\x55\x04\x08", 3},
    {"street", "2.5.4.9", "\x55\x04\x09", 3},
    {"O", "2.5.4.10", "\x55\x04\x0a", 3},
    {"OU", "2.5.4.11", "\x55\x04\x0b", 3},
    {"title", "2.5.4.12", "\x55\x04\x0c", 3},
    {"businessCategory", "2.5.4.15", "\x55\x04\x0f", 3},
    {"postalCode", "2.5.4.17", "\x55\x04\x11", 3},
    {"GN", "2.5.4.42", "\x55\x04\x2a", 3},
    {"emailAddress", "1.2.840.113549.1.9.1", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9},
    {"UID", "0.9.2342.19200300.100.1.1", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10},
    {"DC", "0.9.2342.19200300.100.1.25", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10},
};

const char *tg_name_oid(const char *short_name)
{
    for (size_t i = 0; i < TG_COUNT(short_names); i++)
        if (strcmp(short_names[i].name, short_name) == 0) return short_names[i].dotted;
    return NULL;
}

/* An empty RDN breaks RFC 5280, yet such certificates were issued and OpenSSL reads them. */
static bool next_rdn(struct tg_der *rdns, struct tg_der *ret)
{
    struct tg_der_item set;
    if (!tg_der_take(rdns, TG_DER_SET, &set)) return false;
    *ret = tg_der_inside(&set);
    return true;
}

static bool next_attribute(struct tg_der *rdn, struct attribute *ret)
{
    struct tg_der_item pair;
    if (!tg_der_take(rdn, TG_DER_SEQUENCE, &pair)) return false;
    struct tg_der inside = tg_der_inside(&pair);
    return tg_der_take(&inside, TG_DER_OID, &ret->type) && tg_der_next(&inside, &ret->value) &&
           tg_der_empty(&inside);
}

/* Fills ret (NULL: only counts). False when the bytes are no Name. */
static bool attributes(const uint8_t *der, size_t len, struct attribute *ret, size_t *ret_n)
{
    struct tg_der_item name;
    struct attribute one;
    size_t n = 0;
    if (!tg_der_whole(der, len, TG_DER_SEQUENCE, &name)) return false;
    struct tg_der rdns = tg_der_inside(&name), rdn;
    while (!tg_der_empty(&rdns)) {
        if (!next_rdn(&rdns, &rdn)) return false;
        for (bool first = true; !tg_der_empty(&rdn); first = false) {
            if (!next_attribute(&rdn, &one)) return false;
            one.joined = !first;
            if (ret) ret[n] = one;
            n++;
        }
    }
    *ret_n = n;
    return true;
}

static bool put_type(const struct tg_der_item *type, struct tg_buf *ret)
{
    char dotted[256];
    for (size_t i = 0; i < TG_COUNT(short_names); i++)
        if (tg_der_is(type, short_names[i].octets, short_names[i].len)) {
            tg_buf_puts(ret, short_names[i].name);
            return true;
        }
    if (!tg_der_oid_text(type->content, type->len, dotted, sizeof dotted)) {
        tg_buf_puts(ret, "0.0"); /* an OID beyond all reason: the value still shows */
        return false;
    }
    int nid = OBJ_txt2nid(dotted);
    tg_buf_puts(ret, nid != NID_undef ? OBJ_nid2sn(nid) : dotted);
    return nid != NID_undef;
}

/* RFC 4514 §2.4. Control characters as hex pairs too: a name is shown on one line. */
static void put_escaped(const char *text, size_t len, struct tg_buf *ret)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            tg_buf_printf(ret, "\\%02X", (unsigned)(unsigned char)c);
            continue;
        }
        bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == len && c == ' ');
        if (edge || strchr(",+\"\\<>;", c)) tg_buf_putc(ret, '\\');
        tg_buf_putc(ret, c);
    }
}

static void put_value(const struct attribute *a, bool known, struct tg_buf *text,
                      struct tg_buf *ret)
{
    tg_buf_reset(text);
    if (known && tg_der_text(&a->value, text)) {
        put_escaped(tg_buf_text(text), text->len, ret);
        return;
    }
    static const char hex[] = "0123456789ABCDEF";
    tg_buf_putc(ret, '#');
    for (size_t i = 0; i < a->value.whole_len; i++) {
        tg_buf_putc(ret, hex[a->value.whole[i] >> 4]);
        tg_buf_putc(ret, hex[a->value.whole[i] & 15]);
    }
}

int tg_name_text(const uint8_t *der, size_t len, struct tg_buf *ret, struct tg_err *err)
{
    size_t n;
    if (!attributes(der, len, NULL, &n))
        return TG_FAIL(err, TG_E_INPUT, "a distinguished name is malformed (RFC 5280 §4.1.2.4)");
    TG_AUTO(mem) struct attribute *list = tg_calloc(n + 1, sizeof *list);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(4 * len + 16);
    bool ok = attributes(der, len, list, &n);
    TG_CHECK(ok);
    for (size_t i = n; i-- > 0;) {
        bool known = put_type(&list[i].type, ret);
        tg_buf_putc(ret, '=');
        put_value(&list[i], known, &text, ret);
        if (i) tg_buf_putc(ret, list[i].joined ? '+' : ',');
    }
    return tg_buf_ok(ret, err);
}

bool tg_name_attribute(const uint8_t *der, size_t len, const char *oid, struct tg_buf *ret)
{
    uint8_t wanted[64];
    size_t wanted_len = tg_der_oid_bytes(oid, wanted, sizeof wanted);
    struct tg_der_item name;
    struct attribute one;
    if (wanted_len == 0 || !tg_der_whole(der, len, TG_DER_SEQUENCE, &name)) return false;
    struct tg_der rdns = tg_der_inside(&name), rdn;
    while (next_rdn(&rdns, &rdn))
        while (next_attribute(&rdn, &one))
            if (tg_der_is(&one.type, wanted, wanted_len) && tg_der_text(&one.value, ret))
                return true;
    return false;
}
