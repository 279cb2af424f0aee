#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include "base/mem.h"

struct code_row {
    const char *word, *text;
    enum tg_next next;
};

static const struct code_row rows[] = {[TG_I_OK] = {"ok", "all is well", TG_NEXT_RETRY},
#define TG_X(name, word, next, text) [TG_I_##name] = {word, text, TG_NEXT_##next},
                                       TG_ERROR_TABLE(TG_X)
#undef TG_X
};

static const struct code_row *row_of(int code)
{
    /* Codes are negative indices; anything else is a bug of the caller and reads as one. */
    if (code > 0 || code <= -(int)TG_COUNT(rows)) return &rows[TG_I_BUG];
    return &rows[-code];
}

/* Keep at most 239 bytes and never half a character: texts reach JSON and terminals. */
static void store_text(struct tg_err *err, const char *text)
{
    size_t len = strnlen(text, TG_ERR_TEXT);
    if (len >= TG_ERR_TEXT) {
        len = TG_ERR_TEXT - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(err->text, text, len);
    err->text[len] = '\0';
}

int tg_err_set(struct tg_err *err, int code, const char *file, int line, const char *fmt, ...)
{
    if (!err) return code;
    /* Through a second buffer: an argument may be err->text itself. */
    char text[TG_ERR_TEXT + 8];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err->code = code;
    err->file = file;
    err->line = line;
    store_text(err, text);
    return code;
}

int tg_err_wrap(struct tg_err *err, const char *fmt, ...)
{
    /* Without a place for the text the code is lost too; the caller that passes NULL wants only
     * "failed". */
    if (!err) return TG_E_BUG;
    char text[2 * TG_ERR_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, TG_ERR_TEXT, fmt, args);
    va_end(args);
    size_t len = strlen(text);
    (void)snprintf(text + len, sizeof text - len, ": %s", err->text);
    store_text(err, text);
    return err->code;
}

void tg_err_clear(struct tg_err *err)
{
    if (err) *err = (struct tg_err){0};
}

const char *tg_code_word(int code)
{
    return row_of(code)->word;
}

const char *tg_code_sentence(int code)
{
    return row_of(code)->text;
}

enum tg_next tg_code_next(int code)
{
    return row_of(code)->next;
}

const char *tg_next_word(enum tg_next next)
{
    switch (next) {
    case TG_NEXT_RETRY:
        return "retry";
    case TG_NEXT_ASK:
        return "ask";
    case TG_NEXT_REFUSE:
        return "refuse";
    case TG_NEXT_BUG:
        break;
    }
    return "bug";
}

int tg_code_from_word(const char *word)
{
    for (size_t i = 1; i < TG_COUNT(rows); i++)
        if (strcmp(rows[i].word, word) == 0) return -(int)i;
    return TG_E_BUG;
}

int tg_code_from_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return TG_E_NOT_FOUND;
    case EEXIST:
        return TG_E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return TG_E_DENIED;
    case ENOSPC:
    case EDQUOT:
        return TG_E_DISK_FULL;
    case ETIMEDOUT:
        return TG_E_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return TG_E_NETWORK;
    default:
        return TG_E_IO;
    }
}

noreturn void tg_check_failed(const char *what, const char *file, int line)
{
    char text[512];
    int len =
        snprintf(text, sizeof text, "tamga: broken contract: %s at %s:%d\n", what, file, line);
    if (len > 0) {
        size_t n = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
        ssize_t ignored = write(STDERR_FILENO, text, n);
        (void)ignored;
    }
    abort();
}
