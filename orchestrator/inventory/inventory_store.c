/* The room's statements: a report set by set, and rows out. */
#include "inventory_in.h"
#include "inventory_queries.h"

#include <string.h>

#include "base/str.h"

enum { FLAG_DECODABLE = 1, FLAG_WEAK = 2, FLAG_CA = 4, FLAG_SELF = 8, ISSUER_MAX = 2000 };

/* Columns of table certificate, one array each. */
struct columns {
    size_t count;
    struct db_slice *spki, *ski, *issuer, *subject_der, *der;
    uint8_t *issuer_hashes;
    const char **text[11]; /* serial subject cn email organization locality iin bin key_algorithm
                              signature_algorithm issuer */
    int64_t *number[8];    /* not_before not_after jitter bits usage role storage flags */
};
enum {
    T_SERIAL,
    T_SUBJECT,
    T_CN,
    T_EMAIL,
    T_ORGANIZATION,
    T_LOCALITY,
    T_IIN,
    T_BIN,
    T_KEY,
    T_SIGNATURE,
    T_ISSUER
};
enum { N_BEFORE, N_AFTER, N_JITTER, N_BITS, N_USAGE, N_ROLE, N_STORAGE, N_FLAGS };

/* An issuer's name is in an index, whose entries are bounded: a longer one stands there by its
 * hash. */
static struct db_slice name_key(const uint8_t *der, size_t len, uint8_t room[TG_SHA256])
{
    if (len <= ISSUER_MAX) return (struct db_slice){der, len};
    tg_sha256(der, len, room);
    return (struct db_slice){room, TG_SHA256};
}

static int64_t jitter_of(const uint8_t sha[TG_SHA256])
{
    return ((int64_t)sha[0] << 24 | (int64_t)sha[1] << 16 | (int64_t)sha[2] << 8 | sha[3]) >> 1;
}

static void put_texts(struct columns *c, size_t i, const struct tg_cert_facts *f)
{
    const char *const texts[] =
        {f->serial,   f->subject, f->cn,  f->email,         f->organization,
         f->locality, f->iin,     f->bin, f->key_algorithm, f->signature_algorithm,
         f->issuer};
    for (size_t t = 0; t < TG_COUNT(texts); t++)
        c->text[t][i] = texts[t];
}

static void put_cert(struct columns *c, size_t i, const struct tg_cert *cert,
                     uint8_t keystore_storage)
{
    const struct tg_cert_facts *f = tg_cert_facts(cert);
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    c->der[i] = (struct db_slice){der, len};
    c->spki[i] = (struct db_slice){f->spki_sha256, TG_SHA256};
    c->ski[i] = (struct db_slice){f->ski, f->ski_len};
    c->issuer[i] = name_key(f->issuer_der, f->issuer_len, c->issuer_hashes + i * 2 * TG_SHA256);
    c->subject_der[i] =
        name_key(f->subject_der, f->subject_len, c->issuer_hashes + (i * 2 + 1) * TG_SHA256);
    put_texts(c, i, f);
    c->number[N_BEFORE][i] = f->not_before;
    c->number[N_AFTER][i] = f->not_after;
    c->number[N_JITTER][i] = jitter_of(f->sha256);
    c->number[N_BITS][i] = f->key_bits;
    c->number[N_USAGE][i] = f->key_usage;
    c->number[N_ROLE][i] = f->role;
    c->number[N_STORAGE][i] = f->storage ? (int64_t)f->storage : keystore_storage;
    c->number[N_FLAGS][i] = (f->decodable ? FLAG_DECODABLE : 0) | (f->weak ? FLAG_WEAK : 0) |
                            (f->is_ca ? FLAG_CA : 0) | (f->self_issued ? FLAG_SELF : 0);
}

static void columns_make(struct columns *c, struct tg_cert *const *certs, const uint8_t *storage,
                         size_t count)
{
    *c = (struct columns){.count = count};
    c->spki = tg_calloc(count + 1, sizeof *c->spki);
    c->ski = tg_calloc(count + 1, sizeof *c->ski);
    c->issuer = tg_calloc(count + 1, sizeof *c->issuer);
    c->subject_der = tg_calloc(count + 1, sizeof *c->subject_der);
    c->der = tg_calloc(count + 1, sizeof *c->der);
    c->issuer_hashes = tg_calloc(count + 1, 2 * TG_SHA256);
    for (size_t t = 0; t < TG_COUNT(c->text); t++)
        c->text[t] = tg_calloc(count + 1, sizeof(char *));
    for (size_t n = 0; n < TG_COUNT(c->number); n++)
        c->number[n] = tg_calloc(count + 1, sizeof(int64_t));
    for (size_t i = 0; i < count; i++)
        put_cert(c, i, certs[i], storage ? storage[i] : 0);
}

