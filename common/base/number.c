#include "base/str.h"

#include <string.h>

#include "base/err.h"

/* The quasigroup of order 10 in Damm's thesis (2004): finds every single wrong digit and every
 * swap. */
static const unsigned char damm_table[10][10] = {
    {0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3}, {4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
    {1, 7, 5, 0, 9, 8, 3, 4, 2, 6}, {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
    {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7}, {9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
    {2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
};

unsigned tg_damm(const char *digits, size_t len)
{
    unsigned interim = 0;
    for (size_t i = 0; i < len; i++) {
        TG_CHECK(digits[i] >= '0' && digits[i] <= '9');
        interim = damm_table[interim][digits[i] - '0'];
    }
    return interim;
}

enum { YEAR_MAX = 99, SEQUENCE_MAX = 99999999, DIGITS = 10 };

void tg_number_print(struct tg_number n, char ret[TG_NUMBER])
{
    TG_CHECK(n.year <= YEAR_MAX && n.sequence >= 1 && n.sequence <= SEQUENCE_MAX);
    char digits[TG_NUMBER];
    (void)snprintf(digits, sizeof digits, "%02u%06u", n.year % 100, n.sequence % 100000000);
    unsigned check = tg_damm(digits, strlen(digits));
    (void)snprintf(ret, TG_NUMBER, "%.2s-%.8s-%u", digits, digits + 2, check % 10);
}

bool tg_number_parse(const char *text, struct tg_number *ret)
{
    size_t len = strnlen(text, TG_NUMBER);
    if (len < 11 || len > 13) return false;
    size_t count = len - 5; /* digits of the sequence */
    if (text[2] != '-' || text[len - 2] != '-') return false;
    uint64_t year, sequence;
    char digits[DIGITS];
    memcpy(digits, text, 2);
    memcpy(digits + 2, text + 3, count);
    for (size_t i = 0; i < count + 2; i++)
        if (digits[i] < '0' || digits[i] > '9') return false;
    if (count > 6 && digits[2] == '0') return false;
    if ((unsigned)(text[len - 1] - '0') != tg_damm(digits, count + 2)) return false;
    year = (uint64_t)(digits[0] - '0') * 10 + (uint64_t)(digits[1] - '0');
    sequence = 0;
    for (size_t i = 2; i < count + 2; i++)
        sequence = sequence * 10 + (uint64_t)(digits[i] - '0');
    if (sequence == 0) return false;
    *ret = (struct tg_number){(unsigned)year, (uint32_t)sequence};
    return true;
}
