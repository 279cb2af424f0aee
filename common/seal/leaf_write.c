#include "leaf_private.h"

void seal_out_add(struct seal_out *o, const void *bytes, size_t n)
{
    if (o->over || n > o->max - o->n) {
        o->over = true;
        return;
    }
    memcpy(o->p + o->n, bytes, n);
    o->n += n;
}

void seal_out_text(struct seal_out *o, const char *text)
{
    seal_out_add(o, text, strlen(text));
}

void seal_out_string(struct seal_out *o, const char *text)
{
    seal_out_add(o, "\"", 1);
    for (;;) {
        size_t plain = strcspn(text, "\"\\");
        seal_out_add(o, text, plain);
        text += plain;
        if (!*text) break;
        char pair[2] = {'\\', *text++};
        seal_out_add(o, pair, 2);
    }
    seal_out_add(o, "\"", 1);
}

static void field(struct seal_out *o, const char *key, const char *text)
{
    seal_out_text(o, key);
    seal_out_string(o, text);
}

static void out_changes(struct seal_out *o, const struct tg_leaf *leaf)
{
    seal_out_text(o, ",\"changes\":[");
    for (size_t i = 0; i < leaf->changes_count; i++) {
        const struct tg_change *c = &leaf->changes[i];
        field(o, i ? ",[" : "[", c->field);
        field(o, ",", c->old);
        field(o, ",", c->new_);
        seal_out_text(o, "]");
    }
    seal_out_text(o, "]");
}

void seal_out_app(struct seal_out *o, const struct tg_leaf *leaf)
{
    char days[16];
    (void)snprintf(days, sizeof days, "%u", leaf->days);
    field(o, "{\"no\":", leaf->no);
    field(o, ",\"kind\":", tg_leaf_kind_word(leaf->kind));
    field(o, ",\"holder\":", leaf->holder);
    field(o, ",\"name\":", leaf->name);
    field(o, ",\"id\":", leaf->id);
    field(o, ",\"agent\":", leaf->agent);
    field(o, ",\"host\":", leaf->host);
    field(o, ",\"store\":", leaf->store);
    field(o, ",\"old\":", leaf->old);
    field(o, ",\"ends\":", leaf->ends);
    field(o, ",\"key\":", leaf->key);
    field(o, ",\"alg\":", leaf->alg);
    field(o, ",\"issuer\":", leaf->issuer);
    seal_out_text(o, ",\"days\":");
    seal_out_text(o, days);
    out_changes(o, leaf);
    field(o, ",\"consent\":", tg_leaf_consent_word(leaf->consent));
    seal_out_text(o, "}");
}

void seal_out_review(struct seal_out *o, const struct tg_leaf *leaf)
{
    field(o, "{\"policy\":", leaf->policy);
    field(o, ",\"department\":", leaf->department);
    seal_out_text(o, ",\"flags\":[");
    bool any = false;
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++) {
        if (!(leaf->flags & TG_FLAG_BIT(i))) continue;
        field(o, any ? "," : "", tg_flag_code((enum tg_flag)i));
        any = true;
    }
    seal_out_text(o, "]}");
}
