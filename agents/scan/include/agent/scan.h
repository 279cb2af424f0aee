/* scan: finds keystores below paths and reads them with the passwords that the agent's own
 * configuration knows. Reports certificates, never keys or passwords. Bounded in depth and number;
 * symlinks to folders are not followed. Runs in a job child as the keystores' owner, or in
 * `tamga-agent scan`. Blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"
#include "keystore/keystore.h"
#include "json/json.h"

enum { AGENT_SCAN_DEPTH = 16, AGENT_SCAN_FILES = 100000 };

/* Passwords for one keystore. */
struct agent_passwords {
    struct tg_secret items[TG_MAX_PASSWORDS];
    size_t count;
};
void agent_passwords_done(struct agent_passwords *p);
void agent_passwords_add(struct agent_passwords *p,
                         const struct tg_secret *one); /* a copy; ignored when full */
/* One UTF-8 password a line. */
int agent_passwords_read(const char *path, struct agent_passwords *p,
                         struct tg_err *err) TG_MUST_CHECK;
/* Of the rules [{"match":GLOB,"file":PATH}|{"match":GLOB,"command":[...]}] those whose glob fits
 * path. A rule whose file or command fails is passed over: the keystore is then locked, and says
 * so. */
void agent_passwords_for(const json_t *rules, const char *path, struct agent_passwords *p);

struct agent_scan {
    bool every_file; /* report also what is no keystore; else only likely names */
    const struct agent_passwords *passwords; /* tried on every keystore, may be NULL */
    const json_t *rules;                     /* may be NULL */
    /* Root's child reads nothing of others: what belongs to somebody else (a file, or a folder with
     * all below it) is named here instead. NULL: everything is read. */
    void (*on_other)(const char *path, void *data);
    /* key_elsewhere: a PEM certificate whose key lies in another file of the folder. Negative ends
     * the scan. */
    int (*on_keystore)(const struct tg_keystore *ks, bool key_elsewhere, void *data,
                       struct tg_err *err);
    void *data;
};
/* A file, or a folder and all below it in the order of names. TG_E_NOT_FOUND. */
int agent_scan_path(const struct agent_scan *scan, const char *path,
                    struct tg_err *err) TG_MUST_CHECK;

/* The file in the certificate file's folder that holds its private key (STEM.key, key.pem,
 * privkey.pem, other *.key). TG_E_NOT_FOUND. ret_bytes, where given, gets the file. */
int agent_find_key_file(const char *cert_path, const struct tg_cert *cert,
                        const struct tg_secret *password, char ret_path[4096],
                        struct tg_buf *ret_bytes, struct tg_err *err) TG_MUST_CHECK;
/* The same when a killed installation may have left a second link of it: only to recover. */
int agent_find_key_linked(const char *cert_path, const struct tg_cert *cert,
                          const struct tg_secret *password, char ret_path[4096],
                          struct tg_err *err) TG_MUST_CHECK;
