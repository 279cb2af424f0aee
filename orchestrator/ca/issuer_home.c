/* The issuing process at home: its folder, its user, its key, and what it keeps. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "files.h"
#include "issuer_in.h"
#include "loop/clock.h"
#include "seal/recall.h"

#define USER_NAME "tamga-issuer"
/* systemd's range of dynamic users: no distribution gives these out. */
enum { UID_FIRST = 61184, UID_LAST = 65519 };

/* --- the user --- */

/* Whom the folder belongs to; else tamga-issuer, where the administrator made one; else a number
 * that nobody has, found from the folder's place so that two services do not share one. */
static uid_t choose_user(const struct stat *st)
{
    if (st->st_uid != 0) return st->st_uid;
    const struct passwd *user = getpwnam(USER_NAME);
    if (user && user->pw_uid != 0) return user->pw_uid;
    uint64_t seed = (uint64_t)st->st_ino * 2654435761u + (uint64_t)st->st_dev;
    uid_t uid = UID_FIRST + (uid_t)(seed % (UID_LAST - UID_FIRST));
    while (getpwuid(uid) && uid < UID_LAST)
        uid++;
    return uid;
}

static int own_entry(int dir, const char *name, uid_t uid)
{
    return fchownat(dir, name, uid, (gid_t)uid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT ? -1
                                                                                            : 0;
}

/* After a restore by root the files are root's; all of them are ours by name. */
static int own_home(int dir, uid_t uid)
{
    static const char *const names[] = {"ca.key", "ca.crt", "issued", "realm", "lock", "trust"};
    if (fchown(dir, uid, (gid_t)uid) < 0) return -1;
    for (size_t i = 0; i < TG_COUNT(names); i++)
        if (own_entry(dir, names[i], uid) < 0) return -1;
    return 0;
}

static int become(uid_t uid)
{
    gid_t gid = (gid_t)uid;
    (void)!unshare(CLONE_NEWNET); /* no network at all, where the kernel lets us say so */
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -1;
    return 0;
}

/* Only in this process, after exec: the program may lie where that user cannot reach it. */
static void drop_root(const struct issuer *is, int dir)
{
    struct stat st;
    if (geteuid() != 0) {
        tg_log(TG_LOG_INFO, "issuer", "user", "uid=%u own=no why=%s", (unsigned)geteuid(),
               tg_q("not started by root: the CA's key lies under tamgad's own user"));
        return;
    }
    uid_t uid = fstat(dir, &st) == 0 ? choose_user(&st) : 0;
    if (uid != 0 && own_home(dir, uid) == 0 && become(uid) == 0)
        tg_log(TG_LOG_INFO, "issuer", "user", "uid=%u own=yes", (unsigned)uid);
    else
        tg_log(TG_LOG_WARN, "issuer", "user", "uid=%u own=no dir=%s why=%s", (unsigned)geteuid(),
               tg_q(is->dir), tg_q(strerror(errno)));
}

/* --- the folder --- */

static int lock_home(const struct issuer *is, struct tg_err *err)
{
    int fd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* held until we end */
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s/lock: %s", is->dir, strerror(errno));
    return 0;
}

static int enter_home(struct issuer *is, int *ret_dir, struct tg_err *err)
{
    if (mkdir(is->dir, 0700) < 0 && errno != EEXIST)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", is->dir, strerror(errno));
    int dir = open(is->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", is->dir, strerror(errno));
    *ret_dir = dir;
    drop_root(is, dir);
    tg_secret_no_core();
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (fchdir(dir) < 0 || fchmod(dir, 0700) < 0 || (mkdir("trust", 0700) < 0 && errno != EEXIST))
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", is->dir, strerror(errno));
    return lock_home(is, err);
}

/* --- what is kept --- */

bool issuer_recall_known(const struct issuer *is, const char *statement)
{
    for (size_t i = 0; i < is->recalled_count; i++)
        if (strcmp(is->recalled[i], statement) == 0) return true;
    return false;
}

void issuer_recall_add(struct issuer *is, const char *statement)
{
    if (issuer_recall_known(is, statement)) return;
    if (is->recalled_count == is->recalled_room) {
        is->recalled_room = is->recalled_room ? is->recalled_room * 2 : 16;
        is->recalled = tg_realloc(is->recalled, is->recalled_room * TG_SEAL_HEX);
    }
    (void)tg_copy(is->recalled[is->recalled_count++], TG_SEAL_HEX, statement);
}

static void on_recall(struct tg_blob text, struct tg_blob cms, void *data)
{
    struct tg_recall recall;
    struct tg_err err;
    (void)cms; /* it was checked when it came; its approver may be gone by now */
    if (tg_recall_parse(text.data, text.len, &recall, &err) == 0)
        issuer_recall_add(data, recall.statement);
}

static int load_realm(char ret[TG_SEAL_HEX], struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_SEAL_HEX);
    ret[0] = '\0';
    int rc = tg_file_read("realm", &text, err);
    if (rc == TG_E_NOT_FOUND) return 0;
    TG_TRY(rc);
    if (!tg_is_hex(tg_buf_text(&text), TG_SEAL_HEX - 1))
        return TG_FAIL(err, TG_E_INPUT, "realm: not 64 hex digits; bring it back from a backup");
    (void)tg_copy(ret, TG_SEAL_HEX, tg_buf_text(&text));
    return 0;
}

static int load_trust(struct issuer *is, struct tg_err *err)
{
    char realm[TG_SEAL_HEX];
    TG_TRY(load_realm(realm, err));
    int rc = tg_trust_chain_load("trust", realm[0] ? realm : NULL, &is->chain, err);
    if (rc == TG_E_NO_TRUST) {
        is->chain = tg_trust_chain_new(realm[0] ? realm : NULL);
        return 0;
    }
    TG_TRY(rc);
    return issuer_home_keep_trust(is, err); /* a crash may have come between realm and trust */
}

/* The realm first: from then on no other version 1 is taken, whatever happens to the rest. */
int issuer_home_keep_trust(struct issuer *is, struct tg_err *err)
{
    const char *realm = tg_trust_chain_realm(is->chain);
    if (access("realm", F_OK) < 0)
        TG_TRY(tg_file_replace("realm", realm, strlen(realm), 0600, err));
    return tg_trust_chain_save(is->chain, "trust", err);
}

static int open_store(struct issuer *is, int dir, struct tg_err *err)
{
    uint64_t torn = 0;
    TG_TRY(ca_store_open("issued", on_recall, is, &is->store, &torn, err));
    if (torn) tg_log(TG_LOG_WARN, "issuer", "torn-end", "bytes=%llu", (unsigned long long)torn);
    if (fsync(dir) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", is->dir, strerror(errno));
    return 0;
}

static int open_all(struct issuer *is, int dir, struct tg_err *err)
{
    struct ca_root root = {"ca.crt", is->organization, "Issuing CA",
                           tg_clock_wall(tg_clock_system())};
    TG_TRY(ca_key_load_or_make("ca.key", &is->key, err));
    TG_TRY(ca_root_load_or_make(&root, is->key, &is->cert, err));
    tg_key_spki_hex(is->key, is->spki);
    TG_TRY(open_store(is, dir, err));
    return load_trust(is, err);
}

int issuer_home_open(struct issuer *is, struct tg_err *err)
{
    int dir = -1;
    int rc = enter_home(is, &dir, err);
    if (rc == 0) rc = open_all(is, dir, err);
    if (dir >= 0) close(dir);
    return rc;
}

void issuer_done(struct issuer *is)
{
    for (size_t i = 0; i < CA_SLOTS; i++) {
        tg_buf_done(&is->slots[i].text);
        for (size_t k = 0; k < TG_SEAL_CMS_MAX; k++)
            tg_buf_done(&is->slots[i].cms[k]);
    }
    tg_key_free(is->key);
    tg_cert_unref(is->cert);
    ca_store_free(is->store);
    tg_trust_chain_free(is->chain);
    free(is->recalled);
    tg_buf_done(&is->in);
    tg_buf_done(&is->out);
}
