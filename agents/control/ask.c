/* The caller's end of agent.sock. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/control.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"

enum { ANSWER_S = 180 }; /* a confirmation waits for the new key and the signature */

static int dial(const char *dir, int *ret_fd, struct tg_err *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = ANSWER_S};
    if (snprintf(to.sun_path, sizeof to.sun_path, "%s/agent.sock", dir) >= (int)sizeof to.sun_path)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s/agent.sock: the path is too long", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return TG_FAIL(err, TG_E_IO, "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        int saved = errno;
        close(fd);
        return TG_FAIL(err, TG_E_NETWORK, "%s: %s; is `tamga-agent run` running?", to.sun_path,
                       strerror(saved));
    }
    *ret_fd = fd;
    return 0;
}

static int send_all(int fd, const void *bytes, size_t len, struct tg_err *err)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return TG_FAIL(err, TG_E_NETWORK, "agent.sock: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int exchange(int fd, const struct tg_buf *line, const struct tg_secret *password,
                    struct tg_buf *ret, struct tg_err *err)
{
    TG_TRY(send_all(fd, line->data, line->len, err));
    if (password) TG_TRY(send_all(fd, password->data, password->len, err));
    if (password) TG_TRY(send_all(fd, "\n", 1, err));
    for (;;) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN)
            return TG_FAIL(err, TG_E_TIMEOUT, "agent.sock: no answer within %d s", ANSWER_S);
        if (n < 0) return TG_FAIL(err, TG_E_NETWORK, "agent.sock: %s", strerror(errno));
        if (n == 0) return tg_buf_ok(ret, err);
        tg_buf_add(ret, chunk, (size_t)n);
    }
}

static int read_answer(const struct tg_buf *text, json_t **ret, struct tg_err *err)
{
    TG_AUTO(json) json_t *o = NULL;
    if (text->len == 0)
        return TG_FAIL(err, TG_E_NETWORK, "agent.sock: the agent hung up without an answer");
    TG_TRY(tg_json_parse_object(text->data, text->len, TG_MAX_MESSAGE, &o, err));
    if (!json_is_true(json_object_get(o, "ok"))) {
        const char *code = json_string_value(json_object_get(o, "code"));
        const char *why = json_string_value(json_object_get(o, "text"));
        return TG_FAIL(err, code ? tg_code_from_word(code) : TG_E_BUG, "%s",
                       why ? why : "the agent refused");
    }
    json_object_del(o, "ok");
    *ret = TG_TAKE(o);
    return 0;
}

int agent_control_ask(const char *dir, const json_t *request, const struct tg_secret *password,
                      json_t **ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(AGENT_CONTROL_REQUEST);
    TG_AUTO(buf) struct tg_buf answer = TG_BUF(TG_MAX_MESSAGE);
    TG_AUTO(json) json_t *o = json_copy((json_t *)(uintptr_t)request);
    int fd = -1;
    if (password && (memchr(password->data, '\n', password->len) || password->len > 1024))
        return TG_FAIL(err, TG_E_INPUT, "password: one line of at most 1,024 bytes is expected");
    json_object_set_new(o, "password", json_boolean(password != NULL));
    tg_json_dump(o, &line);
    tg_buf_putc(&line, '\n');
    TG_TRY(tg_buf_ok(&line, err));
    TG_TRY(dial(dir, &fd, err));
    int rc = exchange(fd, &line, password, &answer, err);
    close(fd);
    TG_TRY(rc);
    return read_answer(&answer, ret, err);
}
