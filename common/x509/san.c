/* san: GeneralNames as the texts of TRUST F1: email: dns: ip: uri: upn: and der: for all others. A
 * text is used only when it leads back to the same bytes. */
#include <arpa/inet.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "content_private.h"

static const struct {
    const char *prefix;
    uint8_t tag;
} plain[] = {
    {"email:", TG_DER_CONTEXT | 1},
    {"dns:", TG_DER_CONTEXT | 2},
    {"uri:", TG_DER_CONTEXT | 6},
};
/* otherName: userPrincipalName 1.3.6.1.4.1.311.20.2.3 */
static const char upn_oid[] = "1.3.6.1.4.1.311.20.2.3";

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e) return false;
    return true;
}

static bool put_ip(const char *text, struct tg_buf *ret)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, text, address) == 1) {
        tg_der_put(ret, TG_DER_CONTEXT | 7, address, 4);
        return true;
    }
    if (inet_pton(AF_INET6, text, address) != 1) return false;
    tg_der_put(ret, TG_DER_CONTEXT | 7, address, 16);
    return true;
}

static void put_upn(const char *text, struct tg_buf *ret)
{
    size_t start = ret->len;
    tg_der_put_oid(ret, upn_oid);
    size_t value = ret->len;
    tg_der_put(ret, TG_DER_UTF8, text, strlen(text));
    tg_der_wrap(ret, value, TG_DER_CONSTRUCTED | 0);
    tg_der_wrap(ret, start, TG_DER_CONSTRUCTED | 0);
}

static bool put_der(const char *hex, struct tg_buf *ret)
{
    size_t len = strlen(hex);
    uint8_t bytes[TG_CHANGE_VALUE];
    struct tg_der_item item;
    if (len % 2 || len / 2 > sizeof bytes || !tg_unhex(hex, len, bytes)) return false;
    struct tg_der d = tg_der(bytes, len / 2);
    if (!tg_der_next(&d, &item) || !tg_der_empty(&d) || !tg_der_deep(&item, TG_MAX_DEPTH))
        return false;
    if ((item.tag & 0xc0) != TG_DER_CONTEXT) return false;
    tg_buf_add(ret, bytes, len / 2);
    return true;
}

bool tg_san_put(const char *text, struct tg_buf *ret)
{
    for (size_t i = 0; i < TG_COUNT(plain); i++) {
        if (!tg_starts(text, plain[i].prefix)) continue;
        const char *value = text + strlen(plain[i].prefix);
        if (!is_ascii(value)) return false;
        tg_der_put(ret, plain[i].tag, value, strlen(value));
        return true;
    }
    if (tg_starts(text, "ip:")) return put_ip(text + 3, ret);
    if (tg_starts(text, "der:")) return put_der(text + 4, ret);
    if (!tg_starts(text, "upn:")) return false;
    put_upn(text + 4, ret);
    return true;
}

static bool upn_text(const struct tg_der_item *name, char ret[TG_CHANGE_VALUE])
{
    struct tg_der inside = tg_der_inside(name);
    struct tg_der_item oid, value, text;
    uint8_t wanted[16];
    size_t len = tg_der_oid_bytes(upn_oid, wanted, sizeof wanted);
    if (!tg_der_take(&inside, TG_DER_OID, &oid) || !tg_der_is(&oid, wanted, len)) return false;
    if (!tg_der_take(&inside, TG_DER_CONSTRUCTED | 0, &value)) return false;
    if (!tg_der_whole(value.content, value.len, TG_DER_UTF8, &text) || text.len > 250) return false;
    memcpy(ret, "upn:", 4);
    return tg_copyn(ret + 4, TG_CHANGE_VALUE - 4, text.content, text.len);
}

static bool short_text(const struct tg_der_item *name, char ret[TG_CHANGE_VALUE])
{
    if (name->tag == (TG_DER_CONSTRUCTED | 0)) return upn_text(name, ret);
    if (name->tag == (TG_DER_CONTEXT | 7) && (name->len == 4 || name->len == 16)) {
        memcpy(ret, "ip:", 4);
        return inet_ntop(name->len == 4 ? AF_INET : AF_INET6, name->content, ret + 3,
                         TG_CHANGE_VALUE - 3);
    }
    for (size_t i = 0; i < TG_COUNT(plain); i++) {
        size_t head = strlen(plain[i].prefix);
        if (name->tag != plain[i].tag) continue;
        if (memchr(name->content, 0, name->len)) return false;
        memcpy(ret, plain[i].prefix, head);
        return tg_copyn(ret + head, TG_CHANGE_VALUE - head, name->content, name->len);
    }
    return false;
}

bool tg_san_text(const struct tg_der_item *name, char ret[TG_CHANGE_VALUE])
{
    TG_AUTO(buf) struct tg_buf back = TG_BUF(2 * TG_CHANGE_VALUE);
    if (short_text(name, ret) && tg_utf8_clean(ret, strlen(ret)) && tg_san_put(ret, &back) &&
        !back.failed && back.len == name->whole_len &&
        memcmp(back.data, name->whole, back.len) == 0)
        return true;
    if (name->whole_len > (TG_CHANGE_VALUE - 5) / 2) return false;
    memcpy(ret, "der:", 5);
    tg_hex(name->whole, name->whole_len, ret + 4);
    return true;
}
