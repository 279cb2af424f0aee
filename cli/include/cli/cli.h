/* cli: what all commands share: arguments by a table, one call to the service, output for people or
 * programs. A command is one row of the table in main.c and one function; it returns an exit code.
 * Thread: main only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"

/* Exit codes, the same for every command. */
enum cli_exit { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };

/* The whole program: reads the command line against the table and runs one command. */
enum cli_exit cli_main(int argc, char **argv);

enum { CLI_OPTIONS = 16, CLI_WORDS = 4096 };

struct cli_option {
    const char *name;  /* "--keystore" */
    const char *value; /* "FILE" in the help; NULL: a flag */
    const char *help;
};

struct cli;
struct cli_command {
    const char *group; /* "batch" */
    const char *verb;  /* "approve"; "" for the group itself */
    const char *words; /* "BATCH" : positional arguments in the help */
    int min_words, max_words;
    const char *help; /* one sentence */
    enum cli_exit (*run)(struct cli *cli);
    struct cli_option options[CLI_OPTIONS];
};

struct cli {
    const struct cli_command *command;
    const char *words[CLI_WORDS]; /* positional arguments, borrowed from argv */
    size_t words_count;
    const char *values[CLI_OPTIONS]; /* of command->options; "" for a flag that is set */
    bool json;                       /* --json */
    const char *state;               /* --state DIR of a local service; NULL: see connect.c */
    const char *server;              /* --config FILE of a remote one */
    struct tg_err err;
};

/* Fills cli from argv (NULL-terminated) without running anything. CLI_DONE, or what was said on
 * standard error; *ret_help: it was `--help`, and it is printed. */
enum cli_exit cli_parse(struct cli *cli, char **argv, bool *ret_help);

const char *cli_value(const struct cli *cli, const char *option); /* NULL when not given */
bool cli_has(const struct cli *cli, const char *option);
/* A number of an option; fallback when absent. TG_E_USAGE. */
int cli_number(struct cli *cli, const char *option, uint64_t max, uint64_t fallback,
               uint64_t *ret) TG_MUST_CHECK;

/* Prints cli->err in one line with the next step; returns the exit code that fits it. */
enum cli_exit cli_fail(struct cli *cli);
enum cli_exit cli_usage(struct cli *cli, const char *what);

/* ---- connect.c: one request, one answer ---- */
struct cli_request {
    const char *method, *path;
    const char *content_type; /* NULL: application/json */
    const void *body;
    size_t body_len;
    size_t max_answer; /* 0: 64 MiB */
};
/* The answer's bytes of a 2xx. Others become cli->err, in the server's words. */
int cli_call(struct cli *cli, const struct cli_request *request, struct tg_buf *ret) TG_MUST_CHECK;
int cli_get(struct cli *cli, const char *path, json_t **ret) TG_MUST_CHECK;
/* body may be NULL: {} */
int cli_post(struct cli *cli, const char *path, const json_t *body, json_t **ret) TG_MUST_CHECK;
int cli_get_text(struct cli *cli, const char *path, struct tg_buf *ret) TG_MUST_CHECK;
/* All pages of a list, joined: {"items":[...]}. */
int cli_get_all(struct cli *cli, const char *path, json_t **ret) TG_MUST_CHECK;
/* printf into a path; %s arguments are percent-escaped by the caller through cli_escape. */
const char *cli_path(const char *fmt, ...) TG_PRINTF(1, 2); /* one of 4 rotating buffers */
const char *cli_escape(const char *text);                   /* one of 4 rotating buffers */
int64_t cli_now(void);                                      /* wall clock, UTC seconds */

/* ---- output.c ---- */
enum { CLI_WIDTH = 120, CLI_NARROWEST = 40 }; /* of a table: without a terminal, and at the least */
struct cli_column {
    const char *key;   /* of the item; in tables with a tail: ":date" of a time, ":cn" of a name,
                          ":whole" is never cut */
    const char *title; /* NULL ends the list */
};
void cli_print_json(const json_t *value);
/* As wide as the terminal, else $COLUMNS, else CLI_WIDTH: long cells are cut, the last column
 * never. */
void cli_print_table(const json_t *items, const struct cli_column *columns);
/* "key: value" lines of an object's scalars, in the order of columns. */
void cli_print_fields(const json_t *object, const struct cli_column *columns);
/* --json: the whole object; else the table over its items and a count line. */
enum cli_exit cli_show_list(struct cli *cli, const json_t *answer, const struct cli_column *columns,
                            const char *noun);
int cli_write(const void *bytes, size_t len); /* to standard output, all of it; -1 when it cannot */
/* "s" for every count but one: "1 application", "2 applications". */
const char *cli_s(json_int_t count);
/* Progress of long work on standard error, only on a terminal. total 0: unknown. */
void cli_progress(const char *what, uint64_t done, uint64_t total);
void cli_progress_end(void);

/* ---- files.c ---- */
/* Password for a keystore: --password-file, else the terminal. */
int cli_password(struct cli *cli, const char *keystore, struct tg_secret *ret) TG_MUST_CHECK;
struct tg_key;
struct tg_cert;
/* The signing pair of --keystore: PKCS#12 or PEM with exactly one usable key (--name picks by
 * friendlyName). */
int cli_signing_pair(struct cli *cli, const char *path, struct tg_key **ret_key,
                     struct tg_cert **ret_cert) TG_MUST_CHECK;
int cli_certificate(struct cli *cli, const char *path, struct tg_cert **ret) TG_MUST_CHECK;
/* 64 hex as they are, or the SPKI hash of a certificate or keystore-less PEM file. */
int cli_spki(struct cli *cli, const char *hex_or_file, char ret[65]) TG_MUST_CHECK;
/* Yes on the terminal, or --yes. */
bool cli_agree(struct cli *cli, const char *question);
