/* frame: the language between tamgad and its issuing process: u32 length (of what follows,
 * big-endian), u8 type, u32 id, then fields: numbers as u32, bytes as u32 length + bytes. Every
 * request gets one answer with its id. Bounded; whoever breaks the format is not answered any more.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "merkle/merkle.h"
#include "seal/blob.h"

enum {
    /* The largest: a trust document with 16 signatures; an application has at most 210 KiB. */
    CA_FRAME_MAX = TG_MAX_TRUST + TG_SEAL_TRUST_CMS_MAX * (TG_MAX_CMS + 4) + 4096,
    CA_FRAME_HEAD = 9, /* length, type, id */
    CA_PROTOCOL = 1,   /* both ends are the same binary; this catches a wrong one */
    CA_SLOTS = 8,      /* statements that the issuer keeps at hand */
    CA_WINDOW = 64,    /* requests under way, and the most that share one fsync */
};

enum ca_frame_type {
    CA_HELLO = 'H',     /* protocol                                 -> CA_READY */
    CA_TRUST = 'T',     /* text, count, cms...                      -> CA_DONE, CA_ERROR */
    CA_RECALL = 'R',    /* text, cms                                -> CA_DONE, CA_ERROR */
    CA_STATEMENT = 'S', /* slot, text, count, cms...                -> CA_DONE, CA_ERROR */
    CA_ISSUE =
        'I', /* slot, index, leaf, proof, decision, proof, csr, cms, old -> CA_CERT, CA_ERROR */
    CA_FIND = 'F',  /* SHA-256 of an SPKI                       -> CA_CERT, CA_ERROR */
    CA_CRL = 'L',   /*                                          -> CA_CERT (the CRL), CA_ERROR */
    CA_READY = 'r', /* protocol, trust version, realm, certificate of the CA */
    CA_DONE = 'd',
    CA_CERT = 'c',  /* DER */
    CA_ERROR = 'e', /* code (positive), text */
};

/* Writing: begin, fields, end. A frame beyond the bound makes the buffer fail. */
size_t ca_frame_begin(struct tg_buf *b, enum ca_frame_type type, uint32_t id);
void ca_frame_u32(struct tg_buf *b, uint32_t value);
void ca_frame_bytes(struct tg_buf *b, const void *bytes, size_t len);
void ca_frame_end(struct tg_buf *b, size_t begin);
void ca_frame_error(struct tg_buf *b, uint32_t id, const struct tg_err *err);

/* Reading. fields: what is left to read; a short or long field sets bad and reads as nothing. */
struct ca_frame {
    uint8_t type;
    uint32_t id;
    const uint8_t *at, *end;
    bool bad;
};
/* The first frame of len bytes: 1 and *ret_used, 0 = not whole yet, -1 = not this language. */
int ca_frame_next(const uint8_t *bytes, size_t len, struct ca_frame *ret, size_t *ret_used);
uint32_t ca_frame_get_u32(struct ca_frame *f);
struct tg_blob ca_frame_get(struct ca_frame *f, size_t max);
/* Nothing was malformed and nothing is left. */
bool ca_frame_done(const struct ca_frame *f);
/* The error of a CA_ERROR frame; its code is always one of ours. */
void ca_frame_get_error(struct ca_frame *f, struct tg_err *ret);
