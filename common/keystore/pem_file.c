#include "pem_file.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "x509/pem.h"

static bool is_key_label(const char *label)
{
    return tg_pem_is_key(label) && strcmp(label, "OPENSSH PRIVATE KEY") != 0;
}

static bool is_cert_label(const char *label)
{
    return tg_pem_is_certificate(label) || strcmp(label, "TRUSTED CERTIFICATE") == 0;
}

bool tg_pem_probe(const uint8_t *bytes, size_t len)
{
    static const char begin[] = "-----BEGIN ";
    const uint8_t *at = bytes, *end = bytes + len;
    if (len && bytes[0] == BER_SEQUENCE) return false; /* DER may hold such a text inside */
    while ((at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1))) {
        char label[64];
        at += sizeof begin - 1;
        size_t room = (size_t)(end - at) < sizeof label - 1 ? (size_t)(end - at) : sizeof label - 1;
        const uint8_t *stop = memmem(at, room, "-----", 5);
        if (!stop || !tg_copyn(label, sizeof label, at, (size_t)(stop - at))) continue;
        if (is_key_label(label) || is_cert_label(label)) return true;
    }
    return false;
}

/* TRUSTED CERTIFICATE carries OpenSSL's trust settings behind the certificate. */
static void parse_cert(struct tg_pem_file *f, struct tg_pem_part *part,
                       const struct tg_pem_block *block)
{
    struct ber r = tg_ber_over(block->der, block->der_len);
    struct tg_ber_item first;
    struct tg_err err = {0};
    size_t len = block->der_len;
    if (strcmp(block->label, "TRUSTED CERTIFICATE") == 0 && tg_ber_next(&r, &first))
        len = first.raw_len;
    if (tg_cert_parse(block->der, len, &part->cert, &err) == 0) return;
    part->cert = NULL;
    if (!f->bad.code) {
        f->bad = err;
        (void)tg_err_wrap(&f->bad, "a certificate in it");
    }
}

static int on_block(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct tg_pem_file *f = data;
    if (f->count == TG_MAX_ENTRIES)
        return TG_FAIL(err, TG_E_LIMIT, "PEM: more than %d blocks", TG_MAX_ENTRIES);
    if ((f->count & (f->count - 1)) == 0)
        f->parts = tg_realloc(f->parts, (f->count ? 2 * f->count : 1) * sizeof *f->parts);
    struct tg_pem_part *part = memset(&f->parts[f->count++], 0, sizeof *f->parts);
    part->offset = block->offset;
    part->len = block->text_len;
    while (part->len && strchr("\r\n", f->bytes[part->offset + part->len - 1]))
        part->len--;
    (void)tg_copy(part->label, sizeof part->label, block->label);
    part->encrypted = block->encrypted;
    part->is_key = is_key_label(block->label);
    if (is_cert_label(block->label)) parse_cert(f, part, block);
    return 0;
}

int tg_pem_file_read(struct tg_pem_file *f, const uint8_t *bytes, size_t len, struct tg_err *err)
{
    *f = (struct tg_pem_file){.bytes = bytes, .len = len};
    return tg_pem_read(bytes, len, on_block, f, err);
}

void tg_pem_file_done(struct tg_pem_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        tg_cert_unref(f->parts[i].cert);
    free(f->parts);
    *f = (struct tg_pem_file){0};
}

struct opening {
    const struct tg_pem_file *file;
    const struct tg_pem_part *part;
    struct tg_pbe_budget *budget;
    struct tg_pem_opened *ret;
};

/* The costs of an encrypted PKCS#8 are bounded here, before anything is derived. */
static int open_pkcs8(const struct tg_pem_block *block, struct opening *o,
                      const struct password *password, struct tg_err *err)
{
    struct tg_buf plain = TG_BUF(block->der_len + 64);
    struct ber r = tg_ber_over(block->der, block->der_len), body;
    struct tg_ber_item algorithm;
    struct pbe pbe;
    int rc = tg_pbe_open_key(block->der, block->der_len, password, o->budget, &plain, err);
    if (rc == 0) rc = tg_key_from_pkcs8(plain.data, plain.len, NULL, &o->ret->key, err);
    tg_pbe_wipe_buf(&plain);
    TG_TRY(rc);
    if (tg_ber_enter(&r, BER_SEQUENCE, &body) && tg_ber_next(&body, &algorithm) &&
        tg_pbe_parse(&algorithm, &pbe, NULL) == 0) {
        o->ret->iterations = pbe.iterations;
        o->ret->pbes2 = pbe.pbes2;
    }
    return 0;
}

struct
try {
    struct opening *opening;
    const struct password *password;
};

static int on_key_block(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct try *t = data;
    if (strcmp(block->label, "ENCRYPTED PRIVATE KEY") == 0)
        return open_pkcs8(block, t->opening, t->password, err);
    return tg_key_from_pem(block->text, block->text_len, t->password ? &t->password->raw : NULL,
                           &t->opening->ret->key, err);
}

static int try_open(struct opening *o, const struct password *password, struct tg_err *err)
{
    struct try t = {o, password};
    return tg_pem_read(o->file->bytes + o->part->offset, o->part->len, on_key_block, &t, err);
}

int tg_pem_open_key(const struct tg_pem_file *f, const struct tg_pem_part *part,
                    const struct tg_secret *passwords, size_t n, struct tg_pbe_budget *budget,
                    struct tg_pem_opened *ret, struct tg_err *err)
{
    struct opening o = {f, part, budget, ret};
    *ret = (struct tg_pem_opened){.password_index = -1, .form = PASSWORD_NONE};
    if (!part->encrypted) return try_open(&o, NULL, err);
    for (size_t i = 0; i < n && i < TG_MAX_PASSWORDS; i++) {
        for (int form = 0; form < PASSWORD_FORMS; form++) {
            struct password password;
            if (!tg_password_make(&password, &passwords[i], (enum password_form)form)) continue;
            int rc = try_open(&o, &password, err);
            tg_password_done(&password);
            ret->password_index = (int)i;
            ret->form = (enum password_form)form;
            if (rc != TG_E_PASSWORD) return rc;
        }
    }
    return TG_FAIL(err, TG_E_LOCKED,
                   n ? "none of the given passwords opens the key"
                     : "no password is known for the key");
}
