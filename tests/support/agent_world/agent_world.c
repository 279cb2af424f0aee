#include "agent_world/agent_world.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/pending.h"
#include "base/bytes.h"
#include "base/str.h"
#include "loop/clock.h"
#include "make.h"
#include "seal/leaf.h"
#include "x509/csr.h"

static struct tg_err world_err;

#define ERR (&world_err)
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            (void)fprintf(stderr, "agent_world: %s: %s\n", #call, world_err.text);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

void agent_world_child(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "job") == 0) exit(agent_job_main());
}

const char *agent_world_word(enum agent_world_kind kind)
{
    static const char *const words[] = {"p12", "p12-legacy", "p12-many", "pem", "pem-pair"};
    return words[kind];
}

const char *agent_world_password(const struct agent_world *w)
{
    return w->password.len ? w->password.data : NULL;
}

static json_t *base64_json(struct tg_blob bytes)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    tg_base64(&text, bytes.data, bytes.len);
    return json_string(tg_buf_text(&text));
}

/* The draft as the server would send it: from the old certificate, no key, no consent. */
static void make_prepare(struct agent_world *w)
{
    struct seal_app *a = &w->seal.apps[0];
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF);
    MUST(tg_leaf_from_old(&a->leaf, a->old, ERR));
    bool pem = w->kind == AGENT_PEM || w->kind == AGENT_PEM_PAIR;
    (void)!tg_copy(a->leaf.store, sizeof a->leaf.store, pem ? "pem" : "pkcs12");
    a->leaf.key[0] = '\0';
    a->leaf.consent = TG_CONSENT_NONE;
    MUST(tg_app_print(&a->leaf, TG_APP_DRAFT, &app, ERR));
    uint8_t random[32];
    tg_random(random, sizeof random);
    tg_hex(random, sizeof random, w->secret);
    w->prepare =
        json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:s,s:[]}", "application", a->leaf.no, "path",
                  w->path, "algorithm", "ec-p256", "app", base64_json(seal_blob(&app)), "consent",
                  "key", "agent", a->leaf.agent, "host", a->leaf.host, "realm",
                  tg_trust_chain_realm(w->seal.chain), "secret", w->secret, "passwords");
    TG_CHECK(w->prepare != NULL);
}

void agent_world_init(struct agent_world *w, enum agent_world_kind kind, const char *dir)
{
    *w = (struct agent_world){.kind = kind};
    seal_world_init_at(&w->seal, 5, tg_clock_wall(tg_clock_system()));
    (void)snprintf(w->dir, sizeof w->dir, "%s", dir ? dir : "/tmp/tamga-agent-XXXXXX");
    if (!dir && !mkdtemp(w->dir)) abort();
    make_world_keystore(w);
    make_prepare(w);
}

static void each_file(const char *dir, void (*act)(const char *path, void *data), void *data)
{
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[400];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        act(path, data);
    }
    if (d) (void)closedir(d);
}

static void give_one(const char *path, void *data)
{
    const unsigned *ids = data;
    if (lchown(path, ids[0], ids[1]) != 0) abort();
}

void agent_world_give(const struct agent_world *w, unsigned uid, unsigned gid)
{
    unsigned ids[2] = {uid, gid};
    give_one(w->dir, ids);
    each_file(w->dir, give_one, ids);
}

static void remove_one(const char *path, void *data)
{
    if (remove(path) == 0) return;
    each_file(path, remove_one, data);
    (void)rmdir(path);
}

void agent_world_done(struct agent_world *w)
{
    if (strncmp(w->dir, "/tmp/tamga-agent-", 17) == 0) remove_one(w->dir, NULL);
    json_decref(w->prepare);
    json_decref(w->install);
    tg_secret_done(&w->password);
    seal_world_done(&w->seal);
}

int agent_world_call(const struct agent_world *w, const char *kind, const json_t *request,
                     const char *password, json_t **ret_answer, struct tg_err *err)
{
    TG_AUTO(json) json_t *answer = NULL;
    TG_AUTO(secret) struct tg_secret secret = {0};
    struct agent_job_spec spec = {.kind = kind, .path = w->path, .request = request};
    if (password) tg_secret_set(&secret, password, strlen(password));
    if (password) spec.password = &secret;
    tg_err_clear(err);
    TG_TRY(agent_job_call(&spec, &answer, err));
    if (ret_answer) *ret_answer = TG_TAKE(answer);
    return 0;
}

static void take(const json_t *answer, const char *field, size_t max, struct tg_buf *ret)
{
    tg_buf_done(ret);
    tg_buf_init(ret, max);
    MUST(tg_json_base64(answer, field, ret, ERR));
}

