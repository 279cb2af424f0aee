/* What checkers are given, made from a world. */
#include "base/mem.h"
#include "seal_world/seal_world.h"

static struct tg_err view_err;

static void must(int rc)
{
    if (rc == 0) return;
    (void)fprintf(stderr, "seal_world: %s\n", view_err.text);
    abort();
}

static void prove(const struct tg_merkle_tree *tree, const struct seal_app *a,
                  struct tg_merkle_proof *room)
{
    TG_CHECK(a->index >= 0);
    must(tg_merkle_tree_include(tree, (size_t)a->index, room, &view_err));
}

struct tg_leaf_place seal_world_place(struct seal_world *w, size_t i, struct tg_merkle_proof *room)
{
    prove(&w->approved, &w->apps[i], room);
    return (struct tg_leaf_place){seal_blob(&w->apps[i].line), (uint32_t)w->apps[i].index,
                                  room->path, room->count};
}

struct tg_request seal_world_request(struct seal_world *w, size_t i, struct tg_merkle_proof *room)
{
    const struct seal_app *a = &w->apps[i];
    prove(&w->evidence, a, room);
    return (struct tg_request){seal_blob(&a->decision_line), room->path, room->count,
                               seal_blob(&a->csr), seal_blob(&a->holder)};
}

struct tg_issued seal_world_issued(struct seal_world *w, size_t i)
{
    return (struct tg_issued){w->apps[i].old, w->apps[i].cert,
                              (const struct tg_cert *const *)&w->issuer.cert, 1};
}

struct tg_offline seal_world_offline(struct seal_world *w)
{
    return (struct tg_offline){seal_blob(&w->snapshot), seal_blob(&w->decisions), w->signed_,
                               w->knowledge};
}

static struct tg_blob der_of(const struct tg_cert *cert)
{
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    return TG_BLOB(der, len);
}

static void fill_bundle(struct seal_world *w, size_t i, struct tg_bundle *b)
{
    struct tg_merkle_proof proof;
    struct tg_leaf_place place = seal_world_place(w, i, &proof);
    tg_bundle_set_trust(b, w->chain);
    b->statement = seal_blob(&w->statement);
    b->cms_count = 1;
    b->cms[0] = w->cms_blob;
    b->leaf = place.line;
    b->index = place.index;
    b->proof_count = proof.count;
    memcpy(b->proof, proof.path, proof.count * sizeof proof.path[0]);
    b->certificate = der_of(w->apps[i].cert);
    b->old = der_of(w->apps[i].old);
    b->chain_count = 1;
    b->chain[0] = der_of(w->issuer.cert);
}

void seal_world_bundle(struct seal_world *w, size_t i, struct tg_buf *out)
{
    struct tg_bundle *b = TG_NEW(struct tg_bundle);
    fill_bundle(w, i, b);
    must(tg_bundle_print(b, out, &view_err));
    free(b);
}

void seal_world_evidence(struct seal_world *w, size_t i, struct tg_buf *out)
{
    struct tg_merkle_proof proof;
    struct tg_request r = seal_world_request(w, i, &proof);
    struct tg_evidence *e = TG_NEW(struct tg_evidence);
    e->bundle = TG_NEW(struct tg_bundle);
    fill_bundle(w, i, e->bundle);
    e->decision = r.decision;
    e->proof_count = r.proof_count;
    memcpy(e->proof, r.proof, r.proof_count * sizeof r.proof[0]);
    e->csr = r.csr;
    e->holder = r.holder_cms;
    must(tg_evidence_print(e, out, &view_err));
    free(e->bundle);
    free(e);
}
