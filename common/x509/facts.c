/* facts: everything that the inventory says about a certificate, read in one pass over its DER. */
#include <openssl/evp.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "parts.h"
#include "x509/key.h"
#include "x509/name.h"

enum { SERIAL_TEXT, SUBJECT_TEXT, ISSUER_TEXT, CN_TEXT, EMAIL_TEXT, O_TEXT, L_TEXT, TEXTS };

/* All texts grow in one buffer; where each begins is turned into pointers at the end. */
struct builder {
    const struct tg_cert_parts *parts;
    struct tg_cert_facts *facts;
    struct tg_buf texts;
    size_t begin[TEXTS];
};

static void end_text(struct builder *b, int which, size_t begin)
{
    tg_buf_putc(&b->texts, '\0');
    b->begin[which] = begin;
}

static void read_serial(struct builder *b)
{
    static const char hex[] = "0123456789abcdef";
    const struct tg_der_item *serial = &b->parts->serial;
    size_t begin = b->texts.len;
    bool negative = serial->content[0] & 0x80, started = false;
    TG_AUTO(mem) uint8_t *magnitude = tg_memdup(serial->content, serial->len);
    if (negative) { /* two's complement to magnitude */
        unsigned carry = 1;
        for (size_t i = serial->len; i-- > 0;) {
            unsigned octet = (uint8_t)~magnitude[i] + carry;
            magnitude[i] = (uint8_t)octet;
            carry = octet >> 8;
        }
        tg_buf_putc(&b->texts, '-');
    }
    for (size_t i = 0; i < 2 * serial->len; i++) {
        unsigned digit = i % 2 ? magnitude[i / 2] & 15u : (unsigned)magnitude[i / 2] >> 4;
        started = started || digit || i + 1 == 2 * serial->len;
        if (started) tg_buf_putc(&b->texts, hex[digit]);
    }
    end_text(b, SERIAL_TEXT, begin);
}

static void take_identity(const char *text, const char *prefix, char ret[13])
{
    if (ret[0] || !tg_starts(text, prefix) || strlen(text) != 15) return;
    for (const char *c = text + 3; *c; c++)
        if (*c < '0' || *c > '9') return;
    tg_copy(ret, 13, text + 3);
}

/* One subject attribute that facts name; oid is 2.5.4.x or emailAddress. */
static void take_attribute(struct builder *b, const struct tg_der_item *type,
                           const struct tg_der_item *value)
{
    static const uint8_t email[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
    bool short_type = type->len == 3 && type->content[0] == 0x55 && type->content[1] == 0x04;
    int slot = -1, kind = short_type ? type->content[2] : 0;
    if (tg_der_is(type, email, sizeof email)) slot = EMAIL_TEXT;
    if (kind == 3) slot = CN_TEXT;
    if (kind == 7) slot = L_TEXT;
    if (kind == 10) slot = O_TEXT;
    if (slot < 0 && kind != 5 && kind != 11) return;
    size_t begin = b->texts.len;
    if (!tg_der_text(value, &b->texts)) return;
    tg_buf_putc(&b->texts, '\0');
    if (b->texts.failed) return;
    const char *text = (const char *)b->texts.data + begin;
    if (kind == 5) take_identity(text, "IIN", b->facts->iin);
    if (kind == 11) take_identity(text, "BIN", b->facts->bin);
    if (slot >= 0) b->begin[slot] = begin;
}

static void read_subject(struct builder *b)
{
    struct tg_der rdns = tg_der_inside(&b->parts->subject);
    struct tg_der_item set, pair, type, value;
    while (tg_der_take(&rdns, TG_DER_SET, &set)) {
        struct tg_der rdn = tg_der_inside(&set);
        while (tg_der_take(&rdn, TG_DER_SEQUENCE, &pair)) {
            struct tg_der inside = tg_der_inside(&pair);
            if (tg_der_take(&inside, TG_DER_OID, &type) && tg_der_next(&inside, &value))
                take_attribute(b, &type, &value);
        }
    }
    b->facts->iin_ok = tg_iin_ok(b->facts->iin);
    b->facts->bin_ok = tg_iin_ok(b->facts->bin);
}

static int read_names(struct builder *b, struct tg_err *err)
{
    const struct tg_cert_parts *p = b->parts;
    size_t begin = b->texts.len;
    TG_TRY(tg_name_text(p->subject.whole, p->subject.whole_len, &b->texts, err));
    end_text(b, SUBJECT_TEXT, begin);
    begin = b->texts.len;
    TG_TRY(tg_name_text(p->issuer.whole, p->issuer.whole_len, &b->texts, err));
    end_text(b, ISSUER_TEXT, begin);
    read_subject(b);
    return 0;
}

/* The first rfc822Name; stands above the subject's emailAddress. */
static void read_san(struct builder *b, const struct tg_ext *ext)
{
    struct tg_der_item names, name;
    if (!tg_der_whole(ext->value.content, ext->value.len, TG_DER_SEQUENCE, &names)) return;
    struct tg_der inside = tg_der_inside(&names);
    while (tg_der_next(&inside, &name)) {
        if (name.tag != (TG_DER_CONTEXT | 1) || name.len == 0) continue;
        if (!tg_utf8_clean(name.content, name.len)) continue;
        size_t begin = b->texts.len;
        tg_buf_add(&b->texts, name.content, name.len);
        end_text(b, EMAIL_TEXT, begin);
        return;
    }
}

static void read_basic_constraints(struct tg_cert_facts *facts, const struct tg_ext *ext)
{
    struct tg_der_item whole, ca, depth;
    if (!tg_der_whole(ext->value.content, ext->value.len, TG_DER_SEQUENCE, &whole)) return;
    struct tg_der inside = tg_der_inside(&whole);
    if (tg_der_take(&inside, TG_DER_BOOLEAN, &ca)) facts->is_ca = ca.len == 1 && ca.content[0] != 0;
    if (tg_der_take(&inside, TG_DER_INTEGER, &depth))
        facts->path_len = depth.len == 1 && depth.content[0] < 0x80 ? depth.content[0] : 0;
}

static void read_extension(struct builder *b, const struct tg_ext *ext)
{
    struct tg_cert_facts *facts = b->facts;
    struct tg_der_item item;
    static const uint8_t storage[] = {0x2a, 0x83, 0x0e, 0x03, 0x03, 0x05};
    if (tg_der_is(&ext->oid, storage, sizeof storage)) facts->storage = tg_storage_of(ext);
    if (ext->oid.len != 3 || ext->oid.content[0] != 0x55 || ext->oid.content[1] != 0x1d) return;
    switch (ext->oid.content[2]) {
    case 14:
        if (tg_der_whole(ext->value.content, ext->value.len, TG_DER_OCTETS, &item) && item.len &&
            item.len <= sizeof facts->ski) {
            memcpy(facts->ski, item.content, item.len);
            facts->ski_len = item.len;
        }
        break;
    case 15:
        if (!tg_key_usage_read(ext, &facts->key_usage)) facts->key_usage = 0;
        break;
    case 17:
        read_san(b, ext);
        break;
    case 19:
        read_basic_constraints(facts, ext);
        break;
    case 37:
        if (tg_der_whole(ext->value.content, ext->value.len, TG_DER_SEQUENCE, &item))
            facts->role = tg_role_of(tg_der_inside(&item));
        break;
    default:
        break;
    }
}

static EVP_MD *sha1;
static pthread_once_t sha1_once = PTHREAD_ONCE_INIT;

static void fetch_sha1(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL); /* stays for the process: used until the end */
}

