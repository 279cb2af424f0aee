/* pem_replace: a PEM file is spliced: the renewed blocks change, everything between and around them
 * stays. */
#include <string.h>

#include "base/limits.h"
#include "base/times.h"
#include "pem_file.h"
#include "x509/pem.h"

struct splice {
    const struct tg_keystore_renewal *renewal;
    struct tg_pem_file *file;
    struct tg_buf **text;          /* one a part: NULL keeps it; an empty buffer drops it */
    const struct tg_pem_part *key; /* the old key's block, or NULL */
    bool keep_key;                 /* append the old key's block */
};

static uint64_t iterations_for(const struct tg_keystore_renewal *renewal, uint64_t had)
{
    enum { LEAST = 100 * 1000 };
    return had && (renewal->keep_iterations || had > LEAST) ? had : LEAST;
}

static struct tg_buf *new_text(struct splice *s, size_t part)
{
    TG_CHECK(!s->text[part]);
    s->text[part] = TG_NEW(struct tg_buf);
    *s->text[part] = TG_BUF(TG_MAX_KEYSTORE);
    return s->text[part];
}

static void put_cert(const struct tg_cert *cert, struct tg_buf *out)
{
    size_t len = 0;
    const uint8_t *der = tg_cert_der(cert, &len);
    tg_pem_write("CERTIFICATE", der, len, out);
}

static bool same_cert(const struct tg_cert *a, const struct tg_cert *b)
{
    return memcmp(tg_cert_facts(a)->sha256, tg_cert_facts(b)->sha256, TG_SHA256) == 0;
}

static bool issued_by(const struct tg_cert *cert, const struct tg_cert *issuer)
{
    const struct tg_cert_facts *c = tg_cert_facts(cert), *i = tg_cert_facts(issuer);
    return c->issuer_len == i->subject_len &&
           memcmp(c->issuer_der, i->subject_der, c->issuer_len) == 0;
}

static bool needed(const struct splice *s, const struct tg_pem_part *part)
{
    const struct tg_pem_file *f = s->file;
    for (size_t i = 0; i < s->renewal->chain_count; i++)
        if (same_cert(s->renewal->chain[i], part->cert)) return true;
    for (size_t i = 0; i < f->count; i++)
        if (f->parts[i].cert && &f->parts[i] != part && !s->text[i] &&
            issued_by(f->parts[i].cert, part->cert))
            return true;
    return issued_by(s->renewal->cert, part->cert);
}

/* Issuers that only the old certificate needed go, when a new chain has come. */
static void drop_old_chain(struct splice *s, const struct tg_cert *old)
{
    struct tg_pem_file *f = s->file;
    bool found = s->renewal->chain_count > 0;
    while (found) {
        found = false;
        for (size_t i = 0; i < f->count && !found; i++) {
            const struct tg_cert *cert = f->parts[i].cert;
            if (!cert || s->text[i] || !tg_cert_facts(cert)->is_ca || !issued_by(old, cert) ||
                needed(s, &f->parts[i]))
                continue;
            (void)new_text(s, i);
            old = cert;
            found = true;
        }
    }
}

static bool in_file(const struct splice *s, const struct tg_cert *cert)
{
    for (size_t i = 0; i < s->file->count; i++)
        if (s->file->parts[i].cert && !s->text[i] && same_cert(s->file->parts[i].cert, cert))
            return true;
    return false;
}

static int splice_cert(struct splice *s, const struct tg_cert **ret_old, struct tg_err *err)
{
    struct tg_pem_file *f = s->file;
    size_t at = 0;
    while (at < f->count && !(f->parts[at].cert && memcmp(tg_cert_facts(f->parts[at].cert)->sha256,
                                                          s->renewal->old_sha256, TG_SHA256) == 0))
        at++;
    if (at == f->count)
        return TG_FAIL(err, TG_E_NOT_FOUND, "PEM: the certificate to renew is not in it");
    struct tg_buf *text = new_text(s, at);
    drop_old_chain(s, f->parts[at].cert);
    put_cert(s->renewal->cert, text);
    for (size_t i = 0; i < s->renewal->chain_count; i++)
        if (!in_file(s, s->renewal->chain[i])) put_cert(s->renewal->chain[i], text);
    *ret_old = f->parts[at].cert;
    return tg_buf_ok(text, err);
}

