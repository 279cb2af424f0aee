// The verifier names any changed, removed or reordered entry under a checkpoint.
// uses: base json merkle x509 auditlog | libs: jansson
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "auditlog/auditlog.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"

enum { COUNT = 23, LINES = 64 };

struct log {
    struct tg_key *key;
    char vkey[TG_AUDIT_VKEY_MAX];
    char *line[LINES];
    size_t count;
    struct tg_merkle_hash root; /* over all */
};

static void push(struct log *l, struct tg_buf *b)
{
    assert_true(l->count < LINES && b->len > 0 && b->data[b->len - 1] == '\n');
    b->data[b->len - 1] = '\0';
    l->line[l->count++] = tg_strdup((char *)b->data);
    tg_buf_reset(b);
}

/* 23 entries; checkpoints after 5, 6, 16 and 23. */
static int make(void **state)
{
    struct log *l = TG_NEW(struct log);
    struct tg_err err = {0};
    struct tg_merkle_frontier f;
    struct tg_buf b = TG_BUF(TG_AUDIT_LINE_MAX), note = TG_BUF(TG_AUDIT_NOTE_MAX);
    assert_int_equal(tg_key_generate("ed25519", &l->key, &err), 0);
    assert_int_equal(tg_audit_vkey(l->key, "tamga/alatau", l->vkey, &err), 0);
    tg_merkle_frontier_init(&f);
    for (unsigned i = 0; i < COUNT; i++) {
        struct tg_merkle_hash hash;
        TG_AUTO(mem) char *subject = tg_printf("26-%06u", i);
        struct tg_audit_entry e = {i,
                                   1782000000 + i,
                                   "administrator:root",
                                   "batch.approved",
                                   subject,
                                   i % 2 ? "{\"n\":1}" : NULL};
        assert_int_equal(tg_audit_entry_print(&e, &b, &hash, &err), 0);
        tg_buf_reset(&b);
        tg_merkle_frontier_append(&f, &hash);
        assert_int_equal(tg_audit_export_entry(&e, &hash, &b, &err), 0);
        push(l, &b);
        if (i != 4 && i != 5 && i != 15 && i != 22) continue;
        tg_merkle_frontier_root(&f, &l->root);
        assert_int_equal(tg_audit_note_print(l->key, "tamga/alatau", i + 1, &l->root, &note, &err),
                         0);
        tg_audit_export_checkpoint(tg_buf_text(&note), &b);
        push(l, &b);
        tg_buf_reset(&note);
    }
    tg_buf_done(&b);
    tg_buf_done(&note);
    *state = l;
    return 0;
}

static int drop(void **state)
{
    struct log *l = *state;
    for (size_t i = 0; i < l->count; i++)
        free(l->line[i]);
    tg_key_free(l->key);
    free(l);
    return 0;
}

struct said {
    char all[4000];
};

static void on_finding(const char *sentence, void *data)
{
    struct said *s = data;
    size_t n = strlen(s->all);
    snprintf(s->all + n, sizeof s->all - n, "%s\n", sentence);
}

static int verify_with(struct log *l, const char *vkey, struct said *said, uint64_t expect,
                       const struct tg_merkle_hash *root)
{
    struct tg_audit_verify v;
    struct tg_err err = {0};
    *said = (struct said){0};
    tg_audit_verify_init(&v, vkey, on_finding, said);
    if (root) assert_int_equal(tg_audit_verify_expect(&v, expect, root, "a statement", &err), 0);
    for (size_t i = 0; i < l->count; i++)
        tg_audit_verify_line(&v, l->line[i], strlen(l->line[i]));
    int rc = tg_audit_verify_end(&v, &err);
    if (rc == 0) assert_int_equal(v.covered, COUNT);
    return rc;
}

static void named(struct log *l, const char *sentence)
{
    struct said said;
    assert_int_equal(verify_with(l, l->vkey, &said, 0, NULL), TG_E_MISMATCH);
    if (!strstr(said.all, sentence)) fail_msg("wanted '%s', got:\n%s", sentence, said.all);
}

/* Line of entry seq. */
static size_t at(const struct log *l, unsigned seq)
{
    TG_AUTO(mem) char *head = tg_printf("\"entry\":{\"seq\":%u,", seq);
    for (size_t i = 0; i < l->count; i++)
        if (strstr(l->line[i], head)) return i;
    fail();
    return 0;
}

static void cut(struct log *l, size_t i)
{
    free(l->line[i]);
    memmove(&l->line[i], &l->line[i + 1], (l->count - i - 1) * sizeof l->line[0]);
    l->count--;
}

