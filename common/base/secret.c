#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>

enum { LINE_LIMIT = 1024 };

void tg_wipe(void *bytes, size_t len)
{
    if (len) explicit_bzero(bytes, len);
}

static struct tg_secret map_secret(size_t len)
{
    TG_CHECK(len < TG_SECRET_MAX);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (len + page) / page * page; /* one NUL behind it always fits */
    void *room = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TG_CHECK(room != MAP_FAILED);
    (void)madvise(room, mapped, MADV_DONTDUMP);
    (void)mlock(room,
                mapped); /* RLIMIT_MEMLOCK may forbid it; swap is then the system's business */
    return (struct tg_secret){.data = room, .len = len, .mapped = mapped};
}

void tg_secret_done(struct tg_secret *s)
{
    if (s->data) {
        tg_wipe(s->data, s->mapped);
        (void)munmap(s->data, s->mapped);
    }
    *s = (struct tg_secret){0};
}

char *tg_secret_room(struct tg_secret *s, size_t len)
{
    struct tg_secret fresh = map_secret(len);
    tg_secret_done(s);
    *s = fresh;
    return s->data;
}

void tg_secret_set(struct tg_secret *s, const void *bytes, size_t len)
{
    struct tg_secret fresh = map_secret(len); /* before the old one ends: bytes may lie in it */
    if (len) memcpy(fresh.data, bytes, len);
    tg_secret_done(s);
    *s = fresh;
}

/* One byte at a time: what follows the line belongs to somebody else. */
static int read_byte(int fd, char *ret)
{
    for (;;) {
        ssize_t n = read(fd, ret, 1);
        if (n < 0 && errno == EINTR) continue;
        return (int)n;
    }
}

static int read_line_into(int fd, char *line, size_t *len, struct tg_err *err)
{
    char c = 0;
    int n;
    bool any = false;
    while ((n = read_byte(fd, &c)) > 0) {
        any = true;
        if (c == '\n') break;
        if (c == '\0') return TG_FAIL(err, TG_E_INPUT, "secret: the first line holds a NUL byte");
        if (*len >= LINE_LIMIT)
            return TG_FAIL(err, TG_E_LIMIT, "secret: the first line is longer than %d bytes",
                           LINE_LIMIT);
        line[(*len)++] = c;
    }
    if (n < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "secret: cannot read: %s", strerror(errno));
    if (!any) return TG_FAIL(err, TG_E_INPUT, "secret: the file is empty; write one line into it");
    if (c == '\n' && *len > 0 && line[*len - 1] == '\r') (*len)--;
    return 0;
}

int tg_secret_read_line(int fd, struct tg_secret *ret, struct tg_err *err)
{
    __attribute__((cleanup(tg_auto_secret))) struct tg_secret line = map_secret(LINE_LIMIT);
    size_t len = 0;
    TG_TRY(read_line_into(fd, line.data, &len, err));
    tg_secret_set(ret, line.data, len);
    return 0;
}

int tg_secret_read_file(const char *path, struct tg_secret *ret, struct tg_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: cannot open: %s", path,
                       strerror(errno));
    int rc = tg_secret_read_line(fd, ret, err);
    close(fd);
    return rc < 0 ? (err ? tg_err_wrap(err, "%s", path) : rc) : 0;
}

/* The terminal hands over single bytes, so that an interrupt arrives here and echo always comes
 * back. */
static int read_typed(int fd, char *line, size_t *len, struct tg_err *err)
{
    char c;
    while (read_byte(fd, &c) > 0) {
        switch (c) {
        case '\r':
        case '\n':
            return 0;
        case 3: /* Ctrl-C */
        case 4: /* Ctrl-D */
            return TG_FAIL(err, TG_E_CANCELLED, "the question was not answered");
        case 21:
            *len = 0;
            break; /* Ctrl-U */
        case 8:
        case 127:
            while (*len > 0 && ((unsigned char)line[--*len] & 0xc0) == 0x80)
                continue;
            break;
        default:
            if (*len >= LINE_LIMIT)
                return TG_FAIL(err, TG_E_LIMIT, "the answer is longer than %d bytes", LINE_LIMIT);
            line[(*len)++] = c;
        }
    }
    return TG_FAIL(err, TG_E_CANCELLED, "the terminal was closed");
}

static int ask(int fd, const char *prompt, struct tg_secret *ret, struct tg_err *err)
{
    struct termios before, quiet;
    if (tcgetattr(fd, &before) != 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "no terminal to ask for a password; use a password file");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    (void)dprintf(fd, "%s", prompt);
    __attribute__((cleanup(tg_auto_secret))) struct tg_secret line = map_secret(LINE_LIMIT);
    size_t len = 0;
    int rc = read_typed(fd, line.data, &len, err);
    (void)dprintf(fd, "\n");
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    if (rc == 0) tg_secret_set(ret, line.data, len);
    return rc;
}

int tg_secret_prompt(const char *prompt, struct tg_secret *ret, struct tg_err *err)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "no terminal to ask for a password; use a password file");
    int rc = ask(fd, prompt, ret, err);
    close(fd);
    return rc;
}

void tg_secret_no_core(void)
{
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}
