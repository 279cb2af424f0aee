#include "seal/leaf.h"

#include "base/bytes.h"
#include "leaf_private.h"

#define LEAF_HEAD   "{\"v\":1,\"app\":"
#define LEAF_MIDDLE ",\"review\":"

static const char *const kinds[] =
    {[TG_KIND_RENEW] = "renew", [TG_KIND_UNPROVEN] = "unproven", [TG_KIND_OBSERVE] = "observe"};
static const char *const consents[] = {[TG_CONSENT_KEY] = "key",
                                       [TG_CONSENT_KEY_UNATTENDED] = "key-unattended",
                                       [TG_CONSENT_NONE] = "none"};

const char *tg_leaf_kind_word(enum tg_leaf_kind kind)
{
    TG_CHECK((unsigned)kind < TG_COUNT(kinds));
    return kinds[kind];
}

bool tg_leaf_kind_from_word(const char *word, enum tg_leaf_kind *ret)
{
    for (unsigned i = 0; i < TG_COUNT(kinds); i++) {
        if (strcmp(word, kinds[i]) != 0) continue;
        *ret = (enum tg_leaf_kind)i;
        return true;
    }
    return false;
}

const char *tg_leaf_consent_word(enum tg_leaf_consent consent)
{
    TG_CHECK((unsigned)consent < TG_COUNT(consents));
    return consents[consent];
}

bool tg_leaf_consent_from_word(const char *word, enum tg_leaf_consent *ret)
{
    for (unsigned i = 0; i < TG_COUNT(consents); i++) {
        if (strcmp(word, consents[i]) != 0) continue;
        *ret = (enum tg_leaf_consent)i;
        return true;
    }
    return false;
}

static int same(const struct seal_out *o, const void *bytes, size_t len, struct tg_err *err)
{
    if (!o->over && o->n == len && memcmp(o->p, bytes, len) == 0) return 0;
    return TG_FAIL(err, TG_E_INPUT, "leaf: not the one spelling of its content");
}

static void out_leaf(struct seal_out *o, const struct tg_leaf *leaf)
{
    seal_out_text(o, LEAF_HEAD);
    seal_out_app(o, leaf);
    seal_out_text(o, LEAF_MIDDLE);
    seal_out_review(o, leaf);
    seal_out_text(o, "}");
}

int tg_leaf_parse(const void *line, size_t len, struct tg_leaf *ret, struct tg_err *err)
{
    if (len > TG_MAX_LEAF)
        return TG_FAIL(err, TG_E_LIMIT, "leaf: %zu bytes, at most %d", len, TG_MAX_LEAF);
    struct seal_in in = {line, (const char *)line + len, "leaf"};
    if (!seal_in_has(&in, "{\"v\":"))
        return TG_FAIL(err, TG_E_INPUT, "leaf: \"v\" is expected here");
    if (!seal_in_has(&in, "1,\"app\":"))
        return TG_FAIL(err, TG_E_VERSION, "leaf: v: only version 1 is known");
    TG_TRY(seal_in_app(&in, ret, err));
    if (!seal_in_has(&in, LEAF_MIDDLE))
        return TG_FAIL(err, TG_E_INPUT, "leaf: \"review\" is expected here");
    TG_TRY(seal_in_review(&in, ret, err));
    if (!seal_in_has(&in, "}") || in.p != in.end)
        return TG_FAIL(err, TG_E_INPUT, "leaf: bytes after its end");
    TG_TRY(seal_app_valid(ret, TG_APP_FULL, err));
    TG_TRY(seal_review_valid(ret, err));
    char again[TG_MAX_LEAF];
    struct seal_out o = {again, 0, sizeof again, false};
    out_leaf(&o, ret);
    return same(&o, line, len, err);
}

static int finish(const struct seal_out *o, struct tg_buf *out, struct tg_err *err)
{
    if (o->over) return TG_FAIL(err, TG_E_LIMIT, "leaf: longer than %d bytes", TG_MAX_LEAF);
    if (out->failed || o->n > out->max - out->len)
        return TG_FAIL(err, TG_E_LIMIT, "leaf: no room left in the output");
    tg_buf_add(out, o->p, o->n);
    return tg_buf_ok(out, err);
}

