/* The fleet in memory: loaded once, kept current by news, asked at every handshake; beats written
 * once a second. */
#include "fleet_in.h"

#include <string.h>

#include "base/str.h"

enum { BEAT_MS = 1000, RELOAD_MS = 200, RETRY_MS = 2000, OVERLAP_S = 120, BEATS_MOST = 20000 };

#define CHANNEL "tamga_fleet"

const char *fleet_state_word(enum fleet_state state)
{
    static const char *const words[] = {"", "pending", "active", "banned", "replaced"};
    return (size_t)state < TG_COUNT(words) ? words[state] : "";
}

int fleet_host(const char *name, char ret[FLEET_HOST], struct tg_err *err)
{
    size_t len = strlen(name);
    if (len < 1 || len >= FLEET_HOST)
        return TG_FAIL(err, TG_E_INPUT, "workstation %.70s: a name has 1 to 63 characters", name);
    for (size_t i = 0; i <= len; i++)
        ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
    if (strspn(ret, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
        return TG_FAIL(err, TG_E_INPUT,
                       "workstation %.70s: a name has letters, digits, dot and dash only", name);
    if (strcmp(ret, "import") == 0)
        return TG_FAIL(err, TG_E_INPUT, "workstation import: this name stands for imported files");
    return 0;
}

/* --- maps --- */

static uint64_t hash_of(const void *key, size_t len)
{
    uint64_t h = 0;
    memcpy(&h, key, len < sizeof h ? len : sizeof h);
    h ^= h >> 32; /* ids are dense, hashes are not: mix a little */
    return h * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

static void map_put(struct fleet_map *m, uint64_t hash, size_t index)
{
    size_t at = (size_t)hash & (m->size - 1);
    while (m->slots[at] && m->slots[at] != index + 1)
        at = (at + 1) & (m->size - 1);
    m->slots[at] = index + 1;
}

static bool has_spki(const struct fleet_entry *e, const uint8_t spki[TG_SHA256])
{
    return memcmp(e->agent.spki, spki, TG_SHA256) == 0 ||
           (e->has_previous && memcmp(e->previous, spki, TG_SHA256) == 0);
}

static void put_spkis(struct fleet *f, size_t i)
{
    map_put(&f->by_spki, hash_of(f->entries[i]->agent.spki, TG_SHA256), i);
    if (f->entries[i]->has_previous)
        map_put(&f->by_spki, hash_of(f->entries[i]->previous, TG_SHA256), i);
    f->used += 2;
}

static void maps_fit(struct fleet *f)
{
    if (f->by_spki.size > (f->used + 4) * 2) return;
    size_t size = 64;
    while (size < f->count * 8 + 16)
        size *= 2;
    free(f->by_spki.slots);
    free(f->by_id.slots);
    f->by_spki = (struct fleet_map){tg_calloc(size, sizeof(size_t)), size};
    f->by_id = (struct fleet_map){tg_calloc(size, sizeof(size_t)), size};
    f->used = 0;
    for (size_t i = 0; i < f->count; i++) {
        put_spkis(f, i);
        map_put(&f->by_id, hash_of(&f->entries[i]->agent.id, sizeof(int64_t)), i);
    }
}

const struct fleet_agent *fleet_by_spki(const struct fleet *f, const uint8_t spki[TG_SHA256])
{
    if (!f->by_spki.size) return NULL;
    size_t at = (size_t)hash_of(spki, TG_SHA256) & (f->by_spki.size - 1);
    for (; f->by_spki.slots[at]; at = (at + 1) & (f->by_spki.size - 1)) {
        const struct fleet_entry *e = f->entries[f->by_spki.slots[at] - 1];
        if (has_spki(e, spki)) return &e->agent;
    }
    return NULL;
}

/* count = there is none */
static size_t index_by_id(const struct fleet *f, int64_t id)
{
    if (!f->by_id.size) return f->count;
    size_t at = (size_t)hash_of(&id, sizeof id) & (f->by_id.size - 1);
    for (; f->by_id.slots[at]; at = (at + 1) & (f->by_id.size - 1))
        if (f->entries[f->by_id.slots[at] - 1]->agent.id == id) return f->by_id.slots[at] - 1;
    return f->count;
}

struct fleet_entry *fleet_entry_by_id(const struct fleet *f, int64_t id)
{
    size_t index = index_by_id(f, id);
    return index < f->count ? f->entries[index] : NULL;
}

const struct fleet_agent *fleet_by_id(const struct fleet *f, int64_t id)
{
    const struct fleet_entry *e = fleet_entry_by_id(f, id);
    return e ? &e->agent : NULL;
}

bool fleet_identity_over(const struct fleet_agent *agent, int64_t now)
{
    return agent->cert_not_after <= now;
}

size_t fleet_count(const struct fleet *f, enum fleet_state state)
{
    return (size_t)state < TG_COUNT(f->counts) ? f->counts[state] : 0;
}

static size_t add_entry(struct fleet *f, const struct fleet_agent *agent)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->entries = tg_realloc(f->entries, f->cap * sizeof *f->entries);
    }
    struct fleet_entry *e = TG_NEW(struct fleet_entry);
    e->agent = *agent;
    f->entries[f->count] = e;
    f->counts[agent->state]++;
    f->count++;
    maps_fit(f);
    map_put(&f->by_id, hash_of(&e->agent.id, sizeof(int64_t)), f->count - 1);
    return f->count - 1;
}

void fleet_remember(struct fleet *f, const struct fleet_agent *agent, const uint8_t *previous)
{
    size_t index = index_by_id(f, agent->id);
    bool is_new = index == f->count;
    if (is_new) index = add_entry(f, agent);
    struct fleet_entry *e = f->entries[index];
    enum fleet_state was = e->agent.state;
    bool keys_differ = is_new || !has_spki(e, agent->spki) || (previous && !has_spki(e, previous));
    f->counts[was]--;
    f->counts[agent->state]++;
    e->agent = *agent;
    if (previous) memcpy(e->previous, previous, TG_SHA256);
    e->has_previous = e->has_previous || previous;
    if (keys_differ) {
        put_spkis(f, index);
        maps_fit(f);
    }
    if (was != agent->state && f->changed) f->changed(&e->agent, f->changed_data);
}

void fleet_on_changed(struct fleet *f, fleet_changed_fn fn, void *data)
{
    f->changed = fn;
    f->changed_data = data;
}

/* --- loading --- */

static void on_closed_handle(struct fleet *f)
{
    if (--f->open_handles > 0) return;
    fleet_closed_fn closed = f->closed;
    void *data = f->closed_data;
    for (size_t i = 0; i < f->count; i++)
        free(f->entries[i]);
    free(f->entries);
    free(f->by_spki.slots);
    free(f->by_id.slots);
    free(f);
    if (closed) closed(data);
}

static void on_reload_time(struct tg_deadline *d, void *data);

static void on_loaded(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct fleet *f = data;
    f->loading = false;
    if (f->closing) {
        on_closed_handle(f);
        return;
    }
    if (err) { /* the news that come with the next connection load everything; this is the safety
                  net */
        tg_deadline_start(&f->reload, RETRY_MS, on_reload_time);
        return;
    }
    for (size_t i = 0; i < db_rows(r, 0); i++) {
        struct fleet_agent agent;
        const uint8_t *previous;
        int64_t changed = fleet_agent_at(r, 0, i, &agent, &previous);
        if (changed > f->loaded_until) f->loaded_until = changed;
        fleet_remember(f, &agent, previous);
    }
    f->ready = true;
    if (f->again) tg_deadline_start(&f->reload, RELOAD_MS, on_reload_time);
}

static void load(struct fleet *f)
{
    struct db_unit *u = db_unit_new(f->db, "fleet load");
    /* clocks of several programs differ a little, and a transaction commits after its time was
     * taken */
    int64_t since = f->everything || !f->ready ? 0 : f->loaded_until - OVERLAP_S;
    f->loading = true;
    f->again = f->everything = false;
    fleet_add_load(u, since);
    db_unit_run(u, on_loaded, f);
}

static void on_reload_time(struct tg_deadline *d, void *data)
{
    (void)d;
    struct fleet *f = data;
    if (f->loading || f->closing)
        f->again = true;
    else
        load(f);
}

void fleet_tell(struct fleet *f)
{
    db_notify(f->db, CHANNEL);
}

void fleet_reload(struct fleet *f, bool everything)
{
    f->everything = f->everything || everything;
    f->again = true;
    if (!f->loading && !f->closing && !tg_deadline_active(&f->reload))
        tg_deadline_start(&f->reload, RELOAD_MS, on_reload_time);
}

static void on_news(const char *channel, const char *payload, void *data)
{
    (void)channel;
    fleet_reload(data, *payload == '\0');
}

bool fleet_ready(const struct fleet *f)
{
    return f->ready;
}

/* --- beats --- */

void fleet_beat(struct fleet *f, int64_t agent_id, const char *version, int64_t now)
{
    struct fleet_entry *e = fleet_entry_by_id(f, agent_id);
    if (!e) return;
    e->seen = now;
    if (version)
        (void)tg_copyn(e->version, sizeof e->version, version,
                       strnlen(version, sizeof e->version - 1));
    if (e->dirty) return;
    e->dirty = true;
    f->dirty++;
}

static void on_beats_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    (void)err; /* a beat that got lost is followed by another */
    struct fleet *f = data;
    f->writing = false;
    tg_repeat_finish(&f->beats);
}

