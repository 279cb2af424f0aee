#include "ca/issuer.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "issuer_in.h"
#include "loop/clock.h"

enum {
    DONE = 0,
    FAILED = 1,
    USAGE = 2,
    READ_AT_ONCE = 256 * 1024,
    IN_MAX = CA_FRAME_MAX + 4 + READ_AT_ONCE,
    OUT_MAX = CA_WINDOW * (CA_FRAME_MAX / 4),
};

/* One read; false at the end of the pipe. */
static bool fill(struct issuer *is)
{
    size_t before = is->in.len;
    uint8_t *room = tg_buf_grow(&is->in, READ_AT_ONCE);
    TG_CHECK(room); /* IN_MAX holds one whole frame and one read */
    ssize_t n;
    do
        n = read(is->fd, room, READ_AT_ONCE);
    while (n < 0 && errno == EINTR);
    is->in.len = before + (n > 0 ? (size_t)n : 0);
    return n > 0;
}

static bool drain(struct issuer *is)
{
    size_t at = 0;
    while (at < is->out.len) {
        ssize_t n = write(is->fd, is->out.data + at, is->out.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    tg_buf_reset(&is->out);
    return true;
}

/* What came is on disk, then the answers go. */
static int settle(struct issuer *is, bool *ret_open, struct tg_err *err)
{
    TG_TRY(ca_store_commit(is->store, err));
    TG_TRY(tg_buf_ok(&is->out, err));
    *ret_open = drain(is);
    return 0;
}

/* All whole frames that are here, in groups that share one fsync. */
static int work(struct issuer *is, bool *ret_open, struct tg_err *err)
{
    size_t at = 0, used = 0;
    unsigned group = 0;
    struct ca_frame f;
    int got = 0;
    while (*ret_open && (got = ca_frame_next(is->in.data + at, is->in.len - at, &f, &used)) > 0) {
        issuer_answer(is, &f, tg_clock_wall(tg_clock_system()));
        at += used;
        if (++group < CA_WINDOW && !ca_store_is_full(is->store)) continue;
        TG_TRY(settle(is, ret_open, err));
        group = 0;
    }
    if (got < 0) return TG_FAIL(err, TG_E_INPUT, "the pipe does not speak our language");
    tg_buf_shift(&is->in, at);
    return settle(is, ret_open, err);
}

static int serve(struct issuer *is, struct tg_err *err)
{
    bool open = true;
    while (open && fill(is))
        TG_TRY(work(is, &open, err));
    return 0;
}

static int parse(int argc, char **argv, struct issuer *is)
{
    uint64_t fd = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--issuer") == 0) continue;
        if (!value) return -1;
        if (strcmp(argv[i], "--dir") == 0)
            is->dir = value;
        else if (strcmp(argv[i], "--organization") == 0)
            is->organization = value;
        else if (strcmp(argv[i], "--fd") != 0 || !tg_parse_u64(value, strlen(value), 1024, &fd))
            return -1;
        i++;
    }
    is->fd = (int)fd;
    return is->dir && fd > 2 ? 0 : -1;
}

int ca_issuer_main(int argc, char **argv)
{
    struct issuer *is = TG_NEW(struct issuer); /* large: a leaf, eight statements */
    struct tg_err err = {0};
    tg_secret_no_core();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C: tamgad drains, then closes the pipe */
    signal(SIGTERM, SIG_IGN);
    tg_log_setup(TG_LOG_INFO, TG_LOG_LOGFMT, tg_clock_log);
    if (parse(argc, argv, is) < 0) {
        fprintf(stderr, "tamgad --issuer is started by tamgad: --dir DIR --fd N\n");
        free(is);
        return USAGE;
    }
    (void)close_range((unsigned)is->fd + 1, ~0u, 0);
    tg_buf_init(&is->in, IN_MAX);
    tg_buf_init(&is->out, OUT_MAX);
    int rc = issuer_home_open(is, &err);
    if (rc == 0) rc = serve(is, &err);
    if (rc < 0) tg_log_err(TG_LOG_ERROR, "issuer", "ended", &err);
    issuer_done(is);
    free(is);
    return rc < 0 ? FAILED : DONE;
}
