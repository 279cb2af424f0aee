/* Key and certificate of the agent itself. */
#include "agent/identity.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/times.h"
#include "x509/cert.h"
#include "x509/csr.h"
#include "x509/issue.h"
#include "x509/key.h"
#include "x509/pem.h"
#include "json/json.h"

enum { PATH = 4096, FILE_MAX = 1024 * 1024, KEY_MAX = 8192 };

bool agent_host_valid(const char *host)
{
    size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    return n >= 1 && n <= 63 && host[n] == '\0';
}

void agent_identity_free(struct agent_identity *id)
{
    if (!id) return;
    free(id->server);
    tg_buf_done(&id->cert);
    free(id);
}

static int path_of(const char *dir, const char *name, char ret[PATH], struct tg_err *err)
{
    if (snprintf(ret, PATH, "%s/%s", dir, name) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
    return 0;
}

int agent_identity_key(const char *dir, struct tg_secret *ret, struct tg_err *err)
{
    char path[PATH];
    struct tg_buf pem = TG_BUF(KEY_MAX);
    TG_TRY(path_of(dir, "identity.key", path, err));
    int rc = tg_file_read(path, &pem, err);
    if (rc == 0) tg_secret_set(ret, pem.data, pem.len);
    if (pem.data) tg_wipe(pem.data, pem.len);
    tg_buf_done(&pem);
    return rc;
}

static int load_key(const char *dir, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(secret) struct tg_secret pem = {0};
    TG_TRY(agent_identity_key(dir, &pem, err));
    return tg_key_from_pem(pem.data, pem.len, NULL, ret, err);
}

/* The key must be durable before anybody hears of it: a token that was spent on a lost key is lost.
 */
static int make_key(const char *dir, struct tg_key **ret, struct tg_err *err)
{
    char path[PATH];
    struct tg_buf pem = TG_BUF(KEY_MAX);
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_TRY(path_of(dir, "identity.key", path, err));
    TG_TRY(tg_key_generate("ec-p256", &key, err));
    int rc = tg_key_to_pem(key, NULL, 0, &pem, err);
    if (rc == 0) rc = tg_file_replace(path, pem.data, pem.len, 0600, err);
    if (pem.data) tg_wipe(pem.data, pem.len);
    tg_buf_done(&pem);
    if (rc == 0) *ret = TG_TAKE(key);
    return rc;
}

int agent_identity_request(const char *dir, const char *cn, struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_TRY(load_key(dir, &key, err));
    return tg_csr_make_named(key, cn, ret, err);
}

int agent_identity_sign(const char *dir, const void *data, size_t len, struct tg_buf *ret,
                        struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_TRY(load_key(dir, &key, err));
    return tg_key_sign(key, data, len, ret, err);
}

static int self_sign(struct agent_identity *id, const struct tg_key *key, int64_t now,
                     struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    size_t len = 0;
    const uint8_t *spki = tg_key_spki_der(key, &len);
    struct tg_issue_identity_spec spec = {.cn = id->host,
                                          .client = true,
                                          .spki = spki,
                                          .spki_len = len,
                                          .not_before = now - TG_DAY,
                                          .not_after = now + 3650 * TG_DAY,
                                          .issuer_key = key};
    tg_serial_random(spec.serial);
    TG_TRY(tg_issue_identity(&spec, &der, err));
    tg_buf_reset(&id->cert);
    tg_pem_write("CERTIFICATE", der.data, der.len, &id->cert);
    return tg_buf_ok(&id->cert, err);
}

/* The first certificate of a PEM text is the agent's own. */
struct first {
    struct tg_cert *cert;
};

static int on_block(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct first *f = data;
    if (f->cert || !tg_pem_is_certificate(block->label)) return 0;
    return tg_cert_parse(block->der, block->der_len, &f->cert, err);
}

static bool matches(const struct agent_identity *id, const struct tg_key *key)
{
    struct first f = {0};
    struct tg_err ignored = {0};
    bool ours = tg_pem_read(id->cert.data, id->cert.len, on_block, &f, &ignored) == 0 && f.cert &&
                tg_key_matches(key, f.cert);
    tg_cert_unref(f.cert);
    return ours;
}

/* The certificate of this very key has run out: the service lets that key in no more (TRUST §5). */
static bool is_spent(const char *dir, const struct tg_key *key, int64_t now)
{
    TG_AUTO(agent_identity) struct agent_identity *id = NULL;
    struct tg_err ignored = {0};
    return agent_identity_load(dir, &id, &ignored) == 0 && id->until != 0 && id->until <= now &&
           matches(id, key);
}

int agent_identity_begin(const char *dir, const char *server, const char *host, const char *realm,
                         int64_t now, struct agent_identity **ret, struct tg_err *err)
{
    TG_AUTO(agent_identity) struct agent_identity *id = TG_NEW(struct agent_identity);
    TG_AUTO(key) struct tg_key *key = NULL;
    id->cert = TG_BUF(FILE_MAX);
    id->server = tg_strdup(server);
    if (!tg_copy(id->host, sizeof id->host, host) || !tg_copy(id->realm, sizeof id->realm, realm))
        return TG_FAIL(err, TG_E_INPUT, "host \"%.80s\": too long", host);
    int rc = load_key(dir, &key, err);
    if (rc == 0 && is_spent(dir, key, now)) {
        tg_key_free(key);
        key = NULL;
        rc = TG_E_NOT_FOUND;
    }
    if (rc == TG_E_NOT_FOUND) rc = make_key(dir, &key, err);
    TG_TRY(rc);
    TG_TRY(self_sign(id, key, now, err));
    *ret = TG_TAKE(id);
    return 0;
}

static int read_times(struct agent_identity *id, struct tg_err *err)
{
    struct first f = {0};
    int rc = tg_pem_read(id->cert.data, id->cert.len, on_block, &f, err);
    if (rc == 0 && f.cert && !tg_cert_facts(f.cert)->self_issued) {
        id->from = tg_cert_facts(f.cert)->not_before;
        id->until = tg_cert_facts(f.cert)->not_after;
    }
    if (f.cert) tg_cert_unref(f.cert);
    return rc;
}

static int copy_field(const json_t *o, const char *key, char *ret, size_t size, struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_str(o, key, size - 1, &text, err));
    return tg_copy(ret, size, text) ? 0 : TG_FAIL(err, TG_E_LIMIT, "%s: too long", key);
}

