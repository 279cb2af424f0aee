/* x509_tool: runs a program with bytes on its standard input and collects its standard output: the
 * openssl command line as an independent reader of what we write. Test support; blocks. */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

/* Exit status, or -1 if it did not run. out is NUL-terminated; standard error is dropped. */
static inline int tool_run(const char *const *argv, const void *in, size_t in_len,
                           struct tg_buf *out)
{
    int to[2], from[2], status = 0;
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null < 0 || dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0 || dup2(null, 2) < 0) _exit(126);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    if (pid > 0 && in_len && write(to[1], in, in_len) != (ssize_t)in_len) status = -1;
    close(to[1]);
    char room[4096];
    for (ssize_t n; pid > 0 && (n = read(from[0], room, sizeof room)) > 0;)
        tg_buf_add(out, room, (size_t)n);
    close(from[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A temporary file with these bytes; the path is written to ret (at least 64 bytes). */
static inline bool tool_file(const void *bytes, size_t len, char *ret)
{
    memcpy(ret, "/tmp/tamga-test-XXXXXX", 23);
    int fd = mkostemp(ret, O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, bytes, len) == (ssize_t)len;
    if (fd >= 0) close(fd);
    return ok;
}
