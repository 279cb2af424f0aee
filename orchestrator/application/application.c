/* States, moves and words: the same as the rows of application_state and application_move (a test
 * compares them). */
#include "application_in.h"

#include <string.h>

#define M(from, to)                                                                                \
    {                                                                                              \
        APPLICATION_##from, APPLICATION_##to                                                       \
    }
#define ENDS(from) M(from, CANCELLED), M(from, FAILED), M(from, LAPSED)
const struct application_move application_moves[] = {
    M(DRAFTED, PREPARED),   M(PREPARED, SUBMITTED), M(SUBMITTED, APPROVED), M(APPROVED, REQUESTED),
    M(REQUESTED, ISSUED),   M(ISSUED, INSTALLED),   M(REQUESTED, OBSERVED), /* kind observe */
    M(SUBMITTED, RETURNED), M(SUBMITTED, PREPARED), /* held back, or the batch was discarded */
    M(APPROVED, PREPARED),                          /* recalled in time */
    M(FAILED, DRAFTED),     M(FAILED, PREPARED),    M(FAILED, SUBMITTED),   M(FAILED, APPROVED),
    M(FAILED, REQUESTED),   M(FAILED, ISSUED),      ENDS(DRAFTED),          ENDS(PREPARED),
    ENDS(SUBMITTED),        ENDS(APPROVED),         ENDS(REQUESTED),        ENDS(ISSUED),
};
const size_t application_moves_count = TG_COUNT(application_moves);

static const struct {
    const char *word;
    bool open;
} states[APPLICATION_STATE_END] = {[APPLICATION_NONE] = {"", false},
#define APPLICATION_X(name, value, word, open) [APPLICATION_##name] = {word, open},
                                   APPLICATION_STATES(APPLICATION_X)
#undef APPLICATION_X
};

static const char *const waits[] = {[APPLICATION_WAITS_NOTHING] = "",
#define APPLICATION_X(name, value, word) [APPLICATION_WAITS_##name] = word,
                                    APPLICATION_WAITS(APPLICATION_X)
#undef APPLICATION_X
};

bool application_may_move(enum application_state from, enum application_state to)
{
    for (size_t i = 0; i < application_moves_count; i++)
        if (application_moves[i].from == from && application_moves[i].to == to) return true;
    return false;
}

bool application_is_open(enum application_state state)
{
    return state < APPLICATION_STATE_END && states[state].open;
}

const char *application_state_word(enum application_state state)
{
    return state < APPLICATION_STATE_END ? states[state].word : "";
}

enum application_state application_state_from_word(const char *word)
{
    for (int i = 1; i < APPLICATION_STATE_END; i++)
        if (strcmp(states[i].word, word) == 0) return (enum application_state)i;
    return APPLICATION_NONE;
}

const char *application_waits_word(enum application_waits what)
{
    return (size_t)what < TG_COUNT(waits) ? waits[what] : "";
}

enum application_waits application_waits_from_word(const char *word)
{
    for (size_t i = 1; i < TG_COUNT(waits); i++)
        if (strcmp(waits[i], word) == 0) return (enum application_waits)i;
    return APPLICATION_WAITS_NOTHING;
}

int64_t application_backoff_s(int failures)
{
    enum { FIRST = 60, MOST = 4 * 3600, DOUBLINGS = 8 };
    int64_t wait = (int64_t)FIRST << (failures < 1           ? 0
                                      : failures > DOUBLINGS ? DOUBLINGS
                                                             : failures - 1);
    return wait < MOST ? wait : MOST;
}

int application_parse_number(const char *text, struct tg_number *ret, struct tg_err *err)
{
    if (tg_number_parse(text, ret)) return 0;
    return TG_FAIL(err, TG_E_INPUT,
                   "application %.20s: this is no application number (26-004217-4; the last digit "
                   "checks the others)",
                   text);
}
