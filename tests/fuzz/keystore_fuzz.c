/* fuzz: any bytes as a keystore file. It ends as a status with a reason, prints as JSON, and gives
 * no key by chance. */
// uses: base json x509 keystore | libs: crypto
#include "base/limits.h"
#include "keystore/keystore.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tg_secret secret = {0};
    tg_secret_set(&secret, "пароль", sizeof "пароль" - 1);
    struct tg_keystore *ks = tg_keystore_scan_bytes("fuzz", data, size, &secret, 1);
    TG_CHECK(ks->count <= TG_MAX_ENTRIES);
    TG_CHECK(ks->status != TG_KEYSTORE_UNREADABLE || *ks->reason);
    TG_CHECK(ks->kind || ks->status == TG_KEYSTORE_UNREADABLE);
    struct tg_buf out = TG_BUF(64 << 20);
    struct tg_err err;
    struct tg_jw jw;
    json_t *json = NULL;
    tg_jw_init(&jw, &out);
    tg_keystore_print_json(&jw, ks);
    TG_CHECK(tg_json_parse_object(out.data, out.len, 64 << 20, &json, &err) == 0);
    json_decref(json);
    tg_buf_done(&out);
    tg_keystore_free(ks);
    tg_secret_done(&secret);
    return 0;
}
