/* agent_world: one workstation of a sealed world (seal_world.h) with one real keystore in a
 * temporary folder, and the requests of its prepare and install jobs. The program that uses it must
 * call agent_world_child() first in main(): jobs run in children of the same program. Test support;
 * aborts when the world cannot be built. */
#pragma once

#include "base/err.h"
#include "base/secret.h"
#include "seal_world/seal_world.h"
#include "json/json.h"

enum agent_world_kind {
    AGENT_P12,        /* RSA, written by `openssl pkcs12 -export` */
    AGENT_P12_LEGACY, /* likewise with -legacy: RC2-40, 3DES, SHA-1 */
    AGENT_P12_MANY,   /* EC, with a second pair and a Java trusted certificate */
    AGENT_PEM,        /* EC, certificate and plain key in one file */
    AGENT_PEM_PAIR,   /* RSA, certificate and sealed key in two files */
    AGENT_KINDS
};

struct agent_world {
    struct seal_world seal;
    enum agent_world_kind kind;
    char dir[64], path[96], key_path[96]; /* key_path "": one file */
    struct tg_secret password;            /* len 0: none */
    char other[TG_SEAL_HEX];              /* AGENT_P12_MANY: the second pair's certificate */
    char secret[65];                      /* seals the new key */
    json_t *prepare, *install;            /* requests; install after agent_world_approve() */
};

/* In main(): a job child does its work and ends here. */
void agent_world_child(int argc, char **argv);
const char *agent_world_word(enum agent_world_kind kind);
/* dir NULL: a new temporary folder; else this one, which exists. */
void agent_world_init(struct agent_world *w, enum agent_world_kind kind, const char *dir);
/* Everything belongs to this user from now on (root only). */
void agent_world_give(const struct agent_world *w, unsigned uid, unsigned gid);
void agent_world_done(struct agent_world *w); /* removes a temporary folder */

/* A job child. *ret_answer may be NULL. */
int agent_world_call(const struct agent_world *w, const char *kind, const json_t *request,
                     const char *password, json_t **ret_answer, struct tg_err *err);
/* The prepare job with the right password; its answer becomes application 0 of the sealed world. */
int agent_world_prepare(struct agent_world *w, struct tg_err *err);
/* Seals, signs, issues; makes the install request. */
void agent_world_approve(struct agent_world *w);
/* The install request again, after something of w->seal was changed. */
void agent_world_bundle(struct agent_world *w);
int agent_world_install(const struct agent_world *w, json_t **ret_answer, struct tg_err *err);
const char *agent_world_password(const struct agent_world *w); /* NULL: none */
