#include "conn.h"

#include <openssl/ssl.h>

#include "link.h"

struct tg_conn *conn_new(struct link *link, enum tg_listener listener)
{
    struct tg_conn *c = TG_NEW(struct tg_conn);
    c->link = link;
    c->refs = 1;
    c->listener = listener;
    return c;
}

struct tg_conn *conn_ref(struct tg_conn *c)
{
    if (c) c->refs++;
    return c;
}

void conn_unref(struct tg_conn *c)
{
    if (c && --c->refs == 0) free(c);
}

void conn_gone(struct tg_conn *c)
{
    c->link = NULL;
    void (*on_close)(void *) = c->on_close;
    c->on_close = NULL;
    if (on_close) on_close(c->user);
}

uint64_t tg_conn_id(const struct tg_conn *c)
{
    return c->id;
}

enum tg_listener tg_conn_listener(const struct tg_conn *c)
{
    return c->listener;
}

const uint8_t *tg_conn_peer_spki(const struct tg_conn *c)
{
    return c->has_spki ? c->spki : NULL;
}

int tg_conn_peer_cert(const struct tg_conn *c, struct tg_buf *ret, struct tg_err *err)
{
    const SSL *ssl = c->link ? c->link->ssl : NULL;
    const X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!cert)
        return TG_FAIL(err, TG_E_NOT_FOUND, "connection %s: no client certificate", c->address);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len <= 0) return tg_tls_fail(err, TG_E_BUG, "client certificate to DER");
    tg_buf_add(ret, der, (size_t)len);
    OPENSSL_free(der);
    return tg_buf_ok(ret, err);
}

bool tg_conn_exporter(const struct tg_conn *c, uint8_t ret[TG_TLS_EXPORTER])
{
    return c->link && c->link->ssl && tg_tls_exporter(c->link->ssl, ret);
}

bool tg_conn_unix_peer(const struct tg_conn *c, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid)
{
    if (!c->has_unix_peer) return false;
    *ret_uid = c->uid;
    *ret_gid = c->gid;
    *ret_pid = c->pid;
    return true;
}

const char *tg_conn_address(const struct tg_conn *c)
{
    return c->address;
}

void tg_conn_set_user(struct tg_conn *c, void *user, void (*on_close)(void *user))
{
    TG_CHECK(!c->user && c->link);
    c->user = user;
    c->on_close = on_close;
}

void *tg_conn_user(const struct tg_conn *c)
{
    return c->user;
}

bool tg_conn_alive(const struct tg_conn *c)
{
    return c->link != NULL;
}

void tg_conn_close(struct tg_conn *c)
{
    if (c->link) link_terminate(c->link);
}
