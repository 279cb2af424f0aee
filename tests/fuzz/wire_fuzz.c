/* fuzz: any bytes as a message; what parses must print and parse again to the same bytes. */
// uses: base json wire | libs: jansson
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    if (tg_wire_parse(data, size, &m, &err) < 0) return 0;
    TG_AUTO(buf) struct tg_buf once = TG_BUF(8 * TG_MAX_MESSAGE);
    tg_wire_print(m->type, m->id, m->body, &once);
    TG_AUTO(wire) struct tg_wire_message *n = NULL;
    TG_CHECK(tg_wire_parse(once.data, once.len, &n, &err) == 0);
    TG_AUTO(buf) struct tg_buf twice = TG_BUF(8 * TG_MAX_MESSAGE);
    tg_wire_print(n->type, n->id, n->body, &twice);
    TG_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    return 0;
}