/* The claim is computed anew: the forger knows the format. */
static void rehash(struct log *l, size_t i)
{
    char *entry = strstr(l->line[i], "\"entry\":") + 8, hex[TG_HEX256];
    struct tg_merkle_hash h;
    tg_merkle_leaf(entry, strlen(entry) - 1, &h);
    tg_hex(h.b, sizeof h.b, hex);
    memcpy(l->line[i] + 9, hex, 64);
}

static void an_honest_log_passes(void **state)
{
    struct log *l = *state;
    struct said said;
    assert_int_equal(verify_with(l, l->vkey, &said, 0, NULL), 0);
    assert_int_equal(verify_with(l, NULL, &said, 0, NULL), 0);
    assert_int_equal(verify_with(l, l->vkey, &said, COUNT, &l->root), 0);
}

static void every_changed_byte_is_named(void **state)
{
    struct log *l = *state;
    for (unsigned seq = 0; seq < COUNT; seq++) {
        size_t i = at(l, seq);
        char *subject = strstr(l->line[i], "26-");
        TG_AUTO(mem)
        char *want =
            tg_printf("entry %u was changed: it is not what the checkpoint over %u signed\n", seq,
                      seq < 5    ? 5
                      : seq < 6  ? 6
                      : seq < 16 ? 16
                                 : 23);
        subject[0] = '3';
        named(l, want);
        subject[0] = '2';
    }
    struct said said;
    assert_int_equal(verify_with(l, l->vkey, &said, 0, NULL), 0);
}

static void two_changes_are_both_named(void **state)
{
    struct log *l = *state;
    strstr(l->line[at(l, 3)], "26-")[0] = '3';
    strstr(l->line[at(l, 18)], "26-")[0] = '3';
    named(l, "entry 3 was changed: it is not what the checkpoint over 5 signed\nentry 18 was "
             "changed: it is not what the checkpoint over 23 signed\n");
}

static void a_change_with_its_hash_is_found_by_the_checkpoint(void **state)
{
    struct log *l = *state;
    strstr(l->line[at(l, 5)], "26-")[0] = '3';
    rehash(l, at(l, 5));
    named(l, "entry 5 is not what the checkpoint over 6 signed");
}

static void the_range_is_named_where_the_entry_cannot_be(void **state)
{
    struct log *l = *state;
    strstr(l->line[at(l, 9)], "26-")[0] = '3';
    rehash(l, at(l, 9));
    named(l, "an entry of 6 to 15 is not what the checkpoint over 16 signed");
}

static void removed_entries_are_named(void **state)
{
    struct log *l = *state;
    cut(l, at(l, 7));
    named(l, "entry 7 is missing");
    cut(l, at(l, 8));
    named(l, "entries 7 to 8 are missing");
}

static void a_removed_entry_with_all_renumbered_is_found(void **state)
{
    struct log *l = *state;
    cut(l, at(l, 22));
    named(l, "entry 22 is missing: the checkpoint over 23 signed it");
}

static void reordered_entries_are_named(void **state)
{
    struct log *l = *state;
    size_t a = at(l, 10), b = at(l, 11);
    char *keep = l->line[a];
    l->line[a] = l->line[b];
    l->line[b] = keep;
    named(l, "entry 10 stands in the wrong place, or twice (line 14): the checkpoint over 16\n");
}

static void a_changed_hash_is_not_taken_for_a_changed_entry(void **state)
{
    struct log *l = *state;
    char *hash = l->line[at(l, 9)] + 9;
    hash[0] = hash[0] == 'a' ? 'b' : 'a';
    named(l, "entry 9: the hash stored beside it was changed; the entry is what the checkpoint "
             "over 16 signed\n");
    hash[0] = 'x'; /* no digit at all */
    named(l, "entry 9: the hash stored beside it was changed");
}

static void a_changed_number_is_named_by_its_place(void **state)
{
    struct log *l = *state;
    *(strstr(l->line[at(l, 8)], "\"seq\":8,") + 6) = '9';
    struct said said;
    assert_int_equal(verify_with(l, l->vkey, &said, 0, NULL), TG_E_MISMATCH);
    assert_string_equal(said.all,
                        "entry 8 was changed: it is not what the checkpoint over 16 signed\n");
}