/* RFC 5280 §4.2.1.2 (1). SHA-1 here names, it does not protect. */
void tg_ski_of(const struct tg_spki_facts *spki, uint8_t ret[20])
{
    unsigned n = 20;
    pthread_once(&sha1_once, fetch_sha1);
    TG_CHECK(sha1 && EVP_Digest(spki->bit_string, spki->bit_string_len, ret, &n, sha1, NULL) == 1);
}

static int read_key(struct builder *b, struct tg_err *err)
{
    struct tg_cert_facts *facts = b->facts;
    struct tg_spki_facts spki;
    facts->spki_der = b->parts->spki.whole;
    facts->spki_len = b->parts->spki.whole_len;
    TG_TRY(tg_spki_read(facts->spki_der, facts->spki_len, &spki, err));
    tg_copy(facts->key_algorithm, sizeof facts->key_algorithm, spki.algorithm);
    facts->key_bits = spki.bits;
    facts->decodable = spki.decodable;
    facts->weak = spki.weak;
    tg_sha256(facts->spki_der, facts->spki_len, facts->spki_sha256);
    if (facts->ski_len == 0) {
        tg_ski_of(&spki, facts->ski);
        facts->ski_len = 20;
    }
    return 0;
}

static void read_fixed(struct builder *b, const uint8_t *der, size_t len)
{
    struct tg_cert_facts *facts = b->facts;
    const struct tg_cert_parts *p = b->parts;
    tg_sha256(der, len, facts->sha256);
    facts->subject_der = p->subject.whole;
    facts->subject_len = p->subject.whole_len;
    facts->issuer_der = p->issuer.whole;
    facts->issuer_len = p->issuer.whole_len;
    facts->self_issued = facts->subject_len == facts->issuer_len &&
                         memcmp(facts->subject_der, facts->issuer_der, facts->subject_len) == 0;
    facts->version = p->version + 1;
    facts->path_len = -1;
    facts->times_ok = tg_der_time(&p->not_before, &facts->not_before) &&
                      tg_der_time(&p->not_after, &facts->not_after);
    if (!facts->times_ok) facts->not_before = facts->not_after = 0;
    tg_signature_word(&p->algorithm, facts->signature_algorithm);
}

int tg_facts_read(const struct tg_cert_parts *parts, const uint8_t *der, size_t len,
                  struct tg_cert_facts *ret, char **ret_texts, struct tg_err *err)
{
    /* One octet of a name becomes at most four characters, twice (whole name, attribute). */
    struct builder b = {.parts = parts, .facts = ret, .texts = TG_BUF(8 * (size_t)TG_MAX_CERT)};
    tg_buf_putc(&b.texts, '\0'); /* text 0: "" */
    read_fixed(&b, der, len);
    read_serial(&b);
    int rc = read_names(&b, err);
    struct tg_der run = parts->extensions;
    struct tg_ext ext;
    while (rc == 0 && tg_ext_next(&run, &ext))
        read_extension(&b, &ext);
    if (rc == 0) rc = read_key(&b, err);
    if (rc == 0) rc = tg_buf_ok(&b.texts, err);
    if (rc < 0) {
        tg_buf_done(&b.texts);
        return rc;
    }
    char *all = tg_buf_take(&b.texts, NULL);
    ret->serial = all + b.begin[SERIAL_TEXT];
    ret->subject = all + b.begin[SUBJECT_TEXT];
    ret->issuer = all + b.begin[ISSUER_TEXT];
    ret->cn = all + b.begin[CN_TEXT];
    ret->email = all + b.begin[EMAIL_TEXT];
    ret->organization = all + b.begin[O_TEXT];
    ret->locality = all + b.begin[L_TEXT];
    *ret_texts = all;
    return 0;
}
