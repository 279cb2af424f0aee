#include "base/str.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

bool tg_copyn(char *ret, size_t size, const void *bytes, size_t len)
{
    TG_CHECK(size > 0);
    bool fits = len < size && (len == 0 || !memchr(bytes, 0, len));
    if (fits && len) memcpy(ret, bytes, len);
    ret[fits ? len : 0] = '\0';
    return fits;
}

bool tg_copy(char *ret, size_t size, const char *text)
{
    return tg_copyn(ret, size, text, strlen(text));
}

bool tg_parse_u64(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
    if (len == 0 || (len > 1 && text[0] == '0')) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (value > max) return false;
    *ret = value;
    return true;
}

bool tg_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool tg_ends(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a >= b && memcmp(text + a - b, suffix, b) == 0;
}

bool tg_glob(const char *pattern, const char *text)
{
    /* Back up only to the last star: linear memory, at most quadratic time, no recursion on hostile
     * text. */
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

enum { WORD_MAX = 64 };

static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[b_len];
}

const char *tg_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t len = strlen(word);
    if (len > WORD_MAX) return NULL;
    size_t best = 1 + len / 4 + 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > WORD_MAX) continue;
        size_t distance = edit_distance(word, len, candidates[i], other);
        if (distance >= best) continue;
        best = distance;
        found = candidates[i];
    }
    return found;
}
