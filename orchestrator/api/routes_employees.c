/* employees: the staff register. */
#include "base/limits.h"
#include "call.h"
#include "inventory/inventory.h"

static void on_imported(const struct inventory_imported *imported, const struct tg_err *err,
                        void *data)
{
    struct api_call *call = data;
    if (err && imported && imported->complaint_count) {
        struct api_complaint *list = tg_calloc(imported->complaint_count, sizeof *list);
        for (size_t i = 0; i < imported->complaint_count; i++)
            list[i] = (struct api_complaint){(int64_t)imported->complaints[i].line,
                                             imported->complaints[i].text};
        api_problems(call, err, list, imported->complaint_count);
        free(list);
        return;
    }
    if (api_failed(call, err)) return;
    struct tg_jw *w = &call->jw;
    tg_jw_begin_object(w);
    tg_jw_kint(w, "imported", imported->imported);
    tg_jw_kint(w, "added", imported->added);
    tg_jw_kint(w, "changed", imported->changed);
    tg_jw_kint(w, "linked", imported->linked);
    tg_jw_key(w, "warnings");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < imported->complaint_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kint(w, "line", (int64_t)imported->complaints[i].line);
        tg_jw_kstr(w, "text", imported->complaints[i].text);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_end(w);
    api_send(call);
}

static void import(struct api_call *call)
{
    size_t len = 0;
    const uint8_t *csv = tg_request_body(call->req, &len);
    inventory_import_holders(call->api->rooms.db, csv, len, call->who, call->now, on_imported,
                             call);
}

static void on_holders(const struct inventory_holder *rows, size_t count, int64_t next,
                       const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(&call->jw);
        inventory_print_holder(&call->jw, &rows[i]);
        tg_jw_end(&call->jw);
    }
    api_list_send(call, next);
}

static void list(struct api_call *call)
{
    int64_t after = 0, limit = 0;
    struct tg_err err = {0};
    if (api_page(call, &after, &limit, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    inventory_holders(call->api->rooms.db, after, limit, on_holders, call);
}

const struct api_route routes_employees[] = {
    {"POST", "employees", ACCESS_EMPLOYEES_IMPORT, TG_MAX_CSV, import},
    {"GET", "employees", ACCESS_EMPLOYEES_READ, 0, list},
    {NULL, NULL, 0, 0, NULL},
};