int tg_leaf_print(const struct tg_leaf *leaf, struct tg_buf *out, struct tg_err *err)
{
    struct tg_leaf copy = *leaf; /* the rules fill in what follows from the texts */
    TG_TRY(seal_app_valid(&copy, TG_APP_FULL, err));
    TG_TRY(seal_review_valid(&copy, err));
    char room[TG_MAX_LEAF];
    struct seal_out o = {room, 0, sizeof room, false};
    out_leaf(&o, &copy);
    return finish(&o, out, err);
}

int tg_app_parse(const void *app, size_t len, enum tg_app_form form, struct tg_leaf *ret,
                 struct tg_err *err)
{
    if (len > TG_MAX_LEAF)
        return TG_FAIL(err, TG_E_LIMIT, "app: %zu bytes, at most %d", len, TG_MAX_LEAF);
    struct seal_in in = {app, (const char *)app + len, "app"};
    TG_TRY(seal_in_app(&in, ret, err));
    if (in.p != in.end) return TG_FAIL(err, TG_E_INPUT, "app: bytes after its end");
    TG_TRY(seal_app_valid(ret, form, err));
    char again[TG_MAX_LEAF];
    struct seal_out o = {again, 0, sizeof again, false};
    seal_out_app(&o, ret);
    return same(&o, app, len, err);
}

int tg_app_print(const struct tg_leaf *leaf, enum tg_app_form form, struct tg_buf *out,
                 struct tg_err *err)
{
    struct tg_leaf copy = *leaf;
    TG_TRY(seal_app_valid(&copy, form, err));
    char room[TG_MAX_LEAF];
    struct seal_out o = {room, 0, sizeof room, false};
    seal_out_app(&o, &copy);
    return finish(&o, out, err);
}

static void out_joined(struct seal_out *o, struct tg_blob app, const struct tg_leaf *review)
{
    seal_out_text(o, LEAF_HEAD);
    seal_out_add(o, app.data, app.len);
    seal_out_text(o, LEAF_MIDDLE);
    seal_out_review(o, review);
    seal_out_text(o, "}");
}

int tg_leaf_join(struct tg_blob app, const struct tg_leaf *review, struct tg_buf *out,
                 struct tg_err *err)
{
    char room[TG_MAX_LEAF];
    struct seal_out o = {room, 0, sizeof room, false};
    out_joined(&o, app, review);
    if (o.over) return finish(&o, out, err);
    struct tg_leaf joined;
    TG_TRY(tg_leaf_parse(o.p, o.n, &joined, err));
    return finish(&o, out, err);
}

int tg_leaf_join_parsed(struct tg_blob app, const struct tg_leaf *leaf, struct tg_buf *out,
                        struct tg_err *err)
{
    char room[TG_MAX_LEAF];
    struct seal_out o = {room, 0, sizeof room, false};
    TG_TRY(seal_review_valid(leaf, err));
    out_joined(&o, app, leaf);
    return finish(&o, out, err);
}

struct tg_blob tg_leaf_app(const void *line, size_t len)
{
    /* Inside a string every quote is escaped, so the unescaped middle occurs once. */
    const char *text = line;
    size_t head = strlen(LEAF_HEAD);
    const char *found = memmem(text, len, LEAF_MIDDLE, strlen(LEAF_MIDDLE));
    TG_CHECK(found && found >= text + head);
    return TG_BLOB(text + head, (size_t)(found - text) - head);
}

int tg_leaf_from_old(struct tg_leaf *leaf, const struct tg_cert *old, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(old);
    if (!facts->times_ok)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "old certificate: its dates are unreadable");
    if (!seal_clean(facts->cn) || !tg_copy(leaf->name, sizeof leaf->name, facts->cn))
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "old certificate: its common name is over 128 bytes or not clean text");
    tg_hex(facts->sha256, TG_SHA256, leaf->old);
    tg_time_print(facts->not_after, leaf->ends);
    leaf->ends_at = facts->not_after;
    leaf->id[0] = '\0';
    if (*facts->iin)
        (void)snprintf(leaf->id, sizeof leaf->id, "IIN%s", facts->iin);
    else if (*facts->bin)
        (void)snprintf(leaf->id, sizeof leaf->id, "BIN%s", facts->bin);
    return 0;
}