static int by_id(const void *a, const void *b)
{
    const struct fleet_entry *const *x = a, *const *y = b;
    return (*x)->agent.id < (*y)->agent.id ? -1 : (*x)->agent.id > (*y)->agent.id;
}

static void on_beat_time(struct tg_repeat *r, void *data)
{
    struct fleet *f = data;
    if (!f->dirty) {
        tg_repeat_finish(r);
        return;
    }
    TG_AUTO(mem) struct fleet_entry **due = tg_calloc(f->dirty, sizeof *due);
    size_t n = 0;
    for (size_t i = 0; i < f->count && n < f->dirty && n < BEATS_MOST; i++)
        if (f->entries[i]->dirty) due[n++] = f->entries[i];
    for (size_t i = 0; i < n; i++)
        due[i]->dirty = false;
    f->dirty -= n;
    qsort(due, n, sizeof(struct fleet_entry *), by_id);
    struct db_unit *u = db_unit_new(f->db, "fleet beats");
    fleet_add_beats(u, due, n);
    f->writing = true;
    db_unit_run(u, on_beats_written, f);
}

/* --- connections --- */

void fleet_connected(struct fleet *f, int64_t agent_id, bool connected)
{
    struct fleet_entry *e = fleet_entry_by_id(f, agent_id);
    if (!e || e->connected == connected) return;
    e->connected = connected;
    if (connected)
        f->connected++;
    else
        f->connected--;
}

