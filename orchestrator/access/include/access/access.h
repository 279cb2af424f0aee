/* access: may X do Y? One function over one table, for API, console and command line; deny by
 * default. Pure; any thread. The CMS of an approver is the authority over an approval, not his
 * login: this only opens the door. */
#pragma once

#include <stdbool.h>

/* name, word */
#define ACCESS_ROLES(X)                                                                            \
    X(ADMINISTRATOR, "administrator")                                                              \
    X(APPROVER, "approver")                                                                        \
    X(AUDITOR, "auditor")                                                                          \
    X(HOLDER, "holder")                                                                            \
    X(AGENT, "agent")
enum access_role {
    ACCESS_NOBODY,
#define ACCESS_X(name, word) ACCESS_##name,
    ACCESS_ROLES(ACCESS_X)
#undef ACCESS_X
        ACCESS_ROLE_END
};

/* name, word, who: one letter a role: A administrator, P approver, U auditor, H holder, G agent; a
 * small h or g: only what is his own. */
#define ACCESS_VERBS(X)                                                                            \
    X(STATUS_READ, "status.read", "APU")                                                           \
    X(EMPLOYEES_READ, "employees.read", "AU")                                                      \
    X(EMPLOYEES_IMPORT, "employees.import", "A")                                                   \
    X(CERTIFICATES_READ, "certificates.read", "APUh")                                              \
    X(CERTIFICATES_IMPORT, "certificates.import", "A")                                             \
    X(CERTIFICATES_EXPLAIN, "certificates.explain", "APUh")                                        \
    X(AGENTS_READ, "agents.read", "AU")                                                            \
    X(AGENTS_TOKEN, "agents.token", "A")                                                           \
    X(AGENTS_ACCEPT, "agents.accept", "A")                                                         \
    X(AGENTS_BAN, "agents.ban", "A")                                                               \
    X(PLAN_DRY, "plan.dry", "AU")                                                                  \
    X(PLAN_RUN, "plan.run", "A")                                                                   \
    X(APPLICATIONS_READ, "applications.read", "APUh")                                              \
    X(APPLICATIONS_CORRECT, "applications.correct", "A")                                           \
    X(APPLICATIONS_CANCEL, "applications.cancel", "A")                                             \
    X(APPLICATIONS_RETRY, "applications.retry", "A")                                               \
    X(APPLICATIONS_BUNDLE, "applications.bundle", "AUg")                                           \
    X(EVIDENCE_READ, "evidence.read", "APUh")                                                      \
    X(BATCHES_READ, "batches.read", "APU")                                                         \
    X(BATCHES_OPEN, "batches.open", "AP")                                                          \
    X(BATCHES_DECIDE, "batches.decide", "AP")                                                      \
    X(BATCHES_DISCARD, "batches.discard", "AP")                                                    \
    X(BATCHES_SESSION, "batches.session", "AP")                                                    \
    X(BATCHES_APPROVE, "batches.approve", "AP")                                                    \
    X(BATCHES_RECALL, "batches.recall", "AP")                                                      \
    X(TRUST_READ, "trust.read", "APUHG")                                                           \
    X(TRUST_PUBLISH, "trust.publish", "A")                                                         \
    X(EXCHANGE_EXPORT, "exchange.export", "A")                                                     \
    X(EXCHANGE_IMPORT, "exchange.import", "A")                                                     \
    X(AUDIT_READ, "audit.read", "AU")                                                              \
    X(AGENT_REPORT, "agent.report", "g")                                                           \
    X(AGENT_EVENTS, "agent.events", "g")                                                           \
    X(AGENT_RENEW, "agent.renew", "g")
enum access_verb {
#define ACCESS_X(name, word, who) ACCESS_##name,
    ACCESS_VERBS(ACCESS_X)
#undef ACCESS_X
        ACCESS_VERB_END
};

struct access_actor {
    enum access_role role;
    const char *id; /* holder number, agent id; "" where the role has none */
};
struct access_subject {
    const char *holder; /* whose application or certificate, NULL = nobody's or many */
    const char *agent;  /* which agent's, likewise */
};

/* subject NULL: a thing that belongs to nobody, or a list over many. */
bool access_may(const struct access_actor *actor, enum access_verb verb,
                const struct access_subject *subject);
const char *access_role_word(enum access_role role);
const char *access_verb_word(enum access_verb verb);
