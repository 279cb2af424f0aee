/* Walking folders for keystores. */
#include "agent/scan.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/platform.h"
#include "base/str.h"
#include "x509/cert.h"
#include "x509/key.h"

enum { PATH = 4096 };

struct walk {
    const struct agent_scan *scan;
    size_t files;
};

/* Ours: backups and pending keys are no keystores of the holder. */
static bool is_ours(const char *name)
{
    return tg_ends(name, ".tamga-old") || strstr(name, ".tamga-") != NULL;
}

static bool likely(const char *name)
{
    static const char *const ends[] = {".p12", ".pfx", ".pem", ".crt",
                                       ".cer", ".der", ".key", ".jks"};
    char lower[256];
    size_t i = 0;
    for (; name[i] && i < sizeof lower - 1; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    lower[i] = '\0';
    for (size_t k = 0; k < TG_COUNT(ends); k++)
        if (tg_ends(lower, ends[k])) return true;
    return false;
}

/* The key's file may be sealed although the certificate's is not: try what is known. */
static bool key_is_elsewhere(const struct tg_keystore *ks, const struct agent_passwords *known)
{
    char path[PATH];
    struct tg_err ignored = {0};
    bool found = false;
    if (!ks->kind || strcmp(ks->kind, "pem") != 0 || ks->count == 0 || ks->entries[0].has_key ||
        !ks->entries[0].cert)
        return false;
    for (size_t i = 0; i <= known->count && !found; i++)
        found = agent_find_key_file(ks->path, ks->entries[0].cert, i ? &known->items[i - 1] : NULL,
                                    path, NULL, &ignored) == 0;
    return found;
}

static int scan_file(struct walk *w, const char *path, struct tg_err *err)
{
    struct agent_passwords all = {0};
    if (++w->files > AGENT_SCAN_FILES)
        return TG_FAIL(err, TG_E_LIMIT, "%s: more than %d files to scan", path, AGENT_SCAN_FILES);
    for (size_t i = 0; w->scan->passwords && i < w->scan->passwords->count; i++)
        agent_passwords_add(&all, &w->scan->passwords->items[i]);
    agent_passwords_for(w->scan->rules, path, &all);
    TG_AUTO(keystore) struct tg_keystore *ks = tg_keystore_scan_file(path, all.items, all.count);
    bool elsewhere = key_is_elsewhere(ks, &all);
    agent_passwords_done(&all);
    if (!ks->kind && !w->scan->every_file) return 0;
    return w->scan->on_keystore(ks, elsewhere, w->scan->data, err);
}

static int scan_any(struct walk *w, const char *path, int depth, bool given, struct tg_err *err);

static int scan_folder(struct walk *w, const char *path, int depth, struct tg_err *err)
{
    struct dirent **names = NULL;
    if (depth >= AGENT_SCAN_DEPTH)
        return 0; /* one deep tree must not hide all that lies beside it */
    int n = scandir(path, &names, NULL, alphasort);
    if (n < 0)
        return depth == 0 ? TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno))
                          : 0;
    int rc = 0;
    for (int i = 0; i < n; i++) {
        char below[PATH];
        const char *name = names[i]->d_name;
        bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (rc == 0 && !dots && !is_ours(name) &&
            snprintf(below, sizeof below, "%s/%s", path, name) < PATH)
            rc = scan_any(w, below, depth + 1, false, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Of somebody else, or a link to what is. */
static bool others(const struct walk *w, const char *path, const struct stat *st)
{
    struct stat target;
    if (!w->scan->on_other) return false;
    bool own = st->st_uid == 0 &&
               (!S_ISLNK(st->st_mode) || stat(path, &target) != 0 || target.st_uid == 0);
    if (!own) w->scan->on_other(path, w->scan->data);
    return !own;
}

static int scan_any(struct walk *w, const char *path, int depth, bool given, struct tg_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return given ? TG_FAIL(err, TG_E_NOT_FOUND, "%s: %s", path, strerror(errno)) : 0;
    if (others(w, path, &st)) return 0;
    /* A link to a file may be a keystore; a link to a folder could lead anywhere, or in circles. */
    if (S_ISLNK(st.st_mode) && (stat(path, &st) != 0 || (S_ISDIR(st.st_mode) && !given))) return 0;
    if (S_ISDIR(st.st_mode)) return scan_folder(w, path, depth, err);
    if (!given && !S_ISREG(st.st_mode)) return 0;
    return given || w->scan->every_file || likely(path) ? scan_file(w, path, err) : 0;
}

int agent_scan_path(const struct agent_scan *scan, const char *path, struct tg_err *err)
{
    struct walk w = {.scan = scan};
    return scan_any(&w, path, 0, true, err);
}

/* Does this file hold the key of cert? */
static bool holds_key(const char *path, const struct tg_cert *cert,
                      const struct tg_secret *password, bool linked, struct tg_buf *bytes)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    struct tg_err ignored = {0};
    tg_buf_reset(bytes);
    return (linked ? agent_read_linked : agent_read_file)(path, bytes, &ignored) == 0 &&
           tg_keystore_key_for(bytes->data, bytes->len, password, cert, &key, &ignored) == 0;
}

static bool is_key_name(const char *name)
{
    return tg_ends(name, ".key") || strcmp(name, "key.pem") == 0 ||
           strcmp(name, "privkey.pem") == 0 || tg_ends(name, "-key.pem");
}

static int find_key_file(const char *cert_path, const struct tg_cert *cert,
                         const struct tg_secret *password, bool linked, char *ret_path,
                         struct tg_buf *ret_bytes, struct tg_err *err)
{
    char folder[PATH];
    const char *slash = strrchr(cert_path, '/');
    struct dirent **names = NULL;
    if (!tg_copyn(folder, sizeof folder, slash ? cert_path : ".",
                  slash ? (size_t)(slash - cert_path) : 1))
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", cert_path);
    int n = scandir(folder[0] ? folder : "/", &names, NULL, alphasort);
    bool found = false;
    for (int i = 0; i < n; i++) {
        TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_KEYSTORE);
        if (!found && is_key_name(names[i]->d_name) && !is_ours(names[i]->d_name) &&
            snprintf(ret_path, PATH, "%s/%s", folder, names[i]->d_name) < PATH &&
            holds_key(ret_path, cert, password, linked, &bytes)) {
            found = true;
            if (ret_bytes) tg_buf_add(ret_bytes, bytes.data, bytes.len);
        }
        if (bytes.data) tg_wipe(bytes.data, bytes.len);
        free(names[i]);
    }
    free(names);
    if (!found)
        return TG_FAIL(err, TG_E_NOT_FOUND, "%s: no file with its private key beside it",
                       cert_path);
    /* ret_path was overwritten by later candidates only while nothing was found. */
    return 0;
}

int agent_find_key_file(const char *cert_path, const struct tg_cert *cert,
                        const struct tg_secret *password, char ret_path[4096],
                        struct tg_buf *ret_bytes, struct tg_err *err)
{
    return find_key_file(cert_path, cert, password, false, ret_path, ret_bytes, err);
}

int agent_find_key_linked(const char *cert_path, const struct tg_cert *cert,
                          const struct tg_secret *password, char ret_path[4096], struct tg_err *err)
{
    return find_key_file(cert_path, cert, password, true, ret_path, NULL, err);
}
