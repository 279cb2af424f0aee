/* limits: every bound on input, one sentence each. A parser checks its bound before it allocates.
 */
#pragma once

enum {
    /* A certificate: the largest odd one of the samples has 58 KiB (a 32 KiB given name). */
    TG_MAX_CERT = 128 * 1024,
    /* A certificate signing request. */
    TG_MAX_CSR = 32 * 1024,
    /* One detached CMS (TRUST V3). */
    TG_MAX_CMS = 32 * 1024,
    /* A keystore file or certificate bundle that a scan opens. */
    TG_MAX_KEYSTORE = 4 * 1024 * 1024,
    /* Entries (certificates or keys) in one keystore. */
    TG_MAX_ENTRIES = 8192,
    /* Iterations of a keystore's MAC or cipher, which the file's maker chose (PKI §1). */
    TG_MAX_KDF_ITERATIONS = 10 * 1000 * 1000,
    /* Keystores in one inventory report. */
    TG_MAX_KEYSTORES = 4096,
    /* Iterations that all trials of passwords on one keystore may cost together. */
    TG_MAX_KDF_BUDGET = 50 * 1000 * 1000,
    /* Passwords that a scan tries on one keystore. */
    TG_MAX_PASSWORDS = 64,
    /* A leaf (TRUST F1). */
    TG_MAX_LEAF = 4096,
    /* Lines of a snapshot. */
    TG_MAX_BATCH = 100 * 1000,
    /* A statement (TRUST F3), a trust document, a recall. */
    TG_MAX_STATEMENT = 16 * 1024,
    TG_MAX_TRUST = 16 * 1024,
    /* A bundle (TRUST F4). */
    TG_MAX_BUNDLE = 256 * 1024,
    /* One JSON message of the agent protocol. */
    TG_MAX_MESSAGE = 4 * 1024 * 1024,
    /* An API request body: a staff register, a bulk import. */
    TG_MAX_BODY = 64 * 1024 * 1024,
    /* Depth of JSON and YAML documents. */
    TG_MAX_DEPTH = 16,
    /* Values in one JSON document: each costs about 64 bytes of memory, whatever it costs on the
       wire. */
    TG_MAX_JSON_VALUES = 4 * 1000 * 1000,
    /* A YAML file: policies or settings. */
    TG_MAX_YAML = 1024 * 1024,
    /* A staff register in CSV. */
    TG_MAX_CSV = 64 * 1024 * 1024,
    /* HTTP: all header bytes of one request, header count. */
    TG_MAX_HEADERS = 16 * 1024,
    TG_MAX_HEADER_COUNT = 64,
};
