/* main_in: what the commands of tamga-agent share. A command is one row of the table in main.c and
 * one function; it returns an exit code. Thread: main only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"

/* Exit codes (DESIGN §4). */
enum main_exit { MAIN_DONE = 0, MAIN_REFUSED = 1, MAIN_USAGE = 2, MAIN_UNREACHABLE = 3 };

enum { MAIN_OPTIONS = 8, MAIN_WORDS = 4096 };

struct main_option {
    const char *name;  /* "--server" */
    const char *value; /* "URL" in the help; NULL: a flag */
    const char *help;
};

struct main_args;
struct main_command {
    const char *name;
    const char *words; /* positional arguments in the help */
    size_t max_words;
    const char *help; /* NULL: hidden */
    enum main_exit (*run)(struct main_args *a);
    struct main_option options[MAIN_OPTIONS];
};

struct main_args {
    const struct main_command *command;
    const char *words[MAIN_WORDS];
    size_t words_count;
    const char *values[MAIN_OPTIONS]; /* "" for a flag that is set */
    bool json;
    const char *dir; /* --state */
    struct tg_err err;
};

const char *main_value(const struct main_args *a, const char *option); /* NULL when not given */
enum main_exit main_fail(struct main_args *a); /* prints a->err with the next step */
enum main_exit main_usage(struct main_args *a, const char *what);
void main_print_json(json_t *o); /* takes it */
/* "key: value" lines of an object's scalars, in its order; takes it when --json is not asked. */
enum main_exit main_show(struct main_args *a, json_t *o);

enum main_exit command_enroll(struct main_args *a);
enum main_exit command_run(struct main_args *a);
enum main_exit command_scan(struct main_args *a);
enum main_exit command_confirm(struct main_args *a);
enum main_exit command_status(struct main_args *a);
enum main_exit command_install(struct main_args *a);
enum main_exit command_job(struct main_args *a);