static void columns_done(struct columns *c)
{
    free(c->spki);
    free(c->ski);
    free(c->issuer);
    free(c->subject_der);
    free(c->der);
    free(c->issuer_hashes);
    for (size_t t = 0; t < TG_COUNT(c->text); t++)
        free(c->text[t]);
    for (size_t n = 0; n < TG_COUNT(c->number); n++)
        free(c->number[n]);
}

/* Issuers, certificates, DER. Returns the statement whose affected rows are the new certificates.
 */
static size_t add_certificates(struct db_unit *u, const struct columns *c,
                               const struct db_slice *sha, int64_t now)
{
    size_t n = c->count;
#define TEXTS(t)   db_text_array(c->text[t], n)
#define NUMBERS(i) db_i64_array(c->number[i], n)
    db_unit_add(u, Q_INVENTORY_ISSUERS, DB_ARGS(TEXTS(T_ISSUER), db_bytes_array(c->issuer, n)));
    size_t fresh =
        db_unit_add(u, Q_INVENTORY_CERTIFICATES,
                    DB_ARGS(db_bytes_array(sha, n), db_bytes_array(c->spki, n),
                            db_bytes_array(c->ski, n), db_bytes_array(c->issuer, n),
                            TEXTS(T_SERIAL), TEXTS(T_SUBJECT), TEXTS(T_CN), TEXTS(T_EMAIL),
                            TEXTS(T_ORGANIZATION), TEXTS(T_LOCALITY), TEXTS(T_IIN), TEXTS(T_BIN),
                            TEXTS(T_KEY), TEXTS(T_SIGNATURE), db_time_array(c->number[N_BEFORE], n),
                            db_time_array(c->number[N_AFTER], n), NUMBERS(N_JITTER),
                            NUMBERS(N_BITS), NUMBERS(N_USAGE), NUMBERS(N_ROLE), NUMBERS(N_STORAGE),
                            NUMBERS(N_FLAGS), db_time(now)));
#undef TEXTS
#undef NUMBERS
    db_unit_add(u, Q_INVENTORY_DERS, DB_ARGS(db_bytes_array(sha, n), db_bytes_array(c->der, n)));
    db_unit_add(u, Q_INVENTORY_ISSUER_KEYS,
                DB_ARGS(db_bytes_array(sha, n), db_bytes_array(c->subject_der, n)));
    return fresh;
}

static void add_places(struct db_unit *u, const struct inventory_source *s,
                       const struct inventory_report *r)
{
    size_t k = r->keystore_count, e = r->entry_count;
    db_unit_add(u, Q_INVENTORY_WORKSTATION, DB_ARGS(db_text(s->host), db_time(s->now)));
    db_unit_add(u, Q_INVENTORY_KEYSTORES,
                DB_ARGS(db_text(s->host), db_time(s->now), db_time(r->scanned),
                        db_text_array(r->paths, k), db_i64_array(r->kinds, k),
                        db_i64_array(r->storages, k), db_i64_array(r->statuses, k),
                        db_text_array(r->reasons, k), db_text_array(r->owners, k)));
    db_unit_add(u, Q_INVENTORY_PLACEMENTS,
                DB_ARGS(db_text(s->host), db_time(s->now), db_text_array(r->entry_paths, e),
                        db_bytes_array(r->entry_sha, e), db_bytes_array(r->entry_ski, e),
                        db_text_array(r->names, e), db_i64_array(r->keys, e)));
    db_unit_add(u, Q_INVENTORY_GONE,
                DB_ARGS(db_text(s->host), db_time(s->now), db_time(r->scanned),
                        db_bool(r->complete), db_text_array(r->paths, k),
                        db_i64_array(r->statuses, k), db_text_array(r->entry_paths, e),
                        db_bytes_array(r->entry_sha, e)));
}

