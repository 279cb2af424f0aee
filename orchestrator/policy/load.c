#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "policy_in.h"

enum { FOLDER_FILES = 128 };

static struct policy_set *set_new(void)
{
    struct policy_set *set = TG_NEW(struct policy_set);
    set->yaml = tg_yaml_new();
    set->items = tg_calloc(POLICY_MAX, sizeof(*set->items));
    return set;
}

void policy_free(struct policy_set *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->zone_count; i++)
        tg_zone_free(set->zones[i]);
    tg_yaml_free(set->yaml);
    free(set->items);
    free(set);
}

static void add_file(struct policy_set *set, const char *file, const struct raw_file *raw,
                     const struct policy_names *connectors)
{
    const struct raw_policy *policies = raw->policies.items;
    set->file_count++;
    for (size_t i = 0; i < raw->policies.count; i++) {
        if (set->count == POLICY_MAX) {
            tg_yaml_complain_file(set->yaml, file, "more than %d policies in all", POLICY_MAX);
            return;
        }
        policy_build(set, &policies[i], &set->items[set->count]);
        policy_check_one(set, &policies[i], set->count, connectors);
        set->count++;
    }
}

/* The tree stays where it is: its addresses are the places that complaints name. */
static void read_file(struct policy_set *set, const char *path,
                      const struct policy_names *connectors)
{
    struct raw_file *raw = tg_yaml_alloc(set->yaml, sizeof(*raw));
    struct tg_err ignored; /* the complaints are in set->yaml */
    (void)!tg_yaml_read_file(set->yaml, path, &policy_file_map, raw, &ignored);
    add_file(set, path, raw, connectors);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_folder(struct policy_set *set, const char *path,
                        const struct policy_names *connectors)
{
    char *names[FOLDER_FILES];
    size_t count = 0;
    DIR *folder = opendir(path);
    if (!folder) {
        tg_yaml_complain_file(set->yaml, path, "cannot be read: %s", strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' ||
            !(tg_ends(entry->d_name, ".yaml") || tg_ends(entry->d_name, ".yml")))
            continue;
        if (count == FOLDER_FILES) {
            tg_yaml_complain_file(set->yaml, path, "more than %d policy files", FOLDER_FILES);
            break;
        }
        names[count++] = tg_printf("%s%s%s", path, tg_ends(path, "/") ? "" : "/", entry->d_name);
    }
    closedir(folder);
    if (!count) tg_yaml_complain_file(set->yaml, path, "no *.yaml in this folder");
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        read_file(set, names[i], connectors);
        free(names[i]);
    }
}

static void read_path(struct policy_set *set, const char *path,
                      const struct policy_names *connectors)
{
    struct stat st;
    if (stat(path, &st) < 0)
        tg_yaml_complain_file(set->yaml, path, "%s",
                              errno == ENOENT ? "no such file or folder" : strerror(errno));
    else if (S_ISDIR(st.st_mode))
        read_folder(set, path, connectors);
    else
        read_file(set, path, connectors);
}

static struct policy_set *read_all(const struct policy_source *source)
{
    struct policy_names connectors = {source->connectors, source->connector_count,
                                      source->connectors != NULL};
    struct policy_set *set = set_new();
    for (size_t i = 0; i < source->path_count; i++)
        read_path(set, source->paths[i], &connectors);
    return set;
}

/* A set with errors goes no further. */
static int finish(struct policy_set **set, struct policy_set **ret, struct tg_buf *complaints,
                  struct tg_err *err)
{
    struct policy_set *it = *set;
    if (complaints) tg_yaml_print(it->yaml, complaints);
    TG_TRY(tg_yaml_result(it->yaml, err));
    for (size_t i = 0; i < it->count; i++)
        policy_canonical(it, &it->items[i]);
    policy_hash_set(it);
    *ret = TG_TAKE(*set);
    return 0;
}

int policy_load(const struct policy_source *source, struct policy_set **ret,
                struct tg_buf *complaints, struct tg_err *err)
{
    TG_AUTO(policy_set) struct policy_set *set = read_all(source);
    return finish(&set, ret, complaints, err);
}

int policy_parse(const char *file, const void *bytes, size_t len, const char *const *connectors,
                 size_t connector_count, struct policy_set **ret, struct tg_buf *complaints,
                 struct tg_err *err)
{
    TG_AUTO(policy_set) struct policy_set *set = set_new();
    struct policy_names names = {connectors, connector_count, connectors != NULL};
    struct raw_file *raw = tg_yaml_alloc(set->yaml, sizeof(*raw));
    struct tg_err ignored;
    (void)!tg_yaml_read(set->yaml, file, bytes, len, &policy_file_map, raw, &ignored);
    add_file(set, file, raw, &names);
    return finish(&set, ret, complaints, err);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

int policy_check_paths(const char *const *paths, size_t path_count, const char *const *connectors,
                       size_t connector_count, struct tg_buf *out, struct tg_err *err)
{
    struct policy_source source = {paths, path_count, connectors, connector_count};
    TG_AUTO(policy_set) struct policy_set *set = read_all(&source);
    size_t errors = tg_yaml_errors(set->yaml), warnings = tg_yaml_warnings(set->yaml),
           policies = set->count;
    tg_yaml_print(set->yaml, out);
    tg_buf_printf(out, "%zu polic%s in %zu file%s: %zu error%s, %zu warning%s\n", policies,
                  policies == 1 ? "y" : "ies", set->file_count, plural(set->file_count), errors,
                  plural(errors), warnings, plural(warnings));
    return tg_yaml_result(set->yaml, err);
}

size_t policy_count(const struct policy_set *set)
{
    return set->count;
}

const struct policy *policy_at(const struct policy_set *set, size_t index)
{
    TG_CHECK(index < set->count);
    return &set->items[index];
}

int policy_index(const struct policy_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0) return (int)i;
    return -1;
}

const char *policy_set_hash(const struct policy_set *set)
{
    return set->hash;
}
