/* list: intrusive doubly linked list; the node is a member of the thing. An unlinked node is zeroed
 * or self-linked; tg_list_del() of either is harmless. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct tg_list {
    struct tg_list *next, *prev;
};

static inline void tg_list_init(struct tg_list *l)
{
    l->next = l->prev = l;
}

static inline bool tg_list_empty(const struct tg_list *l)
{
    return !l->next || l->next == l;
}

static inline void tg_list_add(struct tg_list *head, struct tg_list *node) /* at the end */
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void tg_list_del(struct tg_list *node)
{
    if (node->next) {
        node->prev->next = node->next;
        node->next->prev = node->prev;
    }
    node->next = node->prev = node;
}

#define tg_list_first(head, type, member)                                                          \
    (tg_list_empty(head) ? NULL : tg_container_of((head)->next, type, member))
/* The body may unlink and free `it`. */
#define tg_list_each(it, head, type, member)                                                       \
    for (struct tg_list *tg_n_ = (head)->next, *tg_m_ = tg_n_->next;                               \
         tg_n_ != (head) && ((it) = tg_container_of(tg_n_, type, member), 1);                      \
         tg_n_ = tg_m_, tg_m_ = tg_n_->next)
