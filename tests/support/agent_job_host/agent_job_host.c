/* agent-job-host: job children without an agent around them, for the sweep.
 *
 *   agent-job-host make DIR KIND    a keystore in the existing folder DIR, prepared and approved.
 *                                   Writes DIR.prepare and DIR.install (requests as a job child
 *                                   reads them) and DIR.password; prints what it made as JSON
 *   agent-job-host job              the child itself: request on 0, password on 3, answer on 1 */
#include <stdlib.h>
#include <unistd.h>

#include "agent/platform.h"
#include "agent_world/agent_world.h"
#include "base/bytes.h"

static int put(const struct agent_world *w, const char *what, const void *bytes, size_t len,
               struct tg_err *err)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s.%s", w->dir, what);
    return tg_file_replace(path, bytes, len, 0600, err);
}

static int put_request(const struct agent_world *w, const char *kind, json_t *request,
                       struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    struct agent_owner owner;
    TG_TRY(agent_owner_of(w->path, &owner, err));
    json_object_set_new(request, "kind", json_string(kind));
    json_object_set_new(request, "password", json_boolean(w->password.len > 0));
    json_object_set_new(request, "owner",
                        json_pack("{s:I,s:I,s:s}", "uid", (json_int_t)owner.uid, "gid",
                                  (json_int_t)owner.gid, "name", owner.name));
    tg_json_dump(request, &text);
    return put(w, kind, text.data, text.len, err);
}

static void print_hash(json_t *o, const char *key, const struct tg_cert *cert)
{
    char hex[TG_HEX256];
    tg_hex(tg_cert_facts(cert)->sha256, TG_SHA256, hex);
    json_object_set_new(o, key, json_string(hex));
}

static int make(struct agent_world *w, struct tg_err *err)
{
    TG_AUTO(json)
    json_t *o = json_pack("{s:s,s:s,s:s}", "path", w->path, "key_path", w->key_path, "number",
                          w->seal.apps[0].leaf.no);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(4096);
    TG_TRY(put(w, "password", w->password.len ? w->password.data : "", w->password.len, err));
    TG_TRY(agent_world_prepare(w, err));
    agent_world_approve(w);
    TG_TRY(put_request(w, "prepare", w->prepare, err));
    TG_TRY(put_request(w, "install", w->install, err));
    print_hash(o, "old", w->seal.apps[0].old);
    print_hash(o, "new", w->seal.apps[0].cert);
    json_object_set_new(o, "key", json_string(w->seal.apps[0].leaf.key));
    tg_json_dump(o, &text);
    (void)puts(tg_buf_text(&text));
    return 0;
}

int main(int argc, char **argv)
{
    struct agent_world *w = TG_NEW(struct agent_world);
    struct tg_err err = {0};
    int kind = 0;
    agent_world_child(argc, argv);
    while (argc == 4 && kind < AGENT_KINDS && strcmp(agent_world_word(kind), argv[3]) != 0)
        kind++;
    if (argc != 4 || strcmp(argv[1], "make") != 0 || kind == AGENT_KINDS) {
        (void)fprintf(stderr, "usage: see the head of agent_job_host.c\n");
        free(w);
        return 2;
    }
    agent_world_init(w, kind, argv[2]);
    int rc = make(w, &err);
    if (rc < 0) (void)fprintf(stderr, "agent-job-host: %s\n", err.text);
    agent_world_done(w);
    free(w);
    return rc == 0 ? 0 : 1;
}