/* What no checkpoint covers is counted, and nothing is said of it. */
static void nothing_is_claimed_beyond_the_last_checkpoint(void **state)
{
    struct log *l = *state;
    struct said said = {0};
    struct tg_audit_verify v;
    struct tg_err err = {0};
    free(l->line[--l->count]);
    strstr(l->line[at(l, 20)], "26-")[0] = '3';
    cut(l, at(l, 21));
    tg_audit_verify_init(&v, l->vkey, on_finding, &said);
    for (size_t i = 0; i < l->count; i++)
        tg_audit_verify_line(&v, l->line[i], strlen(l->line[i]));
    assert_int_equal(tg_audit_verify_end(&v, &err), 0);
    assert_string_equal(said.all, "");
    assert_int_equal(v.covered, 16);
    assert_int_equal(v.next - v.covered, 7);
    /* but a statement that saw all of it is a checkpoint too */
    assert_int_equal(verify_with(l, l->vkey, &said, COUNT, &l->root), TG_E_MISMATCH);
    assert_non_null(strstr(said.all, "entry 20 was changed: it is not what a statement over 23 "
                                     "signed\nentry 21 is missing"));
}

static void entries_without_any_checkpoint_prove_nothing(void **state)
{
    struct log *l = *state;
    struct said said;
    for (size_t i = l->count; i-- > 0;)
        if (strstr(l->line[i], "checkpoint")) cut(l, i);
    assert_int_equal(verify_with(l, l->vkey, &said, 0, NULL), TG_E_STATE);
}

/* After a fault that the claims explain, the rest is still proven. */
static void a_kept_checkpoint_between_two_of_the_log(void **state)
{
    struct log *l = *state;
    struct said said;
    struct tg_merkle_frontier f;
    struct tg_merkle_hash root;
    tg_merkle_frontier_init(&f);
    for (unsigned i = 0; i < 9; i++) {
        char *entry = strstr(l->line[at(l, i)], "\"entry\":") + 8;
        tg_merkle_leaf(entry, strlen(entry) - 1, &root);
        tg_merkle_frontier_append(&f, &root);
    }
    tg_merkle_frontier_root(&f, &root);
    assert_int_equal(verify_with(l, l->vkey, &said, 9, &root), 0);
    strstr(l->line[at(l, 7)], "26-")[0] = '3';
    assert_int_equal(verify_with(l, l->vkey, &said, 9, &root), TG_E_MISMATCH);
    assert_string_equal(said.all,
                        "entry 7 was changed: it is not what a statement over 9 signed\n");
}

/* Whatever a room wrote as body, the line is JSON and says exactly that. */
static void bodies_of_any_shape_are_told_apart(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "{\"a\":1}", "{\"a\": 1}", "{\n}",
                                         "[]", "\"{}\"",    "{",          ""};
    struct tg_merkle_hash hash[TG_COUNT(bodies)];
    struct tg_err err = {0};
    for (size_t i = 0; i < TG_COUNT(bodies); i++) {
        struct tg_buf b = TG_BUF(TG_AUDIT_ENTRY_MAX);
        struct tg_audit_entry e = {1, 0, "a", "b", "c", bodies[i]};
        TG_AUTO(json) json_t *o = NULL;
        assert_int_equal(tg_audit_entry_print(&e, &b, &hash[i], &err), 0);
        assert_int_equal(tg_json_parse_object(b.data, b.len, b.len, &o, &err), 0);
        assert_null(memchr(b.data, '\n', b.len));
        const json_t *body = json_object_get(o, "body");
        assert_true(i < 3 ? json_is_object(body) : strcmp(json_string_value(body), bodies[i]) == 0);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(hash[i].b, hash[k].b, sizeof hash[i].b);
        tg_buf_done(&b);
    }
}

static void a_doubled_entry_is_named(void **state)
{
    struct log *l = *state;
    cut(l, at(l, 12));
    l->count++;
    memmove(&l->line[at(l, 11) + 2], &l->line[at(l, 11) + 1],
            (l->count - at(l, 11) - 2) * sizeof l->line[0]);
    l->line[at(l, 11) + 1] = tg_strdup(l->line[at(l, 11)]);
    named(l, "entry 11 stands in the wrong place, or twice");
}

static void a_cut_end_is_found_by_a_statement(void **state)
{
    struct log *l = *state;
    struct said said;
    do
        free(l->line[--l->count]);
    while (!strstr(l->line[l->count - 1], "checkpoint")); /* an honest-looking beginning */
    struct tg_audit_verify v;
    struct tg_err err = {0};
    said = (struct said){0};
    tg_audit_verify_init(&v, l->vkey, on_finding, &said);
    assert_int_equal(tg_audit_verify_expect(&v, COUNT, &l->root, "a statement", &err), 0);
    for (size_t i = 0; i < l->count; i++)
        tg_audit_verify_line(&v, l->line[i], strlen(l->line[i]));
    assert_int_equal(tg_audit_verify_end(&v, &err), TG_E_MISMATCH);
    assert_non_null(strstr(said.all, "its end was cut off"));
}

