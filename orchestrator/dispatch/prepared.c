/* A prepared report: the app is what was asked with only key and consent filled in, the CSR proves
 * possession of a new and strong key of the policy's kind, and the old key signed it (TRUST F2). */
#include "report_in.h"

#include <string.h>

#include "base/limits.h"
#include "seal/holder.h"
#include "x509/csr.h"

bool report_key(const struct tg_wire_message *m, uint8_t ret[TG_SHA256])
{
    const struct tg_wire_prepared *p = tg_wire_body(m, TG_WIRE_PREPARED);
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    struct tg_err ignored;
    if (tg_csr_parse(p->csr.data, p->csr.len, &csr, &ignored) < 0) return false;
    memcpy(ret, tg_csr_spki_sha256(csr), TG_SHA256);
    return true;
}

/* --- on a pool thread --- */

static int check_app(struct report *p, struct tg_blob app, struct tg_leaf *leaf, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf asked = TG_BUF(TG_MAX_LEAF);
    char key[TG_SEAL_HEX];
    TG_TRY(tg_app_parse(app.data, app.len, TG_APP_FULL, leaf, err));
    enum tg_leaf_consent consent = leaf->consent;
    memcpy(key, leaf->key, sizeof key);
    leaf->key[0] = '\0';
    leaf->consent = TG_CONSENT_NONE;
    TG_TRY(tg_app_print(leaf, TG_APP_DRAFT, &asked, err));
    if (asked.len != p->draft.len || memcmp(asked.data, p->draft.data, asked.len) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "prepared: app is not what was asked for");
    memcpy(leaf->key, key, sizeof key);
    leaf->consent = consent;
    p->consent =
        consent == TG_CONSENT_KEY ? APPLICATION_CONSENT_KEY : APPLICATION_CONSENT_UNATTENDED;
    return 0;
}

static int check_csr(struct report *p, struct tg_blob der, const struct tg_leaf *leaf,
                     struct tg_err *err)
{
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    char key[TG_SEAL_HEX];
    TG_TRY(tg_csr_parse(der.data, der.len, &csr, err));
    memcpy(p->spki, tg_csr_spki_sha256(csr), TG_SHA256);
    tg_hex(p->spki, TG_SHA256, key);
    if (strcmp(key, leaf->key) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "prepared: the CSR's key is not the app's");
    if (strcmp(tg_csr_key_algorithm(csr), p->algorithm) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "prepared: the new key is %.20s, asked was %s",
                       tg_csr_key_algorithm(csr), p->algorithm);
    if (tg_csr_weak(csr)) return TG_FAIL(err, TG_E_MISMATCH, "prepared: the new key is weak");
    if (p->seen)
        return TG_FAIL(err, TG_E_EXISTS, "prepared: the new key is not new: it was seen before");
    if (tg_csr_verify(csr, err) < 0) return tg_err_wrap(err, "prepared: proof of possession");
    return 0;
}

static void print_flags(struct report *p, tg_flags flags)
{
    size_t at = 0;
    for (int f = 0; f < TG_FLAG_COUNT; f++) {
        if (!(flags & TG_FLAG_BIT(f))) continue;
        int n = snprintf(p->flags + at, sizeof p->flags - at, "%s%s", at ? " " : "",
                         tg_flag_code((enum tg_flag)f));
        TG_CHECK(n > 0 && at + (size_t)n < sizeof p->flags);
        at += (size_t)n;
    }
}

static int check(struct report *p, struct tg_err *err)
{
    const struct tg_wire_prepared *m = tg_wire_body(p->m, TG_WIRE_PREPARED);
    struct tg_blob app = TG_BLOB(m->app.data, m->app.len);
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    TG_AUTO(cert) struct tg_cert *old = NULL;
    TG_TRY(tg_cert_parse(p->old.data, p->old.len, &old, err));
    TG_TRY(check_app(p, app, leaf, err));
    TG_TRY(check_csr(p, TG_BLOB(m->csr.data, m->csr.len), leaf, err));
    TG_TRY(tg_holder_check(p->realm, app, TG_BLOB(m->cms.data, m->cms.len), old, NULL, err));
    print_flags(p, tg_flags_of_leaf(leaf) | tg_flags_of_old(leaf, old));
    return 0;
}

static void think(void *data)
{
    struct report *p = data;
    (void)!check(p, &p->err);
}

/* --- on the loop --- */

static void write_prepared(struct report *p)
{
    const struct tg_wire_prepared *m = tg_wire_body(p->m, TG_WIRE_PREPARED);
    struct application_prepared row = {
        .step = {.id = p->id,
                 .rev = p->rev,
                 .from = APPLICATION_DRAFTED,
                 .to = APPLICATION_PREPARED,
                 .waits_for = APPLICATION_WAITS_APPROVER,
                 .now = p->now,
                 .actor = p->actor},
        .attempt = p->attempt,
        .agent_id = p->agent_id,
        .consent = p->consent,
        .app = {m->app.data, m->app.len},
        .csr = {m->csr.data, m->csr.len},
        .cms = {m->cms.data, m->cms.len},
        .spki_sha256 = p->spki,
        .flags = p->flags,
    };
    struct db_unit *u = db_unit_new(p->d->db, "prepared");
    application_add_prepared(u, &row);
    (void)tg_copy(p->result, sizeof p->result, "done");
    (void)tg_copy(p->text, sizeof p->text, "prepared");
    report_write(p, u, JOB_PREPARE);
}

static void on_thought(void *data, int status)
{
    struct report *p = data;
    if (status < 0) TG_FAIL(&p->err, status, "the service is stopping");
    if (p->err.code == 0) {
        write_prepared(p);
        return;
    }
    if (p->replaced && p->err.code == TG_E_MISMATCH) p->may_fail = false;
    report_refuse(p, &p->err);
}

/* Everything that the pool thread needs. */
static int gather(struct report *p, const struct db_results *r, const struct dispatch_subject *s,
                  struct tg_err *err)
{
    const struct tg_trust_chain *chain = dispatch_chain(p->d);
    if (!chain) return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    TG_TRY(dispatch_draft(p->d, r, REPORT_CHANGES, &s->row, s->old_der, &p->draft, err));
    p->old = TG_BUF(TG_MAX_CERT);
    tg_buf_add(&p->old, s->old_der.data, s->old_der.len);
    (void)tg_copy(p->algorithm, sizeof p->algorithm, s->row.algorithm);
    (void)tg_copy(p->realm, sizeof p->realm, tg_trust_chain_realm(chain));
    p->seen = dispatch_seen_at(r) != NULL;
    p->replaced = s->job && s->job != p->m->id;
    p->attempt = s->row.attempt;
    return tg_work_start(&p->work, db_loop(p->d->db), think, on_thought, p, err);
}

void report_prepared(struct report *p, const struct db_results *r, const struct dispatch_subject *s)
{
    if (s->row.state != APPLICATION_DRAFTED) {
        p->may_fail = false;
        TG_FAIL(&p->err, TG_E_STATE, "prepared: the application is %s",
                application_state_word(s->row.state));
        report_refuse(p, &p->err);
    } else if (gather(p, r, s, &p->err) < 0) {
        bool ours = p->err.code == TG_E_NO_TRUST || tg_code_next(p->err.code) == TG_NEXT_RETRY;
        if (ours)
            report_finish(p, &p->err);
        else
            report_refuse(p, &p->err);
    }
}