int agent_world_prepare(struct agent_world *w, struct tg_err *err)
{
    TG_AUTO(json) json_t *answer = NULL;
    struct seal_app *a = &w->seal.apps[0];
    struct tg_leaf *review = TG_NEW(struct tg_leaf);
    *review = a->leaf;
    int rc = agent_world_call(w, "prepare", w->prepare, agent_world_password(w), &answer, err);
    if (rc == 0) {
        take(answer, "app", TG_MAX_LEAF, &a->app);
        take(answer, "csr", TG_MAX_CSR, &a->csr);
        take(answer, "cms", TG_MAX_CMS, &a->holder);
        MUST(tg_app_parse(a->app.data, a->app.len, TG_APP_FULL, &a->leaf, ERR));
        a->leaf.flags = review->flags;
    }
    free(review);
    return rc;
}

static void decide(struct seal_app *a)
{
    tg_buf_done(&a->line);
    tg_buf_init(&a->line, TG_MAX_LEAF);
    MUST(tg_leaf_join(seal_blob(&a->app), &a->leaf, &a->line, ERR));
    tg_sha256_hex(a->csr.data, a->csr.len, a->decision.csr);
    tg_sha256_hex(a->holder.data, a->holder.len, a->decision.cms);
    tg_buf_done(&a->decision_line);
    tg_buf_init(&a->decision_line, TG_DECISION_MAX);
    MUST(tg_decision_print(&a->decision, &a->decision_line, ERR));
}

/* The CA has no more of the new key than its CSR. */
static void issue(struct agent_world *w)
{
    struct seal_app *a = &w->seal.apps[0];
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_spec spec = {.old = a->old,
                                 .changes = a->leaf.changes,
                                 .n = a->leaf.changes_count,
                                 .not_before = w->seal.now,
                                 .not_after = w->seal.now + (int64_t)a->leaf.days * TG_DAY - 1,
                                 .issuer = w->seal.issuer.cert,
                                 .issuer_key = w->seal.issuer.key};
    MUST(tg_csr_parse(a->csr.data, a->csr.len, &csr, ERR));
    spec.spki = tg_csr_spki(csr, &spec.spki_len);
    tg_serial_random(spec.serial);
    MUST(tg_issue(&spec, &der, ERR));
    tg_cert_unref(a->cert);
    a->cert = NULL;
    MUST(tg_cert_parse(der.data, der.len, &a->cert, ERR));
}

void agent_world_approve(struct agent_world *w)
{
    decide(&w->seal.apps[0]);
    seal_world_seal(&w->seal);
    issue(w);
    agent_world_bundle(w);
}

static json_t *trust_json(const struct agent_world *w)
{
    struct tg_bundle *b = TG_NEW(struct tg_bundle);
    json_t *documents = json_array();
    tg_bundle_set_trust(b, w->seal.chain);
    for (size_t i = 0; i < b->trust_count; i++) {
        json_t *cms = json_array();
        for (size_t k = 0; k < b->trust[i].cms_count; k++)
            json_array_append_new(cms, base64_json(b->trust[i].cms[k]));
        json_array_append_new(documents, json_pack("{s:o,s:o}", "text",
                                                   base64_json(b->trust[i].text), "cms", cms));
    }
    free(b);
    return json_pack("{s:s,s:o}", "realm", tg_trust_chain_realm(w->seal.chain), "documents",
                     documents);
}

void agent_world_bundle(struct agent_world *w)
{
    const struct seal_app *a = &w->seal.apps[0];
    char app[TG_HEX256];
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    seal_world_bundle(&w->seal, 0, &bundle);
    tg_sha256_hex(a->app.data, a->app.len, app);
    json_t *pending = json_pack("{s:s,s:s,s:s,s:s}", "agent", a->leaf.agent, "app", app, "key",
                                a->leaf.key, "old", a->leaf.old);
    json_decref(w->install);
    w->install = json_pack("{s:s,s:s,s:o,s:o,s:o,s:[],s:s,s:[],s:b}", "application", a->leaf.no,
                           "path", w->path, "bundle", base64_json(seal_blob(&bundle)), "pending",
                           pending, "trust", trust_json(w), "recalled", "secret", w->secret,
                           "passwords", "keep_iterations", 1);
    TG_CHECK(w->install != NULL);
}

int agent_world_install(const struct agent_world *w, json_t **ret_answer, struct tg_err *err)
{
    return agent_world_call(w, "install", w->install, agent_world_password(w), ret_answer, err);
}
