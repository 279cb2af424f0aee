#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"

/* A record: u32 length of the payload, u8 type, payload, SHA-256 over all of that. */
enum { HEAD = 5, RECORD_MIN = HEAD + TG_SHA256, CERTIFICATE = 1, RECALL = 2, FIRST_ROOM = 1024 };

struct place {
    uint8_t spki[TG_SHA256];
    uint64_t offset; /* of the record, plus 1; 0 = empty */
};

struct ca_store {
    int fd;
    uint64_t end; /* committed bytes */
    struct tg_buf fresh;
    struct place *places; /* open addressing: keys are hashes already */
    size_t room, count;
};

/* --- the index --- */

static size_t slot_of(const struct place *places, size_t room, const uint8_t spki[TG_SHA256])
{
    uint64_t hash;
    memcpy(&hash, spki, sizeof hash);
    size_t i = (size_t)hash & (room - 1);
    while (places[i].offset && memcmp(places[i].spki, spki, TG_SHA256) != 0)
        i = (i + 1) & (room - 1);
    return i;
}

static void grow(struct ca_store *s)
{
    size_t room = s->room ? s->room * 2 : FIRST_ROOM;
    struct place *places = tg_calloc(room, sizeof *places);
    for (size_t i = 0; i < s->room; i++)
        if (s->places[i].offset) places[slot_of(places, room, s->places[i].spki)] = s->places[i];
    free(s->places);
    s->places = places;
    s->room = room;
}

static void remember(struct ca_store *s, const uint8_t spki[TG_SHA256], uint64_t offset)
{
    if (s->count * 2 >= s->room) grow(s);
    struct place *p = &s->places[slot_of(s->places, s->room, spki)];
    if (p->offset) return; /* the first one counts, for ever */
    memcpy(p->spki, spki, TG_SHA256);
    p->offset = offset + 1;
    s->count++;
}

/* --- records --- */

static uint32_t payload_length(const uint8_t head[HEAD])
{
    return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

static void put_length(uint8_t at[4], size_t len)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(len >> (24 - 8 * i));
}

struct piece {
    const void *bytes;
    size_t len;
};

static void put(struct ca_store *s, uint8_t type, const struct piece *pieces, size_t n)
{
    size_t begin = s->fresh.len, len = 0;
    uint8_t head[HEAD] = {0, 0, 0, 0, type}, sum[TG_SHA256];
    for (size_t i = 0; i < n; i++)
        len += pieces[i].len;
    TG_CHECK(len <= CA_STORE_RECORD_MAX);
    put_length(head, len);
    tg_buf_add(&s->fresh, head, HEAD);
    for (size_t i = 0; i < n; i++)
        tg_buf_add(&s->fresh, pieces[i].bytes, pieces[i].len);
    TG_CHECK(!s->fresh.failed); /* whoever puts asks ca_store_is_full first */
    tg_sha256(s->fresh.data + begin, s->fresh.len - begin, sum);
    tg_buf_add(&s->fresh, sum, sizeof sum);
}

void ca_store_put_certificate(struct ca_store *s, const uint8_t spki[TG_SHA256],
                              const uint8_t leaf[TG_SHA256], struct tg_blob der)
{
    struct piece pieces[] = {{spki, TG_SHA256}, {leaf, TG_SHA256}, {der.data, der.len}};
    uint64_t offset = s->end + s->fresh.len;
    put(s, CERTIFICATE, pieces, TG_COUNT(pieces));
    remember(s, spki, offset);
}

void ca_store_put_recall(struct ca_store *s, struct tg_blob text, struct tg_blob cms)
{
    uint8_t len[4];
    put_length(len, text.len);
    struct piece pieces[] = {{len, sizeof len}, {text.data, text.len}, {cms.data, cms.len}};
    put(s, RECALL, pieces, TG_COUNT(pieces));
}

bool ca_store_is_full(const struct ca_store *s)
{
    return s->fresh.len + CA_STORE_RECORD_MAX + RECORD_MIN > CA_STORE_GROUP_MAX;
}

