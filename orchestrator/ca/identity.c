#include "ca/identity.h"

#include <arpa/inet.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/times.h"
#include "files.h"
#include "x509/issue.h"
#include "x509/pem.h"

enum { NAMES = 32, BACKDATE_S = 300, PATH = 4096 };

struct ca_identity {
    char dir[PATH];
    struct tg_key *ca_key, *listener_key;
    struct tg_cert *ca;
};

static int path_of(const struct ca_identity *ci, const char *name, char ret[PATH],
                   struct tg_err *err)
{
    int n = snprintf(ret, PATH, "%s/%s", ci->dir, name);
    return n > 0 && n < PATH ? 0 : TG_FAIL(err, TG_E_LIMIT, "%s: the path is too long", ci->dir);
}

static int open_files(struct ca_identity *ci, int64_t now, struct tg_err *err)
{
    char path[PATH];
    TG_TRY(path_of(ci, "identity-ca.key", path, err));
    TG_TRY(ca_key_load_or_make(path, &ci->ca_key, err));
    TG_TRY(path_of(ci, "listener.key", path, err));
    TG_TRY(ca_key_load_or_make(path, &ci->listener_key, err));
    TG_TRY(path_of(ci, "identity-ca.crt", path, err));
    struct ca_root root = {path, NULL, "identity CA", now};
    return ca_root_load_or_make(&root, ci->ca_key, &ci->ca, err);
}

int ca_identity_open(const char *dir, int64_t now, struct ca_identity **ret, struct tg_err *err)
{
    TG_AUTO(ca_identity) struct ca_identity *ci = TG_NEW(struct ca_identity);
    if (!tg_copy(ci->dir, sizeof ci->dir, dir))
        return TG_FAIL(err, TG_E_LIMIT, "%.200s...: the path is too long", dir);
    TG_TRY(open_files(ci, now, err));
    if (tg_cert_facts(ci->ca)->not_after <= now)
        return TG_FAIL(err, TG_E_EXPIRED,
                       "%s/identity-ca.crt: it has expired; remove it (not its key) for a new one",
                       dir);
    *ret = TG_TAKE(ci);
    return 0;
}

void ca_identity_free(struct ca_identity *ci)
{
    if (!ci) return;
    tg_key_free(ci->ca_key);
    tg_key_free(ci->listener_key);
    tg_cert_unref(ci->ca);
    free(ci);
}

const struct tg_cert *ca_identity_ca(const struct ca_identity *ci)
{
    return ci->ca;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void spec_times(const struct ca_identity *ci, struct tg_issue_identity_spec *spec,
                       int64_t now, int days)
{
    spec->not_before = now - BACKDATE_S;
    spec->not_after = earlier(now + days * TG_DAY, tg_cert_facts(ci->ca)->not_after);
    spec->issuer = ci->ca;
    spec->issuer_key = ci->ca_key;
    tg_serial_random(spec->serial);
}

int ca_identity_sign_agent(struct ca_identity *ci, const struct tg_csr *csr, const char *agent,
                           const char *host, int64_t now, struct tg_buf *der,
                           int64_t *ret_not_after, struct tg_err *err)
{
    const char *dns[] = {host, NULL};
    size_t len;
    struct tg_issue_identity_spec spec = {.cn = agent, .client = true};
    if (host && *host) spec.dns = dns;
    spec.spki = tg_csr_spki(csr, &len);
    spec.spki_len = len;
    if (!tg_is_hex(agent, 32))
        return TG_FAIL(err, TG_E_INPUT, "agent %.40s: an agent's id is 32 hex digits", agent);
    if (tg_csr_weak(csr))
        return TG_FAIL(err, TG_E_INPUT, "agent %s: its key is too weak; make an ec-p256 key",
                       agent);
    TG_TRY(tg_csr_verify(csr, err));
    spec_times(ci, &spec, now, CA_AGENT_DAYS);
    TG_TRY(tg_issue_identity(&spec, der, err));
    *ret_not_after = spec.not_after;
    return 0;
}

/* --- listeners --- */

struct names {
    const char *dns[NAMES + 1], *ips[NAMES + 1];
    size_t dns_count, ips_count;
    char self[256];
};

static void add_name(const char **list, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0) return;
    if (*count < NAMES) list[(*count)++] = name;
}

static bool is_address(const char *text)
{
    uint8_t room[16];
    return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

static void add_host(struct names *n, const char *host)
{
    bool everywhere = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || !*host;
    if (everywhere)
        add_name(n->dns, &n->dns_count, n->self);
    else if (is_address(host))
        add_name(n->ips, &n->ips_count, host);
    else
        add_name(n->dns, &n->dns_count, host);
}

/* The machine's own name and the loopback addresses always belong to it. */
static void names_fill(struct names *n, const char *const *hosts, size_t count)
{
    if (gethostname(n->self, sizeof n->self - 1) < 0 || !n->self[0])
        (void)tg_copy(n->self, sizeof n->self, "localhost");
    for (size_t i = 0; i < count; i++)
        add_host(n, hosts[i]);
    add_host(n, n->self);
    add_host(n, "localhost");
    add_host(n, "127.0.0.1");
    add_host(n, "::1");
}

static int make_listener(struct ca_identity *ci, const struct names *n, int64_t now,
                         struct tg_cert **ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    size_t len;
    char cn[65]; /* ub-common-name */
    if (!tg_copy(cn, sizeof cn, n->dns[0])) (void)tg_copy(cn, sizeof cn, "tamgad");
    struct tg_issue_identity_spec spec = {.cn = cn, .dns = n->dns, .ips = n->ips, .server = true};
    spec.spki = tg_key_spki_der(ci->listener_key, &len);
    spec.spki_len = len;
    spec_times(ci, &spec, now, CA_LISTENER_DAYS);
    TG_TRY(tg_issue_identity(&spec, &der, err));
    return tg_cert_parse(der.data, der.len, ret, err);
}

int ca_identity_listener(struct ca_identity *ci, const char *const *hosts, size_t n, int64_t now,
                         struct tg_buf *cert_pem_chain, struct tg_secret *key_pem,
                         char spki[TG_HEX256], struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(64 * 1024);
    struct names names = {0};
    char path[PATH];
    size_t len;
    names_fill(&names, hosts, n);
    TG_TRY(make_listener(ci, &names, now, &cert, err));
    TG_TRY(path_of(ci, "listener.crt", path, err));
    TG_TRY(ca_cert_save(path, cert, err));
    const uint8_t *der = tg_cert_der(cert, &len);
    tg_pem_write("CERTIFICATE", der, len, cert_pem_chain);
    der = tg_cert_der(ci->ca, &len);
    tg_pem_write("CERTIFICATE", der, len, cert_pem_chain);
    TG_TRY(tg_buf_ok(cert_pem_chain, err));
    int rc = tg_key_to_pem(ci->listener_key, NULL, 0, &pem, err);
    if (rc == 0) tg_secret_set(key_pem, pem.data, pem.len);
    if (pem.data) tg_wipe(pem.data, pem.len);
    if (rc == 0) tg_key_spki_hex(ci->listener_key, spki);
    return rc;
}
