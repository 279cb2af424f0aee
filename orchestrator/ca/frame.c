#include "frame.h"

#include "base/str.h"

static void put_u32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t ca_frame_begin(struct tg_buf *b, enum ca_frame_type type, uint32_t id)
{
    size_t begin = b->len;
    uint8_t head[CA_FRAME_HEAD] = {0, 0, 0, 0, (uint8_t)type};
    put_u32(head + 5, id);
    tg_buf_add(b, head, sizeof head);
    return begin;
}

void ca_frame_u32(struct tg_buf *b, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    tg_buf_add(b, bytes, sizeof bytes);
}

void ca_frame_bytes(struct tg_buf *b, const void *bytes, size_t len)
{
    ca_frame_u32(b, (uint32_t)len);
    if (len) tg_buf_add(b, bytes, len);
}

void ca_frame_end(struct tg_buf *b, size_t begin)
{
    if (b->failed) return;
    size_t len = b->len - begin - 4;
    if (len > CA_FRAME_MAX)
        b->failed = true;
    else
        put_u32(b->data + begin, (uint32_t)len);
}

void ca_frame_error(struct tg_buf *b, uint32_t id, const struct tg_err *err)
{
    size_t begin = ca_frame_begin(b, CA_ERROR, id);
    ca_frame_u32(b, (uint32_t)-err->code);
    ca_frame_bytes(b, err->text, strlen(err->text));
    ca_frame_end(b, begin);
}

int ca_frame_next(const uint8_t *bytes, size_t len, struct ca_frame *ret, size_t *ret_used)
{
    if (len < 4) return 0;
    size_t body = get_u32(bytes);
    if (body < CA_FRAME_HEAD - 4 || body > CA_FRAME_MAX) return -1;
    if (len - 4 < body) return 0;
    *ret = (struct ca_frame){.type = bytes[4],
                             .id = get_u32(bytes + 5),
                             .at = bytes + CA_FRAME_HEAD,
                             .end = bytes + 4 + body};
    *ret_used = 4 + body;
    return 1;
}

uint32_t ca_frame_get_u32(struct ca_frame *f)
{
    if (f->end - f->at < 4) {
        f->bad = true;
        return 0;
    }
    uint32_t value = get_u32(f->at);
    f->at += 4;
    return value;
}

struct tg_blob ca_frame_get(struct ca_frame *f, size_t max)
{
    size_t len = ca_frame_get_u32(f);
    if (f->bad || len > max || len > (size_t)(f->end - f->at)) {
        f->bad = true;
        return TG_BLOB(NULL, 0);
    }
    struct tg_blob ret = TG_BLOB(f->at, len);
    f->at += len;
    return ret;
}

bool ca_frame_done(const struct ca_frame *f)
{
    return !f->bad && f->at == f->end;
}

void ca_frame_get_error(struct ca_frame *f, struct tg_err *ret)
{
    char text[TG_ERR_TEXT];
    uint32_t code = ca_frame_get_u32(f);
    struct tg_blob said = ca_frame_get(f, TG_ERR_TEXT - 1);
    bool known = code > 0 && code <= (uint32_t)-TG_E_BUG && ca_frame_done(f);
    if (!known || !tg_utf8_clean(said.data, said.len) ||
        !tg_copyn(text, sizeof text, said.data, said.len))
        (void)TG_FAIL(ret, TG_E_CA, "the issuing process answered something unreadable");
    else
        (void)TG_FAIL(ret, -(int)code, "%s", text);
}