void inventory_add_report(struct db_unit *u, const struct inventory_source *s,
                          const struct inventory_report *r, struct inventory_taking *ret)
{
    struct columns c;
    size_t n = r->certs.count;
    columns_make(&c, r->certs.certs, r->certs.storage, n);
    ret->fresh = add_certificates(u, &c, r->certs.sha, s->now);
    db_unit_add(u, Q_INVENTORY_RECOGNIZE, DB_ARGS(db_bytes_array(c.ski, n)));
    columns_done(&c);
    add_places(u, s, r);
    db_unit_add(u, Q_INVENTORY_STORAGE, DB_ARGS(db_bytes_array(r->certs.sha, n)));
    db_unit_add(u, Q_INVENTORY_LINK, DB_ARGS(db_bytes_array(r->certs.sha, n)));
    db_unit_add(u, Q_INVENTORY_SUPERSEDE, DB_ARGS(db_bytes_array(r->certs.sha, n)));
    ret->totals = db_unit_add(u, Q_INVENTORY_TAKEN,
                              DB_ARGS(db_bytes_array(r->certs.sha, n),
                                      db_i64((int64_t)r->keystore_count), db_i64(r->refused),
                                      db_text(s->host), db_text(s->actor), db_time(s->now)));
    if (s->job_id && s->agent_id) {
        db_unit_add(u, Q_INVENTORY_REPORT,
                    DB_ARGS(db_i64(s->job_id), db_i64(s->agent_id), db_text("done"),
                            db_time(s->now)));
        db_unit_add(u, Q_INVENTORY_SCAN_DONE, DB_ARGS(db_i64(s->job_id), db_i64(s->agent_id)));
    }
}

void inventory_read_taken(const struct db_results *r, const struct inventory_taking *at,
                          struct inventory_taken *ret)
{
    ret->fresh = db_affected(r, at->fresh);
    ret->certificates = db_get_i64(r, at->totals, 0, "certificates");
    ret->linked = db_get_i64(r, at->totals, 0, "linked");
    ret->unlinked = db_get_i64(r, at->totals, 0, "unlinked");
}

void inventory_add_issued(struct db_unit *u, const struct inventory_issued *issued, size_t count,
                          int64_t now)
{
    struct columns c;
    TG_AUTO(mem) struct tg_cert **certs = tg_calloc(count + 1, sizeof(struct tg_cert *));
    TG_AUTO(mem) struct db_slice *sha = tg_calloc(count + 1, sizeof *sha);
    TG_AUTO(mem) int64_t *old = tg_calloc(count + 1, sizeof *old);
    for (size_t i = 0; i < count; i++) {
        certs[i] = tg_cert_ref(issued[i].cert);
        sha[i] = (struct db_slice){tg_cert_facts(certs[i])->sha256, TG_SHA256};
        old[i] = issued[i].old_id;
    }
    columns_make(&c, certs, NULL, count);
    add_certificates(u, &c, sha, now);
    db_unit_add(u, Q_INVENTORY_ISSUED,
                DB_ARGS(db_bytes_array(sha, count), db_i64_array(old, count)));
    columns_done(&c);
    for (size_t i = 0; i < count; i++)
        tg_cert_unref(certs[i]);
}

void inventory_add_installed(struct db_unit *u, int64_t keystore_id, int64_t old_id, int64_t new_id,
                             int64_t now)
{
    db_unit_add(u, Q_INVENTORY_INSTALLED,
                DB_ARGS(db_i64(keystore_id), db_i64(old_id), db_i64(new_id), db_time(now)));
}

void inventory_add_import(struct db_unit *u, const struct inventory_register *reg,
                          const char *actor, int64_t now)
{
    size_t n = reg->count;
#define TEXTS(col) db_text_array(reg->text[col], n)
    db_unit_add(u, Q_INVENTORY_DEPARTMENTS, DB_ARGS(TEXTS(COL_DEPARTMENT)));
    db_unit_add(u, Q_INVENTORY_HOLDERS,
                DB_ARGS(TEXTS(COL_NUMBER), TEXTS(COL_NAME), TEXTS(COL_IIN), TEXTS(COL_EMAIL),
                        TEXTS(COL_PHONE), TEXTS(COL_DEPARTMENT), TEXTS(COL_POSITION),
                        TEXTS(COL_LOCALITY), TEXTS(COL_MANAGER), db_i64_array(reg->statuses, n),
                        db_time_array(reg->leaves, n), TEXTS(COL_LOCALE), db_time(now),
                        db_text(actor)));
#undef TEXTS
    db_unit_add(u, Q_INVENTORY_MOVED_DEPARTMENTS, DB_NO_ARGS);
    db_unit_add(u, Q_INVENTORY_LINK_ALL, DB_NO_ARGS);
    db_unit_add(u, Q_INVENTORY_SUPERSEDE_ALL, DB_NO_ARGS);
}

void inventory_read_imported(const struct db_results *r, struct inventory_imported *ret)
{
    ret->added = db_get_i64(r, 1, 0, "added");
    ret->changed = db_get_i64(r, 1, 0, "changed");
    ret->linked = db_affected(r, 3);
}
