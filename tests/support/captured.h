/* captured: what a test's own process prints between begin and end, standard output and standard
 * error in one text. One at a time; the calling thread only. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct captured {
    FILE *file;
    int out, err; /* where they went before */
    char text[1 << 16];
};

static inline void captured_begin(struct captured *c)
{
    fflush(stdout);
    fflush(stderr);
    c->file = tmpfile();
    c->out = dup(STDOUT_FILENO);
    c->err = dup(STDERR_FILENO);
    if (!c->file || dup2(fileno(c->file), STDOUT_FILENO) < 0 ||
        dup2(fileno(c->file), STDERR_FILENO) < 0)
        _exit(99);
}

static inline void captured_end(struct captured *c)
{
    fflush(stdout);
    fflush(stderr);
    (void)dup2(c->out, STDOUT_FILENO);
    (void)dup2(c->err, STDERR_FILENO);
    close(c->out);
    close(c->err);
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    (void)fclose(c->file);
}
