/* fuzz: any bytes as what comes through the pipe of the issuing process: frames within bounds,
 * fields within frames, errors that are always ours. */
// uses: base merkle seal ca
#include "../../orchestrator/ca/frame.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fields(struct ca_frame f)
{
    const uint8_t *end = f.end;
    while (!f.bad && f.at < f.end) {
        struct tg_blob field = ca_frame_get(&f, TG_MAX_CERT);
        TG_CHECK(f.bad || (field.data + field.len <= end && f.at <= end));
    }
    (void)ca_frame_get_u32(&f);
    TG_CHECK(!ca_frame_done(&f)); /* one number too many */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ca_frame f;
    size_t at = 0, used = 0;
    while (ca_frame_next(data + at, size - at, &f, &used) > 0) {
        struct tg_err err = {0};
        TG_CHECK(used >= CA_FRAME_HEAD && used <= size - at);
        read_fields(f);
        ca_frame_get_error(&f, &err);
        TG_CHECK(err.code < 0 && err.code >= TG_E_BUG);
        at += used;
    }
    return 0;
}
