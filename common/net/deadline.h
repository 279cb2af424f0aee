/* deadline: absolute deadlines in queues. All entries of one queue wait equally long, so the first
 * in is the first due and adding costs nothing. Pure: the owner says what time it is and keeps the
 * one timer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct dl_node {
    struct tg_list node;
    uint64_t at_ms;
};

struct dl_queue {
    struct tg_list head;
    uint64_t wait_ms;
};

static inline void dl_queue_init(struct dl_queue *q, uint64_t wait_ms)
{
    tg_list_init(&q->head);
    q->wait_ms = wait_ms;
}

/* Starting again moves it: only for a new phase, never for more bytes of the same. */
static inline void dl_start(struct dl_queue *q, struct dl_node *n, uint64_t now_ms)
{
    tg_list_del(&n->node);
    n->at_ms = now_ms + q->wait_ms;
    tg_list_add(&q->head, &n->node);
}

static inline void dl_stop(struct dl_node *n)
{
    tg_list_del(&n->node);
}

static inline bool dl_running(const struct dl_node *n)
{
    return !tg_list_empty(&n->node);
}

/* The next entry that is due, taken out; NULL if none is. */
static inline struct dl_node *dl_due(struct dl_queue *q, uint64_t now_ms)
{
    struct dl_node *n = tg_list_first(&q->head, struct dl_node, node);
    if (!n || n->at_ms > now_ms) return NULL;
    tg_list_del(&n->node);
    return n;
}

static inline uint64_t dl_next(const struct dl_queue *q, uint64_t best)
{
    const struct dl_node *n = tg_list_first(&q->head, struct dl_node, node);
    return n && n->at_ms < best ? n->at_ms : best;
}
