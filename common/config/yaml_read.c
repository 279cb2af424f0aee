#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "yaml_in.h"

static bool is_list(enum tg_yaml_kind kind)
{
    return kind == TG_YAML_TEXTS || kind == TG_YAML_ENUMS || kind == TG_YAML_DURATIONS ||
           kind == TG_YAML_PERCENTS || kind == TG_YAML_MAPS;
}

static yaml_node_t *node_at(struct yaml_reader *r, int index)
{
    return yaml_document_get_node(r->document, index);
}

static size_t item_size(const struct tg_yaml_key *key)
{
    if (key->kind == TG_YAML_MAPS) return key->map->size;
    if (key->kind == TG_YAML_ENUMS) return sizeof(int);
    return key->kind == TG_YAML_TEXTS ? sizeof(const char *) : sizeof(int64_t);
}

static void store_list(const struct tg_yaml_key *key, char *items, size_t count, void *slot)
{
    if (key->kind == TG_YAML_ENUMS) {
        uint32_t bits = 0;
        for (size_t i = 0; i < count; i++)
            bits |= UINT32_C(1) << ((const int *)(const void *)items)[i];
        *(uint32_t *)slot = bits;
    } else if (key->kind == TG_YAML_TEXTS) {
        *(struct tg_yaml_texts *)slot = (struct tg_yaml_texts){(const char **)(void *)items, count};
    } else if (key->kind == TG_YAML_MAPS) {
        *(struct tg_yaml_list *)slot = (struct tg_yaml_list){items, count};
    } else {
        *(struct tg_yaml_ints *)slot = (struct tg_yaml_ints){(int64_t *)(void *)items, count};
    }
}

static bool read_item(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                      char *item)
{
    if (key->kind != TG_YAML_MAPS) return yaml_read_scalar(r, node, key, item);
    yaml_read_map(r, node, key->name, key->map, item);
    return true;
}

static void read_items(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                       void *slot)
{
    const yaml_node_item_t *start = node->data.sequence.items.start,
                           *top = node->data.sequence.items.top;
    size_t length = (size_t)(top - start), max = key->items ? key->items : YAML_MAX_ITEMS;
    if (!length || length > max) {
        if (length)
            yaml_complain_at(r, &node->start_mark, key->name, NULL,
                             "the list has %zu items, at most %zu are allowed", length, max);
        else
            yaml_complain_at(r, &node->start_mark, key->name, NULL,
                             "the list is empty: leave the key out or name something");
        return;
    }
    char *items = tg_yaml_alloc(r->y, length * item_size(key));
    size_t count = 0;
    for (const yaml_node_item_t *it = start; it < top; it++)
        count += read_item(r, node_at(r, *it), key, items + count * item_size(key));
    store_list(key, items, count, slot);
}

/* A lone scalar where a list may stand is a list of one; a lone map is not. */
static void read_list(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                      void *slot)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        read_items(r, node, key, slot);
        return;
    }
    if (key->kind == TG_YAML_MAPS) {
        yaml_complain_at(r, &node->start_mark, key->name, NULL,
                         "a list belongs here: begin each item with '- '");
        return;
    }
    char *item = tg_yaml_alloc(r->y, item_size(key));
    if (yaml_read_scalar(r, node, key, item)) store_list(key, item, 1, slot);
}

static void read_value(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                       char *base)
{
    void *slot = base + key->offset;
    if (key->kind == TG_YAML_MAP) {
        yaml_read_map(r, node, key->name, key->map, slot);
    } else if (is_list(key->kind)) {
        yaml_remember(r, slot, 0, key->name, &node->start_mark);
        read_list(r, node, key, slot);
    } else {
        yaml_remember(r, slot, 0, key->name, &node->start_mark);
        /* A wrong value falls back to the default: later checks must not complain about it again.
         */
        if (!yaml_read_scalar(r, node, key, slot) && key->otherwise)
            yaml_default_scalar(r->y, key, slot);
    }
}

static void fill_absent(struct tg_yaml *y, const struct tg_yaml_map *map, char *base)
{
    for (const struct tg_yaml_key *key = map->keys; key->name; key++) {
        if (key->kind == TG_YAML_MAP)
            fill_absent(y, key->map, base + key->offset);
        else if (key->otherwise)
            yaml_default_scalar(y, key, base + key->offset);
        else if (key->kind == TG_YAML_ENUM)
            *(int *)(void *)(base + key->offset) = -1;
        else if (key->kind == TG_YAML_TEXT)
            *(const char **)(void *)(base + key->offset) = "";
    }
}

static void unknown_key(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_map *map)
{
    const char *names[YAML_MAX_KEYS];
    size_t count = 0;
    for (const struct tg_yaml_key *key = map->keys; key->name && count < TG_COUNT(names); key++)
        names[count++] = key->name;
    const char *text = yaml_shown((const char *)node->data.scalar.value, node->data.scalar.length);
    yaml_complain_at(r, &node->start_mark, text, tg_nearest(text, names, count), "not known here");
}

static int key_index(yaml_node_t *node, const struct tg_yaml_map *map)
{
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) return -1;
    for (int i = 0; map->keys[i].name; i++)
        if (strcmp(map->keys[i].name, text) == 0) return i;
    return -1;
}

static void read_pair(struct yaml_reader *r, const yaml_node_pair_t *pair,
                      const struct tg_yaml_map *map, char *base, uint64_t *seen)
{
    yaml_node_t *node = node_at(r, pair->key);
    if (node->type != YAML_SCALAR_NODE) {
        yaml_complain_at(r, &node->start_mark, NULL, NULL,
                         "a key is one word, not a list or a map");
        return;
    }
    int index = key_index(node, map);
    if (index < 0) {
        unknown_key(r, node, map);
    } else if (*seen & UINT64_C(1) << index) {
        yaml_complain_at(r, &node->start_mark, map->keys[index].name, NULL, "it stands here twice");
    } else {
        *seen |= UINT64_C(1) << index;
        read_value(r, node_at(r, pair->value), &map->keys[index], base);
    }
}

void yaml_read_map(struct yaml_reader *r, yaml_node_t *node, const char *name,
                   const struct tg_yaml_map *map, char *base)
{
    fill_absent(r->y, map, base);
    yaml_remember(r, base, map->size, name, &node->start_mark);
    if (node->type != YAML_MAPPING_NODE) {
        yaml_complain_at(r, &node->start_mark, name, NULL,
                         "a map belongs here (lines of 'key: value')");
        return;
    }
    const yaml_node_pair_t *start = node->data.mapping.pairs.start,
                           *top = node->data.mapping.pairs.top;
    if (top - start > YAML_MAX_KEYS) {
        yaml_complain_at(r, &node->start_mark, name, NULL, "more than %d keys in one map",
                         YAML_MAX_KEYS);
        return;
    }
    uint64_t seen = 0;
    for (const yaml_node_pair_t *pair = start; pair < top; pair++)
        read_pair(r, pair, map, base, &seen);
    for (int i = 0; map->keys[i].name; i++)
        if (map->keys[i].required && !(seen & UINT64_C(1) << i))
            yaml_complain_at(r, &node->start_mark, map->keys[i].name, NULL, "it is missing");
}