static int write_at(int fd, uint64_t offset, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        bytes += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int ca_store_commit(struct ca_store *s, struct tg_err *err)
{
    if (s->fresh.len == 0) return 0;
    if (write_at(s->fd, s->end, s->fresh.data, s->fresh.len) < 0 || fdatasync(s->fd) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "the store of issued certificates: %s",
                       strerror(errno));
    s->end += s->fresh.len;
    tg_buf_reset(&s->fresh);
    return 0;
}

/* --- reading --- */

static int read_at(int fd, uint64_t offset, void *bytes, size_t len, struct tg_err *err)
{
    uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return TG_FAIL(err, TG_E_IO, "the store of issued certificates: it cannot be read: %s",
                           n < 0 ? strerror(errno) : "it is shorter than it was");
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int read_record(const struct ca_store *s, uint64_t offset, struct tg_buf *ret,
                       struct tg_err *err)
{
    uint8_t head[HEAD];
    if (offset >= s->end) {
        const uint8_t *at = s->fresh.data + (offset - s->end);
        tg_buf_add(ret, at, HEAD + payload_length(at));
        return tg_buf_ok(ret, err);
    }
    TG_TRY(read_at(s->fd, offset, head, HEAD, err));
    uint8_t *room = tg_buf_grow(ret, HEAD + (size_t)payload_length(head));
    if (!room) return tg_buf_ok(ret, err);
    return read_at(s->fd, offset, room, ret->len, err);
}

int ca_store_find(const struct ca_store *s, const uint8_t spki[TG_SHA256],
                  uint8_t ret_leaf[TG_SHA256], struct tg_buf *der, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf record = TG_BUF(CA_STORE_RECORD_MAX + HEAD);
    const struct place *p = s->room ? &s->places[slot_of(s->places, s->room, spki)] : NULL;
    if (!p || !p->offset)
        return TG_FAIL(err, TG_E_NOT_FOUND, "no certificate was issued for this key");
    TG_TRY(read_record(s, p->offset - 1, &record, err));
    memcpy(ret_leaf, record.data + HEAD + TG_SHA256, TG_SHA256);
    tg_buf_add(der, record.data + HEAD + 2 * TG_SHA256, record.len - HEAD - 2 * TG_SHA256);
    return tg_buf_ok(der, err);
}

uint64_t ca_store_count(const struct ca_store *s)
{
    return s->count;
}

/* --- opening --- */

struct opening {
    struct ca_store *s;
    ca_store_recall_fn on_recall;
    void *data;
};

static bool take_payload(const struct opening *o, uint8_t type, const uint8_t *at, size_t len)
{
    if (type == CERTIFICATE && len > 2 * (size_t)TG_SHA256) {
        remember(o->s, at, o->s->end);
        return true;
    }
    size_t text = type == RECALL && len >= 4 ? payload_length(at) : SIZE_MAX;
    if (text > len - 4) return false;
    if (o->on_recall)
        o->on_recall(TG_BLOB(at + 4, text), TG_BLOB(at + 4 + text, len - 4 - text), o->data);
    return true;
}

/* The record at s->end, of `left` bytes until the end of the file. *ret_whole 0 = there is no whole
 * one; a disk that cannot be read is no torn end, but an error. */
static int take_record(const struct opening *o, uint64_t left, uint8_t *room, size_t *ret_whole,
                       struct tg_err *err)
{
    uint8_t sum[TG_SHA256];
    *ret_whole = 0;
    if (left < RECORD_MIN) return 0;
    TG_TRY(read_at(o->s->fd, o->s->end, room, HEAD, err));
    size_t len = payload_length(room), whole = len + RECORD_MIN;
    if (len > CA_STORE_RECORD_MAX || whole > left) return 0;
    TG_TRY(read_at(o->s->fd, o->s->end + HEAD, room + HEAD, whole - HEAD, err));
    tg_sha256(room, HEAD + len, sum);
    if (memcmp(sum, room + HEAD + len, TG_SHA256) != 0) return 0;
    if (take_payload(o, room[4], room + HEAD, len)) *ret_whole = whole;
    return 0;
}

static int take_all(const struct opening *o, uint64_t size, uint64_t *ret_torn, struct tg_err *err)
{
    TG_AUTO(mem) uint8_t *room = tg_alloc(CA_STORE_RECORD_MAX + RECORD_MIN);
    struct ca_store *s = o->s;
    for (size_t whole = 1; s->end < size && whole > 0; s->end += whole)
        TG_TRY(take_record(o, size - s->end, room, &whole, err));
    *ret_torn = size - s->end;
    if (*ret_torn == 0) return 0;
    if (*ret_torn > CA_STORE_GROUP_MAX)
        return TG_FAIL(err, TG_E_IO,
                       "the store of issued certificates is damaged at byte %llu of %llu: bring it "
                       "back from a backup",
                       (unsigned long long)s->end, (unsigned long long)size);
    if (ftruncate(s->fd, (off_t)s->end) < 0 || fsync(s->fd) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "the store of issued certificates: %s",
                       strerror(errno));
    return 0;
}

static int open_file(struct ca_store *s, const char *path, uint64_t *ret_size, struct tg_err *err)
{
    struct stat st;
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno));
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int ca_store_open(const char *path, ca_store_recall_fn on_recall, void *data, struct ca_store **ret,
                  uint64_t *ret_torn, struct tg_err *err)
{
    TG_AUTO(ca_store) struct ca_store *s = TG_NEW(struct ca_store);
    struct opening o = {s, on_recall, data};
    uint64_t size = 0, torn = 0;
    s->fd = -1;
    tg_buf_init(&s->fresh, CA_STORE_GROUP_MAX);
    TG_TRY(open_file(s, path, &size, err));
    TG_TRY(take_all(&o, size, &torn, err));
    if (ret_torn) *ret_torn = torn;
    *ret = TG_TAKE(s);
    return 0;
}

void ca_store_free(struct ca_store *s)
{
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    tg_buf_done(&s->fresh);
    free(s->places);
    free(s);
}
