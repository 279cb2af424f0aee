/* world: an approved batch of any size, in memory and in a database, for the bench of issuing. */
#pragma once

#include "ca/ca.h"
#include "seal_world/seal_world.h"
#include "testdb/testdb.h"

struct bench_app {
    struct tg_cert *old;
    uint8_t spki[TG_SHA256];
    struct tg_buf app, csr, holder, line, decision;
};

struct bench_world {
    struct seal_world w; /* parties and trust */
    size_t count;
    struct bench_app *apps;
    struct tg_buf statement, cms;
    struct tg_blob cms_blob;
    struct tg_statement st;
    struct ca_statement signed_;
    struct tg_merkle_tree approved, evidence;
};

void bench_world_make(struct bench_world *b, size_t count, int64_t now);
void bench_world_done(struct bench_world *b);
/* Everything as it is after the approval; triggers are off while it is put there. */
void bench_world_store(const struct bench_world *b, struct testdb *t);
