#include "seal/decisions.h"

#include "leaf_private.h"
#include "text.h"

static bool hash_or_dash(struct seal_value v, char *ret)
{
    if (seal_value_is(v, "-")) return tg_copy(ret, TG_SEAL_HEX, "-");
    return seal_value_hex(v, 64, ret);
}

static int parse_approve(struct seal_value v, struct tg_decision *ret, struct tg_err *err)
{
    struct seal_value csr, cms;
    if (!seal_value_word(&v, &csr) || !seal_value_word(&v, &cms) || !hash_or_dash(csr, ret->csr) ||
        !hash_or_dash(cms, ret->cms) || !hash_or_dash(v, ret->status))
        return TG_FAIL(err, TG_E_INPUT, "decision: approve takes three hashes or -");
    return 0;
}

static int parse_return(struct seal_value v, struct tg_decision *ret, struct tg_err *err)
{
    struct seal_in in = {v.p, v.p + v.len, "decision"};
    TG_TRY(seal_in_string(&in, "reason", ret->reason, sizeof ret->reason, err));
    if (in.p != in.end) return TG_FAIL(err, TG_E_INPUT, "decision: reason: bytes after its end");
    if (!*ret->reason || !seal_clean(ret->reason))
        return TG_FAIL(err, TG_E_INPUT, "decision: reason: empty or not clean UTF-8");
    return 0;
}

static void out_decision(struct seal_out *o, const struct tg_decision *d)
{
    switch (d->kind) {
    case TG_DECISION_APPROVE:
        seal_out_text(o, "approve ");
        seal_out_text(o, d->csr);
        seal_out_text(o, " ");
        seal_out_text(o, d->cms);
        seal_out_text(o, " ");
        seal_out_text(o, d->status);
        break;
    case TG_DECISION_HOLD:
        seal_out_text(o, "hold");
        break;
    case TG_DECISION_RETURN:
        seal_out_text(o, "return ");
        seal_out_string(o, d->reason);
        break;
    }
}

static int parse_word(struct seal_value v, struct tg_decision *ret, struct tg_err *err)
{
    struct seal_value word;
    if (seal_value_is(v, "hold")) {
        ret->kind = TG_DECISION_HOLD;
        return 0;
    }
    if (seal_value_word(&v, &word)) {
        if (seal_value_is(word, "approve")) {
            ret->kind = TG_DECISION_APPROVE;
            return parse_approve(v, ret, err);
        }
        if (seal_value_is(word, "return")) {
            ret->kind = TG_DECISION_RETURN;
            return parse_return(v, ret, err);
        }
    }
    return TG_FAIL(err, TG_E_INPUT, "decision: not approve, hold or return");
}

int tg_decision_parse(const void *line, size_t len, struct tg_decision *ret, struct tg_err *err)
{
    if (len > TG_DECISION_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "decision: %zu bytes, at most %d", len, TG_DECISION_MAX);
    ret->csr[0] = ret->cms[0] = ret->status[0] = ret->reason[0] = '\0';
    TG_TRY(parse_word((struct seal_value){line, len}, ret, err));
    char again[TG_DECISION_MAX];
    struct seal_out o = {again, 0, sizeof again, false};
    out_decision(&o, ret);
    if (!o.over && o.n == len && memcmp(again, line, len) == 0) return 0;
    return TG_FAIL(err, TG_E_INPUT, "decision: not the one spelling of its content");
}

int tg_decision_print(const struct tg_decision *d, struct tg_buf *out, struct tg_err *err)
{
    char room[TG_DECISION_MAX];
    struct seal_out o = {room, 0, sizeof room, false};
    out_decision(&o, d);
    if (o.over) return TG_FAIL(err, TG_E_LIMIT, "decision: the reason is too long");
    struct tg_decision again;
    TG_TRY(tg_decision_parse(o.p, o.n, &again, err));
    tg_buf_add(out, o.p, o.n);
    return tg_buf_ok(out, err);
}