static int read_fields(const json_t *o, struct agent_identity *id, struct tg_err *err)
{
    const char *server = NULL, *pem = NULL;
    TG_TRY(tg_json_str(o, "server", 1024, &server, err));
    TG_TRY(tg_json_str(o, "certificate", FILE_MAX, &pem, err));
    TG_TRY(tg_json_bool(o, "pending", &id->pending, err));
    TG_TRY(copy_field(o, "host", id->host, sizeof id->host, err));
    TG_TRY(copy_field(o, "realm", id->realm, sizeof id->realm, err));
    TG_TRY(copy_field(o, "agent", id->agent, sizeof id->agent, err));
    id->server = tg_strdup(server);
    tg_buf_puts(&id->cert, pem);
    return read_times(id, err);
}

int agent_identity_load(const char *dir, struct agent_identity **ret, struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(agent_identity) struct agent_identity *id = TG_NEW(struct agent_identity);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(FILE_MAX);
    TG_AUTO(json) json_t *o = NULL;
    id->cert = TG_BUF(FILE_MAX);
    TG_TRY(path_of(dir, "agent.json", path, err));
    int rc = tg_file_read(path, &text, err);
    if (rc == TG_E_NOT_FOUND)
        return TG_FAIL(err, TG_E_NOT_FOUND,
                       "%s: this workstation is not enrolled; tamga-agent enroll --server URL "
                       "--token T",
                       dir);
    TG_TRY(rc);
    rc = tg_json_parse_object(text.data, text.len, FILE_MAX, &o, err);
    if (rc == 0) rc = read_fields(o, id, err);
    if (rc < 0) return tg_err_wrap(err, "%s", path);
    *ret = TG_TAKE(id);
    return 0;
}

int agent_identity_save(const struct agent_identity *id, const char *dir, struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(buf) struct tg_buf text = TG_BUF(FILE_MAX);
    struct tg_jw w;
    TG_TRY(path_of(dir, "agent.json", path, err));
    tg_jw_init(&w, &text);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "server", id->server);
    tg_jw_kstr(&w, "host", id->host);
    tg_jw_kstr(&w, "realm", id->realm);
    tg_jw_kstr(&w, "agent", id->agent);
    tg_jw_kbool(&w, "pending", id->pending);
    tg_jw_kstr(&w, "certificate", tg_buf_text(&id->cert));
    tg_jw_end(&w);
    TG_TRY(tg_buf_ok(&text, err));
    return tg_file_replace(path, text.data, text.len, 0600, err);
}

/* A certificate for another key would lock us out at the next connection. */
static int check_own(const char *dir, const struct tg_wire_blob *der, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    struct tg_cert *cert = NULL;
    TG_TRY(load_key(dir, &key, err));
    TG_TRY(tg_cert_parse(der->data, der->len, &cert, err));
    bool ours = tg_key_matches(key, cert);
    tg_cert_unref(cert);
    return ours ? 0 : TG_FAIL(err, TG_E_MISMATCH, "the server's certificate is for another key");
}

int agent_identity_take(struct agent_identity *id, const char *dir,
                        const struct tg_wire_identity *said, struct tg_err *err)
{
    if (!tg_is_hex(said->agent, 32))
        return TG_FAIL(err, TG_E_INPUT, "the server's answer: agent is not 32 hex digits");
    if (strcmp(said->status, "active") != 0 && strcmp(said->status, "pending") != 0)
        return TG_FAIL(err, TG_E_INPUT, "the server's answer: status \"%.20s\" is unknown",
                       said->status);
    if (said->certificate.len > 0) {
        TG_TRY(check_own(dir, &said->certificate, err));
        tg_buf_reset(&id->cert);
        tg_pem_write("CERTIFICATE", said->certificate.data, said->certificate.len, &id->cert);
        const struct tg_wire_item *above = said->chain.items;
        for (size_t i = 0; i < said->chain.count; i++)
            tg_pem_write("CERTIFICATE", above[i].bytes.data, above[i].bytes.len, &id->cert);
        TG_TRY(tg_buf_ok(&id->cert, err));
        TG_TRY(read_times(id, err));
    }
    (void)tg_copy(id->agent, sizeof id->agent, said->agent);
    id->pending = strcmp(said->status, "pending") == 0;
    return agent_identity_save(id, dir, err);
}

bool agent_identity_due(const struct agent_identity *id, int64_t now)
{
    return id->until == 0 || now >= id->from + (id->until - id->from) / 2;
}
