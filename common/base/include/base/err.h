/* err: what went wrong, to which thing, and what to do next. One error per operation, a value
 * without allocation. Adapters translate OpenSSL, curl and SQLSTATE into these codes; those never
 * travel further. A function either logs or returns; the owner of the operation logs it, once.
 * Thread: any. */
#pragma once

#include <stdnoreturn.h>

/* What the caller does: try again later, ask a person, refuse for good, or report a bug of ours. */
enum tg_next { TG_NEXT_RETRY, TG_NEXT_ASK, TG_NEXT_REFUSE, TG_NEXT_BUG };

/* name, word on the wire, next, sentence */
#define TG_ERROR_TABLE(X)                                                                          \
    X(INPUT, "bad-input", REFUSE, "the input is malformed")                                        \
    X(LIMIT, "too-large", REFUSE, "the input exceeds a limit")                                     \
    X(VERSION, "unknown-version", REFUSE, "this version of the format is not known here")          \
    X(USAGE, "usage", REFUSE, "the command line is wrong")                                         \
    X(NOT_FOUND, "not-found", REFUSE, "there is no such thing")                                    \
    X(EXISTS, "exists", REFUSE, "it exists already")                                               \
    X(STATE, "wrong-state", REFUSE, "the thing is not in a state that allows this")                \
    X(STALE, "stale", RETRY, "somebody else changed it first")                                     \
    X(DENIED, "denied", REFUSE, "you may not do this")                                             \
    X(SIGNATURE, "bad-signature", REFUSE, "a signature does not verify")                           \
    X(UNTRUSTED, "untrusted", REFUSE, "the signer or issuer is not trusted for this")              \
    X(MISMATCH, "mismatch", REFUSE, "what is there is not what was approved")                      \
    X(EXPIRED, "expired", REFUSE, "its time is over")                                              \
    X(EARLY, "too-early", RETRY, "its time has not come yet")                                      \
    X(REVOKED, "revoked", REFUSE, "it was revoked or recalled")                                    \
    X(NO_TRUST, "no-trust-yet", ASK, "no trust yet: tamga trust init")                             \
    X(PASSWORD, "password", ASK, "the password does not open it")                                  \
    X(LOCKED, "locked", ASK, "no password is known for it")                                        \
    X(UNSUPPORTED, "unsupported", ASK, "this is not supported here")                               \
    X(IO, "io", RETRY, "reading or writing failed")                                                \
    X(DISK_FULL, "disk-full", RETRY, "the disk is full")                                           \
    X(NETWORK, "network", RETRY, "the other side cannot be reached")                               \
    X(TIMEOUT, "timeout", RETRY, "it took too long")                                               \
    X(BUSY, "busy", RETRY, "the service is busy")                                                  \
    X(DB, "database", RETRY, "the database is not available")                                      \
    X(CA, "ca", RETRY, "the CA did not issue")                                                     \
    X(CANCELLED, "cancelled", RETRY, "the operation was stopped")                                  \
    X(BUG, "bug", BUG, "this should not happen")

enum tg_code_index {
    TG_I_OK,
#define TG_X(name, word, next, text) TG_I_##name,
    TG_ERROR_TABLE(TG_X)
#undef TG_X
};

enum tg_code {
    TG_OK = 0,
#define TG_X(name, word, next, text) TG_E_##name = -TG_I_##name,
    TG_ERROR_TABLE(TG_X)
#undef TG_X
};

enum { TG_ERR_TEXT = 240 };

struct tg_err {
    int code;         /* 0 or an enum tg_code */
    int line;         /* where it arose */
    const char *file; /* static */
    char text[TG_ERR_TEXT];
};

#define TG_MUST_CHECK        __attribute__((warn_unused_result))
#define TG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Fill err (may be NULL) and return code. Text beyond 239 bytes is cut at a UTF-8 boundary. */
int tg_err_set(struct tg_err *err, int code, const char *file, int line, const char *fmt, ...)
    TG_PRINTF(5, 6);
/* Put "context: " before the text; returns err->code, so that `return tg_err_wrap(...)` works.
 * Without err there is no code to return: then it is TG_E_BUG, so keep the code yourself where err
 * may be NULL. */
int tg_err_wrap(struct tg_err *err, const char *fmt, ...) TG_PRINTF(2, 3);
void tg_err_clear(struct tg_err *err);

const char *tg_code_word(int code);     /* "bad-input"; "bug" for an unknown code */
const char *tg_code_sentence(int code); /* what it means in general */
enum tg_next tg_code_next(int code);
const char *tg_next_word(enum tg_next next); /* retry ask refuse bug */
int tg_code_from_word(const char *word);     /* TG_E_BUG when unknown */
int tg_code_from_errno(
    int number); /* NOT_FOUND, EXISTS, DENIED, DISK_FULL, TIMEOUT, NETWORK or IO */

#define TG_FAIL(err, code, ...) tg_err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#define TG_TRY(call)                                                                               \
    do {                                                                                           \
        int tg_try_rc_ = (call);                                                                   \
        if (tg_try_rc_ < 0) return tg_try_rc_;                                                     \
    } while (0)

/* A broken contract ends the process in every build: state is durable, guessing is not. */
noreturn void tg_check_failed(const char *what, const char *file, int line);
#define TG_CHECK(cond) ((cond) ? (void)0 : tg_check_failed(#cond, __FILE__, __LINE__))