size_t fleet_connected_count(const struct fleet *f)
{
    return f->connected;
}

int64_t fleet_reconnect_s(const struct fleet *f)
{
    enum { A_SECOND = 200, LEAST = 2, MOST = 600 };
    int64_t window = (int64_t)f->counts[FLEET_ACTIVE] / A_SECOND;
    return window < LEAST ? LEAST : window > MOST ? MOST : window;
}

int64_t fleet_keepalive_s(const struct fleet *f)
{
    (void)f;
    return 240; /* below the 5 minutes after which many a NAT forgets a connection */
}

/* --- life --- */

struct fleet *fleet_new(struct db *db)
{
    struct fleet *f = TG_NEW(struct fleet);
    f->db = db;
    f->open_handles = 2;
    tg_deadline_init(&f->reload, db_loop(db), f);
    tg_repeat_init(&f->beats, db_loop(db), BEAT_MS, on_beat_time, f);
    tg_repeat_start(&f->beats, BEAT_MS);
    db_listen(db, CHANNEL, on_news, f);
    load(f);
    return f;
}

static void on_reload_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    on_closed_handle(data);
}

static void on_beats_closed(struct tg_repeat *r, void *data)
{
    (void)r;
    on_closed_handle(data);
}

void fleet_close(struct fleet *f, fleet_closed_fn closed, void *data)
{
    f->closing = true;
    f->closed = closed;
    f->closed_data = data;
    f->changed = NULL;
    db_unlisten(f->db, f);
    if (f->loading) f->open_handles++;
    tg_deadline_close(&f->reload, on_reload_closed);
    if (!f->writing) tg_repeat_now(&f->beats);
    tg_repeat_close(&f->beats, on_beats_closed);
}
