/* A report as columns: certificates parsed once each, entries by path. Runs on a pool thread;
 * touches no loop. */
#include "inventory_in.h"

#include <string.h>

static int64_t word_index(const char *word, const char *const *words, size_t count,
                          int64_t otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) return (int64_t)i;
    return otherwise;
}

static int64_t kind_of(const char *word)
{
    static const char *const kinds[] = {"", "pkcs12", "pem", "pkcs11", "nss", "windows", "der"};
    return word ? word_index(word, kinds, TG_COUNT(kinds), 0) : 0;
}

static int64_t status_of(const char *word)
{
    static const char *const statuses[] = {"", "open", "locked"};
    return word_index(word, statuses, TG_COUNT(statuses), 3);
}

/* Open addressing by the first bytes of the hash; size is a power of two, at least twice the count.
 */
struct table {
    size_t *slots, size; /* index + 1 */
};

static size_t *slot_of(const struct table *t, const struct inventory_certs *c,
                       const uint8_t sha[TG_SHA256])
{
    uint64_t h;
    memcpy(&h, sha, sizeof h);
    size_t at = (size_t)h & (t->size - 1);
    while (t->slots[at] && memcmp(c->sha[t->slots[at] - 1].data, sha, TG_SHA256) != 0)
        at = (at + 1) & (t->size - 1);
    return &t->slots[at];
}

/* Index of the certificate, or -1 where the bytes are none. */
static ptrdiff_t add_cert(struct inventory_report *r, const struct table *t,
                          const struct tg_wire_blob *der, uint8_t storage)
{
    struct tg_cert *cert = NULL;
    struct tg_err ignored = {0};
    if (tg_cert_parse(der->data, der->len, &cert, &ignored) < 0) {
        r->refused++;
        return -1;
    }
    struct inventory_certs *c = &r->certs;
    size_t *slot = slot_of(t, c, tg_cert_facts(cert)->sha256);
    if (*slot) {
        tg_cert_unref(cert);
    } else {
        c->certs[c->count] = cert;
        c->sha[c->count] = (struct db_slice){tg_cert_facts(cert)->sha256, TG_SHA256};
        *slot = ++c->count;
    }
    if (storage) c->storage[*slot - 1] = storage;
    return (ptrdiff_t)*slot - 1;
}

static void add_entry(struct inventory_report *r, const struct table *t,
                      const struct tg_wire_keystore *k, const struct tg_wire_entry *e)
{
    size_t n = r->entry_count;
    bool locked = strcmp(k->status, "locked") == 0;
    uint8_t storage = e->has_key ? (strcmp(k->storage, "token") == 0 ? 2 : 1) : 0;
    r->entry_sha[n] = r->entry_ski[n] = (struct db_slice){0};
    if (e->certificate.len) {
        ptrdiff_t at = add_cert(r, t, &e->certificate, storage);
        if (at < 0) return;
        r->entry_sha[n] = r->certs.sha[at];
    } else {
        size_t hex = e->ski ? strlen(e->ski) : 0;
        uint8_t *bytes = r->ski_bytes + n * 64;
        if (hex < 2 || hex > 128 || hex % 2 || !tg_unhex(e->ski, hex, bytes)) return;
        r->entry_ski[n] = (struct db_slice){bytes, hex / 2};
    }
    r->entry_paths[n] = k->path;
    r->names[n] = e->friendly_name ? e->friendly_name : "";
    /* without a password nobody knows that there is no key */
    r->keys[n] = e->has_key ? 1 : locked ? DB_NULL_I64 : 0;
    r->entry_count++;
}

static void make_room(struct inventory_report *r, size_t keystores, size_t entries)
{
    r->paths = tg_calloc(keystores + 1, sizeof *r->paths);
    r->reasons = tg_calloc(keystores + 1, sizeof *r->reasons);
    r->owners = tg_calloc(keystores + 1, sizeof *r->owners);
    r->kinds = tg_calloc(keystores + 1, sizeof *r->kinds);
    r->storages = tg_calloc(keystores + 1, sizeof *r->storages);
    r->statuses = tg_calloc(keystores + 1, sizeof *r->statuses);
    r->entry_paths = tg_calloc(entries + 1, sizeof *r->entry_paths);
    r->names = tg_calloc(entries + 1, sizeof *r->names);
    r->entry_sha = tg_calloc(entries + 1, sizeof *r->entry_sha);
    r->entry_ski = tg_calloc(entries + 1, sizeof *r->entry_ski);
    r->ski_bytes = tg_calloc(entries + 1, 64);
    r->keys = tg_calloc(entries + 1, sizeof *r->keys);
    r->certs.certs = tg_calloc(entries + 1, sizeof(struct tg_cert *));
    r->certs.sha = tg_calloc(entries + 1, sizeof(struct db_slice));
    r->certs.storage = tg_calloc(entries + 1, 1);
}

static int by_path(const void *a, const void *b)
{
    const struct tg_wire_keystore *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

/* The agent's word, only ever compared with itself; what is no time in the database is none. */
static int64_t scan_time(int64_t scanned)
{
    static const int64_t last = INT64_C(253402300799); /* the end of 9999 */
    return scanned < 0 || scanned > last ? 0 : scanned;
}

void inventory_report_make(const struct tg_wire_inventory *m, struct inventory_report *r)
{
    const struct tg_wire_keystore *all = m->keystores.items;
    size_t count = m->keystores.count, entries = 0;
    *r = (struct inventory_report){.complete = m->complete, .scanned = scan_time(m->scanned)};
    TG_AUTO(mem) const struct tg_wire_keystore **sorted = tg_calloc(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &all[i];
        entries += all[i].entries.count;
    }
    qsort(sorted, count, sizeof *sorted, by_path);
    make_room(r, count, entries);
    struct table t = {.size = 64};
    while (t.size < entries * 2 + 2)
        t.size *= 2;
    t.slots = tg_calloc(t.size, sizeof *t.slots);
    for (size_t i = 0; i < count; i++) {
        const struct tg_wire_keystore *k = sorted[i];
        if (i > 0 && strcmp(sorted[i - 1]->path, k->path) == 0)
            continue; /* one statement may touch a row once */
        size_t n = r->keystore_count++;
        r->paths[n] = k->path;
        r->reasons[n] = k->reason ? k->reason : "";
        r->owners[n] = k->owner ? k->owner : "";
        r->kinds[n] = kind_of(k->kind);
        r->storages[n] = strcmp(k->storage, "token") == 0 ? 2 : 1;
        r->statuses[n] = status_of(k->status);
        const struct tg_wire_entry *e = k->entries.items;
        for (size_t j = 0; j < k->entries.count; j++)
            add_entry(r, &t, k, &e[j]);
    }
    free(t.slots);
}

void inventory_report_done(struct inventory_report *r)
{
    for (size_t i = 0; i < r->certs.count; i++)
        tg_cert_unref(r->certs.certs[i]);
    free(r->certs.certs);
    free(r->certs.sha);
    free(r->certs.storage);
    free(r->paths);
    free(r->reasons);
    free(r->owners);
    free(r->kinds);
    free(r->storages);
    free(r->statuses);
    free(r->entry_paths);
    free(r->names);
    free(r->entry_sha);
    free(r->entry_ski);
    free(r->ski_bytes);
    free(r->keys);
    *r = (struct inventory_report){0};
}
