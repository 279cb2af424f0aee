/* tamga-agent scan: the inventory of this machine, or of some files, without a server. */
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/scan.h"
#include "base/times.h"
#include "keystore/keystore.h"
#include "main_in.h"
#include "x509/cert.h"

enum { OUT_MAX = 256 * 1024 * 1024 };

struct scanning {
    struct tg_buf out;
    struct tg_jw jw;
    bool json;
    size_t keystores, certificates, locked;
};

static void print_entry(const struct tg_keystore_entry *e)
{
    char ends[TG_DATE] = "-";
    if (!e->cert) {
        printf("  (hidden)%s%s\n", e->friendly_name ? " " : "",
               e->friendly_name ? e->friendly_name : "");
        return;
    }
    const struct tg_cert_facts *f = tg_cert_facts(e->cert);
    tg_date_print(f->not_after, ends);
    printf("  until %s  %-11s %s %s\n", ends, f->key_algorithm, e->has_key ? "key" : "-  ",
           f->subject);
}

static int on_keystore(const struct tg_keystore *ks, bool key_elsewhere, void *data,
                       struct tg_err *err)
{
    struct scanning *s = data;
    s->keystores++;
    s->locked += ks->status == TG_KEYSTORE_LOCKED;
    if (key_elsewhere && ks->count > 0) ks->entries[0].has_key = true;
    if (s->json) {
        tg_keystore_print_json(&s->jw, ks);
        return tg_buf_ok(&s->out, err);
    }
    printf("%-10s %-6s %s%s%s\n", tg_keystore_status_word(ks->status), ks->kind ? ks->kind : "-",
           ks->path, ks->reason[0] ? ": " : "", ks->reason);
    for (size_t i = 0; i < ks->count; i++) {
        s->certificates += ks->entries[i].cert != NULL;
        print_entry(&ks->entries[i]);
    }
    return 0;
}

/* A path that is not there is accounted for as well, and the exit code tells. */
static int scan_one(const struct agent_scan *scan, const char *path, struct main_args *a)
{
    struct tg_err err = {0};
    int rc = agent_scan_path(scan, path, &err);
    if (rc == 0) return 0;
    a->err = err;
    if (rc != TG_E_NOT_FOUND) return rc;
    TG_AUTO(keystore) struct tg_keystore *ks = tg_keystore_scan_file(path, NULL, 0);
    struct tg_err ignored = {0};
    (void)!scan->on_keystore(ks, false, scan->data, &ignored);
    return rc;
}

static int scan_all(struct main_args *a, const struct agent_config *config, struct scanning *s)
{
    struct agent_passwords passwords = {0};
    const char *file = main_value(a, "--password-file");
    struct agent_scan scan = {.every_file = a->words_count > 0,
                              .passwords = &passwords,
                              .rules = config ? config->passwords : NULL,
                              .on_keystore = on_keystore,
                              .data = s};
    int rc = file ? agent_passwords_read(file, &passwords, &a->err) : 0, worst = rc;
    struct agent_roots roots = {0};
    if (rc == 0 && a->words_count == 0) agent_config_roots(config, &roots);
    for (size_t i = 0; rc == 0 && i < a->words_count + roots.count; i++) {
        const char *path = a->words_count ? a->words[i] : roots.items[i];
        int one = scan_one(&scan, path, a);
        if (one < 0) worst = one;
    }
    agent_roots_done(&roots);
    agent_passwords_done(&passwords);
    return worst;
}

enum main_exit command_scan(struct main_args *a)
{
    TG_AUTO(agent_config) struct agent_config *config = NULL;
    struct scanning s = {.out = TG_BUF(OUT_MAX), .json = a->json};
    int rc = agent_config_load(a->dir, &config, NULL, &a->err);
    /* Whoever names files needs no configuration, and may not be allowed to read it. */
    if (rc < 0 && a->words_count == 0) return main_fail(a);
    tg_err_clear(&a->err);
    if (a->json) {
        tg_jw_init(&s.jw, &s.out);
        tg_jw_begin_object(&s.jw);
        tg_jw_key(&s.jw, "keystores");
        tg_jw_begin_array(&s.jw);
    }
    rc = scan_all(a, config, &s);
    if (a->json) {
        tg_jw_end(&s.jw);
        tg_jw_end(&s.jw);
        (void)fwrite(s.out.data, 1, s.out.len, stdout);
        putchar('\n');
    } else {
        printf("%zu keystores, %zu certificates, %zu locked\n", s.keystores, s.certificates,
               s.locked);
    }
    tg_buf_done(&s.out);
    if (rc == 0) return MAIN_DONE;
    a->json = false; /* one object was printed already */
    return main_fail(a);
}