/* The new key, sealed where the old one was, with the password in the form that opened it. */
static int put_key(const struct tg_keystore_renewal *renewal, const struct tg_pem_part *part,
                   const struct tg_pem_opened *opened, struct tg_buf *out, struct tg_err *err)
{
    struct tg_secret pkcs8 = {0};
    struct password password;
    struct pbe pbe;
    struct tg_buf sealed = TG_BUF(TG_SECRET_MAX);
    TG_TRY(tg_key_to_secret(renewal->key, &pkcs8, err));
    int rc = 0;
    if (!part->encrypted) {
        tg_pem_write("PRIVATE KEY", (const uint8_t *)pkcs8.data, pkcs8.len, out);
    } else if (!tg_password_make(&password, renewal->password, opened->form)) {
        rc = TG_FAIL(err, TG_E_PASSWORD, "PEM: the password does not open the key");
    } else {
        bool pbes2 = !renewal->compatible || opened->pbes2 || opened->iterations == 0;
        tg_pbe_fresh(&pbe, pbes2, iterations_for(renewal, opened->iterations));
        rc = tg_pbe_seal_key(&pbe, &password, (const uint8_t *)pkcs8.data, pkcs8.len, &sealed, err);
        if (rc == 0) tg_pem_write("ENCRYPTED PRIVATE KEY", sealed.data, sealed.len, out);
        tg_password_done(&password);
    }
    tg_secret_done(&pkcs8);
    tg_buf_done(&sealed);
    return rc;
}

static bool decrypts(const struct tg_cert *cert)
{
    uint16_t usage = tg_cert_facts(cert)->key_usage;
    return usage == 0 ||
           (usage & (TG_KU_KEY_ENCIPHERMENT | TG_KU_DATA_ENCIPHERMENT | TG_KU_KEY_AGREEMENT));
}

static int splice_key(struct splice *s, const struct tg_cert *old, struct tg_err *err)
{
    struct tg_pem_file *f = s->file;
    struct tg_pbe_budget budget = {TG_MAX_KDF_BUDGET};
    int rc =
        TG_FAIL(err, TG_E_NOT_FOUND, "PEM: no private key belongs to the certificate to renew");
    for (size_t i = 0; i < f->count; i++) {
        struct tg_pem_opened opened;
        struct tg_err why = {0};
        if (!f->parts[i].is_key) continue;
        int got = tg_pem_open_key(f, &f->parts[i], s->renewal->password,
                                  s->renewal->password ? 1 : 0, &budget, &opened, &why);
        if (got < 0) {
            if (got == TG_E_LOCKED && s->renewal->password) got = TG_E_PASSWORD;
            rc = TG_FAIL(err, got, "PEM: %s", why.text);
            continue;
        }
        bool matches = tg_key_matches(opened.key, old);
        tg_key_free(opened.key);
        if (!matches) continue;
        s->key = &f->parts[i];
        s->keep_key = s->renewal->keep_old && decrypts(old);
        /* openssl ecparam writes the old curve's parameters before its key. */
        if (i > 0 && strcmp(f->parts[i - 1].label, "EC PARAMETERS") == 0) (void)new_text(s, i - 1);
        return put_key(s->renewal, s->key, &opened, new_text(s, i), err);
    }
    return rc;
}

/* One block's text with the file's line ends; the block's own final line end stays outside. */
static void put_block(const struct tg_buf *text, bool crlf, struct tg_buf *out)
{
    for (size_t i = 0; i + 1 < text->len; i++) {
        if (text->data[i] == '\n' && crlf) tg_buf_putc(out, '\r');
        tg_buf_putc(out, (char)text->data[i]);
    }
}

