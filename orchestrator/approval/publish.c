/* Publishing the next version of the trust document. */
#include "approval_in.h"

#include <string.h>

#include "base/limits.h"

struct publish {
    struct approval *a;
    struct tg_trust_chain *chain; /* the present one and the next version */
    struct tg_buf text, cms[TG_SEAL_TRUST_CMS_MAX];
    struct tg_blob blobs[TG_SEAL_TRUST_CMS_MAX];
    size_t n;
    bool fresh; /* the text is not there yet */
    char *actor;
    int64_t now;
    struct tg_err err;
    struct tg_work work;
    approval_published_fn fn;
    void *data;
};

static void finish(struct publish *p, const struct tg_err *err)
{
    struct approval *a = p->a;
    const struct tg_trust_chain *chain = p->chain ? p->chain : approval_chain(a);
    p->fn(err ? 0 : tg_trust_chain_version(chain), err ? "" : tg_trust_chain_realm(chain), err,
          p->data);
    tg_trust_chain_free(p->chain);
    tg_buf_done(&p->text);
    for (size_t i = 0; i < p->n; i++)
        tg_buf_done(&p->cms[i]);
    free(p->actor);
    free(p);
    approval_end(a);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct publish *p = data;
    struct tg_err stale;
    if (err && err->code == TG_E_EXISTS) {
        TG_FAIL(&stale, TG_E_STALE, "trust: another version was published first; look again");
        err = &stale;
    }
    if (!err) {
        approval_trust_set(p->a, TG_TAKE(p->chain));
        db_notify(p->a->db, APPROVAL_TRUST);
        db_notify(p->a->db, APPROVAL_JOBS);
    }
    finish(p, err);
}

static void write_version(struct publish *p)
{
    const struct tg_trust *t = tg_trust_chain_current(p->chain);
    TG_AUTO(buf) struct tg_buf body = TG_BUF(1024);
    char subject[24], sha[TG_HEX256];
    tg_sha256_hex(p->text.data, p->text.len, sha);
    tg_buf_printf(&body, "{\"sha256\":\"%s\",\"signatures\":%zu}", sha, p->n);
    (void)snprintf(subject, sizeof subject, "trust %u", t->version);
    struct db_unit *u = db_unit_new(p->a->db, "trust publish");
    approval_add_version(u, t, TG_BLOB(p->text.data, p->text.len), p->blobs, p->n, p->now);
    approval_add_entry(u, p->now, p->actor, "trust.published", subject, &body);
    db_unit_run(u, on_written, p);
}

/* Pool thread: V2 for all versions. */
static void think(void *data)
{
    struct publish *p = data;
    uint32_t before = tg_trust_chain_version(p->chain);
    if (tg_trust_chain_add(p->chain, TG_BLOB(p->text.data, p->text.len), p->blobs, p->n, &p->err) <
        0)
        return;
    p->fresh = tg_trust_chain_version(p->chain) > before;
    if (p->fresh && tg_trust_chain_valid(p->chain, p->now, &p->err) < 0) p->fresh = false;
}

static void on_thought(void *data, int status)
{
    struct publish *p = data;
    if (status < 0) TG_FAIL(&p->err, status, "trust: the service is stopping");
    if (p->err.code < 0 || !p->fresh)
        finish(p, p->err.code < 0 ? &p->err : NULL);
    else
        write_version(p);
}

/* A chain of one's own to add to: the present one is read by others. */
static int copy_chain(const struct approval *a, struct tg_trust_chain *ret, struct tg_err *err)
{
    uint32_t versions = a->trust ? tg_trust_chain_version(a->trust->chain) : 0;
    for (uint32_t v = 1; v <= versions; v++) {
        const struct tg_blob *cms = NULL;
        size_t n = tg_trust_chain_cms(a->trust->chain, v, &cms);
        TG_TRY(tg_trust_chain_add(ret, tg_trust_chain_text(a->trust->chain, v), cms, n, err));
    }
    return 0;
}

void approval_publish(struct approval *a, struct tg_blob text, const struct tg_blob *cms, size_t n,
                      const char *actor, int64_t now, approval_published_fn fn, void *data)
{
    struct publish *p = TG_NEW(struct publish);
    *p = (struct publish){.a = a, .now = now, .fn = fn, .data = data};
    p->actor = tg_strdup(actor);
    p->chain = tg_trust_chain_new(NULL);
    p->text = TG_BUF(TG_MAX_TRUST);
    p->n = n < TG_SEAL_TRUST_CMS_MAX ? n : TG_SEAL_TRUST_CMS_MAX;
    tg_buf_add(&p->text, text.data, text.len);
    for (size_t i = 0; i < p->n; i++) {
        p->cms[i] = TG_BUF(TG_MAX_CMS);
        tg_buf_add(&p->cms[i], cms[i].data, cms[i].len);
        p->blobs[i] = TG_BLOB(p->cms[i].data, p->cms[i].len);
        if (tg_buf_ok(&p->cms[i], &p->err) < 0) p->blobs[i].len = 0;
    }
    approval_begin(a);
    struct tg_err err = {0};
    /* Its only failures are those of memory: the chain was accepted before. */
    if (copy_chain(a, p->chain, &err) < 0 || p->text.failed) p->text.len = 0;
    struct tg_err start;
    if (tg_work_start(&p->work, db_loop(a->db), think, on_thought, p, &start) < 0) TG_CHECK(false);
}
