#include "x509/pem.h"

#include <openssl/evp.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "x509/der.h"

enum { LABEL = 64 };

/* A cursor over lines; line numbers are for messages. */
struct lines {
    const char *begin, *at, *end;
    size_t number;
};

struct line {
    const char *begin;
    size_t len; /* without line end and trailing blanks */
};

static bool next_line(struct lines *lines, struct line *ret)
{
    if (lines->at >= lines->end) return false;
    const char *begin = lines->at;
    const char *lf = memchr(begin, '\n', (size_t)(lines->end - begin));
    const char *stop = lf ? lf : lines->end;
    lines->at = lf ? lf + 1 : lines->end;
    lines->number++;
    while (stop > begin && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *ret = (struct line){begin, (size_t)(stop - begin)};
    return true;
}

/* "-----BEGIN label-----" or END. */
static bool boundary(const struct line *line, const char *kind, char label[LABEL])
{
    size_t head = strlen(kind);
    if (line->len < head + 6 || memcmp(line->begin, kind, head) != 0) return false;
    if (memcmp(line->begin + line->len - 5, "-----", 5) != 0) return false;
    return tg_copyn(label, LABEL, line->begin + head, line->len - head - 5);
}

#define BEGIN "-----BEGIN "
#define END   "-----END "

bool tg_pem_looks_like(const uint8_t *bytes, size_t len)
{
    struct lines lines = {.at = (const char *)bytes, .end = (const char *)bytes + len};
    struct line line;
    char label[LABEL];
    while (len && next_line(&lines, &line))
        if (boundary(&line, BEGIN, label)) return true;
    return false;
}

/* Strict base64 (blanks between lines allowed) into memory that the caller wipes. */
static bool decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len)
{
    int n = 0, last = 0;
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    TG_CHECK(ctx);
    uint8_t *room = tg_alloc(len / 4 * 3 + 80);
    EVP_DecodeInit(ctx);
    bool ok = EVP_DecodeUpdate(ctx, room, &n, (const unsigned char *)text, (int)len) >= 0 &&
              EVP_DecodeFinal(ctx, room + n, &last) == 1 && n + last > 0;
    EVP_ENCODE_CTX_free(ctx);
    *ret = room;
    *ret_len = ok ? (size_t)(n + last) : 0;
    return ok;
}

/* RFC 1421 headers stand before an empty line; only Proc-Type interests here. */
static bool skip_headers(struct lines *lines, bool *ret_encrypted)
{
    struct lines ahead = *lines;
    struct line line;
    if (!next_line(&ahead, &line) || !line.len || !memchr(line.begin, ':', line.len)) return true;
    do {
        if (line.len == 0) {
            *lines = ahead;
            return true;
        }
        *ret_encrypted = *ret_encrypted || memmem(line.begin, line.len, "ENCRYPTED", 9);
    } while (next_line(&ahead, &line));
    return false;
}

/* From behind the BEGIN line through the END line. */
static int read_block(struct lines *lines, struct tg_pem_block *block, tg_pem_fn on_block,
                      void *data, struct tg_err *err)
{
    size_t first = lines->number, der_len;
    uint8_t *der;
    char end_label[LABEL];
    struct line line;
    if (!skip_headers(lines, &block->encrypted))
        return TG_FAIL(err, TG_E_INPUT, "PEM line %zu: block %s is cut off", first, block->label);
    const char *body = lines->at;
    do {
        if (!next_line(lines, &line))
            return TG_FAIL(err, TG_E_INPUT, "PEM line %zu: block %s is cut off", first,
                           block->label);
    } while (!boundary(&line, END, end_label));
    if (strcmp(end_label, block->label) != 0)
        return TG_FAIL(err, TG_E_INPUT, "PEM line %zu: block %s ends as %s", first, block->label,
                       end_label);
    bool ok = decode(body, (size_t)(line.begin - body), &der, &der_len);
    size_t room = (size_t)(line.begin - body) / 4 * 3 + 80;
    block->der = der;
    block->der_len = der_len;
    block->text_len = (size_t)(lines->at - block->text);
    int rc =
        ok ? on_block(block, data, err)
           : TG_FAIL(err, TG_E_INPUT, "PEM line %zu: block %s is not base64", first, block->label);
    tg_wipe(der, room);
    free(der);
    return rc;
}

int tg_pem_read(const uint8_t *bytes, size_t len, tg_pem_fn on_block, void *data,
                struct tg_err *err)
{
    struct lines lines = {.begin = (const char *)bytes, .at = (const char *)bytes};
    struct line line;
    char label[LABEL];
    size_t blocks = 0;
    if (len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "PEM: more than %d bytes", TG_MAX_KEYSTORE);
    lines.end = len ? lines.at + len : lines.at;
    while (next_line(&lines, &line)) {
        if (!boundary(&line, BEGIN, label)) continue;
        if (++blocks > TG_MAX_ENTRIES)
            return TG_FAIL(err, TG_E_LIMIT, "PEM: more than %d blocks", TG_MAX_ENTRIES);
        struct tg_pem_block block = {.label = label,
                                     .text = line.begin,
                                     .offset = (size_t)(line.begin - lines.begin),
                                     .encrypted = strcmp(label, "ENCRYPTED PRIVATE KEY") == 0};
        TG_TRY(read_block(&lines, &block, on_block, data, err));
    }
    return blocks ? 0 : TG_FAIL(err, TG_E_NOT_FOUND, "PEM: no block in it");
}

int tg_pem_or_der_read(const uint8_t *bytes, size_t len, tg_pem_fn on_block, void *data,
                       struct tg_err *err)
{
    struct tg_der_item whole;
    if (tg_pem_looks_like(bytes, len)) return tg_pem_read(bytes, len, on_block, data, err);
    if (!tg_der_whole(bytes, len, TG_DER_SEQUENCE, &whole))
        return TG_FAIL(err, TG_E_NOT_FOUND, "neither PEM nor one DER element");
    struct tg_pem_block block = {.label = "CERTIFICATE", .der = bytes, .der_len = len};
    return on_block(&block, data, err);
}

void tg_pem_write(const char *label, const uint8_t *der, size_t len, struct tg_buf *ret)
{
    enum { ROW = 48 };
    uint8_t row[ROW / 3 * 4 + 1];
    tg_buf_printf(ret, BEGIN "%s-----\n", label);
    for (size_t i = 0; i < len; i += ROW) {
        size_t n = len - i < ROW ? len - i : ROW;
        int columns = EVP_EncodeBlock(row, der + i, (int)n);
        tg_buf_add(ret, row, (size_t)columns);
        tg_buf_putc(ret, '\n');
    }
    tg_buf_printf(ret, END "%s-----\n", label);
    tg_wipe(row, sizeof row);
}

bool tg_pem_is_certificate(const char *label)
{
    return strcmp(label, "CERTIFICATE") == 0 || strcmp(label, "X509 CERTIFICATE") == 0;
}

bool tg_pem_is_key(const char *label)
{
    return strcmp(label, "PRIVATE KEY") == 0 || tg_ends(label, " PRIVATE KEY");
}