static void put_old_key(const struct splice *s, const struct tg_cert *old, bool crlf,
                        struct tg_buf *out)
{
    char date[TG_DATE];
    const char *end = crlf ? "\r\n" : "\n";
    tg_date_print(tg_cert_facts(old)->not_after, date);
    if (out->len && out->data[out->len - 1] != '\n') tg_buf_puts(out, end);
    tg_buf_printf(out, "# old key, kept to decrypt (certificate %s, old %s)%s",
                  tg_cert_facts(old)->serial, date, end);
    tg_buf_add(out, s->file->bytes + s->key->offset, s->key->len);
    tg_buf_puts(out, end);
}

static int put_file(const struct splice *s, const struct tg_cert *old, struct tg_buf *out,
                    struct tg_err *err)
{
    const struct tg_pem_file *f = s->file;
    bool crlf = memmem(f->bytes, f->len, "-----\r\n", 7) != NULL;
    size_t at = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct tg_pem_part *part = &f->parts[i];
        if (!s->text[i]) continue;
        tg_buf_add(out, f->bytes + at, part->offset - at);
        put_block(s->text[i], crlf, out);
        at = part->offset + part->len;
        if (s->text[i]->len) continue;
        /* A dropped block takes its line end along. */
        if (at < f->len && f->bytes[at] == '\r') at++;
        if (at < f->len && f->bytes[at] == '\n') at++;
    }
    tg_buf_add(out, f->bytes + at, f->len - at);
    if (s->keep_key) put_old_key(s, old, crlf, out);
    return tg_buf_ok(out, err);
}

static void splice_done(struct splice *s)
{
    for (size_t i = 0; s->text && i < s->file->count; i++) {
        if (s->text[i]) tg_pbe_wipe_buf(s->text[i]);
        free(s->text[i]);
    }
    free(s->text);
    tg_pem_file_done(s->file);
}

static int splice_start(struct splice *s, const uint8_t *bytes, size_t len, struct tg_err *err)
{
    TG_TRY(tg_pem_file_read(s->file, bytes, len, err));
    s->text = tg_calloc(s->file->count + 1, sizeof(struct tg_buf *));
    return 0;
}

int tg_pem_replace(const uint8_t *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                   struct tg_buf *out, struct tg_err *err)
{
    struct tg_pem_file file;
    struct splice s = {.renewal = renewal, .file = &file};
    const struct tg_cert *old = NULL;
    int rc = splice_start(&s, bytes, len, err);
    if (rc == 0) rc = splice_cert(&s, &old, err);
    if (rc == 0) rc = splice_key(&s, old, err);
    if (rc == 0) rc = put_file(&s, old, out, err);
    splice_done(&s);
    return rc;
}

int tg_keystore_replace_pair(const void *cert_bytes, size_t cert_len, const void *key_bytes,
                             size_t key_len, const struct tg_keystore_renewal *renewal,
                             struct tg_buf *ret_cert, struct tg_buf *ret_key, struct tg_err *err)
{
    struct tg_pem_file cert_file, key_file;
    struct splice certs = {.renewal = renewal, .file = &cert_file};
    struct splice keys = {.renewal = renewal, .file = &key_file};
    const struct tg_cert *old = NULL;
    if (cert_len > TG_MAX_KEYSTORE || key_len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "PEM pair: larger than any keystore");
    if (!tg_key_matches(renewal->key, renewal->cert))
        return TG_FAIL(err, TG_E_MISMATCH, "PEM pair: the new certificate is not for the new key");
    int rc = splice_start(&certs, cert_bytes, cert_len, err);
    if (rc == 0) rc = splice_cert(&certs, &old, err);
    if (rc < 0) {
        splice_done(&certs);
        return rc;
    }
    rc = splice_start(&keys, key_bytes, key_len, err);
    if (rc == 0) rc = splice_key(&keys, old, err);
    if (rc == 0) rc = put_file(&certs, old, ret_cert, err);
    if (rc == 0) rc = put_file(&keys, old, ret_key, err);
    splice_done(&keys);
    splice_done(&certs);
    return rc;
}