static void a_rewritten_log_is_found_by_a_statement(void **state)
{
    struct log *l = *state;
    struct said said;
    struct tg_merkle_hash other = {{1}};
    assert_int_equal(verify_with(l, l->vkey, &said, COUNT, &other), TG_E_MISMATCH);
    assert_non_null(strstr(said.all, "the log was rewritten"));
}

static void a_checkpoint_of_another_key_is_refused(void **state)
{
    struct log *l = *state;
    struct tg_key *other = NULL;
    struct tg_err err = {0};
    struct said said;
    char vkey[TG_AUDIT_VKEY_MAX];
    assert_int_equal(tg_key_generate("ed25519", &other, &err), 0);
    assert_int_equal(tg_audit_vkey(other, "tamga/alatau", vkey, &err), 0);
    assert_int_equal(verify_with(l, vkey, &said, 0, NULL), TG_E_MISMATCH);
    assert_non_null(strstr(said.all, "another key of log tamga/alatau"));
    assert_int_equal(tg_audit_vkey(other, "tamga/other", vkey, &err), 0);
    assert_int_equal(verify_with(l, vkey, &said, 0, NULL), TG_E_MISMATCH);
    assert_int_equal(verify_with(l, "nonsense", &said, 0, NULL), TG_E_MISMATCH);
    tg_key_free(other);
}

/* Flip every byte of every line: never a crash, and only an unsigned spelling of nothing may pass.
 */
static void every_flipped_byte_is_found(void **state)
{
    struct log *l = *state;
    struct said said;
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < strlen(l->line[i]); k += 7) {
            char was = l->line[i][k];
            l->line[i][k] = was == '"' ? 'x' : (char)(was ^ 1);
            if (verify_with(l, l->vkey, &said, 0, NULL) == 0)
                fail_msg("line %zu byte %zu: %s", i, k, l->line[i]);
            l->line[i][k] = was;
        }
}

static void notes_are_parsed_strictly(void **state)
{
    struct log *l = *state;
    struct tg_audit_checkpoint c;
    struct tg_err err = {0};
    struct tg_buf note = TG_BUF(TG_AUDIT_NOTE_MAX);
    struct tg_merkle_hash root;
    tg_merkle_empty(&root);
    assert_int_equal(tg_audit_note_print(l->key, "tamga/alatau", 0, &root, &note, &err), 0);
    assert_int_equal(tg_audit_note_parse(tg_buf_text(&note), note.len, l->vkey, &c, &err), 0);
    assert_int_equal(c.size, 0);
    assert_string_equal(c.origin, "tamga/alatau");
    assert_int_equal(tg_audit_note_parse(tg_buf_text(&note), note.len - 1, l->vkey, &c, &err),
                     TG_E_INPUT);
    tg_buf_puts(&note, "x\n");
    assert_int_equal(tg_audit_note_parse(tg_buf_text(&note), note.len, l->vkey, &c, &err),
                     TG_E_INPUT);
    tg_buf_done(&note);
    char vkey[TG_AUDIT_VKEY_MAX];
    assert_int_equal(tg_audit_vkey(l->key, "no blanks", vkey, &err), TG_E_INPUT);
    struct tg_key *ec = NULL;
    assert_int_equal(tg_key_generate("ec-p256", &ec, &err), 0);
    assert_int_equal(tg_audit_vkey(ec, "x", vkey, &err), TG_E_UNSUPPORTED);
    tg_key_free(ec);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_honest_log_passes),
        TEST(every_changed_byte_is_named),
        TEST(two_changes_are_both_named),
        TEST(a_change_with_its_hash_is_found_by_the_checkpoint),
        TEST(the_range_is_named_where_the_entry_cannot_be),
        TEST(removed_entries_are_named),
        TEST(a_removed_entry_with_all_renumbered_is_found),
        TEST(reordered_entries_are_named),
        TEST(a_changed_hash_is_not_taken_for_a_changed_entry),
        TEST(a_changed_number_is_named_by_its_place),
        TEST(nothing_is_claimed_beyond_the_last_checkpoint),
        TEST(entries_without_any_checkpoint_prove_nothing),
        TEST(a_kept_checkpoint_between_two_of_the_log),
        TEST(bodies_of_any_shape_are_told_apart),
        TEST(a_doubled_entry_is_named),
        TEST(a_cut_end_is_found_by_a_statement),
        TEST(a_rewritten_log_is_found_by_a_statement),
        TEST(a_checkpoint_of_another_key_is_refused),
        TEST(every_flipped_byte_is_found),
        TEST(notes_are_parsed_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
